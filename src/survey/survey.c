/* SPDX-License-Identifier: Apache-2.0 */
/* The NAT report: the discovery over UDP (one for each family that the server has) and a control connection
 * run side by side; what both found is put into words at the end. The control connection's own tests are the
 * TCP half (RFC 5780 carried over to TCP); without an answer over it TCP counts as blocked, as long as UDP
 * has one. */
#include <bodkin/nat.h>
#include <bodkin/session.h>

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/opts.h"
#include "nat/discover.h"
#include "nat/lifetime.h"
#include "net/drive.h"
#include "net/ending.h"
#include "net/ifaddr.h"
#include "net/resolve.h"
#include "net/udp.h"
#include "rendezvous/mailbox.h"
#include "rendezvous/target.h"
#include "router/router.h"
#include "survey/words.h"

enum { FAMILIES = 2, STUN_PORT = 3478, ADDRS_MAX = 16 };

#define STUN_PREFIX "stun:"

/* For the control connection to stand: as long as nothing is known of the way; and once UDP tells how far the
 * server is, four seconds, or what the handshakes of TCP and TLS and the hello take twice. */
#define TCP_PATIENCE_BLIND (16 * BK_SEC)
#define TCP_PATIENCE       (4 * BK_SEC)
#define TCP_ROUNDS         6
#define VIEW_PATIENCE      (1500 * BK_MS) /* for its tests, once it stands, and these round trips */
#define VIEW_ROUNDS        4

/* For the router, which is near: three times it is asked, each way. One that takes longer to say that it knows UPnP,
 * which it may, is not waited for. */
#define ROUTER_PATIENCE (800 * BK_MS)

/* One family's discovery. */
struct half {
	struct bk_nat_report *report;
	struct bk_nat_discover *engine;
	struct bk_drive *drive;
	bool is_over;
};

struct bk_nat_report {
	struct bk_loop *loop;
	struct bk_nat_report_events events;
	void *arg;
	bool is_stun, wants_lifetime, is_router_spared;
	bk_time since;
	struct bk_target target;
	struct bk_resolve *resolve;
	struct bk_addr server[FAMILIES]; /* IPv4, IPv6; family 0: it has none */
	struct half halves[FAMILIES];
	struct bk_nat_lifetime *lifetime;
	struct bk_drive *lifetime_drive;
	bool is_lifetime_over;
	struct bk_rdv_mailbox *mailbox;
	void *box; /* of it */
	bool is_rdv_ready, is_tcp_over;
	int tcp_error; /* the control connection's end, before it stood; 0: it just did not come */
	char tcp_text[BK_ENDING_TEXT_MAX];
	struct bk_timer *patience;           /* with TCP */
	struct bk_router *routers[FAMILIES]; /* NULL: not asked */
	struct bk_timer *router_patience;
	bool is_router_over;
	struct bk_ending ending;
	struct bk_nat_result result;
};

static struct bk_addr find_own6(void)
{
	struct bk_addr addrs[ADDRS_MAX];
	int n = bk_ifaddr_list(addrs, ADDRS_MAX);

	for (int i = 0; i < n; i++)
		if (addrs[i].family == 6 && !bk_addr_is_private(&addrs[i]))
			return addrs[i];
	return (struct bk_addr){0};
}

static bool take_half(const struct half *h, struct bk_nat_finding *ret_finding)
{
	if (h->engine)
		bk_nat_discover_finding(h->engine, ret_finding);
	return h->engine != NULL;
}

static bool take_router(const struct bk_router *router, struct bk_router_view *ret_view)
{
	if (router)
		bk_router_view(router, ret_view);
	return router != NULL;
}

static void put_together(struct bk_nat_report *r)
{
	struct bk_survey_facts facts = {
		.has_asked_tcp = r->box != NULL,
		.has_tcp = r->is_rdv_ready,
		.tcp_error = r->tcp_error,
		.tcp_text = r->tcp_text,
		.own6 = find_own6(),
		.elapsed = bk_loop_now(r->loop) - r->since,
	};

	(void)take_router(r->routers[0], &facts.router);
	(void)take_router(r->routers[1], &facts.router6);
	facts.has_udp4 = take_half(&r->halves[0], &facts.udp4);
	facts.has_udp6 = take_half(&r->halves[1], &facts.udp6);
	if (r->is_rdv_ready)
		bk_rdv_ops.view(r->box, &facts.view);
	if (r->lifetime) {
		facts.lifetime_min = bk_nat_lifetime_min(r->lifetime);
		facts.lifetime_max = bk_nat_lifetime_max(r->lifetime);
	}
	bk_survey_put_into_words(&facts, &r->result);
}

static void tell_end(void *arg)
{
	struct bk_nat_report *r = arg;

	if (r->ending.error) {
		r->events.on_failed(r, r->arg, r->ending.error, r->ending.text);
		return;
	}
	put_together(r);
	r->events.on_done(r, r->arg, &r->result);
}

/* --- the end of each part --- */

static bool has_udp_answer(const struct bk_nat_report *r)
{
	struct bk_nat_finding f;

	for (int i = 0; i < FAMILIES; i++) {
		if (!r->halves[i].engine)
			continue;
		bk_nat_discover_finding(r->halves[i].engine, &f);
		if (!f.is_blocked)
			return true;
	}
	return false;
}

static void consider(struct bk_nat_report *r)
{
	if (r->ending.is_set || !r->is_tcp_over || !r->is_lifetime_over || !r->is_router_over)
		return;
	for (int i = 0; i < FAMILIES; i++)
		if (!r->halves[i].is_over)
			return;
	if (!r->is_rdv_ready && !has_udp_answer(r)) {
		bk_ending_set(&r->ending, BK_E_TIMEOUT,
			"cannot reach server '%s:%u': no answer%s%s%s; is the name right, and does it run?",
			r->target.host, r->target.port,
			r->is_stun     ? " over UDP"
			: r->tcp_error ? " over UDP; over TCP: "
				       : ", neither over UDP nor TCP",
			r->tcp_error ? bk_error_text(r->tcp_error) : "",
			r->is_stun ? "" : bk_target_hint(&r->target, r->tcp_error));
		return;
	}
	bk_ending_set(&r->ending, 0, "%s", "");
}

/* UDP has told how far the server is: so long, and no longer, TCP may take. */
static void limit_tcp(struct bk_nat_report *r, const struct half *h)
{
	struct bk_nat_finding f;
	bk_dur left;

	bk_nat_discover_finding(h->engine, &f);
	if (!f.rtt || r->is_rdv_ready || r->is_tcp_over)
		return;
	left = r->since + bk_time_max(TCP_PATIENCE, TCP_ROUNDS * f.rtt + BK_SEC) - bk_loop_now(r->loop);
	bk_timer_start(r->patience, bk_time_max(0, left));
}

static void on_discovered(void *arg, const struct bk_action *a)
{
	struct half *h = arg;

	if (a->report != BK_REPORT_DONE)
		return;
	h->is_over = true;
	limit_tcp(h->report, h);
	consider(h->report);
}

static void on_lifetime(void *arg, const struct bk_action *a)
{
	struct bk_nat_report *r = arg;

	if (a->report != BK_REPORT_DONE)
		return;
	r->is_lifetime_over = true;
	consider(r);
}

static void end_tcp(struct bk_nat_report *r)
{
	bk_timer_stop(r->patience);
	r->is_tcp_over = true;
	consider(r);
}

static void on_patience_over(void *arg)
{
	end_tcp(arg);
}

/* --- the control connection --- */

static void check_view(struct bk_nat_report *r)
{
	struct bk_mailbox_view view;

	if (!r->is_rdv_ready)
		return;
	bk_rdv_ops.view(r->box, &view);
	if (!view.samples_awaited && !view.is_reach_awaited)
		end_tcp(r);
}

static void on_ready(void *arg)
{
	struct bk_nat_report *r = arg;

	struct bk_mailbox_view view;

	bk_rdv_ops.view(r->box, &view);
	r->is_rdv_ready = true;
	bk_timer_start(r->patience, VIEW_PATIENCE + VIEW_ROUNDS * view.rtt_ns);
	for (int i = 0; i < FAMILIES; i++) {
		if (!r->halves[i].engine || r->halves[i].is_over)
			continue;
		bk_nat_discover_hint(r->halves[i].engine, view.rtt_ns);
		bk_drive_poke(r->halves[i].drive);
	}
	check_view(r);
}

static void on_view(void *arg)
{
	check_view(arg);
}

/* A server that refuses us or is not who it was is not a matter of NATs. */
static bool is_about_the_way(int error)
{
	return error == BK_E_TIMEOUT || error == BK_E_REFUSED || error == BK_E_RESET ||
	       error == BK_E_UNREACHABLE || error == BK_E_EOF || error == BK_E_ACCESS || error == BK_E_IO;
}

static void on_end(void *arg, int error, const char *text)
{
	struct bk_nat_report *r = arg;

	if (!r->is_rdv_ready && !is_about_the_way(error))
		bk_ending_set(&r->ending, error ? error : BK_E_SERVER_GONE, "%s", text);
	else
		bk_log_debug("nat", "%s", text);
	r->tcp_error = error;
	snprintf(r->tcp_text, sizeof(r->tcp_text), "%s", text);
	end_tcp(r);
}

static void on_note(void *arg, int verbosity, const char *text)
{
	struct bk_nat_report *r = arg;

	if (r->events.on_note)
		r->events.on_note(r, r->arg, verbosity, text);
}

static int start_tcp(struct bk_nat_report *r, const struct bk_nat_report_opts *o)
{
	static const struct bk_mailbox_events events = {
		.on_ready = on_ready,
		.on_view = on_view,
		.on_end = on_end,
		.on_note = on_note,
	};
	const struct bk_rdv_opts opts = {.server = o->server, .token = o->token, .state_dir = o->state_dir};
	int err = bk_rdv_mailbox_new(&opts, &r->mailbox);

	bk_timer_start(r->patience, TCP_PATIENCE_BLIND);
	return err < 0 ? err : bk_rdv_ops.open(r->mailbox, r->loop, &events, r, &r->box);
}

/* --- UDP --- */

static uint64_t make_seed(void)
{
	uint64_t seed;

	randombytes_buf(&seed, sizeof(seed));
	return seed;
}

/* Our own servers have their second port beside the first unless told otherwise. */
static uint16_t second_port(const struct bk_nat_report *r)
{
	if (r->is_stun)
		return 0;
	return r->target.port == UINT16_MAX ? (uint16_t)(UINT16_MAX - 1) : (uint16_t)(r->target.port + 1);
}

static int start_half(struct bk_nat_report *r, int i)
{
	struct half *h = &r->halves[i];
	struct bk_nat_discover_opts opts = {
		.server = r->server[i],
		.alt_port = second_port(r),
		.seed = make_seed(),
	};
	int err = r->server[i].family ? bk_udp_route(&opts.server, &opts.local) : BK_E_UNREACHABLE;

	if (!err)
		err = bk_nat_discover_new(&opts, bk_loop_now(r->loop), &h->engine);
	if (!err)
		err = bk_drive_new(r->loop, h->engine, &bk_nat_discover_ops, on_discovered, h, &h->drive);
	return err;
}

static int start_lifetime(struct bk_nat_report *r)
{
	struct bk_nat_lifetime_opts opts = {.server = r->server[0], .seed = make_seed()};
	int err = r->server[0].family ? bk_udp_route(&opts.server, &opts.local) : BK_E_UNREACHABLE;

	if (!err)
		err = bk_nat_lifetime_new(&opts, bk_loop_now(r->loop), &r->lifetime);
	if (!err)
		err = bk_drive_new(
			r->loop, r->lifetime, &bk_nat_lifetime_ops, on_lifetime, r, &r->lifetime_drive);
	return err;
}

/* --- the router --- */

static void end_routers(void *arg)
{
	struct bk_nat_report *r = arg;

	r->is_router_over = true;
	consider(r);
}

static void check_routers(void *arg)
{
	struct bk_nat_report *r = arg;
	struct bk_router_view view;

	for (int i = 0; i < FAMILIES; i++)
		if (take_router(r->routers[i], &view) && !view.is_settled)
			return;
	end_routers(r);
}

/* A server on this machine tells nothing of any router. */
static void start_routers(struct bk_nat_report *r)
{
	static const uint8_t families[FAMILIES] = {4, 6};

	for (int i = 0; i < FAMILIES; i++)
		if (!r->is_router_spared && r->server[i].family && !bk_addr_is_loopback(&r->server[i]) &&
			bk_router_new(r->loop, families[i], check_routers, r, &r->routers[i]) < 0)
			r->routers[i] = NULL;
	if (r->routers[0])
		bk_router_ask_upnp(r->routers[0]);
	bk_timer_start(r->router_patience, ROUTER_PATIENCE);
	check_routers(r);
}

static void on_resolved(void *arg, int err, const struct bk_addr *addrs, size_t len)
{
	struct bk_nat_report *r = arg;

	if (err < 0) {
		bk_ending_set(&r->ending, err, "cannot resolve server '%s': %s", r->target.host,
			bk_error_text(err));
		return;
	}
	for (size_t i = 0; i < len; i++) {
		struct bk_addr *place = &r->server[addrs[i].family == 4 ? 0 : 1];

		if (!place->family)
			*place = addrs[i];
	}
	for (int i = 0; i < FAMILIES; i++)
		r->halves[i].is_over = start_half(r, i) < 0;
	if (r->wants_lifetime)
		r->is_lifetime_over = start_lifetime(r) < 0;
	start_routers(r);
	consider(r);
}

/* --- life --- */

static int read_server(struct bk_nat_report *r, const char *server)
{
	size_t n = strlen(STUN_PREFIX);
	struct bk_place written;
	int err;

	r->is_stun = !strncmp(server, STUN_PREFIX, n);
	err = bk_target_from_str(server + (r->is_stun ? n : 0), &r->target);
	if (err < 0 || (r->is_stun && r->target.has_pin))
		return BK_E_INVALID;
	if (r->is_stun && bk_place_from_str(server + n, strlen(server + n), 0, &written) < 0)
		r->target.port = STUN_PORT;
	return 0;
}

static int start(struct bk_nat_report *r, const struct bk_nat_report_opts *opts)
{
	int err = opts->server ? read_server(r, opts->server) : BK_E_INVALID;

	r->wants_lifetime = opts->wants_lifetime;
	r->is_router_spared = opts->without & BK_WITHOUT_PORT_MAPPING;
	r->is_lifetime_over = !opts->wants_lifetime;
	r->is_tcp_over = r->is_stun;
	if (!err)
		err = bk_timer_new(r->loop, on_patience_over, r, &r->patience);
	if (!err)
		err = bk_timer_new(r->loop, end_routers, r, &r->router_patience);
	if (!err)
		err = bk_resolve_new(r->loop, r->target.host, r->target.port, on_resolved, r, &r->resolve);
	if (!err && !r->is_stun)
		err = start_tcp(r, opts);
	return err;
}

int bk_nat_report_new(struct bk_loop *loop, const struct bk_nat_report_opts *opts,
	const struct bk_nat_report_events *events, void *arg, struct bk_nat_report **ret_report)
{
	struct bk_nat_report *r = sodium_init() < 0 ? NULL : calloc(1, sizeof(*r));
	struct bk_nat_report_opts o;
	int err;

	if (!r)
		return BK_E_NOMEM;
	r->loop = loop;
	r->arg = arg;
	r->since = bk_loop_now(loop);
	bk_ending_init(&r->ending, loop, tell_end, r);
	for (int i = 0; i < FAMILIES; i++)
		r->halves[i].report = r;
	err = bk_opts_read(&o, opts, wants_lifetime);
	if (!err)
		err = bk_opts_read(&r->events, events, on_note);
	if (!err && (!r->events.on_done || !r->events.on_failed))
		err = BK_E_INVALID;
	if (!err)
		err = start(r, &o);
	if (err < 0) {
		bk_nat_report_free(r);
		return err;
	}
	*ret_report = r;
	return 0;
}

void bk_nat_report_free(struct bk_nat_report *r)
{
	if (!r)
		return;
	bk_resolve_free(r->resolve);
	if (r->box)
		bk_rdv_ops.close(r->box);
	bk_rdv_mailbox_free(r->mailbox);
	for (int i = 0; i < FAMILIES; i++) {
		bk_router_free(r->routers[i]);
		bk_drive_free(r->halves[i].drive);
		bk_nat_discover_free(r->halves[i].engine);
	}
	bk_drive_free(r->lifetime_drive);
	bk_nat_lifetime_free(r->lifetime);
	bk_timer_free(r->patience);
	bk_timer_free(r->router_patience);
	bk_ending_done(&r->ending);
	free(r);
}

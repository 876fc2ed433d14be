/* SPDX-License-Identifier: Apache-2.0 */
/* The race. Everything that connects is a contender with a TLS handshake of its own; a contender that is a
 * stranger, a leftover or a liar fails that handshake and is forgotten. The relay runs beside from the
 * beginning and is held in reserve, secured, so that falling back to it costs nothing. */
#include "path/race.h"

#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "link/tls.h"
#include "net/sock.h"
#include "path/contender.h"

enum {
	CONTENDERS_MAX = 32,
	HOLDS_MAX = 6,      /* two losses in a row of the handshake fit in */
	STRANGERS_MAX = 16, /* of them, who came to a listener by themselves: they cannot take all places */
	NOTE_MAX = 512,
};

#define RELAY_HANDSHAKE_TIMEOUT (30 * BK_SEC)
#define PREFER_PATIENCE         (5 * BK_MS)
#define HOLD_MARGIN             (25 * BK_MS)
#define PATH_RTT_MAX            (500 * BK_MS) /* a longer one is not waited for */
#define AFTER_BUDGET            (10 * BK_SEC) /* for the relay, when all else is over */

void bk_race_note(struct bk_race *r, int verbosity, const char *fmt, ...)
{
	char text[NOTE_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (r->events->on_note)
		r->events->on_note(r->arg, verbosity, text);
}

static bool is_relay(const struct bk_contender *c)
{
	return c->result.technique == BK_TECHNIQUE_RELAY;
}

bool bk_contender_is_udp(const struct bk_contender *c)
{
	return c->result.transport == BK_TRANSPORT_UDP;
}

void bk_contender_forget(struct bk_contender *c)
{
	bk_list_remove(&c->link_in_race);
	c->race->contenders_len--;
	bk_link_free(c->link);
	free(c);
}

static void end(struct bk_race *r)
{
	r->over = true;
	r->events->on_over(r->arg);
}

static void lose(struct bk_race *r, int error)
{
	if (r->over)
		return;
	r->over = true;
	r->events->on_lost(r->arg, error);
}

static void ignore_data(void *arg, const uint8_t *data, size_t n)
{
	(void)arg;
	(void)data;
	(void)n;
}

static void ignore_end(void *arg, int error, const char *text)
{
	(void)arg;
	(void)error;
	(void)text;
}

/* Of a link that nobody took: the rest of a read may still come out of it. */
static const struct bk_link_events nobody = {.on_data = ignore_data, .on_end = ignore_end};

/* Hands the link over. The relay does not end the race while a direct path may come. */
static void win(struct bk_contender *c)
{
	struct bk_race *r = c->race;
	struct bk_link *link = c->link;
	struct bk_race_result result = c->result;

	result.is_last = !is_relay(c) || (r->tcp_is_over && r->udp_is_over && r->contenders_len == 1);
	r->relay_taken = is_relay(c);
	r->over = result.is_last;
	c->link = NULL;
	bk_contender_forget(c);
	bk_link_set_events(link, &nobody, NULL);
	r->events->on_won(r->arg, link, &result);
}

static void nominate(struct bk_contender *c)
{
	const struct bk_sframe f = {.type = BK_SFRAME_NOMINATE};
	uint8_t bytes[BK_SFRAME_HEADER_LEN];

	bk_sframe_encode(&f, bytes);
	if (bk_link_write(c->link, &(struct iovec){bytes, sizeof(bytes)}, 1, true) == 0)
		win(c);
}

static struct bk_contender *find_relay(struct bk_race *r)
{
	bk_list_each(it, tmp, &r->contenders)
	{
		struct bk_contender *c = bk_container_of(it, struct bk_contender, link_in_race);
		if (is_relay(c))
			return c;
	}
	return NULL;
}

/* Who came to one of our own listeners and has proved nothing yet. */
static size_t count_strangers(struct bk_race *r)
{
	size_t n = 0;

	bk_list_each(it, tmp, &r->contenders)
	{
		struct bk_contender *c = bk_container_of(it, struct bk_contender, link_in_race);
		n += !c->id && !is_relay(c) && !c->is_secure;
	}
	return n;
}

struct bk_contender *bk_race_find_udp(struct bk_race *r)
{
	bk_list_each(it, tmp, &r->contenders)
	{
		struct bk_contender *c = bk_container_of(it, struct bk_contender, link_in_race);
		if (bk_contender_is_udp(c))
			return c;
	}
	return NULL;
}

/* The path between the two is seldom longer than the way over the server. */
static bk_dur path_rtt(const struct bk_race *r)
{
	return bk_time_min(r->opts.own->server_rtt + r->opts.peer->server_rtt, PATH_RTT_MAX);
}

static bool has_direct(struct bk_race *r)
{
	return r->contenders_len > (find_relay(r) ? 1 : 0);
}

/* Something ended or is due: is there still hope, and is it the relay's turn? */
void bk_race_reconsider(struct bk_race *r)
{
	struct bk_contender *relay = find_relay(r);
	bool direct_is_over = r->tcp_is_over && r->udp_is_over, spare = r->opts.relay_is_spare;

	if (r->over)
		return;
	if (r->opts.is_controlling && relay && relay->is_secure && !spare &&
		(direct_is_over || r->may_relay)) {
		nominate(relay);
	} else if (direct_is_over && !has_direct(r)) {
		if (r->relay_taken)
			end(r);
		else if (!r->opts.use_relay || r->relay_failed || spare)
			lose(r, BK_E_NO_PATH);
	}
}

/* A handshake that is under way over a direct path is waited for, within limits. */
static void on_hold(void *arg)
{
	struct bk_race *r = arg;

	if (has_direct(r) && r->holds++ < HOLDS_MAX) {
		bk_timer_start(r->hold, path_rtt(r) + HOLD_MARGIN);
		return;
	}
	r->may_relay = true;
	bk_race_reconsider(r);
}

/* On the local network TCP costs half the processor time of QUIC: when it is about to be secure too, it gets
 * a moment. */
static bool should_wait_for_tcp(const struct bk_contender *udp)
{
	if (!bk_contender_is_udp(udp) || udp->result.technique != BK_TECHNIQUE_LAN)
		return false;
	bk_list_each(it, tmp, &udp->race->contenders)
	{
		struct bk_contender *c = bk_container_of(it, struct bk_contender, link_in_race);
		if (c->result.transport == BK_TRANSPORT_TCP && c->result.technique == BK_TECHNIQUE_LAN)
			return true;
	}
	return false;
}

static void on_prefer(void *arg)
{
	struct bk_race *r = arg;
	struct bk_contender *udp = bk_race_find_udp(r);

	if (udp && udp->is_secure && !r->over)
		nominate(udp);
}

static void on_secure(void *arg)
{
	struct bk_contender *c = arg;
	struct bk_race *r = c->race;
	char name[BK_ADDR_STR_MAX];

	c->is_secure = true;
	bk_race_note(r, 2, "secure: %s %s", bk_technique_name(c->result.technique),
		bk_addr_to_str(&c->result.remote, name));
	if (!r->opts.is_controlling || r->over)
		return;
	if (is_relay(c))
		bk_race_reconsider(r);
	else if (should_wait_for_tcp(c))
		bk_timer_start(r->prefer, PREFER_PATIENCE);
	else
		nominate(c);
}

static void on_data(void *arg, const uint8_t *data, size_t n)
{
	struct bk_contender *c = arg;
	struct bk_link *link = c->link;
	size_t take = BK_SFRAME_HEADER_LEN - c->head_len;
	struct bk_sframe f;

	take = take < n ? take : n;
	memcpy(c->head + c->head_len, data, take);
	c->head_len += take;
	if (c->head_len < BK_SFRAME_HEADER_LEN || c->race->over)
		return;
	if (c->race->opts.is_controlling || bk_sframe_decode(c->head, c->head_len, &f) < 0 ||
		f.type != BK_SFRAME_NOMINATE || f.length) {
		bk_log_warn("race", "a peer that speaks before it is its turn");
		bk_link_close(link);
		return;
	}
	win(c);
	if (n > take)
		link->events->on_data(link->arg, data + take, n - take);
}

static void on_contender_end(void *arg, int error, const char *text)
{
	struct bk_contender *c = arg;
	struct bk_race *r = c->race;
	char name[BK_ADDR_STR_MAX];
	uint32_t id = c->id;

	bk_race_note(r, 2, "not usable: %s %s: %s", bk_technique_name(c->result.technique),
		bk_addr_to_str(&c->result.remote, name), error == BK_E_TLS ? text : bk_error_text(error));
	if (is_relay(c))
		r->relay_failed = true;
	else if (bk_contender_is_udp(c))
		r->udp_is_over = true;
	bk_contender_forget(c);
	if (id && r->engine) {
		bk_punch_tcp_verdict(r->engine, id, false, bk_loop_now(r->opts.loop));
		bk_drive_poke(r->drive);
	}
	bk_race_reconsider(r);
}

const struct bk_link_events bk_contender_events = {
	.on_secure = on_secure,
	.on_data = on_data,
	.on_end = on_contender_end,
};

/* A connected socket enters the race; it is closed here when it cannot. */
static int enter(struct bk_race *r, int fd, uint32_t id, enum bk_technique technique)
{
	struct bk_link_tls_opts opts = {
		.is_server = !r->opts.is_controlling,
		.identity = r->opts.identity,
		.peer_pin = r->peer_pin,
		.handshake_timeout_ns = DIRECT_HANDSHAKE_TIMEOUT,
	};
	struct bk_preface preface = {.kind = BK_PREFACE_RELAY, .side = r->opts.is_controlling ? 1 : 0};
	uint8_t preface_bytes[BK_PREFACE_LEN];
	struct bk_contender *c = r->contenders_len < CONTENDERS_MAX ? calloc(1, sizeof(*c)) : NULL;
	int err = c ? 0 : BK_E_FULL;

	if (!err) {
		c->race = r;
		c->id = id;
		c->result.technique = technique;
		bk_sock_local(fd, &c->result.local);
		err = bk_sock_peer(fd, &c->result.remote);
	}
	if (!err && technique == BK_TECHNIQUE_RELAY) {
		memcpy(preface.secret, r->opts.relay_token, sizeof(preface.secret));
		bk_preface_encode(&preface, preface_bytes);
		opts.preface = preface_bytes;
		opts.preface_len = sizeof(preface_bytes);
		opts.handshake_timeout_ns = RELAY_HANDSHAKE_TIMEOUT;
	}
	if (!err)
		err = bk_link_tls_new(r->opts.loop, fd, &opts, &bk_contender_events, c, &c->link);
	if (err < 0) {
		bk_sock_abort(fd);
		free(c);
		return err;
	}
	bk_list_append(&r->contenders, &c->link_in_race);
	r->contenders_len++;
	return 0;
}

static enum bk_technique technique_of(const struct bk_race *r, const struct bk_action *a)
{
	if (a->report >= 0 && (size_t)a->report < r->plan.attempts_len)
		return r->plan.attempts[a->report].technique;
	return a->remote.family == 6 ? BK_TECHNIQUE_IPV6 : BK_TECHNIQUE_PUNCH;
}

static void note_stats(struct bk_race *r)
{
	for (size_t i = 0; i < r->plan.attempts_len; i++) {
		struct bk_attempt_stats s;
		char line[BK_PLAN_TEXT_MAX];

		bk_punch_tcp_stats(r->engine, i, &s);
		bk_race_note(r, 2,
			"saw: %s: %u tries, %u refused, %u reset, %u unanswered, %u unreachable, %u other, "
			"%u connected",
			bk_plan_attempt_to_str(&r->plan, i, line), s.tries, s.refused, s.reset, s.timed_out,
			s.unreachable, s.other, s.connected);
	}
}

static void on_report(void *arg, const struct bk_action *a)
{
	struct bk_race *r = arg;
	char name[BK_ADDR_STR_MAX];
	int fd;

	if (a->report == BK_REPORT_DONE) {
		r->tcp_is_over = true;
		note_stats(r);
		bk_race_reconsider(r);
		return;
	}
	fd = bk_drive_take(r->drive, a->id);
	if (fd < 0)
		return;
	bk_race_note(r, 2, "%s %s", a->report == BK_REPORT_ACCEPTED ? "accepted" : "connected to",
		bk_addr_to_str(&a->remote, name));
	if (enter(r, fd, a->id, technique_of(r, a)) < 0)
		bk_punch_tcp_verdict(r->engine, a->id, false, bk_loop_now(r->opts.loop));
}

static void on_listener(void *arg, int fd, int events)
{
	struct bk_race *r = arg;
	struct bk_addr from;
	int conn;

	(void)events;
	if (bk_sock_accept(fd, &from, &conn) < 0)
		return;
	if (r->over || count_strangers(r) >= STRANGERS_MAX) {
		bk_sock_abort(conn);
		return;
	}
	enter(r, conn, 0,
		from.family == 6 && !bk_addr_is_private(&from) ? BK_TECHNIQUE_IPV6 : BK_TECHNIQUE_LAN);
}

static void stop_relay_connect(struct bk_race *r)
{
	bk_watch_free(r->relay_watch);
	r->relay_watch = NULL;
	if (r->relay_fd >= 0)
		bk_sock_abort(r->relay_fd);
	r->relay_fd = -1;
}

static void on_relay_connected(void *arg, int fd, int events)
{
	struct bk_race *r = arg;
	int err = bk_sock_error(fd);

	(void)events;
	r->relay_fd = err < 0 ? fd : -1;
	stop_relay_connect(r);
	if (!err)
		err = enter(r, fd, 0, BK_TECHNIQUE_RELAY);
	if (err < 0) {
		r->relay_failed = true;
		bk_race_note(r, 1, "relay: cannot reach the server: %s", bk_error_text(err));
		bk_race_reconsider(r);
	}
}

static int start_relay(struct bk_race *r)
{
	int err = bk_sock_connect(NULL, &r->opts.relay, &r->relay_fd);

	if (!err)
		err = bk_watch_new(r->opts.loop, r->relay_fd, on_relay_connected, r, &r->relay_watch);
	if (!err)
		err = bk_watch_set(r->relay_watch, BK_WRITABLE);
	if (err < 0) {
		r->relay_failed = true;
		bk_race_note(r, 1, "relay: %s", bk_error_text(err));
	}
	return 0;
}

static int start_engine(struct bk_race *r)
{
	const struct bk_punch_tcp_opts opts = {
		.plan = r->plan,
		.shared = r->opts.shared,
		.shared6 = r->opts.shared6,
		.start = r->opts.start,
		.seed = ((uint64_t)randombytes_random() << 32) | randombytes_random(),
	};
	int err = bk_punch_tcp_new(&opts, bk_loop_now(r->opts.loop), &r->engine);

	if (err < 0)
		return err;
	return bk_drive_new(r->opts.loop, r->engine, &bk_punch_tcp_ops, on_report, r, &r->drive);
}

static int start_listeners(struct bk_race *r)
{
	int err = 0;

	for (int i = 0; i < BK_RACE_LISTENERS && !err; i++) {
		if (r->opts.listeners[i] < 0)
			continue;
		err = bk_watch_new(r->opts.loop, r->opts.listeners[i], on_listener, r, &r->listen_watches[i]);
		if (!err)
			err = bk_watch_set(r->listen_watches[i], BK_READABLE);
	}
	return err;
}

static void on_deadline(void *arg)
{
	struct bk_race *r = arg;

	if (!r->over && r->relay_taken)
		end(r);
	else
		lose(r, BK_E_NO_PATH);
}

/* How long a direct path has the first claim: from the agreed instant a round trip and a half to open it, one
 * to secure it, and some. */
static bk_dur hold_time(const struct bk_race *r)
{
	bk_dur until_start = r->opts.start - bk_loop_now(r->opts.loop);

	if (!r->plan.punch_possible && r->udp_is_over)
		return 0;
	return bk_time_max(until_start, 0) + 3 * path_rtt(r) + HOLD_MARGIN;
}

static void note_plan(struct bk_race *r)
{
	char line[BK_PLAN_TEXT_MAX];

	bk_race_note(r, 1, "plan: %s", r->plan.why);
	for (size_t i = 0; i < r->plan.attempts_len; i++)
		bk_race_note(r, 1, "plan: %s", bk_plan_attempt_to_str(&r->plan, i, line));
	if (r->opts.use_relay)
		bk_race_note(r, 1, "plan: relay over the server, prepared beside");
}

int bk_race_new(const struct bk_race_opts *opts, const struct bk_race_events *events, void *arg,
	struct bk_race **ret_race)
{
	struct bk_race *r = calloc(1, sizeof(*r));
	bk_dur until_start;
	int err;

	if (!r)
		return BK_E_NOMEM;
	r->opts = *opts;
	r->plan = *opts->plan;
	r->plan.budget += opts->delay;
	r->events = events;
	r->arg = arg;
	r->relay_fd = -1;
	memcpy(r->peer_pin.bytes, opts->peer->pin, sizeof(r->peer_pin.bytes));
	bk_list_init(&r->contenders);
	note_plan(r);
	err = bk_timer_new(opts->loop, on_deadline, r, &r->deadline);
	if (!err)
		err = bk_timer_new(opts->loop, on_hold, r, &r->hold);
	if (!err)
		err = bk_timer_new(opts->loop, on_prefer, r, &r->prefer);
	if (!err)
		err = start_engine(r);
	if (!err)
		err = bk_race_start_udp(r);
	if (!err)
		err = start_listeners(r);
	if (!err && opts->use_relay)
		err = start_relay(r);
	if (err < 0) {
		for (int i = 0; i < BK_RACE_LISTENERS; i++)
			r->opts.listeners[i] = -1; /* still the caller's */
		bk_race_free(r);
		return err;
	}
	until_start = opts->start - bk_loop_now(opts->loop);
	bk_timer_start(r->deadline, (until_start > 0 ? until_start : 0) + r->plan.budget + AFTER_BUDGET);
	bk_timer_start(r->hold, hold_time(r));
	*ret_race = r;
	return 0;
}

bool bk_race_need_relay(struct bk_race *r)
{
	if (r->over || (!find_relay(r) && !r->relay_watch))
		return false;
	r->opts.relay_is_spare = false;
	r->holds = HOLDS_MAX;
	bk_timer_start(r->hold, 0);
	return true;
}

bool bk_race_is_close(const struct bk_race *r)
{
	bk_list_each(it, tmp, &r->contenders)
	{
		if (bk_container_of(it, struct bk_contender, link_in_race)->is_secure)
			return true;
	}
	return false;
}

void bk_race_free(struct bk_race *r)
{
	if (!r)
		return;
	bk_drive_free(r->drive);
	bk_punch_tcp_free(r->engine);
	bk_race_stop_udp(r);
	stop_relay_connect(r);
	for (int i = 0; i < BK_RACE_LISTENERS; i++) {
		bk_watch_free(r->listen_watches[i]);
		if (r->opts.listeners[i] >= 0)
			close(r->opts.listeners[i]);
	}
	bk_list_each(it, tmp, &r->contenders)
		bk_contender_forget(bk_container_of(it, struct bk_contender, link_in_race));
	bk_timer_free(r->deadline);
	bk_timer_free(r->hold);
	bk_timer_free(r->prefer);
	free(r);
}

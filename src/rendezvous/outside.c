/* SPDX-License-Identifier: Apache-2.0 */
#include "rendezvous/outside.h"

#include <sodium.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/log.h"
#include "base/time.h"

#define REACH_TIME (600 * BK_MS) /* and a little more */
#define PATIENCE   (2 * BK_SEC)  /* of a probe */
#define HANDSHAKES (8 * BK_SEC)  /* and of one that leaves ahead of the control connection's own */

static void on_probe_failed(void *arg, struct bk_mapping_probe *p)
{
	struct bk_outside *o = arg;

	if (!p->is_awaited)
		return;
	p->is_awaited = false;
	bk_assert(o->view->samples_awaited > 0);
	o->view->samples_awaited--;
	o->on_view(o->arg);
}

static void announce(struct bk_outside *o, const struct bk_mapping_probe *p)
{
	bk_announcer_say(&o->announcer, p, bk_loop_now(o->loop));
}

static void start_probe(struct bk_outside *o, size_t slot, const struct bk_addr *local,
	const struct bk_addr *server, bk_dur patience)
{
	struct bk_mapping_probe *p = &o->probes[slot];
	char name[BK_ADDR_STR_MAX];
	int err;

	*p = (struct bk_mapping_probe){
		.server = *server, .on_failed = on_probe_failed, .arg = o, .patience = patience};
	randombytes_buf(p->nonce, sizeof(p->nonce));
	err = bk_mapping_probe_start(p, o->loop, local);
	p->is_awaited = !err;
	o->view->samples_awaited += !err;
	if (err < 0)
		bk_log_debug("rdv", "probe of %s: %s", bk_addr_to_str(server, name), bk_error_text(err));
}

static void probe(struct bk_outside *o, size_t slot, const struct bk_addr *server)
{
	start_probe(o, slot, &o->view->local, server, PATIENCE);
	if (o->probes[slot].is_awaited)
		announce(o, &o->probes[slot]);
}

static void stop_probe(struct bk_outside *o, struct bk_mapping_probe *p)
{
	bk_mapping_probe_stop(p);
	o->view->samples_awaited -= p->is_awaited;
	p->is_awaited = false;
}

/* It was sent to or from where the server is not. */
static void drop_early(struct bk_outside *o)
{
	stop_probe(o, &o->probes[0]);
	o->is_early = false;
}

static void start_reach(struct bk_outside *o)
{
	struct bk_rdv_msg m = {.type = BK_RDV_CLIENT_REACH};

	if (o->reach || bk_reach_new(o->loop, &o->view->local, &o->reach) < 0)
		return;
	randombytes_buf(o->reach_nonce, sizeof(o->reach_nonce));
	memcpy(m.nonce, o->reach_nonce, sizeof(m.nonce));
	o->view->is_reach_awaited = bk_control_send(o->control, &m) == 0;
}

static void stop_reach(struct bk_outside *o)
{
	bk_reach_free(o->reach);
	o->reach = NULL;
	o->view->is_reach_awaited = false;
}

void bk_outside_close(struct bk_outside *o)
{
	stop_reach(o);
	for (size_t i = 0; i < BK_OUTSIDE_PROBES_MAX; i++)
		stop_probe(o, &o->probes[i]);
	bk_flows_close(&o->flows);
	o->is_early = false;
}

/* Not before the reach test is over: a filter that goes by address lets the second address in once the port
 * has spoken to it, and would pass for one that lets everybody in. */
static void probe_second_address(struct bk_outside *o)
{
	struct bk_addr other = bk_addr_with_port(o->alt, o->alt_port);

	if (!o->alt.family || o->flows.has_begun) /* which tell more, and the server has no room for all */
		return;
	probe(o, 1, &o->alt);
	probe(o, 2, &other);
}

static void add_stun(struct bk_mailbox_view *v, struct bk_addr at)
{
	bk_assert((size_t)v->stun_len < sizeof(v->stun) / sizeof(v->stun[0]));
	v->stun[v->stun_len++] = at;
}

/* The one that a server has unless told otherwise. */
static struct bk_addr beside(const struct bk_addr *server)
{
	return bk_addr_with_port(*server, server->port == UINT16_MAX ? UINT16_MAX - 1 : server->port + 1);
}

void bk_outside_begin(struct bk_outside *o, const struct bk_addr *local, const struct bk_addr *server)
{
	struct bk_addr other = beside(server);

	if (server->family != 4)
		return;
	o->local = *local;
	o->server = *server;
	o->flows = (struct bk_flows){.loop = o->loop,
		.view = o->view,
		.on_view = o->on_view,
		.arg = o->arg,
		.announcer = &o->announcer};
	o->view->stun_len = 0;
	add_stun(o->view, *server);
	add_stun(o->view, other);
	start_probe(o, 0, local, &other, HANDSHAKES);
	o->is_early = o->probes[0].is_awaited;
}

void bk_outside_announce(struct bk_outside *o, struct bk_control *control)
{
	struct bk_addr server = bk_control_server(control), other = beside(&server);

	o->control = o->announcer.control = control;
	if (o->is_early &&
		(!bk_addr_equal(&o->probes[0].server, &other) || !bk_addr_equal(&o->local, &o->view->local)))
		drop_early(o);
	o->local = o->view->local;
	o->server = server;
	if (server.family != 4)
		return;
	if (o->is_early)
		announce(o, &o->probes[0]);
	bk_flows_announce(&o->flows, &o->local, &o->server);
	start_reach(o);
}

void bk_outside_probe_flows(struct bk_outside *o, bool is_latest)
{
	if (o->flows.loop && bk_addr_is_inside(&o->local))
		bk_flows_begin(&o->flows, &o->local, &o->server, is_latest);
}

/* What is announced by a connection that is gone is nobody's. */
void bk_outside_leave(struct bk_outside *o)
{
	bk_outside_close(o);
	o->control = o->announcer.control = NULL;
	o->flows.loop = NULL;
}

void bk_outside_learn(struct bk_outside *o, struct bk_control *control, const struct bk_rdv_msg *hello)
{
	struct bk_mailbox_view *v = o->view;
	struct bk_addr server = bk_control_server(control);
	struct bk_addr other = bk_addr_with_port(server, hello->alt_port), alt;

	v->samples[0].server = server;
	if (bk_addr_from_ip(hello->public_ip, hello->public_port, &v->samples[0].mapped) == 0)
		v->samples_len = 1;
	if (server.family != 4)
		return;
	v->stun_len = 0;
	add_stun(v, server);
	if (o->is_early && !bk_addr_equal(&o->probes[0].server, &other))
		drop_early(o);
	if (!hello->alt_port)
		return;
	o->alt_port = hello->alt_port;
	add_stun(v, other);
	if (!o->is_early)
		probe(o, 0, &other);
	if (*hello->alt_ip && bk_addr_from_ip(hello->alt_ip, server.port, &alt) == 0 && alt.family == 4 &&
		bk_addr_may_be_of(&alt, &server)) {
		o->alt = alt;
		add_stun(v, alt);
	}
	if (!v->is_reach_awaited)
		probe_second_address(o);
}

void bk_outside_mapped(struct bk_outside *o, const struct bk_rdv_msg *m)
{
	struct bk_mailbox_view *v = o->view;

	if (bk_flows_mapped(&o->flows, m)) {
		o->on_view(o->arg);
		return;
	}
	for (size_t i = 0; i < BK_OUTSIDE_PROBES_MAX; i++) {
		struct bk_mapping_probe *p = &o->probes[i];
		struct bk_mailbox_sample *s = &v->samples[v->samples_len];

		if (!p->is_awaited || memcmp(p->nonce, m->nonce, sizeof(p->nonce)) != 0)
			continue;
		p->is_awaited = false;
		v->samples_awaited--;
		s->server = p->server;
		if (v->samples_len < BK_MAILBOX_SAMPLES_MAX &&
			bk_addr_from_ip(m->public_ip, m->public_port, &s->mapped) == 0)
			v->samples_len++;
	}
	o->on_view(o->arg);
}

static enum bk_mailbox_reach reach_from_str(const char *s)
{
	if (!strcmp(s, "yes"))
		return BK_MAILBOX_REACH_YES;
	return strcmp(s, "no") ? BK_MAILBOX_REACH_UNTESTED : BK_MAILBOX_REACH_NO;
}

/* The server waits for our SYN-ACK no longer than REACH_TIME: from further away its "no" says nothing. */
static enum bk_mailbox_reach reach_of(const struct bk_outside *o, const char *s)
{
	enum bk_mailbox_reach reach = reach_from_str(s);

	return reach == BK_MAILBOX_REACH_NO && o->view->rtt_ns > REACH_TIME ? BK_MAILBOX_REACH_UNTESTED
									    : reach;
}

void bk_outside_reached(struct bk_outside *o, const struct bk_rdv_msg *m)
{
	if (!o->reach || memcmp(m->nonce, o->reach_nonce, sizeof(m->nonce)) != 0)
		return;
	o->view->same_address = reach_of(o, m->same_address);
	o->view->other_address = reach_of(o, m->other_address);
	stop_reach(o);
	probe_second_address(o);
	o->on_view(o->arg);
}

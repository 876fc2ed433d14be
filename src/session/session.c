/* SPDX-License-Identifier: Apache-2.0 */
/* One peer, from the code to the end. The session is a line of states; each arrival from below (server,
 * mail, race, link) either moves it on or ends it with one sentence. Work is left to its rooms: pairing,
 * race, mux. */
#include <bodkin/session.h>

#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/time.h"
#include "nat/profile.h"
#include "punch/plan.h"
#include "session/carrier.h"
#include "session/meet.h"
#include "session/mux.h"
#include "session/race.h"

enum { TEXT_MAX = 512 };

#define CLOSE_TIMEOUT (2 * BK_SEC)
#define LOST_PATIENCE (15 * BK_SEC) /* for another path */

enum state { MEETING, PUNCHING, OPEN, CLOSING, CLOSED };

static const char *const state_names[] = {"meeting", "punching", "open", "closing", "closed"};

struct bk_session {
	struct bk_loop *loop;
	const struct bk_session_events *events;
	void *arg;
	enum state state;
	bool is_joining; /* by code: TLS client and controlling side */
	enum bk_path_choice path;
	enum bk_transport_choice transport;
	bk_time born;
	struct bk_identity *identity;
	struct bk_meet *meet;
	const struct bk_meeting *met; /* its result; NULL until then */
	struct bk_plan plan;
	struct bk_race *race;
	struct bk_carrier *carrier; /* everything below the mux, once there is a path */
	struct bk_mux *mux;
	bool is_lost;              /* the path is gone and another one is awaited */
	struct bk_timer *deadline; /* of closing */
	struct bk_timer *ender;    /* reports the end from the loop */
	int end_error;
	char end_text[TEXT_MAX];
};

static void set_state(struct bk_session *s, enum state next)
{
	bk_log_debug("session", "%s -> %s", state_names[s->state], state_names[next]);
	s->state = next;
}

/* The end, with one sentence; the first one counts. on_closed comes from the loop. */
static void finish(struct bk_session *s, int error, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void finish(struct bk_session *s, int error, const char *fmt, ...)
{
	char text[TEXT_MAX]; /* the arguments may stand in end_text */
	va_list args;

	if (s->state == CLOSED)
		return;
	set_state(s, CLOSED);
	s->end_error = error;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	memcpy(s->end_text, text, sizeof(text));
	bk_timer_stop(s->deadline);
	bk_timer_start(s->ender, 0);
}

static void on_ender(void *arg)
{
	struct bk_session *s = arg;

	bk_race_free(s->race);
	s->race = NULL;
	if (s->mux)
		bk_mux_detach(s->mux, s->end_error ? s->end_error : BK_E_EOF);
	bk_carrier_free(s->carrier);
	s->carrier = NULL;
	bk_meet_free(s->meet);
	s->meet = NULL;
	s->met = NULL;
	s->events->on_closed(s->arg, s->end_error, s->end_text);
}

static void note(void *arg, int verbosity, const char *text)
{
	struct bk_session *s = arg;

	bk_log_debug("session", "%s", text);
	if (s->events->on_note)
		s->events->on_note(s->arg, verbosity, text);
}

static const char *peer_name(const struct bk_session *s)
{
	return s->met && *s->met->peer.name ? s->met->peer.name : "the other side";
}

/* ---- the open session ---- */

static void on_link_data(void *arg, const uint8_t *data, size_t n)
{
	struct bk_session *s = arg;
	int err;

	if (s->state != OPEN && s->state != CLOSING)
		return;
	err = bk_mux_input(s->mux, data, n);
	if (err < 0)
		finish(s, err, "'%s' broke the session protocol: %s", peer_name(s), bk_error_text(err));
}

static void on_link_writable(void *arg)
{
	struct bk_session *s = arg;

	if (s->state == OPEN)
		bk_mux_writable(s->mux);
}

/* The carrier ends only when it was closed. */
static void on_link_end(void *arg, int error, const char *text)
{
	struct bk_session *s = arg;

	(void)error;
	(void)text;
	finish(s, s->end_error, "%s", s->end_text);
}

/* The path below is gone. While another one may come, what is queued waits for it. */
static void on_path_lost(void *arg, int error, const char *text)
{
	struct bk_session *s = arg;
	struct bk_self *self = bk_meet_self(s->meet);

	if (self->hub && !s->race)
		bk_hub_set_quic(self->hub, NULL); /* it was this one, or none */
	if (s->state != OPEN)
		return;
	if (!s->race && bk_meet_again(s->meet) < 0) {
		finish(s, BK_E_PEER_VANISHED, "lost the connection to '%s': %s", peer_name(s),
			error == BK_E_EOF ? bk_error_text(BK_E_PEER_VANISHED) : text);
		return;
	}
	note(s, 1, "lost the path, looking for another one");
	s->is_lost = true;
	bk_timer_start(s->deadline, LOST_PATIENCE);
}

static void on_path_resumed(void *arg, uint64_t resent)
{
	(void)arg;
	bk_log_debug("session", "resumed, %llu bytes sent again", (unsigned long long)resent);
}

static const struct bk_link_events link_events = {
	.on_data = on_link_data,
	.on_writable = on_link_writable,
	.on_end = on_link_end,
};

static void on_mux_channel(void *arg, struct bk_channel *c, const char *kind)
{
	struct bk_session *s = arg;

	if (s->events->on_channel)
		s->events->on_channel(s->arg, c, kind);
}

/* Sends what is queued and the end of the stream, then reports the end as it was set. */
static void start_closing(struct bk_session *s, int error, const char *text)
{
	set_state(s, CLOSING);
	s->end_error = error;
	snprintf(s->end_text, sizeof(s->end_text), "%s", text);
	bk_timer_start(s->deadline, CLOSE_TIMEOUT);
	bk_link_close(bk_carrier_link(s->carrier));
}

static void on_mux_bye(void *arg, int error)
{
	struct bk_session *s = arg;
	char text[TEXT_MAX];

	if (s->state != OPEN)
		return;
	if (error == BK_E_CANCELLED)
		error = BK_E_PEER_CANCELLED;
	snprintf(text, sizeof(text), "'%s' ended the session: %s", peer_name(s), bk_error_text(error));
	start_closing(s, error, text);
}

static enum bk_path_policy agreed_policy(const struct bk_session *s)
{
	uint32_t both = s->met->own.capabilities | s->met->peer.capabilities;

	if (both & BK_MEET_ONLY_RELAY)
		return BK_PATH_RELAY;
	return both & BK_MEET_ONLY_DIRECT ? BK_PATH_DIRECT : BK_PATH_AUTO;
}

static void tell_path(struct bk_session *s, const struct bk_race_result *result)
{
	char local[BK_ADDR_STR_MAX], remote[BK_ADDR_STR_MAX], pair[BK_PLAN_TEXT_MAX],
		text[2 * BK_PLAN_TEXT_MAX];
	bool relayed = result->technique == BK_TECHNIQUE_RELAY, udp = result->transport == BK_TRANSPORT_UDP;
	bk_time now = bk_loop_now(s->loop);
	double ms = bk_dur_to_ms(now - s->met->introduced);
	struct bk_path p = {
		.kind = relayed ? BK_PATH_KIND_RELAY : BK_PATH_KIND_DIRECT,
		.transport = bk_transport_name(result->transport),
		.technique = bk_technique_name(result->technique),
		.local = bk_addr_to_str(&result->local, local),
		.remote = bk_addr_to_str(&result->remote, remote),
		.elapsed_ms = ms,
		.total_ms = bk_dur_to_ms(now - s->born),
		.text = text,
	};

	if (relayed && agreed_policy(s) == BK_PATH_RELAY)
		snprintf(text, sizeof(text), "relayed by the server, as asked for, %.0f ms", ms);
	else if (relayed)
		snprintf(text, sizeof(text), "relayed by the server, %.0f ms: %s", ms,
			bk_plan_relay_reason(&s->met->own, &s->met->peer, pair));
	else if (result->technique == BK_TECHNIQUE_LAN)
		snprintf(text, sizeof(text), "direct over %s on the local network, %.0f ms",
			udp ? "UDP" : "TCP", ms);
	else
		snprintf(text, sizeof(text), "direct over %s%s, %s, %.0f ms", udp ? "UDP" : "TCP",
			result->technique == BK_TECHNIQUE_IPV6 ? " and IPv6" : "",
			udp ? bk_plan_nats_to_str(&s->met->own.udp, &s->met->peer.udp, pair)
			    : bk_plan_pair_to_str(&s->met->own, &s->met->peer, pair),
			ms);
	if (s->events->on_path)
		s->events->on_path(s->arg, &p);
}

/* What both sides name the session by: it never travels outside the links. */
static void session_id(const struct bk_session *s, uint8_t id[BK_CARRIER_ID_LEN])
{
	const struct bk_intro *maker = s->is_joining ? &s->met->peer : &s->met->own;
	const struct bk_intro *joiner = s->is_joining ? &s->met->own : &s->met->peer;
	uint8_t both[sizeof(maker->pin) + sizeof(joiner->pin)];

	memcpy(both, maker->pin, sizeof(maker->pin));
	memcpy(both + sizeof(maker->pin), joiner->pin, sizeof(joiner->pin));
	crypto_generichash(id, BK_CARRIER_ID_LEN, both, sizeof(both), NULL, 0);
}

static int start_carrying(struct bk_session *s)
{
	static const struct bk_mux_events mux_events = {.on_channel = on_mux_channel, .on_bye = on_mux_bye};
	static const struct bk_carrier_events carrier_events = {
		.on_lost = on_path_lost, .on_resumed = on_path_resumed};
	uint8_t id[BK_CARRIER_ID_LEN];
	int err;

	session_id(s, id);
	err = bk_carrier_new(s->loop, id, &carrier_events, s, &s->carrier);
	if (!err)
		err = bk_mux_new(s->is_joining, &mux_events, s, &s->mux);
	if (err < 0)
		return err;
	bk_link_set_events(bk_carrier_link(s->carrier), &link_events, s);
	bk_mux_attach(s->mux, bk_carrier_link(s->carrier));
	return 0;
}

static void end_race(struct bk_session *s)
{
	bk_race_free(s->race);
	s->race = NULL;
}

static void on_won(void *arg, struct bk_link *link, const struct bk_race_result *result)
{
	struct bk_session *s = arg;
	bool is_first = !s->carrier;
	int err = is_first ? start_carrying(s) : 0;

	if (err < 0) {
		bk_link_free(link);
		end_race(s);
		finish(s, err, "cannot go on: %s", bk_error_text(err));
		return;
	}
	bk_carrier_attach(s->carrier, link);
	s->is_lost = false;
	if (result->is_last)
		end_race(s);
	if (s->state != PUNCHING &&
		s->state != OPEN) /* it was ended meanwhile, and that is about to be told */
		return;
	bk_timer_stop(s->deadline);
	if (is_first)
		set_state(s, OPEN);
	tell_path(s, result);
	if (is_first && s->state == OPEN && s->events->on_open)
		s->events->on_open(s->arg);
}

static void on_over(void *arg)
{
	struct bk_session *s = arg;

	end_race(s);
	if (s->is_lost)
		finish(s, BK_E_PEER_VANISHED, "lost the connection to '%s', and no other path came about",
			peer_name(s));
}

/* ---- from introductions to a path ---- */

static void on_lost(void *arg, int error)
{
	struct bk_session *s = arg;
	char reason[BK_PLAN_TEXT_MAX];

	end_race(s);
	if (s->state == OPEN && !s->is_lost)
		return; /* the other side's alarm was false: the old path goes on */
	if (agreed_policy(s) == BK_PATH_DIRECT)
		finish(s, error, "no direct path to '%s': %s", peer_name(s),
			bk_plan_relay_reason(&s->met->own, &s->met->peer, reason));
	else
		finish(s, error, "no path to '%s': neither a direct connection nor the relay came about",
			peer_name(s));
}

static bool paths_conflict(const struct bk_session *s)
{
	uint32_t both = s->met->own.capabilities | s->met->peer.capabilities;

	return (both & BK_MEET_ONLY_RELAY) && (both & BK_MEET_ONLY_DIRECT);
}

static void tell_peer(struct bk_session *s)
{
	const struct bk_peer peer = {
		.id = s->met->peer.id, .name = peer_name(s), .nat = bk_nat_type_name(&s->met->peer.tcp)};

	if (s->events->on_peer)
		s->events->on_peer(s->arg, &peer);
}

static int start_race(struct bk_session *s)
{
	static const struct bk_race_events events = {
		.on_won = on_won, .on_lost = on_lost, .on_over = on_over, .on_note = note};
	const struct bk_meeting *g = s->met;
	struct bk_self *self = bk_meet_self(s->meet);
	enum bk_path_policy policy = agreed_policy(s);
	struct bk_race_opts opts = {
		.loop = s->loop,
		.is_controlling = s->is_joining,
		.identity = s->identity,
		.own = &g->own,
		.peer = &g->peer,
		.plan = &s->plan,
		.shared = g->shared,
		.shared6 = {.family = self->ports[1] ? 6 : 0, .port = self->ports[1]},
		.start = g->start,
		.listeners = {self->listeners[0], self->listeners[1]},
		.hub = policy == BK_PATH_RELAY ? NULL : self->hub,
		.use_relay = policy != BK_PATH_DIRECT,
		.relay = g->server,
	};
	int err;

	memcpy(opts.relay_token, g->relay_token, sizeof(opts.relay_token));
	bk_plan_make(&g->own, &g->peer, policy, &s->plan);
	if (s->transport == BK_TRANSPORT_CHOICE_UDP) {
		s->plan.attempts_len = 0;
		s->plan.listen_shared = false;
	}
	err = bk_race_new(&opts, &events, s, &s->race);
	if (!err)
		self->listeners[0] = self->listeners[1] = -1; /* the race's now */
	return err;
}

/* Both sides introduced themselves anew, because one of them lost the path: the other may not have noticed
 * yet. */
static void look_again(struct bk_session *s)
{
	int err;

	end_race(s);
	err = start_race(s);
	if (err < 0 && s->is_lost)
		finish(s, err, "cannot look for another path to '%s': %s", peer_name(s), bk_error_text(err));
}

static void on_left(void *arg)
{
	struct bk_session *s = arg;

	if (s->state == OPEN && s->is_lost)
		finish(s, BK_E_PEER_VANISHED, "lost the connection to '%s': %s", peer_name(s),
			bk_error_text(BK_E_PEER_VANISHED));
}

static void on_met(void *arg)
{
	struct bk_session *s = arg;
	int err;

	if (s->state == OPEN) {
		look_again(s);
		return;
	}
	if (s->state != MEETING)
		return;
	s->met = bk_meet_result(s->meet);
	set_state(s, PUNCHING);
	tell_peer(s);
	if (s->state != PUNCHING)
		return;
	if (paths_conflict(s)) {
		finish(s, BK_E_NO_PATH,
			"no path to '%s': one side wants a direct path only, the other only the relay",
			peer_name(s));
		return;
	}
	err = start_race(s);
	if (err < 0)
		finish(s, err, "cannot start connecting to '%s': %s", peer_name(s), bk_error_text(err));
}

/* Once the two have met, the server is needed for the relay alone, and the race sees that for itself. */
static void on_meet_end(void *arg, int error, const char *text)
{
	struct bk_session *s = arg;

	if (s->state == MEETING || (s->state == PUNCHING && error == BK_E_WRONG_CODE))
		finish(s, error, "%s", text);
	else if (s->state == OPEN && s->is_lost && !s->race)
		finish(s, BK_E_PEER_VANISHED, "lost the connection to '%s', and then the server: %s",
			peer_name(s), text);
	else
		note(s, 1, text);
}

static void on_meet_code(void *arg, const char *code)
{
	struct bk_session *s = arg;

	if (s->state == MEETING && s->events->on_code)
		s->events->on_code(s->arg, code);
}

/* ---- life ---- */

static void on_deadline(void *arg)
{
	struct bk_session *s = arg;

	if (s->state == CLOSING)
		finish(s, s->end_error, "%s", s->end_text);
	else
		finish(s, BK_E_PEER_VANISHED, "lost the connection to '%s', and no other path came in time",
			peer_name(s));
}

int bk_session_new(struct bk_loop *loop, const struct bk_session_opts *opts,
	const struct bk_session_events *events, void *arg, struct bk_session **ret_session)
{
	static const struct bk_meet_events meet_events = {
		.on_code = on_meet_code, .on_met = on_met, .on_left = on_left, .on_end = on_meet_end};
	struct bk_session *s;
	int err;

	if (!opts->server || !events->on_closed || sodium_init() < 0)
		return BK_E_INVALID;
	s = calloc(1, sizeof(*s));
	if (!s)
		return BK_E_NOMEM;
	s->loop = loop;
	s->events = events;
	s->arg = arg;
	s->is_joining = opts->code != NULL;
	s->path = opts->path;
	s->transport = opts->transport;
	s->born = bk_loop_now(loop);
	err = bk_timer_new(loop, on_deadline, s, &s->deadline);
	if (!err)
		err = bk_timer_new(loop, on_ender, s, &s->ender);
	if (!err)
		err = bk_identity_new(&s->identity);
	if (!err)
		err = bk_meet_new(loop, opts, s->identity, &meet_events, s, &s->meet);
	if (err < 0) {
		bk_session_free(s);
		return err;
	}
	*ret_session = s;
	return 0;
}

void bk_session_close(struct bk_session *s, int error)
{
	if (s->state == CLOSING || s->state == CLOSED)
		return;
	if (s->state != OPEN) {
		finish(s, error, "%s", bk_error_text(error));
		return;
	}
	bk_mux_say_bye(s->mux, error);
	start_closing(s, error, bk_error_text(error));
}

void bk_session_free(struct bk_session *s)
{
	if (!s)
		return;
	bk_race_free(s->race);
	bk_mux_free(s->mux);
	bk_carrier_free(s->carrier);
	bk_meet_free(s->meet);
	bk_timer_free(s->deadline);
	bk_timer_free(s->ender);
	bk_identity_free(s->identity);
	free(s);
}

int bk_channel_open(struct bk_session *s, const char *kind, const struct bk_channel_events *events, void *arg,
	struct bk_channel **ret_channel)
{
	if (s->state != OPEN)
		return BK_E_EOF;
	return bk_mux_open(s->mux, kind, events, arg, ret_channel);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* One peer, from the code to the end. The session is a line of states; each arrival from below (server,
 * mail, path) either moves it on or ends it with one sentence. Work is left to its rooms: pairing,
 * race, mux; what carries it, and what happens when that dies, is path.c's. */
#include <bodkin/session.h>

#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "nat/profile.h"
#include "session/peer.h"

#define CLOSE_TIMEOUT (2 * BK_SEC)

static const char *const state_names[] = {"meeting", "punching", "open", "closing", "closed"};

void bk_session_set_state(struct bk_session *s, enum bk_session_state next)
{
	bk_log_debug("session", "%s -> %s", state_names[s->state], state_names[next]);
	s->state = next;
}

void bk_session_finish(struct bk_session *s, int error, const char *fmt, ...)
{
	char text[BK_SESSION_TEXT_MAX]; /* the arguments may stand in end_text */
	va_list args;

	if (s->state == BK_SESSION_CLOSED)
		return;
	bk_session_set_state(s, BK_SESSION_CLOSED);
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

	bk_path_done(s);
	if (s->mux)
		bk_mux_detach(s->mux, s->end_error ? s->end_error : BK_E_EOF);
	bk_carrier_free(s->carrier);
	s->carrier = NULL;
	bk_meet_free(s->meet);
	s->meet = NULL;
	s->met = NULL;
	s->events->on_closed(s->arg, s->end_error, s->end_text);
}

void bk_session_note(void *arg, int verbosity, const char *text)
{
	struct bk_session *s = arg;

	bk_log_debug("session", "%s", text);
	if (s->events->on_note)
		s->events->on_note(s->arg, verbosity, text);
}

const char *bk_session_peer_name(const struct bk_session *s)
{
	return s->met && *s->met->peer.name ? s->met->peer.name : "the other side";
}

/* ---- the open session ---- */

static void on_link_data(void *arg, const uint8_t *data, size_t n)
{
	struct bk_session *s = arg;
	int err;

	if (s->state != BK_SESSION_OPEN && s->state != BK_SESSION_CLOSING)
		return;
	err = bk_mux_input(s->mux, data, n);
	if (err < 0)
		bk_session_finish(s, err, "'%s' broke the session protocol: %s", bk_session_peer_name(s),
			bk_error_text(err));
}

static void on_link_writable(void *arg)
{
	struct bk_session *s = arg;

	if (s->state == BK_SESSION_OPEN)
		bk_mux_writable(s->mux);
}

/* The carrier ends only when it was closed. */
static void on_link_end(void *arg, int error, const char *text)
{
	struct bk_session *s = arg;

	(void)error;
	(void)text;
	bk_session_finish(s, s->end_error, "%s", s->end_text);
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
	bk_session_set_state(s, BK_SESSION_CLOSING);
	s->end_error = error;
	snprintf(s->end_text, sizeof(s->end_text), "%s", text);
	bk_timer_start(s->deadline, CLOSE_TIMEOUT);
	bk_link_close(bk_carrier_link(s->carrier));
}

static void on_mux_bye(void *arg, int error)
{
	struct bk_session *s = arg;
	char text[BK_SESSION_TEXT_MAX];

	if (s->state != BK_SESSION_OPEN)
		return;
	if (error == BK_E_CANCELLED)
		error = BK_E_PEER_CANCELLED;
	snprintf(text, sizeof(text), "'%s' ended the session: %s", bk_session_peer_name(s),
		bk_error_text(error));
	start_closing(s, error, text);
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

int bk_session_start_carrying(struct bk_session *s, const struct bk_carrier_events *events)
{
	static const struct bk_mux_events mux_events = {.on_channel = on_mux_channel, .on_bye = on_mux_bye};
	uint8_t id[BK_CARRIER_ID_LEN];
	int err;

	session_id(s, id);
	err = bk_carrier_new(s->loop, id, events, s, &s->carrier);
	if (!err)
		err = bk_mux_new(s->loop, s->is_joining, &mux_events, s, &s->mux);
	if (err < 0)
		return err;
	if (!s->is_joining)
		bk_carrier_follow(s->carrier);
	bk_link_set_events(bk_carrier_link(s->carrier), &link_events, s);
	bk_mux_attach(s->mux, bk_carrier_link(s->carrier));
	return 0;
}

/* ---- from introductions to a path ---- */

static bool paths_conflict(const struct bk_session *s)
{
	uint32_t both = s->met->own.capabilities | s->met->peer.capabilities;

	return (both & BK_MEET_ONLY_RELAY) && (both & BK_MEET_ONLY_DIRECT);
}

static void tell_peer(struct bk_session *s)
{
	const struct bk_peer peer = {.id = s->met->peer.id,
		.name = bk_session_peer_name(s),
		.nat = bk_nat_type_name(&s->met->peer.tcp)};

	if (s->events->on_peer)
		s->events->on_peer(s->arg, &peer);
}

static void on_left(void *arg)
{
	bk_path_peer_left(arg);
}

static void on_met(void *arg)
{
	struct bk_session *s = arg;
	int err;

	if (s->state == BK_SESSION_OPEN || s->state == BK_SESSION_PUNCHING) {
		bk_path_look_again(s);
		return;
	}
	if (s->state != BK_SESSION_MEETING)
		return;
	s->met = bk_meet_result(s->meet);
	bk_session_set_state(s, BK_SESSION_PUNCHING);
	tell_peer(s);
	if (s->state != BK_SESSION_PUNCHING)
		return;
	if (paths_conflict(s)) {
		bk_session_finish(s, BK_E_NO_PATH,
			"no path to '%s': one side wants a direct path only, the other only the relay",
			bk_session_peer_name(s));
		return;
	}
	err = bk_path_start(s);
	if (err < 0)
		bk_session_finish(s, err, "cannot start connecting to '%s': %s", bk_session_peer_name(s),
			bk_error_text(err));
}

/* Once the two have met, the server is needed for the relay alone, and the race sees that for itself. */
static void on_meet_end(void *arg, int error, const char *text)
{
	struct bk_session *s = arg;

	if (s->state == BK_SESSION_MEETING || (s->state == BK_SESSION_PUNCHING && error == BK_E_WRONG_CODE))
		bk_session_finish(s, error, "%s", text);
	else if (s->state == BK_SESSION_OPEN && s->is_lost && !s->race)
		bk_session_finish(s, BK_E_PEER_VANISHED,
			"lost the connection to '%s', and then the server: %s", bk_session_peer_name(s),
			text);
	else
		bk_session_note(s, 1, text);
}

static void on_meet_code(void *arg, const char *code)
{
	struct bk_session *s = arg;

	if (s->state == BK_SESSION_MEETING && s->events->on_code)
		s->events->on_code(s->arg, code);
}

/* ---- life ---- */

static void on_deadline(void *arg)
{
	struct bk_session *s = arg;

	if (s->state == BK_SESSION_CLOSING)
		bk_session_finish(s, s->end_error, "%s", s->end_text);
	else if (s->state == BK_SESSION_PUNCHING)
		bk_session_finish(s, BK_E_PEER_VANISHED, "'%s' left before the connection was made",
			bk_session_peer_name(s));
	else
		bk_session_finish(s, BK_E_PEER_VANISHED,
			"lost the connection to '%s', and no other path came in time",
			bk_session_peer_name(s));
}

int bk_session_new(struct bk_loop *loop, const struct bk_session_opts *opts,
	const struct bk_session_events *events, void *arg, struct bk_session **ret_session)
{
	static const struct bk_meet_events meet_events = {.on_code = on_meet_code,
		.on_met = on_met,
		.on_left = on_left,
		.on_end = on_meet_end,
		.on_note = bk_session_note};
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
	s->path_choice = opts->path;
	s->transport = opts->transport;
	s->born = bk_loop_now(loop);
	err = bk_timer_new(loop, on_deadline, s, &s->deadline);
	if (!err)
		err = bk_timer_new(loop, on_ender, s, &s->ender);
	if (!err)
		err = bk_path_init(s);
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
	if (s->state == BK_SESSION_CLOSING || s->state == BK_SESSION_CLOSED)
		return;
	if (s->state != BK_SESSION_OPEN) {
		bk_session_finish(s, error, "%s", bk_error_text(error));
		return;
	}
	bk_mux_say_bye(s->mux, error);
	start_closing(s, error, bk_error_text(error));
}

void bk_session_free(struct bk_session *s)
{
	if (!s)
		return;
	bk_path_done(s);
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
	if (s->state != BK_SESSION_OPEN)
		return BK_E_EOF;
	return bk_mux_open(s->mux, kind, events, arg, ret_channel);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* One peer, from the code to the end. The session is a line of states; each arrival from its rooms either
 * moves it on or ends it with one sentence: meet knows who the peer is, path finds what carries, stream
 * carries. None of the three knows another one; here one's results become the other's work. */
#include <bodkin/session.h>

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/log.h"
#include "base/opts.h"
#include "lan/beside.h"
#include "lan/mailbox.h"
#include "meet/meet.h"
#include "nat/profile.h"
#include "net/ending.h"
#include "path/seeker.h"
#include "rendezvous/mailbox.h"
#include "rendezvous/own_key.h"
#include "secure/code.h"
#include "secure/identity.h"
#include "session/shared_code.h"
#include "stream/stream.h"

#define CLOSE_TIMEOUT (2 * BK_SEC)

enum state { MEETING, PUNCHING, OPEN, CLOSING, CLOSED };

static const char *const state_names[] = {"meeting", "punching", "open", "closing", "closed"};

struct bk_session {
	struct bk_loop *loop;
	struct bk_session_events events;
	void *arg;
	enum state state;
	bool is_joining; /* by code: TLS client and controlling side */
	bool is_peers_word;
	struct bk_identity *identity;
	bool has_peer_pin;
	struct bk_pin peer_pin; /* of the key that the other side must have */
	char server_pin[BK_PIN_STR_MAX];
	struct bk_rdv_mailbox
		*server; /* where the two meet, or the LAN; both NULL: the program brought its own mailbox */
	struct bk_lan_mailbox *lan;
	struct bk_shared_code *shared; /* whose the LAN is then; NULL: none */
	struct bk_beside both;         /* of the two */
	struct bk_meet *meet;
	const struct bk_meeting *met; /* its result; NULL until then */
	struct bk_seeker *seeker;
	struct bk_stream *stream;  /* once there is a path */
	struct bk_timer *deadline; /* of closing */
	struct bk_ending ending;
};

static void set_state(struct bk_session *s, enum state next)
{
	bk_assert(next > s->state);
	bk_log_debug("session", "%s -> %s", state_names[s->state], state_names[next]);
	s->state = next;
	if (next == CLOSING || next == CLOSED)
		bk_seeker_hush(s->seeker);
	if (next == CLOSED && s->stream)
		bk_stream_stop(s->stream);
}

static void on_ended(void *arg)
{
	struct bk_session *s = arg;

	set_state(s, CLOSED);
	bk_timer_stop(s->deadline);
}

static void tell_end(void *arg)
{
	struct bk_session *s = arg;

	bk_seeker_free(s->seeker);
	s->seeker = NULL;
	if (s->stream)
		bk_stream_end(s->stream, s->ending.error ? s->ending.error : BK_E_EOF);
	bk_meet_free(s->meet);
	s->meet = NULL;
	s->met = NULL;
	s->events.on_closed(s, s->arg, s->ending.error, s->ending.text);
}

static void note(void *arg, int verbosity, const char *text)
{
	struct bk_session *s = arg;

	bk_log_debug("session", "%s", text);
	if (s->events.on_note)
		s->events.on_note(s, s->arg, verbosity, text);
}

static const char *peer_name(const struct bk_session *s)
{
	return s->met && *s->met->peer.name ? s->met->peer.name : "the other side";
}

/* --- the open session --- */

static void on_channel(void *arg, struct bk_channel *c, const char *kind)
{
	struct bk_session *s = arg;

	if (s->events.on_channel)
		s->events.on_channel(s, s->arg, c, kind);
}

static void on_broken(void *arg, int error)
{
	struct bk_session *s = arg;

	bk_ending_set(
		&s->ending, error, "'%s' broke the session protocol: %s", peer_name(s), bk_error_text(error));
}

/* Sends what is queued and the end of the stream, then reports the end as it was set. */
static void start_closing(struct bk_session *s, int error, const char *text)
{
	set_state(s, CLOSING);
	s->ending.error = error;
	snprintf(s->ending.text, sizeof(s->ending.text), "%s", text);
	bk_timer_start(s->deadline, CLOSE_TIMEOUT);
	bk_stream_close(s->stream);
}

static void on_bye(void *arg, int error)
{
	struct bk_session *s = arg;
	char text[BK_ENDING_TEXT_MAX];

	if (s->state != OPEN)
		return;
	if (error == BK_E_CANCELLED)
		error = BK_E_PEER_CANCELLED;
	s->is_peers_word = error < 0;
	snprintf(text, sizeof(text), "'%s' ended the session: %s", peer_name(s), bk_error_text(error));
	start_closing(s, error, text);
}

/* As it was set when closing began. */
static void close_now(void *arg)
{
	struct bk_session *s = arg;

	bk_ending_set(&s->ending, s->ending.error, "%s", s->ending.text);
}

/* What both sides name the session by: it never travels outside the links. Two whose keys last may have several at
 * once. */
static void session_id(const struct bk_session *s, uint8_t id[BK_STREAM_ID_LEN])
{
	const struct bk_intro *maker = s->is_joining ? &s->met->peer : &s->met->own;
	const struct bk_intro *joiner = s->is_joining ? &s->met->own : &s->met->peer;
	bool is_one_of_many = maker->capabilities & joiner->capabilities & BK_MEET_LASTING_KEY;
	crypto_generichash_state h;

	crypto_generichash_init(&h, NULL, 0, BK_STREAM_ID_LEN);
	crypto_generichash_update(&h, maker->pin, sizeof(maker->pin));
	crypto_generichash_update(&h, joiner->pin, sizeof(joiner->pin));
	if (is_one_of_many)
		crypto_generichash_update(&h, s->met->name, sizeof(s->met->name));
	crypto_generichash_final(&h, id, BK_STREAM_ID_LEN);
}

/* While another path may come, what is queued waits for it; but when all has come, it only waits to be
 * read. */
static void on_lost(void *arg, int error, const char *text)
{
	struct bk_session *s = arg;

	if (!bk_stream_owes_bye(s->stream))
		bk_seeker_lost(s->seeker, error, text);
}

static void on_fell_back(void *arg, int error, const char *text)
{
	struct bk_session *s = arg;

	bk_seeker_fell_back(s->seeker, error, text);
}

static void on_resumed(void *arg, uint64_t resent)
{
	struct bk_session *s = arg;
	char text[64];

	if (!resent)
		return;
	snprintf(text, sizeof(text), "resumed, %llu bytes sent again", (unsigned long long)resent);
	note(s, 1, text);
}

static int start_stream(struct bk_session *s)
{
	static const struct bk_stream_events events = {
		.on_channel = on_channel,
		.on_bye = on_bye,
		.on_broken = on_broken,
		.on_lost = on_lost,
		.on_fell_back = on_fell_back,
		.on_resumed = on_resumed,
		.on_closed = close_now,
	};
	struct bk_stream_opts opts = {.is_leading = s->is_joining};

	session_id(s, opts.id);
	return bk_stream_new(s->loop, &opts, &events, s, &s->stream);
}

/* --- a path, and what becomes of it --- */

static int on_link(void *arg, struct bk_link *link, const struct bk_race_result *result)
{
	struct bk_session *s = arg;
	int err = s->stream ? 0 : start_stream(s);

	return err < 0 ? err : bk_stream_attach(s->stream, link, bk_race_result_is_relay(result));
}

static void on_path(void *arg, const struct bk_path *path)
{
	struct bk_session *s = arg;
	bool is_first = s->state == PUNCHING;

	if (is_first)
		set_state(s, OPEN);
	if (s->events.on_path)
		s->events.on_path(s, s->arg, path);
	if (is_first && s->state == OPEN && s->events.on_open)
		s->events.on_open(s, s->arg);
}

static int on_wanted(void *arg)
{
	struct bk_session *s = arg;

	if (s->stream)
		bk_stream_ask(s->stream); /* the relay is a spare only while it works */
	return bk_meet_again(s->meet);
}

static void on_moved(void *arg, bool has_path, bool has_relay)
{
	struct bk_session *s = arg;

	bk_meet_address_changed(s->meet);
	if (!s->stream)
		return;
	if (!has_relay)
		bk_stream_drop_spare(s->stream);
	if (has_path)
		bk_stream_ask(s->stream);
	else
		bk_stream_drop(s->stream, BK_E_UNREACHABLE);
}

static void on_gave_up(void *arg, int error, const char *text)
{
	struct bk_session *s = arg;

	bk_ending_set(&s->ending, error, "%s", text);
}

/* --- from introductions to a path --- */

static bool paths_conflict(const struct bk_session *s)
{
	uint32_t both = s->met->own.capabilities | s->met->peer.capabilities;

	return (both & BK_MEET_ONLY_RELAY) && (both & BK_MEET_ONLY_DIRECT);
}

static void tell_peer(struct bk_session *s)
{
	const struct bk_peer peer = {
		.id = s->met->peer.id, .name = peer_name(s), .nat = bk_nat_type_name(&s->met->peer.tcp)};

	if (s->events.on_peer)
		s->events.on_peer(s, s->arg, &peer);
}

static void on_left(void *arg)
{
	struct bk_session *s = arg;

	bk_seeker_peer_left(s->seeker);
}

static enum bk_path_choice path_choice(const struct bk_session *s)
{
	uint32_t both = s->met->own.capabilities | s->met->peer.capabilities;

	if (both & BK_MEET_ONLY_RELAY)
		return BK_PATH_CHOICE_RELAY;
	return both & BK_MEET_ONLY_DIRECT ? BK_PATH_CHOICE_DIRECT : BK_PATH_CHOICE_AUTO;
}

static int seek(struct bk_session *s)
{
	const struct bk_meeting *g = s->met;
	struct bk_self *self = bk_meet_self(s->meet);
	struct bk_round round = {
		.own = &g->own,
		.peer = &g->peer,
		.choice = path_choice(s),
		.introduced = g->introduced,
		.start = g->start,
		.hops = bk_self_hops(self),
		.shared = g->shared,
		.delay = g->delay,
		.relay = g->relay,
		.listeners = self->listeners,
		.port6 = self->ports[1],
		.ways = self->ways,
	};

	memcpy(round.relay_token, g->relay_token, sizeof(round.relay_token));
	return bk_seeker_round(s->seeker, &round);
}

/* That it has the key is shown by whoever it connects to us: the pin is what all paths are held to. */
static bool is_expected(struct bk_session *s)
{
	if (!s->has_peer_pin ||
		!sodium_memcmp(s->met->peer.pin, s->peer_pin.bytes, sizeof(s->peer_pin.bytes)))
		return true;
	bk_ending_set(&s->ending, BK_E_WRONG_KEY,
		"'%s' came with the code, and has another key than the one that was expected", peer_name(s));
	return false;
}

/* Whether they may seek at all, this time too: a side that insists is not overruled later. The sentence is said
 * here. */
static bool agree(struct bk_session *s)
{
	if (!is_expected(s))
		return false;
	if (s->state == MEETING) {
		set_state(s, PUNCHING);
		tell_peer(s);
	}
	if (s->state != CLOSED && paths_conflict(s))
		bk_ending_set(&s->ending, BK_E_NO_PATH,
			"no path to '%s': one side wants a direct path only, the other only the relay",
			peer_name(s));
	return s->state == PUNCHING || s->state == OPEN;
}

/* For the first time, or anew because one of the two wants another path. */
static void on_met(void *arg)
{
	struct bk_session *s = arg;
	int err;

	if (s->state == CLOSING || s->state == CLOSED)
		return;
	s->met = bk_meet_result(s->meet);
	if (!agree(s))
		return;
	err = seek(s);
	if (err < 0)
		bk_ending_set(&s->ending, err, "cannot start connecting to '%s': %s", peer_name(s),
			bk_error_text(err));
}

static void on_news(void *arg)
{
	struct bk_session *s = arg;

	if (s->state == PUNCHING || s->state == OPEN)
		bk_seeker_news(s->seeker);
}

/* Once the two have met, the server is needed for the relay alone, and the race sees that for itself. */
static void on_meet_end(void *arg, int error, const char *text)
{
	struct bk_session *s = arg;

	if (s->state == MEETING || (s->state == PUNCHING && error == BK_E_WRONG_CODE))
		bk_ending_set(&s->ending, error, "%s", text);
	else if (s->state == OPEN && bk_seeker_needs_round(s->seeker))
		bk_ending_set(&s->ending, BK_E_PEER_VANISHED,
			"lost the connection to '%s', and cannot meet again: %s", peer_name(s), text);
	else
		note(s, 1, text);
}

static void on_meet_code(void *arg, const char *code)
{
	struct bk_session *s = arg;

	if (s->state == MEETING && s->events.on_code)
		s->events.on_code(s, s->arg, code);
}

/* --- life --- */

static void on_path_lost(void *arg, const char *text)
{
	struct bk_session *s = arg;

	if (s->events.on_lost)
		s->events.on_lost(s, s->arg, text);
}

static int start_seeker(struct bk_session *s, const struct bk_session_opts *opts)
{
	static const struct bk_seeker_events events = {.on_link = on_link,
		.on_path = on_path,
		.on_wanted = on_wanted,
		.on_moved = on_moved,
		.on_gave_up = on_gave_up,
		.on_note = note,
		.on_lost = on_path_lost};
	const struct bk_seeker_opts seeker_opts = {
		.loop = s->loop,
		.is_controlling = s->is_joining,
		.identity = s->identity,
		.transport = opts->transport,
		.born = bk_loop_now(s->loop),
		.patience = opts->patience_ns,
		.state_dir = opts->path == BK_PATH_CHOICE_RELAY ? NULL : opts->state_dir,
	};

	return bk_seeker_new(&seeker_opts, &events, s, &s->seeker);
}

static uint32_t number_of(const char *code)
{
	struct bk_code c;
	uint32_t number = code && bk_code_from_str(code, &c) >= 0 ? c.nameplate : 0;

	sodium_memzero(&c, sizeof(c));
	return number;
}

static int choose_place(
	struct bk_session *s, const struct bk_session_opts *opts, struct bk_mailbox *ret_mailbox)
{
	const uint8_t *heir = s->shared ? s->shared->heir : NULL;
	const struct bk_rdv_opts rdv_opts = {.server = opts->server,
		.token = opts->token,
		.state_dir = opts->state_dir,
		.is_hidden = opts->path == BK_PATH_CHOICE_RELAY,
		.heir = heir};
	const struct bk_lan_opts lan_opts = {.interfaces = opts->lan, .peer = opts->lan_peer, .heir = heir};
	int err = 0;

	if (opts->mailbox)
		*ret_mailbox = *opts->mailbox;
	if (opts->server)
		err = bk_rdv_mailbox_new(&rdv_opts, &s->server);
	if (!err && opts->lan && !opts->mailbox && !rdv_opts.is_hidden)
		err = s->shared ? bk_shared_code_lan(s->shared, &lan_opts, &s->lan)
				: bk_lan_mailbox_new(&lan_opts, &s->lan);
	if (err < 0 || opts->mailbox)
		return err;
	*ret_mailbox =
		s->lan ? (struct bk_mailbox){&bk_lan_ops, s->lan} : bk_rdv_mailbox_as_mailbox(s->server);
	if (!s->lan || !s->server)
		return 0;
	s->both = (struct bk_beside){.far = bk_rdv_mailbox_as_mailbox(s->server),
		.near = {&bk_lan_ops, s->lan},
		.is_trying = bk_lan_box_is_trying,
		.number = number_of(opts->code)};
	*ret_mailbox = (struct bk_mailbox){&bk_beside_ops, &s->both};
	return 0;
}

static int start_meeting(struct bk_session *s, const struct bk_session_opts *opts)
{
	static const struct bk_meet_events meet_events = {.on_code = on_meet_code,
		.on_met = on_met,
		.on_news = on_news,
		.on_left = on_left,
		.on_end = on_meet_end,
		.on_note = note};
	struct bk_meet_opts meet_opts = {.loop = s->loop,
		.session = opts,
		.pin = bk_identity_pin(s->identity),
		.share = s->shared ? &s->shared->word : NULL};
	int err = choose_place(s, opts, &meet_opts.mailbox);

	return err < 0 ? err : bk_meet_new(&meet_opts, &meet_events, s, &s->meet);
}

static int start(struct bk_session *s, const struct bk_session_opts *opts)
{
	int err = bk_timer_new(s->loop, close_now, s, &s->deadline);

	if (!err)
		err = opts->key_dir ? bk_own_key_open(opts->key_dir, &s->identity)
				    : bk_identity_new(&s->identity);
	if (!err)
		err = start_seeker(s, opts);
	if (!err)
		err = start_meeting(s, opts);
	return err;
}

bool bk_session_is_peers_word(const struct bk_session *s)
{
	return s->is_peers_word;
}

const char *bk_session_server_pin(struct bk_session *s)
{
	if (!s->server || !s->server->target.has_pin)
		return NULL;
	return bk_pin_to_str(&s->server->target.pin, s->server_pin);
}

/* Who wants the relay only shows nobody an address. */
static bool has_place(const struct bk_session_opts *o)
{
	if (o->server || o->mailbox)
		return !o->server || !o->mailbox;
	return o->lan && o->path != BK_PATH_CHOICE_RELAY;
}

int bk_session_new(struct bk_loop *loop, const struct bk_session_opts *opts,
	const struct bk_session_events *events, void *arg, struct bk_session **ret_session)
{
	struct bk_session *s = calloc(1, sizeof(*s));
	struct bk_session_opts o;
	int err;

	if (!s)
		return BK_E_NOMEM;
	s->loop = loop;
	s->arg = arg;
	bk_ending_init(&s->ending, loop, tell_end, s);
	s->ending.at_once = on_ended;
	err = bk_opts_read(&o, opts, mailbox);
	if (!err)
		err = bk_opts_read(&s->events, events, on_closed);
	if (!err && (!has_place(&o) || !s->events.on_closed || sodium_init() < 0))
		err = BK_E_INVALID;
	s->is_joining = o.code != NULL;
	s->shared = o.code ? NULL : o.shared_code;
	s->has_peer_pin = o.peer_key != NULL;
	if (o.peer_key)
		s->peer_pin = bk_pin_of_key(o.peer_key);
	if (!err)
		err = start(s, &o);
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
		bk_ending_set(&s->ending, error, "%s", bk_error_text(error));
		return;
	}
	bk_stream_say_bye(s->stream, error);
	start_closing(s, error, bk_error_text(error));
}

void bk_session_free(struct bk_session *s)
{
	if (!s)
		return;
	bk_seeker_free(s->seeker);
	bk_stream_free(s->stream);
	bk_meet_free(s->meet);
	bk_rdv_mailbox_free(s->server);
	if (!s->shared)
		bk_lan_mailbox_free(s->lan);
	bk_timer_free(s->deadline);
	bk_ending_done(&s->ending);
	bk_identity_free(s->identity);
	free(s);
}

int bk_channel_open(struct bk_session *s, const char *kind, const struct bk_channel_events *events, void *arg,
	struct bk_channel **ret_channel)
{
	if (s->state != OPEN)
		return BK_E_EOF;
	return bk_stream_open(s->stream, kind, events, arg, ret_channel);
}

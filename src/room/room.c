/* SPDX-License-Identifier: Apache-2.0 */
/* A member: the invite becomes keys beside the loop, and the chain says and is told at the board, wherever that is. The
 * board may be lost at any time, and be another one afterwards; the chain goes on where it was. */
#include <bodkin/group.h>

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "base/opts.h"
#include "net/job.h"
#include "net/turn.h"
#include "room/about.h"
#include "room/key.h"
#include "room/teller.h"
#include "wire/group.h"

_Static_assert((int)BK_GROUP_NAME_MAX == (int)BK_CARD_NAME_MAX, "as the public header says");
_Static_assert((int)BK_GROUP_TEXT_MAX == (int)BK_CHAIN_TEXT_MAX, "as the public header says");
_Static_assert((int)BK_GROUP_WHISPER_MAX == (int)BK_CHAIN_WHISPER_MAX, "as the public header says");
_Static_assert((int)BK_GROUP_ABOUT_MAX == (int)BK_CARD_ABOUT_MAX, "as the public header says");

#define JOIN_PATIENCE  (10 * BK_SEC) /* an old server says nothing about groups */
#define LEAVE_PATIENCE (10 * BK_SEC)

/* What becomes of an invite beside the loop. */
struct derivation {
	char invite[BK_INVITE_STR_MAX];
	struct bk_group_keys keys;
	int error;
};

struct bk_group {
	struct bk_loop *loop;
	struct bk_teller teller;
	char name[BK_CARD_NAME_MAX + 1];
	struct bk_signer signer;
	struct bk_about about;
	struct bk_job *job;
	struct bk_venue *venue;
	struct bk_chain *chain;
	struct bk_timer *patience, *wake;
	struct bk_turn turn;
	uint8_t id[BK_GROUP_ID_LEN];
	bool wants_all; /* of what others say, too */
	bool has_asked; /* to be let in, and there was no answer yet */
	bool is_in, is_listed, was_in, is_lost, is_leaving, has_said_leave, has_ended;
	int end_error;
	char end_text[BK_GROUP_SENTENCE_MAX];
};

/* --- the end --- */

static void go_out(struct bk_group *g)
{
	g->has_asked = g->is_in = g->is_listed = false;
	if (g->chain)
		bk_chain_lost(g->chain);
}

static void end(struct bk_group *g, int error, const char *text)
{
	if (g->has_ended)
		return;
	g->has_ended = true;
	g->end_error = error;
	snprintf(g->end_text, sizeof(g->end_text), "%s", text);
	go_out(g);
	bk_venue_stop(g->venue);
	bk_timer_stop(g->patience);
	bk_timer_stop(g->wake);
	bk_turn_ask(&g->turn);
}

/* --- going out --- */

static int send_msg(struct bk_group *g, const struct bk_group_msg *m)
{
	struct bk_buf body;
	int err;

	bk_buf_init(&body, BK_GROUP_MSG_MAX);
	err = bk_group_encode(&body, m);
	if (!err)
		err = bk_venue_send(g->venue, bk_buf_head(&body), body.len);
	bk_buf_done(&body);
	return err;
}

/* A message that our card goes with. */
static void send_card(struct bk_group *g, struct bk_group_msg *m)
{
	struct bk_buf card;
	int err;

	bk_buf_init(&card, BK_GROUP_CARD_MAX);
	err = bk_chain_make_card(g->chain, g->about.bytes, g->about.len, &card);
	m->bytes = bk_buf_head(&card);
	m->len = card.len;
	if (!err)
		err = send_msg(g, m);
	bk_buf_done(&card);
	bk_about_told(&g->about, bk_loop_now(g->loop));
	if (err == BK_E_NOMEM)
		end(g, err, bk_error_text(err));
}

static void send_join(struct bk_group *g)
{
	struct bk_group_msg m = {.type = BK_GROUP_JOIN};

	bk_chain_known(g->chain, m.life, &m.number);
	memcpy(m.id, g->id, sizeof(m.id));
	g->has_asked = true;
	send_card(g, &m);
	if (!g->has_ended && !g->is_leaving)
		bk_timer_start(g->patience, JOIN_PATIENCE);
}

static void on_left(void *arg)
{
	end(arg, 0, "left");
}

static void on_flushed(void *arg)
{
	struct bk_group *g = arg;

	bk_venue_leave(g->venue, on_left, g);
}

static void say_leave(struct bk_group *g)
{
	const struct bk_group_msg m = {.type = BK_GROUP_LEAVE};

	g->has_said_leave = true;
	send_msg(g, &m);
	bk_venue_flush(g->venue, on_flushed, g);
}

/* The server has handled what we sent, or the connection is gone, which is told next. */
static void on_had(void *arg)
{
	struct bk_group *g = arg;

	bk_chain_had(g->chain, bk_loop_now(g->loop));
	bk_turn_ask(&g->turn);
}

static void flush(struct bk_group *g)
{
	bk_time now = bk_loop_now(g->loop), wake;
	struct bk_group_msg m = {.type = BK_GROUP_POST}, card = {.type = BK_GROUP_CARD};
	int got;

	if (!g->is_in)
		return;
	bk_chain_on_time(g->chain, now);
	if (!g->has_said_leave && bk_chain_is_overdue(g->chain, now))
		bk_venue_flush(g->venue, on_had, g);
	if (bk_about_is_due(&g->about, now))
		send_card(g, &card);
	while ((got = bk_chain_next_post(g->chain, now, &m.ticket, &m.bytes, &m.len)) > 0)
		send_msg(g, &m);
	if (got < 0)
		end(g, got, bk_error_text(got));
	else if (g->is_listed && !bk_chain_retelling(g->chain))
		bk_venue_settled(g->venue);
	wake = bk_time_min(bk_chain_next_wake(g->chain), bk_about_next_wake(&g->about));
	if (wake != BK_NEVER && !g->has_ended)
		bk_timer_start(g->wake, wake > now ? wake - now : 0);
	if (g->is_leaving && !g->has_said_leave && !g->has_ended && !bk_chain_waiting(g->chain))
		say_leave(g);
}

static void on_turn(void *arg)
{
	struct bk_group *g = arg;

	if (g->has_ended)
		bk_teller_end(&g->teller, g->end_error, g->end_text);
	else
		flush(g);
}

static void on_wake(void *arg)
{
	flush(arg);
}

/* --- what the server says --- */

static void be_lost(struct bk_group *g, const char *why)
{
	char text[BK_GROUP_SENTENCE_MAX];

	go_out(g);
	if (!g->is_leaving)
		bk_timer_stop(g->patience);
	snprintf(text, sizeof(text), "%.400s; trying again", why);
	if (!g->is_lost)
		bk_teller_note(&g->teller, 0, text);
	g->is_lost = true;
}

static void come_again(struct bk_group *g, const char *why)
{
	be_lost(g, why);
	bk_venue_again(g->venue);
}

static int on_joined(struct bk_group *g, const struct bk_group_msg *m)
{
	int err;

	if (!g->has_asked)
		return BK_E_PROTOCOL;
	g->has_asked = false;
	if (!g->is_leaving)
		bk_timer_stop(g->patience);
	bk_chain_begins_board(g->chain, bk_venue_is_ours(g->venue));
	err = bk_chain_begin(g->chain, m->life, m->oldest, m->number);
	if (err < 0)
		return err;
	g->is_in = true;
	if (g->is_lost)
		bk_teller_note(&g->teller, 0, "back in the group");
	g->is_lost = false;
	return 0;
}

static int on_roster(struct bk_group *g, const struct bk_group_msg *m)
{
	const uint8_t *at = m->bytes, *card;
	size_t left = m->len, len;
	uint64_t member;
	int err = 0;

	while (!err && bk_group_entry_next(&at, &left, &member, &card, &len))
		err = bk_chain_card(g->chain, member, card, len);
	if (err < 0 || !m->is_last)
		return err;
	bk_chain_roster_end(g->chain);
	g->is_listed = true;
	if (!g->was_in)
		bk_teller_open(&g->teller);
	g->was_in = true;
	return 0;
}

static void on_denied(struct bk_group *g, const struct bk_group_msg *m)
{
	int error = bk_error_from_name(m->code);
	char text[BK_GROUP_SENTENCE_MAX];

	if (m->type_denied == BK_GROUP_POST)
		bk_chain_denied(g->chain, m->ticket, error, m->wait_ms * BK_MS, bk_loop_now(g->loop));
	if (m->type_denied == BK_GROUP_CARD && m->wait_ms)
		bk_about_denied(&g->about, m->wait_ms * BK_MS, bk_loop_now(g->loop));
	if (m->type_denied != BK_GROUP_JOIN)
		return;
	snprintf(text, sizeof(text), "the server does not let us into the group: %s", bk_error_text(error));
	if (m->wait_ms && g->was_in)
		come_again(g, text);
	else
		end(g, error, text);
}

static int take(struct bk_group *g, const struct bk_group_msg *m)
{
	if (m->type == BK_GROUP_JOINED)
		return on_joined(g, m);
	if (m->type == BK_GROUP_DENIED)
		on_denied(g, m);
	else if (m->type == BK_GROUP_ENDED)
		come_again(g, "the server sent us away: what was said came faster than we took it");
	else if (!g->is_in)
		return 0;
	else if (m->type == BK_GROUP_ROSTER)
		return on_roster(g, m);
	else if (m->type == BK_GROUP_CAME)
		return bk_chain_card(g->chain, m->member, m->bytes, m->len);
	else if (m->type == BK_GROUP_GONE)
		bk_chain_gone(g->chain, m->member);
	else if (m->type == BK_GROUP_SAID)
		return bk_chain_take(g->chain, m->number, m->bytes, m->len);
	return 0;
}

static void on_group(void *arg, const uint8_t *body, size_t n)
{
	struct bk_group *g = arg;
	struct bk_group_msg m;
	int err = bk_group_decode(body, n, &m);
	char text[BK_GROUP_SENTENCE_MAX];

	if (!err)
		err = take(g, &m);
	if (err < 0) {
		snprintf(text, sizeof(text), "the server said what cannot be: %s", bk_error_text(err));
		end(g, err, text);
	}
	if (!g->has_ended)
		bk_turn_ask(&g->turn);
}

/* --- where the board is --- */

static void on_ready(void *arg)
{
	send_join(arg);
}

static bool is_for_good(int error)
{
	return error == BK_E_PIN_MISMATCH || error == BK_E_UNAUTHORIZED || error == BK_E_VERSION;
}

/* On the LAN the board may change before we are in. */
static bool is_passing(const struct bk_group *g, int error)
{
	return !error || g->was_in || (bk_venue_is_on_lan(g->venue) && error == BK_E_SERVER_GONE);
}

static void on_lost(void *arg, int error, const char *text)
{
	struct bk_group *g = arg;

	if (g->has_said_leave)
		end(g, 0, "left");
	else if (!is_passing(g, error) || is_for_good(error))
		end(g, error, text);
	else
		be_lost(g, text);
}

static void on_venue_note(void *arg, int verbosity, const char *text)
{
	const struct bk_group *g = arg;

	bk_teller_note(&g->teller, verbosity, text);
}

static const struct bk_venue_events venue_events = {on_ready, on_group, on_lost, on_venue_note};

static void on_patience(void *arg)
{
	struct bk_group *g = arg;

	if (g->is_leaving)
		end(g, BK_E_TIMEOUT, "left before everything that was said had gone out");
	else if (g->was_in)
		come_again(g, "the server does not answer");
	else
		end(g, BK_E_UNSUPPORTED, "the server says nothing about groups: it is older than they are");
}

/* --- the beginning --- */

static uint64_t wall_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void derive(void *work)
{
	struct derivation *d = work;

	d->error = bk_invite_keys(d->invite, &d->keys);
	sodium_memzero(d->invite, sizeof(d->invite));
}

static int make_chain(struct bk_group *g, const struct bk_group_keys *keys)
{
	struct bk_chain_opts opts = {.keys = keys,
		.signer = &g->signer,
		.name = g->name,
		.events = &bk_teller_chain_events,
		.arg = &g->teller,
		.wants_all = g->wants_all};
	int err;

	randombytes_buf(&opts.seed, sizeof(opts.seed));
	randombytes_buf(&opts.sitting, sizeof(opts.sitting));
	opts.sitting >>= 1; /* room for those that follow it */
	err = bk_chain_new(&opts, &g->chain);
	g->teller.chain = g->chain;
	return err;
}

static void on_derived(void *arg)
{
	struct bk_group *g = arg;
	const struct derivation *d = bk_job_work(g->job);
	int err = d->error < 0 ? d->error : make_chain(g, &d->keys);

	if (!err)
		err = bk_venue_start(g->venue, d->keys.lan);
	memcpy(g->id, d->keys.id, sizeof(g->id));
	sodium_memzero((void *)(uintptr_t)d, sizeof(*d));
	bk_job_free(g->job);
	g->job = NULL;
	if (err < 0)
		end(g, err, bk_error_text(err));
}

static int read_opts(struct bk_group *g, const struct bk_group_opts *o, struct derivation *work,
	char text[BK_GROUP_SENTENCE_MAX])
{
	const struct bk_venue_opts venue = {.server = o->server,
		.token = o->token,
		.state_dir = o->state_dir,
		.lan = o->lan,
		.lan_peer = o->lan_peer};
	int err = bk_venue_new(g->loop, &venue, &venue_events, g, &g->venue, text);

	if (err < 0)
		return err;
	g->teller.venue = g->venue;
	g->wants_all = o->lan;
	if (!o->name || !bk_card_is_name(o->name)) {
		snprintf(text, BK_GROUP_SENTENCE_MAX, "a name has 1 to 64 bytes, and no control characters");
		return BK_E_INVALID;
	}
	strcpy(g->name, o->name);
	if (bk_group_invite_check(o->invite ? o->invite : "", work->invite, text) < 0)
		return BK_E_INVALID;
	if (bk_about_set(&g->about, o->about, o->about_len) < 0) {
		snprintf(text, BK_GROUP_SENTENCE_MAX, "what a card says about us has at most %d bytes",
			BK_GROUP_ABOUT_MAX);
		return BK_E_INVALID;
	}
	err = bk_room_key_open(o->state_dir, &g->signer);
	snprintf(text, BK_GROUP_SENTENCE_MAX, "cannot keep a key in '%.200s': %s",
		o->state_dir ? o->state_dir : "", bk_error_text(err));
	return err;
}

static int start(struct bk_group *g, const struct derivation *work, char text[BK_GROUP_SENTENCE_MAX])
{
	int err = bk_timer_new(g->loop, on_patience, g, &g->patience);

	if (!err)
		err = bk_timer_new(g->loop, on_wake, g, &g->wake);
	if (!err)
		err = bk_job_new(g->loop, derive, work, sizeof(*work), on_derived, g, &g->job);
	snprintf(text, BK_GROUP_SENTENCE_MAX, "cannot begin: %s", bk_error_text(err));
	return err;
}

int bk_group_new(struct bk_loop *loop, const struct bk_group_opts *opts, const struct bk_group_events *events,
	void *arg, struct bk_group **ret_group, char ret_text[BK_GROUP_SENTENCE_MAX])
{
	struct bk_group *g = calloc(1, sizeof(*g));
	char text[BK_GROUP_SENTENCE_MAX] = "options that this version does not know";
	struct derivation work = {0};
	struct bk_group_opts o;
	int err = g && sodium_init() >= 0 ? bk_opts_read(&o, opts, state_dir) : BK_E_NOMEM;

	if (!err)
		err = bk_opts_read(&g->teller.events, events, on_end);
	if (!err && (!g->teller.events.on_line || !g->teller.events.on_end))
		err = BK_E_INVALID;
	if (!err) {
		g->loop = loop;
		g->teller.group = g;
		g->teller.arg = arg;
		bk_turn_init(&g->turn, loop, on_turn, g);
		err = read_opts(g, &o, &work, text);
	}
	if (!err)
		err = start(g, &work, text);
	sodium_memzero(&work, sizeof(work));
	if (err >= 0) {
		*ret_group = g;
		return 0;
	}
	bk_group_free(g);
	if (ret_text)
		memcpy(ret_text, text, sizeof(text));
	return err;
}

void bk_group_free(struct bk_group *g)
{
	if (!g)
		return;
	bk_job_free(g->job);
	bk_venue_free(g->venue);
	bk_chain_free(g->chain);
	bk_timer_free(g->patience);
	bk_timer_free(g->wake);
	bk_turn_done(&g->turn);
	sodium_memzero(g, sizeof(*g));
	free(g);
}

/* --- what the person does --- */

static int check_saying(const struct bk_group *g)
{
	return g->has_ended || g->is_leaving ? BK_E_EOF : g->was_in ? 0 : BK_E_AGAIN;
}

int bk_group_say(struct bk_group *g, const char *text, size_t len, uint32_t *ret_ticket)
{
	int err = check_saying(g);

	if (!err)
		err = bk_chain_say(g->chain, text, len, wall_ms(), ret_ticket);
	if (!err)
		bk_turn_ask(&g->turn);
	return err;
}

int bk_group_whisper(struct bk_group *g, const uint8_t to[BK_GROUP_KEY_LEN], const char *text, size_t len,
	uint32_t *ret_ticket)
{
	int err = check_saying(g);

	if (!err)
		err = bk_chain_whisper(g->chain, to, text, len, wall_ms(), ret_ticket);
	if (!err)
		bk_turn_ask(&g->turn);
	return err;
}

int bk_group_call(struct bk_group *g, const uint8_t to[BK_GROUP_KEY_LEN], const char *purpose,
	const char *code, uint32_t *ret_ticket)
{
	struct bk_summons summons;
	int err = bk_summons_of(purpose, code, &summons);

	if (!err)
		err = check_saying(g);
	if (!err)
		err = bk_chain_call(g->chain, to, &summons, bk_loop_now(g->loop), wall_ms(), ret_ticket);
	if (!err)
		bk_turn_ask(&g->turn);
	return err;
}

int bk_group_set_about(struct bk_group *g, const void *about, size_t len)
{
	int err = g->has_ended || g->is_leaving ? BK_E_EOF : bk_about_set(&g->about, about, len);

	if (!err)
		bk_turn_ask(&g->turn);
	return err;
}

int bk_group_rekey(struct bk_group *g, const uint8_t (*without)[BK_GROUP_KEY_LEN], size_t without_len,
	char ret_invite[BK_GROUP_INVITE_MAX])
{
	char invite[BK_INVITE_STR_MAX];
	int err = check_saying(g);

	if (!err)
		err = bk_invite_make(invite);
	if (!err)
		err = bk_chain_rekey(g->chain, invite, without, without_len, wall_ms());
	if (err < 0)
		return err;
	memcpy(ret_invite, invite, sizeof(invite));
	bk_turn_ask(&g->turn);
	return 0;
}

void bk_group_forget_name(struct bk_group *g, const char *name)
{
	if (g->chain)
		bk_chain_forget(g->chain, name);
}

const char *bk_group_server_pin(struct bk_group *g)
{
	return bk_venue_server_pin(g->venue);
}

void bk_group_leave(struct bk_group *g)
{
	if (g->has_ended || g->is_leaving)
		return;
	g->is_leaving = true;
	if (!g->was_in) {
		end(g, 0, "left");
		return;
	}
	bk_timer_start(g->patience, LEAVE_PATIENCE);
	bk_turn_ask(&g->turn);
}

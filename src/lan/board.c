/* SPDX-License-Identifier: Apache-2.0 */
/* Where the board of a group is on a LAN. What is found may be anybody's invention, so everything that is found is
 * tried, few places at a time and not for long, and the first whose server has the key that the word tells is the
 * one. Who keeps the board goes on looking: a network that was parted becomes one again.
 *
 * Nothing is decided inside an event of a box: the turn does. */
#include "lan/board.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "lan/gate.h"
#include "lan/home.h"
#include "lan/succession.h"
#include "net/turn.h"

enum { SPOTS = BK_BEACON_PLACES_MAX, TEXT_MAX = 512 };

#define LOOK_FIRST    (300 * BK_MS) /* and as much again by chance: two that come at once are seldom alike */
#define LOOK_NEXT     (150 * BK_MS) /* of the one whose turn it is; two questions fit in */
#define LOOK_RANK     (400 * BK_MS) /* for each before us */
#define LOOK_CHANCE   (50 * BK_MS)
#define LOOK_MAX      (2 * BK_SEC)
#define SEEK_LOOKING  BK_SEC /* then it is asked anew */
#define SEEK_KEEPING  (10 * BK_SEC)
#define SPOT_PATIENCE BK_SEC /* until a place that was found has shown its key */
#define PING_INTERVAL BK_SEC
#define PEER_WAIT     BK_SEC /* two who name each other are not to change places */

enum spot_state { FREE, TRYING, PROVEN, BAD, CLOSED };

/* A place where the board may be, and our box there. */
struct spot {
	struct bk_lan_board *of;
	enum spot_state state;
	struct bk_addr addr;
	struct bk_beacon_word word;
	struct bk_rdv_mailbox *mailbox; /* freed by the turn; borrowed: our own place */
	void *box;
	bk_time until;      /* it has shown its key by then */
	bk_time not_before; /* we go there */
};

struct bk_lan_board {
	struct bk_loop *loop;
	const struct bk_lan_board_events *events;
	void *arg;
	struct bk_lan_reach reach;
	uint8_t secret[BK_LAN_BOARD_SECRET_LEN];
	struct bk_beacon_name name;
	struct bk_air_seeker seeker;
	struct bk_timer *timer;
	struct bk_turn turn;
	bool is_open, is_looking;
	bool is_last_call; /* what was found by the end of looking has a moment more, once */
	bk_time look_until;
	struct spot spots[SPOTS];
	struct spot own; /* ours: its word, and the box while we are at our own board */
	struct spot *at; /* NULL: nowhere */
	bool is_ready;   /* to be told */
	int error;       /* how `at` ended, to be told */
	char text[TEXT_MAX];
	struct bk_home home, retiring; /* the one that we keep, one that others are leaving */
	int host;                      /* the beacon; negative: it is not told */
	struct bk_gate *gate;          /* to a server; NULL: we offer none */
	int offer;                     /* its beacon */
	struct bk_succession succession;
	void (*on_left)(void *arg);
	void *on_left_arg;
};

static struct bk_lan_board *board_of(struct bk_air_seeker *s)
{
	return (struct bk_lan_board *)((char *)s - offsetof(struct bk_lan_board, seeker));
}

static bool is_keeping(const struct bk_lan_board *b)
{
	return b->at == &b->own;
}

/* What a server with that key is to be announced with: one that we keep, or one that we go to. */
static struct bk_beacon_word word_of(const struct bk_lan_board *b, const struct bk_pin *pin, bool is_foremost)
{
	return bk_beacon_word_of_server(b->secret, sizeof(b->secret), pin->bytes, is_foremost);
}

/* --- places --- */

static void close_box(struct spot *s)
{
	if (s->box)
		bk_rdv_ops.close(s->box);
	s->box = NULL;
}

static void free_spot(struct spot *s)
{
	close_box(s);
	bk_rdv_mailbox_free(s->mailbox);
	s->mailbox = NULL;
	s->state = FREE;
}

/* The mailbox goes with the turn: its box may be in the middle of an event. */
static void close_spot(struct spot *s)
{
	close_box(s);
	if (s != &s->of->own && s->state != FREE)
		s->state = CLOSED;
	bk_turn_ask(&s->of->turn);
}

static void on_spot_ready(void *arg)
{
	struct spot *s = arg;
	struct bk_lan_board *b = s->of;
	struct bk_beacon_word word;

	if (s == &b->own) {
		b->is_ready = true;
	} else {
		word = word_of(b, &s->mailbox->target.pin, s->word.is_foremost);
		s->state = sodium_memcmp(word.bytes, s->word.bytes, sizeof(word.bytes)) ? BAD : PROVEN;
	}
	bk_turn_ask(&b->turn);
}

static void on_spot_view(void *arg)
{
	(void)arg;
}

static void on_spot_end(void *arg, int error, const char *text)
{
	struct spot *s = arg;
	struct bk_lan_board *b = s->of;

	bk_log_debug("lan", "%s: %s", text, bk_error_text(error));
	if (s == b->at) {
		b->error = BK_E_SERVER_GONE;
		snprintf(b->text, sizeof(b->text), "whoever kept the group on this network is gone");
	} else {
		s->state = BAD;
	}
	bk_turn_ask(&b->turn);
}

static void on_spot_group(void *arg, const uint8_t *body, size_t n)
{
	struct spot *s = arg;
	struct bk_lan_board *b = s->of;

	if (s != b->at)
		return;
	bk_succession_hear(&b->succession, body, n);
	b->events->on_group(b->arg, body, n);
}

static int open_box(struct spot *s, struct bk_rdv_mailbox *mailbox)
{
	static const struct bk_mailbox_events events = {
		.on_ready = on_spot_ready, .on_view = on_spot_view, .on_end = on_spot_end};

	mailbox->on_group = on_spot_group;
	return bk_rdv_ops.open(mailbox, s->of->loop, &events, s, &s->box);
}

static void arm(struct bk_lan_board *b)
{
	bk_time now = bk_loop_now(b->loop), wake = b->is_looking ? b->look_until : BK_NEVER;

	for (int i = 0; i < SPOTS; i++) {
		const struct spot *s = &b->spots[i];

		if (s->state == TRYING)
			wake = bk_time_min(wake, s->until);
		else if (s->state == PROVEN && s->not_before > now)
			wake = bk_time_min(wake, s->not_before);
	}
	if (wake == BK_NEVER)
		bk_timer_stop(b->timer);
	else
		bk_timer_start(b->timer, wake > now ? wake - now : 0);
}

static struct spot *find_spot(struct bk_lan_board *b, const struct bk_addr *place)
{
	struct spot *found = NULL;

	for (int i = 0; i < SPOTS; i++) {
		struct spot *s = &b->spots[i];

		if (s->state == FREE)
			found = s;
		else if (bk_addr_equal(&s->addr, place))
			return NULL;
	}
	return found;
}

static void try_place(
	struct bk_lan_board *b, const struct bk_addr *place, const struct bk_beacon_word *word, bk_dur wait)
{
	char target[BK_AIR_PLACE_MAX];
	const struct bk_rdv_opts opts = {.server = target, .is_hidden = true};
	struct spot *s = find_spot(b, place);

	if (!s)
		return;
	bk_air_place_to_str(place, target);
	bk_log_debug("lan", "the group's board may be at %s", target);
	*s = (struct spot){.of = b,
		.state = TRYING,
		.addr = *place,
		.word = *word,
		.until = bk_loop_now(b->loop) + SPOT_PATIENCE,
		.not_before = bk_loop_now(b->loop) + wait};
	if (bk_rdv_mailbox_new(&opts, &s->mailbox) < 0 || open_box(s, s->mailbox) < 0)
		free_spot(s);
	arm(b);
}

/* --- looking --- */

static void seek(struct bk_lan_board *b)
{
	bk_air_rest(b->reach.air, &b->seeker);
	if (bk_air_seek(b->reach.air, &b->seeker, &b->name, b->at ? SEEK_KEEPING : SEEK_LOOKING) < 0)
		bk_log_info("lan", "cannot look for the group on this network");
}

/* One that others know of: the smaller word is the one, and the other one's keeper is to hear of it. */
static bool is_ours_the_one(const struct bk_lan_board *b, const struct bk_beacon_word *word)
{
	return is_keeping(b) && b->host >= 0 && !word->is_foremost &&
	       memcmp(b->own.word.bytes, word->bytes, sizeof(word->bytes)) < 0;
}

static void on_found(
	struct bk_air_seeker *seeker, const struct bk_addr *place, const struct bk_beacon_word *word)
{
	struct bk_lan_board *b = board_of(seeker);

	if (!memcmp(word->bytes, b->own.word.bytes, sizeof(word->bytes)))
		return;
	if (!is_ours_the_one(b, word))
		try_place(b, place, word, 0);
	else if (bk_air_is_peer(b->reach.air,
			 place)) /* he may have no way to hear of us, nor others but through him */
		try_place(b, place, word, (bk_dur)randombytes_uniform((uint32_t)(PEER_WAIT / BK_US)) * BK_US);
	else
		bk_air_tell(b->reach.air, b->host, place);
}

static void on_over(struct bk_air_seeker *seeker)
{
	seek(board_of(seeker));
}

static void look(struct bk_lan_board *b)
{
	bk_dur patience = LOOK_FIRST + (bk_dur)randombytes_uniform((uint32_t)(LOOK_FIRST / BK_US)) * BK_US;

	if (b->succession.was_in)
		patience = bk_time_min(LOOK_MAX, LOOK_NEXT + bk_succession_rank(&b->succession) * LOOK_RANK) +
			   (bk_dur)randombytes_uniform((uint32_t)(LOOK_CHANCE / BK_US)) * BK_US;
	b->is_looking = true;
	b->is_last_call = false;
	b->look_until = bk_loop_now(b->loop) + patience;
	seek(b);
	arm(b);
}

/* --- keeping --- */

static int go_home(struct bk_lan_board *b)
{
	b->is_looking = false;
	b->at = &b->own;
	return b->own.box ? 0 : open_box(&b->own, b->home.way);
}

static void keep(struct bk_lan_board *b)
{
	const struct bk_home_limits limits = {.clients_max = 1024,
		.messages_per_second = 100,
		.posts_burst = 300, /* what we keep is told to it at once */
		.relays_max = 1,
		.ping_interval = PING_INTERVAL};
	int err = bk_home_open(&b->home, b->loop, &limits);

	if (!err) {
		b->own.word = word_of(b, &b->home.way->target.pin, false);
		err = go_home(b);
	}
	if (err < 0) {
		b->error = err;
		snprintf(b->text, sizeof(b->text), "cannot keep the group on this network: %s",
			bk_error_text(err));
		bk_turn_ask(&b->turn);
	}
	seek(b);
}

static void on_retired(void *arg)
{
	struct bk_lan_board *b = arg;
	void (*fn)(void *) = b->on_left;

	bk_home_close(&b->retiring);
	b->on_left = NULL;
	if (fn)
		fn(b->on_left_arg);
}

/* Who is there is told what he has not had, and that it is over. */
static void retire(struct bk_lan_board *b)
{
	if (b->host >= 0)
		bk_air_forget(b->reach.air, b->host);
	b->host = -1;
	close_box(&b->own);
	b->own.word = (struct bk_beacon_word){.bytes = {0}};
	if (!b->home.server)
		return;
	bk_home_close(&b->retiring);
	b->retiring = b->home;
	b->home = (struct bk_home){0};
	bk_server_stop(b->retiring.server, on_retired, b);
}

/* --- decisions --- */

static struct spot *find_proven(struct bk_lan_board *b)
{
	for (int i = 0; i < SPOTS; i++)
		if (b->spots[i].state == PROVEN && b->spots[i].not_before <= bk_loop_now(b->loop))
			return &b->spots[i];
	return NULL;
}

static void tidy(struct bk_lan_board *b)
{
	for (int i = 0; i < SPOTS; i++)
		if (b->spots[i].state == BAD || b->spots[i].state == CLOSED)
			free_spot(&b->spots[i]);
}

static void close_spots_but(struct bk_lan_board *b, const struct spot *but)
{
	for (int i = 0; i < SPOTS; i++)
		if (&b->spots[i] != but)
			close_spot(&b->spots[i]);
}

static void settle(struct bk_lan_board *b, struct spot *s)
{
	close_spots_but(b, s);
	bk_air_rest(b->reach.air, &b->seeker);
	b->is_looking = false;
	b->at = s;
	b->is_ready = true;
	bk_timer_stop(b->timer);
}

/* We kept one, and there is another one. It stays proven until we open again. */
static void move_to(struct bk_lan_board *b, const struct spot *s)
{
	close_spots_but(b, s);
	retire(b);
	b->at = NULL;
	b->error = BK_E_SERVER_GONE;
	snprintf(
		b->text, sizeof(b->text), "another member keeps the group on this network, too: going there");
}

static void tell(struct bk_lan_board *b)
{
	int error = b->error;

	if (error) {
		b->error = 0;
		b->is_ready = false;
		b->events->on_end(b->arg, error, b->text);
	} else if (b->is_ready && b->at) {
		b->is_ready = false;
		b->events->on_ready(b->arg);
	}
}

static void on_turn(void *arg)
{
	struct bk_lan_board *b = arg;
	struct spot *s;

	tidy(b);
	s = b->is_open ? find_proven(b) : NULL;
	if (s && !b->at)
		settle(b, s);
	else if (s && is_keeping(b))
		move_to(b, s);
	if (b->is_open)
		arm(b);
	tell(b);
}

static void on_time(void *arg)
{
	struct bk_lan_board *b = arg;
	bk_time now = bk_loop_now(b->loop);
	bool is_trying = false;

	if (find_proven(b))
		bk_turn_ask(&b->turn);
	for (int i = 0; i < SPOTS; i++) {
		struct spot *s = &b->spots[i];

		if (s->state == TRYING && s->until <= now)
			close_spot(s);
		is_trying |= s->state == TRYING || s->state == PROVEN;
	}
	if (b->is_looking && b->look_until <= now && is_trying && !b->is_last_call) {
		b->is_last_call = true;
		b->look_until = now + SPOT_PATIENCE;
	} else if (b->is_looking && b->look_until <= now) {
		keep(b);
	}
	arm(b);
}

/* --- the doors --- */

int bk_lan_board_open(struct bk_lan_board *b)
{
	int err = bk_lan_reach_start(&b->reach, b->loop);

	if (err < 0)
		return err;
	b->is_open = true;
	b->error = 0;
	b->is_ready = false;
	if (find_proven(b))
		bk_turn_ask(&b->turn);
	else if (b->home.server)
		err = go_home(b);
	else
		look(b);
	return err;
}

void bk_lan_board_close(struct bk_lan_board *b)
{
	b->is_open = b->is_looking = b->is_ready = false;
	b->error = 0;
	if (b->at)
		close_spot(b->at);
	b->at = NULL;
	if (b->reach.air && !b->home.server)
		bk_air_rest(b->reach.air, &b->seeker);
	bk_timer_stop(b->timer);
}

bool bk_lan_board_is_ours(const struct bk_lan_board *b)
{
	return is_keeping(b);
}

void bk_lan_board_settled(struct bk_lan_board *b)
{
	char on[BK_RADIO_TEXT_MAX], text[TEXT_MAX];

	if (!is_keeping(b) || b->host >= 0)
		return;
	b->host = bk_air_host(b->reach.air, &b->name, &b->own.word, bk_server_port(b->home.server));
	bk_air_describe(b->reach.air, on);
	snprintf(text, sizeof(text),
		*on ? "the group is kept here, for others on %s"
		    : "the group is kept here, and no network is there",
		on);
	b->events->on_note(b->arg, 1, text);
}

int bk_lan_board_offer(struct bk_lan_board *b, const struct bk_addr *server, const struct bk_pin *pin)
{
	struct bk_beacon_word word = word_of(b, pin, true);
	int err = b->gate ? 0 : bk_lan_reach_start(&b->reach, b->loop);

	if (err < 0 || b->gate)
		return err;
	err = bk_gate_new(b->loop, server, &b->gate);
	if (err < 0)
		return err;
	b->offer = bk_air_host(b->reach.air, &b->name, &word, bk_gate_port(b->gate));
	return 0;
}

void bk_lan_board_withdraw(struct bk_lan_board *b)
{
	if (b->offer >= 0)
		bk_air_forget(b->reach.air, b->offer);
	b->offer = -1;
	bk_gate_free(b->gate);
	b->gate = NULL;
}

int bk_lan_board_send(struct bk_lan_board *b, const void *body, size_t n)
{
	return b->at && b->at->box ? bk_rdv_send_group(b->at->box, body, n) : BK_E_EOF;
}

void bk_lan_board_flush(struct bk_lan_board *b, void (*fn)(void *fn_arg), void *fn_arg)
{
	if (b->at && b->at->box)
		bk_rdv_ops.flush(b->at->box, fn, fn_arg);
	else
		fn(fn_arg);
}

void bk_lan_board_leave(struct bk_lan_board *b, void (*fn)(void *fn_arg), void *fn_arg)
{
	if (b->home.server) {
		retire(b);
		b->on_left = fn;
		b->on_left_arg = fn_arg;
	} else if (fn) {
		fn(fn_arg);
	}
}

/* --- life --- */

int bk_lan_board_new(struct bk_loop *loop, const struct bk_lan_opts *opts,
	const uint8_t secret[BK_LAN_BOARD_SECRET_LEN], const struct bk_lan_board_events *events, void *arg,
	struct bk_lan_board **ret_board)
{
	struct bk_lan_board *b = calloc(1, sizeof(*b));
	int err;

	if (!b)
		return BK_E_NOMEM;
	b->loop = loop;
	b->events = events;
	b->arg = arg;
	b->host = b->offer = -1;
	b->own.of = b;
	b->seeker = (struct bk_air_seeker){.on_found = on_found, .on_over = on_over, .id = BK_AIR_IDLE};
	for (int i = 0; i < SPOTS; i++)
		b->spots[i].of = b;
	memcpy(b->secret, secret, sizeof(b->secret));
	b->name = bk_beacon_name_of_group(secret, BK_LAN_BOARD_SECRET_LEN);
	bk_turn_init(&b->turn, loop, on_turn, b);
	err = bk_lan_reach_init(&b->reach, opts);
	if (!err)
		err = bk_timer_new(loop, on_time, b, &b->timer);
	if (err < 0)
		bk_lan_board_free(b);
	else
		*ret_board = b;
	return err;
}

void bk_lan_board_free(struct bk_lan_board *b)
{
	if (!b)
		return;
	bk_turn_done(&b->turn);
	bk_timer_free(b->timer);
	bk_gate_free(b->gate);
	if (b->reach.air)
		bk_air_rest(b->reach.air, &b->seeker);
	for (int i = 0; i < SPOTS; i++)
		free_spot(&b->spots[i]);
	close_box(&b->own);
	bk_home_close(&b->home);
	bk_home_close(&b->retiring);
	bk_lan_reach_done(&b->reach);
	sodium_memzero(b, sizeof(*b));
	free(b);
}

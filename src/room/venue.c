/* SPDX-License-Identifier: Apache-2.0 */
/* A group lives at one board, so who has a server goes to the LAN only where the server is out of the network's reach,
 * and looks for it there again and again: two boards at once, one for those whom the server is in reach of, are not
 * worse than none for the others, and what was said at one comes with its sender to the other. */
#include "room/venue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/error.h"
#include "lan/board.h"
#include "net/netwatch.h"
#include "net/turn.h"
#include "rendezvous/mailbox.h"

_Static_assert((int)BK_VENUE_SECRET_LEN == (int)BK_LAN_BOARD_SECRET_LEN, "it is handed on");

#define RETRY_FIRST (BK_SEC / 2)
#define RETRY_MAX   (8 * BK_SEC)
#define SLOW        (4 * BK_SEC) /* a server that says nothing: a first packet that is lost twice comes after 3 s */
#define LAN_AFTER   (5 * BK_SEC) /* a server that we were at may be about to come back */
#define PROBE_EVERY (5 * BK_SEC) /* on the LAN, whether the server is there again */

struct bk_venue {
	struct bk_loop *loop;
	const struct bk_venue_events *events;
	void *arg;
	struct bk_rdv_mailbox *server; /* NULL: none is named */
	void *box;                     /* there; on the LAN: to see whether it is in reach */
	bool is_box_ready;
	char *lan, *lan_peer; /* lan NULL: not there */
	struct bk_lan_board *board;
	bool is_on_lan;
	bool was_at_server, has_said_lan;
	bool was_settled; /* since we came */
	bk_time lost_at;  /* the server, when we were there last */
	struct bk_timer *retry, *probe;
	struct bk_turn back;          /* the server is there again */
	struct bk_netwatch *netwatch; /* NULL: this system does not tell */
	bk_dur pause;
	char server_pin[BK_PIN_STR_MAX];
};

static void open_venue(void *arg);

static void note(struct bk_venue *v, int verbosity, const char *text)
{
	v->events->on_note(v->arg, verbosity, text);
}

static void close_box(struct bk_venue *v)
{
	if (v->box)
		bk_rdv_ops.close(v->box);
	v->box = NULL;
	v->is_box_ready = false;
}

static void close_venue(struct bk_venue *v)
{
	bk_timer_stop(v->retry);
	bk_timer_stop(v->probe);
	bk_turn_done(&v->back);
	close_box(v);
	if (!v->board)
		return;
	bk_lan_board_withdraw(v->board);
	bk_lan_board_close(v->board);
}

/* Whoever hears of it may stop us. */
static void lose(struct bk_venue *v, int error, const char *text)
{
	bool is_soon = v->is_on_lan && v->was_settled; /* somebody else is about to keep it */

	close_venue(v);
	bk_timer_start(v->retry, is_soon ? 0 : v->pause);
	v->pause = bk_time_min(2 * v->pause, RETRY_MAX);
	v->was_settled = false;
	v->events->on_lost(v->arg, error, text);
}

/* --- on the LAN --- */

static void on_board_ready(void *arg)
{
	struct bk_venue *v = arg;

	v->events->on_ready(v->arg);
}

static void on_board_group(void *arg, const uint8_t *body, size_t n)
{
	struct bk_venue *v = arg;

	v->events->on_group(v->arg, body, n);
}

static void on_board_end(void *arg, int error, const char *text)
{
	lose(arg, error, text);
}

static void on_board_note(void *arg, int verbosity, const char *text)
{
	note(arg, verbosity, text);
}

static void open_on_lan(struct bk_venue *v)
{
	int err;

	close_box(v);
	v->is_on_lan = true;
	if (v->server)
		bk_timer_start(v->probe, PROBE_EVERY);
	err = bk_lan_board_open(v->board);
	if (err < 0)
		lose(v, err, bk_error_text(err));
}

static void go_to_lan(struct bk_venue *v, const char *why)
{
	char text[BK_GROUP_SENTENCE_MAX];

	snprintf(text, sizeof(text), "%.400s; looking on this network alone", why);
	if (!v->has_said_lan)
		note(v, -1, text);
	v->has_said_lan = true;
	open_on_lan(v);
}

/* --- at the server --- */

static bool is_out_of_reach(int error)
{
	return error == BK_E_REFUSED || error == BK_E_UNREACHABLE || error == BK_E_TIMEOUT ||
	       error == BK_E_RESOLVE || error == BK_E_SERVER_GONE || error == BK_E_IDLE;
}

static bool may_go_to_lan(const struct bk_venue *v)
{
	return v->lan && (!v->was_at_server || bk_loop_now(v->loop) - v->lost_at >= LAN_AFTER);
}

/* From the turn: the LAN is left for it. */
static void on_back(void *arg)
{
	struct bk_venue *v = arg;

	bk_timer_stop(v->probe);
	bk_lan_board_close(v->board);
	bk_lan_board_leave(v->board, NULL, NULL);
	v->is_on_lan = v->has_said_lan = false;
	v->events->on_lost(v->arg, 0, "the server is in reach again");
	if (v->is_box_ready)
		v->events->on_ready(v->arg);
}

static void on_ready(void *arg)
{
	struct bk_venue *v = arg;

	v->is_box_ready = true;
	bk_timer_stop(v->probe);
	if (!v->is_on_lan) {
		v->events->on_ready(v->arg);
		return;
	}
	bk_turn_init(&v->back, v->loop, on_back, v);
	bk_turn_ask(&v->back);
}

static void on_view(void *arg)
{
	(void)arg;
}

static void on_end(void *arg, int error, const char *text)
{
	struct bk_venue *v = arg;

	if (v->is_on_lan) {
		close_box(v);
		bk_turn_done(&v->back);
		bk_timer_start(v->probe, PROBE_EVERY);
	} else if (is_out_of_reach(error) && may_go_to_lan(v) && !v->is_box_ready) {
		go_to_lan(v, text);
	} else {
		if (v->is_box_ready)
			v->lost_at = bk_loop_now(v->loop);
		lose(v, error, text);
	}
}

static void on_note(void *arg, int verbosity, const char *text)
{
	note(arg, verbosity, text);
}

static void on_server_group(void *arg, const uint8_t *body, size_t n)
{
	struct bk_venue *v = arg;

	if (!v->is_on_lan)
		v->events->on_group(v->arg, body, n);
}

static int open_box(struct bk_venue *v)
{
	static const struct bk_mailbox_events events = {
		.on_ready = on_ready, .on_view = on_view, .on_end = on_end, .on_note = on_note};

	close_box(v);
	return bk_rdv_ops.open(v->server, v->loop, &events, v, &v->box);
}

/* The server is slow; or, on the LAN, it is time to see whether it is there again. */
static void on_probe(void *arg)
{
	struct bk_venue *v = arg;
	char text[BK_GROUP_SENTENCE_MAX];

	if (!v->is_on_lan) {
		snprintf(text, sizeof(text), "server '%.300s' does not answer", v->server->target.host);
		go_to_lan(v, text);
	} else if (open_box(v) < 0) {
		bk_timer_start(v->probe, PROBE_EVERY);
	}
}

static void open_venue(void *arg)
{
	struct bk_venue *v = arg;
	int err;

	if (v->is_on_lan || !v->server) {
		open_on_lan(v);
		return;
	}
	err = open_box(v);
	if (err < 0)
		lose(v, err, bk_error_text(err));
	else if (may_go_to_lan(v))
		bk_timer_start(v->probe, SLOW);
}

static void on_network(void *arg)
{
	struct bk_venue *v = arg;

	if (v->box && v->is_box_ready)
		bk_rdv_hurry(v->box);
}

/* --- the doors --- */

static int copy(const char *from, char **ret_to)
{
	*ret_to = from ? strdup(from) : NULL;
	return from && !*ret_to ? BK_E_NOMEM : 0;
}

static int read_opts(struct bk_venue *v, const struct bk_venue_opts *o, char text[BK_GROUP_SENTENCE_MAX])
{
	const struct bk_rdv_opts rdv = {
		.server = o->server, .token = o->token, .state_dir = o->state_dir, .is_hidden = true};
	int err = copy(o->lan, &v->lan);

	if (!err)
		err = copy(o->lan_peer, &v->lan_peer);
	if (err < 0 || !o->server)
		return err;
	err = bk_rdv_mailbox_new(&rdv, &v->server);
	snprintf(text, BK_GROUP_SENTENCE_MAX, "cannot use the server '%.200s': %s", o->server,
		bk_error_text(err));
	if (!err)
		v->server->on_group = on_server_group;
	return err;
}

int bk_venue_new(struct bk_loop *loop, const struct bk_venue_opts *opts, const struct bk_venue_events *events,
	void *arg, struct bk_venue **ret_venue, char text[BK_GROUP_SENTENCE_MAX])
{
	struct bk_venue *v = opts->server || opts->lan ? calloc(1, sizeof(*v)) : NULL;
	int err;

	snprintf(text, BK_GROUP_SENTENCE_MAX, "%s",
		opts->server || opts->lan ? "out of memory" : "no server is named");
	if (!v)
		return opts->server || opts->lan ? BK_E_NOMEM : BK_E_INVALID;
	v->loop = loop;
	v->events = events;
	v->arg = arg;
	v->pause = RETRY_FIRST;
	err = read_opts(v, opts, text);
	if (!err)
		err = bk_timer_new(loop, open_venue, v, &v->retry);
	if (!err)
		err = bk_timer_new(loop, on_probe, v, &v->probe);
	if (!err && v->server && bk_netwatch_new(loop, on_network, v, &v->netwatch) < 0)
		v->netwatch = NULL; /* then a dead connection is found by its silence */
	if (err < 0)
		bk_venue_free(v);
	else
		*ret_venue = v;
	return err;
}

void bk_venue_free(struct bk_venue *v)
{
	if (!v)
		return;
	close_box(v);
	bk_turn_done(&v->back);
	bk_timer_free(v->retry);
	bk_timer_free(v->probe);
	bk_netwatch_free(v->netwatch);
	bk_lan_board_free(v->board);
	bk_rdv_mailbox_free(v->server);
	free(v->lan);
	free(v->lan_peer);
	free(v);
}

int bk_venue_start(struct bk_venue *v, const uint8_t secret[BK_VENUE_SECRET_LEN])
{
	static const struct bk_lan_board_events events = {
		on_board_ready, on_board_group, on_board_end, on_board_note};
	const struct bk_lan_opts opts = {.interfaces = v->lan, .peer = v->lan_peer};
	int err = v->lan ? bk_lan_board_new(v->loop, &opts, secret, &events, v, &v->board) : 0;

	if (!err)
		bk_timer_start(v->retry, 0);
	return err;
}

void bk_venue_again(struct bk_venue *v)
{
	bk_dur pause = v->pause;

	close_venue(v);
	v->pause = bk_time_min(2 * v->pause, RETRY_MAX);
	bk_timer_start(v->retry, pause);
}

/* Others on the LAN may not reach it; but what listens on this machine alone is not for them. */
static void offer_server(struct bk_venue *v)
{
	struct bk_mailbox_view view = {0};

	bk_rdv_ops.view(v->box, &view);
	if (v->board && view.relay.family && !bk_addr_is_loopback(&view.relay))
		(void)bk_lan_board_offer(v->board, &view.relay, &v->server->target.pin);
}

void bk_venue_settled(struct bk_venue *v)
{
	v->pause = RETRY_FIRST;
	v->was_settled = true;
	if (v->is_on_lan) {
		bk_lan_board_settled(v->board);
		return;
	}
	v->was_at_server = true;
	offer_server(v);
}

void bk_venue_stop(struct bk_venue *v)
{
	close_venue(v);
}

bool bk_venue_is_ours(const struct bk_venue *v)
{
	return v->is_on_lan && bk_lan_board_is_ours(v->board);
}

bool bk_venue_is_on_lan(const struct bk_venue *v)
{
	return v->is_on_lan;
}

const char *bk_venue_server_pin(struct bk_venue *v)
{
	if (!v->server || !v->server->target.has_pin)
		return NULL;
	return bk_pin_to_str(&v->server->target.pin, v->server_pin);
}

int bk_venue_send(struct bk_venue *v, const void *body, size_t n)
{
	if (v->is_on_lan)
		return bk_lan_board_send(v->board, body, n);
	return v->is_box_ready ? bk_rdv_send_group(v->box, body, n) : BK_E_EOF;
}

void bk_venue_flush(struct bk_venue *v, void (*fn)(void *fn_arg), void *fn_arg)
{
	if (v->is_on_lan)
		bk_lan_board_flush(v->board, fn, fn_arg);
	else if (v->is_box_ready)
		bk_rdv_ops.flush(v->box, fn, fn_arg);
	else
		fn(fn_arg);
}

void bk_venue_leave(struct bk_venue *v, void (*fn)(void *fn_arg), void *fn_arg)
{
	close_venue(v);
	if (v->board)
		bk_lan_board_leave(v->board, fn, fn_arg);
	else
		fn(fn_arg);
}

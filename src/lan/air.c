/* SPDX-License-Identifier: Apache-2.0 */
/* The engine's doors on real sockets and a real clock. What it found is told from the loop, one thing after the other;
 * who hears it may seek again at once. */
#include "lan/air.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "base/place.h"
#include "net/resolve.h"
#include "net/turn.h"

struct bk_air {
	struct bk_loop *loop;
	struct bk_beacon beacon;
	struct bk_radio *radio;
	struct bk_timer *timer;
	struct bk_turn turn;
	struct bk_air_seeker *seekers[BK_BEACON_SEEKS_MAX];
	struct bk_place peer;
	uint16_t port; /* of everybody's beacons */
	bool has_peer;
	struct bk_resolve *resolve;
	struct bk_addr peers[BK_RESOLVE_MAX]; /* where the peer is */
	size_t peers_len;
	struct bk_timer *calling;
};

/* A question by the peer's address, again and again while somebody seeks. */
#define CALL_INTERVAL (500 * BK_MS)

static void call_peer(void *arg)
{
	struct bk_air *a = arg;
	uint8_t data[BK_BEACON_LEN];
	bool is_wanted = false;

	for (int i = 0; i < BK_BEACON_SEEKS_MAX; i++) {
		if (!a->seekers[i])
			continue;
		is_wanted = true;
		bk_beacon_question(&a->beacon, i, bk_loop_now(a->loop), data);
		for (size_t p = 0; p < a->peers_len; p++)
			bk_radio_call(a->radio, &a->peers[p], data, sizeof(data));
	}
	if (is_wanted && a->peers_len)
		bk_timer_start(a->calling, CALL_INTERVAL);
}

static void on_resolved(void *arg, int err, const struct bk_addr *addrs, size_t len)
{
	struct bk_air *a = arg;

	(void)err;
	for (size_t i = 0; i < len && i < BK_RESOLVE_MAX; i++)
		a->peers[a->peers_len++] = addrs[i];
	call_peer(a);
}

static void tell(struct bk_air *a, const struct bk_beacon_action *act)
{
	struct bk_air_seeker *s = a->seekers[act->id];

	if (!s)
		return;
	if (act->what == BK_BEACON_FOUND) {
		s->on_found(s, &act->addr, &act->word);
		return;
	}
	a->seekers[act->id] = NULL;
	s->id = BK_AIR_IDLE;
	s->on_over(s);
}

/* What is found may have its finder seek something else. */
static void perform(void *arg)
{
	struct bk_air *a = arg;
	struct bk_beacon_action act;
	bk_time wake;

	bk_beacon_on_time(&a->beacon, bk_loop_now(a->loop));
	while (bk_beacon_next(&a->beacon, &act)) {
		if (act.what == BK_BEACON_PASS)
			bk_radio_pass(a->radio, act.data, act.len);
		else if (act.what != BK_BEACON_SEND)
			tell(a, &act);
		else if (act.addr.family)
			bk_radio_answer(a->radio, &act.addr, act.data, act.len);
		else
			bk_radio_shout(a->radio, act.data, act.len);
	}
	wake = bk_beacon_wake(&a->beacon);
	if (wake == BK_NEVER)
		bk_timer_stop(a->timer);
	else
		bk_timer_start(a->timer, wake - bk_loop_now(a->loop));
}

static void on_datagram(void *arg, const struct bk_addr *from, const uint8_t *data, size_t len)
{
	struct bk_air *a = arg;

	bk_beacon_on_datagram(&a->beacon, from, data, len, bk_loop_now(a->loop));
	bk_turn_ask(&a->turn);
}

static void on_moved(void *arg)
{
	struct bk_air *a = arg;

	bk_beacon_moved(&a->beacon, bk_loop_now(a->loop));
	bk_turn_ask(&a->turn);
}

/* --- what the mailbox wants --- */

int bk_air_seek(struct bk_air *a, struct bk_air_seeker *s, const struct bk_beacon_name *name, bk_dur patience)
{
	int id = bk_beacon_seek(&a->beacon, name, patience, bk_loop_now(a->loop));

	if (id < 0)
		return id;
	s->id = id;
	a->seekers[id] = s;
	bk_turn_ask(&a->turn);
	if (a->peers_len)
		bk_timer_start(a->calling, 0);
	return 0;
}

void bk_air_rest(struct bk_air *a, struct bk_air_seeker *s)
{
	if (s->id == BK_AIR_IDLE)
		return;
	a->seekers[s->id] = NULL;
	bk_beacon_rest(&a->beacon, s->id);
	s->id = BK_AIR_IDLE;
}

int bk_air_host(
	struct bk_air *a, const struct bk_beacon_name *name, const struct bk_beacon_word *word, uint16_t port)
{
	bk_turn_ask(&a->turn);
	return bk_beacon_host(&a->beacon, name, word, port, bk_loop_now(a->loop));
}

bool bk_air_is_peer(const struct bk_air *a, const struct bk_addr *place)
{
	for (size_t i = 0; i < a->peers_len; i++)
		if (bk_addr_equal_ip(&a->peers[i], place))
			return true;
	return false;
}

void bk_air_tell(struct bk_air *a, int host, const struct bk_addr *place)
{
	const struct bk_addr to = bk_addr_with_port(*place, a->port);

	bk_turn_ask(&a->turn);
	bk_beacon_tell(&a->beacon, host, &to, bk_loop_now(a->loop));
}

void bk_air_hush(struct bk_air *a, int host)
{
	bk_beacon_hush(&a->beacon, host);
}

void bk_air_forget(struct bk_air *a, int host)
{
	bk_beacon_forget(&a->beacon, host);
}

const char *bk_air_describe(const struct bk_air *a, char out[BK_RADIO_TEXT_MAX])
{
	return bk_radio_describe(a->radio, out);
}

const char *bk_air_place_to_str(const struct bk_addr *place, char out[BK_AIR_PLACE_MAX])
{
	char ip[BK_ADDR_STR_MAX];

	bk_addr_ip_to_str(place, ip);
	if (place->family == 6 && place->scope && !strchr(ip, '%'))
		snprintf(out, BK_AIR_PLACE_MAX, "[%s%%%u]:%u", ip, place->scope, place->port);
	else
		snprintf(out, BK_AIR_PLACE_MAX, place->family == 6 ? "[%s]:%u" : "%s:%u", ip, place->port);
	return out;
}

/* --- life --- */

static int start_peer(struct bk_air *a)
{
	int err = bk_timer_new(a->loop, call_peer, a, &a->calling);

	if (!err && a->has_peer)
		err = bk_resolve_new(a->loop, a->peer.host, a->peer.port, on_resolved, a, &a->resolve);
	return err;
}

int bk_air_new(struct bk_loop *loop, const struct bk_air_opts *opts, struct bk_air **ret_air)
{
	static const struct bk_radio_events events = {.on_datagram = on_datagram, .on_moved = on_moved};
	const struct bk_radio_opts radio = {.port = opts->port, .interfaces = opts->interfaces};
	struct bk_air *a = calloc(1, sizeof(*a));
	uint8_t id[BK_BEACON_ID_LEN];
	struct timespec wall;
	int err;

	if (!a)
		return BK_E_NOMEM;
	a->loop = loop;
	a->port = opts->port;
	a->has_peer =
		opts->peer && bk_place_from_str(opts->peer, strlen(opts->peer), opts->port, &a->peer) >= 0;
	randombytes_buf(id, sizeof(id));
	clock_gettime(CLOCK_REALTIME, &wall);
	bk_beacon_init(&a->beacon, id, wall.tv_sec * BK_SEC + wall.tv_nsec, bk_loop_now(loop));
	bk_turn_init(&a->turn, loop, perform, a);
	err = bk_timer_new(loop, perform, a, &a->timer);
	if (!err)
		err = bk_radio_new(loop, &radio, &events, a, &a->radio);
	if (!err)
		err = start_peer(a);
	if (err < 0) {
		bk_air_free(a);
		return err;
	}
	*ret_air = a;
	return 0;
}

void bk_air_free(struct bk_air *a)
{
	if (!a)
		return;
	bk_turn_done(&a->turn);
	bk_timer_free(a->timer);
	bk_timer_free(a->calling);
	bk_resolve_free(a->resolve);
	bk_radio_free(a->radio);
	free(a);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Pairing the legs of a relay and its life: granted, one leg waiting, running, over. Waiting is bounded for
 * the grant and for the first leg; a running pair ends when both directions have ended, when a leg breaks, or
 * when no byte moved for too long. What the legs say is theirs: nothing of it enters this process. */
#include "server/relay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <sodium.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/map.h"
#include "net/sock.h"
#include "server/crowd.h"
#include "server/limits.h"
#include "server/splice.h"

struct relay;

struct leg {
	struct relay *relay;
	struct bk_arrival from; /* fd -1: not here */
	struct bk_watch *watch;
	int interest;
};

struct relay {
	struct bk_relays *relays;
	struct bk_list link;
	struct bk_circle *account;             /* of who it was granted to */
	uint8_t token[BK_PREFACE_SECRET_LEN];  /* what clients show that know of no other one */
	uint8_t own[2][BK_PREFACE_SECRET_LEN]; /* of a side alone */
	struct leg leg[2];
	struct bk_splice flow[2]; /* flow[i] takes from leg[i] */
	struct bk_timer *timer;   /* waiting, then idle */
	bk_time moved;
	bool is_running;
};

struct bk_relays {
	struct bk_server *server;
	struct bk_map *by_token; /* by all three of each */
	uint8_t key[crypto_generichash_KEYBYTES];
	struct bk_list all;
	uint64_t *running, *bytes; /* counters */
};

enum { LEG_PATIENCE_MS = 60000 };

/* --- ending --- */

static void end_leg(struct relay *r, struct leg *l, int error, const char *detail)
{
	bk_watch_free(l->watch);
	l->watch = NULL;
	if (l->from.fd < 0)
		return;
	bk_arrival_log(r->relays->server, &l->from, error, detail);
	if (error) { /* a plain close would look like a proper end of the stream */
		bk_sock_abort(l->from.fd);
		l->from.fd = -1;
	}
	bk_arrival_done(r->relays->server, &l->from);
}

/* Legs and pipes are done with. */
static void forget(struct relay *r)
{
	struct bk_relays *rs = r->relays;

	bk_map_take(rs->by_token, r->token, sizeof(r->token));
	for (int i = 0; i < 2; i++)
		bk_map_take(rs->by_token, r->own[i], sizeof(r->own[i]));
	bk_list_remove(&r->link);
	bk_timer_free(r->timer);
	bk_crowd_give(rs->server->crowd, r->account, BK_SHARE_GRANTS, 1, bk_loop_now(rs->server->loop));
	free(r);
}

static void end_relay(struct relay *r, int error)
{
	char detail[128];

	snprintf(detail, sizeof(detail), "%s after relaying %llu bytes one way, %llu the other",
		error ? bk_error_text(error) : "ended", (unsigned long long)r->flow[0].moved,
		(unsigned long long)r->flow[1].moved);
	for (int i = 0; i < 2; i++)
		end_leg(r, &r->leg[i], error, r->is_running ? detail : NULL);
	if (r->is_running) {
		bk_assert(*r->relays->running > 0);
		--*r->relays->running;
		bk_crowd_give(r->relays->server->crowd, r->account, BK_SHARE_PAIRS, 1,
			bk_loop_now(r->relays->server->loop));
	}
	for (int i = 0; i < 2; i++)
		bk_splice_done(&r->flow[i]);
	forget(r);
}

/* --- moving bytes --- */

/* A direction wants either bytes from its source or room in its target, never both. */
static void update_interest(struct relay *r)
{
	for (int i = 0; i < 2; i++) {
		int want = (bk_splice_wants_input(&r->flow[i]) ? BK_READABLE : 0) |
			   (bk_splice_wants_output(&r->flow[!i]) ? BK_WRITABLE : 0);

		if (want == r->leg[i].interest)
			continue;
		r->leg[i].interest = want;
		bk_watch_set(r->leg[i].watch, want);
	}
}

static void run(struct relay *r)
{
	struct bk_server *s = r->relays->server;
	uint64_t before = r->flow[0].moved + r->flow[1].moved, after;
	int err = 0;

	for (int i = 0; i < 2 && !err; i++)
		err = bk_splice_run(
			&r->flow[i], r->leg[i].from.fd, r->leg[!i].from.fd, BK_LIMIT_RELAY_ROUNDS);
	after = r->flow[0].moved + r->flow[1].moved;
	*r->relays->bytes += after - before;
	if (after != before)
		r->moved = bk_loop_now(s->loop);
	if (err < 0 || (bk_splice_is_over(&r->flow[0]) && bk_splice_is_over(&r->flow[1])))
		end_relay(r, err);
	else
		update_interest(r);
}

static void on_event(void *arg, int fd, int events)
{
	struct leg *l = arg;

	(void)fd;
	(void)events;
	run(l->relay);
}

static void on_timer(void *arg)
{
	struct relay *r = arg;
	struct bk_server *s = r->relays->server;
	bk_time now = bk_loop_now(s->loop), until = bk_time_add(r->moved, s->config.relay_idle);

	if (r->is_running && now < until)
		bk_timer_start(r->timer, until - now);
	else
		end_relay(r, r->is_running ? BK_E_IDLE : BK_E_TIMEOUT);
}

/* Who keeps a server for himself reaches it over loopback, and relays for nobody else. */
static bool may_start(const struct relay *r)
{
	return !r->relays->server->config.is_local || bk_addr_is_loopback(&r->leg[0].from.peer) ||
	       bk_addr_is_loopback(&r->leg[1].from.peer);
}

static int start(struct relay *r)
{
	struct bk_server *s = r->relays->server;
	int err = may_start(r) ? 0 : BK_E_REFUSED;

	for (int i = 0; i < 2 && !err; i++)
		err = bk_splice_init(&r->flow[i]);
	for (int i = 0; i < 2 && !err; i++)
		err = bk_watch_new(s->loop, r->leg[i].from.fd, on_event, &r->leg[i], &r->leg[i].watch);
	if (!err)
		err = bk_crowd_take(s->crowd, r->account, BK_SHARE_PAIRS, 1);
	if (err < 0)
		return err;
	r->is_running = true;
	++*r->relays->running;
	r->moved = bk_loop_now(s->loop);
	bk_timer_start(r->timer, s->config.relay_idle);
	update_interest(r);
	return 0;
}

/* --- arriving --- */

/* Closed by its owner, or broken, while it waited. A leg that said something and then closed still counts. */
static bool is_dead(const struct leg *l)
{
	char byte;

	return recv(l->from.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0 || bk_sock_error(l->from.fd) < 0;
}

int bk_relays_arrive(struct bk_relays *rs, const struct bk_arrival *from,
	const uint8_t token[BK_PREFACE_SECRET_LEN], int side)
{
	struct relay *r = bk_map_get(rs->by_token, token, BK_PREFACE_SECRET_LEN);
	int err;

	if (!r ||
		(memcmp(token, r->token, sizeof(r->token)) && memcmp(token, r->own[side], sizeof(r->token))))
		return BK_E_NOT_FOUND;
	if (r->leg[side].from.fd >= 0) {
		if (r->is_running || !is_dead(&r->leg[side]))
			return BK_E_EXISTS;
		end_leg(r, &r->leg[side], BK_E_EOF, NULL);
	}
	err = bk_crowd_prove(rs->server->crowd, from->guest, BK_SHARE_LEGS);
	if (err < 0)
		return err;
	bk_crowd_refund(
		rs->server->crowd, from->guest->circle, BK_RATION_ARRIVALS, 1, bk_loop_now(rs->server->loop));
	r->leg[side].from = *from;
	bk_sock_tune_stream(from->fd, LEG_PATIENCE_MS);
	if (r->leg[!side].from.fd < 0) {
		bk_timer_start(r->timer, rs->server->config.relay_wait);
		return 0;
	}
	err = start(r);
	if (err < 0)
		end_relay(r, err);
	return 0;
}

void bk_relays_leg_token(const struct bk_relays *rs, const uint8_t token[BK_PREFACE_SECRET_LEN],
	unsigned side, uint8_t ret_token[BK_PREFACE_SECRET_LEN])
{
	uint8_t what[BK_PREFACE_SECRET_LEN + 1];

	memcpy(what, token, BK_PREFACE_SECRET_LEN);
	what[BK_PREFACE_SECRET_LEN] = (uint8_t)side;
	crypto_generichash(ret_token, BK_PREFACE_SECRET_LEN, what, sizeof(what), rs->key, sizeof(rs->key));
}

static int put_tokens(struct relay *r)
{
	struct bk_map *m = r->relays->by_token;
	int err = bk_map_put(m, r->token, sizeof(r->token), r);

	for (unsigned i = 0; i < 2; i++) {
		bk_relays_leg_token(r->relays, r->token, i, r->own[i]);
		if (!err)
			err = bk_map_put(m, r->own[i], sizeof(r->own[i]), r);
	}
	return err;
}

int bk_relays_grant(
	struct bk_relays *rs, struct bk_circle *account, const uint8_t token[BK_PREFACE_SECRET_LEN])
{
	struct relay *r = calloc(1, sizeof(*r));
	int err = r ? bk_crowd_take(rs->server->crowd, account, BK_SHARE_GRANTS, 1) : BK_E_NOMEM;

	if (err < 0) {
		free(r);
		return err;
	}
	r->relays = rs;
	r->account = account;
	bk_list_init(&r->link);
	memcpy(r->token, token, sizeof(r->token));
	for (int i = 0; i < 2; i++) {
		r->leg[i] = (struct leg){.relay = r, .from = {.fd = -1}};
		r->flow[i] = (struct bk_splice)BK_SPLICE_NONE;
	}
	err = bk_timer_new(rs->server->loop, on_timer, r, &r->timer);
	if (!err)
		err = put_tokens(r);
	if (err < 0) {
		forget(r);
		return err;
	}
	bk_list_append(&rs->all, &r->link);
	bk_timer_start(r->timer, rs->server->config.relay_wait);
	return 0;
}

int bk_relays_new(struct bk_server *s, uint64_t seed, struct bk_relays **ret_relays)
{
	struct bk_relays *rs = calloc(1, sizeof(*rs));

	if (!rs)
		return BK_E_NOMEM;
	rs->server = s;
	bk_list_init(&rs->all);
	rs->running = bk_counters_register(&s->counters, "relays");
	rs->bytes = bk_counters_register(&s->counters, "relayed_bytes");
	randombytes_buf(rs->key, sizeof(rs->key));
	rs->by_token = bk_map_new(3 * ((size_t)s->config.relays_max + BK_LIMIT_RELAY_GRANTS), seed);
	if (!rs->by_token) {
		free(rs);
		return BK_E_NOMEM;
	}
	*ret_relays = rs;
	return 0;
}

void bk_relays_end(struct bk_relays *rs)
{
	bk_list_each(it, tmp, &rs->all) end_relay(bk_container_of(it, struct relay, link), BK_E_SHUTDOWN);
}

void bk_relays_free(struct bk_relays *rs)
{
	if (!rs)
		return;
	bk_relays_end(rs);
	bk_map_free(rs->by_token);
	free(rs);
}

static int leg_new(struct bk_server *s, const struct bk_arrival *from, const uint8_t *head)
{
	struct bk_preface p;
	int err = bk_preface_decode(head, BK_PREFACE_LEN, &p);

	return err < 0 ? err : bk_relays_arrive(s->relays, from, p.secret, p.side);
}

const struct bk_dialect bk_dialect_relay = {
	.name = "relay",
	.first = 'R',
	.check_head = bk_preface_check,
	.head_len = BK_PREFACE_LEN,
	.new = leg_new,
	.not_taken = "relay leg not taken",
};

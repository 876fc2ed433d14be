/* SPDX-License-Identifier: Apache-2.0 */
/* The requests of the TLS dialect, one function each, and what the board has to tell to those who asked. The
 * server never looks into what clients leave for each other; it bounds how much of it there is, and how often
 * an address may try to claim a nameplate, make a meeting or ask for a round of it. */
#include "server/request.h"

#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "base/error.h"
#include "base/log.h"
#include "server/board.h"
#include "server/client.h"
#include "server/crowd.h"
#include "server/hello.h"
#include "server/limits.h"
#include "server/probes.h"
#include "server/reach.h"
#include "server/relay.h"
#include "wire/preface.h"

_Static_assert(sizeof((struct bk_rdv_msg){0}.relay_token) == BK_BOARD_TOKEN_LEN, "one kind of token");

/* --- what the board tells --- */

static void send_plate(struct bk_client *c, enum bk_rdv_type type, const struct bk_board_verdict *v)
{
	struct bk_rdv_msg m = {.type = type, .nameplate = v->number, .body_len = v->len};

	if (v->token) {
		memcpy(m.relay_token, v->token, sizeof(m.relay_token));
		bk_relays_leg_token(c->server->relays, v->token, v->wish == BK_BOARD_CLAIM, m.leg_token);
	}
	m.body = (uint8_t *)(uintptr_t)v->body; /* only read */
	bk_client_send(c, &m);
}

/* What members of a group are told: in bytes, once for all of them. */
static struct bk_chunk *make_news(void *arg, const struct bk_group_msg *m)
{
	struct bk_rdv_msg envelope = {.type = BK_RDV_SERVER_GROUP};
	struct bk_chunk *news = NULL;
	struct bk_buf body, framed;

	(void)arg;
	bk_buf_init(&body, BK_RDV_BODY_MAX);
	bk_buf_init(&framed, BK_RDV_MESSAGE_MAX + sizeof(uint32_t));
	if (bk_group_encode(&body, m) >= 0) {
		envelope.body = bk_buf_head(&body);
		envelope.body_len = body.len;
		if (bk_rdv_append(&framed, &envelope) >= 0)
			news = bk_chunk_new(framed.len);
	}
	if (news) {
		news->is_broadcast = true;
		bk_chunk_append(news, bk_buf_head(&framed), framed.len);
	}
	bk_buf_done(&framed);
	bk_buf_done(&body);
	return news;
}

static bool on_news(void *arg, uint64_t who, struct bk_chunk *news, bool is_last)
{
	struct bk_client *c = bk_client_find(arg, who);

	if (!c || (!is_last && bk_client_waiting(c) > BK_LIMIT_OUT_READY))
		return false;
	bk_client_send_shared(c, news);
	return true;
}

/* Who asks for too much is told when to ask again. */
static void refuse(struct bk_client *c, int error, bk_dur wait)
{
	if (error == BK_E_RATE_LIMITED)
		wait = c->wait;
	if (error == BK_E_FULL)
		wait = BK_LIMIT_FULL_WAIT;
	bk_client_send_error(c, error, wait);
}

static void send_group(struct bk_client *c, const struct bk_group_msg *m)
{
	struct bk_chunk *news = make_news(c->server, m);

	if (news)
		bk_client_send_shared(c, news);
	bk_chunk_unref(news);
}

static void deny(struct bk_client *c, const struct bk_board_verdict *v)
{
	static const uint8_t types[] = {[BK_BOARD_JOIN] = BK_GROUP_JOIN,
		[BK_BOARD_CARD] = BK_GROUP_CARD,
		[BK_BOARD_POST] = BK_GROUP_POST,
		[BK_BOARD_PART] = BK_GROUP_LEAVE};
	bk_dur wait = v->error == BK_E_FULL ? BK_LIMIT_FULL_WAIT : v->wait;
	struct bk_group_msg m = {.type = BK_GROUP_DENIED,
		.type_denied = types[v->wish],
		.ticket = v->ticket,
		.wait_ms = (uint32_t)((wait + BK_MS - 1) / BK_MS)};

	snprintf(m.code, sizeof(m.code), "%s", bk_error_name(v->error));
	send_group(c, &m);
}

static void on_verdict(void *arg, uint64_t who, const struct bk_board_verdict *v)
{
	struct bk_client *c = bk_client_find(arg, who);

	if (!c)
		return;
	if (v->wish >= BK_BOARD_JOIN && v->error < 0)
		deny(c, v);
	else if (v->error < 0)
		refuse(c, v->error, v->wait);
	else if (v->wish == BK_BOARD_ALLOCATE)
		send_plate(c, BK_RDV_SERVER_NAMEPLATE, v);
	else if (v->wish == BK_BOARD_CLAIM)
		send_plate(c, BK_RDV_SERVER_CLAIMED, v);
	else if (v->wish == BK_BOARD_REJOIN)
		bk_log_debug("server", "a member of a meeting is here");
}

static void on_claimed(void *arg, uint64_t who, uint32_t number, const uint8_t *token)
{
	const struct bk_board_verdict v = {.wish = BK_BOARD_ALLOCATE, .number = number, .token = token};
	struct bk_client *c = bk_client_find(arg, who);

	if (c)
		send_plate(c, BK_RDV_SERVER_CLAIMED, &v);
}

/* The mail that the client's queue has room for; the rest waits until it drains. */
static bool on_mail(void *arg, uint64_t who, const void *body, size_t len)
{
	struct bk_rdv_msg m = {.type = BK_RDV_SERVER_MAIL, .body_len = len};
	struct bk_client *c = bk_client_find(arg, who);

	if (!c || bk_client_waiting(c) > BK_LIMIT_OUT_READY)
		return false;
	m.body = (uint8_t *)(uintptr_t)body; /* only read */
	bk_client_send(c, &m);
	return true;
}

static void on_round(void *arg, uint64_t who, unsigned seat, const uint8_t *token)
{
	struct bk_rdv_msg m = {.type = BK_RDV_SERVER_RELAY};
	struct bk_client *c = bk_client_find(arg, who);

	if (!c)
		return;
	memcpy(m.relay_token, token, sizeof(m.relay_token));
	bk_relays_leg_token(c->server->relays, token, seat, m.leg_token);
	bk_client_send(c, &m);
}

/* The one line of a meeting. */
static void on_met(void *arg, uint32_t number, const uint64_t *who, unsigned n)
{
	struct bk_server *s = arg;
	const struct bk_client *a = bk_client_find(s, who[0]), *b = bk_client_find(s, who[1]);
	char maker[BK_ADDR_STR_MAX], joiner[BK_ADDR_STR_MAX];

	if (bk_news_may_tell(s, BK_NEWS_MEETINGS))
		bk_log_info("server", "code number %u: %s met %s%s", number,
			a ? bk_addr_ip_to_str(&a->from.peer, maker) : "one that has left",
			b ? bk_addr_ip_to_str(&b->from.peer, joiner) : "one that has left",
			n > 2 ? " and others" : "");
}

/* The one line of a wrong guess. */
static void tell_wrong(struct bk_server *s, const struct bk_circle *account, size_t number)
{
	char from[BK_ADDR_STR_MAX];

	if (bk_news_may_tell(s, BK_NEWS_GUESSES))
		bk_log_info("server",
			"code number %zu was used up by %s, and no meeting came of it: a wrong guess, or "
			"somebody left",
			number, bk_circle_to_str(account, from));
}

static void on_released(void *arg, uint64_t who, uint32_t number, int why)
{
	struct bk_rdv_msg m = {.type = BK_RDV_SERVER_RELEASED, .nameplate = number};
	struct bk_client *c = bk_client_find(arg, who);

	if (why)
		snprintf(m.code, sizeof(m.code), "%s", bk_error_name(why));
	if (c)
		bk_client_send(c, &m);
}

/* --- what goes on whose account --- */

/* Without room for the grant they still have every direct path. */
static void make_token(void *arg, uint64_t who, uint8_t ret_token[BK_BOARD_TOKEN_LEN])
{
	const struct bk_server *s = arg;
	const struct bk_client *c = bk_client_find(s, who);

	randombytes_buf(ret_token, BK_BOARD_TOKEN_LEN);
	if (c)
		bk_relays_grant(s->relays, c->from.guest->circle, ret_token);
}

static const enum bk_share shares[] = {[BK_BOARD_PLATE] = BK_SHARE_PLATES,
	[BK_BOARD_LETTER] = BK_SHARE_MAIL,
	[BK_BOARD_NEWS] = BK_SHARE_NEWS};

static int try_claim(struct bk_client *c, struct bk_circle *account)
{
	struct bk_server *s = c->server;

	c->wait = bk_crowd_spend(s->crowd, account, BK_RATION_CLAIMS, 1, bk_loop_now(s->loop));
	if (c->wait > 0)
		return BK_E_RATE_LIMITED;
	bk_crowd_hold(account);
	return 0;
}

static int charge(void *arg, uint64_t who, enum bk_board_cost cost, size_t n, void **ret_account)
{
	struct bk_server *s = arg;
	struct bk_client *c = bk_client_find(s, who);
	struct bk_circle *account = c ? c->from.guest->circle : NULL;
	int err;

	if (!c)
		return BK_E_NOT_FOUND;
	err = cost == BK_BOARD_TRY ? try_claim(c, account)
				   : bk_crowd_take(s->crowd, account, shares[cost], n);
	if (!err)
		*ret_account = account;
	return err;
}

/* A claim that leads to a meeting costs nothing, one that finds nothing what it cost, one that uses up
 * somebody's code some more. */
static void settle(void *arg, void *account, enum bk_board_cost cost, size_t n, enum bk_board_outcome how)
{
	struct bk_server *s = arg;
	bk_time now = bk_loop_now(s->loop);

	if (cost != BK_BOARD_TRY) {
		bk_crowd_give(s->crowd, account, shares[cost], n, now);
		return;
	}
	if (how == BK_BOARD_OVER)
		bk_crowd_refund(s->crowd, account, BK_RATION_CLAIMS, 1, now);
	else if (how == BK_BOARD_WRONG)
		bk_crowd_borrow(s->crowd, account, BK_RATION_CLAIMS, BK_LIMIT_GUESS - 1, now);
	if (how == BK_BOARD_WRONG)
		tell_wrong(s, account, n);
	bk_crowd_drop(s->crowd, account, now);
}

static bool may_spend(void *arg, uint64_t who, bk_time now)
{
	struct bk_client *c = bk_client_find(arg, who);

	if (!c)
		return false;
	c->wait = bk_crowd_spend(c->server->crowd, c->from.guest->circle, BK_RATION_REJOINS, 1, now);
	return c->wait == 0;
}

/* --- the board's time --- */

static void watch_board(struct bk_server *s)
{
	bk_time next = s->board->ops->next_wake(s->board);

	if (next != BK_NEVER)
		bk_timer_start(s->board_timer, next - bk_loop_now(s->loop));
}

static void on_board_timer(void *arg)
{
	struct bk_server *s = arg;

	s->board->ops->wake(s->board, bk_loop_now(s->loop));
	watch_board(s);
}

int bk_requests_open(struct bk_server *s)
{
	static const struct bk_board_events events = {on_verdict, on_claimed, on_mail, on_round, on_released,
		on_met, make_token, charge, settle, may_spend, make_news, on_news};
	struct bk_board_opts opts = {
		.events = &events,
		.arg = s,
		.counters = &s->counters,
		.max = (size_t)s->config.clients_max * BK_LIMIT_NAMEPLATES,
		.lifetime = s->config.nameplate_lifetime,
		.grace = BK_LIMIT_MEETING_GRACE,
		.posts_burst = s->config.posts_burst,
	};
	int err = bk_timer_new(s->loop, on_board_timer, s, &s->board_timer);

	randombytes_buf(&opts.seed, sizeof(opts.seed));
	return err < 0 ? err : s->config.board.new(&opts, s->config.board.arg, &s->board);
}

void bk_requests_close(struct bk_server *s)
{
	bk_timer_free(s->board_timer);
	s->board_timer = NULL;
	bk_board_free(s->board);
	s->board = NULL;
}

/* --- what clients ask --- */

static void ask(struct bk_client *c, const struct bk_board_request *r)
{
	struct bk_server *s = c->server;

	s->board->ops->ask(s->board, c->who, r, bk_loop_now(s->loop));
	watch_board(s);
}

static void on_allocate(struct bk_client *c, struct bk_rdv_msg *m)
{
	ask(c, &(struct bk_board_request){.wish = BK_BOARD_ALLOCATE,
		       .number = m->nameplate,
		       .secret = m->secret,
		       .heir = m->heir,
		       .body = m->body,
		       .len = m->body_len});
}

static void on_claim(struct bk_client *c, struct bk_rdv_msg *m)
{
	ask(c, &(struct bk_board_request){.wish = BK_BOARD_CLAIM, .number = m->nameplate});
}

static void on_client_mail(struct bk_client *c, struct bk_rdv_msg *m)
{
	ask(c, &(struct bk_board_request){
		       .wish = BK_BOARD_MAIL, .number = m->nameplate, .body = m->body, .len = m->body_len});
}

static void on_release(struct bk_client *c, struct bk_rdv_msg *m)
{
	ask(c, &(struct bk_board_request){.wish = BK_BOARD_RELEASE, .number = m->nameplate});
}

static void on_rejoin(struct bk_client *c, struct bk_rdv_msg *m)
{
	ask(c, &(struct bk_board_request){
		       .wish = BK_BOARD_REJOIN,
		       .secret = m->secret,
		       .token = m->relay_token,
		       .seat = m->side,
		       .order = m->number,
		       .asks_round = m->asks,
	       });
}

/* What a later version wants of groups is not for us. */
static void on_group(struct bk_client *c, struct bk_rdv_msg *m)
{
	static const enum bk_board_wish wishes[] = {[BK_GROUP_JOIN] = BK_BOARD_JOIN,
		[BK_GROUP_CARD] = BK_BOARD_CARD,
		[BK_GROUP_POST] = BK_BOARD_POST,
		[BK_GROUP_LEAVE] = BK_BOARD_PART};
	struct bk_group_msg g;
	int err = bk_group_decode(m->body, m->body_len, &g);

	if (!err && g.type >= BK_GROUP_JOINED && g.type <= BK_GROUP_ENDED)
		err = BK_E_PROTOCOL;
	if (err < 0)
		bk_client_doom(c, err, NULL);
	if (err < 0 || g.type < BK_GROUP_JOIN || g.type > BK_GROUP_LEAVE)
		return;
	ask(c, &(struct bk_board_request){.wish = wishes[g.type],
		       .secret = g.id,
		       .life = g.life,
		       .last = g.number,
		       .ticket = g.ticket,
		       .body = g.bytes,
		       .len = g.len});
}

static void on_ping(struct bk_client *c, struct bk_rdv_msg *m)
{
	struct bk_server *s = c->server;
	struct bk_rdv_msg answer = {
		.type = BK_RDV_SERVER_PONG, .number = m->number, .time = bk_loop_now(s->loop)};

	s->board->ops->refresh(
		s->board, c->who, answer.time); /* whose two are alive may still need each other */
	bk_client_send(c, &answer);
}

static void on_probe(struct bk_client *c, struct bk_rdv_msg *m)
{
	int err = bk_probes_announce(c->server->probes, c, m->nonce);

	if (err < 0)
		refuse(c, err, 0);
}

/* Whom the server has no time for is not worse off than who cannot be tested. */
static void on_reach(struct bk_client *c, struct bk_rdv_msg *m)
{
	struct bk_rdv_msg untested = {
		.type = BK_RDV_SERVER_REACHED, .same_address = "untested", .other_address = "untested"};

	if (bk_crowd_spend(c->server->crowd, c->from.guest->circle, BK_RATION_REACHES, 1,
		    bk_loop_now(c->server->loop)) == 0 &&
		bk_reaches_start(c->server->reaches, c, m->nonce) == 0)
		return;
	memcpy(untested.nonce, m->nonce, sizeof(untested.nonce));
	bk_client_send(c, &untested);
}

static void handle(struct bk_client *c, struct bk_rdv_msg *m)
{
	static void (*const handlers[BK_RDV_TYPES])(struct bk_client *, struct bk_rdv_msg *) = {
		[BK_RDV_CLIENT_PING] = on_ping,
		[BK_RDV_CLIENT_PROBE] = on_probe,
		[BK_RDV_CLIENT_REACH] = on_reach,
		[BK_RDV_CLIENT_ALLOCATE] = on_allocate,
		[BK_RDV_CLIENT_CLAIM] = on_claim,
		[BK_RDV_CLIENT_REJOIN] = on_rejoin,
		[BK_RDV_CLIENT_MAIL] = on_client_mail,
		[BK_RDV_CLIENT_RELEASE] = on_release,
		[BK_RDV_CLIENT_GROUP] = on_group,
	};

	if (handlers[m->type])
		handlers[m->type](c, m);
	else
		bk_client_doom(c, BK_E_PROTOCOL, NULL);
}

static void on_message(struct bk_client *c, struct bk_rdv_msg *m)
{
	if (c->state == BK_CLIENT_READY)
		handle(c, m);
	else if (m->type == BK_RDV_CLIENT_HELLO)
		bk_hello_take(c, m);
	else
		bk_client_doom(c, BK_E_PROTOCOL, BK_HELLO_MISSING);
}

/* --- the row --- */

static void on_room(struct bk_client *c)
{
	c->server->board->ops->deliver(c->server->board, c->who);
}

static void forget(struct bk_client *c)
{
	bk_probes_forget(c->server->probes, c);
	bk_reaches_forget(c->server->reaches, c);
}

static void done(struct bk_client *c)
{
	struct bk_server *s = c->server;
	bool is_closed = c->error == BK_E_EOF || c->error == BK_E_RESET;

	s->board->ops->leave(s->board, c->who, is_closed, bk_loop_now(s->loop));
	watch_board(s);
}

static int tls_new(struct bk_server *s, const struct bk_arrival *from, const uint8_t *head)
{
	(void)head;
	return bk_client_new(s, from, &bk_dialect_tls, NULL, NULL);
}

const struct bk_dialect bk_dialect_tls = {
	.name = "tls",
	.first = BK_FIRST_TLS,
	.new = tls_new,
	.is_secured = true,
	.on_message = on_message,
	.on_room = on_room,
	.forget = forget,
	.done = done,
};

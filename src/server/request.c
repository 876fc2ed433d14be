/* SPDX-License-Identifier: Apache-2.0 */
/* The requests of the TLS dialect, one function each. The server never looks into what clients leave for each
 * other; it bounds how much of it there is, and how often an address may try to claim a nameplate, make a
 * meeting or ask for a round of it. */
#include "server/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/error.h"
#include "base/log.h"
#include "server/crowd.h"
#include "server/limits.h"
#include "server/probe.h"
#include "server/reach.h"
#include "server/relay.h"

static struct bk_client *client_of(const struct bk_nameplate *p, int side)
{
	struct bk_nameplate_holder *h = p->side[side].holder;

	return h ? bk_container_of(h, struct bk_client, holder) : NULL;
}

/* --- nameplates --- */

static void send_released(struct bk_client *to, uint32_t number, int code)
{
	struct bk_rdv_msg m = {.type = BK_RDV_SERVER_RELEASED, .nameplate = number};

	if (!to)
		return;
	if (code)
		snprintf(m.code, sizeof(m.code), "%s", bk_error_name(code));
	bk_client_send(to, &m);
}

/* The mail that the client's queue has room for; the rest waits until it drains. */
static void deliver(struct bk_server *s, struct bk_nameplate *p, int side)
{
	struct bk_client *to = client_of(p, side);
	struct bk_mail *mail;

	while (to && to->state == BK_CLIENT_READY && bk_nameplate_gets_mail(p, side) &&
		bk_client_waiting(to) <= BK_LIMIT_OUT_READY && (mail = bk_nameplate_front(p, side))) {
		struct bk_rdv_msg m = {.type = BK_RDV_SERVER_MAIL, .body = mail->body, .body_len = mail->len};

		bk_client_send(to, &m);
		bk_nameplates_pop(s->nameplates, p, side);
	}
}

void bk_request_deliver(struct bk_client *c)
{
	for (struct bk_list *it = c->holder.plates.next; it != &c->holder.plates; it = it->next) {
		struct bk_nameplate *p = bk_container_of(it, struct bk_nameplate_side, link)->plate;

		deliver(c->server, p, bk_nameplate_side_of(p, &c->holder));
	}
}

static int on_allocate(struct bk_client *c, struct bk_rdv_msg *m)
{
	struct bk_rdv_msg answer = {.type = BK_RDV_SERVER_NAMEPLATE};
	struct bk_nameplate *p;
	int err = bk_nameplates_allocate(
		c->server->nameplates, &c->holder, m->nameplate, m->body, m->body_len, &p);

	if (err < 0)
		return err;
	answer.nameplate = p->number;
	bk_client_send(c, &answer);
	return 0;
}

/* A copy of what was left, as the lying server of a test may have changed it. NULL: nothing (or no memory).
 */
static uint8_t *copy_left(struct bk_server *s, const struct bk_mail *left, size_t *ret_len)
{
	uint8_t *body = left ? malloc(left->len) : NULL;
	size_t len = body ? left->len : 0;

	if (body)
		memcpy(body, left->body, len);
	if (s->hooks.on_left_body && s->hooks.on_left_body(s->hooks.arg, 0, &body, &len) == BK_HOOK_DROP) {
		free(body);
		body = NULL;
		len = 0;
	}
	*ret_len = len;
	return body;
}

static void send_claimed(struct bk_server *s, struct bk_nameplate *p)
{
	struct bk_rdv_msg m = {.type = BK_RDV_SERVER_CLAIMED, .nameplate = p->number};
	uint8_t *body;

	memcpy(m.relay_token, p->relay_token, sizeof(m.relay_token));
	bk_client_send(client_of(p, 0), &m);
	body = copy_left(s, p->left, &m.body_len);
	m.body = body;
	bk_client_send(client_of(p, 1), &m);
	free(body);
}

static void watch_expiry(struct bk_server *s, bk_time now)
{
	bk_time next = bk_nameplates_next_expiry(s->nameplates);

	if (next != BK_NEVER)
		bk_timer_start(s->expiry, next - now);
}

static int on_claim(struct bk_client *c, struct bk_rdv_msg *m)
{
	struct bk_server *s = c->server;
	bk_time now = bk_loop_now(s->loop);
	uint8_t token[BK_NAMEPLATE_TOKEN_LEN];
	struct bk_nameplate *p;
	int err;

	if (!bk_rate_take(&c->from.who->claims, 1, now))
		return BK_E_RATE_LIMITED;
	randombytes_buf(token, sizeof(token));
	err = bk_nameplates_claim(s->nameplates, &c->holder, m->nameplate, token, now, &p);
	if (err < 0)
		return err;
	/* Without room for the grant the two still have every direct path. */
	bk_relays_grant(s->relays, token);
	send_claimed(s, p);
	deliver(s, p, 1);
	watch_expiry(s, now);
	return 0;
}

static int on_mail(struct bk_client *c, struct bk_rdv_msg *m)
{
	struct bk_server *s = c->server;
	struct bk_nameplate *p = bk_nameplate_of(&c->holder, m->nameplate);
	int from = p ? bk_nameplate_side_of(p, &c->holder) : 0;
	int verdict = BK_HOOK_PASS, err;

	if (!p)
		return BK_E_NOT_FOUND;
	if (s->hooks.on_mail)
		verdict = s->hooks.on_mail(s->hooks.arg, from, &m->body, &m->body_len);
	if (verdict == BK_HOOK_DROP)
		return 0;
	err = bk_nameplates_put(s->nameplates, p, !from, m->body, m->body_len);
	if (err == 0 && verdict == BK_HOOK_TWICE)
		err = bk_nameplates_put(s->nameplates, p, !from, m->body, m->body_len);
	deliver(s, p, !from);
	return err;
}

static int on_release(struct bk_client *c, struct bk_rdv_msg *m)
{
	struct bk_server *s = c->server;
	struct bk_nameplate *p = bk_nameplate_of(&c->holder, m->nameplate);

	if (!p)
		return BK_E_NOT_FOUND;
	send_released(client_of(p, !bk_nameplate_side_of(p, &c->holder)), p->number, 0);
	bk_nameplates_release(s->nameplates, p);
	return 0;
}

void bk_request_withdraw(struct bk_client *c)
{
	struct bk_server *s = c->server;
	bk_time now = bk_loop_now(s->loop);
	bool is_closed = c->error == BK_E_EOF || c->error == BK_E_RESET;
	struct bk_nameplate *p;

	while ((p = bk_nameplate_of(&c->holder, 0))) {
		if (bk_nameplates_await(s->nameplates, p, &c->holder, is_closed, now))
			continue;
		send_released(
			client_of(p, !bk_nameplate_side_of(p, &c->holder)), p->number, BK_E_PEER_VANISHED);
		bk_nameplates_release(s->nameplates, p);
	}
	watch_expiry(s, now);
}

/* --- meetings --- */

static void tell_round(const struct bk_nameplate *p, int side)
{
	struct bk_rdv_msg m = {.type = BK_RDV_SERVER_RELAY};
	struct bk_client *to = client_of(p, side);

	memcpy(m.relay_token, p->relay_token, sizeof(m.relay_token));
	if (to)
		bk_client_send(to, &m);
}

static void enter_round(struct bk_server *s, struct bk_nameplate *p, int side)
{
	p->side[side].is_in = true;
	deliver(s, p, side);
}

/* The two lost their path and look for another one; a token is good for one pair of legs. */
static int begin_round(struct bk_client *c, struct bk_nameplate *p, int side, bk_time now)
{
	struct bk_server *s = c->server;
	uint8_t token[BK_NAMEPLATE_TOKEN_LEN];

	if (!bk_rate_take(&c->from.who->rejoins, 1, now))
		return BK_E_RATE_LIMITED;
	randombytes_buf(token, sizeof(token));
	/* Without room for the grant the two still have every direct path. */
	bk_relays_grant(s->relays, token);
	bk_nameplates_begin_round(s->nameplates, p, token, now);
	tell_round(p, side);
	tell_round(p, !side);
	enter_round(s, p, side);
	return 0;
}

/* A side is in a round once, by one connection: mail that went to another one of its connections may be lost,
 * so whoever comes again begins another round, and both introduce themselves anew. Who comes late to one that
 * is under way is told of it, or, when it is too old to be joined, begins another one. */
static int take_part(struct bk_client *c, struct bk_nameplate *p, const struct bk_rdv_msg *m, bool is_new)
{
	static const uint8_t none[BK_NAMEPLATE_TOKEN_LEN];
	bk_time now = bk_loop_now(c->server->loop);
	int side = (int)m->side;
	bool is_in = p->side[side].is_in, has_round = p->round != BK_NEVER;
	bool is_fresh = has_round && now - p->round < BK_LIMIT_ROUND_FRESH;
	bool names_one = memcmp(m->relay_token, none, sizeof(none)) != 0;
	bool names_this = memcmp(m->relay_token, p->relay_token, sizeof(none)) == 0;
	bool comes_again = is_in && (m->asks || (names_one && is_new));
	bool finds_none = !has_round && (m->asks || names_one);

	if (comes_again || finds_none || (has_round && !is_in && !is_fresh))
		return begin_round(c, p, side, now);
	if (!has_round || is_in)
		return 0;
	if (!names_this)
		tell_round(p, side);
	if (names_this || m->asks)
		enter_round(c->server, p, side);
	return 0;
}

static int on_rejoin(struct bk_client *c, struct bk_rdv_msg *m)
{
	struct bk_server *s = c->server;
	const struct bk_rejoin r = {.secret = m->secret, .side = m->side, .number = m->number};
	bk_time now = bk_loop_now(s->loop);
	bool may_make = bk_nameplates_has(s->nameplates, &c->holder, &r) ||
			bk_rate_take(&c->from.who->rejoins, 1, now);
	struct bk_nameplate *p;
	int got = bk_nameplates_rejoin(s->nameplates, &c->holder, &r, may_make, now, &p);

	if (got < 0)
		return got;
	bk_log_debug("server", "side %u of a meeting %s", m->side, got > 0 ? "came" : "is here");
	watch_expiry(s, now);
	return take_part(c, p, m, got > 0);
}

bk_time bk_requests_expire(struct bk_server *s, bk_time now)
{
	struct bk_nameplate *p;

	while ((p = bk_nameplates_expired(s->nameplates, now))) {
		int why = p->number ? BK_E_TIMEOUT : BK_E_PEER_VANISHED;

		send_released(client_of(p, 0), p->number, why);
		send_released(client_of(p, 1), p->number, why);
		bk_nameplates_release(s->nameplates, p);
	}
	return bk_nameplates_next_expiry(s->nameplates);
}

/* --- the others --- */

static int on_ping(struct bk_client *c, struct bk_rdv_msg *m)
{
	struct bk_rdv_msg answer = {
		.type = BK_RDV_SERVER_PONG, .number = m->number, .time = bk_loop_now(c->server->loop)};
	struct bk_nameplate *p = bk_nameplate_of(&c->holder, 0);

	if (p && bk_nameplate_is_claimed(p)) /* whose two are alive may still need each other */
		bk_nameplates_refresh(c->server->nameplates, p, answer.time);
	bk_client_send(c, &answer);
	return 0;
}

static int on_probe(struct bk_client *c, struct bk_rdv_msg *m)
{
	return bk_probes_announce(c->server->probes, c, m->nonce);
}

/* Whom the server has no time for is not worse off than who cannot be tested. */
static int on_reach(struct bk_client *c, struct bk_rdv_msg *m)
{
	struct bk_rdv_msg untested = {
		.type = BK_RDV_SERVER_REACHED, .same_address = "untested", .other_address = "untested"};

	if (bk_rate_take(&c->from.who->reaches, 1, bk_loop_now(c->server->loop)) &&
		bk_reaches_start(c->server->reaches, c, m->nonce) == 0)
		return 0;
	memcpy(untested.nonce, m->nonce, sizeof(untested.nonce));
	bk_client_send(c, &untested);
	return 0;
}

void bk_request_handle(struct bk_client *c, struct bk_rdv_msg *m)
{
	static int (*const handlers[BK_RDV_TYPES])(struct bk_client *, struct bk_rdv_msg *) = {
		[BK_RDV_CLIENT_PING] = on_ping,
		[BK_RDV_CLIENT_PROBE] = on_probe,
		[BK_RDV_CLIENT_REACH] = on_reach,
		[BK_RDV_CLIENT_ALLOCATE] = on_allocate,
		[BK_RDV_CLIENT_CLAIM] = on_claim,
		[BK_RDV_CLIENT_REJOIN] = on_rejoin,
		[BK_RDV_CLIENT_MAIL] = on_mail,
		[BK_RDV_CLIENT_RELEASE] = on_release,
	};
	int err;

	if (m->type == BK_RDV_UNKNOWN) {
		c->server->stats.dropped++;
		return;
	}
	if (!handlers[m->type]) {
		bk_client_doom(c, BK_E_PROTOCOL, NULL);
		return;
	}
	err = handlers[m->type](c, m);
	if (err < 0)
		bk_client_send_error(c, err);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The requests of the TLS dialect, one function each. The server never looks into what clients leave for each
 * other; it bounds how much of it there is, and how often an address may try to claim a nameplate. */
#include "server/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/error.h"
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

	while (to && to->state == BK_CLIENT_READY && bk_outlet_waiting(to->outlet) <= BK_LIMIT_OUT_READY &&
		(mail = bk_nameplate_front(p, side))) {
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
	bk_timer_start(s->expiry, bk_nameplates_next_expiry(s->nameplates) - now);
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

/* The two lost their path and look for another one; a token is good for one pair of legs. */
static int on_relay(struct bk_client *c, struct bk_rdv_msg *m)
{
	struct bk_rdv_msg grant = {.type = BK_RDV_SERVER_RELAY};
	struct bk_nameplate *p = bk_nameplate_of(&c->holder, m->nameplate);
	bk_time now = bk_loop_now(c->server->loop);

	if (!p || !bk_nameplate_is_claimed(p))
		return BK_E_NOT_FOUND;
	if (!bk_rate_take(&c->from.who->claims, 1, now))
		return BK_E_RATE_LIMITED;
	randombytes_buf(p->relay_token, sizeof(p->relay_token));
	bk_relays_grant(c->server->relays, p->relay_token);
	bk_nameplates_refresh(c->server->nameplates, p, now);
	grant.nameplate = p->number;
	memcpy(grant.relay_token, p->relay_token, sizeof(grant.relay_token));
	bk_client_send(client_of(p, 0), &grant);
	bk_client_send(client_of(p, 1), &grant);
	return 0;
}

void bk_request_withdraw(struct bk_client *c)
{
	struct bk_nameplate *p;

	while ((p = bk_nameplate_of(&c->holder, 0))) {
		send_released(
			client_of(p, !bk_nameplate_side_of(p, &c->holder)), p->number, BK_E_PEER_VANISHED);
		bk_nameplates_release(c->server->nameplates, p);
	}
}

bk_time bk_requests_expire(struct bk_server *s, bk_time now)
{
	struct bk_nameplate *p;

	while ((p = bk_nameplates_expired(s->nameplates, now))) {
		send_released(client_of(p, 0), p->number, BK_E_TIMEOUT);
		send_released(client_of(p, 1), p->number, BK_E_TIMEOUT);
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

static int on_reach(struct bk_client *c, struct bk_rdv_msg *m)
{
	if (!bk_rate_take(&c->from.who->reaches, 1, bk_loop_now(c->server->loop)))
		return BK_E_RATE_LIMITED;
	return bk_reaches_start(c->server->reaches, c, m->nonce);
}

void bk_request_handle(struct bk_client *c, struct bk_rdv_msg *m)
{
	static int (*const handlers[BK_RDV_TYPES])(struct bk_client *, struct bk_rdv_msg *) = {
		[BK_RDV_CLIENT_PING] = on_ping,
		[BK_RDV_CLIENT_PROBE] = on_probe,
		[BK_RDV_CLIENT_REACH] = on_reach,
		[BK_RDV_CLIENT_ALLOCATE] = on_allocate,
		[BK_RDV_CLIENT_CLAIM] = on_claim,
		[BK_RDV_CLIENT_RELAY] = on_relay,
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

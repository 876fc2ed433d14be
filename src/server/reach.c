/* SPDX-License-Identifier: Apache-2.0 */
/* Connecting back, for a client that wants to know what its NAT lets in. A connection that succeeds proves
 * its point by that alone and is reset at once. To make us a port scanner somebody would have to own the
 * address he scans. */
#include "server/reach.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "net/dial.h"
#include "net/sock.h"
#include "server/crowd.h"
#include "server/limits.h"

enum outcome { UNTESTED, UNDER_WAY, REACHED, NOT_REACHED };

struct attempt {
	struct reach *reach;
	struct bk_dial *dial;
	enum outcome outcome;
};

struct reach {
	struct bk_list link;
	struct bk_reaches *reaches;
	uint64_t who; /* the client */
	uint8_t nonce[BK_RDV_SECRET_LEN];
	struct bk_circle *account;
	struct attempt same, other;
};

struct bk_reaches {
	struct bk_server *server;
	struct bk_list under_way;
};

static void free_reach(struct reach *r)
{
	struct bk_client *c = bk_client_find(r->reaches->server, r->who);

	bk_dial_free(r->same.dial);
	bk_dial_free(r->other.dial);
	if (!bk_list_empty(&r->link)) {
		bk_list_remove(&r->link);
		bk_crowd_give(r->reaches->server->crowd, r->account, BK_SHARE_REACHES, 1,
			bk_loop_now(r->reaches->server->loop));
		if (c)
			c->is_reaching = false;
	}
	free(r);
}

static const char *outcome_word(enum outcome o)
{
	return o == REACHED ? "yes" : o == UNTESTED ? "untested" : "no";
}

/* It is over before its client is told: who cannot take the answer leaves, and takes its test along. */
static void finish(struct reach *r)
{
	struct bk_rdv_msg m = {.type = BK_RDV_SERVER_REACHED};
	struct bk_client *to = bk_client_find(r->reaches->server, r->who);

	memcpy(m.nonce, r->nonce, sizeof(m.nonce));
	snprintf(m.same_address, sizeof(m.same_address), "%s", outcome_word(r->same.outcome));
	snprintf(m.other_address, sizeof(m.other_address), "%s", outcome_word(r->other.outcome));
	free_reach(r);
	if (to)
		bk_client_send(to, &m);
}

static void finish_if_done(struct reach *r)
{
	if (r->same.outcome != UNDER_WAY && r->other.outcome != UNDER_WAY)
		finish(r);
}

/* What failed on our side says nothing about the client's. */
static enum outcome outcome_of(int error)
{
	switch (error) {
	case 0:
	case BK_E_RESET: /* it was connected first: a SYN that is answered with a reset is "refused" */
		return REACHED;
	case BK_E_REFUSED:
	case BK_E_UNREACHABLE:
	case BK_E_TIMEOUT:
		return NOT_REACHED;
	default:
		return UNTESTED;
	}
}

static void on_dialed(void *arg, int error, int fd)
{
	struct attempt *a = arg;

	if (fd >= 0)
		bk_sock_abort(fd);
	a->outcome = outcome_of(error);
	finish_if_done(a->reach);
}

static void start_attempt(
	struct attempt *a, struct bk_loop *loop, const struct bk_addr *from, const struct bk_addr *to)
{
	const struct bk_dial_opts opts = {
		.addrs = to, .len = 1, .local = bk_addr_with_port(*from, 0), .patience = BK_LIMIT_REACH};
	int err;

	if (from->family != to->family)
		return;
	err = bk_dial_new(loop, &opts, on_dialed, a, &a->dial);
	a->outcome = err < 0 ? outcome_of(err) : UNDER_WAY;
}

/* An address of ours that the client did not come to, or one of family 0. */
static struct bk_addr other_address(const struct bk_server *s, const struct bk_addr *reached)
{
	struct bk_addr none = {0};

	if (s->config.alt.family && !bk_addr_equal_ip(&s->config.alt, reached))
		return s->config.alt;
	if (s->config.listen.family && !bk_addr_is_any(&s->config.listen) &&
		!bk_addr_equal_ip(&s->config.listen, reached))
		return s->config.listen;
	return none;
}

int bk_reaches_start(struct bk_reaches *rs, struct bk_client *c, const uint8_t nonce[BK_RDV_SECRET_LEN])
{
	struct bk_addr other = other_address(rs->server, &c->from.local);
	struct reach *r;
	int err;

	if (c->is_reaching)
		return BK_E_FULL;
	r = calloc(1, sizeof(*r));
	if (!r)
		return BK_E_NOMEM;
	*r = (struct reach){.reaches = rs,
		.who = c->who,
		.account = c->from.guest->circle,
		.same = {.reach = r},
		.other = {.reach = r}};
	err = bk_crowd_take(rs->server->crowd, r->account, BK_SHARE_REACHES, 1);
	if (err < 0) {
		free(r);
		return err;
	}
	memcpy(r->nonce, nonce, sizeof(r->nonce));
	bk_list_init(&r->link);
	bk_list_append(&rs->under_way, &r->link);
	c->is_reaching = true;
	start_attempt(&r->same, rs->server->loop, &c->from.local, &c->from.peer);
	start_attempt(&r->other, rs->server->loop, &other, &c->from.peer);
	finish_if_done(r);
	return 0;
}

void bk_reaches_forget(struct bk_reaches *rs, struct bk_client *c)
{
	if (!c->is_reaching)
		return;
	bk_list_each(it, tmp, &rs->under_way)
	{
		struct reach *r = bk_container_of(it, struct reach, link);

		if (r->who == c->who)
			free_reach(r);
	}
}

int bk_reaches_new(struct bk_server *s, struct bk_reaches **ret_reaches)
{
	struct bk_reaches *rs = calloc(1, sizeof(*rs));

	if (!rs)
		return BK_E_NOMEM;
	rs->server = s;
	bk_list_init(&rs->under_way);
	*ret_reaches = rs;
	return 0;
}

void bk_reaches_free(struct bk_reaches *rs)
{
	if (!rs)
		return;
	bk_list_each(it, tmp, &rs->under_way) free_reach(bk_container_of(it, struct reach, link));
	free(rs);
}

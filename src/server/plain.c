/* SPDX-License-Identifier: Apache-2.0 */
/* The plain dialect's server side. A client that names no peer waits to be found by its id; one that names a
 * waiting peer is matched with it and both ids are free again. Only a side on standby keeps its id, until the
 * port it waits for is reported from the address of the side that was told to report, so that no stranger can
 * send it elsewhere. A report that does not come is waited for a bounded time, shorter when the reporter's
 * control connection is gone (the report may be on its way, on a connection of its own); then the side on
 * standby is told that there is no peer. The dialect has no authentication of its own and is served only
 * where asked for. */
#include "server/plain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "server/client.h"
#include "server/hello.h"
#include "server/limits.h"
#include "server/match.h"
#include "wire/preface.h"

#define REPORT_PATIENCE       BK_LIMIT_PLAIN_FORGOTTEN
#define REPORT_PATIENCE_ALONE (10 * BK_SEC) /* its control connection is gone */

/* What the dialect keeps of a client. */
struct plain {
	struct bk_list link; /* in server->awaiting while a port is awaited */
	struct bk_client *client;
	char nat_type[BK_RDV_WORD_MAX + 1];
	char reporter_id[BK_RDV_ID_MAX + 1];
	struct bk_addr reporter;
	uint64_t reporter_who; /* 0: its control connection is gone */
	struct bk_timer *overdue;
};

static struct plain *plain_of(const struct bk_client *c)
{
	return c->own;
}

/* Those who wait for a report of this one's wait no longer than it may take to arrive. */
static void on_reporter_gone(struct bk_server *s, uint64_t who)
{
	bk_list_each(it, tmp, &s->awaiting)
	{
		struct plain *p = bk_container_of(it, struct plain, link);

		if (p->reporter_who != who)
			continue;
		p->reporter_who = 0;
		bk_timer_start(p->overdue, REPORT_PATIENCE_ALONE);
	}
}

static void stop_waiting(struct plain *p)
{
	bk_list_remove(&p->link);
	if (p->overdue)
		bk_timer_stop(p->overdue);
}

static void leave(struct bk_client *c)
{
	stop_waiting(plain_of(c));
	on_reporter_gone(c->server, c->who);
}

static void free_plain(struct plain *p)
{
	bk_timer_free(p->overdue);
	free(p);
}

static void done(struct bk_client *c)
{
	bk_assert(bk_list_empty(&plain_of(c)->link));
	free_plain(c->own);
	c->own = NULL;
}

static void forget(struct bk_client *c)
{
	bk_client_forget_id(c);
	bk_client_set_patience(c, BK_LIMIT_PLAIN_FORGOTTEN);
}

static void send_peer_info(
	struct bk_client *to, const struct bk_client *peer, const char *peer_id, const char *action)
{
	struct bk_rdv_msg m = {.type = BK_RDV_PEER_INFO};
	char ip[BK_ADDR_STR_MAX];

	snprintf(m.action, sizeof(m.action), "%s", action ? action : "");
	snprintf(m.peer.client_id, sizeof(m.peer.client_id), "%s", peer_id);
	snprintf(m.peer.nat_type, sizeof(m.peer.nat_type), "%s", plain_of(peer)->nat_type);
	snprintf(m.peer.public_ip, sizeof(m.peer.public_ip), "%.*s", BK_RDV_IP_MAX,
		bk_addr_ip_to_str(&peer->from.peer, ip));
	m.peer.public_port = peer->from.peer.port;
	bk_client_send(to, &m);
}

static void on_overdue(void *arg)
{
	struct plain *p = arg;
	struct bk_rdv_msg m = {.type = BK_RDV_PEER_NOT_FOUND};

	bk_list_remove(&p->link);
	snprintf(m.peer_id, sizeof(m.peer_id), "%s", p->reporter_id);
	bk_client_send(p->client, &m);
	bk_client_finish(p->client, BK_E_PEER_VANISHED, "the port that it waits for was never reported");
}

static void await_port(struct bk_client *standby, const struct bk_client *reporter)
{
	struct plain *p = plain_of(standby);
	int err;

	if (standby->state != BK_CLIENT_READY) /* what it was told just now was too much for it */
		return;
	err = p->overdue ? 0 : bk_timer_new(standby->server->loop, on_overdue, p, &p->overdue);

	if (err < 0) {
		bk_client_doom(standby, err, NULL);
		return;
	}
	p->reporter = reporter->from.peer;
	p->reporter_who = reporter->who;
	snprintf(p->reporter_id, sizeof(p->reporter_id), "%s", reporter->id);
	bk_list_append(&standby->server->awaiting, &p->link);
	bk_timer_start(p->overdue, REPORT_PATIENCE);
	bk_client_set_patience(standby, 2 * REPORT_PATIENCE);
}

static void match(struct bk_client *c, struct bk_client *peer)
{
	struct bk_match found = bk_match_nats(plain_of(c)->nat_type, plain_of(peer)->nat_type);

	/* Who listens is told first: there are clients that connect once and give up. */
	if (found.client_action && !strcmp(found.client_action, "Connect")) {
		send_peer_info(peer, c, c->id, found.peer_action);
		send_peer_info(c, peer, peer->id, found.client_action);
	} else {
		send_peer_info(c, peer, peer->id, found.client_action);
		send_peer_info(peer, c, c->id, found.peer_action);
	}
	if (found.peer_action && !strcmp(found.peer_action, "Standby"))
		await_port(peer, c);
	else
		forget(peer);
	forget(c);
}

static bool can_match(const struct bk_client *c, const struct bk_client *peer)
{
	return peer && peer != c && peer->dialect == c->dialect && peer->state == BK_CLIENT_READY &&
	       bk_list_empty(&plain_of(peer)->link);
}

static void look_for_peer(struct bk_client *c, const char *id)
{
	struct bk_rdv_msg answer = {.type = BK_RDV_PEER_NOT_FOUND};
	struct bk_client *peer = bk_client_find_id(c->server, id);

	if (can_match(c, peer)) {
		match(c, peer);
		return;
	}
	snprintf(answer.peer_id, sizeof(answer.peer_id), "%s", id);
	bk_client_send(c, &answer);
	forget(c);
}

static void on_hello(struct bk_client *c, const struct bk_rdv_msg *m)
{
	struct plain *p = plain_of(c);

	if (!bk_hello_take(c, m))
		return;
	snprintf(p->nat_type, sizeof(p->nat_type), "%s", *m->nat_type ? m->nat_type : "unknown");
	if (*m->peer_id)
		look_for_peer(c, m->peer_id);
}

static struct plain *find_awaiting(struct bk_client *c, const char *reporter_id)
{
	bk_list_each(it, tmp, &c->server->awaiting)
	{
		struct plain *p = bk_container_of(it, struct plain, link);

		if (!strcmp(p->reporter_id, reporter_id) && bk_addr_equal_ip(&p->reporter, &c->from.peer))
			return p;
	}
	return NULL;
}

/* A port reported: on a connection that says nothing else, or after a hello. */
static void on_port(struct bk_client *c, const struct bk_rdv_msg *m)
{
	struct plain *p = find_awaiting(c, m->client_id);
	struct bk_rdv_msg report = {.type = BK_RDV_PEER_PORT, .port = m->port ? m->port : c->from.peer.port};

	if (!p) {
		bk_client_doom(c, BK_E_NO_SUCH_PEER, "nobody waits for the port that was reported");
		return;
	}
	stop_waiting(p);
	snprintf(report.client_id, sizeof(report.client_id), "%s", m->client_id);
	bk_client_send(p->client, &report);
	forget(p->client);
	bk_client_finish(c, 0, "the port is reported");
}

static void on_message(struct bk_client *c, struct bk_rdv_msg *m)
{
	bool is_first = c->state == BK_CLIENT_GREETING;

	if (m->type == BK_RDV_PEER_PORT)
		on_port(c, m);
	else if (!is_first)
		bk_client_doom(c, BK_E_PROTOCOL, NULL);
	else if (m->type == BK_RDV_CLIENT_HELLO)
		on_hello(c, m);
	else
		bk_client_doom(c, BK_E_PROTOCOL, BK_HELLO_MISSING);
}

static int plain_new(struct bk_server *s, const struct bk_arrival *from, const uint8_t *head)
{
	struct plain *p = calloc(1, sizeof(*p));
	int err;

	(void)head;
	if (!p)
		return BK_E_NOMEM;
	bk_list_init(&p->link);
	err = bk_client_new(s, from, &bk_dialect_plain, p, &p->client);
	if (err < 0)
		free_plain(p);
	return err;
}

static const char *why_not(const struct bk_server *s)
{
	return s->config.speaks_plain ? NULL : "the plain dialect is not spoken here";
}

const struct bk_dialect bk_dialect_plain = {
	.name = "plain",
	.first = BK_FIRST_PLAIN,
	.why_not = why_not,
	.new = plain_new,
	.on_message = on_message,
	.forget = leave,
	.done = done,
};

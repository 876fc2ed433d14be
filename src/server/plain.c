/* SPDX-License-Identifier: Apache-2.0 */
/* The plain dialect's server side. A client that names no peer waits in the registry; one that names a
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

#include "base/error.h"
#include "server/limits.h"
#include "server/match.h"
#include "server/registry.h"

#define REPORT_PATIENCE       BK_LIMIT_PLAIN_FORGOTTEN
#define REPORT_PATIENCE_ALONE (10 * BK_SEC) /* its control connection is gone */

struct bk_plain {
	struct bk_list link; /* in server->awaiting while a port is awaited */
	struct bk_client *client;
	char nat_type[BK_RDV_WORD_MAX + 1];
	char reporter_id[BK_RDV_ID_MAX + 1];
	struct bk_addr reporter;
	const struct bk_plain *reporter_plain; /* NULL: its control connection is gone */
	struct bk_timer *overdue;
};

int bk_plain_new(struct bk_plain **ret_plain)
{
	struct bk_plain *p = calloc(1, sizeof(*p));

	if (!p)
		return BK_E_NOMEM;
	bk_list_init(&p->link);
	*ret_plain = p;
	return 0;
}

/* Those who wait for a report of this one's wait no longer than it may take to arrive. */
static void on_reporter_gone(const struct bk_plain *reporter)
{
	bk_list_each(it, tmp, &reporter->client->server->awaiting)
	{
		struct bk_plain *p = bk_container_of(it, struct bk_plain, link);

		if (p->reporter_plain != reporter)
			continue;
		p->reporter_plain = NULL;
		bk_timer_start(p->overdue, REPORT_PATIENCE_ALONE);
	}
}

void bk_plain_leave(struct bk_plain *p)
{
	if (!p)
		return;
	if (p->client)
		on_reporter_gone(p);
	bk_list_remove(&p->link);
	if (p->overdue)
		bk_timer_stop(p->overdue);
}

void bk_plain_free(struct bk_plain *p)
{
	if (!p)
		return;
	bk_plain_leave(p);
	bk_timer_free(p->overdue);
	free(p);
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
	snprintf(m.peer.nat_type, sizeof(m.peer.nat_type), "%s", peer->plain->nat_type);
	snprintf(m.peer.public_ip, sizeof(m.peer.public_ip), "%.*s", BK_RDV_IP_MAX,
		bk_addr_ip_to_str(&peer->from.peer, ip));
	m.peer.public_port = peer->from.peer.port;
	bk_client_send(to, &m);
}

static void on_overdue(void *arg)
{
	struct bk_plain *p = arg;
	struct bk_rdv_msg m = {.type = BK_RDV_PEER_NOT_FOUND};

	bk_list_remove(&p->link);
	snprintf(m.peer_id, sizeof(m.peer_id), "%s", p->reporter_id);
	bk_client_send(p->client, &m);
	bk_client_finish(p->client, BK_E_PEER_VANISHED, "the port that it waits for was never reported");
}

static void await_port(struct bk_client *standby, const struct bk_client *reporter)
{
	struct bk_plain *p = standby->plain;
	int err;

	if (standby->state != BK_CLIENT_READY) /* what it was told just now was too much for it */
		return;
	err = p->overdue ? 0 : bk_timer_new(standby->server->loop, on_overdue, p, &p->overdue);

	if (err < 0) {
		bk_client_doom(standby, err, NULL);
		return;
	}
	p->reporter = reporter->from.peer;
	p->reporter_plain = reporter->plain;
	snprintf(p->reporter_id, sizeof(p->reporter_id), "%s", reporter->id);
	bk_list_append(&standby->server->awaiting, &p->link);
	bk_timer_start(p->overdue, REPORT_PATIENCE);
	bk_client_set_patience(standby, 2 * REPORT_PATIENCE);
}

static void match(struct bk_client *c, struct bk_client *peer)
{
	struct bk_match found = bk_match_nats(c->plain->nat_type, peer->plain->nat_type);

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
	return peer && peer != c && peer->plain && peer->state == BK_CLIENT_READY &&
	       bk_list_empty(&peer->plain->link);
}

void bk_plain_on_hello(struct bk_client *c, const struct bk_rdv_msg *m)
{
	struct bk_rdv_msg answer = {.type = BK_RDV_PEER_NOT_FOUND};
	struct bk_client *peer;

	c->plain->client = c;
	snprintf(
		c->plain->nat_type, sizeof(c->plain->nat_type), "%s", *m->nat_type ? m->nat_type : "unknown");
	if (!*m->peer_id)
		return;
	peer = bk_registry_find(c->server->registry, m->peer_id);
	if (can_match(c, peer)) {
		match(c, peer);
		return;
	}
	snprintf(answer.peer_id, sizeof(answer.peer_id), "%s", m->peer_id);
	bk_client_send(c, &answer);
	forget(c);
}

static struct bk_plain *find_awaiting(struct bk_client *c, const char *reporter_id)
{
	bk_list_each(it, tmp, &c->server->awaiting)
	{
		struct bk_plain *p = bk_container_of(it, struct bk_plain, link);

		if (!strcmp(p->reporter_id, reporter_id) && bk_addr_equal_ip(&p->reporter, &c->from.peer))
			return p;
	}
	return NULL;
}

void bk_plain_on_port(struct bk_client *c, const struct bk_rdv_msg *m)
{
	struct bk_plain *p = find_awaiting(c, m->client_id);
	struct bk_rdv_msg report = {.type = BK_RDV_PEER_PORT, .port = m->port ? m->port : c->from.peer.port};

	if (!p) {
		bk_client_doom(c, BK_E_NO_SUCH_PEER, "nobody waits for the port that was reported");
		return;
	}
	bk_list_remove(&p->link);
	bk_timer_stop(p->overdue);
	snprintf(report.client_id, sizeof(report.client_id), "%s", m->client_id);
	bk_client_send(p->client, &report);
	forget(p->client);
	bk_client_finish(c, 0, "the port is reported");
}

void bk_plain_on_message(struct bk_client *c, const struct bk_rdv_msg *m)
{
	if (m->type == BK_RDV_UNKNOWN)
		c->server->stats.dropped++;
	else if (m->type == BK_RDV_PEER_PORT)
		bk_plain_on_port(c, m);
	else
		bk_client_doom(c, BK_E_PROTOCOL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Announcement and probe travel on two connections and may come in either order, so a probe may wait a moment
 * for its announcement. After the answer the client closes first; a probe that it leaves open is closed after
 * a while. */
#include "server/probes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/error.h"
#include "base/map.h"
#include "server/client.h"
#include "server/crowd.h"
#include "server/dialect.h"
#include "server/limits.h"

struct announcement {
	struct bk_list link;
	uint64_t who; /* the client */
	uint8_t nonce[BK_PREFACE_SECRET_LEN];
	bk_time expires;
	unsigned uses;
};

struct probe {
	struct bk_probes *probes;
	struct bk_list link;
	struct bk_arrival from;
	uint8_t nonce[BK_PREFACE_SECRET_LEN];
	struct bk_watch *watch;
	struct bk_timer *timer;
};

struct bk_probes {
	struct bk_server *server;
	struct bk_map *by_nonce;
	struct bk_list announced; /* oldest first */
	struct bk_list early;     /* probes without an announcement */
	struct bk_list answered;  /* probes that the client should close */
};

static void drop_announcement(struct bk_probes *ps, struct announcement *a)
{
	struct bk_client *c = bk_client_find(ps->server, a->who);

	bk_list_remove(&a->link);
	bk_map_take(ps->by_nonce, a->nonce, sizeof(a->nonce));
	if (c)
		c->probes--;
	free(a);
}

static void drop_expired(struct bk_probes *ps)
{
	bk_time now = bk_loop_now(ps->server->loop);

	bk_list_each(it, tmp, &ps->announced)
	{
		struct announcement *a = bk_container_of(it, struct announcement, link);

		if (a->expires > now)
			return;
		drop_announcement(ps, a);
	}
}

static void free_probe(struct probe *p)
{
	bk_list_remove(&p->link);
	bk_watch_free(p->watch);
	bk_timer_free(p->timer);
	free(p);
}

static void end_probe(struct probe *p, int error, const char *detail)
{
	bk_arrival_end(p->probes->server, &p->from, error, detail);
	free_probe(p);
}

static void on_readable(void *arg, int fd, int events)
{
	struct probe *p = arg;
	char dropped[512];
	ssize_t n = recv(fd, dropped, sizeof(dropped), MSG_DONTWAIT);

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	end_probe(p, n > 0 ? BK_E_PROTOCOL : 0, n > 0 ? NULL : "probe answered");
}

static void on_timer(void *arg)
{
	struct probe *p = arg;

	if (p->watch)
		end_probe(p, 0, "probe answered");
	else
		end_probe(p, BK_E_NOT_FOUND, "a probe that nobody announced");
}

static void send_mapped(const struct announcement *a, const struct probe *p)
{
	struct bk_client *to = bk_client_find(p->probes->server, a->who);
	struct bk_rdv_msg m = {.type = BK_RDV_SERVER_MAPPED};
	char ip[BK_ADDR_STR_MAX];

	memcpy(m.nonce, a->nonce, sizeof(m.nonce));
	snprintf(m.public_ip, sizeof(m.public_ip), "%.*s", BK_RDV_IP_MAX,
		bk_addr_ip_to_str(&p->from.peer, ip));
	snprintf(m.server_ip, sizeof(m.server_ip), "%.*s", BK_RDV_IP_MAX,
		bk_addr_ip_to_str(&p->from.local, ip));
	m.public_port = p->from.peer.port;
	m.server_port = p->from.local.port;
	if (to)
		bk_client_send(to, &m);
}

/* The nonce goes in clear: only where its owner is, too, it proves something. Of IPv6 the network counts, as a
 * machine there has several addresses. */
static int check_address(const struct bk_probes *ps, const struct announcement *a, const struct probe *p)
{
	const struct bk_client *c = bk_client_find(ps->server, a->who);

	return c && c->from.guest->circle == p->from.guest->circle ? 0 : BK_E_ACCESS;
}

/* Tells the owner and waits for the client's close. The probe is in no list when this is called. */
static int answer(struct probe *p, struct announcement *a)
{
	struct bk_probes *ps = p->probes;
	int err = check_address(ps, a, p);

	if (!err && a->uses >= BK_LIMIT_PROBE_USES)
		err = BK_E_FULL;
	if (!err)
		err = bk_crowd_prove(ps->server->crowd, p->from.guest, BK_SHARE_PROBES);
	if (!err)
		err = bk_watch_new(ps->server->loop, p->from.fd, on_readable, p, &p->watch);
	if (!err)
		err = bk_watch_set(p->watch, BK_READABLE);
	if (err < 0)
		return err;
	bk_timer_start(p->timer, BK_LIMIT_PROBE_LINGER);
	bk_guest_set_keeper(p->from.guest, NULL, NULL);
	bk_crowd_refund(ps->server->crowd, p->from.guest->circle, BK_RATION_ARRIVALS, 1,
		bk_loop_now(ps->server->loop));
	bk_list_append(&ps->answered, &p->link);
	a->uses++;
	send_mapped(a, p);
	return 0;
}

static void send_away(void *arg)
{
	end_probe(arg, BK_E_FULL, "too many connections have not said who they are");
}

static int wait_for_announcement(struct probe *p)
{
	struct bk_probes *ps = p->probes;

	bk_timer_start(p->timer, BK_LIMIT_PROBE_EARLY);
	bk_list_append(&ps->early, &p->link);
	bk_guest_set_keeper(p->from.guest, send_away, p);
	return 0;
}

/* Takes the arrival over on success. BK_E_FULL. */
static int arrive(
	struct bk_probes *ps, const struct bk_arrival *from, const uint8_t nonce[BK_PREFACE_SECRET_LEN])
{
	struct announcement *a;
	struct probe *p;
	int err;

	drop_expired(ps);
	p = calloc(1, sizeof(*p));
	if (!p)
		return BK_E_NOMEM;
	p->probes = ps;
	p->from = *from;
	memcpy(p->nonce, nonce, sizeof(p->nonce));
	bk_list_init(&p->link);
	a = bk_map_get(ps->by_nonce, nonce, sizeof(p->nonce));
	err = bk_timer_new(ps->server->loop, on_timer, p, &p->timer);
	if (!err)
		err = a ? answer(p, a) : wait_for_announcement(p);
	if (err < 0)
		free_probe(p);
	return err;
}

/* The announcement is looked up each time: its client may leave when it cannot take an answer. */
static void answer_early(struct bk_probes *ps, const uint8_t nonce[BK_PREFACE_SECRET_LEN])
{
	bk_list_each(it, tmp, &ps->early)
	{
		struct probe *p = bk_container_of(it, struct probe, link);
		struct announcement *a = bk_map_get(ps->by_nonce, nonce, sizeof(p->nonce));
		int err;

		if (!a || memcmp(p->nonce, nonce, sizeof(p->nonce)) != 0)
			continue;
		bk_list_remove(&p->link);
		err = answer(p, a);
		if (err < 0) {
			bk_arrival_end(ps->server, &p->from, err, NULL);
			free_probe(p);
		}
	}
}

int bk_probes_announce(struct bk_probes *ps, struct bk_client *c, const uint8_t nonce[BK_PREFACE_SECRET_LEN])
{
	struct announcement *a;
	int err;

	drop_expired(ps);
	if (c->probes >= BK_LIMIT_PROBES)
		return BK_E_FULL;
	a = calloc(1, sizeof(*a));
	if (!a)
		return BK_E_NOMEM;
	a->who = c->who;
	memcpy(a->nonce, nonce, sizeof(a->nonce));
	a->expires = bk_time_add(bk_loop_now(ps->server->loop), BK_LIMIT_PROBE_LIFETIME);
	err = bk_map_put(ps->by_nonce, a->nonce, sizeof(a->nonce), a);
	if (err < 0) {
		free(a);
		return err;
	}
	bk_list_append(&ps->announced, &a->link);
	c->probes++;
	answer_early(ps, nonce);
	return 0;
}

void bk_probes_forget(struct bk_probes *ps, struct bk_client *c)
{
	if (!c->probes)
		return;
	bk_list_each(it, tmp, &ps->announced)
	{
		struct announcement *a = bk_container_of(it, struct announcement, link);

		if (a->who == c->who)
			drop_announcement(ps, a);
	}
}

int bk_probes_new(struct bk_server *s, uint64_t seed, struct bk_probes **ret_probes)
{
	struct bk_probes *ps = calloc(1, sizeof(*ps));

	if (!ps)
		return BK_E_NOMEM;
	ps->server = s;
	bk_list_init(&ps->announced);
	bk_list_init(&ps->early);
	bk_list_init(&ps->answered);
	ps->by_nonce = bk_map_new((size_t)s->config.clients_max * BK_LIMIT_PROBES, seed);
	if (!ps->by_nonce) {
		free(ps);
		return BK_E_NOMEM;
	}
	*ret_probes = ps;
	return 0;
}

void bk_probes_free(struct bk_probes *ps)
{
	if (!ps)
		return;
	bk_list_each(it, tmp, &ps->early)
		end_probe(bk_container_of(it, struct probe, link), BK_E_SHUTDOWN, NULL);
	bk_list_each(it2, tmp2, &ps->answered)
		end_probe(bk_container_of(it2, struct probe, link), BK_E_SHUTDOWN, NULL);
	bk_list_each(it3, tmp3, &ps->announced)
		drop_announcement(ps, bk_container_of(it3, struct announcement, link));
	bk_map_free(ps->by_nonce);
	free(ps);
}

static int probe_new(struct bk_server *s, const struct bk_arrival *from, const uint8_t *head)
{
	struct bk_preface p;
	int err = bk_preface_decode(head, BK_PREFACE_LEN, &p);

	return err < 0 ? err : arrive(s->probes, from, p.secret);
}

const struct bk_dialect bk_dialect_probe = {
	.name = "probe",
	.first = 'P',
	.check_head = bk_preface_check,
	.head_len = BK_PREFACE_LEN,
	.new = probe_new,
	.not_taken = "probe not taken",
};

/* SPDX-License-Identifier: Apache-2.0 */
#include "udp_drive.h"

#include <assert.h>

bk_time sim_udp_drive_now(const struct sim_udp_drive *d)
{
	return d->side->net->clock.now + d->clock_offset;
}

static void on_timer(void *self, const struct sim_packet *packet, int arg)
{
	struct sim_udp_drive *d = self;

	(void)packet, (void)arg;
	d->armed = BK_NEVER;
	if (sim_udp_drive_now(d) >= d->ops->next_wake(d->engine))
		d->ops->on_time(d->engine, sim_udp_drive_now(d));
	sim_udp_drive_poke(d);
}

static void arm(struct sim_udp_drive *d)
{
	struct sim_clock *c = &d->side->net->clock;
	bk_time wake = d->ops->next_wake(d->engine);

	if (wake == BK_NEVER || wake - d->clock_offset >= d->armed)
		return;
	d->armed = wake - d->clock_offset;
	sim_at(c, d->armed + (d->timer_slack ? bk_rng_range(&c->rng, 0, d->timer_slack) : 0), on_timer, d,
		NULL, 0);
}

static void open_socket(struct sim_udp_drive *d, uint32_t id)
{
	assert(id > SIM_UDP_LENT_MAX && id < SIM_UDP_IDS && !d->sockets[id].family);
	d->sockets[id] = bk_addr_with_port(d->side->host.ip, (uint16_t)(SIM_UDP_FIRST_PORT + id));
	if (d->ops->on_opened)
		d->ops->on_opened(d->engine, id, &d->sockets[id], sim_udp_drive_now(d));
}

static void perform(struct sim_udp_drive *d, const struct bk_action *a)
{
	assert(a->id < SIM_UDP_IDS);
	switch (a->type) {
	case BK_ACT_UDP_OPEN:
		open_socket(d, a->id);
		break;
	case BK_ACT_UDP_CLOSE:
		d->sockets[a->id] = (struct bk_addr){0};
		break;
	case BK_ACT_DATAGRAM:
		if (d->sockets[a->id].family == a->remote.family)
			sim_host_send(
				&d->side->host, &d->sockets[a->id], &a->remote, a->ttl, a->data, a->len);
		break;
	case BK_ACT_REPORT:
		d->on_report(d->arg, a);
		break;
	default:
		assert(!"an engine of datagrams asks for connections");
	}
}

void sim_udp_drive_poke(struct sim_udp_drive *d)
{
	struct bk_action a;

	while (d->ops->next_action(d->engine, &a))
		perform(d, &a);
	arm(d);
}

/* 0: no socket is there. */
static uint32_t find_socket(const struct sim_udp_drive *d, const struct bk_addr *at)
{
	uint32_t id = at->port > SIM_UDP_FIRST_PORT ? at->port - SIM_UDP_FIRST_PORT : 0;

	for (uint32_t lent = 1; lent <= SIM_UDP_LENT_MAX; lent++)
		if (bk_addr_equal(&d->sockets[lent], at))
			return lent;
	return id < SIM_UDP_IDS && bk_addr_equal(&d->sockets[id], at) ? id : 0;
}

static void on_datagram(void *owner, const struct sim_packet *p)
{
	struct sim_udp_drive *d = owner;
	const struct bk_way way = {find_socket(d, &p->dst), p->src};

	if (!way.socket || !d->engine)
		return;
	if (d->ops->on_datagram(d->engine, way.socket, &p->src, p->bytes, p->len, sim_udp_drive_now(d)))
		sim_udp_drive_poke(d);
	else
		d->on_stray(d->arg, &way, p->bytes, p->len);
}

void sim_udp_drive_send(struct sim_udp_drive *d, const struct bk_way *way, const uint8_t *data, size_t len)
{
	assert(d->sockets[way->socket].family);
	sim_host_send(&d->side->host, &d->sockets[way->socket], &way->remote, 0, data, len);
}

void sim_udp_drive_lend(struct sim_udp_drive *d, uint32_t id, const struct bk_addr *local)
{
	assert(id && id <= SIM_UDP_LENT_MAX);
	d->sockets[id] = *local;
}

void sim_udp_drive_init(struct sim_udp_drive *d)
{
	static const struct sim_host_events events = {.on_datagram = on_datagram};

	d->side->host.owner = d;
	d->side->host.events = &events;
	d->armed = BK_NEVER;
}

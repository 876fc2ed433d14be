/* SPDX-License-Identifier: Apache-2.0 */
#include "udp_drive.h"

#include <assert.h>
#include <string.h>

static void settle(struct sim_udp_drive *d);

static uint32_t lent_id(uint16_t port)
{
	return port > SIM_UDP_LENT_PORT && port < SIM_UDP_FIRST_PORT ? port - SIM_UDP_LENT_PORT : 0;
}

struct bk_addr sim_udp_drive_local(const struct sim_udp_drive *d, uint32_t id)
{
	bool is_lent = id < 3;

	return bk_addr_with_port(
		d->side->host.ip, (uint16_t)((is_lent ? SIM_UDP_LENT_PORT : SIM_UDP_FIRST_PORT) + id));
}

void sim_udp_drive_send(struct sim_udp_drive *d, const struct bk_way *way, const uint8_t *data, size_t len)
{
	struct bk_addr local = sim_udp_drive_local(d, way->socket);

	assert(d->open[way->socket]);
	sim_host_send(&d->side->host, &local, &way->remote, 0, data, len);
}

static void on_timer(void *self, const struct sim_packet *packet, int arg)
{
	struct sim_udp_drive *d = self;

	(void)packet, (void)arg;
	d->armed = BK_NEVER;
	d->ops->on_time(d->engine, d->side->net->clock.now);
	settle(d);
}

static void arm(struct sim_udp_drive *d)
{
	bk_time wake = d->ops->next_wake(d->engine);

	if (wake == BK_NEVER || wake >= d->armed)
		return;
	d->armed = wake;
	sim_at(&d->side->net->clock, wake, on_timer, d, NULL, 0);
}

static void open_socket(struct sim_udp_drive *d, uint32_t id)
{
	struct bk_addr local = sim_udp_drive_local(d, id);

	assert(id >= 3 && id < SIM_UDP_IDS && !d->open[id]);
	d->open[id] = true;
	if (d->ops->on_opened)
		d->ops->on_opened(d->engine, id, &local, d->side->net->clock.now);
}

static void perform(struct sim_udp_drive *d, const struct bk_action *a)
{
	struct bk_addr local = sim_udp_drive_local(d, a->id);

	switch (a->type) {
	case BK_ACT_UDP_OPEN:
		open_socket(d, a->id);
		break;
	case BK_ACT_UDP_CLOSE:
		d->open[a->id] = false;
		break;
	case BK_ACT_DATAGRAM:
		if (d->open[a->id])
			sim_host_send(&d->side->host, &local, &a->remote, a->ttl, a->data, a->len);
		break;
	case BK_ACT_REPORT:
		d->on_report(d, a);
		break;
	default:
		assert(!"an engine of datagrams asks for connections");
	}
}

static void settle(struct sim_udp_drive *d)
{
	struct bk_action a;

	while (d->ops->next_action(d->engine, &a))
		perform(d, &a);
	arm(d);
}

static void on_datagram(void *owner, const struct sim_packet *p)
{
	struct sim_udp_drive *d = owner;
	uint32_t id = lent_id(p->dst.port);
	struct bk_way way = {.remote = p->src};

	if (!id && p->dst.port >= SIM_UDP_FIRST_PORT)
		id = p->dst.port - SIM_UDP_FIRST_PORT;
	if (!id || id >= SIM_UDP_IDS || !d->open[id])
		return;
	way.socket = id;
	if (!d->ops->on_datagram(d->engine, id, &p->src, p->bytes, p->len, d->side->net->clock.now) &&
		d->on_stray)
		d->on_stray(d, &way, p->bytes, p->len);
	settle(d);
}

void sim_udp_drive_lend(struct sim_udp_drive *d, uint32_t id)
{
	assert(id < 3);
	d->open[id] = true;
}

void sim_udp_drive_start(struct sim_udp_drive *d)
{
	static const struct sim_host_events events = {.on_datagram = on_datagram};

	d->side->host.owner = d;
	d->side->host.events = &events;
	d->armed = BK_NEVER;
	settle(d);
}

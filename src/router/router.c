/* SPDX-License-Identifier: Apache-2.0 */
#include "router/router.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "net/drive.h"
#include "net/gateway.h"
#include "net/ifaddr.h"
#include "net/netwatch.h"
#include "net/udp.h"
#include "router/igd.h"
#include "router/news.h"

enum { SOCKET = 1, NEWS = 2, ANY_PORT = 9 };

/* One that has said neither yes nor no to PCP and NAT-PMP by then is searched for by UPnP beside them. */
#define UPNP_AFTER (300 * BK_MS)

struct want {
	enum bk_transport transport;
	uint16_t own_port; /* 0: the place is free */
};

struct bk_router {
	struct bk_loop *loop;
	uint8_t family;
	bk_router_fn on_change;
	void *arg;
	struct bk_addr gateway, own;
	struct bk_portmap *engine; /* NULL: there is no router */
	struct bk_drive *drive;
	struct bk_news *news;         /* NULL: not for this family, or somebody does not share the port */
	struct bk_netwatch *netwatch; /* NULL: the system does not tell */
	struct want wants[BK_PORTMAP_LEASES_MAX];
	struct bk_igd *igd; /* where it speaks nothing else, once ports are wanted; NULL: not searched for */
	struct bk_timer *silence; /* NULL: UPnP is not for this family */
	bool asks_upnp;           /* ... whether ports are wanted or not */
	bool is_leaving, is_over; /* the engine has given all back */
};

/* --- UPnP --- */

static bool wants_any(const struct bk_router *r)
{
	for (int i = 0; i < BK_PORTMAP_LEASES_MAX; i++)
		if (r->wants[i].own_port)
			return true;
	return false;
}

static bool speaks(const struct bk_router *r, enum bk_portmap_presence presence)
{
	for (int d = 0; d < BK_PORTMAP_DIALECTS; d++)
		if (bk_portmap_presence(r->engine, (enum bk_portmap_dialect)d) == presence)
			return true;
	return false;
}

static void on_igd(void *arg)
{
	struct bk_router *r = arg;

	r->on_change(r->arg);
}

static void search(struct bk_router *r)
{
	bool is_needed = wants_any(r) && !speaks(r, BK_PORTMAP_PRESENT);

	if (!r->silence || r->igd || !r->engine || r->is_leaving || !(is_needed || r->asks_upnp) ||
		bk_igd_new(r->loop, &r->own, &r->gateway, r->asks_upnp, on_igd, r, &r->igd) < 0)
		return;
	for (int i = 0; i < BK_PORTMAP_LEASES_MAX; i++)
		if (r->wants[i].own_port)
			(void)bk_igd_want(r->igd, r->wants[i].transport, r->wants[i].own_port);
}

/* At once where the router has said that it knows neither of the two. */
static void consider_search(struct bk_router *r)
{
	if (r->engine && bk_portmap_is_settled(r->engine))
		search(r);
}

static void on_silence(void *arg)
{
	search(arg);
}

static void on_report(void *arg, const struct bk_action *a)
{
	struct bk_router *r = arg;

	if (a->report == BK_REPORT_DONE)
		r->is_over = true;
	consider_search(r);
	r->on_change(r->arg);
}

/* --- one network --- */

static void leave_network(struct bk_router *r)
{
	bk_igd_free(r->igd);
	r->igd = NULL;
	bk_news_free(r->news);
	r->news = NULL;
	bk_drive_free(r->drive);
	bk_portmap_free(r->engine);
	r->drive = NULL;
	r->engine = NULL;
	r->gateway = r->own = (struct bk_addr){0};
}

static void on_news(void *arg, const struct bk_addr *from, const uint8_t *data, size_t len)
{
	struct bk_router *r = arg;

	if (bk_portmap_ops.on_datagram(r->engine, NEWS, from, data, len, bk_loop_now(r->loop)))
		bk_drive_poke(r->drive);
}

/* A hole in a firewall is for the address that others see: not for one that only this link knows. */
static int find_own(const struct bk_addr *gateway, struct bk_addr *ret_own)
{
	const struct bk_addr to = bk_addr_with_port(*gateway, ANY_PORT);

	if (gateway->family == 4)
		return bk_udp_route(&to, ret_own);
	*ret_own = bk_ifaddr_way_out(6);
	return ret_own->family ? 0 : BK_E_UNREACHABLE;
}

static int find_way(uint8_t family, struct bk_addr *ret_gateway, struct bk_addr *ret_own)
{
	int err = bk_gateway_find(family, ret_gateway);

	return err < 0 ? err : find_own(ret_gateway, ret_own);
}

static int enter_network(struct bk_router *r)
{
	struct bk_portmap_opts opts = {.socket = SOCKET, .announcements = NEWS};
	int err = find_way(r->family, &r->gateway, &r->own);

	if (err < 0)
		return err;
	opts.gateway = r->gateway;
	opts.own = r->own;
	randombytes_buf(opts.key, sizeof(opts.key));
	randombytes_buf(&opts.seed, sizeof(opts.seed));
	err = bk_portmap_new(&opts, bk_loop_now(r->loop), &r->engine);
	sodium_memzero(opts.key, sizeof(opts.key));
	if (!err)
		err = bk_drive_new(r->loop, r->engine, &bk_portmap_ops, on_report, r, &r->drive);
	if (!err && r->family == 4 && bk_news_new(r->loop, &r->own, on_news, r, &r->news) < 0)
		r->news = NULL; /* then what is lost is found when it is renewed */
	return err;
}

static void begin(struct bk_router *r)
{
	leave_network(r);
	if (enter_network(r) < 0) {
		leave_network(r);
		return;
	}
	for (int i = 0; i < BK_PORTMAP_LEASES_MAX; i++)
		if (r->wants[i].own_port)
			(void)bk_portmap_want(r->engine, r->wants[i].transport, r->wants[i].own_port,
				bk_loop_now(r->loop)); /* there are as many places */
	if (r->silence)
		bk_timer_start(r->silence, r->asks_upnp ? 0 : UPNP_AFTER);
}

/* Other interfaces come and go; and the same addresses may be another house. */
static bool is_same_network(const struct bk_router *r)
{
	struct bk_addr gateway, own;

	return r->engine && find_way(r->family, &gateway, &own) == 0 &&
	       bk_addr_equal(&gateway, &r->gateway) && bk_addr_equal(&own, &r->own);
}

bool bk_router_doubt(struct bk_router *r)
{
	bk_time now = bk_loop_now(r->loop);
	bool is_asked;

	if (!r->engine || r->is_leaving)
		return false;
	is_asked = bk_portmap_doubt(r->engine, now);
	bk_drive_poke(r->drive);
	return r->igd ? bk_igd_doubt(r->igd, now) : is_asked;
}

static void on_network(void *arg)
{
	struct bk_router *r = arg;

	if (r->is_leaving)
		return;
	if (is_same_network(r)) {
		(void)bk_router_doubt(r);
	} else {
		begin(r);
		r->on_change(r->arg);
	}
}

/* --- ports --- */

static struct want *find_want(struct bk_router *r, enum bk_transport t, uint16_t own_port)
{
	for (int i = 0; i < BK_PORTMAP_LEASES_MAX; i++)
		if (r->wants[i].own_port == own_port && (!own_port || r->wants[i].transport == t))
			return &r->wants[i];
	return NULL;
}

int bk_router_want(struct bk_router *r, enum bk_transport t, uint16_t own_port)
{
	struct want *w = own_port ? find_want(r, t, own_port) : NULL;
	int err = 0;

	if (!own_port || r->is_leaving)
		return BK_E_INVALID;
	if (w)
		return 0;
	w = find_want(r, t, 0);
	if (!w)
		return BK_E_FULL;
	if (r->engine)
		err = bk_portmap_want(r->engine, t, own_port, bk_loop_now(r->loop));
	if (err < 0)
		return err; /* what was given back has its place until the router knows it */
	*w = (struct want){t, own_port};
	if (r->drive)
		bk_drive_poke(r->drive);
	if (r->igd)
		(void)bk_igd_want(r->igd, t, own_port);
	else
		consider_search(r);
	return 0;
}

void bk_router_drop(struct bk_router *r, enum bk_transport t, uint16_t own_port)
{
	struct want *w = own_port ? find_want(r, t, own_port) : NULL;

	if (!w)
		return;
	w->own_port = 0;
	if (r->igd)
		bk_igd_drop(r->igd, t, own_port);
	if (r->engine) {
		bk_portmap_drop(r->engine, t, own_port, bk_loop_now(r->loop));
		bk_drive_poke(r->drive);
	}
}

void bk_router_port(
	const struct bk_router *r, enum bk_transport t, uint16_t own_port, struct bk_router_port *ret_port)
{
	const struct bk_portmap_lease *l = r->engine ? bk_portmap_find(r->engine, t, own_port) : NULL;
	struct bk_portmap_lease by_upnp;

	*ret_port = (struct bk_router_port){.trouble = BK_PORTMAP_SILENT};
	if (!l)
		return;
	if (!l->external.family && r->igd && bk_igd_find(r->igd, t, own_port, &by_upnp)) {
		l = &by_upnp;
		ret_port->is_promised = !l->external.family && l->trouble == BK_PORTMAP_FINE &&
					bk_igd_presence(r->igd) == BK_PORTMAP_PRESENT;
	}
	ret_port->external = l->external;
	ret_port->trouble = l->trouble;
	ret_port->is_awaited = !l->external.family && l->trouble == BK_PORTMAP_FINE;
	for (int d = 0; d < BK_PORTMAP_DIALECTS; d++)
		ret_port->is_promised |=
			ret_port->is_awaited &&
			bk_portmap_presence(r->engine, (enum bk_portmap_dialect)d) == BK_PORTMAP_PRESENT;
}

void bk_router_leave(struct bk_router *r)
{
	memset(r->wants, 0, sizeof(r->wants));
	r->is_leaving = true;
	if (r->igd)
		bk_igd_leave(r->igd);
	if (!r->engine) {
		r->is_over = true;
		return;
	}
	bk_portmap_leave(r->engine, bk_loop_now(r->loop));
	bk_drive_poke(r->drive);
}

bool bk_router_is_left(const struct bk_router *r)
{
	return r->is_over && (!r->igd || bk_igd_is_left(r->igd));
}

/* --- the owner's side --- */

void bk_router_ask_upnp(struct bk_router *r)
{
	r->asks_upnp = true;
	search(r);
}

void bk_router_view(const struct bk_router *r, struct bk_router_view *ret_view)
{
	*ret_view = (struct bk_router_view){
		.gateway = r->gateway,
		.own = r->own,
		.presence = {BK_PORTMAP_ABSENT, BK_PORTMAP_ABSENT},
		.upnp = BK_PORTMAP_ABSENT,
		.is_settled = true,
	};
	if (!r->engine)
		return;
	for (int d = 0; d < BK_PORTMAP_DIALECTS; d++)
		ret_view->presence[d] = bk_portmap_presence(r->engine, (enum bk_portmap_dialect)d);
	ret_view->outside = bk_portmap_outside(r->engine);
	ret_view->is_settled = bk_portmap_is_settled(r->engine);
	if (!r->igd)
		return;
	ret_view->upnp = bk_igd_presence(r->igd);
	if (!ret_view->outside.family)
		ret_view->outside = bk_igd_outside(r->igd);
	ret_view->is_settled &= ret_view->upnp != BK_PORTMAP_AWAITED;
}

int bk_router_new(struct bk_loop *loop, uint8_t family, bk_router_fn on_change, void *arg,
	struct bk_router **ret_router)
{
	struct bk_router *r = calloc(1, sizeof(*r));

	if (!r)
		return BK_E_NOMEM;
	r->loop = loop;
	r->family = family;
	r->on_change = on_change;
	r->arg = arg;
	if (bk_netwatch_new(loop, on_network, r, &r->netwatch) < 0)
		r->netwatch = NULL;
	if (family == 4 && bk_timer_new(loop, on_silence, r, &r->silence) < 0)
		r->silence = NULL;
	begin(r);
	*ret_router = r;
	return 0;
}

void bk_router_free(struct bk_router *r)
{
	if (!r)
		return;
	bk_netwatch_free(r->netwatch);
	leave_network(r);
	bk_timer_free(r->silence);
	free(r);
}

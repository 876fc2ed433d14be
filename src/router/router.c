/* SPDX-License-Identifier: Apache-2.0 */
#include "router/router.h"

#include <sodium.h>
#include <stdlib.h>

#include "base/error.h"
#include "net/drive.h"
#include "net/gateway.h"
#include "net/netwatch.h"
#include "net/udp.h"

enum { SOCKET = 1, FAR_PORT = 9 };

struct bk_router {
	struct bk_loop *loop;
	uint8_t family;
	bk_router_fn on_change;
	void *arg;
	struct bk_addr gateway, own;
	struct bk_portmap *engine; /* NULL: there is no router */
	struct bk_drive *drive;
	struct bk_netwatch *netwatch; /* NULL: the system does not tell */
};

static void on_report(void *arg, const struct bk_action *a)
{
	struct bk_router *r = arg;

	if (a->report == BK_PORTMAP_CHANGED)
		r->on_change(r->arg);
}

/* --- one network --- */

static void leave_network(struct bk_router *r)
{
	bk_drive_free(r->drive);
	bk_portmap_free(r->engine);
	r->drive = NULL;
	r->engine = NULL;
	r->gateway = r->own = (struct bk_addr){0};
}

/* A hole in a firewall is for the address that others see: not for one that only this link knows. */
static int find_own(struct bk_router *r)
{
	struct bk_addr far = bk_addr_with_port(r->gateway, FAR_PORT);

	if (r->family == 6 && bk_addr_from_ip("2001:4860::1", FAR_PORT, &far) < 0)
		return BK_E_UNREACHABLE;
	return bk_udp_route(&far, &r->own);
}

static int enter_network(struct bk_router *r)
{
	struct bk_portmap_opts opts = {.socket = SOCKET};
	int err = bk_gateway_find(r->family, &r->gateway);

	if (!err)
		err = find_own(r);
	if (err < 0)
		return err;
	opts.gateway = r->gateway;
	opts.own = r->own;
	randombytes_buf(opts.key, sizeof(opts.key));
	randombytes_buf(&opts.seed, sizeof(opts.seed));
	err = bk_portmap_new(&opts, bk_loop_now(r->loop), &r->engine);
	sodium_memzero(opts.key, sizeof(opts.key));
	return err < 0 ? err : bk_drive_new(r->loop, r->engine, &bk_portmap_ops, on_report, r, &r->drive);
}

static void begin(struct bk_router *r)
{
	leave_network(r);
	if (enter_network(r) < 0)
		leave_network(r);
}

static void on_network(void *arg)
{
	struct bk_router *r = arg;

	begin(r);
	r->on_change(r->arg);
}

/* --- the owner's side --- */

void bk_router_view(const struct bk_router *r, struct bk_router_view *ret_view)
{
	*ret_view = (struct bk_router_view){
		.gateway = r->gateway,
		.own = r->own,
		.presence = {BK_PORTMAP_ABSENT, BK_PORTMAP_ABSENT},
		.is_settled = true,
	};
	if (!r->engine)
		return;
	for (int d = 0; d < BK_PORTMAP_DIALECTS; d++)
		ret_view->presence[d] = bk_portmap_presence(r->engine, (enum bk_portmap_dialect)d);
	ret_view->outside = bk_portmap_outside(r->engine);
	ret_view->is_settled = bk_portmap_is_settled(r->engine);
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
	free(r);
}

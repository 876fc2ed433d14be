/* SPDX-License-Identifier: Apache-2.0 */
#include "router/opening.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/list.h"
#include "net/tail.h"
#include "portmap/reach.h"

#define LAST_WORD                                                                                            \
	(2 * BK_SEC) /* miniupnpd takes 40 to 130 ms for each port, as measured, and a server has eight */

/* What the openings of a loop share. */
struct openings {
	struct bk_tail tail;
	struct bk_loop *loop;
	struct bk_router *routers[2]; /* IPv4's, IPv6's; NULL: nobody wanted one yet */
	struct bk_list list;
};

struct bk_opening {
	struct bk_list link;
	struct openings *of;
	struct bk_router *router;
	enum bk_transport transport;
	uint16_t own_port;
	bool is_wanted; /* the router has a place for it */
	struct bk_portmap_match match;
	void (*on_change)(void *arg);
	void *arg;
};

static struct bk_opening *opening_at(struct bk_list *it)
{
	return bk_container_of(it, struct bk_opening, link);
}

/* --- all of a loop --- */

/* Whoever is told may end himself, and the one that would be next. */
static void tell_all(void *arg)
{
	struct openings *all = arg;
	struct bk_list told;

	bk_list_init(&told);
	bk_list_splice(&told, &all->list);
	while (!bk_list_empty(&told)) {
		struct bk_opening *o = opening_at(told.next);

		bk_list_remove(&o->link);
		bk_list_append(&all->list, &o->link);
		o->on_change(o->arg);
	}
}

static bool are_left(const struct openings *all)
{
	bool are = true;

	for (int i = 0; i < 2; i++)
		are &= !all->routers[i] || bk_router_is_left(all->routers[i]);
	return are;
}

/* What was given back is told to the routers now: they may be slow, and they may be away. */
static void end_all(struct bk_tail *t)
{
	struct openings *all = bk_container_of(t, struct openings, tail);
	bk_time until = bk_loop_now(all->loop) + LAST_WORD;

	bk_assert(bk_list_empty(&all->list));
	for (int i = 0; i < 2; i++)
		if (all->routers[i])
			bk_router_leave(all->routers[i]);
	while (!are_left(all) && bk_loop_now(all->loop) < until)
		if (bk_loop_turn(all->loop, until - bk_loop_now(all->loop)) < 0)
			break;
	for (int i = 0; i < 2; i++)
		bk_router_free(all->routers[i]);
	free(all);
}

static int all_of(struct bk_loop *loop, struct openings **ret_all)
{
	struct bk_tail *tail = bk_tail_of(loop);
	struct openings *all;

	if (tail) {
		*ret_all = bk_container_of(tail, struct openings, tail);
		return 0;
	}
	all = calloc(1, sizeof(*all));
	if (!all)
		return BK_E_NOMEM;
	all->tail.end = end_all;
	all->loop = loop;
	bk_list_init(&all->list);
	bk_tail_set(loop, &all->tail);
	*ret_all = all;
	return 0;
}

static int router_of(struct openings *all, uint8_t family, struct bk_router **ret_router)
{
	struct bk_router **r = &all->routers[family == 6];
	int err = *r ? 0 : bk_router_new(all->loop, family, tell_all, all, r);

	*ret_router = *r;
	return err;
}

/* --- one --- */

int bk_opening_new(struct bk_loop *loop, uint8_t family, enum bk_transport t, uint16_t own_port,
	void (*on_change)(void *arg), void *arg, struct bk_opening **ret_opening)
{
	struct bk_opening *o = calloc(1, sizeof(*o));
	int err;

	if (!o)
		return BK_E_NOMEM;
	err = all_of(loop, &o->of);
	if (!err)
		err = router_of(o->of, family, &o->router);
	if (err < 0) {
		free(o);
		return err;
	}
	o->transport = t;
	o->own_port = own_port;
	o->on_change = on_change;
	o->arg = arg;
	o->is_wanted = bk_router_want(o->router, t, own_port) == 0;
	bk_list_append(&o->of->list, &o->link);
	*ret_opening = o;
	return 0;
}

void bk_opening_free(struct bk_opening *o)
{
	if (!o)
		return;
	bk_list_remove(&o->link);
	if (o->is_wanted)
		bk_router_drop(o->router, o->transport, o->own_port);
	free(o);
}

void bk_opening_look(const struct bk_opening *o, struct bk_router_port *ret_port)
{
	bk_router_port(o->router, o->transport, o->own_port, ret_port);
	if (!o->is_wanted)
		*ret_port = (struct bk_router_port){.trouble = BK_PORTMAP_FULL};
}

void bk_opening_compare(struct bk_opening *o, const struct bk_addr *seen)
{
	struct bk_router_port port;

	bk_opening_look(o, &port);
	if (!bk_portmap_match_is_lost(&o->match, &port.external, seen))
		return;
	if (bk_router_doubt(o->router))
		bk_portmap_match_forget(&o->match);
}

bool bk_opening_explain(const struct bk_opening *o, const struct bk_addr *seen, char out[BK_OPENING_TEXT_MAX])
{
	struct bk_router_port port;
	char outside[BK_ADDR_STR_MAX], at[BK_ADDR_STR_MAX];
	bool is_nested;

	bk_opening_look(o, &port);
	is_nested = bk_portmap_reach(&port.external, seen) == BK_PORTMAP_REACH_NESTED;
	if (port.external.family && is_nested)
		snprintf(out, BK_OPENING_TEXT_MAX,
			"your router has opened a port, which is of no use: outside it is %s, and the server sees %s, so "
			"another NAT stands between",
			bk_addr_ip_to_str(&port.external, outside), bk_addr_ip_to_str(seen, at));
	else if (!port.is_awaited && port.trouble != BK_PORTMAP_FINE && port.trouble != BK_PORTMAP_SILENT)
		snprintf(out, BK_OPENING_TEXT_MAX, "your router opens no port: it %s",
			bk_portmap_trouble_text(port.trouble));
	else
		return false;
	return true;
}

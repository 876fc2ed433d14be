/* SPDX-License-Identifier: Apache-2.0 */
#include "meet/opened.h"

/* A router in the house answers two questions in a few milliseconds, which pass anyhow while a server is asked.
 * One that says nothing is not waited for; one that is there and gives ports is about to. */
#define WAIT_BLIND    (10 * BK_MS)
#define WAIT_PROMISED (100 * BK_MS)
#define WORTH_TIME    (25 * BK_MS) /* from the first question on; or what is promised more */

void bk_opened_init(struct bk_opened *o, struct bk_loop *loop, void (*on_change)(void *arg), void *arg)
{
	*o = (struct bk_opened){.loop = loop, .on_change = on_change, .arg = arg, .since = BK_NEVER};
}

static void on_change(void *arg)
{
	struct bk_opened *o = arg;

	o->on_change(o->arg);
}

static struct bk_opened_port *port_of(struct bk_opened *o, uint8_t family, enum bk_transport t)
{
	return &o->ports[family == 6][t];
}

void bk_opened_ask(struct bk_opened *o, uint8_t family, enum bk_transport t, uint16_t own_port)
{
	struct bk_opened_port *p = port_of(o, family, t);

	if (p->own == own_port)
		return;
	bk_opening_free(p->opening);
	*p = (struct bk_opened_port){.own = own_port};
	if (!own_port)
		return;
	if (family == 4 && o->since == BK_NEVER)
		o->since = bk_loop_now(o->loop);
	if (bk_opening_new(o->loop, family, t, own_port, on_change, o, &p->opening) < 0)
		p->opening = NULL; /* then there is none */
}

uint16_t bk_opened_port(const struct bk_opened *o, uint8_t family, enum bk_transport t)
{
	return o->ports[family == 6][t].own;
}

struct bk_addr bk_opened_at(const struct bk_opened *o, uint8_t family, enum bk_transport t)
{
	const struct bk_opening *opening = o->ports[family == 6][t].opening;
	struct bk_router_port port = {.trouble = BK_PORTMAP_SILENT};

	if (opening)
		bk_opening_look(opening, &port);
	return port.external;
}

void bk_opened_compare(struct bk_opened *o, const struct bk_addr *seen)
{
	for (int t = 0; t < 2; t++)
		if (port_of(o, 4, t)->opening)
			bk_opening_compare(port_of(o, 4, t)->opening, seen);
}

bk_dur bk_opened_wait(const struct bk_opened *o)
{
	bool is_awaited = false, is_promised = false;
	bk_dur past;

	for (int t = 0; t < 2; t++) {
		struct bk_router_port port = {.is_awaited = false};

		if (o->ports[0][t].opening)
			bk_opening_look(o->ports[0][t].opening, &port);
		is_awaited |= port.is_awaited;
		is_promised |= port.is_promised;
	}
	if (!is_awaited)
		return 0;
	past = bk_loop_now(o->loop) - o->since;
	if (is_promised)
		return bk_time_max(0, WORTH_TIME + WAIT_PROMISED - past);
	return bk_time_max(0, bk_time_min(WAIT_BLIND, WORTH_TIME - past));
}

bool bk_opened_explain(const struct bk_opened *o, enum bk_transport t, const struct bk_addr *seen,
	char out[BK_OPENING_TEXT_MAX])
{
	return o->ports[0][t].opening && bk_opening_explain(o->ports[0][t].opening, seen, out);
}

void bk_opened_done(struct bk_opened *o)
{
	for (int i = 0; i < 2; i++) {
		for (int t = 0; t < 2; t++) {
			bk_opening_free(o->ports[i][t].opening);
			o->ports[i][t] = (struct bk_opened_port){0};
		}
	}
}

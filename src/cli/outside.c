/* SPDX-License-Identifier: Apache-2.0 */
/* Clients expect the second port where the server says that it is, and UDP at the port of TCP: a router that gives
 * other ones has given nothing that helps. Where it gives none, one sentence says why, and what to do by hand. */
#include "cli/outside.h"

#include "base/log.h"
#include "cli/report_server.h"
#include "net/ifaddr.h"
#include "portmap/trouble.h"

static const enum bk_transport transports[] = {BK_TRANSPORT_TCP, BK_TRANSPORT_UDP};

static uint16_t port_of(const struct bk_cli_outside *o, int i)
{
	return i < 2 ? o->port : o->alt_port;
}

static void tell(struct bk_cli_outside *o, const struct bk_addr *at)
{
	char text[BK_ADDR_STR_MAX];

	o->told = *at;
	bk_cli_report_outside(o->report, bk_addr_to_str(at, text), o->pin);
}

static void complain(struct bk_cli_outside *o, const char *it)
{
	if (!o->has_complained)
		bk_log_info("server",
			"the router of this network opens no ports: it %s. People elsewhere reach the server when ports %u "
			"and %u, TCP and UDP, are forwarded to this machine",
			it, o->port, o->alt_port);
	o->has_complained = true;
}

/* All that the server has must be there, at its own number. */
static void on_change(void *arg)
{
	struct bk_cli_outside *o = arg;
	struct bk_addr at = {0};

	for (int i = 0; i < BK_CLI_OUTSIDE_PORTS; i++) {
		struct bk_router_port p;

		if (!o->openings[i])
			continue;
		bk_opening_look(o->openings[i], &p);
		if (p.is_awaited)
			return;
		if (!p.external.family) {
			complain(o, bk_portmap_trouble_text(p.trouble));
			return;
		}
		if (p.external.port != port_of(o, i)) {
			complain(o, "has given these numbers to others");
			return;
		}
		at = i == 0 ? p.external : at;
	}
	if (bk_addr_realm(&at) != BK_ADDR_PUBLIC)
		complain(o, "is behind another NAT itself");
	else if (!bk_addr_equal(&at, &o->told))
		tell(o, &at);
}

int bk_cli_outside_init(struct bk_cli_outside *o, struct bk_loop *loop, struct bk_cli_report *report,
	uint16_t port, uint16_t alt_port, const char *pin)
{
	const struct bk_addr own = bk_ifaddr_way_out(4);
	int err = 0;

	*o = (struct bk_cli_outside){.report = report, .pin = pin, .port = port, .alt_port = alt_port};
	for (int i = 0; bk_addr_is_inside(&own) && !err && i < BK_CLI_OUTSIDE_PORTS; i++)
		if (port_of(o, i))
			err = bk_opening_new(
				loop, 4, transports[i % 2], port_of(o, i), on_change, o, &o->openings[i]);
	return err;
}

void bk_cli_outside_done(struct bk_cli_outside *o)
{
	for (int i = 0; i < BK_CLI_OUTSIDE_PORTS; i++) {
		bk_opening_free(o->openings[i]);
		o->openings[i] = NULL;
	}
}

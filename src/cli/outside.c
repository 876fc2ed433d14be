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

static void tell(struct bk_cli_outside_family *f, const struct bk_addr *at)
{
	char text[BK_ADDR_STR_MAX];

	f->told = *at;
	bk_cli_report_outside(f->of->report, bk_addr_to_str(at, text), at->family == 6, f->of->pin);
}

/* Not of IPv6: whether a firewall is there that has to let in anybody is not known. */
static void complain(struct bk_cli_outside_family *f, const char *it)
{
	struct bk_cli_outside *o = f->of;

	if (!o->has_complained && f == &o->families[0])
		bk_log_info("server",
			"the router of this network opens no ports: it %s. People elsewhere reach the server when ports %u "
			"and %u, TCP and UDP, are forwarded to this machine",
			it, o->port, o->alt_port);
	o->has_complained |= f == &o->families[0];
}

/* All that the server has must be there, at its own number. */
static void on_change(void *arg)
{
	struct bk_cli_outside_family *f = arg;
	struct bk_addr at = {0};

	for (int i = 0; i < BK_CLI_OUTSIDE_PORTS; i++) {
		struct bk_router_port p;

		if (!f->openings[i])
			continue;
		bk_opening_look(f->openings[i], &p);
		if (p.is_awaited)
			return;
		if (!p.external.family) {
			complain(f, bk_portmap_trouble_text(p.trouble));
			return;
		}
		if (p.external.port != port_of(f->of, i)) {
			complain(f, "has given these numbers to others");
			return;
		}
		at = i == 0 ? p.external : at;
	}
	if (bk_addr_realm(&at) != BK_ADDR_PUBLIC)
		complain(f, "is behind another NAT itself");
	else if (!bk_addr_equal(&at, &f->told))
		tell(f, &at);
}

static int ask(struct bk_cli_outside *o, struct bk_loop *loop, uint8_t family)
{
	struct bk_cli_outside_family *f = &o->families[family == 6];
	int err = 0;

	f->of = o;
	for (int i = 0; !err && i < BK_CLI_OUTSIDE_PORTS; i++)
		if (port_of(o, i))
			err = bk_opening_new(loop, family, transports[i % 2], port_of(o, i), on_change, f,
				&f->openings[i]);
	return err;
}

int bk_cli_outside_init(struct bk_cli_outside *o, struct bk_loop *loop, struct bk_cli_report *report,
	bool has_ipv6, uint16_t port, uint16_t alt_port, const char *pin)
{
	const struct bk_addr own = bk_ifaddr_way_out(4), own6 = bk_ifaddr_way_out(6);
	int err = 0;

	*o = (struct bk_cli_outside){.report = report, .pin = pin, .port = port, .alt_port = alt_port};
	if (bk_addr_is_inside(&own))
		err = ask(o, loop, 4);
	if (!err && has_ipv6 && own6.family == 6 && bk_addr_realm(&own6) == BK_ADDR_PUBLIC)
		err = ask(o, loop, 6);
	return err;
}

void bk_cli_outside_done(struct bk_cli_outside *o)
{
	for (int i = 0; i < 2 * BK_CLI_OUTSIDE_PORTS; i++) {
		struct bk_opening **opening =
			&o->families[i / BK_CLI_OUTSIDE_PORTS].openings[i % BK_CLI_OUTSIDE_PORTS];

		bk_opening_free(*opening);
		*opening = NULL;
	}
}

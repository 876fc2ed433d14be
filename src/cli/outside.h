/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_CLI_OUTSIDE_H
#define BK_CLI_OUTSIDE_H

#include "cli/report.h"
#include "router/opening.h"

/* The ports of a server behind a home router, which that router is asked to open, over IPv6 in its firewall; and
 * where the server is reached from outside then, told to people. */
enum { BK_CLI_OUTSIDE_PORTS = 4 };

struct bk_cli_outside {
	struct bk_cli_report *report;
	const char *pin;
	uint16_t port, alt_port;
	struct bk_cli_outside_family {
		struct bk_cli_outside *of;
		struct bk_opening *openings[BK_CLI_OUTSIDE_PORTS]; /* TCP, UDP; of one port and the other */
		struct bk_addr told;                               /* family 0: nothing yet */
	} families[2];                                             /* IPv4, IPv6 */
	bool has_complained;
};

/* Asks where this machine has a private IPv4 address, or a public IPv6 one; else there is nothing to do. pin is
 * borrowed. alt_port 0: none. */
int bk_cli_outside_init(struct bk_cli_outside *o, struct bk_loop *loop, struct bk_cli_report *report,
	bool has_ipv6, uint16_t port, uint16_t alt_port, const char *pin);
void bk_cli_outside_done(struct bk_cli_outside *o); /* fine on a zeroed one */

#endif

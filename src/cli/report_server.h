/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_CLI_REPORT_SERVER_H
#define BK_CLI_REPORT_SERVER_H

#include "cli/report.h"

/* Where the server is, at addresses of which there is one, and what to type to reach it. */
void bk_cli_report_listening(
	struct bk_cli_report *r, const char *const *addresses, size_t n, const char *pin);
/* Where it is reached from beyond the router of its network, which has opened its ports; over IPv6, in its firewall. */
void bk_cli_report_outside(struct bk_cli_report *r, const char *address, bool is_ipv6, const char *pin);
/* The same of a server that somebody runs; quiet: only what goes behind -s. */
void bk_cli_report_server(struct bk_cli_report *r, const char *const *addresses, size_t n, const char *pin);

#endif

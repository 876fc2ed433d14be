/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_CLI_REPORT_NAT_H
#define BK_CLI_REPORT_NAT_H

#include <bodkin/nat.h>

#include "cli/report.h"

/* Says what kind of NAT it is: the `nat` event, or a page for a person. */
void bk_cli_report_nat(struct bk_cli_report *r, const struct bk_nat_result *n);

#endif

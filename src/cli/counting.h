/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_CLI_COUNTING_H
#define BK_CLI_COUNTING_H

#include "cli/report.h"

/* What is offered is still looked around, here or (is_there) at the other side, which has seen so many entries. */
void bk_cli_counting_tell(struct bk_cli_report *r, size_t entries, bool is_there);

#endif

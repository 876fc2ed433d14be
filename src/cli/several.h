/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_CLI_SEVERAL_H
#define BK_CLI_SEVERAL_H

#include "cli/transfer.h"

/* `send --copies` and `--keep`: the same as to one, but that it is said of each receiver what becomes of him. */
bool bk_cli_several_is_asked(const struct bk_cli_options *o);
size_t bk_cli_several_count(const struct bk_cli_options *o); /* as bk_send_opts has it */
/* Changes what is to be told; news is where it is kept until bk_send_new. BK_E_NOMEM. */
int bk_cli_several_start(
	struct bk_cli_transfer *t, struct bk_transfer_events *events, struct bk_call_news *news);

#endif

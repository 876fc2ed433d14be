/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_CLI_RECEIVERS_H
#define BK_CLI_RECEIVERS_H

#include <bodkin/transfer.h>

#include "cli/painter.h"

/* Several who receive one thing: on a terminal a row for each who is under way, below whatever is said, as many as fit;
 * elsewhere a line, or an event, for each who joins, is done or fails. Embedded; fine while zeroed. */
struct bk_cli_receiver; /* one that is under way */

struct bk_cli_receivers {
	struct bk_cli_report *report;
	struct bk_cli_receiver *rows; /* in the order in which they came */
	size_t len, cap;
	size_t wanted, done; /* wanted 0: as many as come */
	char code[128];
	bool is_screen;
	struct bk_cli_painter painter;
};

/* wanted 0: no end. BK_E_NOMEM. */
int bk_cli_receivers_init(
	struct bk_cli_receivers *w, struct bk_loop *loop, struct bk_cli_report *r, size_t wanted);
void bk_cli_receivers_code(struct bk_cli_receivers *w, const char *code); /* by which they come */
void bk_cli_receivers_tell(struct bk_cli_receivers *w, const struct bk_transfer_receiver *told);
/* Takes the rows away. Fine on a zeroed one, and twice. */
void bk_cli_receivers_done(struct bk_cli_receivers *w);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_CLI_QUESTION_H
#define BK_CLI_QUESTION_H

#include <bodkin/loop.h>
#include <bodkin/transfer.h>

#include "cli/report.h"

/* One question of a receiver to the person at the terminal, awaited inside the loop, so that every connection stays
 * alive meanwhile. Embedded. */
struct bk_cli_question {
	struct bk_cli_report *report;
	struct bk_watch *input;
	struct bk_signal *goes_on;
	struct bk_recv *recv; /* whose it is; NULL: none is open */
	enum bk_transfer_question what;
	void (*on_answered)(void *arg); /* may be NULL */
	void *arg;
};

int bk_cli_question_init(
	struct bk_cli_question *q, struct bk_loop *loop, struct bk_cli_report *r); /* BK_E_... */
void bk_cli_question_done(struct bk_cli_question *q);                              /* fine on a zeroed one */

/* From inside on_ask, or later: the offer is the receiver's still. The answer goes to the receiver. */
void bk_cli_question_ask(struct bk_cli_question *q, struct bk_recv *recv, enum bk_transfer_question what,
	const struct bk_transfer_offer *offer);
/* Once more: something was said below it. */
void bk_cli_question_repeat(struct bk_cli_question *q);
/* The receiver has ended: nobody needs an answer any more. */
void bk_cli_question_drop(struct bk_cli_question *q);

#endif

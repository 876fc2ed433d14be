/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_CLI_TRANSFER_H
#define BK_CLI_TRANSFER_H

#include <bodkin/transfer.h>
#include "cli/client.h"
#include "cli/interrupt.h"
#include "cli/report.h"

/* What `send` and `recv` have in common: the events of a transfer become words, its end an exit code. */
struct bk_cli_transfer {
	struct bk_client client;
	struct bk_interrupt interrupt;
	struct bk_report *report;
	const char *offering, *done; /* "Sending", "Sent" */
	void (*on_code)(struct bk_cli_transfer *t, const char *code);
	void (*on_ask)(struct bk_cli_transfer *t, enum bk_transfer_question question,
		const struct bk_transfer_offer *offer);
	int exit_code;
};

extern const struct bk_transfer_events bk_cli_transfer_events;

/* Runs the loop until the transfer has ended or the user insists. */
int bk_cli_transfer_run(struct bk_cli_transfer *t, void (*cancel)(void *arg), void *arg);

/* Says why it did not start and returns the exit code. */
int bk_cli_transfer_fail(struct bk_report *r, int error, const char *text);

#endif

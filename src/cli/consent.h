/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_CLI_CONSENT_H
#define BK_CLI_CONSENT_H

#include <bodkin/transfer.h>

#include "cli/options.h"
#include "cli/report.h"

/* What a person is asked before files are taken, and how the answers are read. */

/* The names first (as many as the screen holds, and whatever is hidden, executable or exists in any case), then
 * the question. What was typed before it is thrown away: nobody answers a question that does not stand there yet. */
void bk_cli_consent_ask(
	struct bk_cli_report *r, enum bk_transfer_question question, const struct bk_transfer_offer *offer);

/* The question alone. */
void bk_cli_consent_ask_again(
	struct bk_cli_report *r, enum bk_transfer_question question, const struct bk_transfer_offer *offer);

/* The names alone; of a single one that is not marked nothing, where a line above has said it. */
void bk_cli_consent_names(const struct bk_cli_report *r, const struct bk_transfer_offer *offer);

/* Nobody was asked, and --executable was not given: what came with x bits has lost them, which is said once all is
 * here. from: whose they were; NULL: there is only one. */
bool bk_cli_consent_has_modes(const struct bk_transfer_offer *offer);
void bk_cli_consent_say_modes(struct bk_cli_report *r, const char *from);

/* What becomes of a name that is taken, by the options; usual: where they say nothing, or "ask". */
enum bk_transfer_conflict bk_cli_consent_conflict(
	const struct bk_cli_options *o, enum bk_transfer_conflict usual);

enum bk_cli_answer { BK_CLI_ANSWER_UNCLEAR, BK_CLI_ANSWER_YES, BK_CLI_ANSWER_NO };

/* To ASK_ACCEPT. An empty line is yes; what is neither yes nor no is not guessed. */
enum bk_cli_answer bk_cli_consent_read(const char *line);
/* To ASK_CONFLICT. False: unclear. An empty line skips. */
bool bk_cli_consent_read_conflict(const char *line, enum bk_transfer_conflict *ret_how, bool *ret_for_all);

#endif

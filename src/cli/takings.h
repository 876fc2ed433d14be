/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_CLI_TAKINGS_H
#define BK_CLI_TAKINGS_H

#include <bodkin/group.h>
#include <bodkin/transfer.h>

#include "base/list.h"
#include "cli/options.h"
#include "cli/question.h"
#include "cli/report.h"

/* Files that others hand over, several at once: each has a session with who called, says what it is in lines that name
 * the sender, and may fail without harm to another one. Who is not trusted is asked about, one at a time; where nobody
 * can be asked, the sender reads that it was declined. Who is not trusted takes no more than half of the places,
 * under however many keys he comes. Embedded. */
enum {
	BK_CLI_TAKINGS_MAX = 8,      /* at once */
	BK_CLI_TAKINGS_SHARE = 4,    /* of one sender */
	BK_CLI_TAKINGS_WAITING = 32, /* calls that wait for their turn */
	BK_CLI_TAKINGS_WAITING_SHARE = 16,
};

struct bk_cli_takings {
	struct bk_loop *loop;
	const struct bk_cli_options *options;
	struct bk_cli_report *report;
	struct bk_session_opts session; /* without code and key; strings are borrowed */
	struct bk_list all;             /* those that wait, too, in the order of the calls */
	bool has_person, is_stopping;
	struct bk_cli_question question;
	struct bk_timer *next; /* a question that is to be asked, or again */
	/* After bk_cli_takings_stop: none is left; perhaps from inside it. */
	void (*on_stopped)(void *arg);
	void *arg;
};

/* session: with the folder of our key. The report's on_wipe is taken. */
int bk_cli_takings_init(struct bk_cli_takings *t, struct bk_loop *loop, const struct bk_cli_options *o,
	struct bk_cli_report *r, const struct bk_session_opts *session);
void bk_cli_takings_done(struct bk_cli_takings *t); /* fine on a zeroed one */

/* Somebody calls, with a name that is harmless and a key that is his. The same call again does nothing. is_refused: it
 * was said here why nothing is taken; he is to hear that it was declined. */
void bk_cli_takings_call(struct bk_cli_takings *t, const char *from, const uint8_t key[BK_GROUP_KEY_LEN],
	const char *code, bool is_refused);
/* Cancels all, and tells their senders. */
void bk_cli_takings_stop(struct bk_cli_takings *t, void (*on_stopped)(void *arg), void *arg);

#endif

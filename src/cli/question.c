/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/question.h"

#include <signal.h>
#include <termios.h>
#include <unistd.h>

#include "cli/consent.h"

static void ask_again(struct bk_cli_question *q)
{
	(void)tcflush(STDIN_FILENO, TCIFLUSH);
	bk_cli_output_put(BK_CLI_STDERR, BK_CLI_VERDICT, "That was not understood. %s ",
		q->what == BK_TRANSFER_ASK_ACCEPT ? "Yes or no? [Y/n]"
						  : "o, r or s, or oa, ra, sa for all? [o/r/S]");
	q->report->is_question_open = true;
	bk_watch_set(q->input, BK_READABLE);
}

static void close_question(struct bk_cli_question *q)
{
	q->recv = NULL;
	if (q->on_answered)
		q->on_answered(q->arg);
}

/* One line. The end of input is no. */
static void on_input(void *arg, int fd, int events)
{
	struct bk_cli_question *q = arg;
	char line[256];
	ssize_t n = read(fd, line, sizeof(line) - 1);
	enum bk_transfer_conflict how = BK_TRANSFER_CONFLICT_SKIP;
	enum bk_cli_answer answer = BK_CLI_ANSWER_NO;
	bool for_all = n <= 0, is_clear = true;

	(void)events;
	bk_watch_set(q->input, 0);
	line[n > 0 ? n : 0] = 0;
	if (n > 0) {
		bk_cli_report_answered(q->report);
		answer = bk_cli_consent_read(line);
		is_clear = bk_cli_consent_read_conflict(line, &how, &for_all);
	}
	if (q->what == BK_TRANSFER_ASK_ACCEPT && answer != BK_CLI_ANSWER_UNCLEAR)
		bk_recv_answer(q->recv, answer == BK_CLI_ANSWER_YES);
	else if (q->what == BK_TRANSFER_ASK_CONFLICT && is_clear)
		bk_recv_resolve(q->recv, how, for_all);
	else {
		ask_again(q);
		return;
	}
	close_question(q);
}

void bk_cli_question_ask(struct bk_cli_question *q, struct bk_recv *recv, enum bk_transfer_question what,
	const struct bk_transfer_offer *offer)
{
	q->recv = recv;
	q->what = what;
	bk_cli_consent_ask(q->report, what, offer);
	bk_watch_set(q->input, BK_READABLE);
}

void bk_cli_question_repeat(struct bk_cli_question *q)
{
	bk_cli_consent_ask_again(q->report, q->what, bk_recv_offer(q->recv));
}

void bk_cli_question_drop(struct bk_cli_question *q)
{
	bk_watch_set(q->input, 0);
	bk_cli_report_wipe(q->report);
	close_question(q);
}

/* Ctrl-Z and fg: the shell has written below it. */
static void on_going_on(void *arg, int signo)
{
	struct bk_cli_question *q = arg;

	(void)signo;
	if (q->recv && q->report->is_question_open)
		bk_cli_question_repeat(q);
}

int bk_cli_question_init(struct bk_cli_question *q, struct bk_loop *loop, struct bk_cli_report *r)
{
	*q = (struct bk_cli_question){.report = r};
	return bk_watch_new(loop, STDIN_FILENO, on_input, q, &q->input)
		       ?: bk_signal_new(loop, SIGCONT, on_going_on, q, &q->goes_on);
}

void bk_cli_question_done(struct bk_cli_question *q)
{
	bk_watch_free(q->input);
	bk_signal_free(q->goes_on);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* `bodkin recv`: take what the other side sends. Questions are asked only of a person at a terminal, and the
 * answer is awaited inside the loop, so the connection stays alive meanwhile. */
#include "cli/command.h"

#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "cli/consent.h"
#include "cli/transfer.h"

struct command {
	struct bk_cli_transfer transfer;
	struct bk_recv *recv;
	struct bk_watch *input;
	enum bk_transfer_question question;
};

static void ask_again(struct command *c)
{
	(void)tcflush(STDIN_FILENO, TCIFLUSH);
	bk_cli_output_put(BK_CLI_STDERR, BK_CLI_VERDICT, "That was not understood. %s ",
		c->question == BK_TRANSFER_ASK_ACCEPT ? "Yes or no? [Y/n]"
						      : "y, r or n, or ya, ra, na for all? [y/r/N]");
	c->transfer.frame.report->is_question_open = true;
	bk_watch_set(c->input, BK_READABLE);
}

/* One line. The end of input is no. */
static void on_input(void *arg, int fd, int events)
{
	struct command *c = arg;
	char line[256];
	ssize_t n = read(fd, line, sizeof(line) - 1);
	enum bk_transfer_conflict how = BK_TRANSFER_CONFLICT_SKIP;
	enum bk_cli_answer answer = BK_CLI_ANSWER_NO;
	bool for_all = n <= 0, is_clear = true;

	(void)events;
	bk_watch_set(c->input, 0);
	line[n > 0 ? n : 0] = 0;
	if (n > 0) {
		bk_cli_report_answered(c->transfer.frame.report);
		answer = bk_cli_consent_read(line);
		is_clear = bk_cli_consent_read_conflict(line, &how, &for_all);
	}
	if (c->question == BK_TRANSFER_ASK_ACCEPT && answer != BK_CLI_ANSWER_UNCLEAR)
		bk_recv_answer(c->recv, answer == BK_CLI_ANSWER_YES);
	else if (c->question == BK_TRANSFER_ASK_CONFLICT && is_clear)
		bk_recv_resolve(c->recv, how, for_all);
	else
		ask_again(c);
}

static void on_ask(struct bk_call *call, void *arg, enum bk_transfer_question question,
	const struct bk_transfer_offer *offer)
{
	struct command *c = arg;

	(void)call;
	c->question = question;
	bk_cli_consent_ask(c->transfer.frame.report, question, offer);
	bk_watch_set(c->input, BK_READABLE);
}

/* Without a person, what would be asked about is left out and said. */
static enum bk_transfer_conflict conflict_of(const struct bk_cli_options *o, bool has_person)
{
	static const char *const names[] = {[BK_TRANSFER_CONFLICT_ASK] = "ask",
		[BK_TRANSFER_CONFLICT_FAIL] = "fail",
		[BK_TRANSFER_CONFLICT_SKIP] = "skip",
		[BK_TRANSFER_CONFLICT_OVERWRITE] = "overwrite",
		[BK_TRANSFER_CONFLICT_RENAME] = "rename"};

	for (int i = BK_TRANSFER_CONFLICT_FAIL; o->conflict && i <= BK_TRANSFER_CONFLICT_RENAME; i++)
		if (!strcmp(names[i], o->conflict))
			return (enum bk_transfer_conflict)i;
	if (o->overwrite && !o->conflict)
		return BK_TRANSFER_CONFLICT_OVERWRITE;
	return has_person ? BK_TRANSFER_CONFLICT_ASK : BK_TRANSFER_CONFLICT_LEAVE;
}

static int start(struct bk_cli_frame *f, char text[BK_CLI_TEXT_MAX])
{
	struct command *c = (struct command *)f;
	const struct bk_cli_options *o = f->options;
	bool has_person = bk_cli_frame_has_person();
	struct bk_transfer_events events = bk_cli_transfer_events();
	const struct bk_recv_opts opts = {
		.session = &f->session,
		.folder = o->output ? o->output : ".",
		.asks_accept = has_person && !o->yes,
		.takes_hidden = o->hidden,
		.takes_executable = o->executable,
		.conflict = conflict_of(o, has_person),
	};
	int err = 0;

	events.on_ask = on_ask;
	if (has_person)
		err = bk_watch_new(f->loop, STDIN_FILENO, on_input, c, &c->input);
	if (err < 0) {
		snprintf(text, BK_CLI_TEXT_MAX, "cannot receive: %s", bk_error_text(err));
		return err;
	}
	return bk_recv_new(f->loop, &opts, &events, c, &c->recv, text);
}

static void stop(struct bk_cli_frame *f)
{
	bk_recv_cancel(((struct command *)f)->recv);
}

static void done(struct bk_cli_frame *f)
{
	struct command *c = (struct command *)f;

	bk_recv_free(c->recv);
	bk_watch_free(c->input);
}

static int run(struct bk_cli_options *o, struct bk_cli_report *r)
{
	static const struct bk_cli_frame_ops ops = {
		.command = BK_CLI_CMD_RECV,
		.act = "receive",
		.other = "send",
		.before_code = "--code ",
		.after_code = " FILE",
		.takes_code = true,
		.asks_code = true,
		.start = start,
		.stop = stop,
		.done = done,
	};
	struct command c = {.transfer = {.done = "Received"}};

	return bk_cli_frame_run(&c.transfer.frame, &ops, o, r);
}

const struct bk_cli_command bk_cli_cmd_recv = {
	.name = "recv",
	.act = "receive",
	.usage = "[CODE] [-o DIR] [--yes] [--conflict HOW] [OPTION]...",
	.summary = "receive files with the code of the one who sends",
	.about = "Writes into the current folder or DIR and nowhere else, and never over a file\n"
		 "unasked. Without CODE it asks for it at a terminal, where Tab completes the\n"
		 "words; else, or when the answer is empty, it makes one, for 'bodkin send --code'.",
	.bit = BK_CLI_CMD_RECV,
	.run = run,
};

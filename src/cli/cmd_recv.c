/* SPDX-License-Identifier: Apache-2.0 */
/* `bodkin recv`: take what the other side sends. Questions are asked only of a person at a terminal, and the
 * answer is awaited inside the loop, so the connection stays alive meanwhile. */
#include "cli/command.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bodkin/transfer.h>
#include "cli/transfer.h"

struct command {
	struct bk_cli_transfer transfer;
	const struct bk_options *options;
	struct bk_recv *recv;
	struct bk_watch *input;
	enum bk_transfer_question question;
};

static void on_code(struct bk_cli_transfer *t, const char *code)
{
	const struct command *c = (struct command *)t;
	char other[1024];

	if (c->options->is_server_typed)
		snprintf(other, sizeof(other), "bodkin send -s %s --code %s FILE", c->options->server, code);
	else
		snprintf(other, sizeof(other), "bodkin send --code %s FILE", code);
	bk_report_code(t->report, code, other);
}

/* One line; an empty one is what stands in capitals in the question, the end of input is no. */
static void on_input(void *arg, int fd, int events)
{
	struct command *c = arg;
	char line[256];
	ssize_t n = read(fd, line, sizeof(line));
	bool yes = c->question == BK_TRANSFER_ASK_ACCEPT;

	(void)events;
	bk_watch_set(c->input, 0);
	if (n <= 0)
		yes = false;
	else
		bk_report_answered(c->transfer.report);
	if (n > 0 && line[0] != '\n')
		yes = line[0] == 'y' || line[0] == 'Y';
	bk_recv_answer(c->recv, yes);
}

static void on_ask(
	struct bk_cli_transfer *t, enum bk_transfer_question question, const struct bk_transfer_offer *offer)
{
	struct command *c = (struct command *)t;

	c->question = question;
	bk_report_question(t->report, question, offer);
	bk_watch_set(c->input, BK_READABLE);
}

static void cancel(void *arg)
{
	struct command *c = arg;

	bk_recv_cancel(c->recv);
}

static int start(struct command *c, char text[BK_TRANSFER_TEXT_MAX])
{
	const struct bk_options *o = c->options;
	bool has_person = !o->json && isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
	const struct bk_recv_opts opts = {
		.session = &c->transfer.client.session,
		.folder = o->output ? o->output : ".",
		.ask_accept = has_person && !o->yes,
		.ask_overwrite = has_person,
		.overwrite = o->overwrite,
	};
	int err = 0;

	if (o->args_len)
		c->transfer.client.session.code = o->args[0];
	if (has_person)
		err = bk_watch_new(c->transfer.client.loop, STDIN_FILENO, on_input, c, &c->input);
	if (err < 0) {
		snprintf(text, BK_TRANSFER_TEXT_MAX, "cannot receive: %s", bk_error_text(err));
		return err;
	}
	return bk_recv_new(
		c->transfer.client.loop, &opts, &bk_cli_transfer_events, &c->transfer, &c->recv, text);
}

static int run(struct bk_options *o, struct bk_report *r)
{
	struct command c = {.transfer = {.report = r,
				    .offering = "Receiving",
				    .done = "Received",
				    .on_code = on_code,
				    .on_ask = on_ask},
		.options = o};
	char text[BK_TRANSFER_TEXT_MAX];
	int err = 0, code;

	if (o->args_len > 1) {
		snprintf(text, sizeof(text),
			"cannot receive: one code is enough, '%.100s' is too much; try 'bodkin help recv'",
			o->args[1]);
		err = BK_E_INVALID;
	}
	if (err >= 0)
		err = bk_client_init(&c.transfer.client, o, "receive", text);
	if (err >= 0)
		err = start(&c, text);
	code = err < 0 ? bk_cli_transfer_fail(r, err, text) : bk_cli_transfer_run(&c.transfer, cancel, &c);
	bk_recv_free(c.recv);
	bk_watch_free(c.input);
	bk_client_done(&c.transfer.client);
	return code;
}

const struct bk_command bk_cmd_recv = {
	.name = "recv",
	.usage = "[CODE] [-o DIR] [--yes] [OPTION]...",
	.summary = "receive files with the code of the one who sends",
	.about = "Writes into the current folder or DIR and nowhere else, and never over a file unasked. "
		 "Without CODE\n"
		 "it prints one, for the other side's 'bodkin send --code'.",
	.bit = BK_CMD_RECV,
	.run = run,
};

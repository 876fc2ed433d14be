/* SPDX-License-Identifier: Apache-2.0 */
/* `bodkin send`: the code first, then the files to whoever comes with it. */
#include "cli/command.h"

#include <stdio.h>
#include <string.h>

#include <bodkin/transfer.h>
#include "cli/transfer.h"

struct command {
	struct bk_cli_transfer transfer;
	const struct bk_options *options;
	struct bk_send *send;
};

/* The other machine needs the same server; where ours comes from the environment or the config file, theirs
 * is taken to do so too. */
static void on_code(struct bk_cli_transfer *t, const char *code)
{
	const struct command *c = (struct command *)t;
	char other[1024];

	if (c->options->is_server_typed)
		snprintf(other, sizeof(other), "bodkin recv -s %s %s", c->options->server, code);
	else
		snprintf(other, sizeof(other), "bodkin recv %s", code);
	bk_report_code(t->report, code, other);
}

static void cancel(void *arg)
{
	struct command *c = arg;

	bk_send_cancel(c->send);
}

static int start(struct command *c, char text[BK_TRANSFER_TEXT_MAX])
{
	const struct bk_send_opts opts = {
		.session = &c->transfer.client.session,
		.paths = (const char *const *)c->options->args,
		.paths_len = (size_t)c->options->args_len,
	};

	c->transfer.client.session.code_wish = c->options->code;
	return bk_send_new(
		c->transfer.client.loop, &opts, &bk_cli_transfer_events, &c->transfer, &c->send, text);
}

static int check_paths(const struct bk_options *o, char text[BK_OPTIONS_TEXT_MAX])
{
	int err = o->args_len ? 0 : BK_E_INVALID;

	if (err < 0)
		snprintf(text, BK_OPTIONS_TEXT_MAX, "cannot send: no file is named; try 'bodkin help send'");
	for (int i = 0; i < o->args_len && err >= 0; i++)
		if (!strcmp(o->args[i], "-")) {
			snprintf(text, BK_OPTIONS_TEXT_MAX,
				"cannot send '-': standard input is not in this version; send a file");
			err = BK_E_INVALID;
		}
	return err;
}

static int run(struct bk_options *o, struct bk_report *r)
{
	struct command c = {
		.transfer = {.report = r, .offering = "Sending", .done = "Sent", .on_code = on_code},
		.options = o};
	char text[BK_TRANSFER_TEXT_MAX];
	int err = check_paths(o, text), code;

	if (err >= 0)
		err = bk_client_init(&c.transfer.client, o, "send", text);
	if (err >= 0)
		err = start(&c, text);
	code = err < 0 ? bk_cli_transfer_fail(r, err, text) : bk_cli_transfer_run(&c.transfer, cancel, &c);
	bk_send_free(c.send);
	bk_client_done(&c.transfer.client);
	return code;
}

const struct bk_command bk_cmd_send = {
	.name = "send",
	.usage = "PATH... [--code CODE] [OPTION]...",
	.summary = "send files to whoever has the code",
	.about = "Prints a code; whoever types it into 'bodkin recv' gets the files, encrypted, over a "
		 "direct\n"
		 "connection where one can be had, else through the server's relay, which cannot read them.",
	.bit = BK_CMD_SEND,
	.run = run,
};

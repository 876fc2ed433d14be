/* SPDX-License-Identifier: Apache-2.0 */
/* `bodkin send`: the code first, then the files to whoever comes with it. */
#include "cli/command.h"

#include <stdio.h>
#include <string.h>

#include "cli/by_name.h"
#include "cli/exit.h"
#include "cli/transfer.h"

struct command {
	struct bk_cli_transfer transfer;
	struct bk_cli_by_name by_name;
	struct bk_send *send;
};

static int start_send(struct bk_cli_frame *f, char text[BK_CLI_TEXT_MAX])
{
	struct command *c = (struct command *)f;
	const struct bk_transfer_events events = bk_cli_transfer_events();
	const struct bk_send_opts opts = {
		.size = sizeof(opts),
		.session = &f->session,
		.paths = (const char *const *)f->options->args,
		.paths_len = (size_t)f->options->args_len,
		.exclude = f->options->exclude.items,
		.exclude_len = f->options->exclude.len,
	};

	int err = bk_send_new(f->loop, &opts, &events, c, &c->send, text);

	if (err >= 0)
		bk_cli_report_left_out(f->report, bk_send_offer(c->send));
	return err;
}

static int start(struct bk_cli_frame *f, char text[BK_CLI_TEXT_MAX])
{
	struct command *c = (struct command *)f;
	const struct bk_cli_by_name_opts opts = {.name = f->options->to,
		.purpose = "files",
		.needs = BK_DEVICE_RECEIVES,
		.lacks = "there, but takes no files; 'bodkin recv --daemon' has to run there",
		.on_found = start_send};

	return f->options->to ? bk_cli_by_name_start(&c->by_name, f, &opts, text) : start_send(f, text);
}

static void stop(struct bk_cli_frame *f)
{
	struct command *c = (struct command *)f;

	if (c->send)
		bk_send_cancel(c->send);
	else
		bk_loop_stop(f->loop);
}

static void done(struct bk_cli_frame *f)
{
	struct command *c = (struct command *)f;

	bk_send_free(c->send);
	bk_cli_by_name_done(&c->by_name);
}

static int check_paths(const struct bk_cli_options *o, char text[BK_CLI_TEXT_MAX])
{
	int err = o->args_len ? 0 : BK_E_INVALID;

	if (err < 0)
		snprintf(text, BK_CLI_TEXT_MAX, "cannot send: no file is named; try 'bodkin help send'");
	if (err >= 0 && o->to && o->code) {
		snprintf(text, BK_CLI_TEXT_MAX, "cannot send: --to needs no --code; give one of them");
		err = BK_E_INVALID;
	}
	for (int i = 0; i < o->args_len && err >= 0; i++)
		if (!strcmp(o->args[i], "-")) {
			snprintf(text, BK_CLI_TEXT_MAX,
				"cannot send '-': standard input is not in this version; send a file");
			err = BK_E_INVALID;
		}
	return err;
}

static int run(struct bk_cli_options *o, struct bk_cli_report *r)
{
	static const struct bk_cli_frame_ops ops = {
		.command = BK_CLI_CMD_SEND,
		.act = "send",
		.other = "recv",
		.before_code = "",
		.after_code = "",
		.check = check_paths,
		.start = start,
		.stop = stop,
		.done = done,
	};
	struct command c = {.transfer = {.done = "Sent"}};
	char why[BK_CLI_TEXT_MAX], text[2 * BK_CLI_TEXT_MAX];

	if (!o->to || bk_cli_by_name_init(&c.by_name, o, why) >= 0)
		return bk_cli_frame_run(&c.transfer.frame, &ops, o, r);
	snprintf(text, sizeof(text), "cannot send to %s: %s", o->to, why);
	bk_cli_report_error(r, BK_E_NOT_FOUND, text);
	return BK_CLI_EXIT_USAGE;
}

const struct bk_cli_command bk_cli_cmd_send = {
	.name = "send",
	.act = "send",
	.usage = "PATH... [--code CODE | --to NAME] [OPTION]...",
	.summary = "send files and folders to whoever has the code",
	.about = "Prints a code; whoever types it into 'bodkin "
		 "recv' gets the files and folders, encrypted, over a direct\n"
		 "connection where one can be had, else through the server's relay, which cannot read them.\n"
		 "--to sends to one of your own devices ('bodkin help devices'), and shows no code.",
	.bit = BK_CLI_CMD_SEND,
	.run = run,
};

/* SPDX-License-Identifier: Apache-2.0 */
/* `bodkin send`: the code first, then the files to whoever comes with it. */
#include "cli/command.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/by_name.h"
#include "cli/exit.h"
#include "cli/meant.h"
#include "cli/several.h"
#include "cli/transfer.h"

struct command {
	struct bk_cli_transfer transfer;
	struct bk_cli_by_name by_name;
	struct bk_send *send;
};

static size_t count_inputs(const struct bk_cli_options *o)
{
	size_t n = 0;

	for (int i = 0; i < o->args_len; i++)
		n += !strcmp(o->args[i], "-");
	return n;
}

/* "-" is no path: the others in their order. How many there are. */
static size_t drop_input(char **args, int n)
{
	size_t kept = 0;

	for (int i = 0; i < n; i++)
		if (strcmp(args[i], "-") != 0)
			args[kept++] = args[i];
	return kept;
}

/* Who types it needs to know how it ends, and to see what it is: no bar is drawn over it. */
static void make_room_for_typing(struct bk_cli_report *r)
{
	if (!isatty(STDIN_FILENO))
		return;
	bk_cli_report_say(r, BK_CLI_EVENT, "What is typed here is sent; Ctrl-D in an empty line ends it.");
	r->has_bar = false;
}

static enum bk_transfer_links links_of(const struct bk_cli_options *o)
{
	if (!o->links || !strcmp(o->links, "keep"))
		return BK_TRANSFER_LINKS_KEEP;
	return !strcmp(o->links, "follow") ? BK_TRANSFER_LINKS_FOLLOW : BK_TRANSFER_LINKS_SKIP;
}

static int start_send(struct bk_cli_frame *f, char text[BK_CLI_TEXT_MAX])
{
	struct command *c = (struct command *)f;
	struct bk_transfer_events events = bk_cli_transfer_events();
	struct bk_call_news news;
	const bool has_input = count_inputs(f->options);
	const struct bk_send_opts opts = {
		.size = sizeof(opts),
		.session = &f->session,
		.paths = (const char *const *)f->options->args,
		.paths_len = drop_input(f->options->args, f->options->args_len),
		.stream_name = has_input ? "stdin" : NULL,
		.stream_fd = STDIN_FILENO,
		.exclude = f->options->exclude.items,
		.exclude_len = f->options->exclude.len,
		.links = links_of(f->options),
		.limit = f->options->limit,
		.text = f->options->text,
		.text_len = f->options->text ? strlen(f->options->text) : 0,
		.compress = f->options->compress && !strcmp(f->options->compress, "off")
				    ? BK_TRANSFER_COMPRESS_OFF
				    : BK_TRANSFER_COMPRESS_AUTO,
		.copies = bk_cli_several_count(f->options),
	};
	int err = 0;

	if (bk_cli_several_is_asked(f->options))
		err = bk_cli_several_start(&c->transfer, &events, &news);
	if (err >= 0)
		err = bk_send_new(f->loop, &opts, &events, c, &c->send, text);

	if (err >= 0 && bk_send_offer(c->send))
		bk_cli_report_left_out(f->report, bk_send_offer(c->send));
	if (err >= 0 && has_input)
		make_room_for_typing(f->report);
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
	bk_cli_receivers_done(&c->transfer.receivers);
	bk_cli_by_name_done(&c->by_name);
}

static bool is_device(const char *name)
{
	struct bk_cli_devices_store store = {0};
	char dir[BK_CLI_PATHS_MAX], why[BK_CLI_TEXT_MAX];
	bool is_known = bk_cli_paths_state(dir) >= 0 && bk_cli_devices_store_load(&store, dir, why) >= 0 &&
			bk_cli_devices_store_knows(&store, name);

	bk_cli_devices_store_done(&store);
	return is_known;
}

static int refuse(char text[BK_CLI_TEXT_MAX], const char *why)
{
	snprintf(text, BK_CLI_TEXT_MAX, "cannot send%.400s", why);
	return BK_E_INVALID;
}

static int check_paths(const struct bk_cli_options *o, char text[BK_CLI_TEXT_MAX])
{
	char taken[BK_CLI_TEXT_MAX], where[BK_CLI_TEXT_MAX];

	if (bk_cli_meant_code(o, text) || bk_cli_meant_receiver(o, is_device, text))
		return BK_E_INVALID;
	if (count_inputs(o) > 1)
		return refuse(text, " '-' twice: there is one standard input");
	if (o->text || o->args_len)
		return 0;
	if (!bk_cli_meant_argument(o, true, taken))
		return refuse(text, ": no file is named; try 'bodkin help send'");
	snprintf(where, sizeof(where), ": no file is named; %.300s", taken);
	return refuse(text, where);
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
	.usage = "PATH... | - | --text TEXT [--code CODE | --to NAME] [--copies N | --keep] [OPTION]...",
	.summary = "send files and folders to whoever has the code",
	.about = "Prints a code; whoever types it into 'bodkin "
		 "recv' gets the files and folders, encrypted, over a direct\n"
		 "connection where one can be had, else through the server's relay, which cannot read them.\n"
		 "- is standard input; it, a pipe and a file of /proc have no size, and go until they end.\n"
		 "--text says something: it is shown at the other end, and no file is made.\n"
		 "--to sends to one of your own devices ('bodkin help devices'), and shows no code.",
	.bit = BK_CLI_CMD_SEND,
	.run = run,
};

/* SPDX-License-Identifier: Apache-2.0 */
/* `bodkin recv`: take what the other side sends. Questions are asked only of a person at a terminal. */
#include "cli/command.h"

#include <jansson.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/consent.h"
#include "cli/daemon.h"
#include "cli/exit.h"
#include "cli/human.h"
#include "cli/question.h"
#include "cli/transfer.h"

struct command {
	struct bk_cli_transfer transfer;
	struct bk_recv *recv;
	struct bk_cli_question question;
};

static void on_ask(struct bk_call *call, void *arg, enum bk_transfer_question question,
	const struct bk_transfer_offer *offer)
{
	struct command *c = arg;

	(void)call;
	c->transfer.was_asked |= question == BK_TRANSFER_ASK_ACCEPT;
	bk_cli_question_ask(&c->question, c->recv, question, offer);
}

static int start(struct bk_cli_frame *f, char text[BK_CLI_TEXT_MAX])
{
	struct command *c = (struct command *)f;
	const struct bk_cli_options *o = f->options;
	bool is_stream = bk_cli_options_is_to_stdout(o), has_person = bk_cli_frame_has_person() && !is_stream;
	struct bk_transfer_events events = bk_cli_transfer_events();
	const struct bk_recv_opts opts = {
		.size = sizeof(opts),
		.session = &f->session,
		.folder = is_stream   ? NULL
			  : o->output ? o->output
				      : ".",
		.has_stream = is_stream,
		.stream_fd = STDOUT_FILENO,
		.bytes_max = o->max_size,
		.limit = o->limit,
		.asks_accept = has_person && !o->yes,
		.takes_hidden = o->hidden,
		.takes_executable = o->executable,
		.conflict = bk_cli_consent_conflict(
			o, has_person ? BK_TRANSFER_CONFLICT_ASK : BK_TRANSFER_CONFLICT_LEAVE),
	};
	int err = 0;

	/* There a text comes as it is; a code that was made is all that is said before it, and only where little is. */
	f->report->is_aside = is_stream || (!o->json && !o->quiet && !isatty(STDOUT_FILENO));
	events.on_ask = on_ask;
	if (has_person)
		err = bk_cli_question_init(&c->question, f->loop, f->report);
	if (err < 0) {
		snprintf(text, BK_CLI_TEXT_MAX, "cannot receive: %s", bk_error_text(err));
		return err;
	}
	return bk_recv_new(f->loop, &opts, &events, c, &c->recv, text);
}

static int check_stream(char text[BK_CLI_TEXT_MAX])
{
	if (!isatty(STDOUT_FILENO))
		return 0;
	snprintf(text, BK_CLI_TEXT_MAX,
		"cannot receive: '-o -' writes what comes as it is, which is not for a terminal; "
		"put '> FILE' or '| PROGRAM' behind it, or use -o DIR");
	return BK_E_INVALID;
}

/* What belongs to the other kind of receiving. */
static int check(const struct bk_cli_options *o, char text[BK_CLI_TEXT_MAX])
{
	if (bk_cli_options_is_to_stdout(o))
		return check_stream(text);
	if (!o->is_from_typed)
		return 0;
	snprintf(text, BK_CLI_TEXT_MAX,
		"cannot receive: --from says whose files 'recv --daemon' takes unasked, and here a code says "
		"who sends");
	return BK_E_INVALID;
}

static void stop(struct bk_cli_frame *f)
{
	bk_recv_cancel(((struct command *)f)->recv);
}

static void done(struct bk_cli_frame *f)
{
	struct command *c = (struct command *)f;

	bk_recv_free(c->recv);
	bk_cli_question_done(&c->question);
}

static void report_forgotten(struct bk_cli_report *r, const struct bk_transfer_leftovers *gone)
{
	char bytes[BK_CLI_HUMAN_MAX];

	bk_cli_human_bytes(gone->bytes, bytes);
	bk_cli_report_event(r, BK_CLI_VERDICT, "forgotten",
		json_pack("{s:I, s:I, s:I}", "transfers", (json_int_t)gone->transfers, "parts",
			(json_int_t)gone->parts, "bytes", (json_int_t)gone->bytes));
	if (gone->transfers)
		bk_cli_report_say(r, BK_CLI_VERDICT, "Removed %zu unfinished %s of %zu %s (%s)", gone->parts,
			gone->parts == 1 ? "file" : "files", gone->transfers,
			gone->transfers == 1 ? "transfer" : "transfers", bytes);
	else
		bk_cli_report_say(r, BK_CLI_VERDICT, "Nothing unfinished is there");
}

static int forget(const struct bk_cli_options *o, struct bk_cli_report *r)
{
	struct bk_transfer_leftovers gone;
	char text[BK_CLI_TEXT_MAX];
	int err = bk_transfer_find_leftovers(o->output ? o->output : ".", true, &gone, text);

	if (err < 0) {
		bk_cli_report_error(r, err, text);
		return BK_CLI_EXIT_FILE;
	}
	report_forgotten(r, &gone);
	return BK_CLI_EXIT_DONE;
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
		.check = check,
		.start = start,
		.stop = stop,
		.done = done,
	};
	struct command c = {.transfer = {.done = "Received", .is_taking = true}};

	if (o->forget_parts)
		return forget(o, r);
	if (o->daemon)
		return bk_cli_daemon_run(o, r);
	return bk_cli_frame_run(&c.transfer.frame, &ops, o, r);
}

const struct bk_cli_command bk_cli_cmd_recv = {
	.name = "recv",
	.act = "receive",
	.usage =
		"[CODE] [-o DIR | -o -] [--yes] [--conflict HOW] [OPTION]... | --daemon [--from NAME]... | --forget-parts [-o DIR]",
	.summary = "receive files with the code of the one who sends",
	.about = "Writes into the current folder or DIR and nowhere else, and never over a file\n"
		 "unasked. Without CODE it asks for it at a terminal, where Tab completes the\n"
		 "words; else, or when the answer is empty, it makes one, for 'bodkin send --code'.\n"
		 "With -o - one file or stream goes to standard output: bodkin recv -o - CODE | tar x.\n"
		 "With --daemon it stays and takes what one's own devices send: see 'bodkin help devices'.",
	.bit = BK_CLI_CMD_RECV,
	.run = run,
};

/* SPDX-License-Identifier: Apache-2.0 */
/* A sender or receiver that has ended is freed when the next one begins, or at the end: not from inside its last
 * callback, which the library would allow, but because two ways to end are one too many. */
#include "cli/chat_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bodkin/error.h>

#include "cli/bar.h"
#include "cli/consent.h"
#include "cli/human.h"
#include "cli/paths.h"
#include "cli/what.h"

enum {
	NAME_COLUMNS = 24,
	UNREAD_MAX = 256 * 1024, /* bytes that the terminal has not taken: beyond, nobody sees offers */
};

#define OFFERS_APART INT64_C(1000000000) /* nobody is drowned in offers */

bool bk_cli_chat_files_has_person(bool is_json)
{
	return !is_json && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
}

int bk_cli_chat_files_check(const struct bk_cli_options *o, char text[BK_CLI_TEXT_MAX])
{
	int err = o->output ? bk_cli_paths_check_folder(o->output, text) : 0;

	if (err < 0 || !bk_cli_options_is_typed(o, "output") || bk_cli_chat_files_has_person(o->json))
		return err;
	snprintf(text, BK_CLI_TEXT_MAX,
		"cannot chat: -o is for files that a person at a terminal takes, and here lines alone are passed on; "
		"leave it out, or for a file: bodkin recv -o DIR");
	return BK_E_INVALID;
}

static void begin(struct bk_cli_chat_file *file, const char *peer)
{
	*file = (struct bk_cli_chat_file){.total = 0};
	snprintf(file->peer, sizeof(file->peer), "%s", peer && *peer ? peer : "the other side");
}

static void name(struct bk_cli_chat_file *file, const struct bk_transfer_offer *offer)
{
	file->bytes = 0;
	file->total = offer->bytes;
	file->is_moving = false;
	bk_cli_human_fit(offer->first, NAME_COLUMNS, file->name, sizeof(file->name));
}

static void progress(struct bk_cli_chat_files *f, struct bk_cli_chat_file *file, uint64_t bytes,
	uint64_t total, double rate)
{
	file->bytes = bytes;
	file->total = total;
	file->rate = rate;
	file->is_moving = true;
	f->on_change(f->arg);
}

static void say_end(struct bk_cli_chat_files *f, const struct bk_cli_chat_file *file,
	const struct bk_call_failure *failure, bool is_out)
{
	const char *act = is_out ? "sent" : "taken";

	if (failure && failure->error == BK_E_DECLINED)
		bk_cli_report_say(f->report, BK_CLI_VERDICT, "* %s was declined", file->name);
	else if (failure)
		bk_cli_report_say(
			f->report, BK_CLI_VERDICT, "* %s was not %s: %s", file->name, act, failure->text);
	f->on_change(f->arg);
}

/* --- out --- */

static void on_sent_progress(struct bk_call *call, void *arg, uint64_t bytes, uint64_t total, double rate)
{
	struct bk_cli_chat_files *f = arg;

	(void)call;
	progress(f, &f->out, bytes, total, rate);
}

static void on_sent(struct bk_call *call, void *arg, const struct bk_transfer_result *result)
{
	struct bk_cli_chat_files *f = arg;
	char size[BK_CLI_HUMAN_MAX];

	(void)call;
	f->is_sending = false;
	bk_cli_human_bytes(result->bytes, size);
	bk_cli_report_say(f->report, BK_CLI_VERDICT, "* %s has %s (%s)", f->out.peer, f->out.name, size);
	f->on_change(f->arg);
}

static void on_send_error(struct bk_call *call, void *arg, const struct bk_call_failure *failure)
{
	struct bk_cli_chat_files *f = arg;

	(void)call;
	f->is_sending = false;
	say_end(f, &f->out, failure, true);
}

static void on_code(struct bk_call *call, void *arg, const char *code)
{
	struct bk_cli_chat_files *f = arg;

	(void)call;
	if (f->on_code)
		f->on_code(f->arg, code);
}

static void say_asked(struct bk_cli_chat_files *f, const struct bk_transfer_offer *offer)
{
	char size[BK_CLI_HUMAN_MAX];

	name(&f->out, offer);
	bk_cli_human_bytes(f->out.total, size);
	bk_cli_report_say(f->report, BK_CLI_VERDICT, "* %s is asked whether to take %s (%s)", f->out.peer,
		f->out.name, size);
	bk_cli_report_left_out(f->report, offer);
}

static void on_sent_offer(struct bk_call *call, void *arg, const struct bk_transfer_offer *offer)
{
	struct bk_cli_chat_files *f = arg;

	(void)call;
	if (f->is_looking)
		say_asked(f, offer);
	f->is_looking = false;
}

void bk_cli_chat_files_send(
	struct bk_cli_chat_files *f, const struct bk_send_opts *way, const char *peer, const char *path)
{
	static const struct bk_call_news news = {.size = sizeof(news), .on_code = on_code};
	static const struct bk_transfer_events events = {.news = &news,
		.on_offer = on_sent_offer,
		.on_progress = on_sent_progress,
		.on_done = on_sent,
		.on_error = on_send_error};
	struct bk_send_opts opts = *way;
	char text[BK_TRANSFER_TEXT_MAX];

	opts.size = sizeof(opts);
	opts.paths = &path;
	opts.paths_len = 1;
	opts.peer = peer;
	if (f->is_sending || (!way->within && !way->session)) {
		bk_cli_report_say(f->report, BK_CLI_VERDICT, "* one file at a time: %s %s; /stop ends it",
			f->out.name, f->out.is_moving ? "is still under way" : "still waits to be taken");
		return;
	}
	bk_send_free(f->send);
	f->send = NULL;
	if (bk_send_new(f->loop, &opts, &events, f, &f->send, text) < 0) {
		bk_cli_report_say(f->report, BK_CLI_VERDICT, "* %s", text);
		return;
	}
	f->is_sending = true;
	begin(&f->out, peer);
	f->is_looking = !bk_send_offer(f->send);
	if (f->is_looking) { /* a big folder: it is asked about when it has been looked through */
		name(&f->out, &(struct bk_transfer_offer){.first = path});
		bk_cli_report_say(f->report, BK_CLI_VERDICT, "* looking through %s", f->out.name);
	} else {
		say_asked(f, bk_send_offer(f->send));
	}
	f->on_change(f->arg);
}

void bk_cli_chat_files_declined(struct bk_cli_chat_files *f)
{
	const struct bk_call_failure failure = {.error = BK_E_DECLINED};

	bk_send_free(f->send);
	f->send = NULL;
	f->is_sending = false;
	say_end(f, &f->out, &failure, true);
}

/* --- in --- */

static void on_ask(struct bk_call *call, void *arg, enum bk_transfer_question question,
	const struct bk_transfer_offer *offer)
{
	const struct bk_cli_what offered = bk_cli_what_of(offer);
	struct bk_cli_chat_files *f = arg;
	char what[512];

	(void)call;
	(void)question; /* what exists is not asked about: it gets another name */
	if (bk_cli_output_waiting(BK_CLI_STDERR) > UNREAD_MAX) {
		bk_recv_answer(f->recv, false);
		return;
	}
	f->is_asking = true;
	name(&f->in, offer);
	bk_cli_what_to_str(&offered, what, sizeof(what));
	bk_cli_report_say(f->report, BK_CLI_VERDICT, "* %s offers %s", f->in.peer, what);
	bk_cli_report_wipe(f->report);
	bk_cli_consent_names(f->report, offer);
	bk_cli_report_say(f->report, BK_CLI_VERDICT, "* /take takes %s, /refuse does not",
		offer->entries == 1 ? "it" : "them");
}

static void on_conflict(struct bk_call *call, void *arg, const struct bk_transfer_entry *entry,
	enum bk_transfer_conflict how, const char *as)
{
	struct bk_cli_chat_files *f = arg;

	(void)call;
	(void)how;
	if (as)
		bk_cli_report_say(
			f->report, BK_CLI_VERDICT, "* %s exists here; the new one is %s", entry->path, as);
}

static void on_received_progress(struct bk_call *call, void *arg, uint64_t bytes, uint64_t total, double rate)
{
	struct bk_cli_chat_files *f = arg;

	(void)call;
	progress(f, &f->in, bytes, total, rate);
}

static void on_received(struct bk_call *call, void *arg, const struct bk_transfer_result *result)
{
	struct bk_cli_chat_files *f = arg;
	char size[BK_CLI_HUMAN_MAX];

	(void)call;
	f->is_receiving = f->is_asking = false;
	bk_cli_human_bytes(result->bytes, size);
	for (size_t i = 0; i < result->paths_len; i++)
		bk_cli_report_say(f->report, BK_CLI_VERDICT, "* %s is here (%s)", result->paths[i], size);
	f->on_change(f->arg);
}

static void on_recv_error(struct bk_call *call, void *arg, const struct bk_call_failure *failure)
{
	struct bk_cli_chat_files *f = arg;

	(void)call;
	f->is_receiving = f->is_asking = false;
	if (!f->in.name[0])
		strcpy(f->in.name, "a file");
	say_end(f, &f->in, failure, false);
}

void bk_cli_chat_files_take(struct bk_cli_chat_files *f, const struct bk_recv_opts *way, const char *peer)
{
	static const struct bk_transfer_events events = {.on_ask = on_ask,
		.on_conflict = on_conflict,
		.on_progress = on_received_progress,
		.on_done = on_received,
		.on_error = on_recv_error};
	struct bk_recv_opts opts = *way;
	char text[BK_TRANSFER_TEXT_MAX];

	opts.size = sizeof(opts);
	opts.folder = f->folder;
	opts.asks_accept = true;
	opts.conflict = BK_TRANSFER_CONFLICT_RENAME;
	opts.peer = peer;
	bk_recv_free(f->recv);
	f->recv = NULL;
	begin(&f->in, peer);
	if (bk_recv_new(f->loop, &opts, &events, f, &f->recv, text) < 0)
		bk_cli_report_say(f->report, BK_CLI_VERDICT, "* a file was offered: %s", text);
	else
		f->is_receiving = true;
}

void bk_cli_chat_files_come(struct bk_cli_chat_files *f, struct bk_channel *channel)
{
	const struct bk_recv_opts way = {.channel = channel};

	if (f->is_receiving || (f->came && bk_loop_now(f->loop) - f->came < OFFERS_APART))
		return;
	f->came = bk_loop_now(f->loop);
	bk_cli_chat_files_take(f, &way, f->report->peer);
}

void bk_cli_chat_files_answer(struct bk_cli_chat_files *f, bool yes)
{
	if (!f->is_asking) {
		bk_cli_report_say(f->report, BK_CLI_VERDICT, "* nothing is offered");
		return;
	}
	f->is_asking = false;
	bk_recv_answer(f->recv, yes);
}

/* --- both --- */

void bk_cli_chat_files_stop(struct bk_cli_chat_files *f)
{
	if (!f->is_sending && !f->is_receiving)
		bk_cli_report_say(f->report, BK_CLI_VERDICT, "* no file is under way");
	if (f->is_sending)
		bk_send_cancel(f->send);
	if (f->is_receiving)
		bk_recv_cancel(f->recv);
}

static void fill_row(const struct bk_cli_chat_files *f, const struct bk_cli_chat_file *file, const char *way,
	struct bk_cli_sheet *sheet)
{
	char row[sizeof(file->name) + BK_CLI_BAR_MAX + 32], bar[BK_CLI_BAR_MAX];
	unsigned used = (unsigned)snprintf(row, sizeof(row), "* %s %s ", way, file->name);

	if (!file->is_moving)
		return;
	bk_cli_bar_format(&(struct bk_cli_bar){.bytes = file->bytes,
				  .total = file->total,
				  .rate = file->rate,
				  .columns = sheet->columns > used + 2 ? sheet->columns - used : 2,
				  .is_utf8 = f->report->is_utf8},
		bar);
	snprintf(row + used, sizeof(row) - used, "%s", bar);
	bk_cli_sheet_add(sheet, row);
}

void bk_cli_chat_files_fill(const struct bk_cli_chat_files *f, struct bk_cli_sheet *sheet)
{
	if (f->is_sending)
		fill_row(f, &f->out, "to", sheet);
	if (f->is_receiving)
		fill_row(f, &f->in, "from", sheet);
}

void bk_cli_chat_files_done(struct bk_cli_chat_files *f)
{
	bk_send_free(f->send);
	bk_recv_free(f->recv);
	f->send = NULL;
	f->recv = NULL;
}

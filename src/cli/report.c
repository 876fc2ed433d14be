/* SPDX-License-Identifier: Apache-2.0 */
/* People and scripts get different output. The progress line is drawn on standard error over itself in one
 * write, and wiped before anything else is said, so that sentences never mix with it. */
#include "cli/report.h"

#include <bodkin/error.h>
#include <jansson.h>
#include <langinfo.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/bar.h"
#include "cli/human.h"
#include "cli/qr.h"
#include "cli/what.h"
#include "net/loop.h"

enum {
	COLUMNS_USUAL = 80,
	ROWS_USUAL = 24,
	STAMP_MAX = 32,
	NAME_SHOWN_MAX = 40,
	NAMES_MAX = 100,
	LIKE_SHOWN = 10
};

void bk_cli_report_init(struct bk_cli_report *r, const struct bk_cli_options *o)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
	bool is_smart = term && strcmp(term, "dumb") != 0;

	*r = (struct bk_cli_report){.is_json = o->json, .is_quiet = o->quiet, .verbosity = o->verbosity};
	r->born = bk_loop_clock();
	r->is_smart = is_smart;
	r->is_limited = o->limit;
	r->has_bar = !o->json && !o->quiet && is_smart && isatty(STDERR_FILENO);
	r->has_color = !o->json && is_smart && !(no_color && *no_color) && isatty(STDOUT_FILENO);
	r->is_utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8");
	if (o->json)
		bk_cli_output_speak_json();
}

static enum bk_cli_stream stream_of(const struct bk_cli_report *r)
{
	return r->is_aside ? BK_CLI_STDERR : BK_CLI_STDOUT;
}

static enum bk_cli_rank rank_of(const struct bk_cli_report *r, enum bk_cli_rank rank)
{
	return r->is_lasting && rank == BK_CLI_VERDICT ? BK_CLI_EVENT : rank;
}

void bk_cli_report_wipe(struct bk_cli_report *r)
{
	if (r->on_wipe)
		r->on_wipe(r->wipe_arg);
	if (r->is_bar_drawn)
		bk_cli_output_put(BK_CLI_STDERR, BK_CLI_EVENT, "\r\033[K");
	r->is_bar_drawn = false;
	if (r->is_question_open)
		bk_cli_output_put(BK_CLI_STDERR, BK_CLI_EVENT, "\n");
	r->is_question_open = false;
}

/* The terminal has written ^C where the cursor stood: what is said next begins on a line of its own. */
void bk_cli_report_interrupted(struct bk_cli_report *r)
{
	if (r->is_question_open || r->on_wipe || !isatty(STDERR_FILENO))
		return;
	if (r->is_smart)
		r->is_bar_drawn = true;
	else
		r->is_question_open = true;
}

void bk_cli_report_say(struct bk_cli_report *r, enum bk_cli_rank rank, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;

	if (r->is_json || r->is_quiet)
		return;
	bk_cli_report_wipe(r);
	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) >= 0)
		bk_cli_output_put(stream_of(r), rank_of(r, rank), "%s\n", text);
	va_end(ap);
	free(text);
}

/* Local names need not be UTF-8, JSON has to be. */
static json_t *text_value(const char *s)
{
	json_t *value = json_string(s ? s : "");
	char *copy;

	if (value)
		return value;
	copy = s ? strdup(s) : NULL;
	for (char *at = copy; at && *at; at++)
		if ((unsigned char)*at >= 0x80)
			*at = '?';
	value = json_string(copy ? copy : "");
	free(copy);
	return value;
}

void bk_cli_report_event(
	const struct bk_cli_report *r, enum bk_cli_rank rank, const char *event, json_t *fields)
{
	json_t *o = json_pack("{s:s}", "event", event);
	char *text = NULL;

	if (r->from && o)
		json_object_set_new(o, "from", text_value(r->from));
	if (r->is_json && o && fields && json_object_update(o, fields) == 0)
		text = json_dumps(o, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(9));
	if (text)
		bk_cli_output_put(BK_CLI_STDOUT, rank_of(r, rank), "%s\n", text);
	free(text);
	json_decref(o);
	json_decref(fields);
}

const char *bk_cli_report_bold(const struct bk_cli_report *r)
{
	return r->has_color ? "\033[1m" : "";
}

const char *bk_cli_report_plain(const struct bk_cli_report *r)
{
	return r->has_color ? "\033[0m" : "";
}

/* NULL, and why there is none. */
static char *draw_qr(const struct bk_cli_report *r, const char *text, char why[128])
{
	struct bk_cli_window window = bk_cli_report_window();

	if (r->is_json || !isatty(STDOUT_FILENO))
		snprintf(why, 128, "standard output is no terminal");
	else if (!r->has_color)
		snprintf(why, 128, "it needs the colours that %s",
			r->is_smart ? "NO_COLOR forbids" : "this terminal has not");
	else if (!r->is_utf8)
		snprintf(why, 128, "this terminal shows no UTF-8");
	else
		return bk_cli_qr_draw(text, window.columns, window.rows, why);
	return NULL;
}

static void report_qr(struct bk_cli_report *r, char *drawn, const char *why)
{
	char text[256];

	if (drawn) {
		bk_cli_report_wipe(r);
		bk_cli_output_draw(drawn);
		free(drawn);
		return;
	}
	snprintf(text, sizeof(text), "cannot draw a QR code: %s", why);
	bk_cli_report_warning(r, text);
}

void bk_cli_report_code(struct bk_cli_report *r, const char *code, char *other, bool has_qr)
{
	char why[128] = "out of memory", *drawn = has_qr ? draw_qr(r, other, why) : NULL;

	bk_cli_report_event(r, BK_CLI_VERDICT, "code", json_pack("{s:o}", "code", text_value(code)));
	if (r->is_quiet && !r->is_json)
		/* without it nobody could come */
		bk_cli_output_put(stream_of(r), BK_CLI_VERDICT, "%s\n", code);
	bk_cli_report_say(r, BK_CLI_VERDICT, "On the other machine: %s%s%s", bk_cli_report_bold(r),
		bk_cli_human_glue(other), bk_cli_report_plain(r));
	if (has_qr)
		report_qr(r, drawn, why);
}

void bk_cli_report_peer(struct bk_cli_report *r, const struct bk_peer *peer)
{
	size_t n = strlen(peer->name);

	bk_cli_report_event(r, BK_CLI_EVENT, "peer",
		json_pack("{s:o, s:o, s:o}", "id", text_value(peer->id), "name", text_value(peer->name),
			"nat", text_value(peer->nat)));
	if (n > NAME_SHOWN_MAX)
		for (n = NAME_SHOWN_MAX; n && ((unsigned char)peer->name[n] & 0xc0) == 0x80; n--)
			;
	snprintf(r->peer, sizeof(r->peer), "%.*s", (int)n, peer->name);
}

const char *bk_cli_report_whom(const struct bk_cli_report *r)
{
	return r->peer[0] ? r->peer : "the other side";
}

/* When it was, where each step is told. */
static const char *stamp(const struct bk_cli_report *r, char out[STAMP_MAX])
{
	*out = 0;
	if (r->verbosity)
		snprintf(out, STAMP_MAX, "%8.1f ms  ", (double)(bk_loop_clock() - r->born) / BK_MS);
	return out;
}

void bk_cli_report_path(struct bk_cli_report *r, const struct bk_path *path)
{
	char at[STAMP_MAX];
	const char *kind = path->kind == BK_PATH_KIND_RELAY ? "relay" : "direct";

	bk_cli_report_event(r, BK_CLI_EVENT, "path",
		json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:f, s:f, s:o, s:o}", "kind", kind, "transport",
			text_value(bk_transport_name(path->transport)), "technique",
			text_value(path->technique), "local", text_value(path->local), "remote",
			text_value(path->remote), "rtt_ms",
			path->rtt_ms > 0 ? json_real(path->rtt_ms) : json_null(), "elapsed_ms",
			path->elapsed_ms, "total_ms", path->total_ms, "chance",
			path->chance < 0 ? json_null() : json_real(path->chance), "text",
			text_value(path->text)));
	bk_cli_report_say(r, BK_CLI_EVENT, "%s%s %s: %s", stamp(r, at),
		r->has_path ? "Now connected to" : "Connected to", bk_cli_report_whom(r), path->text);
	r->has_path = true;
	r->is_lost = false;
}

void bk_cli_report_lost(struct bk_cli_report *r, const char *text)
{
	bk_cli_report_event(r, BK_CLI_EVENT, "lost", json_pack("{s:o}", "text", text_value(text)));
	r->is_lost = true;
}

void bk_cli_report_warning(struct bk_cli_report *r, const char *text)
{
	if (r->is_quiet)
		return;
	bk_cli_report_wipe(r);
	bk_cli_output_put(BK_CLI_STDERR, BK_CLI_EVENT, "bodkin: %s\n", text);
}

void bk_cli_report_note(struct bk_cli_report *r, int verbosity, const char *text)
{
	char at[STAMP_MAX];

	if (!verbosity)
		bk_cli_report_event(r, BK_CLI_EVENT, "waiting", json_pack("{s:o}", "text", text_value(text)));
	if (verbosity < 0)
		bk_cli_report_warning(r, text);
	if (verbosity < 0 || verbosity > r->verbosity || (!verbosity && (r->is_json || r->is_quiet)))
		return;
	bk_cli_report_wipe(r);
	bk_cli_output_put(BK_CLI_STDERR, BK_CLI_CHATTER, "%s%s\n", r->verbosity ? stamp(r, at) : "  ", text);
}

static json_t *names_value(const struct bk_transfer_offer *offer)
{
	json_t *names = json_array();

	for (size_t i = 0; i < offer->entries && i < NAMES_MAX; i++) {
		const struct bk_transfer_entry *e = &offer->names[i];
		const char *target = bk_transfer_offer_target(offer, i);
		json_t *name = json_pack("{s:o, s:I, s:s, s:b, s:b}", "path", text_value(e->path), "size",
			(json_int_t)e->bytes, "kind",
			e->is_folder   ? "folder"
			: e->is_stream ? "stream"
			: e->is_link   ? "link"
			: e->is_text   ? "text"
				       : "file",
			"hidden", e->is_hidden, "executable", e->is_executable);

		if (target)
			json_object_set_new(name, "target", text_value(target));
		json_array_append_new(names, name);
	}
	return names;
}

static void report_abandoned(struct bk_cli_report *r, const struct bk_transfer_offer *offer)
{
	char bytes[BK_CLI_HUMAN_MAX];

	bk_cli_human_bytes(offer->abandoned_bytes, bytes);
	bk_cli_report_say(r, BK_CLI_EVENT,
		"%zu unfinished %s of other transfers %s there (%s): the same offer again goes on; "
		"'bodkin recv --forget-parts' removes what nobody works on",
		offer->abandoned, offer->abandoned == 1 ? "file" : "files",
		offer->abandoned == 1 ? "is" : "are", bytes);
}

void bk_cli_report_offer(struct bk_cli_report *r, const struct bk_transfer_offer *offer)
{
	const struct bk_cli_what offered = bk_cli_what_of(offer);
	const char *peer = bk_cli_report_whom(r);
	char what[512];

	r->is_text = offered.is_text;
	r->has_stream = offered.streams;
	bk_cli_what_to_str(&offered, what, sizeof(what));
	bk_cli_report_event(r, BK_CLI_EVENT, "offer",
		json_pack("{s:I, s:I, s:I, s:I, s:o}", "entries", (json_int_t)offer->entries, "folders",
			(json_int_t)offer->folders, "links", (json_int_t)offer->links, "bytes",
			(json_int_t)offer->bytes, "names", names_value(offer)));
	if (offer->from)
		bk_cli_report_say(r, BK_CLI_EVENT, "Offered by %s: %s", peer, what);
	else
		bk_cli_report_say(r, BK_CLI_EVENT, "Waiting for %s to take %s", peer, what);
	if (offer->abandoned)
		report_abandoned(r, offer);
}

void bk_cli_report_left_out(struct bk_cli_report *r, const struct bk_transfer_offer *offer)
{
	json_t *names = json_array();
	size_t shown = offer->left_out_len < LIKE_SHOWN ? offer->left_out_len : LIKE_SHOWN;

	for (size_t i = 0; i < offer->left_out_len; i++)
		json_array_append_new(names, text_value(offer->left_out[i]));
	if (offer->left_out_all)
		bk_cli_report_event(r, BK_CLI_EVENT, "left-out",
			json_pack("{s:I, s:O}", "entries", (json_int_t)offer->left_out_all, "names", names));
	json_decref(names);
	for (size_t i = 0; i < shown; i++)
		bk_cli_report_say(r, BK_CLI_VERDICT, "Left out: %s", offer->left_out[i]);
	if (offer->left_out_all > shown)
		bk_cli_report_say(
			r, BK_CLI_VERDICT, "Left out: %zu more like these", offer->left_out_all - shown);
	if (offer->left_out_links)
		bk_cli_report_say(r, BK_CLI_VERDICT, "What links lead to is sent with --links follow");
}

/* To a person the first of them; how many more there are, when they are all known. */
static void say_hidden(struct bk_cli_report *r, const char *path)
{
	if (r->hidden++ < LIKE_SHOWN)
		bk_cli_report_say(r, BK_CLI_EVENT, "%s is hidden and is skipped; --hidden takes it", path);
}

static void say_hidden_rest(struct bk_cli_report *r)
{
	if (r->hidden > LIKE_SHOWN)
		bk_cli_report_say(r, BK_CLI_EVENT, "%zu more are hidden and are skipped; --hidden takes them",
			r->hidden - LIKE_SHOWN);
	r->hidden = 0;
}

void bk_cli_report_conflict(struct bk_cli_report *r, const struct bk_transfer_entry *entry,
	enum bk_transfer_conflict how, const char *as)
{
	const char *taken = how == BK_TRANSFER_CONFLICT_RENAME      ? "rename"
			    : how == BK_TRANSFER_CONFLICT_OVERWRITE ? "overwrite"
								    : "skip";
	json_t *fields = json_pack("{s:o, s:s}", "path", text_value(entry->path), "taken", taken);

	if (as)
		json_object_set_new(fields, "as", text_value(as));
	bk_cli_report_event(r, BK_CLI_EVENT, "conflict", fields);
	if (as)
		bk_cli_report_say(r, BK_CLI_EVENT, "%s exists; the new one is %s", entry->path, as);
	else if (how == BK_TRANSFER_CONFLICT_OVERWRITE)
		bk_cli_report_say(r, BK_CLI_EVENT, "%s exists and is replaced", entry->path);
	else if (entry->is_existing)
		bk_cli_report_say(r, BK_CLI_EVENT, "%s exists and is skipped", entry->path);
	else if (!entry->is_unfit) /* which was said with the offer */
		say_hidden(r, entry->path);
}

/* Behind his name, set in, so that no line of it looks like one of ours. */
static void say_text(struct bk_cli_report *r, const char *text, size_t len)
{
	char *copy = malloc(len + 1), *rows = NULL;

	for (size_t i = 0; copy && i < len; i++)
		copy[i] = text[i] ? text[i] : '?';
	while (copy && len && copy[len - 1] == '\n')
		len--;
	if (copy) {
		copy[len] = 0;
		bk_text_sanitize_lines(copy);
		rows = bk_cli_human_fold(copy, 2, bk_cli_report_window().columns);
	}
	bk_cli_report_wipe(r);
	if (rows)
		bk_cli_output_put(BK_CLI_STDOUT, BK_CLI_VERDICT, "%s says:\n  %s\n",
			r->peer[0] ? r->peer : "The other side", rows);
	free(rows);
	free(copy);
}

void bk_cli_report_text(struct bk_cli_report *r, const char *text, size_t len)
{
	r->is_told = true;
	bk_cli_report_event(r, BK_CLI_VERDICT, "message",
		json_pack("{s:o, s:o}", "from", text_value(r->peer), "text", text_value(text)));
	if (r->is_json)
		return;
	if (isatty(STDOUT_FILENO))
		say_text(r, text, len);
	else
		bk_cli_output_data(text, len);
}

void bk_cli_report_resume(struct bk_cli_report *r, const struct bk_transfer_resume *resume, bool is_here)
{
	char bytes[BK_CLI_HUMAN_MAX], total[BK_CLI_HUMAN_MAX], others[48] = "";

	bk_cli_report_event(r, BK_CLI_EVENT, "resume",
		json_pack("{s:I, s:I, s:I}", "bytes", (json_int_t)resume->bytes, "total",
			(json_int_t)resume->total, "changed", (json_int_t)resume->changed));
	r->resumed = resume->bytes;
	bk_cli_human_bytes(resume->bytes, bytes);
	bk_cli_human_bytes(resume->total, total);
	if (resume->bytes)
		bk_cli_report_say(r, BK_CLI_EVENT, "Going on where it stopped: %s of %s are %s", bytes, total,
			is_here ? "here" : "there");
	if (resume->changed > 1)
		snprintf(others, sizeof(others), " and %zu more", resume->changed - 1);
	if (resume->changed)
		bk_cli_report_say(r, BK_CLI_EVENT, "'%s'%s changed since it was begun: started anew",
			resume->changed_first, others);
}

void bk_cli_report_answered(struct bk_cli_report *r)
{
	r->is_question_open = false;
}

struct bk_cli_window bk_cli_report_window(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || !size.ws_col || !size.ws_row)
		return (struct bk_cli_window){COLUMNS_USUAL, ROWS_USUAL};
	return (struct bk_cli_window){size.ws_col, size.ws_row};
}

void bk_cli_report_file(struct bk_cli_report *r, const char *path, size_t number, size_t files)
{
	say_hidden_rest(r);
	bk_cli_human_fit(path, sizeof(r->file) - 1, r->file, sizeof(r->file));
	r->file_number = number;
	r->files = files;
}

void bk_cli_report_draw(struct bk_cli_report *r, const char *line)
{
	bk_cli_output_put(BK_CLI_STDERR, BK_CLI_BAR, "\r%s\033[K", line);
	r->is_bar_drawn = true;
}

void bk_cli_report_progress(struct bk_cli_report *r, uint64_t bytes, uint64_t total, double rate)
{
	struct bk_cli_bar bar = {.bytes = bytes,
		.total = total,
		.is_endless = r->has_stream,
		.is_limited = r->is_limited,
		.is_lost = r->is_lost,
		.rate = rate,
		.file = r->file,
		.number = r->file_number,
		.files = r->files,
		.is_utf8 = r->is_utf8};
	char line[BK_CLI_BAR_MAX];
	json_t *fields = json_pack(
		"{s:I, s:I, s:f}", "bytes", (json_int_t)bytes, "total", (json_int_t)total, "rate", rate);

	if (fields && r->files)
		(void)json_object_update_new(
			fields, json_pack("{s:o, s:I, s:I}", "path", text_value(r->file), "number",
					(json_int_t)r->file_number, "files", (json_int_t)r->files));
	bk_cli_report_event(r, BK_CLI_CHATTER, "progress", fields);
	if (!r->has_bar)
		return;
	bar.columns = bk_cli_report_window().columns;
	bk_cli_bar_format(&bar, line);
	bk_cli_report_draw(r, line);
}

static json_t *paths_value(const struct bk_transfer_result *result)
{
	json_t *paths = json_array();

	for (size_t i = 0; i < result->paths_len; i++)
		json_array_append_new(paths, text_value(result->paths[i]));
	return paths;
}

static void tell_done(const struct bk_cli_report *r, const struct bk_transfer_result *result)
{
	json_t *fields = json_pack("{s:I, s:I, s:f, s:o, s:I, s:I, s:I, s:o}", "bytes",
		(json_int_t)result->bytes, "sent", (json_int_t)result->sent, "seconds", result->seconds,
		"digest", text_value(result->digest), "entries", (json_int_t)result->entries, "folders",
		(json_int_t)result->folders, "links", (json_int_t)result->links, "paths",
		paths_value(result));

	if (fields && result->receivers)
		json_object_set_new(fields, "receivers", json_integer((json_int_t)result->receivers));
	bk_cli_report_event(r, BK_CLI_VERDICT, "done", fields);
}

static void say_done(
	struct bk_cli_report *r, const char *verb, const char *what, const struct bk_transfer_result *result)
{
	char seconds[BK_CLI_HUMAN_MAX], rate[BK_CLI_HUMAN_MAX], now[BK_CLI_HUMAN_MAX], some[64] = "";
	/* What was here before says nothing of the rate. */
	uint64_t came = result->bytes > r->resumed ? result->bytes - r->resumed : 0;

	if (r->resumed)
		snprintf(some, sizeof(some), ", %s of it now,", bk_cli_human_bytes(came, now));
	bk_cli_human_seconds(result->seconds, seconds);
	bk_cli_human_rate(result->seconds > 0 ? (double)came / result->seconds : 0, rate);
	/* The rate of a moment says nothing. */
	if (result->seconds < 0.02)
		bk_cli_report_say(r, BK_CLI_VERDICT, "%s %s%s in %s", verb, what, some, seconds);
	else
		bk_cli_report_say(r, BK_CLI_VERDICT, "%s %s%s in %s, %s", verb, what, some, seconds, rate);
}

void bk_cli_report_done(struct bk_cli_report *r, const char *verb, const struct bk_transfer_result *result)
{
	const struct bk_cli_what taken = {.first = result->first,
		.files = result->entries,
		.folders = result->folders,
		.links = result->links,
		.named = result->paths_len,
		.bytes = result->bytes,
		.is_text = r->is_text};
	char what[512], bytes[BK_CLI_HUMAN_MAX];

	say_hidden_rest(r);
	tell_done(r, result);
	if (r->is_told)
		return;
	bk_cli_what_to_str(&taken, what, sizeof(what));
	if (result->receivers)
		snprintf(what, sizeof(what), "to %zu: %s in all", result->receivers,
			bk_cli_human_bytes(result->bytes, bytes));
	say_done(r, verb, what, result);
	if (result->skipped)
		bk_cli_report_say(r, BK_CLI_VERDICT, "%zu of %zu files %s not taken", result->skipped,
			result->skipped + result->entries, result->skipped == 1 ? "was" : "were");
	if (result->entries && *result->digest)
		bk_cli_report_say(r, BK_CLI_VERDICT, "Digest %s (XXH3-128)", result->digest);
}

void bk_cli_report_error(struct bk_cli_report *r, int error, const char *text)
{
	bk_cli_report_wipe(r);
	bk_cli_report_event(r, BK_CLI_VERDICT, "error",
		json_pack("{s:s, s:o}", "code", bk_error_name(error), "text", text_value(text)));
	bk_cli_output_put(BK_CLI_STDERR, rank_of(r, BK_CLI_VERDICT), "bodkin: %s\n", text);
}

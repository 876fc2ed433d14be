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

#include "cli/bar.h"
#include "cli/human.h"

enum { COLUMNS_USUAL = 80, NAME_SHOWN_MAX = 40 };

void bk_report_init(struct bk_report *r, const struct bk_options *o)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
	bool is_smart = term && strcmp(term, "dumb") != 0;

	*r = (struct bk_report){.json = o->json, .quiet = o->quiet, .verbosity = o->verbosity};
	r->has_bar = !o->json && !o->quiet && is_smart && isatty(STDERR_FILENO);
	r->has_color = !o->json && is_smart && !(no_color && *no_color) && isatty(STDOUT_FILENO);
	r->is_utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8");
}

static void wipe_bar(struct bk_report *r)
{
	if (r->is_bar_drawn)
		(void)!write(STDERR_FILENO, "\r\033[K", 4);
	r->is_bar_drawn = false;
	if (r->is_question_open)
		(void)!write(STDERR_FILENO, "\n", 1);
	r->is_question_open = false;
}

static void say(struct bk_report *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void say(struct bk_report *r, const char *fmt, ...)
{
	va_list ap;

	if (r->json || r->quiet)
		return;
	wipe_bar(r);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
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

/* Takes over the object. */
static void emit(struct bk_report *r, const char *event, json_t *fields)
{
	json_t *o = json_pack("{s:s}", "event", event);

	if (r->json && o && fields && json_object_update(o, fields) == 0) {
		json_dumpf(o, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
		putchar('\n');
		fflush(stdout);
	}
	json_decref(o);
	json_decref(fields);
}

static const char *bold(const struct bk_report *r)
{
	return r->has_color ? "\033[1m" : "";
}

static const char *plain(const struct bk_report *r)
{
	return r->has_color ? "\033[0m" : "";
}

void bk_report_listening(struct bk_report *r, const char *const *addresses, size_t n, const char *pin)
{
	json_t *all = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(all, text_value(addresses[i]));
	emit(r, "listening",
		json_pack("{s:o, s:o, s:o}", "address", text_value(addresses[0]), "pin", text_value(pin),
			"addresses", all));
	say(r, "The server listens on %s.", addresses[0]);
	for (size_t i = 1; i < n; i++)
		say(r, "                  and %s", addresses[i]);
	say(r, "To send a file:    %sbodkin send -s %s#%s FILE%s", bold(r), addresses[0], pin, plain(r));
	say(r, "To receive it:     bodkin recv -s %s#%s CODE", addresses[0], pin);
}

void bk_report_code(struct bk_report *r, const char *code, const char *other)
{
	emit(r, "code", json_pack("{s:o}", "code", text_value(code)));
	if (r->quiet && !r->json) {
		puts(code); /* without it nobody could come */
		fflush(stdout);
	}
	say(r, "On the other machine: %s%s%s", bold(r), other, plain(r));
}

void bk_report_peer(struct bk_report *r, const struct bk_peer *peer)
{
	size_t n = strlen(peer->name);

	emit(r, "peer",
		json_pack("{s:o, s:o, s:o}", "id", text_value(peer->id), "name", text_value(peer->name),
			"nat", text_value(peer->nat)));
	if (n > NAME_SHOWN_MAX)
		for (n = NAME_SHOWN_MAX; n && ((unsigned char)peer->name[n] & 0xc0) == 0x80; n--)
			;
	snprintf(r->peer, sizeof(r->peer), "%.*s", (int)n, peer->name);
}

void bk_report_path(struct bk_report *r, const struct bk_path *path)
{
	const char *kind = path->kind == BK_PATH_KIND_RELAY ? "relay" : "direct";

	emit(r, "path",
		json_pack("{s:s, s:o, s:o, s:o, s:o, s:f, s:f, s:o}", "kind", kind, "transport",
			text_value(path->transport), "technique", text_value(path->technique), "local",
			text_value(path->local), "remote", text_value(path->remote), "elapsed_ms",
			path->elapsed_ms, "total_ms", path->total_ms, "text", text_value(path->text)));
	say(r, "Connected to %s: %s", r->peer[0] ? r->peer : "the other side", path->text);
}

void bk_report_note(struct bk_report *r, int verbosity, const char *text)
{
	if (verbosity > r->verbosity)
		return;
	wipe_bar(r);
	fprintf(stderr, "  %s\n", text);
}

/* "notes.txt (12 kB)" or "3 files (100 MB)". */
static void describe(const char *first, size_t entries, uint64_t bytes, char *out, size_t max)
{
	char size[BK_HUMAN_MAX];

	bk_human_bytes(bytes, size);
	if (entries == 1)
		snprintf(out, max, "%s (%s)", first, size);
	else
		snprintf(out, max, "%zu files (%s)", entries, size);
}

void bk_report_offer(struct bk_report *r, const char *verb, const struct bk_transfer_offer *offer)
{
	char what[512];

	describe(offer->first, offer->entries, offer->bytes, what, sizeof(what));
	emit(r, "offer",
		json_pack("{s:I, s:I}", "entries", (json_int_t)offer->entries, "bytes",
			(json_int_t)offer->bytes));
	say(r, "%s %s", verb, what);
}

void bk_report_question(
	struct bk_report *r, enum bk_transfer_question question, const struct bk_transfer_offer *offer)
{
	wipe_bar(r);
	if (question == BK_TRANSFER_ASK_ACCEPT)
		fprintf(stderr, "Take %s from %s? [Y/n] ", offer->entries == 1 ? "it" : "them",
			offer->from[0] ? offer->from : "the other side");
	else if (offer->existing == 1)
		fprintf(stderr, "%s exists. Overwrite it? [y/N] ", offer->existing_first);
	else
		fprintf(stderr, "%s and %zu more exist. Overwrite them? [y/N] ", offer->existing_first,
			offer->existing - 1);
	fflush(stderr);
	r->is_question_open = true;
}

void bk_report_answered(struct bk_report *r)
{
	r->is_question_open = false;
}

static unsigned window_columns(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || !size.ws_col)
		return COLUMNS_USUAL;
	return size.ws_col;
}

void bk_report_progress(struct bk_report *r, uint64_t bytes, uint64_t total, double rate)
{
	struct bk_bar bar = {.bytes = bytes, .total = total, .rate = rate, .is_utf8 = r->is_utf8};
	char line[BK_BAR_MAX], out[BK_BAR_MAX + 8];
	int n;

	emit(r, "progress",
		json_pack("{s:I, s:I, s:f}", "bytes", (json_int_t)bytes, "total", (json_int_t)total, "rate",
			rate));
	if (!r->has_bar)
		return;
	bar.columns = window_columns();
	bk_bar_format(&bar, line);
	n = snprintf(out, sizeof(out), "\r%s\033[K", line);
	(void)!write(STDERR_FILENO, out, (size_t)n);
	r->is_bar_drawn = true;
}

void bk_report_done(struct bk_report *r, const char *verb, const struct bk_transfer_result *result)
{
	char what[512], seconds[BK_HUMAN_MAX], rate[BK_HUMAN_MAX];

	emit(r, "done",
		json_pack("{s:I, s:f, s:o, s:I}", "bytes", (json_int_t)result->bytes, "seconds",
			result->seconds, "digest", text_value(result->digest), "entries",
			(json_int_t)result->entries));
	describe(result->first, result->entries, result->bytes, what, sizeof(what));
	bk_human_seconds(result->seconds, seconds);
	bk_human_rate(result->seconds > 0 ? (double)result->bytes / result->seconds : 0, rate);
	/* The rate of a moment says nothing. */
	if (result->seconds < 0.02)
		say(r, "%s %s in %s", verb, what, seconds);
	else
		say(r, "%s %s in %s, %s", verb, what, seconds, rate);
	say(r, "Digest %s (XXH3-128)", result->digest);
}

void bk_report_error(struct bk_report *r, int error, const char *text)
{
	wipe_bar(r);
	emit(r, "error", json_pack("{s:s, s:o}", "code", bk_error_name(error), "text", text_value(text)));
	fprintf(stderr, "bodkin: %s\n", text);
}

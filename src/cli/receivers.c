/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/receivers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bodkin/error.h>
#include <jansson.h>

#include "base/time.h"
#include "cli/bar.h"
#include "cli/human.h"

enum { NAME_MAX_BYTES = 256, NAME_COLUMNS_MAX = 20, NUMBER_COLUMNS = 3 };

#define PAUSE (100 * BK_MS)

struct bk_cli_receiver {
	unsigned number;
	char name[NAME_MAX_BYTES];
	bool is_moving; /* it has said yes */
	bool is_lost;   /* there is no path to it now */
	uint64_t bytes, total;
	double rate;
};

/* --- rows --- */

static void add_row(const struct bk_cli_receivers *w, struct bk_cli_sheet *sheet,
	const struct bk_cli_receiver *r, unsigned columns)
{
	unsigned name_columns = columns / 4 < NAME_COLUMNS_MAX ? columns / 4 : NAME_COLUMNS_MAX, used;
	char name[NAME_MAX_BYTES], bar[BK_CLI_BAR_MAX] = "is asked",
				   line[NAME_MAX_BYTES + BK_CLI_BAR_MAX + 32];
	const struct bk_cli_bar how = {.bytes = r->bytes,
		.total = r->total,
		.rate = r->rate,
		.is_lost = r->is_lost,
		.columns = columns > name_columns + NUMBER_COLUMNS + 2
				   ? columns - name_columns - NUMBER_COLUMNS - 2
				   : 1,
		.is_utf8 = w->report->is_utf8};

	bk_cli_human_fit(r->name, name_columns, name, sizeof(name));
	used = bk_cli_human_width(name);
	if (r->is_moving)
		bk_cli_bar_format(&how, bar);
	snprintf(line, sizeof(line), "%*u %s%*s %s", NUMBER_COLUMNS, r->number, name,
		used < name_columns ? (int)(name_columns - used) : 0, "", bar);
	bk_cli_sheet_add(sheet, line);
}

static void add_foot(const struct bk_cli_receivers *w, struct bk_cli_sheet *sheet)
{
	char line[256];

	if (w->wanted)
		snprintf(line, sizeof(line), "%s: %zu of %zu have it", w->code, w->done, w->wanted);
	else
		snprintf(line, sizeof(line), "%s: %zu %s it; Ctrl-C ends", w->code, w->done,
			w->done == 1 ? "has" : "have");
	bk_cli_sheet_add(sheet, line);
}

/* What does not fit below each other is counted. */
static void fill(void *arg, struct bk_cli_sheet *sheet, struct bk_cli_window window)
{
	const struct bk_cli_receivers *w = arg;
	size_t max = window.rows > 4 ? window.rows - 3 : 1, shown;
	char more[64];

	if (max > BK_CLI_SHEET_ROWS_MAX - 1)
		max = BK_CLI_SHEET_ROWS_MAX - 1;
	shown = w->len > max ? max - 1 : w->len;
	for (size_t i = 0; i < shown; i++)
		add_row(w, sheet, &w->rows[i], window.columns);
	if (shown < w->len) {
		snprintf(more, sizeof(more), "%*s and %zu more", NUMBER_COLUMNS, "", w->len - shown);
		bk_cli_sheet_add(sheet, more);
	}
	if (*w->code)
		add_foot(w, sheet);
}

/* --- who is under way --- */

static struct bk_cli_receiver *find(struct bk_cli_receivers *w, unsigned number)
{
	for (size_t i = 0; i < w->len; i++)
		if (w->rows[i].number == number)
			return &w->rows[i];
	return NULL;
}

static struct bk_cli_receiver *add(struct bk_cli_receivers *w, unsigned number)
{
	size_t cap = w->cap ? 2 * w->cap : 8;
	struct bk_cli_receiver *rows = w->rows;

	if (w->len == w->cap) {
		rows = realloc(rows, cap * sizeof(*rows));
		if (!rows)
			return NULL;
		w->rows = rows;
		w->cap = cap;
	}
	rows[w->len] = (struct bk_cli_receiver){.number = number};
	return &rows[w->len++];
}

static void take_away(struct bk_cli_receivers *w, unsigned number)
{
	struct bk_cli_receiver *r = find(w, number);

	if (!r)
		return;
	memmove(r, r + 1, (size_t)(w->rows + w->len - r - 1) * sizeof(*r));
	w->len--;
}

static void keep_up(struct bk_cli_receivers *w, const struct bk_transfer_receiver *told)
{
	struct bk_cli_receiver *r = find(w, told->number);

	if (told->state == BK_TRANSFER_RECEIVER_DONE || told->state == BK_TRANSFER_RECEIVER_FAILED) {
		w->done += told->state == BK_TRANSFER_RECEIVER_DONE;
		take_away(w, told->number);
		return;
	}
	if (!r)
		r = add(w, told->number);
	if (!r)
		return;
	snprintf(r->name, sizeof(r->name), "%s", told->name);
	r->is_moving = told->state == BK_TRANSFER_RECEIVER_PROGRESS;
	r->bytes = told->bytes;
	r->total = told->total;
	r->rate = told->rate;
	r->is_lost = told->is_lost;
}

/* --- what is said of them --- */

static void tell_event(const struct bk_cli_receivers *w, const struct bk_transfer_receiver *told)
{
	static const char *const states[] = {[BK_TRANSFER_RECEIVER_JOINED] = "joined",
		[BK_TRANSFER_RECEIVER_DONE] = "done",
		[BK_TRANSFER_RECEIVER_FAILED] = "failed"};
	json_t *fields = json_pack("{s:I, s:s, s:s, s:I}", "number", (json_int_t)told->number, "name",
		told->name, "state", states[told->state], "bytes", (json_int_t)told->bytes);

	if (fields && told->text) {
		json_object_set_new(fields, "code", json_string(bk_error_name(told->error)));
		json_object_set_new(fields, "text", json_string(told->text));
	}
	bk_cli_report_event(w->report, BK_CLI_EVENT, "receiver", fields);
}

static void say(struct bk_cli_receivers *w, const struct bk_transfer_receiver *told)
{
	const char *blank = *told->name ? " " : "";
	char size[BK_CLI_HUMAN_MAX];

	if (told->state == BK_TRANSFER_RECEIVER_DONE)
		bk_cli_report_say(w->report, BK_CLI_EVENT, "%u%s%s has it: %s", told->number, blank,
			told->name, bk_cli_human_bytes(told->bytes, size));
	else if (told->state == BK_TRANSFER_RECEIVER_FAILED)
		bk_cli_report_say(w->report, BK_CLI_EVENT, "%u%s%s failed: %s", told->number, blank,
			told->name, told->text);
	else if (!w->is_screen)
		bk_cli_report_say(w->report, BK_CLI_EVENT, "%u%s%s joined", told->number, blank, told->name);
}

void bk_cli_receivers_tell(struct bk_cli_receivers *w, const struct bk_transfer_receiver *told)
{
	keep_up(w, told);
	if (told->state != BK_TRANSFER_RECEIVER_PROGRESS) {
		tell_event(w, told);
		say(w, told);
	}
	if (w->is_screen)
		bk_cli_painter_touch(&w->painter);
}

/* --- life --- */

void bk_cli_receivers_code(struct bk_cli_receivers *w, const char *code)
{
	snprintf(w->code, sizeof(w->code), "%s", code);
	if (w->is_screen)
		bk_cli_painter_show(&w->painter);
}

int bk_cli_receivers_init(
	struct bk_cli_receivers *w, struct bk_loop *loop, struct bk_cli_report *r, size_t wanted)
{
	int err;

	*w = (struct bk_cli_receivers){.report = r, .wanted = wanted};
	w->is_screen = r->has_bar && isatty(STDOUT_FILENO);
	if (!w->is_screen)
		return 0;
	w->painter = (struct bk_cli_painter){.report = r, .fill = fill, .arg = w, .pause = PAUSE};
	err = bk_cli_painter_init(&w->painter, loop);
	if (err)
		return err;
	r->has_bar = false;
	bk_cli_painter_show(&w->painter);
	return 0;
}

void bk_cli_receivers_done(struct bk_cli_receivers *w)
{
	if (bk_cli_painter_hide(&w->painter))
		bk_cli_output_draw("\r\033[J"); /* the terminal's own ^C, which may have come after it */
	bk_cli_painter_done(&w->painter);
	free(w->rows);
	*w = (struct bk_cli_receivers){0};
}

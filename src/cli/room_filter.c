/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/room_filter.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bodkin/error.h>

#include "cli/output.h"

enum { UNREAD_MAX = 64 << 20 };

static void write_line(const struct bk_group_line *l, const char *at, size_t n)
{
	char *line = NULL;
	int len = asprintf(&line, "%s\t%.*s\n", l->from, (int)n, at);

	if (len < 0)
		return;
	bk_cli_output_said(line, (size_t)len);
	free(line);
}

static void write_lines(const struct bk_group_line *l)
{
	const char *at = l->text;

	for (;; at++) {
		size_t n = strcspn(at, "\n");

		write_line(l, at, n);
		at += n;
		if (!*at)
			return;
	}
}

void bk_cli_room_filter_hear(struct bk_cli_room_filter *f, const struct bk_group_line *l)
{
	struct bk_cli_report *r = f->report;

	if (r->is_json)
		bk_cli_report_event(r, BK_CLI_VERDICT, "message",
			json_pack("{s:s, s:s, s:I, s:b, s:b, s:b, s:b}", "from", l->from, "text", l->text,
				"number", (json_int_t)l->number, "is_history", l->is_history, "is_private",
				l->is_private, "is_ours", l->is_ours, "has_others_name", l->has_others_name));
	else if (!l->is_ours)
		write_lines(l);
}

uint64_t bk_cli_room_filter_waiting(const struct bk_cli_room_filter *f)
{
	return f->lines->said - f->told - f->untold;
}

void bk_cli_room_filter_sent(struct bk_cli_room_filter *f)
{
	if (bk_cli_room_filter_waiting(f))
		f->told++;
	bk_cli_lines_resume(f->lines);
}

void bk_cli_room_filter_unsent(struct bk_cli_room_filter *f, int error)
{
	char text[BK_CLI_TEXT_MAX];

	f->untold++;
	snprintf(text, sizeof(text), "a line was not told to all, or nobody can know whether it was: %s",
		bk_error_text(error));
	bk_cli_report_warning(f->report, text);
	bk_cli_lines_resume(f->lines);
}

void bk_cli_room_filter_doubt(struct bk_cli_room_filter *f, const char *text)
{
	char line[BK_CLI_TEXT_MAX + 32];

	snprintf(line, sizeof(line), "careful: %s", text);
	bk_cli_report_warning(f->report, line);
}

void bk_cli_room_filter_invited(struct bk_cli_room_filter *f, const struct bk_group_line *from)
{
	char text[BK_CLI_TEXT_MAX];

	snprintf(text, sizeof(text), "%s made another room; at a terminal /move goes there", from->from);
	bk_cli_report_note(f->report, 0, text);
}

bool bk_cli_room_filter_is_stuck(char ret_text[BK_CLI_TEXT_MAX])
{
	int why = bk_cli_output_failure(BK_CLI_STDOUT);

	if (why)
		snprintf(ret_text, BK_CLI_TEXT_MAX, "cannot write to standard output: %s", strerror(why));
	else if (bk_cli_output_waiting(BK_CLI_STDOUT) > UNREAD_MAX)
		snprintf(ret_text, BK_CLI_TEXT_MAX,
			"cannot go on: nobody reads standard output, and 64 MiB wait there");
	else
		return false;
	return true;
}

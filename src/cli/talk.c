/* SPDX-License-Identifier: Apache-2.0 */
/* Above the sheet stands only what is certain: a line of one's own moves up when the other side has it. */
#include "cli/talk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <bodkin/error.h>

#include "cli/complete.h"
#include "cli/human.h"

enum { SAYINGS_MAX = 1000, SAYINGS_SHOWN = 3, LINE_SHOWN = 200, UNREAD_MAX = 16 << 20 };

/* --- what stands above --- */

const char *bk_cli_talk_hour(uint64_t ms, char out[32])
{
	time_t then = (time_t)(ms / 1000), now = time(NULL);
	struct tm at, today;

	*out = 0;
	if (!localtime_r(&then, &at) || !localtime_r(&now, &today))
		return out;
	strftime(out, 32, at.tm_yday == today.tm_yday && at.tm_year == today.tm_year ? "%H:%M " : "%F %H:%M ",
		&at);
	return out;
}

static const char *hour_of_now(const struct bk_cli_talk *t, char out[32])
{
	*out = 0;
	return t->has_times ? bk_cli_talk_hour((uint64_t)time(NULL) * 1000, out) : out;
}

/* A terminal that takes nothing does not make us keep everything that a thousand say. */
void bk_cli_talk_print(
	struct bk_cli_talk *t, const char *before, const char *who, const char *text, const char *mark)
{
	struct bk_cli_report *r = t->report;
	bool is_read = bk_cli_output_waiting(BK_CLI_STDOUT) < UNREAD_MAX;
	char hour[32], *shown;
	unsigned used;

	before = before ? before : hour_of_now(t, hour);
	used = bk_cli_human_width(before) + bk_cli_human_width(who) + 2;
	shown = bk_cli_human_fold(text, used, bk_cli_report_window().columns);
	bk_cli_report_wipe(r);
	if (shown)
		bk_cli_output_put(BK_CLI_STDOUT, is_read ? BK_CLI_VERDICT : BK_CLI_EVENT, "%s%s%s:%s %s%s\n",
			before, bk_cli_report_bold(r), who, bk_cli_report_plain(r), shown, mark);
	free(shown);
}

static const char *mark_of(const struct bk_cli_talk *t)
{
	return t->report->is_utf8 ? " \xe2\x9c\x93" : " (delivered)";
}

void bk_cli_talk_delivered(struct bk_cli_talk *t, uint64_t number)
{
	size_t n = 0;

	for (; n < t->sayings_len && t->sayings[n].number <= number; n++) {
		const struct bk_cli_saying *s = &t->sayings[n];

		t->mark_ms = (double)(bk_loop_now(t->loop) - s->at) / 1e6;
		if (t->has_screen) /* else it stands there since it was typed */
			bk_cli_talk_print(t, NULL, s->who, s->text, mark_of(t));
		free(s->text);
	}
	t->sayings_len -= n;
	memmove(t->sayings, t->sayings + n, t->sayings_len * sizeof(*t->sayings));
	bk_cli_talk_touch(t);
}

void bk_cli_talk_undelivered(struct bk_cli_talk *t, uint64_t number, const char *why)
{
	size_t i = 0;
	char who[BK_CLI_TALK_WHO_MAX + 128];

	while (i < t->sayings_len && t->sayings[i].number != number)
		i++;
	if (i == t->sayings_len)
		return;
	snprintf(who, sizeof(who), "not delivered (%.100s)", why);
	bk_cli_talk_print(t, "", who, t->sayings[i].text, "");
	free(t->sayings[i].text);
	t->sayings_len--;
	memmove(t->sayings + i, t->sayings + i + 1, (t->sayings_len - i) * sizeof(*t->sayings));
	bk_cli_talk_touch(t);
}

/* --- the rows below --- */

static void fill_saying(const struct bk_cli_saying *s, struct bk_cli_sheet *sheet)
{
	char row[LINE_SHOWN + 8];

	snprintf(row, sizeof(row), "... %.*s", LINE_SHOWN, s->text);
	for (char *at = row; *at; at++)
		if (*at == '\n' || *at == '\t')
			*at = ' ';
	bk_cli_sheet_add(sheet, row);
}

static void fill(void *arg, struct bk_cli_sheet *sheet)
{
	const struct bk_cli_talk *t = arg;
	size_t hidden = t->sayings_len > SAYINGS_SHOWN ? t->sayings_len - SAYINGS_SHOWN : 0;
	char row[64];

	if (t->ops->fill)
		t->ops->fill(t->arg, sheet);
	snprintf(row, sizeof(row), "... %zu more, not delivered yet", hidden);
	if (hidden)
		bk_cli_sheet_add(sheet, row);
	for (size_t i = hidden; i < t->sayings_len; i++)
		fill_saying(&t->sayings[i], sheet);
	if (t->is_leaving && t->sayings_len)
		bk_cli_sheet_add(sheet, "* leaving when that is delivered; Ctrl-D leaves at once");
	else if (t->ops->fill_below)
		t->ops->fill_below(t->arg, sheet);
}

void bk_cli_talk_touch(struct bk_cli_talk *t)
{
	bk_cli_screen_touch(&t->screen);
}

static void begin_row(struct bk_cli_talk *t)
{
	t->is_row_new = true;
	if (!t->has_screen)
		bk_turn_ask(&t->turn);
}

static void on_turn(void *arg)
{
	((struct bk_cli_talk *)arg)->is_row_new = false;
}

/* Without a screen nobody knows whether a line is half typed: what is said begins in a row of its own, unless the last
 * one was ended in this very turn. */
static void on_wipe(void *arg)
{
	struct bk_cli_talk *t = arg;

	if (!t->is_row_new)
		bk_cli_output_draw("\n");
	begin_row(t);
}

void bk_cli_talk_show(struct bk_cli_talk *t)
{
	bk_cli_screen_show(&t->screen);
	if (t->has_screen)
		return;
	begin_row(t);
	t->report->on_wipe = on_wipe;
	t->report->wipe_arg = t;
}

/* --- commands --- */

void bk_cli_talk_help(struct bk_cli_talk *t)
{
	int columns = 11;

	for (size_t i = 0; i < t->ops->commands_len; i++) {
		int n = (int)(strlen(t->ops->commands[i].name) + strlen(t->ops->commands[i].args));

		columns = n > columns ? n : columns;
	}
	for (size_t i = 0; i < t->ops->commands_len; i++)
		bk_cli_report_say(t->report, BK_CLI_VERDICT, "  %s%-*s  %s", t->ops->commands[i].name,
			columns - (int)strlen(t->ops->commands[i].name), t->ops->commands[i].args,
			t->ops->commands[i].about);
	bk_cli_report_say(
		t->report, BK_CLI_VERDICT, "  %-*s  say TEXT with a slash before it", columns, "//TEXT");
	if (t->has_screen)
		bk_cli_report_say(t->report, BK_CLI_VERDICT, "  %-*s  a new line in what is said", columns,
			"Alt-Enter");
}

static void obey(struct bk_cli_talk *t, const char *line)
{
	size_t n = strcspn(line, " ");

	for (size_t i = 0; i < t->ops->commands_len; i++) {
		const struct bk_cli_talk_command *c = &t->ops->commands[i];

		if (strlen(c->name) == n && !strncmp(c->name, line, n)) {
			c->perform(t->arg, line + n + strspn(line + n, " "));
			return;
		}
	}
	bk_cli_report_say(t->report, BK_CLI_VERDICT,
		"* there is no %.*s; /help lists what there is, //TEXT says /TEXT", (int)n, line);
}

/* --- saying --- */

static bool keep(struct bk_cli_talk *t, const char *who, const char *text)
{
	size_t cap = t->sayings_cap ? 2 * t->sayings_cap : 16;
	struct bk_cli_saying *more, *s;

	if (t->sayings_len == t->sayings_cap) {
		more = t->sayings_len < SAYINGS_MAX ? realloc(t->sayings, cap * sizeof(*more)) : NULL;
		if (!more)
			return false;
		t->sayings = more;
		t->sayings_cap = cap;
	}
	s = &t->sayings[t->sayings_len];
	*s = (struct bk_cli_saying){.text = strdup(text), .at = bk_loop_now(t->loop)};
	snprintf(s->who, sizeof(s->who), "%s", who ? who : "you");
	return s->text;
}

void bk_cli_talk_say(struct bk_cli_talk *t, const char *who, const void *to, const char *text)
{
	int err = keep(t, who, text) ? 0 : BK_E_AGAIN;

	if (!err) {
		struct bk_cli_saying *s = &t->sayings[t->sayings_len];

		err = t->ops->say(t->arg, to, text, &s->number);
		t->sayings_len += err < 0 ? 0 : 1;
		if (err < 0)
			free(s->text);
	}
	if (err >= 0)
		return;
	bk_cli_report_say(t->report, BK_CLI_VERDICT, "* not said: %s",
		err == BK_E_AGAIN ? "too much is waiting to be delivered; try again when some of it is"
				  : bk_error_text(err));
	bk_cli_editor_insert(&t->screen.editor, t->typed ? t->typed : text);
}

void bk_cli_talk_line(struct bk_cli_talk *t, const char *text)
{
	if (t->is_over)
		return;
	begin_row(t);
	t->typed = text;
	if (text[0] == '/' && text[1] != '/')
		obey(t, text);
	else
		bk_cli_talk_say(t, NULL, NULL, text[0] == '/' ? text + 1 : text);
	t->typed = NULL;
}

static void on_line(void *arg, const char *text)
{
	bk_cli_talk_line(arg, text);
}

static void on_tab(void *arg)
{
	struct bk_cli_talk *t = arg;
	const char *names[BK_CLI_TALK_COMMANDS_MAX + 1] = {0};
	char *head = bk_cli_editor_head(&t->screen.editor);
	struct bk_cli_talk_found found = {0};

	for (size_t i = 0; i < t->ops->commands_len && i < BK_CLI_TALK_COMMANDS_MAX; i++)
		names[i] = t->ops->commands[i].name;
	if (head && head[0] == '/' && !strchr(head, ' '))
		bk_cli_complete_word(
			head, names, found.more, sizeof(found.more), found.choices, sizeof(found.choices));
	else if (head && head[0] == '/' && t->ops->complete)
		t->ops->complete(t->arg, head, &found);
	bk_cli_editor_insert(&t->screen.editor, found.more);
	if (*found.choices)
		bk_cli_report_say(t->report, BK_CLI_VERDICT, "  %s", found.choices);
	free(head);
}

static void leave(struct bk_cli_talk *t)
{
	t->is_leaving = true;
	bk_cli_talk_touch(t);
	t->ops->leave(t->arg, false);
}

void bk_cli_talk_leave(struct bk_cli_talk *t)
{
	if (t->is_over)
		return;
	if (!t->is_leaving)
		leave(t);
	else if (!t->is_gone)
		t->ops->leave(t->arg, true);
}

static void on_end(void *arg)
{
	bk_cli_talk_leave(arg);
}

/* A window that is closed says so twice, by its end and by a signal, and means it once. */
static void on_gone(void *arg)
{
	struct bk_cli_talk *t = arg;

	t->is_gone = true;
	if (!t->is_over && !t->is_leaving)
		leave(t);
}

void bk_cli_talk_end(struct bk_cli_talk *t)
{
	char *typed = t->is_leaving ? NULL : bk_cli_editor_take(&t->screen.editor);

	t->is_over = true;
	bk_cli_screen_done(&t->screen);
	for (size_t i = 0; i < t->sayings_len; i++)
		bk_cli_talk_print(t, "", "not delivered", t->sayings[i].text, "");
	if (typed && *typed)
		bk_cli_talk_print(t, "", "not said", typed, "");
	free(typed);
}

/* --- life --- */

int bk_cli_talk_init(struct bk_cli_talk *t, struct bk_loop *loop, struct bk_cli_report *r,
	const struct bk_cli_talk_ops *ops, void *arg, bool has_screen)
{
	static const struct bk_cli_screen_events events = {
		.on_line = on_line, .on_tab = on_tab, .on_end = on_end, .on_gone = on_gone, .fill = fill};

	*t = (struct bk_cli_talk){
		.loop = loop, .report = r, .ops = ops, .arg = arg, .has_screen = has_screen};
	bk_turn_init(&t->turn, loop, on_turn, t);
	return has_screen ? bk_cli_screen_init(&t->screen, loop, r, &events, t) : 0;
}

void bk_cli_talk_done(struct bk_cli_talk *t)
{
	bk_cli_screen_done(&t->screen);
	if (t->report && t->report->on_wipe == on_wipe)
		t->report->on_wipe = NULL;
	bk_turn_done(&t->turn);
	for (size_t i = 0; i < t->sayings_len; i++)
		free(t->sayings[i].text);
	free(t->sayings);
	t->sayings = NULL;
	t->sayings_len = 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Above the sheet stands only what is certain: a line of one's own moves up when the other side has it. */
#include "cli/chat_person.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bodkin/error.h>

#include "cli/complete.h"
#include "cli/human.h"

enum { SAYINGS_MAX = 1000, SAYINGS_SHOWN = 3, LINE_SHOWN = 200 };

/* --- what stands above --- */

/* One thing that was said, on as many lines as it has; those that follow stand in a little. */
static void print(struct bk_cli_chat_person *p, const char *who, const char *text, const char *mark)
{
	struct bk_cli_report *r = p->report;
	size_t size = 2 * strlen(text) + 1, used = 0;
	char *shown = NULL;

	for (const char *at = text; *at; at++)
		size += *at == '\t' ? 4 : *at == '\n' ? 2 : 0;
	shown = malloc(size);
	for (const char *at = text; shown && *at; at++)
		used += (size_t)snprintf(shown + used, size - used,
			*at == '\n'   ? "\n  "
			: *at == '\t' ? "    "
				      : "%c",
			*at);
	bk_cli_report_wipe(r);
	if (shown)
		bk_cli_output_put(BK_CLI_STDOUT, BK_CLI_VERDICT, "%s%s:%s %s%s\n",
			r->has_color ? "\033[1m" : "", who, r->has_color ? "\033[0m" : "", used ? shown : "",
			mark);
	free(shown);
}

static const char *peer_of(const struct bk_cli_chat_person *p)
{
	return p->report->peer[0] ? p->report->peer : "the other side";
}

void bk_cli_chat_person_hear(struct bk_cli_chat_person *p, const struct bk_chat_message *m)
{
	p->heard = m->number;
	print(p, peer_of(p), m->text, "");
}

static const char *mark_of(const struct bk_cli_chat_person *p)
{
	return p->report->is_utf8 ? " \xe2\x9c\x93" : " (delivered)";
}

void bk_cli_chat_person_delivered(struct bk_cli_chat_person *p, uint64_t number)
{
	size_t n = 0;

	for (; n < p->sayings_len && p->sayings[n].number <= number; n++) {
		p->mark_ms = (double)(bk_loop_now(p->loop) - p->sayings[n].at) / 1e6;
		if (p->has_screen) /* else it stands there since it was typed */
			print(p, "you", p->sayings[n].text, mark_of(p));
		free(p->sayings[n].text);
	}
	p->sayings_len -= n;
	memmove(p->sayings, p->sayings + n, p->sayings_len * sizeof(*p->sayings));
	bk_cli_screen_touch(&p->screen);
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
	const struct bk_cli_chat_person *p = arg;
	size_t hidden = p->sayings_len > SAYINGS_SHOWN ? p->sayings_len - SAYINGS_SHOWN : 0;
	char row[64];

	bk_cli_chat_files_fill(&p->files, sheet);
	snprintf(row, sizeof(row), "... %zu more, not delivered yet", hidden);
	if (hidden)
		bk_cli_sheet_add(sheet, row);
	for (size_t i = hidden; i < p->sayings_len; i++)
		fill_saying(&p->sayings[i], sheet);
	if (p->is_leaving && p->sayings_len)
		bk_cli_sheet_add(sheet, "* leaving when that is delivered; Ctrl-D leaves at once");
	else if (p->has_other_finished)
		bk_cli_sheet_add(sheet, "* the other side says no more");
}

static void on_change(void *arg)
{
	bk_cli_screen_touch(&((struct bk_cli_chat_person *)arg)->screen);
}

/* --- commands --- */

static void say(struct bk_cli_chat_person *p, const char *text);

static void do_send(struct bk_cli_chat_person *p, const char *path)
{
	const char *home = getenv("HOME");
	char *whole = NULL;

	if (!*path) {
		bk_cli_report_say(p->report, BK_CLI_VERDICT, "* /send FILE: which file?");
		return;
	}
	if (!strncmp(path, "~/", 2) && home && asprintf(&whole, "%s%s", home, path + 1) < 0)
		whole = NULL;
	bk_cli_chat_files_send(&p->files, bk_chat_session(p->chat), whole ? whole : path);
	free(whole);
}

static void do_take(struct bk_cli_chat_person *p, const char *rest)
{
	(void)rest;
	bk_cli_chat_files_answer(&p->files, true);
}

static void do_refuse(struct bk_cli_chat_person *p, const char *rest)
{
	(void)rest;
	bk_cli_chat_files_answer(&p->files, false);
}

static void do_stop(struct bk_cli_chat_person *p, const char *rest)
{
	(void)rest;
	bk_cli_chat_files_stop(&p->files);
}

static void do_who(struct bk_cli_chat_person *p, const char *rest)
{
	char since[BK_CLI_HUMAN_MAX];

	(void)rest;
	bk_cli_human_seconds((double)(bk_loop_now(p->loop) - p->since) / 1e9, since);
	bk_cli_report_say(p->report, BK_CLI_VERDICT, "* %s%s%s%s, here for %s%s", peer_of(p),
		p->nat[0] ? " (NAT: " : "", p->nat, p->nat[0] ? ")" : "", since,
		p->has_other_finished ? ", says no more" : "");
	bk_cli_report_say(p->report, BK_CLI_VERDICT,
		"* %" PRIu64 " heard, %" PRIu64 " said, %zu of them not delivered yet", p->heard, p->said,
		p->sayings_len);
}

static void do_path(struct bk_cli_chat_person *p, const char *rest)
{
	char since[BK_CLI_HUMAN_MAX], delivered[BK_CLI_HUMAN_MAX];

	(void)rest;
	bk_cli_human_seconds((double)(bk_loop_now(p->loop) - p->path_since) / 1e9, since);
	bk_cli_human_seconds(p->mark_ms / 1000, delivered);
	bk_cli_report_say(p->report, BK_CLI_VERDICT, "* %s; for %s", p->path, since);
	if (p->mark_ms > 0)
		bk_cli_report_say(
			p->report, BK_CLI_VERDICT, "* the last thing said was delivered after %s", delivered);
}

static void do_quit(struct bk_cli_chat_person *p, const char *rest)
{
	(void)rest;
	bk_cli_chat_person_leave(p);
}

static void do_help(struct bk_cli_chat_person *p, const char *rest);

static const struct command {
	const char *name, *args, *about;
	void (*perform)(struct bk_cli_chat_person *p, const char *rest);
} commands[] = {
	{"/send", " FILE", "hand over a file", do_send},
	{"/take", "", "take what is offered", do_take},
	{"/refuse", "", "do not take it", do_refuse},
	{"/stop", "", "stop the file that is under way", do_stop},
	{"/who", "", "who is here", do_who},
	{"/path", "", "how the two machines are connected", do_path},
	{"/quit", "", "leave (also Ctrl-D)", do_quit},
	{"/help", "", "this list", do_help},
};

enum { COMMANDS_LEN = sizeof(commands) / sizeof(commands[0]) };

static void do_help(struct bk_cli_chat_person *p, const char *rest)
{
	(void)rest;
	for (size_t i = 0; i < COMMANDS_LEN; i++)
		bk_cli_report_say(p->report, BK_CLI_VERDICT, "  %s%-*s  %s", commands[i].name,
			11 - (int)strlen(commands[i].name), commands[i].args, commands[i].about);
	bk_cli_report_say(p->report, BK_CLI_VERDICT, "  //TEXT       say TEXT with a slash before it");
	bk_cli_report_say(p->report, BK_CLI_VERDICT, "  Alt-Enter    a new line in what is said");
}

static void obey(struct bk_cli_chat_person *p, const char *line)
{
	size_t n = strcspn(line, " ");

	for (size_t i = 0; i < COMMANDS_LEN; i++)
		if (strlen(commands[i].name) == n && !strncmp(commands[i].name, line, n)) {
			commands[i].perform(p, line + n + strspn(line + n, " "));
			return;
		}
	bk_cli_report_say(p->report, BK_CLI_VERDICT,
		"* there is no %.*s; /help lists what there is, //TEXT says /TEXT", (int)n, line);
}

/* --- saying --- */

static bool keep(struct bk_cli_chat_person *p, const char *text)
{
	size_t cap = p->sayings_cap ? 2 * p->sayings_cap : 16;
	struct bk_cli_saying *more;

	if (p->sayings_len == p->sayings_cap) {
		more = p->sayings_len < SAYINGS_MAX ? realloc(p->sayings, cap * sizeof(*more)) : NULL;
		if (!more)
			return false;
		p->sayings = more;
		p->sayings_cap = cap;
	}
	p->sayings[p->sayings_len] = (struct bk_cli_saying){.text = strdup(text), .at = bk_loop_now(p->loop)};
	return p->sayings[p->sayings_len].text;
}

static void say(struct bk_cli_chat_person *p, const char *text)
{
	int err = keep(p, text) ? 0 : BK_E_AGAIN;

	if (!err) {
		struct bk_cli_saying *s = &p->sayings[p->sayings_len];

		err = bk_chat_say(p->chat, text, strlen(text), &s->number);
		p->said = err < 0 ? p->said : s->number;
		p->sayings_len += err < 0 ? 0 : 1;
		if (err < 0)
			free(s->text);
	}
	if (err >= 0)
		return;
	bk_cli_report_say(p->report, BK_CLI_VERDICT, "* not said: %s",
		err == BK_E_AGAIN ? "too much is waiting to be delivered; try again when some of it is"
				  : bk_error_text(err));
	bk_cli_editor_insert(&p->screen.editor, text);
}

void bk_cli_chat_person_line(struct bk_cli_chat_person *p, const char *text)
{
	if (!p->chat)
		return;
	if (text[0] == '/' && text[1] != '/')
		obey(p, text);
	else
		say(p, text[0] == '/' ? text + 1 : text);
}

static void on_line(void *arg, const char *text)
{
	bk_cli_chat_person_line(arg, text);
}

static void on_tab(void *arg)
{
	struct bk_cli_chat_person *p = arg;
	const char *names[COMMANDS_LEN + 1] = {0};
	char *head = bk_cli_editor_head(&p->screen.editor), choices[512] = "", more[512] = "";

	for (size_t i = 0; i < COMMANDS_LEN; i++)
		names[i] = commands[i].name;
	if (head && !strncmp(head, "/send ", 6))
		bk_cli_complete_path(head + 6, more, sizeof(more), choices, sizeof(choices));
	else if (head && head[0] == '/')
		bk_cli_complete_word(head, names, more, sizeof(more), choices, sizeof(choices));
	bk_cli_editor_insert(&p->screen.editor, more);
	if (*choices)
		bk_cli_report_say(p->report, BK_CLI_VERDICT, "  %s", choices);
	free(head);
}

static void leave(struct bk_cli_chat_person *p)
{
	p->is_leaving = true;
	bk_cli_screen_touch(&p->screen);
	bk_chat_leave(p->chat);
}

void bk_cli_chat_person_leave(struct bk_cli_chat_person *p)
{
	if (!p->chat)
		return;
	if (!p->is_leaving)
		leave(p);
	else if (!p->is_gone)
		bk_chat_cancel(p->chat);
}

static void on_end(void *arg)
{
	bk_cli_chat_person_leave(arg);
}

/* A window that is closed says so twice, by its end and by a signal, and means it once. */
static void on_gone(void *arg)
{
	struct bk_cli_chat_person *p = arg;

	p->is_gone = true;
	if (p->chat && !p->is_leaving)
		leave(p);
}

/* --- what the chat tells --- */

void bk_cli_chat_person_peer(struct bk_cli_chat_person *p, const struct bk_peer *peer)
{
	snprintf(p->nat, sizeof(p->nat), "%.60s", peer->nat);
}

void bk_cli_chat_person_path(struct bk_cli_chat_person *p, const struct bk_path *path)
{
	snprintf(p->path, sizeof(p->path), "%s%s%s%s%s", path->text, path->local ? "; from " : "",
		path->local ? path->local : "", path->remote ? " to " : "", path->remote ? path->remote : "");
	p->path_since = bk_loop_now(p->loop);
}

void bk_cli_chat_person_open(struct bk_cli_chat_person *p)
{
	p->since = bk_loop_now(p->loop);
	bk_cli_report_say(p->report, BK_CLI_VERDICT,
		"You talk with %s. /help lists what can be done, /quit leaves.", peer_of(p));
	bk_cli_screen_show(&p->screen);
}

void bk_cli_chat_person_finished(struct bk_cli_chat_person *p)
{
	p->has_other_finished = true;
	bk_cli_screen_touch(&p->screen);
}

void bk_cli_chat_person_end(struct bk_cli_chat_person *p)
{
	char *typed = p->is_leaving ? NULL : bk_cli_editor_take(&p->screen.editor);

	p->chat = NULL;
	bk_cli_screen_done(&p->screen);
	for (size_t i = 0; i < p->sayings_len; i++)
		print(p, "not delivered", p->sayings[i].text, "");
	if (typed && *typed)
		print(p, "not said", typed, "");
	free(typed);
}

/* --- life --- */

int bk_cli_chat_person_init(struct bk_cli_chat_person *p, struct bk_loop *loop, struct bk_cli_report *r,
	const char *folder, bool has_screen)
{
	static const struct bk_cli_screen_events events = {
		.on_line = on_line, .on_tab = on_tab, .on_end = on_end, .on_gone = on_gone, .fill = fill};

	*p = (struct bk_cli_chat_person){.loop = loop, .report = r, .has_screen = has_screen};
	p->files = (struct bk_cli_chat_files){
		.loop = loop, .report = r, .folder = folder, .on_change = on_change, .arg = p};
	return has_screen ? bk_cli_screen_init(&p->screen, loop, r, &events, p) : 0;
}

void bk_cli_chat_person_done(struct bk_cli_chat_person *p)
{
	bk_cli_screen_done(&p->screen);
	bk_cli_chat_files_done(&p->files);
	for (size_t i = 0; i < p->sayings_len; i++)
		free(p->sayings[i].text);
	free(p->sayings);
	p->sayings = NULL;
	p->sayings_len = 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/chat_person.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bodkin/error.h>

#include "cli/complete.h"
#include "cli/human.h"
#include "cli/paths.h"

void bk_cli_chat_person_hear(struct bk_cli_chat_person *p, const struct bk_chat_message *m)
{
	p->heard = m->number;
	bk_cli_talk_print(&p->talk, NULL, bk_cli_report_whom(p->report), m->text, "");
}

void bk_cli_chat_person_delivered(struct bk_cli_chat_person *p, uint64_t number)
{
	bk_cli_talk_delivered(&p->talk, number);
}

/* --- the rows below --- */

static void fill(void *arg, struct bk_cli_sheet *sheet)
{
	bk_cli_chat_files_fill(&((struct bk_cli_chat_person *)arg)->files, sheet);
}

static void fill_below(void *arg, struct bk_cli_sheet *sheet)
{
	if (((struct bk_cli_chat_person *)arg)->has_other_finished)
		bk_cli_sheet_add(sheet, "* the other side says no more");
}

static void on_change(void *arg)
{
	bk_cli_talk_touch(&((struct bk_cli_chat_person *)arg)->talk);
}

/* --- commands --- */

static void do_send(void *arg, const char *path)
{
	struct bk_cli_chat_person *p = arg;
	const struct bk_send_opts way = {.within = bk_chat_session(p->chat)};
	char whole[BK_CLI_PATHS_MAX];

	if (!*path) {
		bk_cli_report_say(p->report, BK_CLI_VERDICT, "* /send FILE: which file?");
		return;
	}
	bk_cli_chat_files_send(&p->files, &way, p->report->peer, bk_cli_paths_home(path, whole));
}

static void do_take(void *arg, const char *rest)
{
	struct bk_cli_chat_person *p = arg;

	(void)rest;
	bk_cli_chat_files_answer(&p->files, true);
}

static void do_refuse(void *arg, const char *rest)
{
	struct bk_cli_chat_person *p = arg;

	(void)rest;
	bk_cli_chat_files_answer(&p->files, false);
}

static void do_stop(void *arg, const char *rest)
{
	struct bk_cli_chat_person *p = arg;

	(void)rest;
	bk_cli_chat_files_stop(&p->files);
}

static void do_who(void *arg, const char *rest)
{
	struct bk_cli_chat_person *p = arg;
	char since[BK_CLI_HUMAN_MAX];

	(void)rest;
	bk_cli_human_seconds((double)(bk_loop_now(p->loop) - p->since) / 1e9, since);
	bk_cli_report_say(p->report, BK_CLI_VERDICT, "* %s%s%s%s, here for %s%s",
		bk_cli_report_whom(p->report), p->nat[0] ? " (NAT: " : "", p->nat, p->nat[0] ? ")" : "",
		since, p->has_other_finished ? ", says no more" : "");
	bk_cli_report_say(p->report, BK_CLI_VERDICT,
		"* %" PRIu64 " heard, %" PRIu64 " said, %zu of them not delivered yet", p->heard, p->said,
		p->talk.sayings_len);
}

static void do_path(void *arg, const char *rest)
{
	struct bk_cli_chat_person *p = arg;
	char since[BK_CLI_HUMAN_MAX], delivered[BK_CLI_HUMAN_MAX];

	(void)rest;
	bk_cli_human_seconds((double)(bk_loop_now(p->loop) - p->path_since) / 1e9, since);
	bk_cli_human_seconds(p->talk.mark_ms / 1000, delivered);
	bk_cli_report_say(p->report, BK_CLI_VERDICT, "* %s; for %s", p->path, since);
	if (p->talk.mark_ms > 0)
		bk_cli_report_say(
			p->report, BK_CLI_VERDICT, "* the last thing said was delivered after %s", delivered);
}

static void do_quit(void *arg, const char *rest)
{
	struct bk_cli_chat_person *p = arg;

	(void)rest;
	bk_cli_chat_person_leave(p);
}

static void do_help(void *arg, const char *rest)
{
	(void)rest;
	bk_cli_talk_help(&((struct bk_cli_chat_person *)arg)->talk);
}

static const struct bk_cli_talk_command commands[] = {
	{"/send", " FILE", "hand over a file", do_send},
	{"/take", "", "take what is offered", do_take},
	{"/refuse", "", "do not take it", do_refuse},
	{"/stop", "", "stop the file that is under way", do_stop},
	{"/who", "", "who is here", do_who},
	{"/path", "", "how the two machines are connected", do_path},
	{"/quit", "", "leave (also Ctrl-D)", do_quit},
	{"/help", "", "this list", do_help},
};

/* --- saying --- */

static int say(void *arg, const void *to, const char *text, uint64_t *ret_number)
{
	struct bk_cli_chat_person *p = arg;
	int err = bk_chat_say(p->chat, text, strlen(text), ret_number);

	(void)to;
	p->said = err < 0 ? p->said : *ret_number;
	return err;
}

static void complete(void *arg, const char *head, struct bk_cli_talk_found *found)
{
	(void)arg;
	if (!strncmp(head, "/send ", 6))
		bk_cli_complete_path(
			head + 6, found->more, sizeof(found->more), found->choices, sizeof(found->choices));
}

static void leave(void *arg, bool is_urgent)
{
	const struct bk_cli_chat_person *p = arg;

	if (is_urgent)
		bk_chat_cancel(p->chat);
	else
		bk_chat_leave(p->chat);
}

void bk_cli_chat_person_line(struct bk_cli_chat_person *p, const char *text)
{
	bk_cli_talk_line(&p->talk, text);
}

void bk_cli_chat_person_leave(struct bk_cli_chat_person *p)
{
	if (p->chat)
		bk_cli_talk_leave(&p->talk);
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
		"You talk with %s. /help lists what can be done, /quit leaves.",
		bk_cli_report_whom(p->report));
	bk_cli_talk_show(&p->talk);
}

void bk_cli_chat_person_finished(struct bk_cli_chat_person *p)
{
	p->has_other_finished = true;
	bk_cli_talk_touch(&p->talk);
}

void bk_cli_chat_person_end(struct bk_cli_chat_person *p)
{
	p->chat = NULL;
	bk_cli_talk_end(&p->talk);
}

/* --- life --- */

int bk_cli_chat_person_init(struct bk_cli_chat_person *p, struct bk_loop *loop, struct bk_cli_report *r,
	const char *folder, bool has_screen)
{
	static const struct bk_cli_talk_ops ops = {.commands = commands,
		.commands_len = sizeof(commands) / sizeof(commands[0]),
		.say = say,
		.leave = leave,
		.fill = fill,
		.fill_below = fill_below,
		.complete = complete};

	*p = (struct bk_cli_chat_person){.loop = loop, .report = r};
	p->files = (struct bk_cli_chat_files){
		.loop = loop, .report = r, .folder = folder, .on_change = on_change, .arg = p};
	return bk_cli_talk_init(&p->talk, loop, r, &ops, p, has_screen);
}

void bk_cli_chat_person_done(struct bk_cli_chat_person *p)
{
	bk_cli_talk_done(&p->talk);
	bk_cli_chat_files_done(&p->files);
}

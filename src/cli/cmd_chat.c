/* SPDX-License-Identifier: Apache-2.0 */
/* `bodkin chat`: two people at terminals, or a filter where standard input or output is none: each line of the one is a
 * message, each message is a line of the other, and nothing else stands there. Who reads slowly slows the other side
 * down; nothing is acknowledged that could not be written any more. */
#include "cli/command.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bodkin/chat.h>
#include <bodkin/error.h>

#include "cli/chat_person.h"
#include "cli/exit.h"
#include "cli/frame.h"
#include "cli/lines.h"
#include "cli/room.h"

enum { WAITING_MAX = 256 << 10 }; /* bytes that nobody has read yet before the other side has to wait */

#define LOOK_AGAIN INT64_C(20000000)
#define PATIENCE   (INT64_C(1800) * 1000000000) /* people wait for each other longer than programs do */

struct command {
	struct bk_cli_frame frame;
	struct bk_chat *chat;
	struct bk_cli_chat_person person;
	struct bk_cli_lines lines;
	struct bk_timer *reader; /* while nobody reads what we write: looks whether somebody does */
	bool is_person, has_screen, is_held;
	uint64_t bytes;
	int error; /* of this machine, while the chat ends */
	char text[BK_CLI_TEXT_MAX];
};

static void fail(struct command *c, int error)
{
	if (!c->error)
		c->error = error;
	bk_chat_cancel(c->chat);
}

/* --- what is heard --- */

/* Is what we write read, and can it be written at all? Asked after each message, and then for as long as it waits. */
static void mind_reader(struct command *c)
{
	int why = c->is_person ? 0 : bk_cli_output_failure(BK_CLI_STDOUT);
	size_t waiting = bk_cli_output_waiting(BK_CLI_STDOUT);

	if (why && !c->error) {
		snprintf(c->text, sizeof(c->text), "cannot write to standard output: %s", strerror(why));
		fail(c, BK_E_FILE);
	}
	if (waiting > WAITING_MAX && !c->is_held) {
		c->is_held = true;
		bk_chat_pause(c->chat);
	} else if (waiting <= WAITING_MAX / 2 && c->is_held) {
		c->is_held = false;
		bk_chat_resume(c->chat);
	}
}

static void on_reader(void *arg)
{
	struct command *c = arg;

	mind_reader(c);
	if (bk_cli_output_waiting(BK_CLI_STDOUT))
		bk_timer_start(c->reader, LOOK_AGAIN);
}

static void write_line(const struct bk_chat_message *m)
{
	char *line = malloc(m->len + 2);

	if (!line)
		return;
	memcpy(line, m->text, m->len);
	strcpy(line + m->len, "\n");
	bk_cli_output_said(line, m->len + 1);
	free(line);
}

static void on_message(struct bk_chat *chat, void *arg, const struct bk_chat_message *m)
{
	struct command *c = arg;

	(void)chat;
	c->bytes += m->len;
	if (c->is_person)
		bk_cli_chat_person_hear(&c->person, m);
	else if (c->frame.report->is_json)
		bk_cli_report_event(c->frame.report, BK_CLI_VERDICT, "message",
			json_pack("{s:s, s:s, s:I, s:b}", "from", m->from, "text", m->text, "number",
				(json_int_t)m->number, "is_history", 0));
	else
		write_line(m);
	mind_reader(c);
	bk_timer_start(c->reader, LOOK_AGAIN);
}

static void on_delivered(struct bk_chat *chat, void *arg, uint64_t number)
{
	struct command *c = arg;

	(void)chat;
	bk_cli_report_event(
		c->frame.report, BK_CLI_EVENT, "delivered", json_pack("{s:I}", "number", (json_int_t)number));
	if (c->is_person)
		bk_cli_chat_person_delivered(&c->person, number);
}

static void on_finished(struct bk_chat *chat, void *arg)
{
	struct command *c = arg;

	(void)chat;
	if (c->is_person)
		bk_cli_chat_person_finished(&c->person);
	else
		bk_cli_report_note(c->frame.report, 1, "the other side says no more");
}

static void on_channel(struct bk_chat *chat, void *arg, struct bk_channel *channel, const char *kind)
{
	struct command *c = arg;

	(void)chat;
	if (c->is_person && !strcmp(kind, BK_TRANSFER_CHANNEL_KIND))
		bk_cli_chat_files_come(&c->person.files, channel);
}

/* --- what is said --- */

static int say(void *arg, const char *text, size_t n)
{
	return bk_chat_say(((struct command *)arg)->chat, text, n, NULL);
}

static bool on_line(void *arg, char *line, size_t n)
{
	struct command *c = arg;

	if (c->is_person) {
		if (n)
			bk_cli_chat_person_line(&c->person, line);
		return true;
	}
	if (!bk_cli_lines_say(&c->lines, c->frame.report, line, n, say))
		return false;
	c->bytes += n;
	return true;
}

static void on_lines_end(void *arg, int error)
{
	struct command *c = arg;

	if (error < 0) {
		bk_cli_lines_why(&c->lines, error, "", BK_CLI_LINES_MAX, c->text);
		fail(c, error == BK_E_IO ? BK_E_FILE : error);
	} else if (c->is_person)
		bk_cli_chat_person_leave(&c->person);
	else
		bk_chat_finish(c->chat);
}

static void on_writable(struct bk_chat *chat, void *arg)
{
	struct command *c = arg;

	(void)chat;
	if (!c->has_screen)
		bk_cli_lines_resume(&c->lines);
}

/* --- news --- */

static void on_peer(struct bk_call *call, void *arg, const struct bk_peer *peer)
{
	struct command *c = arg;

	bk_cli_frame_news.on_peer(call, arg, peer);
	bk_cli_chat_person_peer(&c->person, peer);
}

static void on_path(struct bk_call *call, void *arg, const struct bk_path *path)
{
	struct command *c = arg;

	bk_cli_frame_news.on_path(call, arg, path);
	if (c->is_person)
		bk_cli_chat_person_path(&c->person, path);
}

static void on_open(struct bk_chat *chat, void *arg)
{
	struct command *c = arg;

	if (c->is_person)
		bk_cli_chat_person_open(&c->person);
	on_writable(chat, arg);
}

/* --- the end --- */

static void report_result(struct command *c, const struct bk_chat_result *result)
{
	bk_cli_report_event(c->frame.report, BK_CLI_VERDICT, "done",
		json_pack("{s:I, s:f, s:n, s:I, s:I, s:I}", "bytes", (json_int_t)c->bytes, "seconds",
			result->seconds, "digest", "sent", (json_int_t)result->said, "delivered",
			(json_int_t)result->delivered, "received", (json_int_t)result->heard));
}

static void on_end(struct bk_chat *chat, void *arg, const struct bk_chat_result *result,
	const struct bk_call_failure *failure)
{
	struct command *c = arg;
	struct bk_call_failure ours = {.error = c->error,
		.text = c->text,
		.who = BK_CALL_WHO_HERE,
		.has_code = true,
		.has_peer = true};

	(void)chat;
	bk_timer_stop(c->reader);
	if (c->is_person)
		bk_cli_chat_person_end(&c->person);
	if (c->is_person && !failure && !c->person.talk.is_leaving)
		bk_cli_report_say(
			c->frame.report, BK_CLI_VERDICT, "* %s left", bk_cli_report_whom(c->frame.report));
	if (result->seconds > 0)
		report_result(c, result);
	bk_cli_frame_end(&c->frame, c->error ? &ours : failure);
}

static void stop(struct bk_cli_frame *f)
{
	struct command *c = (struct command *)f;

	if (c->is_person)
		bk_cli_chat_person_leave(&c->person);
	else
		bk_chat_cancel(c->chat);
}

static void done(struct bk_cli_frame *f)
{
	struct command *c = (struct command *)f;

	bk_cli_chat_person_done(&c->person);
	bk_cli_lines_done(&c->lines);
	bk_chat_free(c->chat);
	bk_timer_free(c->reader);
}

/* --- the beginning --- */

static int check(const struct bk_cli_options *o, char text[BK_CLI_TEXT_MAX])
{
	if (o->remember) {
		snprintf(text, BK_CLI_TEXT_MAX,
			"cannot chat: --remember keeps a room, and none is named; --room or --new-room");
		return BK_E_INVALID;
	}
	return bk_cli_chat_files_check(o, text);
}

static int start_ears(struct command *c)
{
	static const struct bk_cli_lines_events events = {.on_line = on_line, .on_end = on_lines_end};
	const char *folder = c->frame.options->output ? c->frame.options->output : ".";
	int err = bk_timer_new(c->frame.loop, on_reader, c, &c->reader);

	if (err >= 0 && c->is_person)
		err = bk_cli_chat_person_init(
			&c->person, c->frame.loop, c->frame.report, folder, c->has_screen);
	if (err >= 0 && !c->has_screen)
		err = bk_cli_lines_init(&c->lines, c->frame.loop, &events, c);
	return err;
}

static int start(struct bk_cli_frame *f, char text[BK_CLI_TEXT_MAX])
{
	static const struct bk_chat_events events = {.on_open = on_open,
		.on_message = on_message,
		.on_delivered = on_delivered,
		.on_writable = on_writable,
		.on_finished = on_finished,
		.on_channel = on_channel,
		.on_end = on_end};
	struct command *c = (struct command *)f;
	struct bk_call_news news = bk_cli_frame_news;
	struct bk_chat_events with_news = events;
	const struct bk_chat_opts opts = {.session = &f->session};
	int err;

	_Static_assert((int)BK_CLI_TEXT_MAX >= (int)BK_CHAT_SENTENCE_MAX, "room for either sentence");
	f->session.size = sizeof(f->session);
	f->session.patience_ns = PATIENCE;
	news.on_peer = on_peer;
	news.on_path = on_path;
	with_news.news = &news;
	c->is_person = bk_cli_chat_files_has_person(f->report->is_json);
	c->has_screen = c->is_person && bk_cli_screen_is_possible();
	f->report->is_aside = !c->is_person;
	err = start_ears(c);
	if (err < 0)
		return err;
	err = bk_chat_new(f->loop, &opts, &with_news, c, &c->chat, text);
	c->person.chat = c->chat;
	return err;
}

/* What was written last may fail when nobody minds any more. */
static int run(struct bk_cli_options *o, struct bk_cli_report *r)
{
	static const struct bk_cli_frame_ops ops = {
		.command = BK_CLI_CMD_CHAT,
		.act = "chat",
		.other = "chat",
		.before_code = "",
		.after_code = "",
		.takes_code = true,
		.check = check,
		.start = start,
		.stop = stop,
		.done = done,
	};
	struct command c = {0};
	char text[BK_CLI_TEXT_MAX];
	int code;

	if (o->room || o->new_room)
		return bk_cli_room_run(o, r);
	code = bk_cli_frame_run(&c.frame, &ops, o, r);
	if (code != BK_CLI_EXIT_DONE || c.is_person)
		return code;
	bk_cli_output_end();
	if (!bk_cli_output_failure(BK_CLI_STDOUT))
		return code;
	snprintf(text, sizeof(text), "cannot write to standard output: %s",
		strerror(bk_cli_output_failure(BK_CLI_STDOUT)));
	bk_cli_report_error(r, BK_E_FILE, text);
	return BK_CLI_EXIT_FILE;
}

const struct bk_cli_command bk_cli_cmd_chat = {
	.name = "chat",
	.act = "chat",
	.usage = "[CODE] | --new-room | --room [NAME|INVITE] [-o DIR] [OPTION]...",
	.summary = "talk with somebody at another machine, or with many in a room",
	.about = "Without CODE it prints one; the other side comes with it. At a terminal it is a talk\n"
		 "of two people, with marks for what is delivered; /help lists what else there is.\n"
		 "Where standard input or output is redirected each line of the one is sent, and each\n"
		 "that comes is written to the other; it ends when both inputs have. A room is for up\n"
		 "to a thousand: whoever has its invite of seven words is in it, and no server can\n"
		 "read it. There each line that is written has the name of who said it in front, and\n"
		 "a tab; it ends when standard input has and everything was told.",
	.bit = BK_CLI_CMD_CHAT,
	.run = run,
};

/* SPDX-License-Identifier: Apache-2.0 */
/* What a filter was given to say and is not told to all yet is waited for as long as it takes (or --timeout says): a
 * server that is away comes back. */
#include "cli/room.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bodkin/error.h>
#include <bodkin/group.h>

#include "cli/exit.h"
#include "cli/frame.h"
#include "cli/key.h"
#include "cli/lines.h"
#include "cli/room_filter.h"
#include "cli/room_person.h"
#include "cli/room_place.h"

enum { NAME_MAX_LEN = BK_GROUP_NAME_MAX };

#define GATHERED   INT64_C(1000000000) /* comings and goings */
#define LEAVE_TIME INT64_C(2000000000) /* nothing is to be told any more */
#define SECOND     INT64_C(1000000000)

struct command {
	struct bk_cli_frame frame;
	struct bk_cli_room_place place;
	struct bk_group *group;
	struct bk_cli_members members;
	struct bk_cli_room_person person;
	struct bk_cli_room_filter filter; /* unless there is a person */
	struct bk_cli_lines lines;
	struct bk_timer *news, *patience, *farewell;
	char name[NAME_MAX_LEN + 1];
	char next[BK_GROUP_INVITE_MAX]; /* the room to go to when this one is left */
	bool is_person, has_screen, is_open, has_ended, is_leaving, is_input_over;
	bool has_news; /* the timer of that name runs */
	uint64_t heard, bytes;
	int64_t since;
	int error; /* of this machine, while the room is left */
	char text[BK_CLI_TEXT_MAX];
};

/* --- the end --- */

static void finish(struct command *c, int error, const char *text)
{
	struct bk_call_failure failure = {.error = error,
		.text = text,
		.who = BK_CALL_WHO_SERVER,
		.has_code = c->is_open,
		.has_peer = c->is_open};

	if (c->has_ended)
		return;
	c->has_ended = true;
	bk_timer_stop(c->news);
	bk_timer_stop(c->patience);
	bk_timer_stop(c->farewell);
	if (c->is_person)
		bk_cli_room_person_end(&c->person, true);
	if (c->is_open)
		bk_cli_report_event(c->frame.report, BK_CLI_VERDICT, "done",
			json_pack("{s:I, s:f, s:n, s:I, s:I, s:I}", "bytes", (json_int_t)c->bytes, "seconds",
				(double)(bk_loop_now(c->frame.loop) - c->since) / 1e9, "digest", "sent",
				(json_int_t)c->lines.said, "delivered", (json_int_t)c->filter.told,
				"received", (json_int_t)c->heard));
	if (c->error) {
		failure.error = c->error;
		failure.text = c->text;
		failure.who = BK_CALL_WHO_HERE;
	}
	bk_cli_frame_end(&c->frame, failure.error < 0 ? &failure : NULL);
}

/* At once: the group is freed with the rest. */
static void give_up(struct command *c, int error, const char *text)
{
	if (!c->error) {
		c->error = error;
		snprintf(c->text, sizeof(c->text), "%s", text);
	}
	finish(c, 0, "");
}

static uint64_t waiting(const struct command *c)
{
	return c->is_person ? 0 : bk_cli_room_filter_waiting(&c->filter);
}

/* The others are told, if the server is there. */
static void leave(struct command *c)
{
	if (c->is_leaving || !c->group)
		return;
	c->is_leaving = true;
	bk_timer_start(c->farewell, LEAVE_TIME);
	bk_group_leave(c->group);
}

static void on_farewell(void *arg)
{
	finish(arg, 0, "");
}

/* All that was to be said was told. */
static void leave_if_done(struct command *c)
{
	bool is_wanted = c->is_person ? c->person.talk.is_leaving : c->is_input_over;

	if (is_wanted && !waiting(c) && !c->has_ended)
		leave(c);
}

static void on_patience(void *arg)
{
	struct command *c = arg;
	char text[BK_CLI_TEXT_MAX];

	if (c->is_open) {
		snprintf(text, sizeof(text), "%llu of the lines were not told to all within %ld s",
			(unsigned long long)waiting(c), c->frame.options->timeout);
		give_up(c, BK_E_TIMEOUT, text);
		return;
	}
	snprintf(text, sizeof(text), "the room was not reached within %ld s", c->frame.options->timeout);
	finish(c, BK_E_TIMEOUT, text);
}

static void start_patience(struct command *c)
{
	if (c->frame.options->timeout)
		bk_timer_start(c->patience, c->frame.options->timeout * SECOND);
}

/* --- who is there --- */

static void on_news(void *arg)
{
	struct command *c = arg;
	char news[BK_CLI_NEWS_MAX];

	c->has_news = false;
	bk_cli_members_news(&c->members, news);
	if (*news && c->is_person)
		bk_cli_report_say(c->frame.report, BK_CLI_EVENT, "* %s", news);
	else if (*news)
		bk_cli_report_note(c->frame.report, 1, news);
}

static void on_member(struct bk_group *group, void *arg, const struct bk_group_member *m, bool is_here)
{
	struct command *c = arg;
	char key[BK_CLI_KEY_STR_MAX];

	(void)group;
	if (!bk_cli_members_take(&c->members, m, is_here, bk_loop_now(c->frame.loop)) || m->is_us)
		return;
	bk_cli_report_event(c->frame.report, BK_CLI_EVENT, "presence",
		json_pack("{s:s, s:s, s:s}", "name", m->name, "id", bk_cli_key_to_str(m->key, key), "state",
			is_here ? "online" : "offline"));
	if (is_here && c->is_person)
		bk_cli_room_files_back(&c->person.files, m->key);
	if (c->is_open && !c->has_news)
		bk_timer_start(c->news, GATHERED);
	c->has_news = c->is_open;
}

/* --- what is heard --- */

static void mind_reader(struct command *c)
{
	char text[BK_CLI_TEXT_MAX];

	if (!bk_cli_room_filter_is_stuck(text))
		return;
	if (!c->error) {
		c->error = BK_E_FILE;
		memcpy(c->text, text, sizeof(c->text));
	}
	bk_timer_start(c->farewell, 0); /* not from inside the group's word */
}

/* Nobody is heard before it is told that he came. */
static void tell_sender(struct command *c, const struct bk_group_line *l)
{
	const struct bk_cli_member *who = bk_cli_members_of_key(&c->members, l->key);

	if (!who || who->is_told || l->is_history || !c->is_open)
		return;
	bk_timer_stop(c->news);
	on_news(c);
}

static void on_line_heard(struct bk_group *group, void *arg, const struct bk_group_line *l)
{
	struct command *c = arg;

	(void)group;
	c->bytes += l->len;
	c->heard += !l->is_ours;
	if (c->is_person) {
		tell_sender(c, l);
		bk_cli_room_person_hear(&c->person, l);
		return;
	}
	bk_cli_room_filter_hear(&c->filter, l);
	mind_reader(c);
}

static void on_sent(struct bk_group *group, void *arg, uint32_t ticket, uint64_t number)
{
	struct command *c = arg;

	(void)group;
	if (c->is_person)
		bk_cli_room_person_sent(&c->person, ticket);
	else
		bk_cli_room_filter_sent(&c->filter);
	bk_cli_report_event(
		c->frame.report, BK_CLI_EVENT, "delivered", json_pack("{s:I}", "number", (json_int_t)number));
	leave_if_done(c);
}

static void on_unsent(struct bk_group *group, void *arg, uint32_t ticket, int error)
{
	struct command *c = arg;

	(void)group;
	if (c->is_person)
		bk_cli_room_person_unsent(&c->person, ticket, error);
	else
		bk_cli_room_filter_unsent(&c->filter, error);
	leave_if_done(c);
}

static void on_doubt(struct bk_group *group, void *arg, const char *text)
{
	struct command *c = arg;

	(void)group;
	bk_cli_report_event(c->frame.report, BK_CLI_EVENT, "doubt", json_pack("{s:s}", "text", text));
	if (c->is_person)
		bk_cli_room_person_doubt(&c->person, text);
	else
		bk_cli_room_filter_doubt(&c->filter, text);
}

static void on_invite(struct bk_group *group, void *arg, const struct bk_group_line *from, const char *invite)
{
	struct command *c = arg;

	(void)group;
	bk_cli_report_event(c->frame.report, BK_CLI_VERDICT, "invite",
		json_pack("{s:s, s:s, s:b}", "from", from->from, "invite", invite, "is_history",
			from->is_history));
	if (c->is_person)
		bk_cli_room_person_invited(&c->person, from, invite);
	else
		bk_cli_room_filter_invited(&c->filter, from);
}

static void on_call(struct bk_group *group, void *arg, const struct bk_group_line *from, const char *purpose,
	const char *code)
{
	struct command *c = arg;

	(void)group;
	if (c->is_person)
		bk_cli_room_files_called(&c->person.files, from, purpose, code);
}

static void on_note(struct bk_group *group, void *arg, int verbosity, const char *text)
{
	const struct command *c = arg;

	(void)group;
	bk_cli_report_note(c->frame.report, verbosity, text);
}

/* --- what is said --- */

static int say(void *arg, const char *text, size_t n)
{
	return bk_group_say(((struct command *)arg)->group, text, n, NULL);
}

static bool on_line(void *arg, char *line, size_t n)
{
	struct command *c = arg;

	if (c->is_person) {
		if (n)
			bk_cli_room_person_line(&c->person, line);
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
	char text[BK_CLI_TEXT_MAX];

	c->is_input_over = true;
	if (error < 0) {
		bk_cli_lines_why(&c->lines, error, "in a room ", BK_GROUP_TEXT_MAX, text);
		give_up(c, error == BK_E_IO ? BK_E_FILE : error, text);
	} else if (c->is_person) {
		bk_cli_room_person_leave(&c->person);
	} else {
		start_patience(c);
		leave_if_done(c);
	}
}

/* --- the room --- */

static const char *server_of(const struct command *c)
{
	return c->frame.session.server;
}

static void show_invite(void *arg)
{
	struct command *c = arg;

	bk_cli_room_place_show(&c->place, &c->frame, bk_group_server_pin(c->group));
}

static void report_room(const struct command *c)
{
	json_t *fields = json_pack("{s:s?, s:I}", "id", *c->place.room.name ? c->place.room.name : NULL,
		"members", (json_int_t)c->members.here);

	if (fields && c->place.is_new)
		json_object_set_new(fields, "invite", json_string(c->place.room.invite));
	bk_cli_report_event(c->frame.report, BK_CLI_VERDICT, "room", fields);
}

static void remember(void *arg, const char *name)
{
	struct command *c = arg;
	char text[BK_CLI_TEXT_MAX];
	int err = name ? bk_cli_room_place_remember(&c->place, name, server_of(c), text)
		       : bk_cli_room_place_forget(&c->place, text);

	if (err < 0 && !c->is_person)
		bk_cli_report_warning(c->frame.report, text);
	else if (err < 0)
		bk_cli_report_say(c->frame.report, BK_CLI_VERDICT, "* %s", text);
	else
		bk_cli_report_say(c->frame.report, BK_CLI_EVENT, "* %s%s",
			name ? "remembered: bodkin chat --room " : "the invite is not kept any more",
			name ? name : "");
}

static void on_open(struct bk_group *group, void *arg)
{
	struct command *c = arg;
	char news[BK_CLI_NEWS_MAX];

	(void)group;
	bk_timer_stop(c->patience);
	c->is_open = true;
	bk_cli_members_news(&c->members, news); /* who was here before us is none */
	report_room(c);
	if (c->place.is_new)
		show_invite(c);
	if (c->frame.options->remember && !*c->place.room.name)
		remember(c, c->frame.options->remember);
	if (c->is_person)
		bk_cli_room_person_open(&c->person);
	if (!c->has_screen)
		bk_cli_lines_resume(&c->lines);
}

static int enter(struct command *c, char text[BK_CLI_TEXT_MAX]);

/* The room is left; is there another one to go to? */
static void on_end(struct bk_group *group, void *arg, int error, const char *text)
{
	struct command *c = arg;
	char why[BK_CLI_TEXT_MAX];
	int err;

	if (!*c->next || error < 0) {
		finish(c, c->is_leaving && !waiting(c) && error == BK_E_TIMEOUT ? 0 : error, text);
		return;
	}
	c->group = NULL;
	bk_group_free(group);
	bk_timer_stop(c->news);
	bk_timer_stop(c->farewell);
	bk_cli_members_done(&c->members);
	memcpy(c->place.room.invite, c->next, sizeof(c->next));
	*c->next = 0;
	c->is_leaving = c->is_open = c->has_news = false;
	err = enter(c, why);
	if (err < 0)
		finish(c, err, why);
	else if (*c->place.room.name)
		remember(c, c->place.room.name);
}

static int enter(struct command *c, char text[BK_CLI_TEXT_MAX])
{
	static const struct bk_group_events events = {.size = sizeof(events),
		.on_open = on_open,
		.on_line = on_line_heard,
		.on_doubt = on_doubt,
		.on_member = on_member,
		.on_sent = on_sent,
		.on_unsent = on_unsent,
		.on_invite = on_invite,
		.on_note = on_note,
		.on_end = on_end,
		.on_call = on_call};
	const struct bk_session_opts *s = &c->frame.session;
	const struct bk_group_opts opts = {.size = sizeof(opts),
		.server = s->server,
		.token = s->token,
		.invite = c->place.room.invite,
		.name = c->name,
		.state_dir = s->state_dir,
		.lan = s->lan,
		.lan_peer = s->lan_peer};
	char why[BK_GROUP_SENTENCE_MAX] = "";
	int err = bk_group_new(c->frame.loop, &opts, &events, c, &c->group, why);

	if (err < 0)
		snprintf(text, BK_CLI_TEXT_MAX, "cannot chat: %.480s", why);
	else if (c->is_person)
		bk_cli_room_person_enter(&c->person, c->group);
	return err;
}

static void move(void *arg, const char *invite)
{
	struct command *c = arg;

	snprintf(c->next, sizeof(c->next), "%s", invite);
	bk_cli_room_person_end(&c->person, false);
	c->is_leaving = true;
	bk_group_leave(c->group);
}

static void person_leaves(void *arg, bool is_urgent)
{
	struct command *c = arg;

	if (is_urgent && bk_cli_room_person_is_done(&c->person))
		finish(c, 0, "");
	else if (is_urgent)
		give_up(c, BK_E_CANCELLED, "left before everything that was said was told to all");
	else if (bk_cli_room_person_is_done(&c->person))
		leave(c);
	else
		start_patience(c);
}

static void stop(struct bk_cli_frame *f)
{
	struct command *c = (struct command *)f;
	char text[BK_CLI_TEXT_MAX] = "cancelled";

	if (c->is_person && c->is_open) {
		bk_cli_room_person_leave(&c->person);
		return;
	}
	if (waiting(c))
		snprintf(text, sizeof(text), "cancelled before %llu lines were told to all",
			(unsigned long long)waiting(c));
	if (!c->error) {
		c->error = BK_E_CANCELLED;
		memcpy(c->text, text, sizeof(c->text));
	}
	if (waiting(c) || !c->is_open)
		finish(c, 0, "");
	else
		leave(c);
}

static void done(struct bk_cli_frame *f)
{
	struct command *c = (struct command *)f;

	bk_cli_room_person_done(&c->person);
	bk_cli_lines_done(&c->lines);
	bk_group_free(c->group);
	bk_timer_free(c->news);
	bk_timer_free(c->patience);
	bk_timer_free(c->farewell);
	bk_cli_members_done(&c->members);
	explicit_bzero(&c->place, sizeof(c->place));
}

/* --- the beginning --- */

static int check(const struct bk_cli_options *o, char text[BK_CLI_TEXT_MAX])
{
	return bk_cli_chat_files_check(o, text);
}

/* As the one who is met by code: the host's name. */
static void name_us(struct command *c)
{
	const char *name = c->frame.options->name;

	if (name)
		snprintf(c->name, sizeof(c->name), "%s", name);
	else if (gethostname(c->name, sizeof(c->name)) < 0 || !*c->name)
		strcpy(c->name, "somebody");
	c->name[sizeof(c->name) - 1] = 0;
}

static int start_ears(struct command *c)
{
	static const struct bk_cli_lines_events events = {.on_line = on_line, .on_end = on_lines_end};
	static const struct bk_cli_room_person_ops ops = {
		.move = move, .remember = remember, .show_invite = show_invite, .leave = person_leaves};
	const struct bk_cli_room_person_opts opts = {.loop = c->frame.loop,
		.report = c->frame.report,
		.ops = &ops,
		.arg = c,
		.members = &c->members,
		.session = &c->frame.session,
		.folder = c->frame.options->output ? c->frame.options->output : ".",
		.has_screen = c->has_screen};
	int err = bk_timer_new(c->frame.loop, on_news, c, &c->news);

	if (err >= 0)
		err = bk_timer_new(c->frame.loop, on_patience, c, &c->patience);
	if (err >= 0)
		err = bk_timer_new(c->frame.loop, on_farewell, c, &c->farewell);
	if (err >= 0 && c->is_person)
		err = bk_cli_room_person_init(&c->person, &opts);
	if (err >= 0 && !c->has_screen)
		err = bk_cli_lines_init(&c->lines, c->frame.loop, &events, c);
	return err;
}

static int start(struct bk_cli_frame *f, char text[BK_CLI_TEXT_MAX])
{
	struct command *c = (struct command *)f;
	int err;

	c->since = bk_loop_now(f->loop);
	c->is_person = bk_cli_chat_files_has_person(f->report->is_json);
	c->has_screen = c->is_person && bk_cli_screen_is_possible();
	f->report->is_aside = !c->is_person;
	c->filter = (struct bk_cli_room_filter){.report = f->report, .lines = &c->lines};
	name_us(c);
	err = start_ears(c);
	if (err < 0)
		return err;
	c->person.server = server_of(c);
	start_patience(c);
	return enter(c, text);
}

int bk_cli_room_run(struct bk_cli_options *o, struct bk_cli_report *r)
{
	static const struct bk_cli_frame_ops ops = {
		.command = BK_CLI_CMD_CHAT,
		.act = "chat",
		.other = "chat",
		.before_code = "",
		.after_code = "",
		.check = check,
		.start = start,
		.stop = stop,
		.done = done,
	};
	struct command c = {.error = 0};
	char text[BK_CLI_TEXT_MAX];
	int err = bk_cli_room_place_find(&c.place, o, text);

	if (err < 0) {
		const struct bk_call_failure why = {.error = err, .text = text};

		bk_cli_report_error(r, err, text);
		return (int)bk_cli_exit_of(&why);
	}
	if (!o->is_server_typed && *c.place.room.name) /* it is where it was */
		o->server = *c.place.room.server ? c.place.room.server : NULL;
	return bk_cli_frame_run(&c.frame, &ops, o, r);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/room_person.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bodkin/error.h>

#include "cli/complete.h"
#include "cli/human.h"
#include "cli/key.h"
#include "cli/paths.h"

enum { WHO_MAX = BK_CLI_LABEL_MAX + 64, WITHOUT_MAX = 64 };

static void say(struct bk_cli_room_person *p, const char *text)
{
	bk_cli_report_say(p->report, BK_CLI_VERDICT, "* %s", text);
}

/* --- what is heard --- */

static const char *label_of(
	const struct bk_cli_room_person *p, const struct bk_group_line *line, char out[BK_CLI_LABEL_MAX])
{
	const struct bk_cli_member *who = bk_cli_members_of_key(p->members, line->key);

	if (who && !strcmp(who->name, line->from))
		return bk_cli_members_label(p->members, who, out);
	snprintf(out, BK_CLI_LABEL_MAX, "%s", line->from);
	return out;
}

static bool is_our_key(const struct bk_cli_room_person *p, const uint8_t key[BK_GROUP_KEY_LEN])
{
	for (size_t i = 0; i < p->members->len; i++)
		if (p->members->all[i].is_us)
			return !memcmp(p->members->all[i].key, key, BK_GROUP_KEY_LEN);
	return false;
}

static void begin_history(struct bk_cli_room_person *p, const struct bk_group_line *line)
{
	if (line->is_history && !p->is_in_history)
		say(p, p->heard ? "said meanwhile:" : "said before you came:");
	p->is_in_history = line->is_history;
}

/* What is ours moved up when it was told to all. */
void bk_cli_room_person_hear(struct bk_cli_room_person *p, const struct bk_group_line *line)
{
	char who[WHO_MAX], label[BK_CLI_LABEL_MAX], hour[32], before[40];

	if (line->is_ours)
		return;
	begin_history(p, line);
	if (is_our_key(p, line->key)) /* from another program of ours, or from before */
		snprintf(who, sizeof(who), "you%s", line->is_private ? " to one alone" : "");
	else
		snprintf(who, sizeof(who), "%s%s%s", label_of(p, line, label),
			line->is_private ? " to you alone" : "",
			line->has_others_name ? " (not who had that name first)" : "");
	snprintf(before, sizeof(before), "| %s", bk_cli_talk_hour(line->sent_ms, hour));
	bk_cli_talk_print(&p->talk, line->is_history ? before : NULL, who, line->text, "");
	p->heard++;
}

void bk_cli_room_person_doubt(struct bk_cli_room_person *p, const char *text)
{
	const struct bk_cli_report *r = p->report;

	bk_cli_report_wipe(p->report);
	bk_cli_output_put(BK_CLI_STDOUT, BK_CLI_EVENT, "%s*** Careful: %s%s\n", bk_cli_report_bold(r), text,
		bk_cli_report_plain(r));
}

void bk_cli_room_person_sent(struct bk_cli_room_person *p, uint32_t ticket)
{
	p->is_in_history = false;
	bk_cli_talk_delivered(&p->talk, ticket);
}

void bk_cli_room_person_unsent(struct bk_cli_room_person *p, uint32_t ticket, int error)
{
	bk_cli_talk_undelivered(&p->talk, ticket,
		error == BK_E_SERVER_GONE ? "nobody can know whether it was" : bk_error_text(error));
}

void bk_cli_room_person_invited(
	struct bk_cli_room_person *p, const struct bk_group_line *from, const char *invite)
{
	char label[BK_CLI_LABEL_MAX];

	if (from->is_ours)
		return;
	snprintf(p->invite, sizeof(p->invite), "%s", invite);
	bk_cli_report_say(p->report, BK_CLI_VERDICT,
		"* %s%s made another room, and you are asked to it: /move goes there. Whoever was not asked stays here.",
		label_of(p, from, label), from->has_others_name ? " (not who had that name first)" : "");
}

/* --- who is there --- */

static int by_label(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The labels of all who are here, sorted, each once; to be freed with what is in it. */
static char **labels(const struct bk_cli_room_person *p, size_t *ret_len)
{
	const struct bk_cli_members *m = p->members;
	char **all = calloc(m->here + 1, sizeof(*all)), label[BK_CLI_LABEL_MAX];
	size_t n = 0, kept = 0;

	for (size_t i = 0; all && i < m->len && n < m->here; i++)
		if (m->all[i].is_here && !m->all[i].is_us)
			all[n++] = strdup(bk_cli_members_label(m, &m->all[i], label));
	for (size_t i = 0; i < n; i++)
		if (!all[i])
			all[i--] = all[--n];
	if (n)
		qsort(all, n, sizeof(*all), by_label);
	for (size_t i = 0; i < n; i++)
		if (kept && !strcmp(all[kept - 1], all[i]))
			free(all[i]);
		else
			all[kept++] = all[i];
	if (all)
		all[kept] = NULL;
	*ret_len = all ? kept : 0;
	return all;
}

static void free_labels(char **all)
{
	for (size_t i = 0; all && all[i]; i++)
		free(all[i]);
	free(all);
}

/* "anna, bert and carl", `last` being " and ": one line, however long; it breaks at blanks. To be freed. */
static char *join(char *const *all, size_t len, const char *last)
{
	size_t size = 1, used = 0;
	char *out;

	for (size_t i = 0; i < len; i++)
		size += strlen(all[i]) + strlen(last) + 2;
	out = calloc(1, size);
	for (size_t i = 0; out && i < len; i++)
		used += (size_t)snprintf(out + used, size - used, "%s%s",
			!i             ? ""
			: i + 1 == len ? last
				       : ", ",
			all[i]);
	return out;
}

static void do_who_all(struct bk_cli_room_person *p)
{
	size_t n;
	char **all = labels(p, &n), *line = all ? join(all, n, ", ") : NULL;

	if (line && !n)
		say(p, "nobody is here but you");
	else if (line)
		bk_cli_report_say(p->report, BK_CLI_VERDICT, "* %zu here beside you: %s", n, line);
	free(line);
	free_labels(all);
}

static void say_member(struct bk_cli_room_person *p, const struct bk_cli_member *who)
{
	char label[BK_CLI_LABEL_MAX], since[BK_CLI_HUMAN_MAX], key[BK_CLI_KEY_STR_MAX];

	bk_cli_human_seconds((double)(bk_loop_now(p->loop) - who->since) / 1e9, since);
	bk_cli_report_say(p->report, BK_CLI_VERDICT, "* %s%s, seen for %s, key %s",
		bk_cli_members_label(p->members, who, label),
		who->has_others_name ? " (not who had that name first)" : "", since,
		bk_cli_key_to_str(who->key, key));
}

static void do_who(void *arg, const char *rest)
{
	struct bk_cli_room_person *p = arg;
	const struct bk_cli_members *m = p->members;
	const struct bk_cli_member *who;
	size_t n;

	if (!*rest) {
		do_who_all(p);
		return;
	}
	if (!bk_cli_members_find(m, rest, &who, &n) || rest[n + strspn(rest + n, " ")]) {
		bk_cli_report_say(p->report, BK_CLI_VERDICT, "* nobody here is called %s", rest);
		return;
	}
	for (size_t i = 0; i < m->len; i++)
		if (m->all[i].is_here && (&m->all[i] == who || !strcmp(m->all[i].name, who->name)))
			say_member(p, &m->all[i]);
}

/* The one who is named at the beginning, or a sentence. */
static const struct bk_cli_member *pick(struct bk_cli_room_person *p, const char *text, size_t *ret_len)
{
	const struct bk_cli_member *who;
	size_t found = bk_cli_members_find(p->members, text, &who, ret_len);

	if (found == 1)
		return who;
	if (found > 1)
		bk_cli_report_say(p->report, BK_CLI_VERDICT,
			"* several are called %s; /who %s tells how to tell them apart", who->name,
			who->name);
	else
		bk_cli_report_say(p->report, BK_CLI_VERDICT,
			"* nobody here is called %s; /who lists who is here", *text ? text : "nothing");
	return NULL;
}

/* --- commands --- */

static void do_msg(void *arg, const char *rest)
{
	struct bk_cli_room_person *p = arg;
	char who[WHO_MAX], label[BK_CLI_LABEL_MAX];
	size_t n;
	const struct bk_cli_member *to = pick(p, rest, &n);

	if (!to)
		return;
	rest += n + strspn(rest + n, " ");
	if (!*rest) {
		say(p, "/msg NAME TEXT: what shall be said?");
		return;
	}
	snprintf(who, sizeof(who), "you to %s alone", bk_cli_members_label(p->members, to, label));
	bk_cli_talk_say(&p->talk, who, to->key, rest);
}

static void do_send(void *arg, const char *rest)
{
	bk_cli_room_files_send(&((struct bk_cli_room_person *)arg)->files, rest);
}

static void do_take(void *arg, const char *rest)
{
	(void)rest;
	bk_cli_room_files_answer(&((struct bk_cli_room_person *)arg)->files, true);
}

static void do_refuse(void *arg, const char *rest)
{
	(void)rest;
	bk_cli_room_files_answer(&((struct bk_cli_room_person *)arg)->files, false);
}

static void do_stop(void *arg, const char *rest)
{
	(void)rest;
	bk_cli_chat_files_stop(&((struct bk_cli_room_person *)arg)->files.files);
}

static void do_path(void *arg, const char *rest)
{
	struct bk_cli_room_person *p = arg;
	const char *place = p->server ? p->server : "one of its members, on the local network";
	char since[BK_CLI_HUMAN_MAX], mark[BK_CLI_HUMAN_MAX];

	(void)rest;
	bk_cli_human_seconds((double)(bk_loop_now(p->loop) - p->since) / 1e9, since);
	bk_cli_report_say(p->report, BK_CLI_VERDICT,
		"* the room is at %.*s; %zu here, you for %s; %" PRIu64 " heard, %" PRIu64
		" said, %zu of them not told to all yet",
		(int)strcspn(place, "#"), place, p->members->here, since, p->heard, p->said,
		p->talk.sayings_len);
	bk_cli_human_seconds(p->talk.mark_ms / 1000, mark);
	if (p->talk.mark_ms > 0)
		bk_cli_report_say(
			p->report, BK_CLI_VERDICT, "* the last thing said was told to all after %s", mark);
}

static void say_rekeyed(struct bk_cli_room_person *p, char *const *names, size_t n)
{
	char *without = join(names, n, " and ");

	if (n && without)
		bk_cli_report_say(p->report, BK_CLI_VERDICT,
			"* Another room is made, and all who are here are asked to it but %s. What was read stays "
			"read, and this room stays for who stays in it.",
			without);
	else
		say(p, "Another room is made, and all who are here are asked to it. What was read stays read, and "
		       "this room stays for who stays in it.");
	say(p, "/move goes there; /invite shows there how others join.");
	free(without);
}

static void do_rekey(void *arg, const char *rest)
{
	struct bk_cli_room_person *p = arg;
	uint8_t without[WITHOUT_MAX][BK_GROUP_KEY_LEN];
	char labels_of[WITHOUT_MAX][BK_CLI_LABEL_MAX], *names[WITHOUT_MAX] = {NULL};
	size_t n = 0, len;
	int err;

	for (; *rest && n < WITHOUT_MAX; n++) {
		const struct bk_cli_member *who = pick(p, rest, &len);

		if (!who)
			return;
		memcpy(without[n], who->key, sizeof(without[n]));
		names[n] = labels_of[n];
		bk_cli_members_label(p->members, who, labels_of[n]);
		rest += len + strspn(rest + len, " ");
	}
	err = bk_group_rekey(p->group, (const uint8_t(*)[BK_GROUP_KEY_LEN])without, n, p->invite);
	if (err < 0)
		bk_cli_report_say(
			p->report, BK_CLI_VERDICT, "* no other room was made: %s", bk_error_text(err));
	else
		say_rekeyed(p, names, n);
}

static void do_move(void *arg, const char *rest)
{
	struct bk_cli_room_person *p = arg;

	(void)rest;
	if (!*p->invite)
		say(p, "there is no other room to go to; /rekey makes one");
	else if (p->talk.sayings_len)
		say(p, "not before what you said is told to all");
	else if (p->files.files.is_sending || p->files.files.is_receiving)
		say(p, "not while a file is under way; /stop ends it");
	else
		p->ops->move(p->arg, p->invite);
}

static void do_remember(void *arg, const char *rest)
{
	struct bk_cli_room_person *p = arg;

	if (*rest)
		p->ops->remember(p->arg, rest);
	else
		say(p, "/remember NAME: under which name?");
}

static void do_forget(void *arg, const char *rest)
{
	struct bk_cli_room_person *p = arg;

	(void)rest;
	p->ops->remember(p->arg, NULL);
}

static void do_invite(void *arg, const char *rest)
{
	struct bk_cli_room_person *p = arg;

	(void)rest;
	p->ops->show_invite(p->arg);
}

static void do_quit(void *arg, const char *rest)
{
	(void)rest;
	bk_cli_room_person_leave(arg);
}

static void do_help(void *arg, const char *rest)
{
	(void)rest;
	bk_cli_talk_help(&((struct bk_cli_room_person *)arg)->talk);
}

static const struct bk_cli_talk_command commands[] = {
	{"/msg", " NAME TEXT", "say it to one alone", do_msg},
	{"/who", " [NAME]", "who is here; of one: its key", do_who},
	{"/send", " FILE NAME", "hand a file to one", do_send},
	{"/take", "", "take what is offered", do_take},
	{"/refuse", "", "do not take it", do_refuse},
	{"/stop", "", "stop the file that is under way", do_stop},
	{"/invite", "", "how others join", do_invite},
	{"/remember", " NAME", "keep the invite: chat --room NAME", do_remember},
	{"/forget", "", "do not keep it any more", do_forget},
	{"/rekey", " [NAME...]", "another room for all but those", do_rekey},
	{"/move", "", "go to the other room", do_move},
	{"/path", "", "where the room is", do_path},
	{"/quit", "", "leave (also Ctrl-D)", do_quit},
	{"/help", "", "this list", do_help},
};

_Static_assert(sizeof(commands) / sizeof(commands[0]) <= BK_CLI_TALK_COMMANDS_MAX, "all are completed");

/* --- completing --- */

static void complete_name(
	const struct bk_cli_room_person *p, const char *typed, struct bk_cli_talk_found *found)
{
	size_t n;
	char **all = labels(p, &n);

	if (all)
		bk_cli_complete_word(typed, (const char *const *)all, found->more, sizeof(found->more),
			found->choices, sizeof(found->choices));
	free_labels(all);
}

/* A file that is there, and a blank: now comes the name. */
static const char *behind_path(const char *typed)
{
	char path[BK_CLI_PATHS_MAX], whole[BK_CLI_PATHS_MAX];

	for (const char *at = strchr(typed, ' '); at; at = strchr(at + 1, ' ')) {
		if (at - typed >= (long)sizeof(path))
			break;
		snprintf(path, sizeof(path), "%.*s", (int)(at - typed), typed);
		if (access(bk_cli_paths_home(path, whole), R_OK) == 0)
			return at + 1;
	}
	return NULL;
}

/* The last of several names begins where the ones before end. */
static const char *behind_names(const struct bk_cli_room_person *p, const char *typed)
{
	const struct bk_cli_member *who;
	size_t n;

	while (*typed && bk_cli_members_find(p->members, typed, &who, &n) && typed[n])
		typed += n + strspn(typed + n, " ");
	return typed;
}

static void complete(void *arg, const char *head, struct bk_cli_talk_found *found)
{
	const struct bk_cli_room_person *p = arg;
	const char *rest = strchr(head, ' ') + 1, *name;

	if (!strncmp(head, "/msg ", 5) || !strncmp(head, "/who ", 5)) {
		complete_name(p, rest, found);
	} else if (!strncmp(head, "/rekey ", 7)) {
		complete_name(p, behind_names(p, rest), found);
	} else if (!strncmp(head, "/send ", 6)) {
		name = behind_path(rest);
		if (name)
			complete_name(p, name, found);
		else
			bk_cli_complete_path(rest, found->more, sizeof(found->more), found->choices,
				sizeof(found->choices));
	}
}

/* --- saying --- */

static int say_out(void *arg, const void *to, const char *text, uint64_t *ret_number)
{
	struct bk_cli_room_person *p = arg;
	uint32_t ticket = 0;
	int err = !p->group ? BK_E_AGAIN
		  : to      ? bk_group_whisper(p->group, to, text, strlen(text), &ticket)
			    : bk_group_say(p->group, text, strlen(text), &ticket);

	*ret_number = ticket;
	p->said += err >= 0;
	return err;
}

static void leave(void *arg, bool is_urgent)
{
	struct bk_cli_room_person *p = arg;

	p->ops->leave(p->arg, is_urgent);
}

static void fill(void *arg, struct bk_cli_sheet *sheet)
{
	bk_cli_chat_files_fill(&((struct bk_cli_room_person *)arg)->files.files, sheet);
}

static void on_change(void *arg)
{
	bk_cli_talk_touch(&((struct bk_cli_room_person *)arg)->talk);
}

void bk_cli_room_person_line(struct bk_cli_room_person *p, const char *text)
{
	bk_cli_talk_line(&p->talk, text);
}

void bk_cli_room_person_leave(struct bk_cli_room_person *p)
{
	bk_cli_talk_leave(&p->talk);
}

bool bk_cli_room_person_is_done(const struct bk_cli_room_person *p)
{
	return !p->talk.sayings_len;
}

/* --- from room to room --- */

void bk_cli_room_person_enter(struct bk_cli_room_person *p, struct bk_group *group)
{
	p->group = p->files.group = group;
	p->heard = 0;
	p->is_in_history = p->was_open = false;
	*p->invite = 0;
}

void bk_cli_room_person_open(struct bk_cli_room_person *p)
{
	static const char more[] = "/help lists what can be done, /quit leaves.";
	size_t n, shown;
	char **all = labels(p, &n), *names;

	p->was_open = true;
	p->since = bk_loop_now(p->loop);
	shown = n > 5 ? 4 : n;
	names = all ? join(all, shown, n > shown ? ", " : " and ") : NULL;
	if (!n)
		bk_cli_report_say(p->report, BK_CLI_VERDICT, "You are in the room, alone so far. %s", more);
	else if (names && n > shown)
		bk_cli_report_say(p->report, BK_CLI_VERDICT, "You are in the room with %s and %zu others. %s",
			names, n - shown, more);
	else if (names)
		bk_cli_report_say(p->report, BK_CLI_VERDICT, "You are in the room with %s. %s", names, more);
	free(names);
	free_labels(all);
	bk_cli_talk_show(&p->talk);
}

void bk_cli_room_person_end(struct bk_cli_room_person *p, bool is_over)
{
	bk_cli_room_files_done(&p->files);
	p->group = p->files.group = NULL;
	if (is_over)
		bk_cli_talk_end(&p->talk);
}

/* --- life --- */

int bk_cli_room_person_init(struct bk_cli_room_person *p, const struct bk_cli_room_person_opts *o)
{
	static const struct bk_cli_talk_ops ops = {.commands = commands,
		.commands_len = sizeof(commands) / sizeof(commands[0]),
		.say = say_out,
		.leave = leave,
		.fill = fill,
		.complete = complete};
	int err;

	*p = (struct bk_cli_room_person){
		.loop = o->loop, .report = o->report, .ops = o->ops, .arg = o->arg, .members = o->members};
	bk_cli_room_files_init(&p->files, o->loop, o->report, o->folder, on_change, p);
	p->files.members = o->members;
	p->files.session = o->session;
	err = bk_cli_talk_init(&p->talk, o->loop, o->report, &ops, p, o->has_screen);
	p->talk.has_times = true;
	return err;
}

void bk_cli_room_person_done(struct bk_cli_room_person *p)
{
	bk_cli_room_files_done(&p->files);
	bk_cli_talk_done(&p->talk);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* `bodkin devices`: the machines of one person, and which of them are there. What it makes or joins is remembered once
 * the group was reached, and not before: a slip in the server's name leaves nothing behind. */
#include "cli/command.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bodkin/error.h>

#include "base/text.h"
#include "cli/answer.h"
#include "cli/code_prompt.h"
#include "cli/device_list.h"
#include "cli/exclusions.h"
#include "cli/exit.h"
#include "cli/human.h"
#include "cli/watch.h"

enum { SERVER_MAX = 600 };

struct command {
	struct bk_cli_frame frame;
	struct bk_cli_devices devices;
	struct bk_cli_devices_store store;
	struct bk_cli_answers answers;
	struct bk_cli_watch watch;
	const struct verb *verb;
	bool is_watching, is_open, was_stopped;
};

/* What stands behind `devices`. Those without an on_open need nobody else. */
struct verb {
	const char *name; /* "": nothing */
	const char *act;  /* for "cannot ACT: ..." */
	int args;         /* behind it; -1: any number */
	bool is_fresh;    /* it may be that there is no group yet */
	int (*prepare)(struct command *c, struct bk_cli_options *o, char text[BK_CLI_TEXT_MAX]);
	int (*on_open)(struct command *c, char text[BK_CLI_TEXT_MAX]);
};

static int refuse(char text[BK_CLI_TEXT_MAX], const char *fmt, const char *value)
{
	snprintf(text, BK_CLI_TEXT_MAX, "%s%.200s", fmt, value);
	return BK_E_INVALID;
}

static void print(const struct bk_cli_report *r, const char *text)
{
	if (!r->is_json)
		bk_cli_output_put(BK_CLI_STDOUT, BK_CLI_VERDICT, "%s\n", text);
}

static const char *state_dir(const struct command *c)
{
	return c->frame.session.state_dir;
}

/* --- the list --- */

/* It is what was asked for, so that it is said when quiet, too. */
static void list(struct command *c)
{
	struct bk_cli_report *r = c->frame.report;
	unsigned columns = isatty(STDOUT_FILENO) ? bk_cli_report_window().columns : 0;
	size_t n;
	char **lines = bk_cli_device_list_lines(&c->devices, columns, &n);

	bk_cli_device_list_tell_all(r, &c->devices);
	for (size_t i = 0; i < n; i++)
		print(r, lines[i] ? lines[i] : "");
	if (!n)
		bk_cli_report_say(r, BK_CLI_VERDICT, "None of your other devices is here.");
	bk_cli_device_list_free(lines, n);
}

static int show(struct command *c, char text[BK_CLI_TEXT_MAX])
{
	(void)text;
	if (c->is_watching) {
		bk_cli_watch_show(&c->watch);
		return 1;
	}
	list(c);
	return 0;
}

/* --- new, join --- */

/* With its key, so that the others, and this one later, need not take it on trust. */
static void name_server(const struct command *c, char out[SERVER_MAX])
{
	const char *server = c->frame.session.server, *pin = bk_group_server_pin(c->devices.group);

	if (!server || strchr(server, '#'))
		pin = NULL;
	snprintf(out, SERVER_MAX, "%s%s%s", server ? server : "", pin ? "#" : "", pin ? pin : "");
}

static int keep(struct command *c, char text[BK_CLI_TEXT_MAX])
{
	char server[SERVER_MAX];
	struct bk_cli_devices_store now;
	struct bk_cli_device device;
	int err;

	name_server(c, server);
	err = bk_cli_devices_store_make(state_dir(c), c->store.invite, server, c->store.name, text);
	if (err < 0)
		return err;
	err = bk_cli_devices_store_load(&now, state_dir(c), text);
	if (err < 0)
		return err;
	free(c->store.known);
	c->store = now;
	for (size_t i = 0; bk_cli_devices_get(&c->devices, i, &device); i++)
		if (!device.is_us && strcmp(device.name, now.name) != 0)
			(void)bk_cli_devices_store_meet(&c->store, device.name, device.key);
	return 0;
}

static void say_room(struct command *c, const char *invite)
{
	json_t *o =
		json_pack("{s:s, s:I}", "id", "devices", "members", (json_int_t)c->devices.members_len + 1);

	if (o && invite)
		json_object_set_new(o, "invite", json_string(invite));
	bk_cli_report_event(c->frame.report, BK_CLI_VERDICT, "room", o);
}

static void say_invite(struct command *c, const char *server)
{
	struct bk_cli_report *r = c->frame.report;
	char line[SERVER_MAX + 64], invite[BK_GROUP_INVITE_MAX];

	snprintf(invite, sizeof(invite), "%s", c->store.invite);
	if (r->is_quiet)
		print(r, invite);
	bk_cli_report_say(r, BK_CLI_VERDICT, "The invite of your devices:  %s%s%s", bk_cli_report_bold(r),
		bk_cli_human_glue(invite), bk_cli_report_plain(r));
	snprintf(line, sizeof(line), "bodkin devices join%s%s", *server ? " " : "", server);
	bk_cli_report_say(r, BK_CLI_VERDICT, "On each of the others:       %s", bk_cli_human_glue(line));
	bk_cli_report_say(r, BK_CLI_VERDICT,
		"It asks for the invite. Whoever has it is one of your devices: keep it to yourself.");
}

static int made(struct command *c, char text[BK_CLI_TEXT_MAX])
{
	char server[SERVER_MAX];
	int err = keep(c, text);

	if (err < 0)
		return err;
	bk_cli_frame_server(&c->frame, bk_group_server_pin(c->devices.group), server, sizeof(server));
	say_room(c, c->store.invite);
	bk_cli_report_say(c->frame.report, BK_CLI_VERDICT, "This device is called %s.", c->store.name);
	say_invite(c, server);
	return 0;
}

static int joined(struct command *c, char text[BK_CLI_TEXT_MAX])
{
	int err = keep(c, text);

	if (err < 0)
		return err;
	say_room(c, NULL);
	bk_cli_report_say(c->frame.report, BK_CLI_VERDICT, "This device is called %s, and one of yours now.",
		c->store.name);
	list(c);
	return 0;
}

/* The group that this machine is in already is not left by a slip. */
static int check_fresh(const struct bk_cli_options *o, const struct bk_cli_devices_store *now,
	const char *invite, char text[BK_CLI_TEXT_MAX])
{
	if (!*now->invite || o->replace || (invite && !strcmp(now->invite, invite)))
		return 0;
	return refuse(text,
		"this machine is in a group of devices already; 'bodkin devices invite' prints its invite, --replace leaves it",
		"");
}

/* Nothing is written to it before the group was reached. */
static int make_store(
	struct command *c, const struct bk_cli_options *o, const char *invite, char text[BK_CLI_TEXT_MAX])
{
	char name[BK_GROUP_NAME_MAX + 1];
	const struct bk_cli_devices_store *was = &c->store;
	int err = check_fresh(o, was, invite, text);

	bk_cli_devices_usual_name(name);
	if (*was->name)
		snprintf(name, sizeof(name), "%s", was->name);
	if (err >= 0 && o->name)
		err = bk_cli_devices_check_name(o->name, text);
	if (err < 0)
		return err;
	bk_cli_devices_store_done(&c->store);
	snprintf(c->store.invite, sizeof(c->store.invite), "%s", invite);
	snprintf(c->store.name, sizeof(c->store.name), "%s", o->name ? o->name : name);
	c->store.known = calloc(BK_CLI_DEVICES_KNOWN_MAX, sizeof(*c->store.known));
	return c->store.known ? 0 : BK_E_NOMEM;
}

static int prepare_new(struct command *c, struct bk_cli_options *o, char text[BK_CLI_TEXT_MAX])
{
	char invite[BK_GROUP_INVITE_MAX];
	int err = bk_group_invite_make(invite);

	return err < 0 ? err : make_store(c, o, invite, text);
}

static int read_invite(
	const struct bk_cli_options *o, char invite[BK_GROUP_INVITE_MAX], char text[BK_CLI_TEXT_MAX])
{
	char typed[4 * BK_GROUP_INVITE_MAX] = "", why[BK_GROUP_SENTENCE_MAX];
	size_t n = 0;

	if (o->args_len == 1 && !bk_cli_frame_has_person())
		return refuse(text,
			"the invite is missing: at a terminal it is asked for, else it stands behind 'join'",
			"");
	if (o->args_len == 1)
		return bk_cli_invite_prompt(invite);
	for (int i = 1; i < o->args_len && n < sizeof(typed); i++)
		n += (size_t)snprintf(typed + n, sizeof(typed) - n, "%s%s", i > 1 ? "-" : "", o->args[i]);
	if (typed[0] >= '0' && typed[0] <= '9')
		return refuse(
			text, "an invite has seven words and no number, this looks like a code: ", typed);
	return bk_group_invite_check(typed, invite, why) < 0 ? refuse(text, why, "") : 0;
}

static int prepare_join(struct command *c, struct bk_cli_options *o, char text[BK_CLI_TEXT_MAX])
{
	char invite[BK_GROUP_INVITE_MAX];
	int err = read_invite(o, invite, text);

	return err < 0 ? err : make_store(c, o, invite, text);
}

/* --- what needs nobody else --- */

static int set_name(struct command *c, struct bk_cli_options *o, char text[BK_CLI_TEXT_MAX])
{
	int err = bk_cli_devices_check_name(o->args[1], text);

	if (err >= 0)
		err = bk_cli_devices_store_rename(&c->store, o->args[1], text);
	if (err >= 0)
		bk_cli_report_say(c->frame.report, BK_CLI_VERDICT,
			"This device is called %s; what runs already goes on under its old name.",
			c->store.name);
	return err;
}

static int forget(struct command *c, struct bk_cli_options *o, char text[BK_CLI_TEXT_MAX])
{
	int err = bk_cli_devices_store_forget(&c->store, o->args[1], text);

	if (err >= 0)
		bk_cli_report_say(c->frame.report, BK_CLI_VERDICT,
			"Forgotten: who comes as %s next is taken for it.", o->args[1]);
	return err;
}

static int show_invite(struct command *c, struct bk_cli_options *o, char text[BK_CLI_TEXT_MAX])
{
	char server[BK_CLI_DEVICES_SERVER_MAX + 8];

	(void)text;
	bk_cli_devices_use(o, &c->store);
	snprintf(server, sizeof(server), "%s%s", o->server ? "-s " : "", o->server ? o->server : "");
	bk_cli_report_event(c->frame.report, BK_CLI_VERDICT, "room",
		json_pack("{s:s, s:s}", "id", "devices", "invite", c->store.invite));
	say_invite(c, server);
	return 0;
}

/* Each on a line, as it is: for completions, too. */
static int show_known(struct command *c, struct bk_cli_options *o, char text[BK_CLI_TEXT_MAX])
{
	(void)o;
	(void)text;
	for (size_t i = 0; i < c->store.known_len; i++)
		if (strcmp(c->store.known[i].name, c->store.name) != 0)
			print(c->frame.report, c->store.known[i].name);
	return 0;
}

static int prepare_show(struct command *c, struct bk_cli_options *o, char text[BK_CLI_TEXT_MAX])
{
	(void)text;
	bk_cli_devices_use(o, &c->store);
	return 0;
}

static const struct verb verbs[] = {
	{"", "see the devices", 0, false, prepare_show, show},
	{"new", "make a group of devices", 0, true, prepare_new, made},
	{"join", "join the devices", -1, true, prepare_join, joined},
	{"name", "name this device", 1, false, set_name, NULL},
	{"forget", "forget that device", 1, false, forget, NULL},
	{"invite", "show the invite of the devices", 0, false, show_invite, NULL},
	{"known", "tell the devices that are known", 0, false, show_known, NULL},
};

enum { VERBS_LEN = sizeof(verbs) / sizeof(verbs[0]) };

/* An option that does nothing there was meant to do something. */
static int check_options(const struct bk_cli_options *o, const struct verb *v, char text[BK_CLI_TEXT_MAX])
{
	char mode[32];

	snprintf(mode, sizeof(mode), "devices %s", v->name);
	if (!v->on_open)
		return bk_cli_exclusions_only(o, mode, "server token", "it asks nobody", text);
	if (v->is_fresh)
		return 0;
	if (bk_cli_options_is_typed(o, "replace"))
		return refuse(text, "--replace goes with new and join alone", "");
	if (bk_cli_options_is_typed(o, "name"))
		return refuse(text,
			"--name goes with new and join; to rename this device: bodkin devices name ",
			o->name);
	return 0;
}

/* What people say for it. */
static const struct {
	const char *typed, *meant;
} words[] = {{"list", "bodkin devices"}, {"ls", "bodkin devices"}, {"show", "bodkin devices"},
	{"status", "bodkin devices"}, {"watch", "bodkin devices --watch"}, {"add", "bodkin devices join"},
	{"create", "bodkin devices new"}, {"init", "bodkin devices new"},
	{"remove", "bodkin devices forget NAME"}, {"rm", "bodkin devices forget NAME"},
	{"delete", "bodkin devices forget NAME"}, {"rename", "bodkin devices name NAME"}};

static void refuse_verb(const char *typed, char text[BK_CLI_TEXT_MAX])
{
	const char *meant = NULL;
	char line[64];
	unsigned least = 2;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcmp(words[i].typed, typed))
			meant = words[i].meant;
	for (size_t i = 1; i < VERBS_LEN && !meant; i++)
		if (bk_text_slips(typed, verbs[i].name) <= least) {
			least = bk_text_slips(typed, verbs[i].name);
			snprintf(line, sizeof(line), "bodkin devices %s%s", verbs[i].name,
				verbs[i].args > 0 ? " NAME" : "");
			meant = least < 2 ? line : NULL;
		}
	snprintf(text, BK_CLI_TEXT_MAX,
		"there are new, join, name, forget, invite and known, and no %.100s%s%s%s", typed,
		meant ? "; did you mean '" : "", meant ? meant : "", meant ? "'?" : "");
}

static void refuse_args(const struct bk_cli_options *o, const struct verb *v, char text[BK_CLI_TEXT_MAX])
{
	if (v->args)
		(void)refuse(text, "exactly one NAME goes behind ", v->name);
	else if (v->is_fresh)
		(void)refuse(
			text, "nothing goes behind new; what this device is called: --name ", o->args[1]);
	else
		(void)refuse(text, "nothing goes behind ", v->name);
}

static const struct verb *find_verb(const struct bk_cli_options *o, char text[BK_CLI_TEXT_MAX])
{
	const char *name = o->args_len ? o->args[0] : "";
	size_t i = 0;

	while (i < VERBS_LEN && strcmp(verbs[i].name, name) != 0)
		i++;
	if (i == VERBS_LEN)
		refuse_verb(name, text);
	else if (verbs[i].args >= 0 && o->args_len && o->args_len - 1 != verbs[i].args)
		refuse_args(o, &verbs[i], text);
	else if (o->watch && verbs[i].on_open != show)
		(void)refuse(text, "--watch shows the list, and goes with no ", name);
	else if (check_options(o, &verbs[i], text) >= 0)
		return &verbs[i];
	return NULL;
}

/* --- the group --- */

static void end(struct command *c, int error, enum bk_call_who who, const char *text)
{
	const struct bk_call_failure failure = {.error = error, .text = text, .who = who};

	bk_cli_watch_done(&c->watch);
	bk_cli_frame_end(&c->frame, error < 0 ? &failure : NULL);
	if (c->was_stopped)
		c->frame.code = BK_CLI_EXIT_INTERRUPTED;
}

static void on_open(void *arg)
{
	struct command *c = arg;
	char why[BK_CLI_TEXT_MAX] = "", text[2 * BK_CLI_TEXT_MAX];
	int err = c->verb->on_open(c, why);

	c->is_open = true;
	if (err > 0)
		return;
	snprintf(text, sizeof(text), "cannot %s: %s", c->verb->act, *why ? why : bk_error_text(err));
	if (err < 0)
		end(c, err, BK_CALL_WHO_HERE, text);
	else
		bk_cli_devices_leave(&c->devices);
}

static void on_change(void *arg, const struct bk_cli_device *device)
{
	struct command *c = arg;

	if (c->is_watching)
		bk_cli_watch_touch(&c->watch, device);
}

static void on_call(void *arg, const struct bk_cli_device *from, const char *purpose, const char *code)
{
	struct command *c = arg;

	if (c->is_watching)
		(void)bk_cli_answers_take(&c->answers, from, purpose, code);
}

/* What was to be known is known: that leaving took its time is no failure. */
static void on_end(void *arg, int error, const char *text)
{
	struct command *c = arg;
	bool is_done = c->was_stopped || (c->is_open && !c->is_watching);

	end(c, is_done ? 0 : error, BK_CALL_WHO_SERVER, text);
}

static int start(struct bk_cli_frame *f, char text[BK_CLI_TEXT_MAX])
{
	static const struct bk_cli_devices_events events = {
		.on_open = on_open, .on_change = on_change, .on_call = on_call, .on_end = on_end};
	struct command *c = (struct command *)f;
	unsigned flags = c->is_watching ? BK_DEVICE_PRESENT | BK_DEVICE_ANSWERS : 0;
	int err = 0;

	if (!f->session.state_dir) {
		snprintf(
			text, BK_CLI_TEXT_MAX, "cannot %s: there is no home to remember it in", c->verb->act);
		return BK_E_INVALID;
	}
	bk_cli_answers_init(&c->answers, f);
	if (c->is_watching)
		err = bk_cli_watch_init(&c->watch, f->loop, f->report, &c->devices);
	return err < 0 ? err : bk_cli_devices_start(&c->devices, f, &c->store, flags, &events, c, text);
}

static void stop(struct bk_cli_frame *f)
{
	struct command *c = (struct command *)f;

	c->was_stopped = true;
	bk_cli_devices_leave(&c->devices);
}

static void done(struct bk_cli_frame *f)
{
	struct command *c = (struct command *)f;

	bk_cli_watch_done(&c->watch);
	bk_cli_answers_done(&c->answers);
	bk_cli_devices_done(&c->devices);
}

/* --- the command --- */

static int prepare(struct command *c, struct bk_cli_options *o, char text[BK_CLI_TEXT_MAX])
{
	char dir[BK_CLI_PATHS_MAX];
	int err;

	c->verb = find_verb(o, text);
	if (!c->verb)
		return BK_E_INVALID;
	err = bk_cli_devices_store_load(&c->store, bk_cli_paths_state(dir) < 0 ? NULL : dir, text);
	if (err < 0 && !(err == BK_E_NOT_FOUND && c->verb->is_fresh))
		return err;
	c->is_watching = o->watch;
	*text = 0;
	return c->verb->prepare(c, o, text);
}

static int fail(const struct command *c, struct bk_cli_report *r, int err, const char *why)
{
	const struct bk_call_failure failure = {.error = err == BK_E_NOT_FOUND ? BK_E_INVALID : err};
	char text[2 * BK_CLI_TEXT_MAX];

	snprintf(text, sizeof(text), "cannot %s: %s", c->verb ? c->verb->act : bk_cli_cmd_devices.act,
		*why ? why : bk_error_text(err));
	bk_cli_report_error(r, err, text);
	return (int)bk_cli_exit_of(&failure);
}

static int run(struct bk_cli_options *o, struct bk_cli_report *r)
{
	static const struct bk_cli_frame_ops ops = {
		.command = BK_CLI_CMD_DEVICES,
		.act = "see the devices",
		.start = start,
		.stop = stop,
		.done = done,
	};
	struct command c = {.frame = {.report = r}};
	char text[BK_CLI_TEXT_MAX] = "";
	int err = prepare(&c, o, text), code = BK_CLI_EXIT_DONE;

	if (err < 0)
		code = fail(&c, r, err, text);
	else if (c.verb->on_open)
		code = bk_cli_frame_run(&c.frame, &ops, o, r);
	bk_cli_devices_store_done(&c.store);
	return code;
}

const struct bk_cli_command bk_cli_cmd_devices = {
	.name = "devices",
	.act = "see the devices",
	.usage = "[--watch | new | join [INVITE] | name NAME | forget NAME | invite | known] [OPTION]...",
	.summary = "which of your other machines are there",
	.about =
		"'devices new' on one machine prints an invite; 'devices join' on the others asks for it. From\n"
		"then on they know each other: 'send --to NAME' and 'ping NAME' need no code. Listed is\n"
		"where 'devices --watch' or 'recv --daemon' runs; both answer pings, and the daemon takes\n"
		"files. 'devices name' gives this machine another name. 'devices known' prints the names of\n"
		"those that were met, and asks nobody. A name that comes with another key than before is\n"
		"refused until 'devices forget NAME'. The server that 'new' or 'join' was told is remembered\n"
		"with the group.",
	.bit = BK_CLI_CMD_DEVICES,
	.run = run,
};

/* SPDX-License-Identifier: Apache-2.0 */
/* A device whose calls become receivers. Whatever becomes of one of them, it stays; it ends when it is told to, or when
 * the group lets it in no more. */
#include "cli/daemon.h"

#include <bodkin/error.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/time.h"
#include "cli/answer.h"
#include "cli/devices.h"
#include "cli/exit.h"
#include "cli/frame.h"
#include "cli/notify.h"
#include "cli/takings.h"

#define LOOK_TIME (2 * BK_SEC)

struct daemon {
	struct bk_cli_frame frame;
	struct bk_cli_options options; /* with the server that goes with the group */
	struct bk_cli_devices_store store;
	struct bk_cli_devices devices;
	struct bk_cli_takings takings;
	struct bk_cli_answers answers;
	struct bk_timer *watcher; /* of what this machine remembers of its group */
	bool has_stopped, has_left;
	struct bk_call_failure failure; /* why it ends; error 0: somebody wants it to */
	char failure_text[BK_CLI_TEXT_MAX];
};

/* --- the end --- */

static void end_when_over(struct daemon *d)
{
	if (d->has_stopped && d->has_left)
		bk_cli_frame_end(&d->frame, d->failure.error ? &d->failure : NULL);
}

static void on_stopped(void *arg)
{
	struct daemon *d = arg;

	d->has_stopped = true;
	end_when_over(d);
}

static void stop(struct bk_cli_frame *f)
{
	struct daemon *d = (struct daemon *)f;

	bk_cli_notify("STOPPING=1");
	f->report->on_wipe = NULL; /* no question is asked again */
	bk_cli_report_interrupted(f->report);
	bk_cli_devices_leave(&d->devices);
	if (!d->takings.is_stopping)
		bk_cli_takings_stop(&d->takings, on_stopped, d);
}

static void on_end(void *arg, int error, const char *text)
{
	struct daemon *d = arg;

	d->has_left = true;
	if (error < 0 && !d->takings.is_stopping) {
		snprintf(d->failure_text, sizeof(d->failure_text), "%s", text);
		d->failure = (struct bk_call_failure){
			.error = error, .text = d->failure_text, .who = BK_CALL_WHO_SERVER};
		bk_cli_takings_stop(&d->takings, on_stopped, d);
	} else {
		end_when_over(d);
	}
}

/* Who joins another group with 'devices join' leaves this one, and what runs here goes, too: a service manager starts
 * it anew, in the group that the machine is in now. */
static void leave_group(struct daemon *d, bool is_in_none)
{
	snprintf(d->failure_text, sizeof(d->failure_text), "%s",
		is_in_none
			? "this machine is in no group of devices any more"
			: "this machine has gone to another group of devices; start it again for that one");
	d->failure = (struct bk_call_failure){
		.error = BK_E_NOT_FOUND, .text = d->failure_text, .who = BK_CALL_WHO_HERE, .has_peer = true};
	bk_cli_notify("STOPPING=1");
	bk_cli_devices_leave(&d->devices);
	bk_cli_takings_stop(&d->takings, on_stopped, d);
}

static void look_at_group(void *arg)
{
	struct daemon *d = arg;
	struct bk_cli_devices_store now = {0};
	char text[BK_CLI_TEXT_MAX];
	int err = bk_cli_devices_store_load(&now, d->frame.session.state_dir, text);
	bool is_other = err >= 0 && strcmp(now.invite, d->store.invite) != 0;

	bk_cli_devices_store_done(&now);
	if (d->takings.is_stopping)
		return;
	if (is_other || err == BK_E_NOT_FOUND)
		leave_group(d, err < 0);
	else
		bk_timer_start(d->watcher, LOOK_TIME);
}

/* --- the group --- */

/* "bert, carl and dave" */
static void name_all(const struct bk_cli_names *names, char out[BK_CLI_TEXT_MAX])
{
	size_t n = 0;

	*out = 0;
	for (size_t i = 0; i < names->len && n < BK_CLI_TEXT_MAX; i++)
		n += (size_t)snprintf(out + n, BK_CLI_TEXT_MAX - n, "%s%s",
			!i                   ? ""
			: i + 1 < names->len ? ", "
					     : " and ",
			names->items[i]);
}

static void say_ready(struct daemon *d)
{
	const struct bk_cli_options *o = &d->options;
	char whose[BK_CLI_TEXT_MAX], what[2 * BK_CLI_TEXT_MAX];

	name_all(&o->from, whose);
	if (o->yes)
		snprintf(what, sizeof(what), "takes what any device sends");
	else if (!d->takings.has_person)
		snprintf(what, sizeof(what), "%s%s%s", *whose ? "takes what " : "", whose,
			!*whose            ? "takes nothing, for nobody is here to ask; see --from"
			: o->from.len == 1 ? " sends"
					   : " send");
	else
		snprintf(what, sizeof(what), "%s%s%sasks", *whose ? "takes what " : "", whose,
			!*whose            ? ""
			: o->from.len == 1 ? " sends, else "
					   : " send, else ");
	bk_cli_report_say(d->frame.report, BK_CLI_VERDICT, "Here as %s: %s", d->store.name, what);
}

static void on_open(void *arg)
{
	struct daemon *d = arg;
	struct bk_cli_device device;
	size_t n = 0;

	while (bk_cli_devices_get(&d->devices, n, &device))
		n++;
	bk_cli_report_event(d->frame.report, BK_CLI_VERDICT, "room",
		json_pack("{s:s, s:i}", "id", "devices", "members", (int)n));
	say_ready(d);
	bk_cli_notify("READY=1");
}

/* Who is there is told by 'devices --watch'. */
static void on_change(void *arg, const struct bk_cli_device *device)
{
	(void)arg;
	(void)device;
}

static void on_call(void *arg, const struct bk_cli_device *from, const char *purpose, const char *code)
{
	struct daemon *d = arg;
	char text[BK_CLI_TEXT_MAX];

	if (!strcmp(purpose, "files")) {
		bk_cli_takings_call(
			&d->takings, from->name, from->key, code, from->verdict == BK_CLI_DEVICE_CHANGED);
	} else if (from->verdict != BK_CLI_DEVICE_CHANGED &&
		   !bk_cli_answers_take(&d->answers, from, purpose, code)) {
		snprintf(
			text, sizeof(text), "%s calls for '%s', which is not done here", from->name, purpose);
		bk_cli_report_note(d->frame.report, 1, text);
	}
}

/* --- the beginning --- */

static int check(const struct bk_cli_options *o, char text[BK_CLI_TEXT_MAX])
{
	const char *folder = o->output ? o->output : ".";
	struct stat st;

	if (stat(folder, &st) == 0 && S_ISDIR(st.st_mode) && access(folder, W_OK | X_OK) == 0)
		return 0;
	snprintf(text, BK_CLI_TEXT_MAX,
		"cannot receive into '%.300s': it is no folder that can be written to; another one: -o DIR",
		folder);
	return BK_E_FILE;
}

static int start(struct bk_cli_frame *f, char text[BK_CLI_TEXT_MAX])
{
	static const struct bk_cli_devices_events events = {
		.on_open = on_open, .on_change = on_change, .on_call = on_call, .on_end = on_end};
	struct daemon *d = (struct daemon *)f;
	int err;

	f->session.name = d->store.name;
	f->session.key_dir = f->session.state_dir;
	err = bk_cli_takings_init(&d->takings, f->loop, &d->options, f->report, &f->session);
	bk_cli_answers_init(&d->answers, f);
	if (err >= 0)
		err = bk_timer_new(f->loop, look_at_group, d, &d->watcher);
	if (err >= 0)
		bk_timer_start(d->watcher, LOOK_TIME);
	return err < 0 ? err
		       : bk_cli_devices_start(&d->devices, f, &d->store,
				 BK_DEVICE_PRESENT | BK_DEVICE_RECEIVES | BK_DEVICE_ANSWERS, &events, d,
				 text);
}

static void done(struct bk_cli_frame *f)
{
	struct daemon *d = (struct daemon *)f;

	bk_timer_free(d->watcher);
	bk_cli_takings_done(&d->takings);
	bk_cli_answers_done(&d->answers);
	bk_cli_devices_done(&d->devices);
}

static int load(struct daemon *d, char text[BK_CLI_TEXT_MAX])
{
	char state_dir[BK_CLI_PATHS_MAX] = "", why[BK_CLI_TEXT_MAX] = "there is no home";
	int err = bk_cli_paths_state(state_dir);

	if (err >= 0)
		err = bk_cli_devices_store_load(&d->store, state_dir, why);
	if (err < 0)
		snprintf(text, BK_CLI_TEXT_MAX, "cannot receive: %.400s", why);
	else
		bk_cli_devices_use(&d->options, &d->store);
	return err;
}

int bk_cli_daemon_run(const struct bk_cli_options *o, struct bk_cli_report *r)
{
	static const struct bk_cli_frame_ops ops = {
		.command = BK_CLI_CMD_RECV,
		.act = "receive",
		.check = check,
		.start = start,
		.stop = stop,
		.done = done,
	};
	struct daemon *d = calloc(1, sizeof(*d));
	char text[BK_CLI_TEXT_MAX] = "";
	int err, code;

	if (!d)
		return BK_CLI_EXIT_FAILED;
	d->options = *o;
	err = load(d, text);
	if (err < 0) {
		bk_cli_report_error(r, err, text);
		code = err == BK_E_NOT_FOUND ? BK_CLI_EXIT_USAGE : BK_CLI_EXIT_FILE;
	} else {
		code = bk_cli_frame_run(&d->frame, &ops, &d->options, r);
	}
	bk_cli_devices_store_done(&d->store);
	free(d);
	return code;
}

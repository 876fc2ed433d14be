/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/by_name.h"

#include <stdio.h>
#include <string.h>

#include <bodkin/error.h>

#include "base/time.h"

enum { CODE_WORDS = 8 }; /* nobody types it */

/* Then a person wonders. */
#define SILENCE (3 * BK_SEC)

static void fail(struct bk_cli_by_name *b, int error, enum bk_call_who who, const char *text)
{
	const struct bk_call_failure failure = {.error = error, .text = text, .who = who};

	bk_cli_frame_end(b->frame, &failure);
}

/* What is waited for; once. */
static void say(struct bk_cli_by_name *b, const char *what)
{
	char text[BK_CLI_TEXT_MAX];

	if (b->said == what)
		return;
	b->said = what;
	snprintf(text, sizeof(text), "%s is %s", b->opts.name, what);
	bk_cli_report_note(b->frame->report, 0, text);
}

/* --- the call --- */

static bool is_met(const struct bk_cli_by_name *b)
{
	return *b->frame->report->peer;
}

static void call(struct bk_cli_by_name *b)
{
	if (*b->code && !is_met(b) && b->devices.group)
		(void)bk_group_call(b->devices.group, b->key, b->opts.purpose, b->code, NULL);
}

/* It may come again; then the one before is of no use. */
static void on_code(struct bk_cli_frame *f, void *arg, const char *code)
{
	struct bk_cli_by_name *b = arg;

	(void)f;
	snprintf(b->code, sizeof(b->code), "%s", code);
	call(b);
}

static void on_silence(void *arg)
{
	struct bk_cli_by_name *b = arg;

	if (!is_met(b))
		say(b, "there and called, but has not answered yet");
}

/* Where it cannot go out, for a minute, it goes out again; when the group has ended, on_end follows. */
static void on_unsent(void *arg, uint32_t ticket, int error)
{
	(void)ticket;
	if (error == BK_E_TIMEOUT)
		call(arg);
}

/* --- the search --- */

static void refuse(struct bk_cli_by_name *b)
{
	char text[2 * BK_CLI_TEXT_MAX], quoted[BK_CLI_DEVICES_QUOTED_MAX];

	snprintf(text, sizeof(text),
		"cannot %s: '%.64s' has another key than it had; where that is meant to be (a machine set up anew): bodkin "
		"devices forget %s",
		b->frame->ops->act, b->opts.name, bk_cli_devices_quote(b->opts.name, quoted));
	fail(b, BK_E_WRONG_KEY, BK_CALL_WHO_BETWEEN, text);
}

static void found(struct bk_cli_by_name *b, const struct bk_cli_device *device)
{
	struct bk_session_opts *s = &b->frame->session;
	int64_t left = s->wait_ns - (bk_loop_now(b->frame->loop) - b->began);
	char text[BK_CLI_TEXT_MAX] = "";
	int err;

	b->is_found = true;
	b->programs = device->programs;
	memcpy(b->key, device->key, sizeof(b->key));
	bk_timer_free(b->limit);
	b->limit = NULL;
	bk_timer_start(b->silence, SILENCE);
	s->code = s->code_wish = NULL;
	s->code_words = CODE_WORDS;
	s->key_dir = s->state_dir;
	if (s->wait_ns)
		s->wait_ns = left > BK_SEC ? left : BK_SEC;
	s->peer_key = b->key;
	b->frame->on_code = on_code;
	b->frame->on_code_arg = b;
	err = b->opts.on_found(b->frame, text);
	if (err < 0)
		fail(b, err, BK_CALL_WHO_HERE, *text ? text : bk_error_text(err));
}

/* Somebody has the name, and not the key. */
static bool is_there_with_another_key(const struct bk_cli_by_name *b)
{
	struct bk_cli_device device;

	for (size_t i = 0; bk_cli_devices_get(&b->devices, i, &device); i++)
		if (!strcmp(device.name, b->opts.name) && device.verdict == BK_CLI_DEVICE_CHANGED &&
			device.about.flags & BK_DEVICE_PRESENT)
			return true;
	return false;
}

static void look(struct bk_cli_by_name *b)
{
	struct bk_cli_device device;
	bool is_there = bk_cli_devices_find(&b->devices, b->opts.name, &device) &&
			device.about.flags & BK_DEVICE_PRESENT;

	if (is_there && device.about.flags & b->opts.needs)
		found(b, &device);
	else if (is_there)
		say(b, b->opts.lacks);
	else if (is_there_with_another_key(b))
		refuse(b);
	else
		say(b, bk_cli_devices_store_knows(&b->store, b->opts.name)
				? "not there; waiting for it"
				: "not there, and no device was ever called so; 'bodkin devices known' "
				  "tells those that were. Waiting for it");
}

/* Who comes back has not heard the call. */
static void on_change(void *arg, const struct bk_cli_device *device)
{
	struct bk_cli_by_name *b = arg;
	size_t before = b->programs;

	if (!b->is_open)
		return;
	if (!b->is_found) {
		if (!strcmp(device->name, b->opts.name))
			look(b);
		return;
	}
	if (memcmp(device->key, b->key, sizeof(b->key)) != 0)
		return;
	b->programs = device->programs;
	if (device->programs > before)
		call(b);
}

static void on_open(void *arg)
{
	struct bk_cli_by_name *b = arg;

	b->is_open = true;
	look(b);
}

static void on_end(void *arg, int error, const char *text)
{
	struct bk_cli_by_name *b = arg;

	if (!is_met(b))
		fail(b, error < 0 ? error : BK_E_SERVER_GONE, BK_CALL_WHO_SERVER, text);
}

static void on_limit(void *arg)
{
	struct bk_cli_by_name *b = arg;
	char text[BK_CLI_TEXT_MAX];

	snprintf(text, sizeof(text), "cannot %s: %s is %s, and %ld s are over", b->frame->ops->act,
		b->opts.name, b->said ? b->said : "not there", b->frame->options->timeout);
	fail(b, b->is_open ? BK_E_NO_SUCH_PEER : BK_E_TIMEOUT,
		b->is_open ? BK_CALL_WHO_BETWEEN : BK_CALL_WHO_SERVER, text);
}

/* --- life --- */

int bk_cli_by_name_init(struct bk_cli_by_name *b, struct bk_cli_options *o, char ret_text[BK_CLI_TEXT_MAX])
{
	char dir[BK_CLI_PATHS_MAX];
	int err = bk_cli_paths_state(dir);

	*b = (struct bk_cli_by_name){0};
	err = bk_cli_devices_store_load(&b->store, err < 0 ? NULL : dir, ret_text);
	if (err >= 0)
		bk_cli_devices_use(o, &b->store);
	return err;
}

int bk_cli_by_name_start(struct bk_cli_by_name *b, struct bk_cli_frame *f,
	const struct bk_cli_by_name_opts *opts, char ret_text[BK_CLI_TEXT_MAX])
{
	static const struct bk_cli_devices_events events = {
		.on_open = on_open, .on_change = on_change, .on_unsent = on_unsent, .on_end = on_end};
	int err;

	b->frame = f;
	b->began = bk_loop_now(f->loop);
	b->opts = *opts;
	if (!strcmp(opts->name, b->store.name)) {
		snprintf(ret_text, BK_CLI_TEXT_MAX, "cannot %s: '%.64s' is this device", f->ops->act,
			opts->name);
		return BK_E_INVALID;
	}
	err = bk_timer_new(f->loop, on_silence, b, &b->silence);
	if (err >= 0 && f->session.wait_ns)
		err = bk_timer_new(f->loop, on_limit, b, &b->limit);
	if (err >= 0 && b->limit)
		bk_timer_start(b->limit, f->session.wait_ns);
	return err < 0 ? err : bk_cli_devices_start(&b->devices, f, &b->store, 0, &events, b, ret_text);
}

void bk_cli_by_name_done(struct bk_cli_by_name *b)
{
	bk_timer_free(b->limit);
	bk_timer_free(b->silence);
	bk_cli_devices_done(&b->devices);
	bk_cli_devices_store_done(&b->store);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Members are kept as the group tells them; a device is what several of them with one name and key come to. */
#include "cli/devices.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <bodkin/error.h>

#include "net/ifaddr.h"

enum { MEMBERS_MAX = 1024 }; /* a group has a thousand */

struct bk_cli_devices_member {
	uint64_t handle;
	char name[BK_GROUP_NAME_MAX + 1];
	uint8_t key[BK_GROUP_KEY_LEN];
	enum bk_cli_device_verdict verdict;
	struct bk_device about;
	bool is_first; /* of those that are one device: it stands for them */
};

/* --- who is there --- */

static bool is_our_key(const struct bk_cli_devices *d, const uint8_t *key)
{
	return d->has_key && !memcmp(d->key, key, sizeof(d->key));
}

static bool is_same(const struct bk_cli_devices_member *m, const char *name, const uint8_t *key)
{
	return !strcmp(m->name, name) && !memcmp(m->key, key, sizeof(m->key));
}

/* What all programs of one device say: it receives if one of them does, and is there since the first. */
static void add_about(struct bk_device *sum, const struct bk_device *one)
{
	bool is_better = one->flags & BK_DEVICE_PRESENT &&
			 (!(sum->flags & BK_DEVICE_PRESENT) || one->since < sum->since);
	uint8_t flags = sum->flags | one->flags;

	if (is_better)
		*sum = *one;
	sum->flags = flags;
}

static void sum_up(const struct bk_cli_devices *d, const char *name, const uint8_t *key,
	enum bk_cli_device_verdict verdict, struct bk_cli_device *ret_device)
{
	*ret_device = (struct bk_cli_device){.is_us = is_our_key(d, key), .verdict = verdict};
	snprintf(ret_device->name, sizeof(ret_device->name), "%s", name);
	memcpy(ret_device->key, key, sizeof(ret_device->key));
	for (size_t i = 0; i < d->members_len; i++)
		if (is_same(&d->members[i], name, key)) {
			ret_device->programs++;
			add_about(&ret_device->about, &d->members[i].about);
		}
}

bool bk_cli_devices_get(const struct bk_cli_devices *d, size_t index, struct bk_cli_device *ret_device)
{
	for (size_t i = 0; i < d->members_len; i++) {
		const struct bk_cli_devices_member *m = &d->members[i];

		if (!m->is_first || index--)
			continue;
		sum_up(d, m->name, m->key, m->verdict, ret_device);
		return true;
	}
	return false;
}

bool bk_cli_devices_is_present(const struct bk_cli_devices *d, const uint8_t key[BK_GROUP_KEY_LEN])
{
	for (size_t i = 0; i < d->members_len; i++)
		if (d->members[i].about.flags & BK_DEVICE_PRESENT &&
			!memcmp(d->members[i].key, key, BK_GROUP_KEY_LEN))
			return true;
	return false;
}

bool bk_cli_devices_find(const struct bk_cli_devices *d, const char *name, struct bk_cli_device *ret_device)
{
	for (size_t i = 0; i < d->members_len; i++) {
		const struct bk_cli_devices_member *m = &d->members[i];

		if (strcmp(m->name, name) != 0 || m->verdict == BK_CLI_DEVICE_CHANGED ||
			is_our_key(d, m->key))
			continue;
		sum_up(d, m->name, m->key, m->verdict, ret_device);
		return true;
	}
	return false;
}

/* Our own name is ours. */
static enum bk_cli_device_verdict judge(struct bk_cli_devices *d, const char *name, const uint8_t *key)
{
	if (is_our_key(d, key))
		return BK_CLI_DEVICE_KNOWN;
	if (!strcmp(name, d->store->name))
		return BK_CLI_DEVICE_CHANGED;
	return bk_cli_devices_store_meet(d->store, name, key);
}

static void warn(struct bk_cli_devices *d, const char *name, const char *what)
{
	char text[2 * BK_CLI_TEXT_MAX], quoted[BK_CLI_DEVICES_QUOTED_MAX];

	if (!strcmp(name, d->store->name))
		snprintf(text, sizeof(text),
			"another device is called '%s', as this one is; one of the two needs another name: bodkin "
			"devices name NAME",
			name);
	else if (!bk_cli_devices_store_knows(d->store, name))
		snprintf(text, sizeof(text),
			"'%s' is refused: %d devices are known, and no more are remembered; where one is gone for good: "
			"bodkin devices forget NAME",
			name, BK_CLI_DEVICES_KNOWN_MAX);
	else
		snprintf(text, sizeof(text),
			"%s '%s' with another key than '%s' had: it is refused; where that is meant to be (a machine set up "
			"anew, or another one of the same name): bodkin devices forget %s",
			what, name, name, bk_cli_devices_quote(name, quoted));
	bk_cli_report_note(d->frame->report, -1, text);
}

static void judge_member(struct bk_cli_devices *d, struct bk_cli_devices_member *m)
{
	m->verdict = judge(d, m->name, m->key);
	if (m->verdict == BK_CLI_DEVICE_CHANGED)
		warn(d, m->name, "somebody came as");
}

static struct bk_cli_devices_member *member_of(struct bk_cli_devices *d, uint64_t handle)
{
	for (size_t i = 0; i < d->members_len; i++)
		if (d->members[i].handle == handle)
			return &d->members[i];
	return NULL;
}

static struct bk_cli_devices_member *add_member(struct bk_cli_devices *d)
{
	size_t max = d->members_max ? 2 * d->members_max : 16;
	struct bk_cli_devices_member *more;

	if (d->members_len < d->members_max)
		return &d->members[d->members_len++];
	more = max > MEMBERS_MAX ? NULL : realloc(d->members, max * sizeof(*more));
	if (!more)
		return NULL;
	d->members = more;
	d->members_max = max;
	return &d->members[d->members_len++];
}

/* After one of them came or went. */
static void mark_first(struct bk_cli_devices *d, const char *name, const uint8_t *key)
{
	bool has_first = false;

	for (size_t i = 0; i < d->members_len; i++)
		if (is_same(&d->members[i], name, key)) {
			d->members[i].is_first = !has_first;
			has_first = true;
		}
}

static void take_member(struct bk_cli_devices *d, const struct bk_group_member *from)
{
	struct bk_cli_devices_member *m = member_of(d, from->handle);
	bool is_news = !m || !is_same(m, from->name, from->key);
	struct bk_cli_devices_member was = {0};
	struct bk_device about;

	if (m)
		was = *m;
	else
		m = add_member(d);
	if (!m)
		return;
	m->handle = from->handle;
	snprintf(m->name, sizeof(m->name), "%s", from->name);
	memcpy(m->key, from->key, sizeof(m->key));
	m->about = bk_device_decode(from->about, from->about_len, &about) < 0 ? (struct bk_device){0} : about;
	if (is_news) {
		mark_first(d, was.name, was.key);
		mark_first(d, m->name, m->key);
	}
	if (is_news && d->is_open)
		judge_member(d, m);
}

/* --- the group --- */

static bool says_the_same(const struct bk_device *a, const struct bk_device *b)
{
	uint8_t one[BK_DEVICE_ABOUT_MAX], other[BK_DEVICE_ABOUT_MAX];
	size_t n = bk_device_encode(a, one);

	return n == bk_device_encode(b, other) && !memcmp(one, other, n);
}

static void on_member(struct bk_group *group, void *arg, const struct bk_group_member *from, bool is_here)
{
	struct bk_cli_devices *d = arg;
	struct bk_cli_devices_member *m, told;
	struct bk_cli_device before, device;

	(void)group;
	if (from->is_us) {
		memcpy(d->key, from->key, sizeof(d->key));
		d->has_key = true;
		return;
	}
	sum_up(d, from->name, from->key, BK_CLI_DEVICE_KNOWN, &before);
	if (is_here)
		take_member(d, from);
	m = member_of(d, from->handle);
	if (!m)
		return;
	told = *m;
	if (!is_here) {
		*m = d->members[--d->members_len];
		mark_first(d, told.name, told.key);
	}
	if (!d->is_open)
		return;
	sum_up(d, told.name, told.key, told.verdict, &device);
	device.was_present = before.about.flags & BK_DEVICE_PRESENT;
	device.is_news = !says_the_same(&before.about, &device.about);
	d->events->on_change(d->arg, &device);
}

static void on_line(struct bk_group *group, void *arg, const struct bk_group_line *line)
{
	(void)group;
	(void)arg;
	(void)line; /* devices do not talk */
}

static void on_doubt(struct bk_group *group, void *arg, const char *text)
{
	const struct bk_cli_devices *d = arg;

	(void)group;
	bk_cli_report_note(d->frame->report, -1, text);
}

static void on_note(struct bk_group *group, void *arg, int verbosity, const char *text)
{
	const struct bk_cli_devices *d = arg;

	(void)group;
	bk_cli_report_note(d->frame->report, verbosity, text);
}

static void on_unsent(struct bk_group *group, void *arg, uint32_t ticket, int error)
{
	struct bk_cli_devices *d = arg;

	(void)group;
	if (d->events->on_unsent)
		d->events->on_unsent(d->arg, ticket, error);
}

static void on_call(struct bk_group *group, void *arg, const struct bk_group_line *from, const char *purpose,
	const char *code)
{
	struct bk_cli_devices *d = arg;
	struct bk_cli_device device;

	(void)group;
	if (!d->events->on_call)
		return;
	sum_up(d, from->from, from->key, judge(d, from->from, from->key), &device);
	if (device.verdict == BK_CLI_DEVICE_CHANGED)
		warn(d, device.name, "a call came from");
	d->events->on_call(d->arg, &device, purpose, code);
}

static void on_end(struct bk_group *group, void *arg, int error, const char *text)
{
	struct bk_cli_devices *d = arg;
	char copy[BK_GROUP_SENTENCE_MAX]; /* the text goes with the group */

	snprintf(copy, sizeof(copy), "%s", text);
	bk_group_free(group);
	d->group = NULL;
	d->events->on_end(d->arg, error, copy);
}

/* --- our card --- */

static void tell(struct bk_cli_devices *d)
{
	uint8_t about[BK_DEVICE_ABOUT_MAX];
	size_t n = bk_device_encode(&d->about, about);

	(void)bk_device_decode(about, n, &d->about); /* names of types that were lent are ours now */
	if (d->group)
		(void)bk_group_set_about(d->group, about, n);
}

static void on_nat(struct bk_nat_report *report, void *arg, const struct bk_nat_result *result)
{
	struct bk_cli_devices *d = arg;

	d->about.nat_udp = result->udp.type;
	d->about.nat_tcp = result->tcp.type;
	tell(d);
	bk_nat_report_free(report); /* and the result with it */
	d->nat = NULL;
}

static void on_no_nat(struct bk_nat_report *report, void *arg, int error, const char *text)
{
	struct bk_cli_devices *d = arg;

	(void)error;
	bk_cli_report_note(d->frame->report, 2, text);
	bk_nat_report_free(report);
	d->nat = NULL;
}

/* What kind of NAT is before us. Only who is listed has to say it. */
static void look_at_nat(struct bk_cli_devices *d)
{
	static const struct bk_nat_report_events events = {
		.size = sizeof(events), .on_done = on_nat, .on_failed = on_no_nat};
	const struct bk_session_opts *s = &d->frame->session;
	const struct bk_nat_report_opts opts = {
		.size = sizeof(opts), .server = s->server, .token = s->token, .state_dir = s->state_dir};

	if (s->server && d->about.flags & BK_DEVICE_PRESENT)
		(void)bk_nat_report_new(d->frame->loop, &opts, &events, d, &d->nat);
}

/* Now our own key is known, and who has another one is judged. */
static void on_open(struct bk_group *group, void *arg)
{
	struct bk_cli_devices *d = arg;
	struct bk_cli_device device;

	(void)group;
	d->is_open = true;
	for (size_t i = 0; i < d->members_len; i++)
		judge_member(d, &d->members[i]);
	for (size_t i = 0; bk_cli_devices_get(d, i, &device); i++) {
		device.is_news = true;
		d->events->on_change(d->arg, &device);
	}
	look_at_nat(d);
	if (d->events->on_open)
		d->events->on_open(d->arg);
}

static void describe(struct bk_cli_devices *d, unsigned flags)
{
	int n = flags & BK_DEVICE_PRESENT
			? bk_ifaddr_list_outward(d->about.addresses, BK_DEVICE_ADDRESSES_MAX)
			: 0;

	d->about.flags = (uint8_t)flags;
	d->about.since = (uint32_t)time(NULL);
	d->about.addresses_len = n > 0 ? (size_t)n : 0;
}

/* --- life --- */

void bk_cli_devices_use(struct bk_cli_options *o, const struct bk_cli_devices_store *store)
{
	if (!o->is_server_typed && *store->server)
		o->server = store->server;
}

int bk_cli_devices_start(struct bk_cli_devices *d, struct bk_cli_frame *f, struct bk_cli_devices_store *store,
	unsigned flags, const struct bk_cli_devices_events *events, void *arg, char ret_text[BK_CLI_TEXT_MAX])
{
	static const struct bk_group_events group_events = {.size = sizeof(group_events),
		.on_open = on_open,
		.on_line = on_line,
		.on_doubt = on_doubt,
		.on_member = on_member,
		.on_unsent = on_unsent,
		.on_note = on_note,
		.on_end = on_end,
		.on_call = on_call};
	uint8_t about[BK_DEVICE_ABOUT_MAX];
	struct bk_group_opts opts = {.size = sizeof(opts),
		.server = f->session.server,
		.token = f->session.token,
		.invite = store->invite,
		.name = store->name,
		.state_dir = f->session.state_dir,
		.about = about,
		.lan = f->session.lan,
		.lan_peer = f->session.lan_peer};
	char text[BK_GROUP_SENTENCE_MAX] = "";
	int err;

	_Static_assert((int)BK_CLI_TEXT_MAX >= (int)BK_GROUP_SENTENCE_MAX, "room for either sentence");
	*d = (struct bk_cli_devices){.frame = f, .events = events, .arg = arg, .store = store};
	f->session.name = f->session.name ? f->session.name : store->name;
	describe(d, flags);
	opts.about_len = bk_device_encode(&d->about, about);
	err = bk_group_new(f->loop, &opts, &group_events, d, &d->group, text);
	if (err < 0)
		snprintf(ret_text, BK_CLI_TEXT_MAX, "%s", *text ? text : bk_error_text(err));
	return err;
}

void bk_cli_devices_leave(struct bk_cli_devices *d)
{
	if (d->group)
		bk_group_leave(d->group);
}

void bk_cli_devices_done(struct bk_cli_devices *d)
{
	bk_nat_report_free(d->nat);
	bk_group_free(d->group);
	free(d->members);
	*d = (struct bk_cli_devices){0};
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A room: many people talk by an invite of seven words, through a server that cannot read any of it; or, with "-" in
 * its place, with no server among the machines of a network: one of the members is the server, and when he goes another
 * one is. The one without an invite makes one. "/to NAME TEXT" is for one alone; Ctrl-D leaves when everything that was
 * said is out. (Others on the machine can see a command line: a program for daily use asks for the invite.) */
#include <stdlib.h>
#include <string.h>

#include <bodkin/group.h>

#include "common.h"
#include "lines.h"

enum { MEMBERS_MAX = 1000 };

struct who {
	char name[BK_GROUP_NAME_MAX + 1];
	unsigned char key[BK_GROUP_KEY_LEN];
	uint64_t handle;
};

struct room {
	struct bk_loop *loop;
	struct bk_group *group;
	struct lines *lines;
	struct who members[MEMBERS_MAX];
	size_t members_len;
	bool failed;
};

/* --- the keyboard --- */

static const struct who *find(const struct room *r, const char *name, size_t n)
{
	for (size_t i = 0; i < r->members_len; i++)
		if (strlen(r->members[i].name) == n && !memcmp(r->members[i].name, name, n))
			return &r->members[i];
	return NULL;
}

static int say(struct room *r, const char *line, size_t n)
{
	const struct who *to;
	const char *text;

	if (strncmp(line, "/to ", 4) != 0)
		return bk_group_say(r->group, line, n, NULL);
	line += 4;
	text = line + strcspn(line, " ");
	to = find(r, line, (size_t)(text - line));
	if (!to)
		return BK_E_NO_SUCH_PEER;
	text += *text == ' ';
	return bk_group_whisper(r->group, to->key, text, strlen(text), NULL);
}

static void on_line(void *arg, const char *line, size_t n)
{
	struct room *r = arg;
	int err = say(r, line, n);

	if (err < 0)
		complain("not said: %s", bk_error_text(err));
}

static void on_no_more_lines(void *arg)
{
	bk_group_leave(((struct room *)arg)->group);
}

/* --- the room --- */

static void on_open(struct bk_group *group, void *arg)
{
	struct room *r = arg;

	(void)group;
	printf("* %zu here\n", r->members_len);
	lines_resume(r->lines);
}

static void on_said(struct bk_group *group, void *arg, const struct bk_group_line *l)
{
	(void)group;
	(void)arg;
	if (!l->is_ours)
		printf("%s%s%s%s: %s\n", l->is_history ? "(before) " : "", l->is_private ? "(to you) " : "",
			l->from, l->has_others_name ? " (not who had that name first)" : "", l->text);
}

static void on_sent(struct bk_group *group, void *arg, uint32_t ticket, uint64_t number)
{
	(void)group;
	(void)arg;
	printf("* sent: %u as %llu\n", (unsigned)ticket, (unsigned long long)number);
}

static void on_doubt(struct bk_group *group, void *arg, const char *text)
{
	(void)group;
	(void)arg;
	printf("* careful: %s\n", text);
}

static void on_member(struct bk_group *group, void *arg, const struct bk_group_member *m, bool is_here)
{
	struct room *r = arg;
	size_t i = 0;

	(void)group;
	while (i < r->members_len && r->members[i].handle != m->handle)
		i++;
	if (!is_here && i < r->members_len) {
		r->members[i] = r->members[--r->members_len];
		printf("* %s has left\n", m->name);
	} else if (is_here && i == r->members_len && i < MEMBERS_MAX) {
		struct who *w = &r->members[r->members_len++];

		snprintf(w->name, sizeof(w->name), "%s", m->name);
		memcpy(w->key, m->key, sizeof(w->key));
		w->handle = m->handle;
		printf("* %s is here\n", m->name);
	}
}

static void on_note(struct bk_group *group, void *arg, int verbosity, const char *text)
{
	(void)group;
	(void)arg;
	if (verbosity <= 0)
		printf("* %s\n", text);
}

static void on_end(struct bk_group *group, void *arg, int error, const char *text)
{
	struct room *r = arg;

	(void)group;
	if (error < 0)
		complain("%s", text);
	r->failed = error < 0;
	bk_loop_stop(r->loop);
}

static void on_signal(void *arg, int signo)
{
	(void)signo;
	bk_group_leave(((struct room *)arg)->group);
}

static int start(struct room *r, const struct bk_group_opts *opts)
{
	static const struct bk_group_events events = {.size = sizeof(events),
		.on_open = on_open,
		.on_line = on_said,
		.on_doubt = on_doubt,
		.on_member = on_member,
		.on_sent = on_sent,
		.on_note = on_note,
		.on_end = on_end};
	static const struct lines_events line_events = {.on_line = on_line, .on_end = on_no_more_lines};
	char text[BK_GROUP_SENTENCE_MAX];
	int err = bk_loop_new(BK_LOOP_POLL, &r->loop);

	if (err >= 0)
		err = lines_new(r->loop, &line_events, r, &r->lines);
	if (err < 0)
		complain("cannot run: %s", bk_error_text(err));
	else if ((err = bk_group_new(r->loop, opts, &events, r, &r->group, text)) < 0)
		complain("%s", text);
	return err;
}

/* SERVER, "-" for the network alone, "-HOST" to ask there as well, "SERVER-" for the network where the server is not in
 * reach. */
static void where(char *place, struct bk_group_opts *opts)
{
	char *dash = strrchr(place, '-');

	if (*place == '-' || (dash && !dash[1]))
		opts->lan = "";
	if (*place == '-')
		opts->lan_peer = place[1] ? place + 1 : NULL;
	else
		opts->server = place;
	if (opts->server && opts->lan)
		*dash = '\0';
}

int main(int argc, char **argv)
{
	static struct room r;
	char invite[BK_GROUP_INVITE_MAX], text[BK_GROUP_SENTENCE_MAX];
	struct bk_group_opts opts = {.size = sizeof(opts), .invite = invite};
	int err;

	if (argc < 3 || argc > 4)
		return usage("HOST[:PORT][#PIN]|- NAME [INVITE]");
	setvbuf(stdout, NULL, _IOLBF, 0);
	where(argv[1], &opts);
	opts.name = argv[2];
	err = argc == 4 ? bk_group_invite_check(argv[3], invite, text) : bk_group_invite_make(invite);
	if (err < 0) {
		complain("%s", argc == 4 ? text : bk_error_text(err));
		return EXIT_FAILURE;
	}
	if (argc == 3)
		printf("on the other machines: room %s NAME %s\n", argv[1], invite);
	if (start(&r, &opts) < 0 || run_loop(r.loop, on_signal, &r) < 0)
		r.failed = true;
	bk_group_free(r.group);
	lines_free(r.lines);
	bk_loop_free(r.loop);
	return r.failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "room/test_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/config.h"
#include "server/server.h"

/* --- the server --- */

static void on_news(void *arg, struct lying *board, uint64_t who, const struct bk_group_msg *m)
{
	struct scene *s = arg;
	int whom = 0;

	if (m->type == BK_GROUP_JOINED && s->came < SCENE_PEOPLE) {
		s->handles[s->came++] = who;
		if (!s->tell)
			memcpy(s->life, m->life, sizeof(s->life));
	}
	while (whom < SCENE_PEOPLE && s->handles[whom] != who)
		whom++;
	if (m->type == BK_GROUP_SAID && whom == 0 && m->number < SCENE_SAID_MAX) {
		struct said *kept = &s->said[m->number];

		assert_true(m->len <= sizeof(kept->bytes));
		memcpy(kept->bytes, m->bytes, m->len);
		kept->m = *m;
		kept->m.bytes = kept->bytes;
	}
	if (s->tell && whom < SCENE_PEOPLE && (m->type == BK_GROUP_SAID || m->type == BK_GROUP_JOINED))
		s->tell(s, board, whom, m);
	else
		lying_tell(board, who, m);
}

void tell_as(struct scene *s, struct lying *board, int whom, unsigned number, uint64_t as)
{
	struct bk_group_msg m = s->said[number].m;

	m.number = as;
	lying_tell(board, s->handles[whom], &m);
}

/* --- the members --- */

static void look(struct scene *s)
{
	if (s->stop_when && *s->stop_when >= s->stop_at)
		bk_loop_stop(s->w.loop);
}

void scene_run_until(struct scene *s, const unsigned *counter, unsigned at)
{
	s->stop_when = counter;
	s->stop_at = at;
	if (*counter < at)
		world_run(&s->w);
	s->stop_when = NULL;
	assert_true(*counter >= at);
}

static void on_open(struct bk_group *group, void *arg)
{
	struct person *p = arg;

	(void)group;
	p->opens++;
	look(p->s);
}

static void on_line(struct bk_group *group, void *arg, const struct bk_group_line *l)
{
	struct person *p = arg;
	size_t n = strlen(p->lines);

	(void)group;
	snprintf(p->lines + n, sizeof(p->lines) - n, "%s:%s ", l->from, l->text);
	p->heard++;
	look(p->s);
}

static void on_doubt(struct bk_group *group, void *arg, const char *text)
{
	struct person *p = arg;
	size_t n = strlen(p->doubts);

	(void)group;
	snprintf(p->doubts + n, sizeof(p->doubts) - n, "%s\n", text);
	p->doubted++;
	look(p->s);
}

static void on_end(struct bk_group *group, void *arg, int error, const char *text)
{
	struct person *p = arg;

	(void)text;
	p->error = error;
	p->ends++;
	bk_group_free(group);
	p->group = NULL;
	look(p->s);
}

void scene_come(struct person *p, const char *name, const char *invite)
{
	static const struct bk_group_events events = {.size = sizeof(events),
		.on_open = on_open,
		.on_line = on_line,
		.on_doubt = on_doubt,
		.on_end = on_end};
	const struct bk_group_opts opts = {
		.size = sizeof(opts), .server = p->s->w.target, .invite = invite, .name = name};
	char text[BK_GROUP_SENTENCE_MAX];

	if (bk_group_new(p->s->w.loop, &opts, &events, p, &p->group, text) < 0)
		fail_msg("%s", text);
	scene_run_until(p->s, &p->opens, 1);
}

void scene_say(struct person *p, const char *text)
{
	assert_int_equal(bk_group_say(p->group, text, strlen(text), NULL), 0);
}

void scene_say_to_all(struct person *p, const char *text)
{
	struct scene *s = p->s;
	unsigned at[SCENE_PEOPLE];

	for (int i = 0; i < SCENE_PEOPLE; i++)
		at[i] = s->people[i].heard + 1;
	scene_say(p, text);
	for (int i = 0; i < SCENE_PEOPLE; i++)
		scene_run_until(s, &s->people[i].heard, at[i]);
}

void serve(struct scene *s)
{
	struct bk_server_config config;
	char text[BK_SERVER_TEXT_MAX];

	assert_int_equal(bk_server_config_init(&config, &s->w.opts, text), 0);
	bk_server_free(s->w.server);
	config.board = (struct bk_board_kind){lying_board_new, &s->lies};
	if (bk_server_open(s->w.loop, &config, s->w.dir, &s->w.server, text) < 0)
		fail_msg("%s", text);
	snprintf(s->w.target, sizeof(s->w.target), "127.0.0.1:%u#%s", bk_server_port(s->w.server),
		bk_server_pin(s->w.server));
}

int scene_set_up(void **state)
{
	static const char *const names[SCENE_PEOPLE] = {"anna", "bert", "carl"};
	struct scene *s = calloc(1, sizeof(*s));
	char invite[BK_GROUP_INVITE_MAX];

	assert_non_null(s);
	world_init(&s->w, (struct bk_server_opts){0});
	s->lies = (struct lies){.arg = s, .on_news = on_news};
	serve(s);
	assert_int_equal(bk_group_invite_make(invite), 0);
	for (int i = 0; i < SCENE_PEOPLE; i++) {
		s->people[i].s = s;
		scene_come(&s->people[i], names[i], invite);
	}
	scene_say_to_all(ANNA, "one");
	*state = s;
	return 0;
}

int scene_tear_down(void **state)
{
	struct scene *s = *state;

	for (int i = 0; i < SCENE_PEOPLE; i++)
		bk_group_free(s->people[i].group);
	world_done(&s->w);
	free(s);
	return 0;
}

void check_doubt(const struct person *p, const char *words)
{
	if (!strstr(p->doubts, words))
		fail_msg("not said: %s; but: %s", words, p->doubts);
}

void check_all_quiet(const struct person *p)
{
	assert_string_equal(p->doubts, "");
}

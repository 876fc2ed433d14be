/* SPDX-License-Identifier: Apache-2.0 */
#include <bodkin/group.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/error.h"
#include "rendezvous/test_kit.h"

/* Members of one group and a server in one loop on loopback. */
struct person {
	struct world *w;
	struct bk_group *group;
	char lines[1024], doubt[BK_GROUP_SENTENCE_MAX], invite[BK_GROUP_INVITE_MAX],
		text[BK_GROUP_SENTENCE_MAX];
	uint8_t key[BK_GROUP_KEY_LEN];
	int opens, heard, sent, unsent, doubts, here, notes, ends, error;
	int *stop_when, stop_at;
};

static char invite[BK_GROUP_INVITE_MAX];

static void look(struct person *p)
{
	if (p->stop_when && *p->stop_when == p->stop_at)
		bk_loop_stop(p->w->loop);
}

static void run_until(struct person *p, int *counter, int at)
{
	p->stop_when = counter;
	p->stop_at = at;
	if (*counter != at)
		world_run(p->w);
	p->stop_when = NULL;
	assert_int_equal(*counter, at);
}

static void on_open(struct bk_group *group, void *arg)
{
	struct person *p = arg;

	assert_ptr_equal(group, p->group);
	p->opens++;
	look(p);
}

static void on_line(struct bk_group *group, void *arg, const struct bk_group_line *l)
{
	struct person *p = arg;
	size_t n = strlen(p->lines);

	(void)group;
	assert_int_equal(strlen(l->text), l->len);
	snprintf(p->lines + n, sizeof(p->lines) - n, "%s%s%s:%s ", l->is_history ? "*" : "",
		l->is_private ? "~" : "", l->from, l->text);
	p->heard++;
	look(p);
}

static void on_doubt(struct bk_group *group, void *arg, const char *text)
{
	struct person *p = arg;

	(void)group;
	p->doubts++;
	snprintf(p->doubt, sizeof(p->doubt), "%s", text);
	look(p);
}

static void on_member(struct bk_group *group, void *arg, const struct bk_group_member *m, bool is_here)
{
	struct person *p = arg;

	(void)group;
	p->here += is_here ? 1 : -1;
	if (m->is_us)
		memcpy(p->key, m->key, sizeof(p->key));
	look(p);
}

static void on_sent(struct bk_group *group, void *arg, uint32_t ticket, uint64_t number)
{
	struct person *p = arg;

	(void)group;
	assert_true(ticket && number);
	p->sent++;
	look(p);
}

static void on_unsent(struct bk_group *group, void *arg, uint32_t ticket, int error)
{
	(void)group;
	(void)ticket;
	(void)error;
	((struct person *)arg)->unsent++;
}

static void on_invite(struct bk_group *group, void *arg, const struct bk_group_line *from, const char *text)
{
	struct person *p = arg;

	(void)group;
	assert_true(from->is_private);
	snprintf(p->invite, sizeof(p->invite), "%s", text);
}

static void on_note(struct bk_group *group, void *arg, int verbosity, const char *text)
{
	struct person *p = arg;

	(void)group;
	(void)text;
	p->notes += verbosity == 0;
	look(p);
}

static void on_end(struct bk_group *group, void *arg, int error, const char *text)
{
	struct person *p = arg;

	p->ends++;
	p->error = error;
	snprintf(p->text, sizeof(p->text), "%s", text);
	bk_group_free(group);
	p->group = NULL;
	look(p);
}

static const struct bk_group_events events = {.size = sizeof(events),
	.on_open = on_open,
	.on_line = on_line,
	.on_doubt = on_doubt,
	.on_member = on_member,
	.on_sent = on_sent,
	.on_unsent = on_unsent,
	.on_invite = on_invite,
	.on_note = on_note,
	.on_end = on_end};

static void begin(struct person *p, struct world *w, const char *name, const char *state_dir)
{
	const struct bk_group_opts opts = {.size = sizeof(opts),
		.server = w->target,
		.invite = invite,
		.name = name,
		.state_dir = state_dir};
	char text[BK_GROUP_SENTENCE_MAX];

	*p = (struct person){.w = w};
	if (bk_group_new(w->loop, &opts, &events, p, &p->group, text) < 0)
		fail_msg("%s", text);
}

static void come(struct person *p, struct world *w, const char *name)
{
	begin(p, w, name, NULL);
	run_until(p, &p->opens, 1);
}

static void say(struct person *p, const char *text)
{
	assert_int_equal(bk_group_say(p->group, text, strlen(text), NULL), 0);
}

static void leave(struct person *p)
{
	bk_group_leave(p->group);
	assert_int_equal(bk_group_say(p->group, "x", 1, NULL), BK_E_EOF);
	run_until(p, &p->ends, 1);
	assert_int_equal(p->error, 0);
}

static void set_up(struct world *w)
{
	world_init(w, (struct bk_server_opts){0});
	assert_int_equal(bk_group_invite_make(invite), 0);
}

static void what_one_says_all_read_and_who_comes_late_reads_it_as_history(void **state)
{
	struct person anna, bert, carl;
	struct world w;

	(void)state;
	set_up(&w);
	come(&anna, &w, "anna");
	say(&anna, "alone");
	run_until(&anna, &anna.sent, 1);
	come(&bert, &w, "bert");
	run_until(&bert, &bert.heard, 1);
	assert_int_equal(bert.here, 2);
	say(&bert, "hello");
	say(&anna, "hi");
	run_until(&anna, &anna.heard, 3);
	run_until(&bert, &bert.heard, 3);
	assert_string_equal(bert.lines + 1, anna.lines);
	assert_int_equal(bk_group_whisper(anna.group, bert.key, "psst", 4, NULL), 0);
	run_until(&bert, &bert.heard, 4);
	come(&carl, &w, "carl");
	run_until(&carl, &carl.heard, 3);
	assert_int_equal(carl.lines[0], '*');
	assert_null(strstr(carl.lines, "psst"));
	assert_non_null(strstr(bert.lines, "~anna:psst "));
	leave(&carl);
	run_until(&anna, &anna.here, 2);
	leave(&bert);
	leave(&anna);
	assert_int_equal(anna.doubts + bert.doubts + carl.doubts, 0);
	world_done(&w);
}

static void a_server_that_was_lost_costs_no_line_and_doubles_none(void **state)
{
	struct person anna, bert;
	struct world w;

	(void)state;
	set_up(&w);
	come(&anna, &w, "anna");
	come(&bert, &w, "bert");
	say(&anna, "one");
	run_until(&bert, &bert.heard, 1);
	run_until(&anna, &anna.heard, 1);
	world_restart_server(&w);
	say(&anna, "two"); /* before anybody knows that it is gone */
	run_until(&anna, &anna.notes, 1);
	say(&bert, "three");
	run_until(&anna, &anna.heard, 3);
	run_until(&bert, &bert.heard, 3);
	assert_non_null(strstr(bert.lines, "anna:two "));
	assert_non_null(strstr(bert.lines, "bert:three "));
	run_until(&anna, &anna.here, 2);
	say(&anna, "four");
	run_until(&bert, &bert.heard, 4);
	leave(&anna);
	leave(&bert);
	assert_int_equal(anna.doubts + bert.doubts + anna.unsent + bert.unsent, 0);
	assert_true(anna.sent == 3 && bert.sent == 1);
	world_done(&w);
}

static void what_cannot_be_used_is_said_at_once(void **state)
{
	static const struct {
		struct bk_group_opts opts;
		const char *said;
	} rows[] = {
		{{.server = "x", .name = "a", .invite = "acorn"},
			"an invite has seven words, and this has 1"},
		{{.server = "x", .name = "a"}, "an invite has seven words, and this has 0"},
		{{.server = "x", .name = "\x1b"}, "a name has 1 to 64 bytes, and no control characters"},
		{{.name = "a"}, "no server is named"},
	};
	struct world w;

	(void)state;
	set_up(&w);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[BK_GROUP_SENTENCE_MAX] = "";
		struct bk_group *g;

		assert_int_equal(bk_group_new(w.loop, &rows[i].opts, &events, NULL, &g, text), BK_E_INVALID);
		assert_string_equal(text, rows[i].said);
	}
	world_done(&w);
}

static void a_key_in_the_state_folder_stays_and_one_without_is_for_once(void **state)
{
	struct person anna, again, other;
	char path[128];
	struct stat st;
	struct world w;

	(void)state;
	set_up(&w);
	begin(&anna, &w, "anna", w.dir);
	run_until(&anna, &anna.opens, 1);
	leave(&anna);
	begin(&again, &w, "anna", w.dir);
	run_until(&again, &again.opens, 1);
	assert_memory_equal(again.key, anna.key, sizeof(anna.key));
	snprintf(path, sizeof(path), "%s/member_key.pem", w.dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	come(&other, &w, "anna"); /* with that name, and another key */
	run_until(&again, &again.doubts, 1);
	assert_non_null(strstr(again.doubt, "'anna' comes with another key"));
	bk_group_free(again.group);
	bk_group_free(other.group);
	world_done(&w);
}

static void another_invite_reaches_who_is_to_have_it(void **state)
{
	struct person anna, bert, carl;
	char fresh[BK_GROUP_INVITE_MAX];
	struct world w;

	(void)state;
	set_up(&w);
	come(&anna, &w, "anna");
	come(&bert, &w, "bert");
	come(&carl, &w, "carl");
	run_until(&anna, &anna.here, 3);
	assert_int_equal(bk_group_rekey(anna.group, &carl.key, 1, fresh), 0);
	say(&anna, "moved");
	run_until(&bert, &bert.heard, 1);
	run_until(&carl, &carl.heard, 1);
	assert_string_equal(bert.invite, fresh);
	assert_string_equal(carl.invite, "");
	bk_group_free(anna.group);
	bk_group_free(bert.group);
	bk_group_free(carl.group);
	world_done(&w);
}

static void nobody_at_the_door_is_the_end_before_we_were_in(void **state)
{
	struct person anna;
	struct world w;

	(void)state;
	set_up(&w);
	bk_server_free(w.server);
	w.server = NULL;
	begin(&anna, &w, "anna", NULL);
	assert_int_equal(bk_group_say(anna.group, "x", 1, NULL), BK_E_AGAIN);
	run_until(&anna, &anna.ends, 1);
	assert_int_equal(anna.error, BK_E_REFUSED);
	world_done(&w);
}

static void two_windows_of_one_person_who_come_at_the_same_instant_are_both_heard(void **state)
{
	struct person anna, one, other;
	struct world w;

	(void)state;
	set_up(&w);
	come(&anna, &w, "anna");
	world_stop_wall(true);
	begin(&one, &w, "one", w.dir);
	begin(&other, &w, "other", w.dir);
	run_until(&one, &one.opens, 1);
	run_until(&other, &other.opens, 1);
	world_stop_wall(false);
	assert_memory_equal(one.key, other.key, sizeof(one.key));
	say(&one, "from the one");
	run_until(&anna, &anna.heard, 1);
	say(&other, "from the other");
	run_until(&other, &other.sent, 1);
	run_until(&anna, &anna.heard, 2);
	assert_string_equal(anna.lines, "one:from the one other:from the other ");
	assert_int_equal(anna.doubts + one.doubts + other.doubts, 0);
	leave(&anna);
	leave(&one);
	leave(&other);
	world_done(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_one_says_all_read_and_who_comes_late_reads_it_as_history),
		cmocka_unit_test(a_server_that_was_lost_costs_no_line_and_doubles_none),
		cmocka_unit_test(what_cannot_be_used_is_said_at_once),
		cmocka_unit_test(a_key_in_the_state_folder_stays_and_one_without_is_for_once),
		cmocka_unit_test(another_invite_reaches_who_is_to_have_it),
		cmocka_unit_test(two_windows_of_one_person_who_come_at_the_same_instant_are_both_heard),
		cmocka_unit_test(nobody_at_the_door_is_the_end_before_we_were_in),
	};

	return cmocka_run_group_tests_name("room", tests, NULL, NULL);
}

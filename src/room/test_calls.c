/* SPDX-License-Identifier: Apache-2.0 */
/* Members call each other, and meet by what a call says: a session, in which files go both ways. */
#include <bodkin/group.h>

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <bodkin/transfer.h>

#include "base/error.h"
#include "rendezvous/test_kit.h"

enum { SIZE = 3 * 1024 * 1024 };

struct person {
	struct world *w;
	const char *name;
	char dir[96], file[128], folder[128], about[BK_GROUP_ABOUT_MAX + 1];
	struct bk_group *group;
	uint8_t key[BK_GROUP_KEY_LEN];
	const struct person *other; /* whose card is looked at, and who is called */
	const uint8_t *expected;    /* NULL: the other's key */
	int opens, told, here, calls, ends, unsent;
	char purpose[BK_GROUP_CALL_PURPOSE_MAX + 1], code[BK_GROUP_CALL_CODE_MAX + 1];
	struct bk_send *send;
	struct bk_recv *recv;
	int sent, received, send_error, recv_error, failed;
	char text[BK_TRANSFER_TEXT_MAX];
	int *stop_when, stop_at;
};

static char invite[BK_GROUP_INVITE_MAX];

static void look(struct person *p)
{
	if (p->stop_when && *p->stop_when >= p->stop_at)
		bk_loop_stop(p->w->loop);
}

static void run_until(struct person *p, int *counter, int at)
{
	p->stop_when = counter;
	p->stop_at = at;
	if (*counter < at)
		world_run(p->w);
	p->stop_when = NULL;
	assert_true(*counter >= at);
}

/* --- what they are told --- */

static void on_open(struct bk_group *group, void *arg)
{
	struct person *p = arg;

	(void)group;
	p->opens++;
	look(p);
}

static void on_line(struct bk_group *group, void *arg, const struct bk_group_line *line)
{
	(void)group;
	(void)arg;
	fail_msg("nobody says anything, but '%s'", line->text);
}

static void on_member(struct bk_group *group, void *arg, const struct bk_group_member *m, bool is_here)
{
	struct person *p = arg;

	(void)group;
	if (m->is_us)
		memcpy(p->key, m->key, sizeof(p->key));
	if (p->other && !strcmp(m->name, p->other->name)) {
		p->here = is_here;
		p->told += is_here;
		snprintf(p->about, sizeof(p->about), "%.*s", (int)m->about_len, (const char *)m->about);
	}
	look(p);
}

static void answer(struct person *p, const uint8_t *caller);

static void on_call(struct bk_group *group, void *arg, const struct bk_group_line *from, const char *purpose,
	const char *code)
{
	struct person *p = arg;

	(void)group;
	assert_true(from->is_private && !from->is_history && !from->is_ours);
	p->calls++;
	snprintf(p->purpose, sizeof(p->purpose), "%s", purpose);
	snprintf(p->code, sizeof(p->code), "%s", code);
	if (!strcmp(purpose, "files"))
		answer(p, from->key);
	look(p);
}

static void on_unsent(struct bk_group *group, void *arg, uint32_t ticket, int error)
{
	(void)group;
	(void)ticket;
	fail_msg("%s lost a call: %s", ((struct person *)arg)->name, bk_error_text(error));
}

static void on_end(struct bk_group *group, void *arg, int error, const char *text)
{
	struct person *p = arg;

	assert_int_equal(error, 0);
	assert_non_null(text);
	p->ends++;
	bk_group_free(group);
	p->group = NULL;
	look(p);
}

static const struct bk_group_events events = {.size = sizeof(events),
	.on_open = on_open,
	.on_line = on_line,
	.on_member = on_member,
	.on_unsent = on_unsent,
	.on_call = on_call,
	.on_end = on_end};

static void come(struct person *p, const char *about)
{
	const struct bk_group_opts opts = {.size = sizeof(opts),
		.server = p->w->target,
		.invite = invite,
		.name = p->name,
		.state_dir = p->dir,
		.about = about,
		.about_len = about ? strlen(about) : 0};
	int opens = p->opens;
	char text[BK_GROUP_SENTENCE_MAX];

	if (bk_group_new(p->w->loop, &opts, &events, p, &p->group, text) < 0)
		fail_msg("%s", text);
	run_until(p, &p->opens, opens + 1);
}

static void leave(struct person *p)
{
	int ends = p->ends;

	bk_group_leave(p->group);
	run_until(p, &p->ends, ends + 1);
}

static void make_file(const char *path, char fill)
{
	static char bytes[SIZE];
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	memset(bytes, fill, sizeof(bytes));
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, sizeof(bytes)), SIZE);
	close(fd);
}

static void be(struct person *p, struct world *w, const char *name)
{
	*p = (struct person){.w = w, .name = name};
	snprintf(p->dir, sizeof(p->dir), "%s/%s", w->dir, name);
	snprintf(p->file, sizeof(p->file), "%s/from-%s", p->dir, name);
	snprintf(p->folder, sizeof(p->folder), "%s/in", p->dir);
	assert_int_equal(mkdir(p->dir, 0700), 0);
	assert_int_equal(mkdir(p->folder, 0700), 0);
}

static void go(struct person *p)
{
	bk_send_free(p->send);
	bk_recv_free(p->recv);
	bk_group_free(p->group);
}

static void set_up(struct world *w)
{
	world_init(w, (struct bk_server_opts){0});
	assert_int_equal(bk_group_invite_make(invite), 0);
}

/* --- files --- */

static void on_code(struct bk_call *call, void *arg, const char *code)
{
	struct person *p = arg;

	(void)call;
	assert_int_equal(bk_group_call(p->group, p->other->key, "files", code, NULL), 0);
}

static void on_sent(struct bk_call *call, void *arg, const struct bk_transfer_result *result)
{
	struct person *p = arg;

	(void)call;
	assert_int_equal(result->bytes, SIZE);
	p->sent++;
	look(p);
}

static void on_received(struct bk_call *call, void *arg, const struct bk_transfer_result *result)
{
	struct person *p = arg;

	(void)call;
	assert_int_equal(result->bytes, SIZE);
	p->received++;
	look(p);
}

static void on_not_sent(struct bk_call *call, void *arg, const struct bk_call_failure *failure)
{
	struct person *p = arg;

	(void)call;
	p->send_error = failure->error;
	snprintf(p->text, sizeof(p->text), "%s", failure->text);
	p->failed++;
	look(p);
}

static void on_not_received(struct bk_call *call, void *arg, const struct bk_call_failure *failure)
{
	struct person *p = arg;

	(void)call;
	p->recv_error = failure->error;
	snprintf(p->text, sizeof(p->text), "%s", failure->text);
	p->failed++;
	look(p);
}

static struct bk_session_opts session_of(const struct person *p, const uint8_t *peer_key, const char *code)
{
	return (struct bk_session_opts){.size = sizeof(struct bk_session_opts),
		.server = p->w->target,
		.code = code,
		.name = p->name,
		.key_dir = p->dir,
		.peer_key = peer_key};
}

static void send_file(struct person *p)
{
	static const struct bk_call_news news = {.size = sizeof(news), .on_code = on_code};
	static const struct bk_transfer_events sending = {
		.size = sizeof(sending), .news = &news, .on_done = on_sent, .on_error = on_not_sent};
	const struct bk_session_opts session = session_of(p, p->expected ? p->expected : p->other->key, NULL);
	const char *path = p->file;
	const struct bk_send_opts opts = {
		.size = sizeof(opts), .session = &session, .paths = &path, .paths_len = 1};
	char text[BK_TRANSFER_TEXT_MAX];

	make_file(p->file, p->name[0]);
	if (bk_send_new(p->w->loop, &opts, &sending, p, &p->send, text) < 0)
		fail_msg("%s", text);
}

static void answer(struct person *p, const uint8_t *caller)
{
	static const struct bk_transfer_events receiving = {
		.size = sizeof(receiving), .on_done = on_received, .on_error = on_not_received};
	const struct bk_session_opts session = session_of(p, p->expected ? p->expected : caller, p->code);
	const struct bk_recv_opts opts = {.size = sizeof(opts), .session = &session, .folder = p->folder};
	char text[BK_TRANSFER_TEXT_MAX];

	if (bk_recv_new(p->w->loop, &opts, &receiving, p, &p->recv, text) < 0)
		fail_msg("%s", text);
}

/* --- the claims --- */

static void what_a_member_says_of_itself_is_told_and_told_again_when_it_is_something_else(void **state)
{
	struct person anna, bert;
	char number[8];
	struct world w;

	(void)state;
	set_up(&w);
	be(&anna, &w, "anna");
	be(&bert, &w, "bert");
	bert.other = &anna;
	come(&anna, "receives");
	come(&bert, NULL);
	assert_string_equal(bert.about, "receives");
	assert_int_equal(bert.told, 1);
	for (int i = 0; i <= 200; i++) {
		snprintf(number, sizeof(number), "%d", i);
		assert_int_equal(bk_group_set_about(anna.group, number, strlen(number)), 0);
	}
	assert_int_equal(bk_group_set_about(anna.group, number, strlen(number)), 0);
	run_until(&bert, &bert.told, 2);
	assert_string_equal(bert.about, "200");
	assert_int_equal(bk_group_set_about(anna.group, NULL, 0), 0);
	run_until(&bert, &bert.told, 3);
	assert_string_equal(bert.about, "");
	assert_int_equal(bk_group_set_about(anna.group, invite, BK_GROUP_ABOUT_MAX + 1), BK_E_TOO_BIG);
	go(&anna);
	go(&bert);
	world_done(&w);
}

static void a_call_reaches_one_who_is_there_and_nobody_else(void **state)
{
	struct person anna, bert, carl;
	struct world w;

	(void)state;
	set_up(&w);
	be(&anna, &w, "anna");
	be(&bert, &w, "bert");
	be(&carl, &w, "carl");
	anna.other = &bert;
	come(&anna, NULL);
	come(&bert, NULL);
	come(&carl, NULL);
	assert_int_equal(bk_group_call(anna.group, bert.key, "ping", "7-tulip-anchor", NULL), 0);
	run_until(&bert, &bert.calls, 1);
	assert_string_equal(bert.purpose, "ping");
	assert_string_equal(bert.code, "7-tulip-anchor");
	assert_int_equal(bk_group_call(anna.group, bert.key, "Ping", "x", NULL), BK_E_INVALID);
	leave(&bert);
	assert_int_equal(bk_group_call(anna.group, bert.key, "early", "x", NULL), 0);
	assert_int_equal(bk_group_call(anna.group, carl.key, "ping", "x", NULL), 0);
	run_until(&carl, &carl.calls, 1); /* so the one before has been told, too */
	come(&bert, NULL);
	assert_int_equal(bk_group_call(anna.group, bert.key, "late", "", NULL), 0);
	run_until(&bert, &bert.calls, 2);
	assert_string_equal(bert.purpose, "late");
	assert_true(anna.calls == 0 && carl.calls == 1);
	go(&anna);
	go(&bert);
	go(&carl);
	world_done(&w);
}

/* The caller says again what the board has forgotten, and its calls are among that. */
static void a_call_of_before_the_server_was_another_one_is_not_told_after_it(void **state)
{
	struct person anna, bert;
	struct world w;

	(void)state;
	set_up(&w);
	be(&anna, &w, "anna");
	be(&bert, &w, "bert");
	anna.other = &bert;
	come(&anna, NULL);
	come(&bert, NULL);
	assert_int_equal(bk_group_call(anna.group, bert.key, "before", "", NULL), 0);
	run_until(&bert, &bert.calls, 1);
	leave(&bert);
	world_restart_server(&w);
	come(&bert, NULL);
	run_until(&anna, &anna.told, 2);
	assert_int_equal(bk_group_call(anna.group, bert.key, "after", "", NULL), 0);
	run_until(&bert, &bert.calls, 2);
	assert_string_equal(bert.purpose, "after");
	go(&anna);
	go(&bert);
	world_done(&w);
}

static void assert_has(const struct person *p, const struct person *from)
{
	char path[256];
	struct stat st;

	snprintf(path, sizeof(path), "%s/from-%s", p->folder, from->name);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, SIZE);
}

static void two_who_know_each_others_keys_hand_each_other_files_at_once(void **state)
{
	struct person anna, bert;
	struct world w;

	(void)state;
	set_up(&w);
	be(&anna, &w, "anna");
	be(&bert, &w, "bert");
	anna.other = &bert;
	bert.other = &anna;
	come(&anna, NULL);
	come(&bert, NULL);
	send_file(&anna);
	send_file(&bert);
	run_until(&anna, &anna.sent, 1);
	run_until(&bert, &bert.sent, 1);
	run_until(&anna, &anna.received, 1);
	run_until(&bert, &bert.received, 1);
	assert_has(&anna, &bert);
	assert_has(&bert, &anna);
	assert_int_equal(anna.failed + bert.failed, 0);
	go(&anna);
	go(&bert);
	world_done(&w);
}

/* Whoever of the two expects another key says so, and the other one is not left waiting. */
static void refuse_wrong_key(bool is_callers)
{
	struct person anna, bert;
	struct world w;
	struct person *who = is_callers ? &anna : &bert;

	set_up(&w);
	be(&anna, &w, "anna");
	be(&bert, &w, "bert");
	anna.other = &bert;
	come(&anna, NULL);
	come(&bert, NULL);
	who->expected = who->key; /* anybody's but the other one's */
	send_file(&anna);
	run_until(&anna, &anna.failed, 1);
	run_until(&bert, &bert.failed, 1);
	assert_int_equal(is_callers ? anna.send_error : bert.recv_error, BK_E_WRONG_KEY);
	assert_non_null(strstr(who->text, "has another key than the one that was expected"));
	assert_int_equal(is_callers ? bert.recv_error : anna.send_error, BK_E_PEER_VANISHED);
	assert_int_equal(anna.sent + bert.received, 0);
	go(&anna);
	go(&bert);
	world_done(&w);
}

static void a_key_that_the_caller_did_not_expect_is_refused(void **state)
{
	(void)state;
	refuse_wrong_key(true);
}

static void a_key_that_the_called_did_not_expect_is_refused(void **state)
{
	(void)state;
	refuse_wrong_key(false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			what_a_member_says_of_itself_is_told_and_told_again_when_it_is_something_else),
		cmocka_unit_test(a_call_reaches_one_who_is_there_and_nobody_else),
		cmocka_unit_test(a_call_of_before_the_server_was_another_one_is_not_told_after_it),
		cmocka_unit_test(two_who_know_each_others_keys_hand_each_other_files_at_once),
		cmocka_unit_test(a_key_that_the_caller_did_not_expect_is_refused),
		cmocka_unit_test(a_key_that_the_called_did_not_expect_is_refused),
	};

	return cmocka_run_group_tests_name("calls", tests, NULL, NULL);
}

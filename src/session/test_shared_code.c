/* SPDX-License-Identifier: Apache-2.0 */
/* One code for several: a maker's sessions one after the other, each for one who comes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "rendezvous/mailbox.h"
#include "session/test_kit.h"

enum { MANY = 8, SIDES_MAX = 40, WATCHDOG = 30 };

struct scene;

struct end {
	struct scene *scene;
	struct bk_session *session;
	bool is_maker, is_met, is_open, is_closed;
	int error;
	char text[STORY_TEXT_MAX];
};

struct scene {
	struct story st;
	struct bk_shared_code *shared;
	struct end ends[SIDES_MAX];
	int ends_len, wanted, opened, closed; /* wanted: so many joiners are to be open, or closed */
	char code[STORY_CODE_MAX], said[STORY_TEXT_MAX];
	int codes;
	const char *wish;
	void (*on_first_code)(struct scene *s);
	bool goes_on; /* who has met is followed by another maker */
};

static void make(struct scene *s);

static void look(struct scene *s)
{
	if (s->opened + s->closed >= s->wanted)
		bk_loop_stop(s->st.loop);
}

static void on_code(struct bk_session *session, void *arg, const char *code)
{
	struct end *e = arg;
	struct scene *s = e->scene;

	(void)session;
	if (!strcmp(s->code, code))
		return;
	snprintf(s->code, sizeof(s->code), "%s", code);
	if (!s->codes++)
		s->on_first_code(s);
}

static void on_peer(struct bk_session *session, void *arg, const struct bk_peer *peer)
{
	struct end *e = arg;

	(void)session, (void)peer;
	e->is_met = true;
	if (e->is_maker && e->scene->goes_on)
		make(e->scene);
}

static void on_open(struct bk_session *session, void *arg)
{
	struct end *e = arg;

	(void)session;
	e->is_open = true;
	e->scene->opened += !e->is_maker;
	look(e->scene);
}

static void on_note(struct bk_session *session, void *arg, int verbosity, const char *text)
{
	struct end *e = arg;

	(void)session;
	if (e->is_maker && verbosity <= 0)
		snprintf(e->scene->said, sizeof(e->scene->said), "%s", text);
}

static void on_closed(struct bk_session *session, void *arg, int error, const char *text)
{
	struct end *e = arg;

	(void)session;
	snprintf(e->text, sizeof(e->text), "%s", text);
	e->is_closed = true;
	e->error = error;
	e->scene->closed += !e->is_open;
	look(e->scene);
}

static struct end *come(struct scene *s, const char *code)
{
	static const struct bk_session_events events = {.size = sizeof(events),
		.on_code = on_code,
		.on_peer = on_peer,
		.on_open = on_open,
		.on_note = on_note,
		.on_closed = on_closed};
	struct end *e = &s->ends[s->ends_len++];
	const struct bk_session_opts opts = {.size = sizeof(opts),
		.server = s->st.target,
		.code = code,
		.code_wish = code ? NULL : s->wish,
		.name = "x",
		.shared_code = code ? NULL : s->shared};

	assert_true(s->ends_len <= SIDES_MAX);
	*e = (struct end){.scene = s, .is_maker = !code};
	assert_int_equal(bk_session_new(s->st.loop, &opts, &events, e, &e->session), 0);
	return e;
}

static void make(struct scene *s)
{
	come(s, NULL);
}

static void run(struct scene *s, int wanted)
{
	s->wanted = wanted;
	alarm(WATCHDOG);
	if (s->opened + s->closed < wanted)
		assert_int_equal(bk_loop_run(s->st.loop), 0);
	alarm(0);
}

static void set_up(struct scene *s)
{
	*s = (struct scene){.goes_on = true};
	story_set_up_with(&s->st, (struct bk_server_opts){.messages_per_second = 1000});
	assert_int_equal(bk_shared_code_new(&s->shared), 0);
}

static void tear_down(struct scene *s)
{
	for (int i = 0; i < s->ends_len; i++)
		bk_session_free(s->ends[i].session);
	bk_shared_code_free(s->shared);
	story_tear_down(&s->st);
}

static void none_come(struct scene *s)
{
	bk_loop_stop(s->st.loop);
}

static void wait_for_code(struct scene *s)
{
	s->on_first_code = none_come;
	make(s);
	run(s, 1);
	assert_int_equal(s->codes, 1);
}

static void several_come_by_one_code_one_after_the_other(void **state)
{
	struct scene s;

	(void)state;
	set_up(&s);
	wait_for_code(&s);
	for (int i = 1; i <= 3; i++) {
		come(&s, s.code);
		run(&s, i);
	}
	assert_int_equal(s.opened, 3);
	assert_int_equal(s.codes, 1);
	tear_down(&s);
}

static void all_come(struct scene *s)
{
	for (int i = 0; i < MANY; i++)
		come(s, s->code);
}

static void many_come_by_one_code_at_once(void **state)
{
	struct scene s;

	(void)state;
	set_up(&s);
	s.on_first_code = all_come;
	make(&s);
	run(&s, MANY);
	assert_int_equal(s.opened, MANY);
	assert_int_equal(s.codes, 1);
	tear_down(&s);
}

static const char still_good[] = "the right one is good still";

/* said: what who guessed is told. */
static void guess(struct scene *s, const char *said)
{
	char wrong[STORY_CODE_MAX];
	int done = s->opened + s->closed;
	struct end *e;

	snprintf(wrong, sizeof(wrong), "%lu-wrong-guess-here", strtoul(s->code, NULL, 10));
	e = come(s, wrong);
	run(s, done + 1);
	assert_int_equal(e->error, BK_E_WRONG_CODE);
	assert_non_null(strstr(e->text, said));
}

static void a_wrong_guess_leaves_the_code_to_the_others(void **state)
{
	struct scene s;

	(void)state;
	set_up(&s);
	wait_for_code(&s);
	come(&s, s.code);
	run(&s, 1);
	guess(&s, still_good);
	assert_non_null(
		strstr(s.said, "somebody tried a wrong code; this one stays good, until 15 more have"));
	come(&s, s.code);
	run(&s, 3);
	assert_int_equal(s.opened, 2);
	assert_int_equal(s.codes, 1);
	tear_down(&s);
}

/* The server rations guesses; what is open lives on meanwhile. */
static void pass(struct scene *s, bk_dur d)
{
	for (bk_dur step = 100 * BK_MS; d > 0; d -= step) {
		story_let_time_fly(step);
		kit_run_idle(s->st.loop, 5);
	}
}

static void after_sixteen_wrong_guesses_there_is_another_code(void **state)
{
	char before[STORY_CODE_MAX];
	struct scene s;

	(void)state;
	set_up(&s);
	wait_for_code(&s);
	come(&s, s.code);
	run(&s, 1);
	snprintf(before, sizeof(before), "%s", s.code);
	for (int i = 1; i <= 16; i++) {
		assert_int_equal(s.codes, 1);
		guess(&s, i < 16 ? still_good : "it is used up now");
		pass(&s, 30 * BK_SEC);
	}
	assert_int_equal(s.codes, 2);
	assert_string_not_equal(s.code, before);
	assert_non_null(strstr(
		s.said, "somebody tried a wrong code; that code is used up, and another one is good now"));
	come(&s, s.code);
	run(&s, 18);
	assert_int_equal(s.opened, 2);
	assert_false(s.ends[0].is_closed || s.ends[1].is_closed);
	tear_down(&s);
}

static void a_chosen_code_for_several_has_a_few_guesses(void **state)
{
	struct scene s;

	(void)state;
	set_up(&s);
	s.wish = "4711-blue-whale";
	wait_for_code(&s);
	guess(&s, still_good);
	guess(&s, still_good);
	come(&s, s.wish);
	run(&s, 3);
	assert_int_equal(s.opened, 1);
	assert_int_equal(s.codes, 1);
	tear_down(&s);
}

/* --- strangers without a guess --- */

/* Claims the code by its number, and says nothing. */
struct stranger {
	struct scene *scene;
	struct bk_rdv_mailbox *mailbox;
	void *box;
	int claims;
};

static void stranger_ready(void *arg)
{
	struct stranger *t = arg;

	assert_int_equal(bk_rdv_ops.claim(t->box, (uint32_t)strtoul(t->scene->code, NULL, 10)), 0);
}

static void stranger_claimed(void *arg, uint32_t nameplate, const uint8_t token[BK_MAILBOX_TOKEN_LEN],
	const uint8_t *left, size_t n)
{
	struct stranger *t = arg;

	(void)nameplate, (void)token, (void)left, (void)n;
	t->claims++;
	bk_loop_stop(t->scene->st.loop);
}

static void stranger_passes(void *arg)
{
	(void)arg;
}

static void stranger_mailed(void *arg, const uint8_t *body, size_t n)
{
	(void)arg, (void)body, (void)n;
}

static void stranger_told(void *arg, int code)
{
	(void)arg, (void)code;
}

static void stranger_refused(void *arg, int code, const char *text)
{
	(void)arg, (void)code, (void)text;
}

static void stranger_comes(struct scene *s, struct stranger *t)
{
	static const struct bk_mailbox_events events = {.on_ready = stranger_ready,
		.on_claimed = stranger_claimed,
		.on_view = stranger_passes,
		.on_mail = stranger_mailed,
		.on_released = stranger_told,
		.on_error = stranger_refused,
		.on_end = stranger_refused};

	*t = (struct stranger){.scene = s};
	assert_int_equal(bk_rdv_mailbox_new(&(struct bk_rdv_opts){.server = s->st.target}, &t->mailbox), 0);
	assert_int_equal(
		bk_rdv_ops.open(bk_rdv_mailbox_as_mailbox(t->mailbox).arg, s->st.loop, &events, t, &t->box),
		0);
	alarm(WATCHDOG);
	while (!t->claims)
		assert_int_equal(bk_loop_run(s->st.loop), 0);
	alarm(0);
}

static void stranger_goes(struct stranger *t)
{
	bk_rdv_ops.close(t->box);
	bk_rdv_mailbox_free(t->mailbox);
}

static void who_claims_the_code_again_and_again_keeps_nobody_out(void **state)
{
	struct stranger t;
	struct scene s;

	(void)state;
	set_up(&s);
	wait_for_code(&s);
	for (int i = 0; i < 3; i++) { /* the server lets one address use up four at once */
		stranger_comes(&s, &t);
		stranger_goes(&t);
	}
	stranger_comes(&s, &t);
	story_let_time_fly(11 * BK_SEC); /* it says nothing */
	come(&s, s.code);
	run(&s, 1);
	stranger_goes(&t);
	assert_int_equal(s.opened, 1);
	assert_int_equal(s.codes, 1);
	tear_down(&s);
}

/* --- the server --- */

static void start_server(struct scene *s, uint16_t port)
{
	struct bk_server_opts opts = {
		.listen_ip = "127.0.0.1", .port = port, .alt_port = -1, .state_dir = s->st.state_dir};
	char why[BK_SERVER_TEXT_MAX] = "";

	if (bk_server_new(s->st.loop, &opts, &s->st.server, why) < 0)
		fail_msg("%s", why);
}

static void the_next_one_waits_for_a_server_that_is_away(void **state)
{
	struct scene s;
	uint16_t port;

	(void)state;
	set_up(&s);
	s.goes_on = false;
	wait_for_code(&s);
	come(&s, s.code);
	run(&s, 1);
	port = bk_server_port(s.st.server);
	bk_server_free(s.st.server);
	s.st.server = NULL;
	make(&s);
	for (int i = 0; i < 2000 && !strstr(s.said, "waiting for the server, the code stays the same"); i++)
		kit_run_idle(s.st.loop, 1);
	assert_non_null(strstr(s.said, "waiting for the server, the code stays the same"));
	start_server(&s, port);
	for (int i = 0; i < 2000 && strncmp(s.said, "back at", 7) != 0; i++) {
		story_let_time_fly(100 * BK_MS);
		kit_run_idle(s.st.loop, 5);
	}
	come(&s, s.code);
	run(&s, 2);
	assert_int_equal(s.opened, 2);
	assert_int_equal(s.codes, 1);
	tear_down(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(several_come_by_one_code_one_after_the_other),
		cmocka_unit_test(many_come_by_one_code_at_once),
		cmocka_unit_test(a_wrong_guess_leaves_the_code_to_the_others),
		cmocka_unit_test(after_sixteen_wrong_guesses_there_is_another_code),
		cmocka_unit_test(a_chosen_code_for_several_has_a_few_guesses),
		cmocka_unit_test(who_claims_the_code_again_and_again_keeps_nobody_out),
		cmocka_unit_test(the_next_one_waits_for_a_server_that_is_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Two who have met meet again: whatever happens to their control connections and to the server, and whatever
 * a lying one does, both get the same round or neither gets any. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bodkin/log.h>

#include <sodium.h>

#include "base/error.h"
#include "meet/meet.h"
#include "meet/pairing.h"
#include "rendezvous/mailbox.h"
#include "session/test_kit.h"
#include "session/test_proxy.h"

enum { WATCHDOG = 40, SOON = 60, TURNS_MAX = 1000000 };

/* ---- the two ---- */

struct pair;

struct who {
	struct pair *pair;
	struct bk_rdv_mailbox *server;
	struct bk_meet *meet;
	struct bk_meeting met;
	int mets, lefts, ends, notes, error;
};

struct pair {
	struct story st;
	struct proxy proxy; /* between b and the server */
	struct bk_identity *identity;
	struct who a, b;
	int port, alt_port;
	int *until; /* stop the loop when this has become until_at */
	int until_at;
};

static void look(struct pair *p)
{
	if (p->until && *p->until >= p->until_at)
		bk_loop_stop(p->st.loop);
}

static void on_met(void *arg)
{
	struct who *w = arg;

	w->mets++;
	w->met = *bk_meet_result(w->meet);
	look(w->pair);
}

static void on_left(void *arg)
{
	struct who *w = arg;

	w->lefts++;
	look(w->pair);
}

static void on_end(void *arg, int error, const char *text)
{
	struct who *w = arg;

	(void)text;
	w->ends++;
	w->error = error;
	look(w->pair);
}

static void on_note(void *arg, int verbosity, const char *text)
{
	struct who *w = arg;

	assert_int_equal(verbosity, 1);
	assert_non_null(text);
	w->notes++;
	look(w->pair);
}

static const struct bk_meet_events joiner_events = {
	.on_met = on_met, .on_left = on_left, .on_end = on_end, .on_note = on_note};

static void come(struct who *w, const char *target, const struct bk_session_opts *opts,
	const struct bk_meet_events *events)
{
	struct bk_meet_opts meet_opts = {.loop = w->pair->st.loop, .session = opts};

	assert_int_equal(bk_rdv_mailbox_new(target, NULL, NULL, &w->server), 0);
	meet_opts.mailbox = bk_rdv_mailbox_as_mailbox(w->server);
	meet_opts.pin = bk_identity_pin(w->pair->identity);
	assert_int_equal(bk_meet_new(&meet_opts, events, w, &w->meet), 0);
}

static void go(struct who *w)
{
	bk_meet_free(w->meet);
	bk_rdv_mailbox_free(w->server);
	w->meet = NULL;
	w->server = NULL;
}

static void on_code(void *arg, const char *code)
{
	struct who *w = arg;
	struct pair *p = w->pair;
	struct bk_session_opts opts = {.code = code, .name = "b"};

	come(&p->b, p->proxy.target, &opts, &joiner_events);
}

static const struct bk_meet_events maker_events = {
	.on_code = on_code, .on_met = on_met, .on_left = on_left, .on_end = on_end, .on_note = on_note};

static void run_until(struct pair *p, int *counter, int at)
{
	p->until = counter;
	p->until_at = at;
	alarm(WATCHDOG);
	if (*counter < at)
		assert_int_equal(bk_loop_run(p->st.loop), 0);
	alarm(0);
	p->until = NULL;
}

/* Of waiting for what no callback tells. */
static void turn(struct pair *p, int i)
{
	assert_true(i < TURNS_MAX);
	story_idle(&p->st, 1);
}

/* In the same round: of two who do not ask at the same moment one may be a round ahead for a while. */
static void agree(struct pair *p)
{
	for (int i = 0; memcmp(p->a.met.token, p->b.met.token, BK_MAILBOX_TOKEN_LEN) != 0; i++)
		turn(p, i);
}

static int shown; /* how often the server saw a side with a secret */
static int tried; /* how often a side looked for a server in vain */

static void on_line(void *arg, enum bk_log_level level, const char *module, const char *line)
{
	if (strstr(line, "of a meeting"))
		shown++;
	if (strstr(line, "trying again"))
		tried++;
	if (getenv("BK_TEST_LOG"))
		fprintf(arg, "%s %s: %s\n", bk_log_level_name(level), module, line);
}

static void both_met(struct pair *p, int times)
{
	run_until(p, &p->a.mets, times);
	run_until(p, &p->b.mets, times);
}

static void set_up(struct pair *p)
{
	memset(p, 0, sizeof(*p));
	story_set_up_with(&p->st, (struct bk_server_opts){.messages_per_second = 1000});
	p->port = bk_server_port(p->st.server);
	p->alt_port = bk_server_alt_port(p->st.server);
	proxy_init(&p->proxy, &p->st);
	p->a.pair = p->b.pair = p;
	assert_int_equal(bk_identity_new(&p->identity), 0);
}

static void start(struct pair *p)
{
	struct bk_session_opts opts = {.name = "a"};

	come(&p->a, p->st.target, &opts, &maker_events);
}

static void meet(struct pair *p)
{
	set_up(p);
	bk_log_set(on_line, stderr, BK_LOG_DEBUG);
	shown = 0;
	start(p);
	both_met(p, 1);
	for (int i = 0; shown < 2; i++)
		turn(p, i);
}

static void tear_down(struct pair *p)
{
	go(&p->a);
	go(&p->b);
	proxy_done(&p->proxy);
	bk_identity_free(p->identity);
	story_tear_down(&p->st);
}

static void kill_server(struct pair *p)
{
	bk_server_free(p->st.server);
	p->st.server = NULL;
}

static void start_server(struct pair *p)
{
	struct bk_server_opts opts = {.listen_ip = "127.0.0.1",
		.port = p->port,
		.alt_port = p->alt_port,
		.state_dir = p->st.state_dir,
		.messages_per_second = 1000};
	char why[BK_SERVER_TEXT_MAX] = "";

	if (bk_server_new(p->st.loop, &opts, &p->st.server, why) < 0)
		fail_msg("%s", why);
}

static void assert_one_round(const struct pair *p, const struct bk_meeting *before)
{
	const struct bk_meeting *a = &p->a.met, *b = &p->b.met;

	assert_memory_equal(a->token, b->token, sizeof(a->token));
	assert_memory_not_equal(a->token, before->token, sizeof(a->token));
	assert_string_equal(a->peer.id, b->own.id);
	assert_string_equal(b->peer.id, a->own.id);
	assert_int_equal(a->shared.port, a->own.candidates[0].addr.port);
	assert_int_equal(a->own.candidates[0].addr.port, b->peer.candidates[0].addr.port);
}

/* ---- rounds ---- */

static void one_asks_and_both_meet_again_from_fresh_ports(void **state)
{
	struct pair p;
	struct bk_meeting a, b;

	(void)state;
	meet(&p);
	for (int round = 2; round < 6; round++) {
		struct who *asking = round % 2 ? &p.a : &p.b;

		a = p.a.met;
		b = p.b.met;
		assert_int_equal(bk_meet_again(asking->meet), 0);
		both_met(&p, round);
		assert_one_round(&p, &a);
		assert_int_not_equal(p.a.met.shared.port, a.shared.port);
		assert_int_not_equal(p.b.met.shared.port, b.shared.port);
		assert_in_range(llabs(p.a.met.start - p.b.met.start), 0, 50 * BK_MS);
	}
	assert_int_equal(p.a.lefts + p.b.lefts + p.a.ends + p.b.ends + p.a.notes + p.b.notes, 0);
	tear_down(&p);
}

static void both_ask_at_once_and_get_one_round(void **state)
{
	struct pair p;
	struct bk_meeting before;

	(void)state;
	for (int lead = 0; lead < 40; lead += 2) {
		meet(&p);
		before = p.a.met;
		assert_int_equal(bk_meet_again(p.a.meet), 0);
		story_idle(&p.st, lead);
		assert_int_equal(bk_meet_again(p.b.meet), 0);
		both_met(&p, 2);
		agree(&p);
		assert_one_round(&p, &before);
		assert_in_range(p.a.mets, 2, lead ? 3 : 2);
		assert_in_range(p.b.mets, 2, lead ? 3 : 2);
		tear_down(&p);
	}
}

static void one_asks_twice_and_the_second_question_changes_nothing(void **state)
{
	struct pair p;
	struct bk_meeting before;

	(void)state;
	for (int pause = 0; pause < 20; pause += 2) {
		meet(&p);
		before = p.a.met;
		assert_int_equal(bk_meet_again(p.a.meet), 0);
		story_idle(&p.st, pause);
		if (p.a.mets == 1)
			assert_int_equal(bk_meet_again(p.a.meet), 0);
		both_met(&p, 2);
		assert_one_round(&p, &before);
		tear_down(&p);
	}
}

/* ---- servers and connections that die ---- */

static void a_server_that_forgot_everything_puts_the_two_together(void **state)
{
	struct pair p;
	struct bk_meeting before;

	(void)state;
	meet(&p);
	before = p.a.met;
	kill_server(&p);
	run_until(&p, &p.a.notes, 1);
	run_until(&p, &p.b.notes, 1);
	assert_int_equal(bk_meet_again(p.a.meet), 0);
	assert_int_equal(bk_meet_again(p.b.meet), 0);
	story_let_time_fly(8 * BK_SEC);
	story_idle(&p.st, 200);
	assert_int_equal(p.a.ends + p.b.ends + p.a.lefts + p.b.lefts, 0);
	start_server(&p);
	story_let_time_fly(40 * BK_SEC);
	both_met(&p, 2);
	assert_one_round(&p, &before);
	tear_down(&p);
}

static void an_hour_without_a_server_costs_little(void **state)
{
	struct pair p;
	bk_time begun;

	(void)state;
	meet(&p);
	tried = 0;
	kill_server(&p);
	begun = bk_loop_now(p.st.loop);
	story_let_time_fly(3600 * BK_SEC);
	for (int i = 0; bk_loop_now(p.st.loop) - begun < 3600 * BK_SEC; i++)
		turn(&p, i);
	assert_in_range(tried, 2 * 180, 2 * 330);
	assert_int_equal(p.a.ends + p.b.ends + p.a.lefts + p.b.lefts, 0);
	assert_in_range(p.a.notes + p.b.notes, 0, 2);
	start_server(&p);
	story_let_time_fly(20 * BK_SEC);
	run_until(&p, &p.a.notes, 2);
	run_until(&p, &p.b.notes, 2);
	tear_down(&p);
}

static void one_asks_a_server_that_came_back(void **state)
{
	struct pair p;
	struct bk_meeting before;

	(void)state;
	meet(&p);
	before = p.a.met;
	kill_server(&p);
	start_server(&p);
	assert_int_equal(bk_meet_again(p.a.meet), 0);
	story_let_time_fly(20 * BK_SEC);
	both_met(&p, 2);
	assert_one_round(&p, &before);
	assert_int_equal(p.a.lefts + p.b.lefts, 0);
	tear_down(&p);
}

static void a_server_that_dies_in_the_middle_is_met_at_again(void **state)
{
	struct pair p;

	(void)state;
	for (int turns = 0; turns < 40; turns += 3) {
		meet(&p);
		assert_int_equal(bk_meet_again(p.b.meet), 0);
		story_idle(&p.st, turns);
		kill_server(&p);
		start_server(&p);
		story_let_time_fly(40 * BK_SEC);
		/* one of the two may have been through already; then it hears of the other's round, too */
		both_met(&p, 2);
		agree(&p);
		assert_int_equal(p.a.lefts + p.b.lefts, 0);
		tear_down(&p);
	}
}

static void a_cut_connection_is_made_again_quietly(void **state)
{
	struct pair p;
	struct bk_meeting before;

	(void)state;
	meet(&p);
	before = p.a.met;
	proxy_cut(&p.proxy);
	run_until(&p, &p.b.notes, 2); /* lost, and back */
	assert_int_equal(p.a.lefts, 0);
	assert_int_equal(bk_meet_again(p.a.meet), 0);
	both_met(&p, 2);
	assert_one_round(&p, &before);
	tear_down(&p);
}

/* So that what is due earlier also happens earlier. */
static void let_time_pass(struct pair *p, bk_dur d)
{
	for (bk_dur step = 100 * BK_MS; d > 0; d -= step) {
		story_let_time_fly(step);
		story_idle(&p->st, 5);
	}
}

static void who_is_cut_off_hears_of_the_round_when_it_is_back(void **state)
{
	struct pair p;
	struct bk_meeting before;

	(void)state;
	for (int late = 0; late < 2; late++) {
		meet(&p);
		before = p.a.met;
		p.proxy.is_shut = true;
		proxy_cut(&p.proxy);
		run_until(&p, &p.b.notes, 1);
		assert_int_equal(bk_meet_again(p.a.meet), 0);
		let_time_pass(&p, late ? 2 * BK_SEC : BK_SEC / 2);
		p.proxy.is_shut = false;
		let_time_pass(&p, 3 * BK_SEC); /* until the next try */
		both_met(&p, 2);
		assert_one_round(&p, &before);
		assert_int_equal(p.a.lefts, 0);
		tear_down(&p);
	}
}

static void a_connection_dies_at_any_moment_of_a_round(void **state)
{
	struct pair p;

	(void)state;
	for (int turns = 0; turns < 40; turns += 3) {
		meet(&p);
		assert_int_equal(bk_meet_again(turns % 2 ? p.a.meet : p.b.meet), 0);
		story_idle(&p.st, turns);
		proxy_cut(&p.proxy);
		story_let_time_fly(20 * BK_SEC);
		both_met(&p, 2);
		agree(&p);
		assert_int_equal(p.a.lefts + p.b.lefts, 0);
		tear_down(&p);
	}
}

static void an_address_that_changed_needs_no_end_of_the_old_connection(void **state)
{
	struct pair p;
	struct bk_meeting before;

	(void)state;
	meet(&p);
	before = p.a.met;
	proxy_forget(&p.proxy);
	bk_meet_address_changed(p.b.meet);
	story_idle(&p.st, SOON);
	assert_int_equal(p.b.notes, 0);
	assert_int_equal(bk_meet_again(p.a.meet), 0);
	both_met(&p, 2);
	assert_one_round(&p, &before);
	proxy_forget(&p.proxy);
	before = p.a.met;
	assert_int_equal(bk_meet_again(p.a.meet), 0);
	story_idle(&p.st, SOON);
	assert_int_equal(p.a.mets, 2);
	bk_meet_address_changed(p.b.meet);
	both_met(&p, 3);
	assert_one_round(&p, &before);
	tear_down(&p);
}

/* ---- leaving ---- */

static void who_leaves_by_its_own_word_is_gone_at_once(void **state)
{
	struct pair p;

	(void)state;
	meet(&p);
	go(&p.b);
	run_until(&p, &p.a.lefts, 1);
	assert_int_equal(bk_meet_again(p.a.meet), BK_E_PEER_VANISHED);
	bk_meet_address_changed(p.a.meet);
	story_idle(&p.st, SOON);
	assert_int_equal(p.a.ends + p.a.notes, 0);
	tear_down(&p);
}

static void who_is_away_for_too_long_is_told_and_may_come_back(void **state)
{
	struct pair p;
	struct bk_meeting before;

	(void)state;
	meet(&p);
	before = p.a.met;
	p.proxy.is_shut = true;
	proxy_cut(&p.proxy);
	run_until(&p, &p.b.notes, 1);
	story_let_time_fly(4 * BK_SEC);
	story_idle(&p.st, 100);
	assert_int_equal(p.a.lefts, 0);
	story_let_time_fly(10 * BK_SEC);
	run_until(&p, &p.a.lefts, 1);
	p.proxy.is_shut = false;
	story_let_time_fly(20 * BK_SEC);
	run_until(&p, &p.b.notes, 2);
	assert_int_equal(bk_meet_again(p.b.meet), 0);
	both_met(&p, 2);
	assert_one_round(&p, &before);
	assert_int_equal(p.a.lefts, 1);
	tear_down(&p);
}

static void freed_at_any_moment_it_leaves_nothing(void **state)
{
	int before = count_descriptors();
	struct pair p;

	(void)state;
	for (int turns = 0; turns < 40; turns += 2) {
		meet(&p);
		assert_int_equal(bk_meet_again(p.a.meet), 0);
		story_idle(&p.st, turns);
		go(turns % 4 ? &p.a : &p.b);
		story_idle(&p.st, turns % 10);
		tear_down(&p);
	}
	assert_int_equal(count_descriptors(), before);
}

/* ---- a lying server ---- */

struct liar {
	uint8_t *old[2];
	size_t len[2];
	bool replays, reflects, says_wrong;
	int lies;
};

static void swap_body(uint8_t **body, size_t *len, const uint8_t *by, size_t n)
{
	free(*body);
	*body = malloc(n);
	assert_non_null(*body);
	memcpy(*body, by, n);
	*len = n;
}

static enum lie on_mail(void *arg, unsigned from, uint8_t **body, size_t *len)
{
	static const uint8_t wrong[] = {1, BK_PAIRING_WRONG};
	struct liar *l = arg;

	if (bk_pairing_kind(*body, *len) != BK_PAIRING_AGAIN)
		return LIE_NONE;
	if (l->says_wrong) {
		l->lies++;
		swap_body(body, len, wrong, sizeof(wrong));
	} else if (l->replays) {
		l->lies++;
		swap_body(body, len, l->old[l->reflects ? !from : from], l->len[l->reflects ? !from : from]);
	} else {
		free(l->old[from]);
		l->old[from] = NULL;
		swap_body(&l->old[from], &l->len[from], *body, *len);
	}
	return LIE_NONE;
}

static void an_old_introduction_does_not_open_in_a_later_round(void **state)
{
	(void)state;
	for (int reflects = 0; reflects < 2; reflects++) {
		struct liar l = {.reflects = reflects};
		struct pair p;

		meet(&p);
		p.st.lies = (struct lies){.arg = &l, .on_mail = on_mail};
		assert_int_equal(bk_meet_again(p.a.meet), 0);
		both_met(&p, 2);
		l.replays = true;
		assert_int_equal(bk_meet_again(p.a.meet), 0);
		for (int i = 0; l.lies < 2; i++)
			turn(&p, i);
		story_idle(&p.st, SOON);
		assert_int_equal(p.a.mets, 2);
		assert_int_equal(p.b.mets, 2);
		assert_int_equal(p.a.ends + p.b.ends, 0);
		tear_down(&p);
		free(l.old[0]);
		free(l.old[1]);
	}
}

static void a_late_word_of_a_wrong_code_is_a_lie(void **state)
{
	struct liar l = {.says_wrong = true};
	struct pair p;
	bk_time begun;

	(void)state;
	meet(&p);
	begun = bk_loop_now(p.st.loop);
	story_let_time_fly(15 * BK_SEC);
	for (int i = 0; bk_loop_now(p.st.loop) - begun < 15 * BK_SEC; i++)
		turn(&p, i);
	p.st.lies = (struct lies){.arg = &l, .on_mail = on_mail};
	assert_int_equal(bk_meet_again(p.a.meet), 0);
	for (int i = 0; l.lies < 2; i++)
		turn(&p, i);
	story_idle(&p.st, SOON);
	assert_int_equal(p.a.ends + p.b.ends, 0);
	kill_server(&p);
	start_server(&p);
	story_let_time_fly(40 * BK_SEC);
	both_met(&p, 2);
	tear_down(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_asks_and_both_meet_again_from_fresh_ports),
		cmocka_unit_test(both_ask_at_once_and_get_one_round),
		cmocka_unit_test(one_asks_twice_and_the_second_question_changes_nothing),
		cmocka_unit_test(a_server_that_forgot_everything_puts_the_two_together),
		cmocka_unit_test(an_hour_without_a_server_costs_little),
		cmocka_unit_test(one_asks_a_server_that_came_back),
		cmocka_unit_test(a_server_that_dies_in_the_middle_is_met_at_again),
		cmocka_unit_test(a_cut_connection_is_made_again_quietly),
		cmocka_unit_test(who_is_cut_off_hears_of_the_round_when_it_is_back),
		cmocka_unit_test(a_connection_dies_at_any_moment_of_a_round),
		cmocka_unit_test(an_address_that_changed_needs_no_end_of_the_old_connection),
		cmocka_unit_test(who_leaves_by_its_own_word_is_gone_at_once),
		cmocka_unit_test(who_is_away_for_too_long_is_told_and_may_come_back),
		cmocka_unit_test(freed_at_any_moment_it_leaves_nothing),
		cmocka_unit_test(an_old_introduction_does_not_open_in_a_later_round),
		cmocka_unit_test(a_late_word_of_a_wrong_code_is_a_lie),
	};

	if (getenv("BK_TEST_ONLY"))
		cmocka_set_test_filter(getenv("BK_TEST_ONLY"));
	return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Two who have met meet again: whatever happens to their control connections and to the server, and whatever
 * a lying one does, both get the same round or neither gets any. */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "meet/pairing.h"
#include "meet/test_pair.h"

/* --- rounds --- */

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
		kit_run_idle(p.st.loop, lead);
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
		kit_run_idle(p.st.loop, pause);
		if (p.a.mets == 1)
			assert_int_equal(bk_meet_again(p.a.meet), 0);
		both_met(&p, 2);
		assert_one_round(&p, &before);
		tear_down(&p);
	}
}

/* --- servers and connections that die --- */

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
	kit_run_idle(p.st.loop, 200);
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
		kit_run_idle(p.st.loop, turns);
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
		pass(&p, late ? 2 * BK_SEC : BK_SEC / 2);
		p.proxy.is_shut = false;
		pass(&p, 3 * BK_SEC); /* until the next try */
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
		kit_run_idle(p.st.loop, turns);
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
	kit_run_idle(p.st.loop, SOON);
	assert_int_equal(p.b.notes, 0);
	assert_int_equal(bk_meet_again(p.a.meet), 0);
	both_met(&p, 2);
	assert_one_round(&p, &before);
	proxy_forget(&p.proxy);
	before = p.a.met;
	assert_int_equal(bk_meet_again(p.a.meet), 0);
	kit_run_idle(p.st.loop, SOON);
	assert_int_equal(p.a.mets, 2);
	bk_meet_address_changed(p.b.meet);
	both_met(&p, 3);
	assert_one_round(&p, &before);
	tear_down(&p);
}

/* --- leaving --- */

static void who_leaves_by_its_own_word_is_gone_at_once(void **state)
{
	struct pair p;

	(void)state;
	meet(&p);
	go(&p.b);
	run_until(&p, &p.a.lefts, 1);
	assert_int_equal(bk_meet_again(p.a.meet), BK_E_PEER_VANISHED);
	bk_meet_address_changed(p.a.meet);
	kit_run_idle(p.st.loop, SOON);
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
	kit_run_idle(p.st.loop, 100);
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
	int before = kit_count_descriptors();
	struct pair p;

	(void)state;
	for (int turns = 0; turns < 40; turns += 2) {
		meet(&p);
		assert_int_equal(bk_meet_again(p.a.meet), 0);
		kit_run_idle(p.st.loop, turns);
		go(turns % 4 ? &p.a : &p.b);
		kit_run_idle(p.st.loop, turns % 10);
		tear_down(&p);
	}
	assert_int_equal(kit_count_descriptors(), before);
}

/* --- a lying server --- */

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
		kit_run_idle(p.st.loop, SOON);
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
	kit_run_idle(p.st.loop, SOON);
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

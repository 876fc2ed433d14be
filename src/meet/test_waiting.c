/* SPDX-License-Identifier: Apache-2.0 */
/* Before the two have met: whatever happens to the server and to the way there, the code that was told goes
 * on to be good, and only one guess at it is ever taken. */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "meet/test_pair.h"
#include "net/turn.h"

enum { MOMENTS = 60 };

static void wait_for_code(struct pair *p)
{
	p->nobody_joins = true;
	start(p);
	for (int i = 0; !*p->code; i++)
		turn(p, i);
}

static void set_up_waiting(struct pair *p)
{
	set_up(p);
	p->target_of_a = p->proxy.target;
	wait_for_code(p);
}

static void join(struct pair *p)
{
	struct bk_session_opts opts = {.code = p->code, .name = "b"};

	come(&p->b, p->st.target, &opts, &joiner_events);
}

static void join_and_meet(struct pair *p)
{
	join(p);
	both_met(p, 1);
	assert_memory_equal(p->a.met.token, p->b.met.token, BK_MAILBOX_TOKEN_LEN);
	assert_int_equal(p->a.ends + p->b.ends, 0);
}

static void lose_and_come_back(struct pair *p, bk_dur away)
{
	run_until(p, &p->a.waits, 1);
	assert_non_null(strstr(p->a.said, "waiting for the server"));
	pass(p, away);
	assert_int_equal(p->a.ends, 0);
	assert_int_equal(p->a.waits, 1);
}

static void be_back(struct pair *p)
{
	pass(p, 20 * BK_SEC);
	assert_int_equal(p->a.waits, 2);
	assert_non_null(strstr(p->a.said, "back at the server"));
}

static void a_code_outlives_its_server(void **state)
{
	struct pair p;

	(void)state;
	for (int away = 0; away <= 600; away += 600) {
		set_up_waiting(&p);
		kill_server(&p);
		if (away)
			lose_and_come_back(&p, away * BK_SEC);
		start_server(&p);
		be_back(&p);
		join_and_meet(&p);
		tear_down(&p);
	}
}

static void a_code_outlives_ten_minutes_without_a_network(void **state)
{
	struct pair p;

	(void)state;
	for (int is_silent = 0; is_silent < 2; is_silent++) {
		set_up_waiting(&p);
		p.proxy.is_shut = true;
		if (is_silent) {
			proxy_forget(&p.proxy);
			pass(&p, 60 * BK_SEC);
		} else {
			proxy_cut(&p.proxy);
		}
		lose_and_come_back(&p, 600 * BK_SEC);
		p.proxy.is_shut = false;
		be_back(&p);
		join_and_meet(&p);
		tear_down(&p);
	}
}

static void a_code_outlives_the_sleep_of_its_machine(void **state)
{
	struct pair p;

	(void)state;
	set_up_waiting(&p);
	story_jump(70 * BK_SEC); /* more than two intervals of pings */
	pass(&p, 40 * BK_SEC);
	join_and_meet(&p);
	tear_down(&p);
}

static void an_address_that_changed_takes_the_number_along(void **state)
{
	struct pair p;

	(void)state;
	set_up_waiting(&p);
	proxy_forget(&p.proxy); /* so that the server believes in the old one */
	bk_meet_address_changed(p.a.meet);
	kit_run_idle(p.st.loop, 2 * SOON);
	join_and_meet(&p);
	assert_int_equal(p.a.waits, 0);
	tear_down(&p);
}

static void waiting_has_one_limit_wherever_it_is_spent(void **state)
{
	struct pair p;

	(void)state;
	set_up(&p);
	p.wait = 60 * BK_SEC;
	wait_for_code(&p);
	pass(&p, 20 * BK_SEC);
	kill_server(&p);
	pass(&p, 39 * BK_SEC);
	assert_int_equal(p.a.ends, 0);
	story_let_time_fly(2 * BK_SEC);
	run_until(&p, &p.a.ends, 1);
	assert_int_equal(p.a.error, BK_E_TIMEOUT);
	tear_down(&p);
}

/* A mailbox where nobody is found, and nothing is ever said of it. */
struct silent {
	struct bk_turn turn;
	const struct bk_mailbox_events *events;
	void *arg;
	bool is_there;
};

static void on_silent_turn(void *arg)
{
	struct silent *s = arg;

	s->events->on_ready(s->arg);
}

static int open_silent(void *arg, struct bk_loop *loop, const struct bk_mailbox_events *events,
	void *events_arg, void **ret_box)
{
	struct silent *s = *ret_box = arg;

	s->events = events;
	s->arg = events_arg;
	bk_turn_init(&s->turn, loop, on_silent_turn, s);
	if (s->is_there)
		bk_turn_ask(&s->turn);
	return 0;
}

static void close_silent(void *box)
{
	bk_turn_done(&((struct silent *)box)->turn);
}

static int claim_silent(void *box, uint32_t nameplate)
{
	(void)box;
	return nameplate == 7 ? 0 : BK_E_INVALID;
}

static int leave_silent(void *box, uint32_t wish, const void *body, size_t n)
{
	(void)box, (void)wish, (void)body, (void)n;
	return BK_E_INVALID;
}

static int mail_silent(void *box, const void *body, size_t n)
{
	return leave_silent(box, 0, body, n);
}

static void who_comes_with_a_code_waits_no_longer_than_wished_wherever_it_is_looked_for(void **state)
{
	static const struct bk_mailbox_ops ops = {.size = sizeof(ops),
		.open = open_silent,
		.close = close_silent,
		.leave = leave_silent,
		.claim = claim_silent,
		.mail = mail_silent};
	const struct bk_session_opts opts = {.code = "7-tulip-anchor", .name = "b", .wait_ns = BK_SEC};

	(void)state;
	for (int is_there = 0; is_there < 2; is_there++) {
		struct silent silent = {.is_there = is_there};
		struct bk_meet_opts meet_opts = {.session = &opts, .mailbox = {&ops, &silent}};
		struct pair p;

		set_up(&p);
		meet_opts.loop = p.st.loop;
		meet_opts.pin = bk_identity_pin(p.identity);
		assert_int_equal(bk_meet_new(&meet_opts, &joiner_events, &p.b, &p.b.meet), 0);
		pass(&p, 900 * BK_MS);
		assert_int_equal(p.b.ends, 0);
		pass(&p, 200 * BK_MS);
		assert_int_equal(p.b.ends, 1);
		assert_int_equal(p.b.error, is_there ? BK_E_NO_SUCH_PEER : BK_E_TIMEOUT);
		tear_down(&p);
	}
}

static void a_number_that_somebody_else_got_makes_for_another_code(void **state)
{
	struct bk_session_opts opts = {.name = "c"};
	struct who other = {0};
	char wish[STORY_CODE_MAX];
	struct pair p;

	(void)state;
	set_up_waiting(&p);
	p.proxy.is_shut = true;
	proxy_cut(&p.proxy);
	run_until(&p, &p.a.waits, 1);
	snprintf(wish, sizeof(wish), "%lu-tulip-anchor", strtoul(p.code, NULL, 10));
	opts.code_wish = wish;
	other.pair = &p;
	*p.code = 0;
	come(&other, p.st.target, &opts, &maker_events);
	for (int i = 0; !*p.code; i++)
		turn(&p, i);
	p.proxy.is_shut = false;
	story_let_time_fly(20 * BK_SEC);
	snprintf(p.code, sizeof(p.code), "%s", wish);
	run_until(&p, &p.codes, 3);
	assert_string_not_equal(p.code, wish);
	join_and_meet(&p);
	go(&other);
	tear_down(&p);
}

/* --- while the two are meeting --- */

static bool is_over(const struct who *w)
{
	return w->mets || w->ends;
}

/* Whatever was cut, nobody waits for ever, and as long as the maker waits the code is good. */
static void settle(struct pair *p, int *met)
{
	for (int i = 0; !is_over(&p->b); i++) {
		assert_true(i < 200);
		pass(p, BK_SEC);
	}
	pass(p, 40 * BK_SEC);
	if (!is_over(&p->a)) {
		assert_int_equal(p->b.mets, 0);
		go(&p->b);
		p->b = (struct who){.pair = p};
		join_and_meet(p);
	}
	*met += p->a.mets && p->b.mets;
}

static void a_connection_that_dies_at_any_moment_leaves_the_code_good_or_used(void **state)
{
	struct pair p;
	int met = 0;

	(void)state;
	for (int moment = 0; moment < MOMENTS; moment++) {
		set_up(&p);
		p.target_of_a = moment % 2 ? p.proxy.target : NULL;
		start(&p);
		for (int i = 0; !p.b.meet; i++)
			turn(&p, i);
		kit_run_idle(p.st.loop, moment / 2);
		proxy_cut(&p.proxy);
		settle(&p, &met);
		tear_down(&p);
	}
	assert_in_range(met, MOMENTS / 2, MOMENTS);
}

static void a_server_that_restarts_at_any_moment_leaves_the_code_good_or_used(void **state)
{
	struct pair p;
	int met = 0;

	(void)state;
	for (int moment = 0; moment < MOMENTS / 2; moment++) {
		set_up(&p);
		start(&p);
		for (int i = 0; !p.b.meet; i++)
			turn(&p, i);
		kit_run_idle(p.st.loop, moment);
		kill_server(&p);
		if (moment % 3 ==
			2) /* it is away for ten minutes; whoever had begun waits for it, the joiner too */
			pass(&p, 600 * BK_SEC);
		start_server(&p);
		settle(&p, &met);
		tear_down(&p);
	}
	assert_in_range(met, MOMENTS / 4, MOMENTS);
}

static void who_claims_and_goes_without_a_word_costs_nothing(void **state)
{
	struct pair p;

	(void)state;
	for (int moment = 0; moment < MOMENTS / 2; moment++) {
		set_up_waiting(&p);
		join(&p);
		kit_run_idle(p.st.loop, moment);
		go(&p.b);
		kit_run_idle(p.st.loop, SOON);
		pass(&p, 2 * BK_SEC);
		if (!p.a.mets) {
			assert_int_equal(p.a.ends, 0);
			join_and_meet(&p);
		}
		tear_down(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_code_outlives_its_server),
		cmocka_unit_test(a_code_outlives_ten_minutes_without_a_network),
		cmocka_unit_test(a_code_outlives_the_sleep_of_its_machine),
		cmocka_unit_test(an_address_that_changed_takes_the_number_along),
		cmocka_unit_test(waiting_has_one_limit_wherever_it_is_spent),
		cmocka_unit_test(who_comes_with_a_code_waits_no_longer_than_wished_wherever_it_is_looked_for),
		cmocka_unit_test(a_number_that_somebody_else_got_makes_for_another_code),
		cmocka_unit_test(a_connection_that_dies_at_any_moment_leaves_the_code_good_or_used),
		cmocka_unit_test(a_server_that_restarts_at_any_moment_leaves_the_code_good_or_used),
		cmocka_unit_test(who_claims_and_goes_without_a_word_costs_nothing),
	};

	if (getenv("BK_TEST_ONLY"))
		cmocka_set_test_filter(getenv("BK_TEST_ONLY"));
	return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}

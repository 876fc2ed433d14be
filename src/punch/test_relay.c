/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/error.h"
#include "punch/relay.h"

static const struct bk_addr server = {.family = 4, .ip = {203, 0, 113, 1}, .port = 15005};

/* `at` is where the pair's relay is. */
static struct bk_plan plan_to(const struct bk_addr *at, enum bk_path_choice choice)
{
	static const struct bk_intro nobody;
	const struct bk_pair pair = {.own = &nobody, .peer = &nobody, .relay = *at, .choice = choice};
	struct bk_plan plan;

	bk_plan_make(&pair, bk_techniques, &bk_method_relay, &plan);
	return plan;
}

static void *engine(void)
{
	struct bk_plan plan = plan_to(&server, BK_PATH_CHOICE_AUTO);
	const struct bk_method_opts opts = {.plan = &plan};
	void *e;

	assert_int_equal(bk_method_relay.new(&opts, 0, &e), 0);
	return e;
}

static struct bk_action expect(void *e, enum bk_action_type type)
{
	struct bk_action a;

	assert_true(bk_method_relay.ops->next_action(e, &a));
	assert_int_equal(a.type, type);
	return a;
}

static void expect_done(void *e)
{
	struct bk_action a;

	assert_int_equal(expect(e, BK_ACT_REPORT).report, BK_REPORT_DONE);
	assert_false(bk_method_relay.ops->next_action(e, &a));
	assert_null(bk_method_relay.ops->next_wake); /* only events */
}

static void connects_once_from_any_port_and_reports_what_connects(void **state)
{
	void *e = engine();
	struct bk_action a = expect(e, BK_ACT_TCP_CONNECT);
	char out[BK_PLAN_TEXT_MAX];

	(void)state;
	assert_true(bk_addr_equal(&a.remote, &server));
	assert_int_equal(a.local.family, 0);
	bk_method_relay.ops->on_connected(e, a.id, 1);
	assert_int_equal(expect(e, BK_ACT_REPORT).id, a.id);
	expect_done(e);
	assert_int_equal(bk_method_relay.saw(e, 0, out), 0);
	bk_method_relay.free(e);
}

static void says_why_the_server_is_not_reached(void **state)
{
	void *e = engine();
	uint32_t id = expect(e, BK_ACT_TCP_CONNECT).id;
	char out[BK_PLAN_TEXT_MAX];

	(void)state;
	bk_method_relay.ops->on_failed(e, id, BK_E_REFUSED, 1);
	expect_done(e);
	assert_int_equal(bk_method_relay.saw(e, 0, out), 1);
	assert_non_null(strstr(out, "relay: cannot reach the server: "));
	assert_int_equal(bk_method_relay.saw(e, 1, out), 0);
	bk_method_relay.free(e);
}

static void without_a_relay_or_a_wish_for_one_there_is_no_engine(void **state)
{
	struct bk_plan plans[] = {
		plan_to(&(struct bk_addr){0}, BK_PATH_CHOICE_AUTO), plan_to(&server, BK_PATH_CHOICE_DIRECT)};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		const struct bk_method_opts opts = {.plan = &plans[i]};
		void *e;

		assert_int_equal(bk_method_relay.new(&opts, 0, &e), BK_E_INVALID);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connects_once_from_any_port_and_reports_what_connects),
		cmocka_unit_test(says_why_the_server_is_not_reached),
		cmocka_unit_test(without_a_relay_or_a_wish_for_one_there_is_no_engine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

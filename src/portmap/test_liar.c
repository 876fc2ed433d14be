/* SPDX-License-Identifier: Apache-2.0 */
/* Routers as people have met them, and such as mean harm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "portmap/test_kit.h"

#define HOUR (3600 * BK_SEC)

static struct router born(void)
{
	struct router r;

	router_init(&r);
	return r;
}

static void meet_and_want(struct router *r)
{
	router_meet(r);
	want(r, BK_TRANSPORT_UDP, OWN_PORT);
}

static void who_never_answers_is_asked_for_a_quarter_of_a_minute_and_never_again(void **state)
{
	struct router r = born();
	int pings;

	(void)state;
	r.is_deaf = true;
	meet_and_want(&r);
	router_run(&r, T0 + 20 * BK_SEC);
	assert_refused(&r, BK_PORTMAP_SILENT);
	assert_int_equal(bk_portmap_presence(r.p, BK_PORTMAP_PCP), BK_PORTMAP_ABSENT);
	pings = r.pings;
	want(&r, BK_TRANSPORT_TCP, OWN_PORT);
	router_run(&r, T0 + 1000 * HOUR);
	assert_int_equal(r.pings, pings);
	assert_int_equal(r.maps, 0);
	router_free(&r);
}

static void a_router_that_is_busy_for_ten_seconds_is_not_taken_for_none(void **state)
{
	struct router r = born();

	(void)state;
	r.is_deaf = true;
	meet_and_want(&r);
	router_run(&r, T0 + 7 * BK_SEC);
	r.is_deaf = false;
	router_run(&r, T0 + 10 * BK_SEC);
	assert_held(&r, OWN_PORT);
	router_free(&r);
}

static void a_port_below_1024_is_not_asked_for(void **state)
{
	struct router r = born();

	(void)state;
	router_meet(&r);
	want(&r, BK_TRANSPORT_UDP, 443);
	router_run(&r, T0 + HOUR);
	assert_int_equal(r.maps, 0);
	assert_int_equal(bk_portmap_find(r.p, BK_TRANSPORT_UDP, 443)->trouble, BK_PORTMAP_LOW_PORT);
	router_free(&r);
}

static void an_answer_from_another_address_is_known_by_its_nonce(void **state)
{
	struct router r = born();

	(void)state;
	r.from = bk_addr_v4(10, 0, 0, 3, BK_PCP_PORT);
	meet_and_want(&r);
	router_run(&r, T0);
	assert_held(&r, OWN_PORT);
	router_free(&r);
}

static void an_answer_with_another_nonce_is_none(void **state)
{
	struct router r = born();

	(void)state;
	r.spoils_nonce = true;
	meet_and_want(&r);
	router_run(&r, T0 + HOUR);
	assert_refused(&r, BK_PORTMAP_SILENT);
	router_free(&r);
}

static void an_answer_from_another_port_is_none(void **state)
{
	struct router r = born();

	(void)state;
	r.from.port = 5352;
	meet_and_want(&r);
	router_run(&r, T0 + HOUR);
	assert_refused(&r, BK_PORTMAP_SILENT);
	router_free(&r);
}

static void a_router_where_nobody_listens_says_so_and_is_not_waited_for(void **state)
{
	const struct bk_addr router = bk_addr_v4(10, 0, 0, 1, BK_PCP_PORT),
			     other = bk_addr_v4(10, 0, 0, 1, 9);
	const struct bk_icmp unreachable = {.from = bk_addr_v4(10, 0, 0, 1, 0), .type = 3, .code = 3},
			     others = {.from = bk_addr_v4(10, 0, 0, 2, 0), .type = 3, .code = 3},
			     late = {.from = bk_addr_v4(10, 0, 0, 1, 0), .type = 11};
	struct router r = born();

	(void)state;
	r.is_deaf = true;
	meet_and_want(&r);
	router_run(&r, T0);
	bk_portmap_ops.on_icmp(r.p, SOCKET, &other, &unreachable, r.now);
	bk_portmap_ops.on_icmp(r.p, SOCKET, &router, &others, r.now);
	bk_portmap_ops.on_icmp(r.p, SOCKET, &router, &late, r.now);
	assert_false(bk_portmap_is_settled(r.p));
	bk_portmap_ops.on_icmp(r.p, SOCKET, &router, &unreachable, r.now);
	assert_true(bk_portmap_is_settled(r.p));
	assert_refused(&r, BK_PORTMAP_SILENT);
	assert_true(bk_portmap_ops.next_wake(r.p) == BK_NEVER);
	router_free(&r);
}

static void without_a_socket_nothing_is_waited_for(void **state)
{
	struct router r = born();

	(void)state;
	r.is_deaf = true;
	meet_and_want(&r);
	bk_portmap_ops.on_failed(r.p, SOCKET, BK_E_UNREACHABLE, r.now);
	assert_true(bk_portmap_is_settled(r.p));
	assert_refused(&r, BK_PORTMAP_SILENT);
	router_free(&r);
}

/* --- what it says no with --- */

static const struct {
	bool is_pcp;
	uint8_t result;
	enum bk_portmap_trouble why;
	bool is_final;
} refusals[] = {
	{true, BK_PCP_NOT_AUTHORIZED, BK_PORTMAP_DENIED, true},
	{true, BK_PCP_NETWORK_FAILURE, BK_PORTMAP_NO_OUTSIDE, false},
	{true, BK_PCP_NO_RESOURCES, BK_PORTMAP_FULL, false}, /* a private address outside: miniupnpd */
	{true, BK_PCP_USER_EX_QUOTA, BK_PORTMAP_FULL, false},
	{true, BK_PCP_ADDRESS_MISMATCH, BK_PORTMAP_NOT_NEXT, true}, /* another NAT between */
	{true, 200, BK_PORTMAP_UNSUPPORTED, true},
	{false, BK_NATPMP_NOT_AUTHORIZED, BK_PORTMAP_DENIED, true},
	{false, BK_NATPMP_NETWORK_FAILURE, BK_PORTMAP_NO_OUTSIDE, false},
	{false, BK_NATPMP_NO_RESOURCES, BK_PORTMAP_FULL, false},
	{false, BK_NATPMP_UNSUPP_OPCODE, BK_PORTMAP_UNSUPPORTED, true},
};

static void a_refusal_has_a_name_and_is_not_answered_by_asking_on(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		struct router r = born();

		r.has_pcp = refusals[i].is_pcp;
		r.pcp_result = r.has_pcp ? refusals[i].result : 0;
		r.natpmp_result = r.has_pcp ? 0 : refusals[i].result;
		r.error_lifetime = 30;
		meet_and_want(&r);
		router_run(&r, T0 + 29 * BK_SEC);
		assert_refused(&r, refusals[i].why);
		assert_int_equal(r.maps, 1);
		router_run(&r, T0 + HOUR);
		if (refusals[i].is_final)
			assert_int_equal(r.maps, 1);
		else
			assert_in_range(r.maps, 4, 8);
		router_free(&r);
	}
}

static void a_refusal_lasts_as_long_as_the_router_says(void **state)
{
	struct router r = born();

	(void)state;
	r.pcp_result = BK_PCP_USER_EX_QUOTA;
	r.error_lifetime = 1800;
	meet_and_want(&r);
	router_run(&r, T0 + 1799 * BK_SEC);
	assert_int_equal(r.maps, 1);
	r.pcp_result = 0;
	router_run(&r, T0 + 1800 * BK_SEC);
	assert_held(&r, OWN_PORT);
	router_free(&r);
}

static void a_refusal_for_ever_is_one_for_a_day(void **state)
{
	struct router r = born();

	(void)state;
	r.pcp_result = BK_PCP_NO_RESOURCES;
	r.error_lifetime = UINT32_MAX;
	meet_and_want(&r);
	router_run(&r, T0);
	r.pcp_result = 0;
	router_run(&r, T0 + 25 * HOUR);
	assert_held(&r, OWN_PORT);
	router_free(&r);
}

static void a_natpmp_router_without_an_outer_address_says_so(void **state)
{
	struct router r = born();

	(void)state;
	r.has_pcp = false;
	r.address_result = BK_NATPMP_NETWORK_FAILURE;
	meet_and_want(&r);
	router_run(&r, T0);
	assert_refused(&r, BK_PORTMAP_NO_OUTSIDE);
	router_free(&r);
}

/* --- what it gives --- */

static void assert_odd(struct router *r)
{
	meet_and_want(r);
	router_run(r, T0 + HOUR);
	assert_refused(r, BK_PORTMAP_ODD);
	assert_int_equal(r->maps, 1);
	assert_int_equal(r->deletions, 1); /* as it may have done it */
	router_free(r);
}

static void a_success_without_sense_is_given_back_and_not_asked_for_again(void **state)
{
	struct router low = born(), timeless = born(), nowhere = born(), loopback = born();

	(void)state;
	low.port = 80;
	assert_odd(&low);
	timeless.gives_nothing = true;
	assert_odd(&timeless);
	nowhere.outside = bk_addr_v4(224, 0, 0, 1, 0);
	assert_odd(&nowhere);
	loopback.outside = bk_addr_v4(127, 0, 0, 1, 0);
	assert_odd(&loopback);
}

static void a_lease_for_ever_is_renewed_every_day(void **state)
{
	struct router r = born();

	(void)state;
	r.lifetime = UINT32_MAX;
	meet_and_want(&r);
	router_run(&r, T0);
	assert_true(lease(&r)->until == T0 + 24 * HOUR);
	router_run(&r, T0 + 16 * HOUR);
	assert_int_equal(r.maps, 2);
	router_free(&r);
}

static void a_hole_to_somebody_elses_machine_is_given_back(void **state)
{
	struct router r = born();

	(void)state;
	r.is_v6 = true;
	router_meet(&r);
	assert_int_equal(bk_addr_from_ip("2a00:1::66", 0, &r.outside), 0);
	want(&r, BK_TRANSPORT_UDP, OWN_PORT);
	router_run(&r, T0 + HOUR);
	assert_refused(&r, BK_PORTMAP_ODD);
	assert_int_equal(r.maps, 1);
	assert_int_equal(r.deletions, 1);
	router_free(&r);
}

static void a_lease_of_a_second_does_not_make_a_storm(void **state)
{
	struct router r = born();

	(void)state;
	r.lifetime = 1;
	meet_and_want(&r);
	router_run(&r, T0 + HOUR);
	assert_in_range(r.maps, 2, 3600 / 30);
	router_free(&r);
}

static void an_epoch_that_always_begins_anew_does_not_make_a_storm(void **state)
{
	struct router r = born();

	(void)state;
	r.is_young_always = true;
	meet_and_want(&r);
	want(&r, BK_TRANSPORT_TCP, OWN_PORT);
	router_run(&r, T0 + HOUR);
	assert_in_range(r.maps, 2, 2 + 2 * 60);
	router_free(&r);
}

static void news_to_all_are_the_routers_alone(void **state)
{
	struct router r = born();

	(void)state;
	meet_and_want(&r);
	router_run(&r, T0 + 600 * BK_SEC);
	r.from = bk_addr_v4(10, 0, 0, 66, BK_PCP_PORT);
	assert_false(router_tell(&r, ANNOUNCEMENTS, (uint8_t[24]){2, 0x80}, 24));
	router_run(&r, r.now + 60 * BK_SEC);
	assert_int_equal(r.maps, 1);
	router_free(&r);
}

/* --- what it forgets --- */

static void a_held_port_outlives_a_silence_and_is_lost_at_its_end(void **state)
{
	struct router r = born();

	(void)state;
	meet_and_want(&r);
	router_run(&r, T0);
	r.is_deaf = true;
	router_run(&r, T0 + 2 * HOUR - BK_SEC);
	assert_held(&r, OWN_PORT);
	router_run(&r, T0 + 2 * HOUR);
	assert_refused(&r, BK_PORTMAP_SILENT);
	r.is_deaf = false;
	router_run(&r, T0 + 3 * HOUR);
	assert_held(&r, OWN_PORT);
	router_free(&r);
}

static void a_port_that_the_outside_does_not_see_is_asked_for_anew_once_a_minute(void **state)
{
	struct router r = born();

	(void)state;
	meet_and_want(&r);
	router_run(&r, T0 + 10 * BK_SEC);
	assert_true(bk_portmap_doubt(r.p, r.now));
	assert_false(bk_portmap_doubt(r.p, r.now));
	router_run(&r, T0 + 20 * BK_SEC);
	assert_int_equal(r.maps, 2);
	assert_false(bk_portmap_doubt(r.p, r.now));
	router_run(&r, T0 + 30 * BK_SEC);
	assert_int_equal(r.maps, 2);
	router_free(&r);
}

static void an_answer_to_an_older_question_does_not_stop_giving_back(void **state)
{
	struct router r = born();
	uint8_t late[60] = {2, 0x81, [7] = 100, [36] = 17, [40] = OWN_PORT >> 8, [41] = OWN_PORT & 0xff};

	(void)state;
	meet_and_want(&r);
	router_run(&r, T0);
	r.is_deaf = true;
	bk_portmap_leave(r.p, r.now);
	router_run(&r, T0);
	memcpy(late + 24, r.first.nonce, sizeof(r.first.nonce));
	router_tell(&r, SOCKET, late, sizeof(late));
	router_run(&r, T0);
	assert_false(r.is_done);
	r.is_deaf = false;
	router_run(&r, T0 + BK_SEC);
	assert_true(r.is_done);
	assert_int_equal(r.deletions, 1);
	router_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_never_answers_is_asked_for_a_quarter_of_a_minute_and_never_again),
		cmocka_unit_test(a_router_that_is_busy_for_ten_seconds_is_not_taken_for_none),
		cmocka_unit_test(a_port_below_1024_is_not_asked_for),
		cmocka_unit_test(an_answer_from_another_address_is_known_by_its_nonce),
		cmocka_unit_test(an_answer_with_another_nonce_is_none),
		cmocka_unit_test(an_answer_from_another_port_is_none),
		cmocka_unit_test(a_router_where_nobody_listens_says_so_and_is_not_waited_for),
		cmocka_unit_test(without_a_socket_nothing_is_waited_for),
		cmocka_unit_test(a_refusal_has_a_name_and_is_not_answered_by_asking_on),
		cmocka_unit_test(a_refusal_lasts_as_long_as_the_router_says),
		cmocka_unit_test(a_refusal_for_ever_is_one_for_a_day),
		cmocka_unit_test(a_natpmp_router_without_an_outer_address_says_so),
		cmocka_unit_test(a_success_without_sense_is_given_back_and_not_asked_for_again),
		cmocka_unit_test(a_hole_to_somebody_elses_machine_is_given_back),
		cmocka_unit_test(a_lease_for_ever_is_renewed_every_day),
		cmocka_unit_test(a_lease_of_a_second_does_not_make_a_storm),
		cmocka_unit_test(an_epoch_that_always_begins_anew_does_not_make_a_storm),
		cmocka_unit_test(news_to_all_are_the_routers_alone),
		cmocka_unit_test(a_held_port_outlives_a_silence_and_is_lost_at_its_end),
		cmocka_unit_test(a_port_that_the_outside_does_not_see_is_asked_for_anew_once_a_minute),
		cmocka_unit_test(an_answer_to_an_older_question_does_not_stop_giving_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

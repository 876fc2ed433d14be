/* SPDX-License-Identifier: Apache-2.0 */
/* Routers that do what the RFCs say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "portmap/reach.h"
#include "portmap/test_kit.h"

#define HOUR (3600 * BK_SEC)

static struct router met(bool has_pcp, bool has_natpmp)
{
	struct router r;

	router_init(&r);
	r.has_pcp = has_pcp;
	r.has_natpmp = has_natpmp;
	router_meet(&r);
	return r;
}

static void the_own_port_is_asked_for_first_and_over_pcp_where_both_are_spoken(void **state)
{
	struct router r = met(true, true);

	(void)state;
	want(&r, BK_TRANSPORT_UDP, OWN_PORT);
	router_run(&r, T0);
	assert_held(&r, OWN_PORT);
	assert_int_equal(r.first.own_port, OWN_PORT);
	assert_int_equal(r.first.external.port, OWN_PORT);
	assert_int_equal(r.asked_lifetime, 7200);
	assert_int_equal(r.maps, 1);
	assert_int_equal(r.last_natpmp.own_port, 0);
	router_run(&r, T0 + BK_SEC);
	assert_int_equal(bk_portmap_presence(r.p, BK_PORTMAP_PCP), BK_PORTMAP_PRESENT);
	assert_int_equal(bk_portmap_presence(r.p, BK_PORTMAP_NATPMP), BK_PORTMAP_PRESENT);
	router_free(&r);
}

static void who_only_asks_who_is_there_takes_no_port(void **state)
{
	struct router r = met(true, true);

	(void)state;
	router_run(&r, T0 + HOUR);
	assert_int_equal(r.pings, 2);
	assert_int_equal(r.maps, 0);
	router_free(&r);
}

static void udp_and_tcp_are_held_side_by_side(void **state)
{
	struct router r = met(true, false);

	(void)state;
	want(&r, BK_TRANSPORT_UDP, OWN_PORT);
	want(&r, BK_TRANSPORT_TCP, OWN_PORT);
	want(&r, BK_TRANSPORT_TCP, OWN_PORT);
	router_run(&r, T0);
	assert_int_equal(r.maps, 2);
	assert_held(&r, OWN_PORT);
	assert_int_equal(bk_portmap_find(r.p, BK_TRANSPORT_TCP, OWN_PORT)->external.port, OWN_PORT);
	router_free(&r);
}

static void a_router_without_pcp_says_so_and_natpmp_is_spoken_at_once(void **state)
{
	struct router r = met(false, true);

	(void)state;
	want(&r, BK_TRANSPORT_UDP, OWN_PORT);
	router_run(&r, T0);
	assert_held(&r, OWN_PORT);
	assert_int_equal(r.last_natpmp.external_port, OWN_PORT);
	assert_int_equal(bk_portmap_presence(r.p, BK_PORTMAP_PCP), BK_PORTMAP_ABSENT);
	router_free(&r);
}

static void a_router_with_pcp_alone_says_so_to_natpmp(void **state)
{
	struct router r;

	(void)state;
	router_init(&r);
	r.has_natpmp = false;
	r.is_pcp_server = true;
	router_meet(&r);
	router_run(&r, T0);
	assert_int_equal(bk_portmap_presence(r.p, BK_PORTMAP_PCP), BK_PORTMAP_PRESENT);
	assert_int_equal(bk_portmap_presence(r.p, BK_PORTMAP_NATPMP), BK_PORTMAP_ABSENT);
	assert_true(bk_portmap_ops.next_wake(r.p) == BK_NEVER);
	router_free(&r);
}

static void a_lease_is_renewed_at_half_its_life_and_not_in_step(void **state)
{
	struct router r = met(true, false);

	(void)state;
	want(&r, BK_TRANSPORT_UDP, OWN_PORT);
	router_run(&r, T0 + HOUR - 1);
	assert_int_equal(r.maps, 1);
	router_run(&r, T0 + HOUR + HOUR / 4);
	assert_int_equal(r.maps, 2);
	assert_memory_equal(r.first.nonce, r.last.nonce, sizeof(r.first.nonce));
	router_run(&r, T0 + 240 * HOUR);
	assert_held(&r, OWN_PORT);
	assert_in_range(r.maps, 240 * 8 / 10, 240);
	router_free(&r);
}

static void a_renewal_asks_for_the_port_that_is_held(void **state)
{
	struct router r = met(true, false);

	(void)state;
	r.port = 51000;
	want(&r, BK_TRANSPORT_UDP, OWN_PORT);
	router_run(&r, T0 + 2 * HOUR);
	assert_held(&r, 51000);
	assert_int_equal(r.first.external.port, OWN_PORT);
	assert_int_equal(r.last.external.port, 51000);
	router_free(&r);
}

static void all_is_given_back_with_the_same_nonce(void **state)
{
	struct router r = met(true, false);

	(void)state;
	want(&r, BK_TRANSPORT_UDP, OWN_PORT);
	want(&r, BK_TRANSPORT_TCP, OWN_PORT + 1);
	router_run(&r, T0);
	bk_portmap_leave(r.p, r.now);
	router_run(&r, T0);
	assert_int_equal(r.deletions, 2);
	assert_true(r.is_done);
	assert_int_equal(r.last.external.port, 0);
	assert_true(bk_portmap_ops.next_wake(r.p) == BK_NEVER);
	assert_int_equal(bk_portmap_want(r.p, BK_TRANSPORT_UDP, 4000, r.now), BK_E_INVALID);
	router_free(&r);
}

static void natpmp_gives_back_too(void **state)
{
	struct router r = met(false, true);

	(void)state;
	want(&r, BK_TRANSPORT_TCP, OWN_PORT);
	router_run(&r, T0);
	assert_int_equal(r.last_natpmp.opcode, BK_NATPMP_MAP_TCP);
	bk_portmap_drop(r.p, BK_TRANSPORT_TCP, OWN_PORT, r.now);
	router_run(&r, T0);
	assert_int_equal(r.deletions, 1);
	assert_int_equal(r.last_natpmp.external_port, 0);
	assert_null(bk_portmap_find(r.p, BK_TRANSPORT_TCP, OWN_PORT));
	router_free(&r);
}

static void leaving_a_router_that_is_gone_ends_within_two_seconds(void **state)
{
	struct router r = met(true, true);

	(void)state;
	want(&r, BK_TRANSPORT_UDP, OWN_PORT);
	router_run(&r, T0);
	r.is_deaf = true;
	bk_portmap_leave(r.p, r.now);
	router_run(&r, T0 + 2 * BK_SEC);
	assert_true(r.is_done);
	router_free(&r);
}

static void leaving_before_anybody_answered_is_done_at_once(void **state)
{
	struct router r = met(false, false);

	(void)state;
	want(&r, BK_TRANSPORT_UDP, OWN_PORT);
	bk_portmap_leave(r.p, r.now);
	router_run(&r, T0);
	assert_true(r.is_done);
	router_free(&r);
}

static void a_router_that_was_restarted_is_asked_again(void **state)
{
	struct router r = met(true, false);

	(void)state;
	want(&r, BK_TRANSPORT_UDP, OWN_PORT);
	want(&r, BK_TRANSPORT_TCP, OWN_PORT);
	router_run(&r, T0 + 600 * BK_SEC);
	assert_int_equal(r.maps, 2);
	r.born = r.now;
	/* it says so to all, as RFC 6887 section 14.1.3 has it */
	assert_true(router_tell(&r, ANNOUNCEMENTS, (uint8_t[24]){2, 0x80}, 24));
	router_run(&r, r.now + 10 * BK_SEC);
	assert_int_equal(r.maps, 4);
	router_free(&r);
}

static void a_natpmp_router_that_was_restarted_with_another_address_is_believed(void **state)
{
	struct router r = met(false, true);

	(void)state;
	want(&r, BK_TRANSPORT_UDP, OWN_PORT);
	router_run(&r, T0 + 600 * BK_SEC);
	r.born = r.now;
	r.outside = bk_addr_v4(45, 10, 20, 9, 0);
	assert_true(
		router_tell(&r, ANNOUNCEMENTS, (uint8_t[12]){0, 0x80, 0, 0, 0, 0, 0, 0, 45, 10, 20, 9}, 12));
	router_run(&r, r.now + 10 * BK_SEC);
	assert_int_equal(r.maps, 2);
	assert_held(&r, OWN_PORT);
	router_free(&r);
}

static void a_natpmp_router_that_says_it_is_this_machine_is_not_believed(void **state)
{
	struct router r = met(false, true);
	const struct bk_portmap_lease *l;
	uint32_t passed;

	(void)state;
	want(&r, BK_TRANSPORT_UDP, OWN_PORT);
	router_run(&r, T0);
	assert_held(&r, OWN_PORT);
	want(&r, BK_TRANSPORT_TCP, OWN_PORT);
	passed = (uint32_t)((r.now - r.born) / BK_SEC);
	router_tell(&r, SOCKET,
		(uint8_t[12]){0, 0x80, 0, 0, 0, 0, (uint8_t)(passed >> 8), (uint8_t)passed, 127, 0, 0, 1},
		12);
	l = bk_portmap_find(r.p, BK_TRANSPORT_UDP, OWN_PORT);
	assert_non_null(l);
	assert_int_not_equal(bk_addr_realm(&l->external), BK_ADDR_THIS_MACHINE);
	router_free(&r);
}

static void a_hole_for_ipv6_is_asked_for_ten_minutes(void **state)
{
	struct router r;

	(void)state;
	router_init(&r);
	r.is_v6 = true;
	router_meet(&r);
	want(&r, BK_TRANSPORT_UDP, OWN_PORT);
	router_run(&r, T0);
	assert_held(&r, OWN_PORT);
	assert_int_equal(r.asked_lifetime, 600);
	assert_int_equal(r.pings, 1); /* no NAT-PMP there */
	router_free(&r);
}

static void what_is_wanted_has_a_ceiling(void **state)
{
	struct router r = met(true, true);

	(void)state;
	for (uint16_t i = 0; i < BK_PORTMAP_LEASES_MAX; i++)
		want(&r, BK_TRANSPORT_UDP, (uint16_t)(OWN_PORT + i));
	assert_int_equal(bk_portmap_want(r.p, BK_TRANSPORT_TCP, OWN_PORT, r.now), BK_E_FULL);
	router_run(&r, T0);
	assert_int_equal(r.maps, BK_PORTMAP_LEASES_MAX);
	router_free(&r);
}

static void an_outer_address_that_nobody_sees_is_behind_another_nat(void **state)
{
	const struct bk_addr none = {0}, outside = bk_addr_v4(45, 10, 20, 7, 40000);
	const struct bk_addr same = bk_addr_v4(45, 10, 20, 7, 9), other = bk_addr_v4(45, 10, 20, 8, 9);
	const struct bk_addr private = bk_addr_v4(192, 168, 1, 5, 9), carrier = bk_addr_v4(100, 64, 1, 5, 9);

	(void)state;
	assert_int_equal(bk_portmap_reach(&outside, &none), BK_PORTMAP_REACH_UNKNOWN);
	assert_int_equal(bk_portmap_reach(&outside, &same), BK_PORTMAP_REACH_OPEN);
	assert_int_equal(bk_portmap_reach(&outside, &other), BK_PORTMAP_REACH_NESTED);
	assert_int_equal(bk_portmap_reach(&private, &none), BK_PORTMAP_REACH_NESTED);
	assert_int_equal(bk_portmap_reach(&carrier, &carrier), BK_PORTMAP_REACH_NESTED);
}

/* Some routers cannot close a hole that was asked for twice, so it is not for being slow. */
static void a_router_that_is_slow_to_open_a_hole_is_not_asked_again_at_once(void **state)
{
	struct router r;

	(void)state;
	router_init(&r);
	r.is_v6 = true;
	router_meet(&r);
	router_run(&r, T0);
	r.is_deaf = true;
	want(&r, BK_TRANSPORT_UDP, OWN_PORT);
	router_run(&r, T0 + 2 * BK_SEC);
	r.is_deaf = false;
	router_run(&r, T0 + 2999 * BK_MS);
	assert_int_equal(lease(&r)->external.family, 0);
	router_run(&r, T0 + 3 * BK_SEC);
	assert_int_equal(lease(&r)->external.family, 6);
	router_free(&r);
}

static void an_address_that_was_seen_and_is_not_any_more_is_doubted(void **state)
{
	const struct bk_addr here = bk_addr_v4(45, 10, 21, 10, 40000), there = bk_addr_v4(45, 10, 21, 11, 7),
			     none = {0};
	struct bk_portmap_match m = {0};

	(void)state;
	assert_false(bk_portmap_match_is_lost(&m, &here, &there)); /* it never was: another NAT is outside */
	assert_false(bk_portmap_match_is_lost(&m, &here, &none));
	assert_false(bk_portmap_match_is_lost(&m, &here, &here));
	assert_false(bk_portmap_match_is_lost(&m, &none, &there));
	assert_false(bk_portmap_match_is_lost(&m, &here, &none));
	assert_true(bk_portmap_match_is_lost(&m, &here, &there));
	assert_true(bk_portmap_match_is_lost(&m, &here, &there));
	bk_portmap_match_forget(&m); /* the router was asked, and said the same */
	assert_false(bk_portmap_match_is_lost(&m, &here, &there));
	assert_false(bk_portmap_match_is_lost(&m, &there, &there));
	assert_false(bk_portmap_match_is_lost(&m, &here, &there)); /* the router's changed first */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_router_that_is_slow_to_open_a_hole_is_not_asked_again_at_once),
		cmocka_unit_test(an_address_that_was_seen_and_is_not_any_more_is_doubted),
		cmocka_unit_test(the_own_port_is_asked_for_first_and_over_pcp_where_both_are_spoken),
		cmocka_unit_test(who_only_asks_who_is_there_takes_no_port),
		cmocka_unit_test(udp_and_tcp_are_held_side_by_side),
		cmocka_unit_test(a_router_without_pcp_says_so_and_natpmp_is_spoken_at_once),
		cmocka_unit_test(a_router_with_pcp_alone_says_so_to_natpmp),
		cmocka_unit_test(a_lease_is_renewed_at_half_its_life_and_not_in_step),
		cmocka_unit_test(a_renewal_asks_for_the_port_that_is_held),
		cmocka_unit_test(all_is_given_back_with_the_same_nonce),
		cmocka_unit_test(natpmp_gives_back_too),
		cmocka_unit_test(leaving_a_router_that_is_gone_ends_within_two_seconds),
		cmocka_unit_test(leaving_before_anybody_answered_is_done_at_once),
		cmocka_unit_test(a_router_that_was_restarted_is_asked_again),
		cmocka_unit_test(a_natpmp_router_that_was_restarted_with_another_address_is_believed),
		cmocka_unit_test(a_natpmp_router_that_says_it_is_this_machine_is_not_believed),
		cmocka_unit_test(a_hole_for_ipv6_is_asked_for_ten_minutes),
		cmocka_unit_test(what_is_wanted_has_a_ceiling),
		cmocka_unit_test(an_outer_address_that_nobody_sees_is_behind_another_nat),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "server/crowd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "server/limits.h"

static struct bk_crowd *new_crowd(unsigned per_address, unsigned all)
{
	struct bk_crowd_limits limits = {per_address, all, 60, 2};

	return bk_crowd_new(&limits, 7);
}

static struct bk_addr v6(const char *ip)
{
	struct bk_addr a;

	assert_int_equal(bk_addr_from_ip(ip, 1, &a), 0);
	return a;
}

static void an_address_holds_only_so_many(void **state)
{
	struct bk_crowd *c = new_crowd(2, 100);
	struct bk_addr a = bk_addr_v4(192, 0, 2, 1, 1), b = bk_addr_v4(192, 0, 2, 2, 1);
	struct bk_crowd_member *m, *n;

	(void)state;
	assert_int_equal(bk_crowd_enter(c, &a, 0, &m), 0);
	assert_int_equal(bk_crowd_enter(c, &a, 0, &n), 0);
	assert_ptr_equal(m, n);
	assert_int_equal(bk_crowd_enter(c, &a, 0, &n), BK_E_FULL);
	assert_int_equal(bk_crowd_enter(c, &b, 0, &n), 0);
	bk_crowd_leave(c, m, 0);
	assert_int_equal(bk_crowd_enter(c, &a, 0, &m), 0);
	bk_crowd_free(c);
}

static void all_together_hold_only_so_many(void **state)
{
	struct bk_crowd *c = new_crowd(9, 1);
	struct bk_addr a = bk_addr_v4(192, 0, 2, 1, 1), b = bk_addr_v4(192, 0, 2, 2, 1);
	struct bk_crowd_member *m;

	(void)state;
	assert_int_equal(bk_crowd_enter(c, &a, 0, &m), 0);
	assert_int_equal(bk_crowd_enter(c, &b, 0, &m), BK_E_FULL);
	bk_crowd_free(c);
}

static void an_ipv6_network_is_one_address(void **state)
{
	struct bk_crowd *c = new_crowd(1, 100);
	struct bk_addr a = v6("2001:db8::1"), same = v6("2001:db8::ffff:1"), other = v6("2001:db8:0:1::1");
	struct bk_crowd_member *m;

	(void)state;
	assert_int_equal(bk_crowd_enter(c, &a, 0, &m), 0);
	assert_int_equal(bk_crowd_enter(c, &same, 0, &m), BK_E_FULL);
	assert_int_equal(bk_crowd_enter(c, &other, 0, &m), 0);
	bk_crowd_free(c);
}

static void coming_back_does_not_refill_a_ration(void **state)
{
	struct bk_crowd *c = new_crowd(1, 100);
	struct bk_addr a = bk_addr_v4(192, 0, 2, 1, 1);
	struct bk_crowd_member *m;

	(void)state;
	assert_int_equal(bk_crowd_enter(c, &a, 0, &m), 0);
	assert_true(bk_rate_take(&m->claims, 2, 0));
	bk_crowd_leave(c, m, 0);
	assert_int_equal(bk_crowd_enter(c, &a, 1, &m), 0);
	assert_false(bk_rate_take(&m->claims, 1, 1));
	bk_crowd_leave(c, m, 1);
	assert_int_equal(bk_crowd_enter(c, &a, 2 * BK_LIMIT_ADDRESS_MEMORY, &m), 0);
	assert_true(bk_rate_take(&m->claims, 2, 2 * BK_LIMIT_ADDRESS_MEMORY));
	bk_crowd_free(c);
}

static void a_hundred_thousand_passing_addresses_leave_a_bounded_memory(void **state)
{
	struct bk_crowd *c = new_crowd(1, 10);
	struct bk_crowd_member *m;

	(void)state;
	for (uint32_t i = 0; i < 100000; i++) {
		struct bk_addr a = bk_addr_v4(10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i, 1);

		assert_int_equal(bk_crowd_enter(c, &a, 0, &m), 0);
		bk_crowd_leave(c, m, 0);
	}
	bk_crowd_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_holds_only_so_many),
		cmocka_unit_test(all_together_hold_only_so_many),
		cmocka_unit_test(an_ipv6_network_is_one_address),
		cmocka_unit_test(coming_back_does_not_refill_a_ration),
		cmocka_unit_test(a_hundred_thousand_passing_addresses_leave_a_bounded_memory),
	};

	return cmocka_run_group_tests_name("crowd", tests, NULL, NULL);
}

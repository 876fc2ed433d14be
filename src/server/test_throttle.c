/* SPDX-License-Identifier: Apache-2.0 */
#include "server/throttle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static unsigned taken(struct bk_throttle *t, const struct bk_addr *from, unsigned tries, bk_time now)
{
	unsigned n = 0;

	for (unsigned i = 0; i < tries; i++)
		n += bk_throttle_take(t, from, now);
	return n;
}

static void an_address_gets_its_burst_and_then_its_rate(void **state)
{
	struct bk_throttle *t = bk_throttle_new(10, 20, 1);
	struct bk_addr a = bk_addr_v4(192, 0, 2, 1, 1), b = bk_addr_v4(192, 0, 2, 2, 1);

	(void)state;
	assert_int_equal(taken(t, &a, 100, BK_SEC), 20);
	a.port = 2; /* another port is the same asker */
	assert_int_equal(taken(t, &a, 100, BK_SEC), 0);
	assert_int_equal(taken(t, &b, 100, BK_SEC), 20);
	assert_int_equal(taken(t, &a, 100, 2 * BK_SEC), 10);
	bk_throttle_free(t);
}

static void an_ipv6_network_counts_as_one(void **state)
{
	struct bk_throttle *t = bk_throttle_new(10, 20, 1);
	struct bk_addr a = {.family = 6, .ip = {0x20, 1, 0xd, 0xb8, [15] = 1}};
	struct bk_addr b = {.family = 6, .ip = {0x20, 1, 0xd, 0xb8, [8] = 9, [15] = 2}};
	struct bk_addr c = {.family = 6, .ip = {0x20, 1, 0xd, 0xb8, [7] = 1, [15] = 1}};

	(void)state;
	assert_int_equal(taken(t, &a, 100, 1), 20);
	assert_int_equal(taken(t, &b, 100, 1), 0);
	assert_int_equal(taken(t, &c, 100, 1), 20);
	bk_throttle_free(t);
}

static unsigned taken_by_networks(struct bk_throttle *t, unsigned at, unsigned n)
{
	struct bk_addr a = {.family = 6, .ip = {0x20, 1, 0xd, 0xb8}};
	unsigned got = 0;

	for (unsigned i = 0; i < n; i++) {
		a.ip[at] = (uint8_t)i;
		got += taken(t, &a, 100, 1);
	}
	return got;
}

static void a_network_gets_little_more_than_one_of_its_addresses(void **state)
{
	struct bk_throttle *t = bk_throttle_new(10, 20, 1);
	struct bk_addr other = {.family = 6, .ip = {0x20, 1, 0xd, 0xb8, 0, 9}};
	unsigned got = 0;

	(void)state;
	assert_int_equal(taken_by_networks(t, 7, 256), 2 * 20); /* a /56 */
	assert_int_equal(taken_by_networks(t, 6, 256), 2 * 20); /* with the rest of its /48: four times */
	assert_int_equal(taken(t, &other, 100, 1), 20);
	for (unsigned i = 0; i < 256; i++) {
		struct bk_addr a = bk_addr_v4(192, 0, 2, (uint8_t)i, 1);

		got += taken(t, &a, 100, 1);
	}
	assert_int_equal(got, 2 * 20);
	bk_throttle_free(t);
}

static void more_addresses_than_places_push_out_the_silent_ones(void **state)
{
	struct bk_throttle *t = bk_throttle_new(1, 1, 7);
	struct bk_addr busy = bk_addr_v4(192, 0, 2, 1, 1);
	bk_time now = 1;

	(void)state;
	assert_true(bk_throttle_take(t, &busy, now));
	for (unsigned i = 0; i < 100000; i++) {
		struct bk_addr other =
			bk_addr_v4((uint8_t)(10 + (i >> 16)), (uint8_t)(i >> 8), (uint8_t)i, 7, 1);

		now += 10;
		assert_true(bk_throttle_take(t, &other, now)); /* everybody's first is answered */
		assert_false(bk_throttle_take(t, &busy, now)); /* who keeps asking is remembered */
	}
	bk_throttle_free(t);
}

static void this_machine_is_not_limited(void **state)
{
	struct bk_throttle *t = bk_throttle_new(1, 1, 7);
	struct bk_addr self = bk_addr_v4(127, 0, 0, 1, 1);

	(void)state;
	assert_int_equal(taken(t, &self, 1000, 1), 1000);
	bk_throttle_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_gets_its_burst_and_then_its_rate),
		cmocka_unit_test(an_ipv6_network_counts_as_one),
		cmocka_unit_test(a_network_gets_little_more_than_one_of_its_addresses),
		cmocka_unit_test(more_addresses_than_places_push_out_the_silent_ones),
		cmocka_unit_test(this_machine_is_not_limited),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

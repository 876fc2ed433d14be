/* SPDX-License-Identifier: Apache-2.0 */
#include "apps/device.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"

static void what_was_said_is_read(void **state)
{
	struct bk_device d = {.flags = BK_DEVICE_PRESENT | BK_DEVICE_RECEIVES,
				 .since = 1700000000,
				 .nat_udp = "Full Cone",
				 .nat_tcp = "no such type"},
			 got;
	uint8_t about[BK_DEVICE_ABOUT_MAX];
	size_t n;

	(void)state;
	d.addresses[d.addresses_len++] = bk_addr_v4(192, 168, 1, 7, 0);
	assert_int_equal(bk_addr_from_ip("fd00::7", 0, &d.addresses[d.addresses_len++]), 0);
	n = bk_device_encode(&d, about);
	assert_int_equal(n, 8 + 5 + 17);
	assert_int_equal(bk_device_decode(about, n, &got), 0);
	assert_int_equal(got.flags, d.flags);
	assert_int_equal(got.since, d.since);
	assert_string_equal(got.nat_udp, "Full Cone");
	assert_null(got.nat_tcp);
	assert_int_equal(got.addresses_len, 2);
	for (size_t i = 0; i < 2; i++)
		assert_true(bk_addr_equal(&got.addresses[i], &d.addresses[i]));
}

static void what_is_full_fits(void **state)
{
	struct bk_device d = {.addresses_len = BK_DEVICE_ADDRESSES_MAX}, got;
	uint8_t about[BK_DEVICE_ABOUT_MAX];

	(void)state;
	for (size_t i = 0; i < BK_DEVICE_ADDRESSES_MAX; i++)
		assert_int_equal(bk_addr_from_ip("2001:db8::1", 0, &d.addresses[i]), 0);
	assert_int_equal(bk_device_encode(&d, about), BK_DEVICE_ABOUT_MAX);
	assert_int_equal(bk_device_decode(about, BK_DEVICE_ABOUT_MAX, &got), 0);
}

static void what_is_cut_or_of_another_version_is_nothing_and_a_tail_is_skipped(void **state)
{
	static const uint8_t about[] = {1, 7, 0, 0, 0, 9, 0x77, 1, 4, 10, 0, 0, 1, 'm', 'o', 'r', 'e'};
	static const uint8_t other[] = {2, 7, 0, 0, 0, 9, 0, 0}, many[] = {1, 7, 0, 0, 0, 9, 0, 9};
	static const uint8_t family[] = {1, 7, 0, 0, 0, 9, 0, 1, 5, 10, 0, 0, 1};
	static const uint8_t unknown[] = {1, 0xf8, 0, 0, 0, 9, 0xff, 0};
	struct bk_device d = {.since = 1};

	(void)state;
	for (size_t n = 0; n < 13; n++)
		assert_int_equal(bk_device_decode(about, n, &d), BK_E_MALFORMED);
	assert_int_equal(bk_device_decode(other, sizeof(other), &d), BK_E_MALFORMED);
	assert_int_equal(bk_device_decode(many, sizeof(many), &d), BK_E_MALFORMED);
	assert_int_equal(bk_device_decode(family, sizeof(family), &d), BK_E_MALFORMED);
	assert_int_equal(d.since, 1);
	assert_int_equal(bk_device_decode(unknown, sizeof(unknown), &d), 0);
	assert_null(d.nat_udp);
	assert_null(d.nat_tcp);
	assert_int_equal(bk_device_decode(about, sizeof(about), &d), 0);
	assert_string_equal(d.nat_udp, "Blocked");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_said_is_read),
		cmocka_unit_test(what_is_full_fits),
		cmocka_unit_test(what_is_cut_or_of_another_version_is_nothing_and_a_tail_is_skipped),
	};

	return cmocka_run_group_tests_name("device", tests, NULL, NULL);
}

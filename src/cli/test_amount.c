/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/amount.h"

static void sizes_are_read_as_others_read_them(void **state)
{
	static const struct {
		const char *text;
		uint64_t want;
	} rows[] = {
		{"1", 1},
		{"500", 500},
		{"500b", 500},
		{"10k", 10240},
		{"10K", 10240},
		{"10KiB", 10240},
		{"10KB", 10000},
		{"10M", 10 << 20},
		{"1.5G", 1610612736},
		{"0.5k", 512},
		{"2T", UINT64_C(2) << 40},
		{"7E", UINT64_C(7) << 60},
	};
	uint64_t got;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(bk_cli_amount_from_str(rows[i].text, &got), 0);
		assert_int_equal(got, rows[i].want);
	}
}

static void what_is_no_size_is_none(void **state)
{
	static const char *const rows[] = {"", "0", "-1", "+1", "M", "1 M", "1X", "1Mi", "1Mbit", "1.5.2",
		"0x10", "1e5", "8E", "99999999999999999999999", "inf", "nan", "1M ", "."};
	uint64_t got;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_true(bk_cli_amount_from_str(rows[i], &got) < 0);
}

static void a_rate_may_say_that_it_is_one(void **state)
{
	static const char *const none[] = {"", "/s", "2M/", "2M/m", "2M/s/s", "2M /s", "2Mbit/s", "2M/sec",
		"00000000000000000000000000000001/s"};
	uint64_t got;

	(void)state;
	assert_int_equal(bk_cli_amount_rate_from_str("1.5M", &got), 0);
	assert_int_equal(got, 1572864);
	assert_int_equal(bk_cli_amount_rate_from_str("1.5M/s", &got), 0);
	assert_int_equal(got, 1572864);
	assert_int_equal(bk_cli_amount_rate_from_str("2MB/S", &got), 0);
	assert_int_equal(got, 2000000);
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_true(bk_cli_amount_rate_from_str(none[i], &got) < 0);
}

static void a_rate_in_bits_is_told_in_bytes(void **state)
{
	static const struct {
		const char *typed, *bytes;
	} rows[] = {{"8Mbit", "1MB"}, {"100 Mbit/s", "12.5MB"}, {"1gbps", "125MB"}, {"512kbit/s", "64KB"},
		{"800bit", "100"}};
	static const char *const none[] = {
		"", "8", "8M", "8MB", "8Mb", "bit", "Mbit", "8Mbits/m", "1e3bit", "4bit", "9999999999Gbit"};
	char bytes[BK_CLI_AMOUNT_STR_MAX];
	uint64_t got;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(bk_cli_amount_of_bits(rows[i].typed, bytes), 0);
		assert_string_equal(bytes, rows[i].bytes);
		assert_int_equal(bk_cli_amount_rate_from_str(bytes, &got), 0);
	}
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_true(bk_cli_amount_of_bits(none[i], bytes) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_are_read_as_others_read_them),
		cmocka_unit_test(what_is_no_size_is_none),
		cmocka_unit_test(a_rate_may_say_that_it_is_one),
		cmocka_unit_test(a_rate_in_bits_is_told_in_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

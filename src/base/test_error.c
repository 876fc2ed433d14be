/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

static const int codes[] = {BK_OK,
#define CODE(id, code, name, text) BK_E_##id,
	BK_ERROR_MAP(CODE)
#undef CODE
};

enum { CODES_LEN = sizeof(codes) / sizeof(codes[0]) };

static void every_code_has_its_own_name_and_comes_back_from_it(void **state)
{
	(void)state;
	for (size_t i = 0; i < CODES_LEN; i++) {
		const char *name = bk_error_name(codes[i]);

		assert_true(i == 0 || codes[i] < 0);
		assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz-"), strlen(name));
		assert_int_equal(bk_error_from_name(name), codes[i]);
		assert_true(strlen(bk_error_text(codes[i])) > 3);
		for (size_t k = 0; k < i; k++)
			assert_true(codes[k] != codes[i] && strcmp(bk_error_name(codes[k]), name) != 0);
	}
}

static void what_is_not_in_the_table_still_has_an_answer(void **state)
{
	(void)state;
	assert_string_equal(bk_error_name(-9999), "unknown");
	assert_string_equal(bk_error_text(1), "unknown error");
	assert_int_equal(bk_error_from_name("no such name"), BK_E_INTERNAL);
	assert_int_equal(bk_error_from_name(""), BK_E_INTERNAL);
}

static void errno_values_map(void **state)
{
	static const struct {
		int err, expected;
	} rows[] = {
		{0, 0},
		{EADDRINUSE, BK_E_ADDRESS_IN_USE},
		{ECONNREFUSED, BK_E_REFUSED},
		{ETIMEDOUT, BK_E_TIMEOUT},
		{ENOSPC, BK_E_NO_SPACE},
		{EWOULDBLOCK, BK_E_AGAIN},
		{EBADF, BK_E_IO},
		{123456, BK_E_IO},
		{-1, BK_E_IO},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(bk_error_from_errno(rows[i].err), rows[i].expected);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_code_has_its_own_name_and_comes_back_from_it),
		cmocka_unit_test(what_is_not_in_the_table_still_has_an_answer),
		cmocka_unit_test(errno_values_map),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

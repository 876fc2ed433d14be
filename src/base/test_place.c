/* SPDX-License-Identifier: Apache-2.0 */
#include "base/place.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"

static void a_place_is_read_as_people_write_it(void **state)
{
	static const struct {
		const char *text, *host; /* host NULL: malformed */
		uint16_t usual, port;
	} rows[] = {
		{"h", "h", 9, 9},
		{"h:1", "h", 9, 1},
		{"h:65535", "h", 9, 65535},
		{"192.0.2.1:80", "192.0.2.1", 0, 80},
		{"[::1]", "::1", 9, 9},
		{"[::1]:7", "::1", 0, 7},
		{"2001:db8::1", "2001:db8::1", 9, 9},
		{"", NULL, 9, 0},
		{":1", NULL, 9, 0},
		{"h:", NULL, 9, 0},
		{"h:0", NULL, 9, 0},
		{"h:65536", NULL, 9, 0},
		{"h:000080", NULL, 9, 0},
		{"h:x", NULL, 9, 0},
		{"a b", NULL, 9, 0},
		{"h/", NULL, 9, 0},
		{"h#PIN", NULL, 9, 0},
		{"h:1#PIN", NULL, 9, 0},
		{"[::1", NULL, 9, 0},
		{"[]:1", NULL, 9, 0},
		{"[::1]7", NULL, 9, 0},
		{"[::1]:", NULL, 9, 0},
		{"h", NULL, 0, 0},
		{"[::1]", NULL, 0, 0},
		{"::1", NULL, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bk_place p = {.port = 42};
		int err = bk_place_from_str(rows[i].text, strlen(rows[i].text), rows[i].usual, &p);

		if (err != (rows[i].host ? 0 : BK_E_MALFORMED) ||
			p.port != (rows[i].host ? rows[i].port : 42))
			fail_msg("'%s', else port %u", rows[i].text, rows[i].usual);
		assert_string_equal(p.host, rows[i].host ? rows[i].host : "");
	}
}

static void no_byte_behind_its_end_is_read(void **state)
{
	struct bk_place p;

	(void)state;
	assert_int_equal(bk_place_from_str("h:80", 3, 9, &p), 0);
	assert_int_equal(p.port, 8);
	assert_int_equal(bk_place_from_str("h:80", 2, 9, &p), BK_E_MALFORMED);
	assert_int_equal(bk_place_from_str("[h]:8", 3, 9, &p), 0);
	assert_int_equal(p.port, 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_place_is_read_as_people_write_it),
		cmocka_unit_test(no_byte_behind_its_end_is_read),
	};

	return cmocka_run_group_tests_name("place", tests, NULL, NULL);
}

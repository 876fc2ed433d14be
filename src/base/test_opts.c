/* SPDX-License-Identifier: Apache-2.0 */
#include "base/opts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* The same struct through the versions of a header. */
struct first {
	size_t size;
	const char *name;
	int words;
};
struct second {
	size_t size;
	const char *name;
	int words;
	int padding_of_first;
	int64_t wait;
};
struct third {
	size_t size;
	const char *name;
	int words;
	int padding_of_first;
	int64_t wait;
	bool is_loud;
};

static int read_second(struct second *to, const void *from)
{
	return bk_opts_read(to, (const struct second *)from, words);
}

static void a_program_of_the_same_version_is_read_whole(void **state)
{
	const struct second from = {.size = sizeof(from), .name = "a", .words = 2, .wait = 3};
	struct second to;

	(void)state;
	assert_int_equal(read_second(&to, &from), 0);
	assert_memory_equal(&to, &from, sizeof(to));
}

static void an_older_program_lacks_what_is_newer(void **state)
{
	struct {
		struct first first;
		int64_t behind; /* whatever is in memory there */
	} from = {.first = {.size = sizeof(struct first), .name = "a", .words = 2}, .behind = -1};
	struct second to;

	(void)state;
	assert_int_equal(read_second(&to, &from), 0);
	assert_string_equal(to.name, "a");
	assert_int_equal(to.words, 2);
	assert_int_equal(to.wait, 0);
	assert_int_equal(to.size, sizeof(to));
}

static void no_size_is_the_first_version(void **state)
{
	const struct second from = {.name = "a", .words = 2, .wait = 3};
	struct second to;

	(void)state;
	assert_int_equal(read_second(&to, &from), 0);
	assert_int_equal(to.words, 2);
	assert_int_equal(to.wait, 0);
}

static void a_newer_program_that_uses_nothing_new_is_read(void **state)
{
	const struct third from = {.size = sizeof(from), .name = "a", .wait = 3};
	struct second to;

	(void)state;
	assert_int_equal(read_second(&to, &from), 0);
	assert_int_equal(to.wait, 3);
	assert_int_equal(to.size, sizeof(to));
}

static void a_newer_program_that_uses_what_is_not_here_is_told(void **state)
{
	const struct third from = {.size = sizeof(from), .name = "a", .is_loud = true};
	struct second to;

	(void)state;
	assert_int_equal(read_second(&to, &from), BK_E_UNSUPPORTED);
	assert_null(to.name);
}

static void a_size_that_cannot_be_is_refused(void **state)
{
	static const size_t sizes[] = {
		1, sizeof(size_t), sizeof(struct first) - 1, BK_OPTS_SIZE_MAX + 1, SIZE_MAX};
	struct second to;

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		const struct second from = {.size = sizes[i], .name = "a"};

		assert_int_equal(read_second(&to, &from), BK_E_INVALID);
		assert_null(to.name);
	}
	assert_int_equal(read_second(&to, NULL), BK_E_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_program_of_the_same_version_is_read_whole),
		cmocka_unit_test(an_older_program_lacks_what_is_newer),
		cmocka_unit_test(no_size_is_the_first_version),
		cmocka_unit_test(a_newer_program_that_uses_nothing_new_is_read),
		cmocka_unit_test(a_newer_program_that_uses_what_is_not_here_is_told),
		cmocka_unit_test(a_size_that_cannot_be_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lab/picture.h"

static char *shown(const struct bk_lab_plan *plan, const char *columns)
{
	FILE *kept = stdout;
	char *text = NULL;
	size_t n;

	setenv("COLUMNS", columns, 1);
	stdout = open_memstream(&text, &n);
	assert_non_null(stdout);
	bk_lab_picture_print(plan);
	assert_int_equal(fclose(stdout), 0);
	stdout = kept;
	return text;
}

static void set(struct bk_lab_options *o, const char *name, const char *value)
{
	assert_int_equal(bk_lab_options_set(o, name, value), 0);
}

static void a_lab_is_shown_in_the_width_of_the_window(void **state)
{
	static const char *const columns[] = {"50", "80", "200"};
	struct bk_lab_options o;
	struct bk_lab_plan plan;

	(void)state;
	assert_int_equal(bk_lab_options_init(&o), 0);
	set(&o, "a", "cgn-sym");
	set(&o, "b", "symblock:2048");
	set(&o, "with", "noise:5:b");
	set(&o, "with", "noise:7:a");
	set(&o, "with", "pcp");
	set(&o, "delay", "5");
	set(&o, "loss", "1");
	bk_lab_plan_init(&plan, &o);
	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
		char *text = shown(&plan, columns[i]), *save;

		assert_non_null(strstr(text, "ca: carrier"));
		assert_non_null(strstr(text, BK_LAB_SERVER_2));
		for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
			assert_in_range(strlen(line), 1, atoi(columns[i]));
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(a_lab_is_shown_in_the_width_of_the_window)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

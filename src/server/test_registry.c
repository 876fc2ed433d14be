/* SPDX-License-Identifier: Apache-2.0 */
#include "server/registry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/error.h"

static int first, second;

static void an_id_in_use_is_refused(void **state)
{
	struct bk_registry *r = bk_registry_new(10, 1);

	(void)state;
	assert_int_equal(bk_registry_add(r, "1234abcd", &first), 0);
	assert_int_equal(bk_registry_add(r, "1234abcd", &second), BK_E_ID_IN_USE);
	assert_ptr_equal(bk_registry_find(r, "1234abcd"), &first);
	bk_registry_remove(r, "1234abcd", &first);
	assert_null(bk_registry_find(r, "1234abcd"));
	assert_int_equal(bk_registry_add(r, "1234abcd", &second), 0);
	bk_registry_free(r);
}

static void only_the_holder_gives_an_id_back(void **state)
{
	struct bk_registry *r = bk_registry_new(10, 1);

	(void)state;
	assert_int_equal(bk_registry_add(r, "x", &first), 0);
	bk_registry_remove(r, "x", &second);
	assert_ptr_equal(bk_registry_find(r, "x"), &first);
	bk_registry_free(r);
}

static void the_registry_has_a_ceiling(void **state)
{
	struct bk_registry *r = bk_registry_new(100, 1);
	char id[16];

	(void)state;
	for (int i = 0; i < 100; i++) {
		snprintf(id, sizeof(id), "%d", i);
		assert_int_equal(bk_registry_add(r, id, &first), 0);
	}
	assert_int_equal(bk_registry_add(r, "one more", &first), BK_E_FULL);
	bk_registry_free(r);
}

static void an_empty_id_is_none(void **state)
{
	struct bk_registry *r = bk_registry_new(10, 1);

	(void)state;
	assert_int_equal(bk_registry_add(r, "", &first), BK_E_INVALID);
	bk_registry_free(r);
	bk_registry_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_id_in_use_is_refused),
		cmocka_unit_test(only_the_holder_gives_an_id_back),
		cmocka_unit_test(the_registry_has_a_ceiling),
		cmocka_unit_test(an_empty_id_is_none),
	};

	return cmocka_run_group_tests_name("registry", tests, NULL, NULL);
}

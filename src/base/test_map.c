/* SPDX-License-Identifier: Apache-2.0 */
#include "base/map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "base/error.h"

static void what_is_put_is_found_until_taken(void **state)
{
	enum { N = 5000 };
	static uint32_t values[N];
	struct bk_map *m = bk_map_new(N, 42);

	(void)state;
	assert_non_null(m);
	for (uint32_t i = 0; i < N; i++) {
		values[i] = i * 7;
		assert_int_equal(bk_map_put(m, &values[i], sizeof(values[i]), &values[i]), 0);
	}
	assert_int_equal(bk_map_count(m), N);
	for (uint32_t i = 0; i < N; i++)
		assert_ptr_equal(bk_map_get(m, &values[i], sizeof(values[i])), &values[i]);
	for (uint32_t i = 0; i < N; i += 2)
		assert_ptr_equal(bk_map_take(m, &values[i], sizeof(values[i])), &values[i]);
	for (uint32_t i = 0; i < N; i++)
		assert_ptr_equal(bk_map_get(m, &values[i], sizeof(values[i])), i % 2 ? &values[i] : NULL);
	assert_int_equal(bk_map_count(m), N / 2);
	bk_map_free(m);
}

static void a_key_is_its_bytes_and_its_length(void **state)
{
	struct bk_map *m = bk_map_new(10, 0);
	int a, b;

	(void)state;
	assert_int_equal(bk_map_put(m, "key", 3, &a), 0);
	assert_int_equal(bk_map_put(m, "key", 3, &b), BK_E_EXISTS);
	assert_int_equal(bk_map_put(m, "key\0", 4, &b), 0);
	assert_ptr_equal(bk_map_get(m, "key", 3), &a);
	assert_ptr_equal(bk_map_get(m, "key\0", 4), &b);
	assert_null(bk_map_get(m, "ke", 2));
	assert_null(bk_map_take(m, "kex", 3));
	bk_map_free(m);
}

static void ceilings_hold(void **state)
{
	char key[BK_MAP_KEY_MAX + 1] = {0};
	struct bk_map *m = bk_map_new(2, 0);
	int v;

	(void)state;
	assert_int_equal(bk_map_put(m, key, sizeof(key), &v), BK_E_TOO_BIG);
	assert_int_equal(bk_map_put(m, key, BK_MAP_KEY_MAX, &v), 0);
	assert_int_equal(bk_map_put(m, "b", 1, &v), 0);
	assert_int_equal(bk_map_put(m, "c", 1, &v), BK_E_FULL);
	assert_int_equal(bk_map_put(m, "b", 1, &v), BK_E_EXISTS);
	assert_ptr_equal(bk_map_take(m, "b", 1), &v);
	assert_int_equal(bk_map_put(m, "c", 1, &v), 0);
	bk_map_free(m);
	bk_map_free(NULL);
}

static void add_one(void *arg, void *value)
{
	*(int *)arg += *(int *)value;
}

static void each_sees_every_entry_once(void **state)
{
	int ones[40], sum = 0;
	struct bk_map *m = bk_map_new(40, 7);

	(void)state;
	for (int i = 0; i < 40; i++) {
		ones[i] = 1;
		assert_int_equal(bk_map_put(m, &i, sizeof(i), &ones[i]), 0);
	}
	bk_map_each(m, add_one, &sum);
	assert_int_equal(sum, 40);
	bk_map_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_put_is_found_until_taken),
		cmocka_unit_test(a_key_is_its_bytes_and_its_length),
		cmocka_unit_test(ceilings_hold),
		cmocka_unit_test(each_sees_every_entry_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

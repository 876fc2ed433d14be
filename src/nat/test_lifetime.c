/* SPDX-License-Identifier: Apache-2.0 */
#include "nat/lifetime.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/error.h"
#include "nat/test_kit.h"

static bk_dur measure(struct kit *k, bk_dur *ret_min, bk_dur *ret_max)
{
	const struct bk_nat_lifetime_opts opts = {.local = k->host, .server = k->server[0], .seed = 4};
	struct bk_nat_lifetime *e;
	bk_dur time;

	assert_int_equal(bk_nat_lifetime_new(&opts, k->now, &e), 0);
	time = kit_run(k, e, &bk_nat_lifetime_ops);
	*ret_min = bk_nat_lifetime_min(e);
	*ret_max = bk_nat_lifetime_max(e);
	bk_nat_lifetime_free(e);
	return time;
}

static void the_lifetime_is_found_between_two_ages(void **state)
{
	static const char *const types[] = {"full", "port", "sym", "symseq", "cgn-port"};
	static const struct {
		int lifetime, min, max;
	} rows[] = {{5, 0, 10}, {15, 10, 20}, {30, 28, 35}, {119, 90, 120}, {299, 200, 300}, {1000, 300, 0}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (size_t t = 0; t < sizeof(types) / sizeof(types[0]); t++) {
			bk_dur min, max, time;
			struct kit k;

			kit_init(&k, types[t], i + 1);
			k.lifetime = rows[i].lifetime * BK_SEC;
			k.loss = 0.01;
			time = measure(&k, &min, &max);
			assert_int_equal(min / BK_SEC, rows[i].min);
			assert_int_equal(max / BK_SEC, rows[i].max);
			assert_true(time < (rows[i].max ? rows[i].max : 300) * BK_SEC + 5 * BK_SEC);
		}
	}
}

static void a_silent_server_ends_it_at_once(void **state)
{
	bk_dur min, max;
	struct kit k;

	(void)state;
	kit_init(&k, "port", 1);
	k.is_deaf = true;
	assert_true(measure(&k, &min, &max) < 3 * BK_SEC);
	assert_int_equal(min, 0);
	assert_int_equal(max, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_lifetime_is_found_between_two_ages),
		cmocka_unit_test(a_silent_server_ends_it_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

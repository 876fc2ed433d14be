/* SPDX-License-Identifier: Apache-2.0 */
#include "base/loan.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <pthread.h>
#include <string.h>

enum { SIZE = 4096 };

static void only_bytes_of_what_is_lent_are_kept(void **state)
{
	struct bk_loan *l = bk_loan_new(SIZE), *before;
	uint8_t other[SIZE] = {0};

	(void)state;
	assert_null(bk_loan_keep(l->bytes, SIZE)); /* nothing is lent */
	before = bk_loan_begin(l);
	assert_null(before);
	assert_null(bk_loan_keep(other, SIZE));
	assert_null(bk_loan_keep(l->bytes - 1, SIZE));
	assert_null(bk_loan_keep(l->bytes + 1, SIZE));
	assert_null(bk_loan_keep(l->bytes, SIZE + 1));
	assert_null(bk_loan_keep(NULL, SIZE));
	assert_false(bk_loan_is_shared(l));
	assert_ptr_equal(bk_loan_keep(l->bytes + 1, SIZE - 1), l);
	assert_true(bk_loan_is_shared(l));
	bk_loan_end(before);
	assert_null(bk_loan_keep(l->bytes, SIZE));
	bk_loan_unref(l);
	assert_false(bk_loan_is_shared(l));
	bk_loan_unref(l);
}

static void a_few_bytes_pin_nothing(void **state)
{
	struct bk_loan *l = bk_loan_new(SIZE), *before = bk_loan_begin(l);

	(void)state;
	assert_null(bk_loan_keep(l->bytes, 1));
	assert_null(bk_loan_keep(l->bytes, SIZE / 4 - 1));
	assert_ptr_equal(bk_loan_keep(l->bytes, SIZE / 4), l);
	bk_loan_end(before);
	bk_loan_unref(l);
	bk_loan_unref(l);
}

static void a_loan_inside_of_another_hides_it_until_it_ends(void **state)
{
	struct bk_loan *a = bk_loan_new(SIZE), *b = bk_loan_new(SIZE), *outer = bk_loan_begin(a),
		       *inner = bk_loan_begin(b), *none;

	(void)state;
	assert_ptr_equal(inner, a);
	assert_null(bk_loan_keep(a->bytes, SIZE));
	none = bk_loan_begin(NULL);
	assert_null(bk_loan_keep(b->bytes, SIZE));
	bk_loan_end(none);
	assert_ptr_equal(bk_loan_keep(b->bytes, SIZE), b);
	bk_loan_end(inner);
	assert_ptr_equal(bk_loan_keep(a->bytes, SIZE), a);
	bk_loan_end(outer);
	for (int i = 0; i < 2; i++) {
		bk_loan_unref(a);
		bk_loan_unref(b);
	}
}

static void what_came_back_is_taken_again_and_the_last_place_is_left_to_who_has_it(void **state)
{
	struct bk_loan *places[3] = {NULL}, *all[3], *before;

	(void)state;
	assert_ptr_equal(bk_loan_pick(places, 3), &places[0]);
	for (int i = 0; i < 3; i++) { /* the others have all those before it */
		assert_ptr_equal(bk_loan_pick(places, 3), &places[i]);
		places[i] = all[i] = bk_loan_new(SIZE);
		assert_ptr_equal(bk_loan_pick(places, 3), &places[i]);
		assert_ptr_equal(places[i], all[i]);
		before = bk_loan_begin(all[i]);
		assert_ptr_equal(bk_loan_keep(all[i]->bytes, SIZE), all[i]);
		bk_loan_end(before);
	}
	bk_loan_unref(all[1]);
	assert_ptr_equal(bk_loan_pick(places, 3), &places[1]);
	assert_ptr_equal(places[1], all[1]);
	before = bk_loan_begin(all[1]);
	assert_ptr_equal(bk_loan_keep(all[1]->bytes, SIZE), all[1]);
	bk_loan_end(before);
	assert_ptr_equal(bk_loan_pick(places, 3), &places[2]);
	assert_null(places[2]);
	assert_false(bk_loan_is_shared(all[2]));
	for (int i = 0; i < 3; i++) {
		bk_loan_unref(places[i]);
		bk_loan_unref(all[i]);
	}
}

static void *let_go(void *arg)
{
	struct bk_loan *l = arg;

	assert_null(bk_loan_keep(l->bytes, SIZE)); /* lent on the other thread */
	bk_loan_unref(l);
	return NULL;
}

static void what_is_kept_outlives_its_owner_on_another_thread(void **state)
{
	struct bk_loan *l = bk_loan_new(SIZE), *before = bk_loan_begin(l);
	pthread_t thread;

	(void)state;
	assert_ptr_equal(bk_loan_keep(l->bytes, SIZE), l);
	assert_int_equal(pthread_create(&thread, NULL, let_go, l), 0);
	bk_loan_end(before);
	bk_loan_unref(l);
	assert_int_equal(pthread_join(thread, NULL), 0);
	bk_loan_unref(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_bytes_of_what_is_lent_are_kept),
		cmocka_unit_test(a_few_bytes_pin_nothing),
		cmocka_unit_test(a_loan_inside_of_another_hides_it_until_it_ends),
		cmocka_unit_test(what_came_back_is_taken_again_and_the_last_place_is_left_to_who_has_it),
		cmocka_unit_test(what_is_kept_outlives_its_owner_on_another_thread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

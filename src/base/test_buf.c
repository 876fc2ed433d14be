/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "base/error.h"
#include "base/rng.h"

static void bytes_come_out_in_the_order_they_went_in(void **state)
{
	struct bk_buf b;
	struct bk_rng rng = {1};
	uint8_t in = 0, out = 0, piece[300];

	(void)state;
	bk_buf_init(&b, 1000);
	for (int i = 0; i < 20000; i++) {
		size_t n = (size_t)bk_rng_range(&rng, 0, sizeof(piece)), before = b.len;

		for (size_t k = 0; k < n; k++)
			piece[k] = (uint8_t)(in + k);
		if (bk_buf_append(&b, piece, n) == 0)
			in = (uint8_t)(in + n);
		else
			assert_true(n > 1000 - before && b.len == before);
		n = (size_t)bk_rng_range(&rng, 0, (int64_t)b.len);
		for (size_t k = 0; k < n; k++)
			assert_int_equal(bk_buf_head(&b)[k], out++);
		bk_buf_consume(&b, n);
		assert_true(b.cap <= 1500);
	}
	bk_buf_done(&b);
}

static void nothing_goes_over_the_ceiling(void **state)
{
	struct bk_buf b;

	(void)state;
	bk_buf_init(&b, 4);
	assert_int_equal(bk_buf_append(&b, "12345", 5), BK_E_FULL);
	assert_null(bk_buf_reserve(&b, 5));
	assert_null(bk_buf_reserve(&b, SIZE_MAX));
	assert_int_equal(bk_buf_append(&b, "1234", 4), 0);
	assert_int_equal(bk_buf_append(&b, "", 0), 0);
	assert_int_equal(bk_buf_append(&b, "5", 1), BK_E_FULL);
	assert_int_equal(bk_buf_room(&b), 0);
	bk_buf_consume(&b, 1);
	assert_int_equal(bk_buf_append(&b, "5", 1), 0);
	assert_memory_equal(bk_buf_head(&b), "2345", 4);
	bk_buf_done(&b);
}

static void what_is_reserved_can_be_committed_in_part(void **state)
{
	struct bk_buf b;
	uint8_t *at;

	(void)state;
	bk_buf_init(&b, 1 << 20);
	at = bk_buf_reserve(&b, 70000);
	assert_non_null(at);
	memset(at, 'a', 70000);
	bk_buf_commit(&b, 2);
	assert_int_equal(bk_buf_append(&b, "b", 1), 0);
	assert_int_equal(b.len, 3);
	assert_memory_equal(bk_buf_head(&b), "aab", 3);
	bk_buf_release(&b);
	assert_int_equal(b.len, 0);
	assert_null(b.data);
	assert_int_equal(bk_buf_append(&b, "c", 1), 0);
	bk_buf_done(&b);
}

/* Counts moves by watching the first byte's place: a full queue fed 64 bytes at a time may not move each
 * time. */
static void a_full_queue_is_seldom_moved(void **state)
{
	static uint8_t piece[64 * 1024];
	struct bk_buf b;
	int moves = 0;

	(void)state;
	bk_buf_init(&b, sizeof(piece));
	assert_int_equal(bk_buf_append(&b, piece, sizeof(piece)), 0);
	for (int i = 0; i < 10240; i++) {
		size_t start;

		bk_buf_consume(&b, 64);
		start = b.start;
		assert_int_equal(bk_buf_append(&b, piece, 64), 0);
		moves += b.start != start;
	}
	assert_in_range(moves, 1, 25);
	bk_buf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_come_out_in_the_order_they_went_in),
		cmocka_unit_test(nothing_goes_over_the_ceiling),
		cmocka_unit_test(what_is_reserved_can_be_committed_in_part),
		cmocka_unit_test(a_full_queue_is_seldom_moved),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

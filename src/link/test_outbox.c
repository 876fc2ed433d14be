/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "link/outbox.h"

static uint8_t bytes[300000];

static void fill(void)
{
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 2654435761u >> 11);
}

static void append(struct bk_outbox *b, const uint8_t *data, size_t n)
{
	const struct iovec pieces[2] = {
		{(void *)(uintptr_t)data, n / 3},
		{(void *)(uintptr_t)(data + n / 3), n - n / 3},
	};

	assert_int_equal(bk_outbox_append(b, pieces, 2), 0);
}

static void what_goes_in_comes_out_in_order(void **arg)
{
	struct bk_outbox b;
	struct iovec vecs[2];
	size_t out = 0;

	(void)arg;
	fill();
	bk_outbox_init(&b);
	append(&b, bytes, sizeof(bytes));
	assert_int_equal(bk_outbox_unsent(&b), sizeof(bytes));
	while (bk_outbox_unsent(&b)) {
		int n = bk_outbox_peek(&b, vecs, 2);
		size_t took = vecs[0].iov_len < 1200 ? vecs[0].iov_len : 1200;

		assert_in_range(n, 1, 2);
		assert_memory_equal(vecs[0].iov_base, bytes + out, took);
		bk_outbox_sent(&b, took);
		out += took;
	}
	assert_int_equal(bk_outbox_held(&b), sizeof(bytes));
	assert_int_equal(bk_outbox_peek(&b, vecs, 2), 0);
	bk_outbox_acked(&b, sizeof(bytes));
	assert_int_equal(bk_outbox_held(&b), 0);
	bk_outbox_done(&b);
}

static void bytes_stay_where_they_are_until_acknowledged(void **arg)
{
	struct bk_outbox b;
	struct iovec first;

	(void)arg;
	fill();
	bk_outbox_init(&b);
	append(&b, bytes, 1000);
	assert_int_equal(bk_outbox_peek(&b, &first, 1), 1);
	for (int i = 0; i < 20; i++)
		append(&b, bytes, sizeof(bytes));
	assert_memory_equal(first.iov_base, bytes, 1000);
	bk_outbox_done(&b);
}

static void the_ceiling_holds_and_nothing_is_half_taken(void **arg)
{
	struct bk_outbox b;
	int err = 0;

	(void)arg;
	bk_outbox_init(&b);
	while (!err)
		err = bk_outbox_append(&b, &(struct iovec){bytes, sizeof(bytes)}, 1);
	assert_int_equal(err, BK_E_FULL);
	assert_int_equal(b.end % sizeof(bytes), 0);
	assert_in_range(bk_outbox_held(&b), BK_OUTBOX_MAX - sizeof(bytes), BK_OUTBOX_MAX);
	bk_outbox_done(&b);
}

static void it_goes_round_for_ever_in_bounded_memory(void **arg)
{
	struct bk_outbox b;

	(void)arg;
	fill();
	bk_outbox_init(&b);
	for (int i = 0; i < 500; i++) {
		struct iovec vec;
		size_t chunks = 0;

		append(&b, bytes, 100001);
		while (bk_outbox_peek(&b, &vec, 1))
			bk_outbox_sent(&b, vec.iov_len);
		if (i >= 30)
			bk_outbox_acked(&b, b.end - 30u * 100001u);
		for (size_t c = 0; c < BK_OUTBOX_CHUNKS; c++)
			chunks += b.chunks[c] != NULL;
		assert_true(chunks + b.spares_len <= 31 * 100001 / BK_OUTBOX_CHUNK + 2 + BK_OUTBOX_SPARES);
	}
	bk_outbox_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_goes_in_comes_out_in_order),
		cmocka_unit_test(bytes_stay_where_they_are_until_acknowledged),
		cmocka_unit_test(the_ceiling_holds_and_nothing_is_half_taken),
		cmocka_unit_test(it_goes_round_for_ever_in_bounded_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

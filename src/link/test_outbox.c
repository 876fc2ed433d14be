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

/* How many chunks, of ours or lent, it keeps alive. */
static size_t count_chunks(const struct bk_outbox *b)
{
	const struct bk_chunk *last = NULL;
	size_t n = b->spares_len;

	for (size_t i = 0; i < b->ring.len; i++) {
		const struct bk_chunk *c = b->pieces[bk_ring_place(&b->ring, i)].chunk;

		n += c != last;
		last = c;
	}
	return n + (b->tail && b->tail != last);
}

static void it_goes_round_for_ever_in_bounded_memory(void **arg)
{
	struct bk_outbox b;

	(void)arg;
	fill();
	bk_outbox_init(&b);
	for (int i = 0; i < 500; i++) {
		struct iovec vec;

		append(&b, bytes, 100001);
		while (bk_outbox_peek(&b, &vec, 1))
			bk_outbox_sent(&b, vec.iov_len);
		if (i >= 30)
			bk_outbox_acked(&b, b.end - 30u * 100001u);
		assert_true(count_chunks(&b) <= 31 * 100001 / BK_OUTBOX_CHUNK + 2 + BK_OUTBOX_SPARES);
	}
	bk_outbox_done(&b);
}

/* --- what is lent --- */

static struct bk_chunk *chunk_with(const uint8_t *data, size_t n)
{
	struct bk_chunk *c = bk_chunk_new(n);

	if (!c)
		abort();
	memcpy(c->bytes, data, n);
	return c;
}

static void lend(struct bk_outbox *b, struct bk_chunk *c, size_t from, size_t n)
{
	assert_int_equal(bk_outbox_lend(b, &(struct bk_slice){c, c->bytes + from, n}, 1), 0);
}

static void what_is_lent_is_not_copied_and_let_go_when_acknowledged(void **arg)
{
	struct bk_chunk *c;
	struct bk_outbox b;
	struct iovec vec;

	(void)arg;
	fill();
	bk_outbox_init(&b);
	c = chunk_with(bytes, 200000);
	lend(&b, c, 1000, 100000);
	assert_true(bk_chunk_is_shared(c));
	assert_int_equal(bk_outbox_peek(&b, &vec, 1), 1);
	assert_ptr_equal(vec.iov_base, c->bytes + 1000);
	assert_int_equal(vec.iov_len, 100000);
	bk_outbox_sent(&b, 100000);
	bk_outbox_acked(&b, 99999);
	assert_true(bk_chunk_is_shared(c));
	bk_outbox_acked(&b, 100000);
	assert_false(bk_chunk_is_shared(c));
	bk_chunk_unref(c);
	bk_outbox_done(&b);
}

static void what_is_lent_outlives_its_owner(void **arg)
{
	struct bk_chunk *c;
	struct bk_outbox b;
	struct iovec vec;

	(void)arg;
	fill();
	bk_outbox_init(&b);
	for (int i = 0; i < 2; i++) { /* acknowledged, or the outbox ends */
		c = chunk_with(bytes, 70000);
		lend(&b, c, 0, 70000);
		bk_chunk_unref(c);
		assert_int_equal(bk_outbox_peek(&b, &vec, 1), 1);
		assert_memory_equal(vec.iov_base, bytes, 70000);
		bk_outbox_sent(&b, 70000);
		if (!i)
			bk_outbox_acked(&b, 70000);
	}
	bk_outbox_done(&b);
}

static void neighbours_in_a_chunk_are_one_piece(void **arg)
{
	struct bk_chunk *c;
	struct bk_outbox b;
	struct iovec vecs[2];

	(void)arg;
	fill();
	bk_outbox_init(&b);
	c = chunk_with(bytes, 200000);
	for (size_t at = 0; at < 200000; at += 20) {
		lend(&b, c, at, 20);
		if (at == 100000) { /* all is sent, and the piece grows on */
			assert_int_equal(bk_outbox_peek(&b, vecs, 2), 1);
			bk_outbox_sent(&b, vecs[0].iov_len);
		}
	}
	assert_int_equal(b.ring.len, 1);
	assert_int_equal(bk_outbox_peek(&b, vecs, 2), 1);
	assert_memory_equal(vecs[0].iov_base, bytes + 100020, 200000 - 100020);
	bk_outbox_done(&b);
	bk_chunk_unref(c);
}

static void lent_and_copied_bytes_keep_their_order(void **arg)
{
	struct bk_outbox b;
	struct bk_chunk *c;
	size_t in = 0, out = 0;

	(void)arg;
	fill();
	bk_outbox_init(&b);
	c = chunk_with(bytes, sizeof(bytes));
	for (size_t i = 1; in < sizeof(bytes); i++) {
		size_t n = i * 7919 % 3000 + 1, half;
		struct iovec vecs[3];

		n = n < sizeof(bytes) - in ? n : sizeof(bytes) - in;
		half = n / 2;
		assert_int_equal(bk_outbox_lend(&b,
					 (struct bk_slice[]){{i % 3 ? c : NULL, c->bytes + in, half},
						 {i % 2 ? c : NULL, c->bytes + in + half, n - half}},
					 2),
			0);
		in += n;
		for (int k = 0, len = bk_outbox_peek(&b, vecs, 3); k < len; k++) {
			assert_memory_equal(vecs[k].iov_base, bytes + out, vecs[k].iov_len);
			out += vecs[k].iov_len;
		}
		bk_outbox_sent(&b, out - (size_t)b.sent);
		bk_outbox_acked(&b, out - out % 5000);
	}
	assert_int_equal(out, sizeof(bytes));
	bk_outbox_acked(&b, out);
	assert_int_equal(b.ring.len, 0);
	assert_false(bk_chunk_is_shared(c));
	bk_chunk_unref(c);
	bk_outbox_done(&b);
}

static void the_number_of_pieces_has_a_ceiling_too(void **arg)
{
	struct bk_chunk *c;
	struct bk_outbox b;
	int err = 0;

	(void)arg;
	fill();
	bk_outbox_init(&b);
	c = chunk_with(bytes, 1000);
	while (!err)
		err = bk_outbox_lend(&b, &(struct bk_slice){c, c->bytes, 1}, 1);
	assert_int_equal(err, BK_E_FULL);
	assert_in_range(b.ring.len, BK_OUTBOX_PIECES_MAX - 1, BK_OUTBOX_PIECES_MAX);
	assert_true(bk_outbox_is_crowded(&b));
	bk_outbox_done(&b);
	bk_chunk_unref(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_goes_in_comes_out_in_order),
		cmocka_unit_test(bytes_stay_where_they_are_until_acknowledged),
		cmocka_unit_test(the_ceiling_holds_and_nothing_is_half_taken),
		cmocka_unit_test(it_goes_round_for_ever_in_bounded_memory),
		cmocka_unit_test(what_is_lent_is_not_copied_and_let_go_when_acknowledged),
		cmocka_unit_test(what_is_lent_outlives_its_owner),
		cmocka_unit_test(neighbours_in_a_chunk_are_one_piece),
		cmocka_unit_test(lent_and_copied_bytes_keep_their_order),
		cmocka_unit_test(the_number_of_pieces_has_a_ceiling_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

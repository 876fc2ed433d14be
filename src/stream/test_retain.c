/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept until it is acknowledged, against a plain copy of the stream. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/loan.h"
#include "stream/retain.h"

enum { MAX = 1 << 20, LENT = 64 * 1024, STEPS = 4000, SLICES = 8 };

static int append(struct bk_retain *r, struct bk_loan *loan, const void *data, size_t n)
{
	struct bk_loan *before = bk_loan_begin(loan);
	int err = bk_retain_append(
		r, (struct iovec[]){{(char[]){"head"}, 4}, {(void *)(uintptr_t)data, n}}, n ? 2 : 1);

	bk_loan_end(before);
	return err;
}

static void what_is_lent_is_kept_where_it_stands_until_it_is_acknowledged(void **state)
{
	struct bk_loan *loan = bk_loan_new(LENT);
	struct bk_slice slices[SLICES];
	struct bk_retain *r;
	bool is_rest;

	(void)state;
	memset(loan->bytes, 'x', LENT);
	assert_int_equal(bk_retain_new(MAX, &r), 0);
	assert_int_equal(append(r, loan, loan->bytes, LENT), 0);
	assert_true(bk_loan_is_shared(loan));
	assert_int_equal(bk_retain_peek(r, slices, SLICES, &is_rest), 2);
	assert_ptr_equal(slices[1].data, loan->bytes);
	bk_chunk_ref(slices[1].chunk); /* a link that keeps it, too */
	bk_retain_pass(r);
	bk_retain_release(r, 4 + LENT - 1);
	assert_true(bk_loan_is_shared(loan));
	bk_retain_rewind(r);
	assert_int_equal(bk_retain_peek(r, slices, SLICES, &is_rest), 1);
	assert_true(is_rest);
	assert_ptr_equal(slices[0].data, loan->bytes + LENT - 1);
	bk_retain_release(r, 4 + LENT);
	assert_true(bk_loan_is_shared(loan));
	bk_chunk_unref(slices[0].chunk);
	assert_false(bk_loan_is_shared(loan));
	assert_int_equal(append(r, loan, loan->bytes, LENT), 0);
	bk_retain_free(r);
	assert_false(bk_loan_is_shared(loan));
	bk_loan_unref(loan);
}

static void little_of_a_loan_is_copied(void **state)
{
	struct bk_loan *loan = bk_loan_new(LENT);
	struct bk_retain *r;

	(void)state;
	memset(loan->bytes, 'x', LENT);
	assert_int_equal(bk_retain_new(MAX, &r), 0);
	assert_int_equal(append(r, loan, loan->bytes, LENT / 2 - 1), 0);
	assert_false(bk_loan_is_shared(loan));
	bk_retain_free(r);
	bk_loan_unref(loan);
}

static void what_does_not_fit_is_not_kept(void **state)
{
	struct bk_loan *loan = bk_loan_new(LENT);
	struct bk_retain *r;

	(void)state;
	memset(loan->bytes, 'x', LENT);
	assert_int_equal(bk_retain_new(LENT, &r), 0);
	assert_int_equal(append(r, loan, loan->bytes, LENT), BK_E_FULL);
	assert_false(bk_loan_is_shared(loan));
	assert_true(bk_retain_end(r) == 0);
	bk_retain_free(r);
	bk_loan_unref(loan);
}

/* --- any order of things --- */

struct stage {
	struct bk_retain *r;
	uint8_t *stream; /* all of it: byte p is at p % (2 * MAX) */
	unsigned seed;
};

static unsigned draw(struct stage *st, unsigned below)
{
	st->seed = st->seed * 1103515245 + 12345;
	return (st->seed >> 16) % below;
}

static void note(struct stage *st, uint64_t at, const uint8_t *data, size_t n)
{
	for (size_t i = 0; i < n; i++)
		st->stream[(at + i) % (2 * MAX)] = data[i];
}

static void say(struct stage *st)
{
	static const unsigned most[] = {1, 40, 3 * LENT, LENT + 1};
	struct bk_loan *loan = bk_loan_new(3 * LENT);
	uint64_t at = bk_retain_end(st->r);
	size_t n = draw(st, most[draw(st, 4)]);

	assert_non_null(loan);
	for (size_t i = 0; i < n; i++)
		loan->bytes[i] = (uint8_t)draw(st, 256);
	if (append(st->r, draw(st, 2) ? loan : NULL, loan->bytes, n) == 0) {
		note(st, at, (const uint8_t *)"head", 4);
		note(st, at + 4, loan->bytes, n);
		assert_true(bk_retain_end(st->r) == at + 4 + n);
	}
	bk_loan_unref(loan);
}

static void send_one(struct stage *st)
{
	struct bk_slice slices[SLICES];
	bool is_rest;
	int n = bk_retain_peek(st->r, slices, SLICES, &is_rest);
	uint64_t at = bk_retain_next(st->r);

	assert_true((n == 0) == (at == bk_retain_end(st->r)));
	for (int i = 0; i < n; i++)
		for (size_t j = 0; j < slices[i].len; j++)
			assert_int_equal(slices[i].data[j], st->stream[at++ % (2 * MAX)]);
	if (n)
		bk_retain_pass(st->r);
	assert_true(bk_retain_next(st->r) == at);
}

static void step(struct stage *st)
{
	uint64_t start = bk_retain_start(st->r), next = bk_retain_next(st->r);

	switch (draw(st, 8)) {
	case 0:
		bk_retain_release(st->r, start + draw(st, (unsigned)(next - start + 1)));
		break;
	case 1:
		bk_retain_release(st->r, next);
		break;
	case 2:
		bk_retain_rewind(st->r);
		break;
	case 3:
	case 4:
	case 5:
		send_one(st);
		break;
	default:
		say(st);
	}
}

static void it_gives_what_was_said_in_any_order_of_acknowledgements_and_new_links(void **state)
{
	struct stage st = {.stream = malloc(2 * MAX), .seed = 1};

	(void)state;
	assert_non_null(st.stream);
	assert_int_equal(bk_retain_new(MAX, &st.r), 0);
	for (int i = 0; i < STEPS; i++)
		step(&st);
	bk_retain_free(st.r);
	free(st.stream);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_lent_is_kept_where_it_stands_until_it_is_acknowledged),
		cmocka_unit_test(little_of_a_loan_is_copied),
		cmocka_unit_test(what_does_not_fit_is_not_kept),
		cmocka_unit_test(it_gives_what_was_said_in_any_order_of_acknowledgements_and_new_links),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

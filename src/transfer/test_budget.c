/* SPDX-License-Identifier: Apache-2.0 */
/* However many offers come, none takes what all need. */
#include "transfer/intake.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <stdio.h>

#include "base/error.h"

enum { OFFERS = 24, MIB = 1 << 20, EACH = 30 };

static void one_alone_has_half_of_it(void **state)
{
	struct bk_budget b = {0};

	(void)state;
	assert_int_equal(bk_budget_set(&b, BK_BUDGET_ALL / 2), 0);
	assert_int_equal(bk_budget_set(&b, BK_BUDGET_ALL / 2 + 1), BK_E_TOO_BIG);
	assert_int_equal(bk_budget_set(&b, UINT64_MAX), BK_E_TOO_BIG);
	assert_int_equal(b.taken, BK_BUDGET_ALL / 2);
	bk_budget_done(&b);
}

static void the_greedy_leave_room_for_one_more(void **state)
{
	struct bk_budget all[OFFERS] = {0}, last = {0};
	size_t sum = 0;

	(void)state;
	for (int i = 0; i < OFFERS; i++) {
		size_t at = 0;

		for (size_t step = BK_BUDGET_ALL / 2; step; step /= 2)
			if (bk_budget_set(&all[i], at + step) == 0)
				at += step;
		assert_int_equal(bk_budget_set(&all[i], at + 1), i ? BK_E_FULL : BK_E_TOO_BIG);
		assert_int_equal(all[i].taken, at);
		sum += at;
	}
	assert_true(sum < BK_BUDGET_ALL);
	assert_int_equal(bk_budget_set(&last, 8), 0);
	for (int i = 0; i < OFFERS; i++)
		bk_budget_done(&all[i]);
	assert_int_equal(bk_budget_set(&last, BK_BUDGET_ALL / 2), 0);
	bk_budget_done(&last);
}

static void what_takes_less_is_never_refused(void **state)
{
	struct bk_budget first = {0}, second = {0};

	(void)state;
	assert_int_equal(bk_budget_set(&first, 100 * MIB), 0);
	assert_int_equal(bk_budget_set(&second, 110 * MIB), 0);
	assert_int_equal(bk_budget_set(&first, 106 * MIB), BK_E_FULL);
	assert_int_equal(bk_budget_set(&first, 99 * MIB), 0);
	bk_budget_done(&first);
	bk_budget_done(&second);
}

struct stage {
	struct bk_file_list list;
	struct bk_budget budget;
	struct bk_intake in;
	struct bk_buf content;
};

static void set_up(struct stage *st)
{
	*st = (struct stage){.in = {.list = &st->list, .each = EACH, .budget = &st->budget}};
	bk_buf_init(&st->content, 2 * MIB);
}

static int announce(struct stage *st, uint32_t entries)
{
	const struct bk_file_msg offer = {
		.type = BK_FILE_OFFER, .entries = entries, .version = 2, .more = true};

	return bk_intake_read(&st->in, &offer, &st->content);
}

/* Five thousand of long names. */
static int say_some(struct stage *st, unsigned from)
{
	const struct bk_file_msg entries = {.type = BK_FILE_ENTRIES, .more = true};
	char row[256];

	bk_buf_consume(&st->content, st->content.len);
	assert_int_equal(bk_buf_append(&st->content, "{\"entries\":[", 12), 0);
	for (unsigned i = from; i < from + 5000; i++) {
		int n = snprintf(row, sizeof(row), "%s{\"path\":\"%0150u\",\"size\":0,\"kind\":\"file\"}",
			i == from ? "" : ",", i);

		assert_int_equal(bk_buf_append(&st->content, row, (size_t)n), 0);
	}
	assert_int_equal(bk_buf_append(&st->content, "]}", 2), 0);
	return bk_intake_read(&st->in, &entries, &st->content);
}

static void tear_down(struct stage *st)
{
	bk_file_list_done(&st->list);
	bk_budget_done(&st->budget);
	bk_buf_done(&st->content);
}

static void an_offer_of_four_millions_is_refused_at_its_first_word(void **state)
{
	struct stage st;

	(void)state;
	set_up(&st);
	assert_int_equal(announce(&st, BK_FILE_LIST_LEN_MAX), BK_E_TOO_BIG);
	assert_true(st.in.is_too_long);
	assert_int_equal(st.budget.taken, 0);
	tear_down(&st);
}

static void an_offer_beside_greedy_ones_ends_where_its_share_does(void **state)
{
	struct bk_budget greedy[] = {{0}, {0}, {0}, {0}};
	struct stage st;
	int err = BK_E_AGAIN;

	(void)state;
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(bk_budget_set(&greedy[i], BK_BUDGET_ALL >> (i + 1)), 0);
	set_up(&st);
	assert_int_equal(announce(&st, 2000000), BK_E_FULL);
	assert_int_equal(announce(&st, 20000 * 5), BK_E_AGAIN);
	assert_int_equal(st.budget.taken, 0);
	for (unsigned i = 0; err == BK_E_AGAIN; i += 5000)
		err = say_some(&st, i);
	assert_int_equal(err, BK_E_FULL);
	assert_false(st.in.is_too_long);
	assert_in_range(st.list.len, 30000, 60000);
	for (size_t i = 0; i < 4; i++)
		bk_budget_done(&greedy[i]);
	tear_down(&st);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_alone_has_half_of_it),
		cmocka_unit_test(the_greedy_leave_room_for_one_more),
		cmocka_unit_test(what_takes_less_is_never_refused),
		cmocka_unit_test(an_offer_of_four_millions_is_refused_at_its_first_word),
		cmocka_unit_test(an_offer_beside_greedy_ones_ends_where_its_share_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "lan/succession.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "wire/group.h"

static void tell(struct bk_succession *s, const struct bk_group_msg *m)
{
	struct bk_buf body;

	bk_buf_init(&body, BK_GROUP_MSG_MAX);
	assert_int_equal(bk_group_encode(&body, m), 0);
	bk_succession_hear(s, bk_buf_head(&body), body.len);
	bk_buf_done(&body);
}

/* We are `us`, and those came before us, in two lists. */
static void join(struct bk_succession *s, uint64_t us, const uint64_t *before, size_t n)
{
	tell(s, &(struct bk_group_msg){.type = BK_GROUP_JOINED, .member = us});
	for (size_t part = 0; part < 2; part++) {
		struct bk_group_msg m = {.type = BK_GROUP_ROSTER, .is_last = part};
		struct bk_buf entries;

		bk_buf_init(&entries, BK_GROUP_ROSTER_MAX);
		for (size_t i = part ? n / 2 : 0; i < (part ? n : n / 2); i++)
			assert_int_equal(bk_group_entry_append(&entries, before[i], "card", 4), 0);
		if (part)
			assert_int_equal(bk_group_entry_append(&entries, us, "card", 4), 0);
		m.bytes = bk_buf_head(&entries);
		m.len = entries.len;
		tell(s, &m);
		bk_buf_done(&entries);
	}
}

static void go(struct bk_succession *s, uint64_t member)
{
	tell(s, &(struct bk_group_msg){.type = BK_GROUP_GONE, .member = member});
}

static void whoever_came_next_after_the_keeper_is_first(void **state)
{
	static const uint64_t before[] = {7, 3, 9};
	struct bk_succession s = {0};

	(void)state;
	join(&s, 10, before, 0); /* we keep it */
	assert_int_equal(bk_succession_rank(&s), 0);
	join(&s, 10, before, 1);
	assert_int_equal(bk_succession_rank(&s), 0);
	join(&s, 10, before, 3);
	assert_true(s.was_in);
	assert_int_equal(bk_succession_rank(&s), 2);
}

static void who_goes_before_the_keeper_does_is_in_nobodys_way(void **state)
{
	static const uint64_t before[] = {7, 3, 9};
	struct bk_succession s = {0};

	(void)state;
	join(&s, 10, before, 3);
	go(&s, 3);
	go(&s, 11); /* after us: it is all one */
	assert_int_equal(bk_succession_rank(&s), 1);
	go(&s, 7); /* the keeper, by its own word: the board follows */
	assert_int_equal(bk_succession_rank(&s), 1);
	go(&s, 9);
	assert_int_equal(bk_succession_rank(&s), 0);
}

static void a_list_without_end_is_cut_off(void **state)
{
	uint64_t before[2 * BK_SUCCESSION_MAX];
	struct bk_succession s = {0};

	(void)state;
	for (size_t i = 0; i < 2 * BK_SUCCESSION_MAX; i++)
		before[i] = 100 + i;
	join(&s, 10, before, 2 * BK_SUCCESSION_MAX);
	assert_int_equal(bk_succession_rank(&s), BK_SUCCESSION_MAX - 1);
	bk_succession_hear(&s, (const uint8_t *)"\x11", 1); /* what is no message is none */
	bk_succession_hear(&s, (const uint8_t *)"", 0);
	assert_int_equal(bk_succession_rank(&s), BK_SUCCESSION_MAX - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whoever_came_next_after_the_keeper_is_first),
		cmocka_unit_test(who_goes_before_the_keeper_does_is_in_nobodys_way),
		cmocka_unit_test(a_list_without_end_is_cut_off),
	};

	return cmocka_run_group_tests_name("succession", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A receiver that says what it has is believed nothing that the offer does not bear out; and what it says may come in
 * any number of records. */
#include "transfer/known.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <string.h>

#include "base/error.h"

enum { DIGESTS_MAX = 8 };

static struct bk_known *known;
static struct bk_file_list list;

/* Files of 2.5, 0 and 1 blocks, with a folder and a stream between them. */
static int set_up(void **state)
{
	static char names[5][2] = {"a", "d", "e", "s", "z"};
	static const struct bk_file_entry entries[] = {
		{.path = names[0], .is_file = true, .size = 5 * BK_HAVE_BLOCK / 2},
		{.path = names[1], .is_folder = true},
		{.path = names[2], .is_file = true},
		{.path = names[3], .is_file = true, .is_stream = true},
		{.path = names[4], .is_file = true, .size = BK_HAVE_BLOCK},
	};

	(void)state;
	list = (struct bk_file_list){0};
	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++)
		if (bk_file_list_add(&list, &entries[i], NULL) < 0)
			return -1;
	known = bk_known_new();
	return known ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	bk_known_free(known);
	bk_file_list_done(&list);
	return 0;
}

/* Each digest is the number of its block, in all its bytes. */
static int say(uint32_t entry, uint32_t first, uint32_t count)
{
	uint8_t digests[DIGESTS_MAX][BK_HAVE_DIGEST_LEN];
	const struct bk_have have = {.entry = entry, .first = first, .count = count, .digests = digests[0]};
	struct bk_buf b;
	int err;

	for (size_t i = 0; i < DIGESTS_MAX; i++)
		memset(digests[i], (int)(first + i), sizeof(digests[i]));
	bk_buf_init(&b, 4096);
	assert_int_equal(bk_have_append(&b, &have), 0);
	err = bk_known_add(known, &list, bk_buf_head(&b), b.len);
	bk_buf_done(&b);
	return err;
}

static int check(uint64_t a, uint64_t z)
{
	struct bk_file_choice choices[5] = {
		{true, a, false}, {true, 0, false}, {true, 0, false}, {true, 0, false}, {true, z, false}};

	return bk_known_check(known, &list, choices);
}

static void blocks_come_in_any_number_of_records(void **state)
{
	(void)state;
	assert_int_equal(say(0, 0, 1), 0);
	assert_int_equal(say(0, 1, 2), 0);
	assert_int_equal(say(4, 0, 1), 0);
	assert_int_equal(check(5 * BK_HAVE_BLOCK / 2, BK_HAVE_BLOCK), 0);
	assert_int_equal(check(2 * BK_HAVE_BLOCK + 1, 7), 0);
	assert_int_equal(bk_known_block(known, 0, 2)[5], 2);
	assert_int_equal(bk_known_block(known, 4, 0)[5], 0);
}

static void what_the_offer_does_not_bear_out_is_refused(void **state)
{
	(void)state;
	assert_int_equal(say(0, 1, 1), BK_E_MALFORMED); /* not the first */
	assert_int_equal(say(5, 0, 1), BK_E_MALFORMED); /* no such entry */
	assert_int_equal(say(1, 0, 1), BK_E_MALFORMED); /* a folder */
	assert_int_equal(say(2, 0, 1), BK_E_MALFORMED); /* empty */
	assert_int_equal(say(3, 0, 1), BK_E_MALFORMED); /* a stream */
	assert_int_equal(say(4, 0, 2), BK_E_MALFORMED); /* more than there are */
}

static void no_order_but_theirs_is_taken(void **state)
{
	(void)state;
	assert_int_equal(say(4, 0, 1), 0);
	assert_int_equal(say(0, 0, 1), BK_E_MALFORMED);
	assert_int_equal(say(4, 0, 1), BK_E_MALFORMED);
}

static void an_answer_that_says_something_else_is_refused(void **state)
{
	(void)state;
	assert_int_equal(check(0, 0), 0);
	assert_int_equal(check(1, 0), BK_E_MALFORMED);
	assert_int_equal(say(0, 0, 2), 0);
	assert_int_equal(check(0, 0), BK_E_MALFORMED);
	assert_int_equal(check(BK_HAVE_BLOCK, 0), BK_E_MALFORMED);
	assert_int_equal(check(BK_HAVE_BLOCK + 1, 0), 0);
	assert_int_equal(check(2 * BK_HAVE_BLOCK, 1), BK_E_MALFORMED);
	assert_int_equal(check(2 * BK_HAVE_BLOCK + 1, 0), BK_E_MALFORMED);
	assert_int_equal(check(UINT64_MAX, 0), BK_E_MALFORMED);
}

static void a_record_that_is_cut_is_none(void **state)
{
	static const uint8_t bytes[12 + 16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};

	(void)state;
	for (size_t n = 1; n < sizeof(bytes); n++)
		assert_int_equal(bk_known_add(known, &list, bytes, n), BK_E_MALFORMED);
	assert_int_equal(bk_known_add(known, &list, bytes, 0), 0);
	assert_int_equal(bk_known_add(known, &list, bytes, sizeof(bytes)), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(blocks_come_in_any_number_of_records),
		T(what_the_offer_does_not_bear_out_is_refused),
		T(no_order_but_theirs_is_taken),
		T(an_answer_that_says_something_else_is_refused),
		T(a_record_that_is_cut_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

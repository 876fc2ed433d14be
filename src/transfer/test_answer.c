/* SPDX-License-Identifier: Apache-2.0 */
/* What is here is said in messages of bounded length, made one at a time, however much it is; and whoever reads them
 * knows of each entry what was found. */
#include "transfer/answer.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "transfer/known.h"
#include "wire/file_reader.h"

/* Small files, more than one message has room for, one of very many blocks, and small ones again. */
enum { SMALL = 80000, LONG = 300000, ENTRIES = 2 * SMALL + 1 };

struct stage {
	struct bk_file_list list;
	struct bk_picks picks;
	struct bk_here here;
	struct bk_answer answer;
	struct bk_file_reader reader;
	struct bk_known *known;
	struct bk_file_choice *choices;
	size_t said, messages;
};

/* Of each block another one. */
static void digest_of(uint8_t out[BK_HAVE_DIGEST_LEN], size_t entry, size_t block)
{
	memset(out, 0, BK_HAVE_DIGEST_LEN);
	memcpy(out, &entry, sizeof(entry));
	memcpy(out + sizeof(entry), &block, sizeof(block));
}

static void put_long(struct stage *st)
{
	uint8_t digest[BK_HAVE_DIGEST_LEN];

	bk_buf_init(&st->here.digests, BK_HERE_DIGESTS_MAX);
	st->here.rows[SMALL].digests_at = 0;
	for (size_t i = 0; i < LONG; i++) {
		digest_of(digest, SMALL, i);
		assert_int_equal(bk_buf_append(&st->here.digests, digest, sizeof(digest)), 0);
	}
}

/* Every third small file is not here. */
static void set_up(struct stage *st)
{
	*st = (struct stage){.list = {.entries = calloc(ENTRIES, sizeof(*st->list.entries)), .len = ENTRIES}};
	st->picks = (struct bk_picks){.list = &st->list, .rows = calloc(ENTRIES, sizeof(*st->picks.rows))};
	st->here.rows = calloc(ENTRIES, sizeof(*st->here.rows));
	st->here.len = ENTRIES;
	st->choices = calloc(ENTRIES, sizeof(*st->choices));
	st->known = bk_known_new();
	assert_true(st->list.entries && st->picks.rows && st->here.rows && st->choices && st->known);
	bk_file_reader_init(&st->reader);
	for (size_t i = 0; i < ENTRIES; i++) {
		const uint64_t blocks = i == SMALL ? LONG : i % 3 != 0;

		st->list.entries[i].size = blocks * BK_HAVE_BLOCK;
		st->here.rows[i].bytes = blocks * BK_HAVE_BLOCK - (blocks ? 5 : 0);
		st->picks.rows[i].is_taken = true;
		digest_of(st->here.rows[i].digest, i, 0);
	}
	put_long(st);
}

static void tear_down(struct stage *st)
{
	free(st->list.entries);
	free(st->picks.rows);
	free(st->here.rows);
	free(st->choices);
	bk_buf_done(&st->here.digests);
	bk_known_free(st->known);
	bk_file_reader_done(&st->reader);
}

/* One message at most. */
static void take(struct stage *st, const struct bk_buf *out)
{
	const uint8_t *data = bk_buf_head(out);
	size_t n = out->len;
	int event;

	if (!n)
		return;
	st->messages++;
	event = bk_file_reader_next(&st->reader, &data, &n);
	assert_int_equal(event, BK_FILE_MESSAGE);
	assert_int_equal(n, 0);
	if (st->reader.msg.type == BK_FILE_HAVE)
		assert_int_equal(bk_known_add(st->known, &st->list, bk_buf_head(&st->reader.list),
					 st->reader.list.len),
			0);
	else
		assert_int_equal(bk_file_accept_decode(bk_buf_head(&st->reader.list), st->reader.list.len,
					 ENTRIES, st->choices, &st->said),
			0);
}

static void however_much_is_here_it_is_said_message_by_message(void **state)
{
	const struct bk_file_msg header = {.version = BK_FILE_VERSION};
	uint8_t digest[BK_HAVE_DIGEST_LEN];
	struct bk_buf out;
	struct stage st;
	int err = BK_E_AGAIN;
	size_t wrong = 0;

	(void)state;
	set_up(&st);
	while (err == BK_E_AGAIN) {
		bk_buf_init(&out, BK_FILE_LIST_MAX + BK_FILE_HEADER_MAX + 64);
		err = bk_answer_next(&st.answer, &header, &out, &st.picks, &st.here);
		take(&st, &out);
		bk_buf_done(&out);
	}
	assert_int_equal(err, 0);
	assert_true(st.messages > 3);
	assert_int_equal(st.said, ENTRIES);
	assert_int_equal(bk_known_check(st.known, &st.list, st.choices), 0);
	for (size_t i = 0; i < ENTRIES; i++) {
		const size_t blocks = i == SMALL ? LONG : i % 3 != 0;

		wrong += st.choices[i].offset != st.here.rows[i].bytes;
		for (size_t k = 0; k < blocks; k++) {
			digest_of(digest, i, k);
			wrong += memcmp(bk_known_block(st.known, i, k), digest, sizeof(digest)) != 0;
		}
	}
	assert_int_equal(wrong, 0);
	tear_down(&st);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(however_much_is_here_it_is_said_message_by_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

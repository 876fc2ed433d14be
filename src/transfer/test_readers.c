/* SPDX-License-Identifier: Apache-2.0 */
/* One source and several who read it at once, each on a thread of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bodkin/loop.h>

#include "base/error.h"
#include "base/loan.h"
#include "transfer/reader.h"
#include "transfer/test_kit.h"

enum { FILES = 40, SIZE = 100000, READERS = 8, VERSION = 2, PIECE = 65536, KEPT = 20 };

struct many {
	struct bk_loop *loop;
	struct one {
		struct many *of;
		struct bk_reader *reader;
		uint64_t content;
		struct kept {
			struct bk_loan *loan;
			const uint8_t *bytes;
			uint8_t *copy;
			size_t len;
		} kept[KEPT];
		int kept_len;
		uint8_t digest[BK_DIGEST_LEN];
		bool is_over;
	} one[READERS];
	int over;
};

static char root[] = "/tmp/bodkin-readers-XXXXXX";

static void make_tree(void)
{
	static uint8_t bytes[SIZE];
	char name[128];

	assert_non_null(mkdtemp(root));
	for (int i = 0; i < FILES; i++) {
		int fd;

		memset(bytes, i, sizeof(bytes));
		snprintf(name, sizeof(name), "%s/%d", root, i);
		fd = open(name, O_WRONLY | O_CREAT, 0600);
		assert_int_equal(write(fd, bytes, sizeof(bytes)), sizeof(bytes));
		close(fd);
	}
}

/* Of the first pieces what is lent, as who must send it again would. */
static void keep(struct one *o, const struct bk_reader_piece *piece)
{
	struct kept *k = &o->kept[o->kept_len];
	struct bk_loan *before;

	if (o->kept_len == KEPT)
		return;
	before = bk_loan_begin(piece->loan);
	*k = (struct kept){bk_loan_keep(piece->bytes, piece->len), piece->bytes, NULL, piece->len};
	bk_loan_end(before);
	if (!k->loan)
		return;
	k->copy = malloc(k->len);
	assert_non_null(k->copy);
	memcpy(k->copy, k->bytes, k->len);
	o->kept_len++;
}

static void check_kept(struct one *o)
{
	assert_int_equal(o->kept_len, KEPT);
	for (struct kept *k = o->kept; k < o->kept + KEPT; k++) {
		assert_memory_equal(k->bytes, k->copy, k->len);
		bk_loan_unref(k->loan);
		free(k->copy);
	}
}

static void read_on(void *arg)
{
	struct one *o = arg;
	struct bk_reader_piece piece;
	const char *text;
	int err;

	while (!o->is_over && (err = bk_reader_piece(o->reader, &piece, &text)) != BK_E_AGAIN) {
		if (err >= 0) {
			o->content += piece.content;
			keep(o, &piece);
			bk_reader_next(o->reader);
			continue;
		}
		assert_int_equal(err, BK_E_EOF);
		o->is_over = true;
		memcpy(o->digest, bk_reader_digest(o->reader), sizeof(o->digest));
		if (++o->of->over == READERS)
			bk_loop_stop(o->of->loop);
	}
}

static struct bk_file_choice *take_all(void)
{
	struct bk_file_choice *choices = calloc(FILES + 1, sizeof(*choices));

	assert_non_null(choices);
	for (int i = 0; i <= FILES; i++)
		choices[i].is_taken = true;
	return choices;
}

static void several_read_one_source_at_once_and_have_the_same_and_may_keep_it(void **state)
{
	const char *path = root;
	const struct bk_source_wish wish = {.paths = &path, .paths_len = 1};
	struct bk_source *source;
	char text[BK_TRANSFER_TEXT_MAX];
	struct many m = {0};

	(void)state;
	make_tree();
	assert_int_equal(bk_source_new(&wish, &source, text), 0);
	assert_int_equal(bk_source_list(source)->len, FILES + 1);
	assert_int_equal(bk_loop_new(BK_LOOP_AUTO, &m.loop), 0);
	for (int i = 0; i < READERS; i++) {
		struct one *o = &m.one[i];
		const struct bk_reader_wish how = {
			.choices = take_all(), .version = VERSION, .piece_max = PIECE};

		o->of = &m;
		assert_int_equal(bk_reader_new(m.loop, source, &how, read_on, o, &o->reader), 0);
	}
	bk_source_unref(source); /* each has it as long as it needs it */
	for (int i = 0; i < READERS; i++)
		read_on(&m.one[i]);
	if (m.over < READERS)
		assert_int_equal(bk_loop_run(m.loop), 0);
	for (int i = 0; i < READERS; i++) {
		assert_int_equal(m.one[i].content, FILES * SIZE);
		assert_memory_equal(m.one[i].digest, m.one[0].digest, BK_DIGEST_LEN);
		bk_reader_free(m.one[i].reader);
		check_kept(&m.one[i]);
	}
	bk_loop_free(m.loop);
	kit_remove(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(several_read_one_source_at_once_and_have_the_same_and_may_keep_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

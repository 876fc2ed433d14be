/* SPDX-License-Identifier: Apache-2.0 */
#include "packed.h"

#include <string.h>
#include <zstd.h>

#include "stage.h"
#include "transfer/digest.h"

static void put_whole(struct bk_buf *to, uint32_t entry, const char *text)
{
	struct bk_file_msg content = {.type = BK_FILE_CONTENT, .entry = entry},
			   end = {.type = BK_FILE_DIGEST, .entry = entry};
	struct bk_digest *d = bk_digest_new();

	bk_digest_update(d, text, strlen(text));
	bk_digest_get(d, end.digest);
	bk_digest_free(d);
	assert_int_equal(bk_file_msg_encode(to, &content, strlen(text)), 0);
	assert_int_equal(bk_buf_append(to, text, strlen(text)), 0);
	assert_int_equal(bk_file_msg_encode(to, &end, 0), 0);
}

static void say_packed(struct liar *l, uint64_t said, const void *raw, size_t n)
{
	struct bk_file_msg m = {.type = BK_FILE_PACKED, .bytes = said, .encoding = BK_PACKED_NAME};
	uint8_t packed[4096];
	size_t len = ZSTD_compress(packed, sizeof(packed), raw, n, 1);
	struct bk_buf out;

	assert_false(ZSTD_isError(len));
	bk_buf_init(&out, 2 * sizeof(packed));
	assert_int_equal(bk_file_msg_encode(&out, &m, len), 0);
	assert_int_equal(bk_buf_append(&out, packed, len), 0);
	liar_say(l, BK_SFRAME_DATA, l->channel, bk_buf_head(&out), out.len);
	bk_buf_done(&out);
}

/* Both files; `more` bytes fewer are said than there are. */
static void pack_two(struct liar *l, const char *text, int more)
{
	struct bk_buf inside;

	bk_buf_init(&inside, 4096);
	put_whole(&inside, 0, text);
	put_whole(&inside, 1, text);
	say_packed(l, inside.len - (uint64_t)more, bk_buf_head(&inside), inside.len);
	bk_buf_done(&inside);
}

void pack_both(struct liar *l)
{
	pack_two(l, SCENE_THEIRS, 0);
}

void pack_more_than_offered(struct liar *l)
{
	pack_two(l, "hello!", 0);
}

void pack_more_than_said(struct liar *l)
{
	pack_two(l, SCENE_THEIRS, 1);
}

void pack_less_than_said(struct liar *l)
{
	pack_two(l, SCENE_THEIRS, -1);
}

void pack_a_bomb(struct liar *l)
{
	static const uint8_t zeros[16 << 20];

	say_packed(l, BK_PACKED_MAX, zeros, sizeof(zeros));
}

void pack_zeros(struct liar *l)
{
	enum { EACH = BK_PACKED_MAX / 2, TIMES = 40 };
	static const uint8_t zeros[EACH];

	for (unsigned i = 0; i < TIMES; i++) {
		struct bk_file_msg m = {.type = BK_FILE_CONTENT, .offset = (uint64_t)i * EACH};
		struct bk_buf inside;

		bk_buf_init(&inside, BK_PACKED_MAX);
		assert_int_equal(bk_file_msg_encode(&inside, &m, EACH), 0);
		assert_int_equal(bk_buf_append(&inside, zeros, EACH), 0);
		say_packed(l, inside.len, bk_buf_head(&inside), inside.len);
		bk_buf_done(&inside);
	}
}

void pack_too_much(struct liar *l)
{
	say_packed(l, BK_PACKED_MAX + 1, "", 0);
}

void pack_an_error(struct liar *l)
{
	const struct bk_file_msg m = {.type = BK_FILE_ERROR, .code = "file", .text = "packed"};
	struct bk_buf inside;

	bk_buf_init(&inside, 4096);
	assert_int_equal(bk_file_msg_encode(&inside, &m, 0), 0);
	say_packed(l, inside.len, bk_buf_head(&inside), inside.len);
	bk_buf_done(&inside);
}

void pack_what_is_packed(struct liar *l)
{
	const struct bk_file_msg m = {.type = BK_FILE_PACKED, .bytes = 1, .encoding = BK_PACKED_NAME};
	struct bk_buf inside;

	bk_buf_init(&inside, 4096);
	assert_int_equal(bk_file_msg_encode(&inside, &m, 1), 0);
	assert_int_equal(bk_buf_append(&inside, "x", 1), 0);
	say_packed(l, inside.len, bk_buf_head(&inside), inside.len);
	bk_buf_done(&inside);
}

void pack_half_a_message(struct liar *l)
{
	struct bk_buf inside;

	bk_buf_init(&inside, 4096);
	put_whole(&inside, 0, SCENE_THEIRS);
	say_packed(l, inside.len - 1, bk_buf_head(&inside), inside.len - 1);
	bk_buf_done(&inside);
}

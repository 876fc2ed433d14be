/* SPDX-License-Identifier: Apache-2.0 */
/* What is packed comes out as it went in, in any pieces; and what a peer packed is held to what it said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include <cmocka.h>

#include "base/error.h"
#include "wire/file_reader.h"

enum { PIECES = 5 };

static void put_content(struct bk_buf *out, uint64_t offset, const char *text)
{
	const struct bk_file_msg m = {.type = BK_FILE_CONTENT, .offset = offset};

	assert_int_equal(bk_file_msg_encode(out, &m, strlen(text)), 0);
	assert_int_equal(bk_buf_append(out, text, strlen(text)), 0);
}

static void put_packed(struct bk_buf *out, uint64_t said, const void *data, size_t n)
{
	struct bk_file_msg m = {.type = BK_FILE_PACKED, .bytes = said, .encoding = BK_PACKED_NAME};

	assert_int_equal(bk_file_msg_encode(out, &m, n), 0);
	assert_int_equal(bk_buf_append(out, data, n), 0);
}

static void pack(
	struct bk_buf *out, struct bk_packer *p, enum bk_packed_effort effort, const struct bk_buf *raw)
{
	size_t room = bk_packer_bound(raw->len);
	uint8_t *to = malloc(room);
	int n = bk_packer_pack(p, effort, bk_buf_head(raw), raw->len, to, room);

	assert_true(n > 0);
	put_packed(out, raw->len, to, (size_t)n);
	free(to);
}

/* All content, and a '.' for each digest; or the error. */
static int read_all(
	const struct bk_buf *in, size_t step, bool takes_packed, char *out, uint64_t *ret_travelled)
{
	struct bk_file_reader r;
	const uint8_t *data = bk_buf_head(in);
	int event = 0;

	bk_file_reader_init(&r);
	r.takes_packed = takes_packed;
	*out = 0;
	for (size_t n = in->len; n && event >= 0;) {
		size_t len = n < step ? n : step, left = len;

		while ((event = bk_file_reader_next(&r, &data, &left)) > 0)
			if (event == BK_FILE_PIECE)
				strncat(out, (const char *)r.piece, r.piece_len);
			else if (r.msg.type == BK_FILE_DIGEST)
				strcat(out, ".");
		n -= len;
	}
	*ret_travelled = r.travelled;
	bk_file_reader_done(&r);
	return event;
}

static void packed_and_raw_messages_follow_each_other_in_any_pieces(void **state)
{
	const struct bk_file_msg digest = {.type = BK_FILE_DIGEST};
	struct bk_packer *p;
	struct bk_buf out, raw;
	char got[256];
	uint64_t travelled;

	(void)state;
	bk_buf_init(&out, 1 << 20);
	bk_buf_init(&raw, 1 << 20);
	assert_int_equal(bk_packer_new(&p), 0);
	for (int i = 0; i < PIECES; i++) {
		put_content(&raw, 0, "the same words ");
		assert_int_equal(bk_file_msg_encode(&raw, &digest, 0), 0);
		pack(&out, p, (enum bk_packed_effort)(i % 3), &raw); /* also another than before */
		bk_buf_consume(&raw, raw.len);
		put_content(&out, 0, "raw");
	}
	for (size_t step = 1; step <= out.len; step = step < 40 ? step + 1 : step * 2) {
		assert_int_equal(read_all(&out, step, true, got, &travelled), 0);
		assert_string_equal(got,
			"the same words .rawthe same words .rawthe same words .rawthe same words .rawthe same "
			"words .raw");
		assert_true(travelled > 3 * PIECES && travelled < out.len);
	}
	bk_packer_free(p);
	bk_buf_done(&out);
	bk_buf_done(&raw);
}

static void a_later_piece_is_short_for_what_was_before(void **state)
{
	struct bk_packer *p;
	struct bk_unpacker *u;
	uint64_t noise = 1;
	static uint8_t raw[200 << 10], got[sizeof(raw)], packed[sizeof(raw) + (4 << 10)];

	(void)state;
	for (size_t i = 0; i < sizeof(raw); i++)
		raw[i] = (uint8_t)((noise = noise * 6364136223846793005u + 1442695040888963407u) >> 56);
	assert_int_equal(bk_packer_new(&p), 0);
	assert_int_equal(bk_unpacker_new(&u), 0);
	for (int i = 0; i < 3; i++) {
		int n = bk_packer_pack(p, BK_PACKED_USUAL, raw, sizeof(raw), packed, sizeof(packed));

		assert_true(n > 0 && (!i || n < 1000));
		assert_int_equal(bk_unpacker_unpack(u, packed, (size_t)n, got, sizeof(raw)), 0);
		assert_memory_equal(got, raw, sizeof(raw));
	}
	bk_packer_free(p);
	bk_unpacker_free(u);
}

/* --- liars --- */

static size_t zstd(void *out, size_t room, int window_log, const void *data, size_t n)
{
	ZSTD_CCtx *c = ZSTD_createCCtx();
	ZSTD_inBuffer from = {data, n, 0};
	ZSTD_outBuffer to = {out, room, 0};

	ZSTD_CCtx_setParameter(c, ZSTD_c_windowLog, window_log);
	assert_int_equal(ZSTD_compressStream2(c, &to, &from, ZSTD_e_flush), 0);
	ZSTD_freeCCtx(c);
	return to.pos;
}

enum lie { HONEST, MORE, LESS, NOTHING, MUCH, NOISE, WIDE, CUT, NESTED, OFFERED, UNFINISHED };

static void tell(struct bk_buf *out, enum lie lie)
{
	const struct bk_file_msg done = {.type = BK_FILE_DONE};
	struct bk_buf raw;
	static uint8_t z[4096];
	size_t n;

	bk_buf_init(&raw, 1 << 20);
	put_content(&raw, 0, "hello");
	if (lie == NESTED)
		put_packed(&raw, 5, "xxxxx", 5);
	if (lie == OFFERED)
		assert_int_equal(bk_file_msg_encode(&raw, &done, 0), 0);
	n = zstd(z, sizeof(z), lie == WIDE ? 24 : 20, bk_buf_head(&raw), raw.len - (lie == UNFINISHED));
	if (lie == NOISE)
		memset(z, 0x5a, n);
	put_packed(out,
		lie == NOTHING      ? 0
		: lie == MUCH       ? BK_PACKED_MAX + 1
		: lie == UNFINISHED ? raw.len - 1
				    : raw.len + (lie == LESS) - (lie == MORE),
		z, n - (lie == CUT));
	bk_buf_done(&raw);
}

static void a_lie_about_what_is_packed_is_named(void **state)
{
	static const struct {
		enum lie lie;
		int want;
	} rows[] = {
		{HONEST, 0},
		{MORE, BK_E_TOO_BIG},
		{LESS, BK_E_MALFORMED},
		{NOTHING, BK_E_MALFORMED},
		{MUCH, BK_E_TOO_BIG},
		{NOISE, BK_E_MALFORMED},
		{WIDE, BK_E_TOO_BIG},
		{CUT, BK_E_MALFORMED},
		{NESTED, BK_E_PROTOCOL},
		{OFFERED, BK_E_PROTOCOL},
		{UNFINISHED, BK_E_MALFORMED},
	};
	char got[64];
	uint64_t travelled;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bk_buf out;
		int err;

		bk_buf_init(&out, 1 << 20);
		tell(&out, rows[i].lie);
		err = read_all(&out, 7, true, got, &travelled);
		if (err != rows[i].want)
			fail_msg("row %zu: %s", i, bk_error_name(err));
		bk_buf_done(&out);
	}
}

/* 1 MiB of zeros in a few bytes is all that one message can blow up to. */
static void a_bomb_goes_off_within_what_was_said(void **state)
{
	static uint8_t zeros[4 << 20], z[4096], out[BK_PACKED_MAX];
	struct bk_unpacker *u;
	size_t n = zstd(z, sizeof(z), 20, zeros, sizeof(zeros));

	(void)state;
	assert_int_equal(bk_unpacker_new(&u), 0);
	assert_int_equal(bk_unpacker_unpack(u, z, n, out, sizeof(out)), BK_E_TOO_BIG);
	bk_unpacker_free(u);
}

static void who_did_not_say_that_he_takes_it_gets_none(void **state)
{
	struct bk_buf out;
	char got[64];
	uint64_t travelled;

	(void)state;
	bk_buf_init(&out, 1 << 20);
	tell(&out, HONEST);
	assert_int_equal(read_all(&out, 100, false, got, &travelled), BK_E_PROTOCOL);
	assert_string_equal(got, "");
	bk_buf_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packed_and_raw_messages_follow_each_other_in_any_pieces),
		cmocka_unit_test(a_later_piece_is_short_for_what_was_before),
		cmocka_unit_test(a_lie_about_what_is_packed_is_named),
		cmocka_unit_test(a_bomb_goes_off_within_what_was_said),
		cmocka_unit_test(who_did_not_say_that_he_takes_it_gets_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

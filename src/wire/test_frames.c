/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/frame.h"
#include "wire/preface.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "base/error.h"

static void a_session_frame_has_its_twelve_bytes(void **state)
{
	struct bk_sframe f = {BK_SFRAME_DATA, 0x80, 0x01020304, BK_SFRAME_PAYLOAD_MAX}, back;
	uint8_t out[BK_SFRAME_HEADER_LEN];

	(void)state;
	bk_sframe_encode(&f, out);
	assert_memory_equal(out, "\x03\x80\0\0\1\2\3\4\0\x10\0\0", 12);
	out[2] = 0xff; /* reserved bytes are ignored */
	assert_int_equal(bk_sframe_decode(out, sizeof(out), &back), 0);
	assert_int_equal(back.type, f.type);
	assert_int_equal(back.flags, f.flags);
	assert_int_equal(back.channel, f.channel);
	assert_int_equal(back.length, f.length);
}

static void a_session_frame_cut_or_too_long_is_refused(void **state)
{
	uint8_t in[BK_SFRAME_HEADER_LEN] = {99, 0, 0, 0, 0, 0, 0, 0, 0, 0x10, 0, 1};
	struct bk_sframe f;

	(void)state;
	assert_int_equal(bk_sframe_decode(in, sizeof(in), &f), BK_E_TOO_BIG);
	for (size_t n = 0; n < sizeof(in); n++)
		assert_int_equal(bk_sframe_decode(in, n, &f), BK_E_TRUNCATED);
	in[11] = 0;
	assert_int_equal(bk_sframe_decode(in, sizeof(in), &f), 0);
}

static void a_preface_reads_back(void **state)
{
	static const struct bk_preface rows[] = {
		{BK_PREFACE_RELAY, 0, {1, 2, 3}},
		{BK_PREFACE_RELAY, 1, {0xff}},
		{BK_PREFACE_PROBE, 0, {9}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t out[BK_PREFACE_LEN];
		struct bk_preface back;

		bk_preface_encode(&rows[i], out);
		assert_memory_equal(out, rows[i].kind == BK_PREFACE_RELAY ? "RELAY\1" : "PROBE\1", 6);
		for (size_t n = 0; n < sizeof(out); n++)
			assert_int_equal(bk_preface_decode(out, n, &back), BK_E_TRUNCATED);
		assert_int_equal(bk_preface_decode(out, sizeof(out), &back), 0);
		assert_int_equal(back.kind, rows[i].kind);
		assert_int_equal(back.side, rows[i].side);
		assert_memory_equal(back.secret, rows[i].secret, sizeof(back.secret));
	}
}

static void a_preface_is_refused_at_its_first_wrong_byte(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		int expected;
	} rows[] = {
		{"", 0, BK_E_TRUNCATED},
		{"R", 1, BK_E_TRUNCATED},
		{"P", 1, BK_E_TRUNCATED},
		{"G", 1, BK_E_MALFORMED},
		{"\x16", 1, BK_E_MALFORMED},
		{"\0", 1, BK_E_MALFORMED},
		{"RELAX", 5, BK_E_MALFORMED},
		{"PR0", 3, BK_E_MALFORMED},
		{"RELAY\2", 6, BK_E_VERSION},
		{"PROBE\0", 6, BK_E_VERSION},
		{"RELAY\1\1", 7, BK_E_TRUNCATED},
		{"RELAY\1\2", 7, BK_E_MALFORMED},
		{"PROBE\1\1", 7, BK_E_MALFORMED},
	};
	struct bk_preface p;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(
			bk_preface_decode((const uint8_t *)rows[i].bytes, rows[i].len, &p), rows[i].expected);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_session_frame_has_its_twelve_bytes),
		cmocka_unit_test(a_session_frame_cut_or_too_long_is_refused),
		cmocka_unit_test(a_preface_reads_back),
		cmocka_unit_test(a_preface_is_refused_at_its_first_wrong_byte),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/cursor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "base/error.h"

static void what_is_written_reads_back(void **state)
{
	uint8_t bytes[64], text[3];
	struct bk_writer w;
	struct bk_reader r;

	(void)state;
	bk_writer_init(&w, bytes, sizeof(bytes));
	bk_write_u8(&w, 0xab);
	bk_write_u16(&w, 0x0102);
	bk_write_u32(&w, 0xdeadbeef);
	bk_write_u64(&w, 0x0123456789abcdef);
	bk_write_bytes(&w, "xyz", 3);
	assert_int_equal(w.error, 0);
	assert_int_equal(bk_writer_len(&w), 18);
	assert_memory_equal(bytes, "\xab\x01\x02\xde\xad\xbe\xef", 7);

	bk_reader_init(&r, bytes, bk_writer_len(&w));
	assert_int_equal(bk_read_u8(&r), 0xab);
	assert_int_equal(bk_read_u16(&r), 0x0102);
	assert_int_equal(bk_read_u32(&r), 0xdeadbeef);
	assert_true(bk_read_u64(&r) == 0x0123456789abcdef);
	bk_read_bytes(&r, text, 3);
	assert_memory_equal(text, "xyz", 3);
	assert_int_equal(r.error, 0);
	assert_int_equal(bk_reader_left(&r), 0);
}

static void reads_past_the_end_are_zero_for_good(void **state)
{
	static const uint8_t bytes[] = {1, 2, 3};
	uint8_t out[2] = {9, 9};
	struct bk_reader r;

	(void)state;
	bk_reader_init(&r, bytes, sizeof(bytes));
	assert_int_equal(bk_read_u32(&r), 0);
	assert_int_equal(r.error, BK_E_TRUNCATED);
	assert_int_equal(bk_read_u8(&r), 0);
	assert_null(bk_read_view(&r, 1));
	bk_read_bytes(&r, out, sizeof(out));
	assert_int_equal(out[0] + out[1], 0);
	assert_null(bk_read_view(&r, SIZE_MAX));
}

static void writes_past_the_end_write_nothing_for_good(void **state)
{
	uint8_t bytes[4] = {7, 7, 7, 7};
	struct bk_writer w;

	(void)state;
	bk_writer_init(&w, bytes, 3);
	bk_write_u32(&w, 1);
	assert_int_equal(w.error, BK_E_FULL);
	bk_write_u8(&w, 1);
	bk_write_bytes(&w, NULL, 0);
	assert_int_equal(bk_writer_len(&w), 0);
	assert_memory_equal(bytes, "\7\7\7\7", 4);
}

static void nothing_is_a_valid_input(void **state)
{
	struct bk_reader r;
	struct bk_writer w;

	(void)state;
	bk_reader_init(&r, NULL, 0);
	bk_read_bytes(&r, NULL, 0);
	assert_int_equal(r.error, 0);
	bk_writer_init(&w, NULL, 0);
	bk_write_bytes(&w, NULL, 0);
	assert_int_equal(w.error, 0);
	assert_int_equal(bk_read_u8(&r), 0);
	assert_int_equal(r.error, BK_E_TRUNCATED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_reads_back),
		cmocka_unit_test(reads_past_the_end_are_zero_for_good),
		cmocka_unit_test(writes_past_the_end_write_nothing_for_good),
		cmocka_unit_test(nothing_is_a_valid_input),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What a program of before there were versions wrote, byte for byte as it wrote it: it is read, and what it is sent
 * says what its own would. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/error.h"
#include "wire/file_reader.h"

static const char offer_header[] =
	"\000\207{\"byteorder\":\"little\",\"content-type\":\"text/json\",\"content-encoding"
	"\":\"binary\",\"content-length\":273,\"type\":\"offer\",\"entries\":4,\"bytes\":5}";
static const char offer_list[] =
	"{\"entries\":[{\"path\":\"a.bin\",\"size\":5,\"mode\":416,\"mtime\":1700000000,\"kind"
	"\":\"file\"},{\"path\":\"d\",\"size\":0,\"mode\":493,\"mtime\":1700000001,\"kind\":\"fol"
	"der\"},{\"path\":\"d/b\",\"size\":0,\"mode\":493,\"mtime\":0,\"kind\":\"file\"},{\"path"
	"\":\"stdin\",\"size\":0,\"mode\":420,\"mtime\":0,\"kind\":\"stream\"}]}";
static const char accept[] =
	"\000r{\"byteorder\":\"little\",\"content-type\":\"text/json\",\"content-encoding\":\"bin"
	"ary\",\"content-length\":158,\"type\":\"accept\"}{\"entries\":[{\"entry\":0,\"action"
	"\":\"take\",\"offset\":0},{\"entry\":1,\"action\":\"take\",\"offset\":0},{\"entry\":2,"
	"\"action\":\"skip\"},{\"entry\":3,\"action\":\"take\",\"offset\":0}]}";
static const char content[] =
	"\000\203{\"byteorder\":\"little\",\"content-type\":\"binary\",\"content-encoding\":\"bin"
	"ary\",\"content-length\":5,\"type\":\"content\",\"entry\":0,\"offset\":0}";
static const char digest[] =
	"\000\245{\"byteorder\":\"little\",\"content-type\":\"binary\",\"content-encoding\":\"bin"
	"ary\",\"content-length\":0,\"type\":\"digest\",\"entry\":0,\"xxh3_128\":\"00112233445566"
	"778899aabbccddeeff\"}";
static const char done[] =
	"\000\257{\"byteorder\":\"little\",\"content-type\":\"binary\",\"content-encoding\":\"bin"
	"ary\",\"content-length\":0,\"type\":\"done\",\"entries\":1,\"bytes\":5,\"xxh3_128"
	"\":\"00112233445566778899aabbccddeeff\"}";

static const struct bk_file_entry entries[] = {
	{.path = "a.bin", .is_file = true, .size = 5, .mode = 0640, .mtime = 1700000000},
	{.path = "d", .is_folder = true, .mode = 0755, .mtime = 1700000001},
	{.path = "d/b", .is_file = true, .mode = 0755},
	{.path = "stdin", .is_file = true, .is_stream = true, .mode = 0644},
};

enum { ENTRIES = sizeof(entries) / sizeof(entries[0]) };

/* Whole messages; the next one that is read. */
static int next(struct bk_file_reader *r, const char *text, size_t len)
{
	const uint8_t *data = (const uint8_t *)text;

	return bk_file_reader_next(r, &data, &len);
}

static void what_it_offers_is_read(void **state)
{
	char whole[sizeof(offer_header) + sizeof(offer_list)];
	struct bk_file_list l = {0};
	struct bk_file_reader r;

	(void)state;
	memcpy(whole, offer_header, sizeof(offer_header) - 1);
	memcpy(whole + sizeof(offer_header) - 1, offer_list, sizeof(offer_list));
	bk_file_reader_init(&r);
	assert_int_equal(next(&r, whole, sizeof(offer_header) + sizeof(offer_list) - 2), BK_FILE_MESSAGE);
	assert_int_equal(r.msg.type, BK_FILE_OFFER);
	assert_int_equal(r.msg.version, 0);
	assert_int_equal(bk_file_offer_decode(bk_buf_head(&r.list), r.list.len, &l), 0);
	assert_int_equal(l.len, ENTRIES);
	for (size_t i = 0; i < ENTRIES; i++) {
		const struct bk_file_entry *got = &l.entries[i], *want = &entries[i];

		assert_string_equal(got->path, want->path);
		assert_int_equal(got->size, want->size);
		assert_int_equal(got->mode, want->mode);
		assert_int_equal(got->mtime, want->mtime);
		assert_int_equal(got->is_file, want->is_file);
		assert_int_equal(got->is_folder, want->is_folder);
		assert_int_equal(got->is_stream, want->is_stream);
	}
	bk_file_list_done(&l);
	bk_file_reader_done(&r);
}

static void what_it_answers_and_sends_is_read(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		enum bk_file_type type;
	} rows[] = {{accept, sizeof(accept) - 1, BK_FILE_ACCEPT},
		{content, sizeof(content) - 1, BK_FILE_CONTENT}, {digest, sizeof(digest) - 1, BK_FILE_DIGEST},
		{done, sizeof(done) - 1, BK_FILE_DONE}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bk_file_reader r;

		bk_file_reader_init(&r);
		assert_int_equal(next(&r, rows[i].text, rows[i].len), BK_FILE_MESSAGE);
		assert_int_equal(r.msg.type, rows[i].type);
		bk_file_reader_done(&r);
	}
}

static void a_list_that_it_is_offered_says_what_its_own_would(void **state)
{
	struct bk_file_list l = {0};
	struct bk_buf out;
	const char *list;
	json_t *ours, *its;
	size_t at = 0;

	(void)state;
	bk_buf_init(&out, 1 << 20);
	for (size_t i = 0; i < ENTRIES; i++)
		assert_int_equal(bk_file_list_add(&l, &entries[i], NULL), 0);
	assert_int_equal(bk_file_offer_encode(&out, &l, &at), 0);
	assert_int_equal(bk_buf_append(&out, "", 1), 0); /* its end, for who reads it as text */
	list = (const char *)memmem(bk_buf_head(&out), out.len, "}{", 2) + 1;
	ours = json_loads(list, 0, NULL);
	its = json_loads(offer_list, 0, NULL);
	assert_true(json_equal(ours, its));
	json_decref(ours);
	json_decref(its);
	bk_buf_done(&out);
	bk_file_list_done(&l);
}

static struct bk_file_choice choose(const void *arg, size_t entry)
{
	return ((const struct bk_file_choice *)arg)[entry];
}

static void an_answer_that_it_gets_is_what_it_would_write(void **state)
{
	const struct bk_file_choice choices[ENTRIES] = {
		{.is_taken = true}, {.is_taken = true}, {0}, {.is_taken = true}};
	const struct bk_file_choices all = {.get = choose, .arg = choices, .len = ENTRIES};
	struct bk_buf out;
	size_t at = 0;

	(void)state;
	bk_buf_init(&out, 1 << 20);
	assert_int_equal(bk_file_accept_encode(&out, &(struct bk_file_msg){0}, &all, &at), 0);
	assert_int_equal(out.len, sizeof(accept) - 1);
	assert_memory_equal(bk_buf_head(&out), accept, sizeof(accept) - 1);
	bk_buf_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_it_offers_is_read),
		cmocka_unit_test(what_it_answers_and_sends_is_read),
		cmocka_unit_test(a_list_that_it_is_offered_says_what_its_own_would),
		cmocka_unit_test(an_answer_that_it_gets_is_what_it_would_write),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

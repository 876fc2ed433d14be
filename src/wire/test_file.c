/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/error.h"
#include "wire/file_reader.h"

static void only_paths_inside_the_folder_pass(void **state)
{
	static const struct {
		const char *path;
		int want;
	} rows[] = {
		{"a", 0},
		{"notes.txt", 0},
		{".hidden", 0},
		{"...", 0},
		{"..a", 0},
		{"a..", 0},
		{"a/b/c", 0},
		{"-rf", 0},
		{"grüße 日本", 0},
		{"a\\b", 0},
		{"", BK_E_UNSAFE_PATH},
		{".", BK_E_UNSAFE_PATH},
		{"..", BK_E_UNSAFE_PATH},
		{"/", BK_E_UNSAFE_PATH},
		{"/etc/passwd", BK_E_UNSAFE_PATH},
		{"../x", BK_E_UNSAFE_PATH},
		{"a/../b", BK_E_UNSAFE_PATH},
		{"a/..", BK_E_UNSAFE_PATH},
		{"a/./b", BK_E_UNSAFE_PATH},
		{"./a", BK_E_UNSAFE_PATH},
		{"a//b", BK_E_UNSAFE_PATH},
		{"a/", BK_E_UNSAFE_PATH},
		{"a\nb", BK_E_UNSAFE_PATH},
		{"\033[2J", BK_E_UNSAFE_PATH},
		{"a\x7f", BK_E_UNSAFE_PATH},
		{"evil\xe2\x80\xaegnp.exe", BK_E_UNSAFE_PATH}, /* right-to-left override */
		{"c1\xc2\x9b", BK_E_UNSAFE_PATH},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (bk_file_path_check(rows[i].path) != rows[i].want)
			fail_msg("'%s'", rows[i].path);
}

static void lengths_of_paths_are_bounded(void **state)
{
	char path[BK_FILE_PATH_MAX + 2], name[BK_FILE_NAME_MAX + 2];

	(void)state;
	memset(name, 'a', sizeof(name));
	name[BK_FILE_NAME_MAX] = 0;
	assert_int_equal(bk_file_path_check(name), 0);
	name[BK_FILE_NAME_MAX] = 'a';
	name[BK_FILE_NAME_MAX + 1] = 0;
	assert_int_equal(bk_file_path_check(name), BK_E_UNSAFE_PATH);
	for (size_t i = 0; i < sizeof(path); i++)
		path[i] = i % 200 == 199 ? '/' : 'a';
	path[BK_FILE_PATH_MAX] = 0;
	assert_int_equal(bk_file_path_check(path), 0);
	path[BK_FILE_PATH_MAX] = 'a';
	path[BK_FILE_PATH_MAX + 1] = 0;
	assert_int_equal(bk_file_path_check(path), BK_E_UNSAFE_PATH);
}

static char path_a[] = "a.bin", path_b[] = "b";

static struct bk_file_list two_files(void)
{
	struct bk_file_list l = {0};
	struct bk_file_entry a = {
		.path = path_a, .is_file = true, .size = 5, .mode = 0640, .mtime = 1700000000};
	struct bk_file_entry b = {.path = path_b, .is_file = true, .size = 0, .mode = 0755};

	assert_int_equal(bk_file_list_add(&l, &a, NULL), 0);
	assert_int_equal(bk_file_list_add(&l, &b, NULL), 0);
	return l;
}

/* Feeds data in pieces of `step` bytes and collects what comes out as text: one letter a message, the bytes
 * of content as they are. */
static int read_all(const uint8_t *data, size_t n, size_t step, char *out, struct bk_file_reader *r)
{
	while (n) {
		size_t len = n < step ? n : step, left = len;
		int event;

		for (;;) {
			event = bk_file_reader_next(r, &data, &left);
			if (event <= 0)
				break;
			if (event == BK_FILE_MESSAGE)
				*out++ = "OARCDFE"[r->msg.type];
			else
				for (size_t i = 0; i < r->piece_len; i++)
					*out++ = (char)r->piece[i];
			*out = 0;
		}
		if (event < 0)
			return event;
		n -= len;
	}
	return 0;
}

static struct bk_file_choice choose(const void *arg, size_t entry)
{
	return ((const struct bk_file_choice *)arg)[entry];
}

static void a_conversation_reads_the_same_in_any_pieces(void **state)
{
	struct bk_file_list l = two_files();
	struct bk_file_choice choices[2] = {{.is_taken = true}, {0}};
	const struct bk_file_choices all = {.get = choose, .arg = choices, .len = 2};
	size_t at = 0;
	struct bk_file_msg content = {.type = BK_FILE_CONTENT}, digest = {.type = BK_FILE_DIGEST},
			   done = {.type = BK_FILE_DONE, .entries = 1, .bytes = 5},
			   error = {.type = BK_FILE_ERROR, .code = "file", .text = "x"},
			   refuse = {.type = BK_FILE_REFUSE, .code = "exists"};
	struct bk_buf out;

	(void)state;
	bk_buf_init(&out, 1 << 20);
	assert_int_equal(bk_file_offer_encode(&out, &l, &at), 0);
	at = 0;
	assert_int_equal(bk_file_accept_encode(&out, &(struct bk_file_msg){.version = 2}, &all, &at), 0);
	assert_int_equal(at, 2);
	assert_int_equal(bk_file_msg_encode(&out, &content, 5), 0);
	assert_int_equal(bk_buf_append(&out, "hello", 5), 0);
	assert_int_equal(bk_file_msg_encode(&out, &digest, 0), 0);
	assert_int_equal(bk_file_msg_encode(&out, &done, 0), 0);
	assert_int_equal(bk_file_msg_encode(&out, &error, 0), 0);
	assert_int_equal(bk_file_msg_encode(&out, &refuse, 0), 0);
	for (size_t step = 1; step <= out.len; step = step < 64 ? step + 1 : step * 2) {
		struct bk_file_reader r;
		char got[64] = "";

		bk_file_reader_init(&r);
		assert_int_equal(read_all(bk_buf_head(&out), out.len, step, got, &r), 0);
		assert_string_equal(got, "OAChelloDFER");
		bk_file_reader_done(&r);
	}
	bk_buf_done(&out);
	bk_file_list_done(&l);
}

static void a_folder_is_offered_before_what_is_in_it(void **state)
{
	static const struct {
		const char *entries;
		int want;
	} offers[] = {
#define FOLDER(path) "{\"path\":\"" path "\",\"size\":0,\"kind\":\"folder\"}"
#define IN(path)     "{\"path\":\"" path "\",\"size\":1,\"kind\":\"file\"}"
		{FOLDER("d") "," IN("d/x"), 0},
		{FOLDER("d") "," FOLDER("d/e") "," IN("d/e/x") "," IN("d-x") "," IN("d/x"), 0},
		{IN("d/x"), BK_E_MALFORMED},
		{IN("d/x") "," FOLDER("d"), BK_E_MALFORMED},
		{IN("d") "," IN("d/x"), BK_E_MALFORMED},
		{FOLDER("d") "," IN("d/e/x"), BK_E_MALFORMED},
		{FOLDER("d") "," FOLDER("d"), BK_E_MALFORMED},
		{FOLDER("d/.."), BK_E_UNSAFE_PATH},
		{"{\"path\":\"d\",\"size\":1,\"kind\":\"folder\"}", BK_E_MALFORMED},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(offers) / sizeof(offers[0]); i++) {
		struct bk_file_list l = {0};
		char text[1024];
		int n = snprintf(text, sizeof(text), "{\"entries\":[%s]}", offers[i].entries);

		assert_int_equal(bk_file_offer_decode(text, (size_t)n, &l), offers[i].want);
		assert_int_equal(!offers[i].want, l.len && l.entries[0].is_folder && !offers[i].want);
		bk_file_list_done(&l);
	}
}

/* Every kind of entry, and what stands for something in JSON. */
static struct bk_file_list all_kinds(void)
{
	static const struct {
		struct bk_file_entry entry;
		const char *target;
	} rows[] = {
		{{.path = "f", .is_folder = true, .mode = 0755, .mtime = -1}, NULL},
		{{.path = "f/a \"b\" \\c", .is_file = true}, NULL},
		{{.path = "f/gr\xc3\xbc\xc3\x9f",
			 .is_file = true,
			 .size = INT64_MAX / 2,
			 .mtime_ns = 999999999},
			NULL},
		{{.path = "f/\xff\n\x7f\"\\", .is_file = true, .mtime = INT64_MAX}, NULL},
		{{.path = "f/link", .is_link = true}, "a \"b\" \\c"},
		{{.path = "f/odd", .is_link = true, .mtime_ns = 1}, "\xfe"},
		{{.path = "pipe", .is_file = true, .is_stream = true}, NULL},
		{{.path = "message.txt", .is_file = true, .is_text = true, .size = 7}, NULL},
	};
	struct bk_file_list l = {0};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(bk_file_list_add(&l, &rows[i].entry, rows[i].target), 0);
	return l;
}

static void an_offer_is_printed_as_a_tree_would_print_it(void **state)
{
	struct bk_file_list l = all_kinds(), got = {0};
	struct bk_file_reader r;
	struct bk_buf out;
	const uint8_t *data;
	char *want;
	size_t n, at = 0;
	json_t *tree;

	(void)state;
	bk_buf_init(&out, 1 << 20);
	bk_file_reader_init(&r);
	assert_int_equal(bk_file_offer_encode(&out, &l, &at), 0);
	data = bk_buf_head(&out);
	n = out.len;
	assert_int_equal(bk_file_reader_next(&r, &data, &n), BK_FILE_MESSAGE);
	tree = json_loadb((const char *)bk_buf_head(&r.list), r.list.len, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(tree);
	want = json_dumps(tree, JSON_COMPACT);
	assert_int_equal(strlen(want), r.list.len);
	assert_memory_equal(bk_buf_head(&r.list), want, r.list.len);
	assert_int_equal(bk_file_offer_decode(bk_buf_head(&r.list), r.list.len, &got), 0);
	assert_int_equal(got.len, l.len);
	for (size_t i = 0; i < l.len; i++) {
		const struct bk_file_entry *a = &l.entries[i], *b = &got.entries[i];

		assert_string_equal(a->path, b->path);
		assert_true(a->size == b->size && a->mtime == b->mtime && a->mtime_ns == b->mtime_ns);
		assert_true(a->mode == b->mode && a->is_file == b->is_file && a->is_folder == b->is_folder);
		assert_true(
			a->is_link == b->is_link && a->is_stream == b->is_stream && a->is_text == b->is_text);
		if (a->is_link)
			assert_string_equal(bk_file_entry_target(a), bk_file_entry_target(b));
	}
	free(want);
	json_decref(tree);
	bk_file_list_done(&got);
	bk_file_list_done(&l);
	bk_file_reader_done(&r);
	bk_buf_done(&out);
}

static void an_offer_survives_the_round_trip(void **state)
{
	struct bk_file_list l = two_files(), got = {0};
	struct bk_file_reader r;
	struct bk_buf out;
	const uint8_t *data;
	size_t n, at = 0;

	(void)state;
	bk_buf_init(&out, 1 << 20);
	bk_file_reader_init(&r);
	assert_int_equal(bk_file_offer_encode(&out, &l, &at), 0);
	assert_int_equal(at, 2);
	data = bk_buf_head(&out);
	n = out.len;
	assert_int_equal(bk_file_reader_next(&r, &data, &n), BK_FILE_MESSAGE);
	assert_int_equal(r.msg.entries, 2);
	assert_int_equal(r.msg.bytes, 5);
	assert_int_equal(r.msg.version, BK_FILE_VERSION);
	assert_int_equal(bk_file_offer_decode(bk_buf_head(&r.list), r.list.len, &got), 0);
	assert_int_equal(got.len, 2);
	assert_int_equal(got.bytes, 5);
	assert_string_equal(got.entries[0].path, "a.bin");
	assert_int_equal(got.entries[0].mode, 0640);
	assert_int_equal(got.entries[0].mtime, 1700000000);
	assert_true(got.entries[1].is_file);
	assert_string_equal(got.entries[1].path, "b");
	bk_file_list_done(&got);
	bk_file_list_done(&l);
	bk_file_reader_done(&r);
	bk_buf_done(&out);
}

static void hostile_offers_are_refused_by_name(void **state)
{
	static const struct {
		const char *json;
		int want;
	} rows[] = {
		{"{\"entries\":[{\"path\":\"a\",\"size\":1,\"kind\":\"file\"}]}", 0},
		{"{\"entries\":[{\"path\":\"a\",\"size\":1,\"kind\":\"file\",\"new\":[1,2]}],\"more\":true}",
			0},
		{"{\"entries\":[]}", BK_E_MALFORMED},
		{"{}", BK_E_MALFORMED},
		{"[]", BK_E_MALFORMED},
		{"{\"entries\":[7]}", BK_E_MALFORMED},
		{"{\"entries\":[{\"size\":1,\"kind\":\"file\"}]}", BK_E_MALFORMED},
		{"{\"entries\":[{\"path\":\"a\",\"kind\":\"file\"}]}", BK_E_MALFORMED},
		{"{\"entries\":[{\"path\":\"a\",\"size\":-1,\"kind\":\"file\"}]}", BK_E_MALFORMED},
		{"{\"entries\":[{\"path\":\"a\",\"size\":1.5,\"kind\":\"file\"}]}", BK_E_MALFORMED},
		{"{\"entries\":[{\"path\":\"a\",\"size\":\"1\",\"kind\":\"file\"}]}", BK_E_MALFORMED},
		{"{\"entries\":[{\"path\":\"a\",\"size\":1}]}", BK_E_MALFORMED},
		{"{\"entries\":[{\"path\":\"a\",\"size\":1,\"kind\":\"file\",\"mode\":-1}]}", BK_E_MALFORMED},
		{"{\"entries\":[{\"path\":\"a\",\"size\":1,\"kind\":\"file\",\"mtime\":\"x\"}]}",
			BK_E_MALFORMED},
		{"{\"entries\":[{\"path\":\"a\",\"size\":1,\"kind\":\"file\"},{\"path\":\"a\",\"size\":1,"
		 "\"kind\":\"file\"}]}",
			BK_E_MALFORMED},
		{"{\"entries\":[{\"path\":\"../a\",\"size\":1,\"kind\":\"file\"}]}", BK_E_UNSAFE_PATH},
		{"{\"entries\":[{\"path\":\"/a\",\"size\":1,\"kind\":\"file\"}]}", BK_E_UNSAFE_PATH},
		{"{\"entries\":[{\"path\":\"\\u001b[2J\",\"size\":1,\"kind\":\"file\"}]}", BK_E_UNSAFE_PATH},
		{"{\"entries\":[{\"path\":\"a\\u0000b\",\"size\":1,\"kind\":\"file\"}]}", BK_E_MALFORMED},
		{"{\"entries\":[{\"path\":\"a\",\"size\":9223372036854775807,\"kind\":\"file\"},"
		 "{\"path\":\"b\",\"size\":1,\"kind\":\"file\"}]}",
			BK_E_TOO_BIG},
		{"{\"entries\":[{\"path\":\"a\",\"size\":18446744073709551615,\"kind\":\"file\"}]}",
			BK_E_MALFORMED},
		{"{\"entries\":[[[[[[]]]]]]}", BK_E_MALFORMED},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bk_file_list l = {0};
		int got = bk_file_offer_decode(rows[i].json, strlen(rows[i].json), &l);

		if (got != rows[i].want)
			fail_msg("row %zu %s: %s", i, rows[i].json, bk_error_name(got));
		bk_file_list_done(&l);
	}
}

static void an_offer_of_too_many_entries_is_too_big(void **state)
{
	struct bk_buf json;
	struct bk_file_list l = {0};
	char entry[80];

	(void)state;
	bk_buf_init(&json, BK_FILE_LIST_MAX);
	assert_int_equal(bk_buf_append(&json, "{\"entries\":[", 12), 0);
	for (int i = 0; i <= BK_FILE_ENTRIES_MAX; i++) {
		int n = snprintf(entry, sizeof(entry), "%s{\"path\":\"%d\",\"size\":1,\"kind\":\"file\"}",
			i ? "," : "", i);

		assert_int_equal(bk_buf_append(&json, entry, (size_t)n), 0);
	}
	assert_int_equal(bk_buf_append(&json, "]}", 2), 0);
	assert_int_equal(bk_file_offer_decode(bk_buf_head(&json), json.len, &l), BK_E_TOO_BIG);
	bk_buf_done(&json);
}

enum { MANY = 25000 };

/* What comes next; its list is decoded where it goes. */
static int read_next(struct bk_file_reader *r, const uint8_t **data, size_t *n, struct bk_file_list *l,
	struct bk_file_choice *choices, size_t *said)
{
	assert_int_equal(bk_file_reader_next(r, data, n), BK_FILE_MESSAGE);
	if (r->msg.type == BK_FILE_ENTRIES)
		assert_int_equal(bk_file_offer_decode(bk_buf_head(&r->list), r->list.len, l), 0);
	else if (r->msg.type == BK_FILE_ACCEPT || r->msg.type == BK_FILE_CHOICES)
		assert_int_equal(
			bk_file_accept_decode(bk_buf_head(&r->list), r->list.len, MANY, choices, said), 0);
	return (int)r->msg.type;
}

static void make_many(struct bk_file_list *l, struct bk_file_choice *choices)
{
	char path[300];

	for (size_t i = 0; i < MANY; i++) {
		const struct bk_file_entry e = {.path = path, .is_file = true, .size = i};

		snprintf(path, sizeof(path), "%0250zu", i);
		assert_int_equal(bk_file_list_add(l, &e, NULL), 0);
		choices[i] = (struct bk_file_choice){.is_taken = i < 100 || i & 1, .offset = i == 7 ? 5 : 0};
	}
}

static void many_entries_and_choices_travel_in_pieces(void **state)
{
	static struct bk_file_choice choices[MANY], got_choices[MANY];
	struct bk_file_list l = {0}, got = {0};
	struct bk_file_reader r;
	const struct bk_file_choices all = {.get = choose, .arg = choices, .len = MANY};
	struct bk_buf out;
	const uint8_t *data;
	size_t n, at = 0, said = 0;
	int messages = 0;

	(void)state;
	make_many(&l, choices);
	bk_buf_init(&out, 64 << 20);
	bk_file_reader_init(&r);
	while (at < l.len)
		assert_int_equal(bk_file_offer_encode(&out, &l, &at), 0);
	for (at = 0; at < MANY;)
		assert_int_equal(
			bk_file_accept_encode(&out, &(struct bk_file_msg){.version = 2}, &all, &at), 0);
	data = bk_buf_head(&out);
	n = out.len;
	assert_int_equal(read_next(&r, &data, &n, &got, NULL, NULL), BK_FILE_OFFER);
	assert_int_equal(r.msg.entries, MANY);
	assert_int_equal(r.msg.more, 1);
	/* Who knows no pieces refuses the kind of its one entry. */
	assert_int_equal(bk_file_offer_decode(bk_buf_head(&r.list), r.list.len, &got), 0);
	assert_false(got.entries[0].is_file || got.entries[0].is_folder);
	bk_file_list_done(&got);
	for (; got.len < MANY; messages++) {
		assert_int_equal(read_next(&r, &data, &n, &got, NULL, NULL), BK_FILE_ENTRIES);
		assert_int_equal(r.msg.more, got.len < MANY);
	}
	assert_in_range(messages, 8, 40);
	assert_int_equal(got.bytes, l.bytes);
	assert_string_equal(got.entries[MANY - 1].path, l.entries[MANY - 1].path);
	while (said < MANY)
		(void)read_next(&r, &data, &n, NULL, got_choices, &said);
	assert_int_equal(r.msg.type, BK_FILE_ACCEPT);
	for (size_t i = 0; i < MANY; i++)
		assert_true(got_choices[i].is_taken == choices[i].is_taken &&
			    got_choices[i].offset == choices[i].offset);
	bk_file_list_done(&got);
	bk_file_list_done(&l);
	bk_file_reader_done(&r);
	bk_buf_done(&out);
}

static void an_answer_names_every_entry_once(void **state)
{
	static const struct {
		const char *json;
		int want;
	} rows[] = {
		{"{\"entries\":[{\"entry\":1,\"action\":\"skip\"},{\"entry\":0,\"action\":\"take\","
		 "\"offset\":7}]}",
			0},
		{"{\"entries\":[{\"entry\":0,\"action\":\"take\"}]}", BK_E_MALFORMED},
		{"{\"entries\":[{\"entry\":0,\"action\":\"take\"},{\"entry\":0,\"action\":\"take\"}]}",
			BK_E_MALFORMED},
		{"{\"entries\":[{\"entry\":0,\"action\":\"take\"},{\"entry\":2,\"action\":\"take\"}]}",
			BK_E_MALFORMED},
		{"{\"entries\":[{\"entry\":0,\"action\":\"take\"},{\"entry\":1,\"action\":\"burn\"}]}",
			BK_E_MALFORMED},
		{"{\"entries\":[{\"entry\":0,\"action\":\"take\"},{\"entry\":1,\"action\":\"take\","
		 "\"offset\":-1}]}",
			BK_E_MALFORMED},
		{"{\"entries\":[null,null]}", BK_E_MALFORMED},
		{"{\"entries\":[{\"entry\":0,\"action\":\"take\",\"count\":3}]}", BK_E_MALFORMED},
		{"{\"entries\":[{\"entry\":0,\"action\":\"take\",\"count\":0}]}", BK_E_MALFORMED},
		{"{\"entries\":[{\"entry\":0,\"action\":\"take\",\"count\":-1}]}", BK_E_MALFORMED},
		{"{\"entries\":[{\"entry\":1,\"action\":\"take\"},{\"entry\":0,\"action\":\"skip\",\"count\":2}]}",
			BK_E_MALFORMED},
		{"{}", BK_E_MALFORMED},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bk_file_choice choices[2] = {{0}};
		size_t said = 0;
		int got = bk_file_accept_decode(rows[i].json, strlen(rows[i].json), 2, choices, &said);

		if (!got && said < 2)
			got = BK_E_MALFORMED;
		if (got != rows[i].want)
			fail_msg("row %zu: %s", i, bk_error_name(got));
		if (!got) {
			assert_true(choices[0].is_taken);
			assert_int_equal(choices[0].offset, 7);
			assert_false(choices[1].is_taken);
		}
	}
}

static void headers_are_read_strictly(void **state)
{
	static const struct {
		const char *header;
		uint64_t content_len;
		int want;
	} rows[] = {
		{"{\"type\":\"content\",\"entry\":0,\"offset\":0}", BK_FILE_CONTENT_MAX, 0},
		{"{\"type\":\"content\",\"entry\":0,\"offset\":0}", BK_FILE_CONTENT_MAX + 1, BK_E_TOO_BIG},
		{"{\"type\":\"content\",\"entry\":0}", 0, BK_E_MALFORMED},
		{"{\"type\":\"content\",\"entry\":0,\"offset\":0,\"hole\":4194304}", 0, 0},
		{"{\"type\":\"content\",\"entry\":0,\"offset\":0,\"hole\":4194305}", 0, BK_E_TOO_BIG},
		{"{\"type\":\"content\",\"entry\":0,\"offset\":0,\"hole\":-1}", 0, BK_E_MALFORMED},
		{"{\"type\":\"content\",\"entry\":0,\"offset\":0,\"hole\":1}", 1, BK_E_PROTOCOL},
		{"{\"type\":\"content\",\"entry\":-1,\"offset\":0}", 0, BK_E_MALFORMED},
		{"{\"type\":\"content\",\"entry\":4294967296,\"offset\":0}", 0, BK_E_MALFORMED},
		{"{\"type\":\"digest\",\"entry\":0,\"xxh3_128\":\"00112233445566778899aabbccddeeff\"}", 0, 0},
		{"{\"type\":\"digest\",\"entry\":0,\"xxh3_128\":\"00112233445566778899aabbccddeeff\"}", 1,
			BK_E_PROTOCOL},
		{"{\"type\":\"digest\",\"entry\":0,\"xxh3_128\":\"0011\"}", 0, BK_E_MALFORMED},
		{"{\"type\":\"digest\",\"entry\":0,\"xxh3_128\":\"zz112233445566778899aabbccddeeff\"}", 0,
			BK_E_MALFORMED},
		{"{\"type\":\"error\",\"text\":\"no code\"}", 0, BK_E_MALFORMED},
		{"{\"type\":\"later\",\"entry\":\"whatever\"}", 12345, 0},
		{"{\"type\":7}", 0, BK_E_MALFORMED},
		{"{}", 0, BK_E_MALFORMED},
		{"{\"type\":\"offer\",\"entries\":1,\"bytes\":1}", BK_FILE_LIST_MAX + 1ull, BK_E_TOO_BIG},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bk_file_msg m;
		int got = bk_file_msg_decode(rows[i].header, strlen(rows[i].header), rows[i].content_len, &m);

		if (got != rows[i].want)
			fail_msg("row %zu %s: %s", i, rows[i].header, bk_error_name(got));
	}
}

static void an_errors_text_cannot_drive_a_terminal(void **state)
{
	static const char header[] = "{\"type\":\"error\",\"code\":\"file\",\"text\":\"a\\u001b[2J\\nb\"}";
	struct bk_file_msg m;

	(void)state;
	assert_int_equal(bk_file_msg_decode(header, strlen(header), 0, &m), 0);
	assert_string_equal(m.text, "a?[2J?b");
}

static void messages_of_later_versions_are_skipped_with_their_content(void **state)
{
	static const char later[] = "{\"type\":\"later\",\"content-length\":4}";
	struct bk_file_msg done = {.type = BK_FILE_DONE};
	struct bk_file_reader r;
	struct bk_buf out;
	char got[16] = "";
	const uint8_t prefix[2] = {0, sizeof(later) - 1};

	(void)state;
	bk_buf_init(&out, 4096);
	bk_file_reader_init(&r);
	assert_int_equal(bk_buf_append(&out, prefix, 2), 0);
	assert_int_equal(bk_buf_append(&out, later, sizeof(later) - 1), 0);
	assert_int_equal(bk_buf_append(&out, "junk", 4), 0);
	assert_int_equal(bk_file_msg_encode(&out, &done, 0), 0);
	assert_int_equal(read_all(bk_buf_head(&out), out.len, out.len, got, &r), 0);
	assert_string_equal(got, "F");
	bk_file_reader_done(&r);
	bk_buf_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_paths_inside_the_folder_pass),
		cmocka_unit_test(lengths_of_paths_are_bounded),
		cmocka_unit_test(a_conversation_reads_the_same_in_any_pieces),
		cmocka_unit_test(a_folder_is_offered_before_what_is_in_it),
		cmocka_unit_test(an_offer_is_printed_as_a_tree_would_print_it),
		cmocka_unit_test(an_offer_survives_the_round_trip),
		cmocka_unit_test(hostile_offers_are_refused_by_name),
		cmocka_unit_test(an_offer_of_too_many_entries_is_too_big),
		cmocka_unit_test(many_entries_and_choices_travel_in_pieces),
		cmocka_unit_test(an_answer_names_every_entry_once),
		cmocka_unit_test(headers_are_read_strictly),
		cmocka_unit_test(an_errors_text_cannot_drive_a_terminal),
		cmocka_unit_test(messages_of_later_versions_are_skipped_with_their_content),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

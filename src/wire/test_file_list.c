/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "wire/file_list.h"
#include "wire/file_reader.h"

enum { KIND_FOLDER, KIND_FILE };

static int add(struct bk_file_list *l, const char *path, int kind)
{
	const struct bk_file_entry e = {
		.path = path, .is_file = kind == KIND_FILE, .is_folder = kind == KIND_FOLDER};

	return bk_file_list_add(l, &e, NULL);
}

static int add_link(struct bk_file_list *l, const char *path, const char *target)
{
	const struct bk_file_entry e = {.path = path, .is_link = true};

	return bk_file_list_add(l, &e, target);
}

static void a_list_refuses_what_could_not_be_sent(void **state)
{
	struct bk_file_entry big = {.path = "x", .size = INT64_MAX}, more = {.path = "y", .size = 1};
	struct bk_file_list l = {0};

	(void)state;
	assert_int_equal(bk_file_list_add(&l, &big, NULL), 0);
	assert_int_equal(bk_file_list_add(&l, &more, NULL), BK_E_TOO_BIG);
	assert_int_equal(add(&l, "x", KIND_FILE), BK_E_EXISTS);
	assert_int_equal(add(&l, "x/y", KIND_FILE), BK_E_NOT_FOUND); /* no folder */
	assert_int_equal(add(&l, "../y", KIND_FILE), BK_E_UNSAFE_PATH);
	assert_int_equal(l.len, 1);
	bk_file_list_done(&l);
}

static void every_byte_may_stand_in_a_name_and_is_shown_harmless(void **state)
{
	char path[257] = "";
	struct bk_file_list l = {0};

	(void)state;
	for (int c = 1, n = 0; c < 256; c++)
		if (c != '/')
			path[n++] = (char)c;
	assert_int_equal(add(&l, path, KIND_FILE), 0);
	assert_int_equal(add(&l, "gr\xfc\xdf", KIND_FOLDER), 0);
	assert_int_equal(add(&l, "gr\xfc\xdf/x", KIND_FILE), 0);
	assert_int_equal(add(&l, "grüß", KIND_FILE), 0);
	assert_true(l.entries[0].is_odd);
	assert_string_equal(l.entries[0].path, path);
	assert_memory_equal(bk_file_entry_shown(&l.entries[0]), "\\x01\\x02", 8);
	assert_int_equal(bk_file_path_check(bk_file_entry_shown(&l.entries[1])), 0);
	assert_string_equal(bk_file_entry_shown(&l.entries[1]), "gr\\xfc\\xdf");
	assert_string_equal(bk_file_entry_shown(&l.entries[2]), "gr\\xfc\\xdf/x");
	assert_false(l.entries[3].is_odd);
	assert_string_equal(bk_file_entry_shown(&l.entries[3]), "grüß");
	bk_file_list_done(&l);
}

static void either_end_of_a_link_is_shown_harmless(void **state)
{
	static const struct {
		const char *path, *target, *shown, *shown_target;
	} rows[] = {
		{"d/a", "b", "d/a", "b"},
		{"d/\xff", "b", "d/\\xff", "b"},
		{"d/c", "\033[2J", "d/c", "\\x1b[2J"},
		{"d/\n", "\xfe", "d/\\x0a", "\\xfe"},
	};
	struct bk_file_list l = {0};

	(void)state;
	assert_int_equal(add(&l, "d", KIND_FOLDER), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(add_link(&l, rows[i].path, rows[i].target), 0);
		assert_string_equal(l.entries[i + 1].path, rows[i].path);
		assert_string_equal(bk_file_entry_target(&l.entries[i + 1]), rows[i].target);
		assert_string_equal(bk_file_entry_shown(&l.entries[i + 1]), rows[i].shown);
		assert_string_equal(bk_file_entry_shown_target(&l.entries[i + 1]), rows[i].shown_target);
	}
	bk_file_list_done(&l);
}

static void an_entry_is_found_among_many(void **state)
{
	struct bk_file_list l = {0};
	char path[32];

	(void)state;
	assert_int_equal(add(&l, "d", KIND_FOLDER), 0);
	for (int i = 0; i < 5000; i++) {
		snprintf(path, sizeof(path), "d/%d", i);
		assert_int_equal(add(&l, path, KIND_FILE), 0);
	}
	assert_int_equal(add(&l, "d/77", KIND_FILE), BK_E_EXISTS);
	assert_ptr_equal(bk_file_list_find(&l, "d/4999/x", 6), &l.entries[5000]);
	assert_null(bk_file_list_find(&l, "d/5000", 6));
	assert_null(bk_file_list_find(&l, "d/49x", 5));
	bk_file_list_done(&l);
}

/* The last that is met on the way. */
static bool note(void *arg, const struct bk_file_entry *e)
{
	*(const struct bk_file_entry **)arg = e;
	return true;
}

static void count(void *arg, const struct bk_file_entry *e, enum bk_file_way way)
{
	(void)e;
	(void)way;
	++*(size_t *)arg;
}

static const struct {
	const char *path, *target;
	enum bk_file_way want;
	const char *end;
} link_rows[] = {
	{"d/1", "f", BK_FILE_WAY_INSIDE, "d/f"},
	{"d/2", "./e//../f", BK_FILE_WAY_INSIDE, "d/f"},
	{"d/e/3", "../f", BK_FILE_WAY_INSIDE, "d/f"},
	{"d/4", ".", BK_FILE_WAY_INSIDE, NULL},
	{"d/5", "e/", BK_FILE_WAY_INSIDE, "d/e"},
	{"d/6", "f/", BK_FILE_WAY_NOWHERE, NULL},
	{"d/7", "f/x", BK_FILE_WAY_NOWHERE, NULL},
	{"d/8", "none", BK_FILE_WAY_NOWHERE, NULL},
	{"d/9", "..", BK_FILE_WAY_OUTSIDE, NULL},
	{"d/10", "../d/f", BK_FILE_WAY_OUTSIDE, NULL},
	{"d/11", "../other", BK_FILE_WAY_OUTSIDE, NULL},
	{"d/12", "/etc/passwd", BK_FILE_WAY_OUTSIDE, NULL},
	{"d/e/13", "../../../../etc/passwd", BK_FILE_WAY_OUTSIDE, NULL},
	{"d/14", "14", BK_FILE_WAY_CIRCULAR, NULL},
	{"d/up", "e/deep", BK_FILE_WAY_INSIDE, "d/e/deep"},
	{"d/15", "up/../x", BK_FILE_WAY_INSIDE, "d/e/x"}, /* not d/x: the way goes through the link */
	{"d/e/top", "..", BK_FILE_WAY_INSIDE, NULL},
	{"d/16", "e/top/../f", BK_FILE_WAY_OUTSIDE, NULL}, /* reads as d/e/f, and leads out */
	{"d/17", "1", BK_FILE_WAY_INSIDE, "d/f"},
	{"d/18", "12", BK_FILE_WAY_OUTSIDE, NULL},
	{"d/19", "f/.", BK_FILE_WAY_NOWHERE, NULL},
	{"20", "d/f", BK_FILE_WAY_OUTSIDE, NULL}, /* in no folder */
	{"d/21", "f\nx", BK_FILE_WAY_NOWHERE, NULL},
};

static void a_link_leads_to_an_entry_of_its_own_folder_or_is_a_stray(void **state)
{
	struct bk_file_list l = {0};
	size_t strays = 0;

	(void)state;
	assert_int_equal(add(&l, "d", KIND_FOLDER), 0);
	assert_int_equal(add(&l, "d/e", KIND_FOLDER), 0);
	assert_int_equal(add(&l, "d/e/deep", KIND_FOLDER), 0);
	assert_int_equal(add(&l, "d/f", KIND_FILE), 0);
	assert_int_equal(add(&l, "d/e/x", KIND_FILE), 0);
	assert_int_equal(add(&l, "other", KIND_FILE), 0);
	assert_null(bk_file_list_find_stray(&l));
	for (size_t i = 0; i < sizeof(link_rows) / sizeof(link_rows[0]); i++)
		assert_int_equal(add_link(&l, link_rows[i].path, link_rows[i].target), 0);
	for (size_t i = 0; i < sizeof(link_rows) / sizeof(link_rows[0]); i++) {
		const struct bk_file_entry *link =
			bk_file_list_find(&l, link_rows[i].path, strlen(link_rows[i].path));
		const struct bk_file_entry *end = NULL;
		enum bk_file_way way = bk_file_list_follow(&l, link, note, &end);

		if (way != link_rows[i].want ||
			(link_rows[i].end && (!end || strcmp(end->path, link_rows[i].end) != 0)))
			fail_msg("%s -> %s: %d", link_rows[i].path, link_rows[i].target, way);
	}
	assert_string_equal(bk_file_list_find_stray(&l)->path, "d/6");
	bk_file_list_remove_strays(&l, count, &strays);
	assert_int_equal(strays, 14);
	assert_null(bk_file_list_find_stray(&l));
	assert_int_equal(l.links, sizeof(link_rows) / sizeof(link_rows[0]) - strays);
	assert_null(bk_file_list_find(&l, "d/12", 4));
	assert_non_null(bk_file_list_find(&l, "d/17", 4));
	bk_file_list_done(&l);
}

static void links_go_in_chains_as_long_as_a_system_follows(void **state)
{
	struct bk_file_list l = {0};
	char path[32], target[32];

	(void)state;
	assert_int_equal(add(&l, "d", KIND_FOLDER), 0);
	assert_int_equal(add(&l, "d/0", KIND_FILE), 0);
	for (int i = 1; i <= BK_FILE_LINK_HOPS_MAX + 1; i++) {
		snprintf(path, sizeof(path), "d/%d", i);
		snprintf(target, sizeof(target), "%d", i - 1);
		assert_int_equal(add_link(&l, path, target), 0);
	}
	assert_ptr_equal(bk_file_list_find_stray(&l), &l.entries[l.len - 1]);
	bk_file_list_done(&l);
}

/* The folders d and d/e, and links in d: each of them is long on its way. */
static void add_long_links(struct bk_file_list *l, int n)
{
	char path[32], target[BK_FILE_PATH_MAX + 1] = "";

	assert_int_equal(add(l, "d", KIND_FOLDER), 0);
	assert_int_equal(add(l, "d/e", KIND_FOLDER), 0);
	for (size_t at = 0; at + 5 < sizeof(target); at += 5)
		memcpy(target + at, "e/../", 5);
	for (int i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "d/%d", i);
		assert_int_equal(add_link(l, path, target), 0);
	}
}

/* Only so much of it is looked at. */
static void a_list_that_would_take_for_ever_is_given_up(void **state)
{
	struct bk_file_list l = {0};

	(void)state;
	add_long_links(&l, 2000);
	assert_non_null(bk_file_list_find_stray(&l));
	bk_file_list_done(&l);
}

/* d/d/d... of that many folders, into path. */
static void add_deep(struct bk_file_list *l, int depth, char *path)
{
	for (int i = 0; i < depth; i++) {
		memcpy(path + 2 * i, "d/", 3);
		path[2 * i + 1] = 0;
		assert_int_equal(add(l, path, KIND_FOLDER), 0);
		path[2 * i + 1] = '/';
	}
	path[2 * depth - 1] = 0;
}

/* From deep inside to the top and back to what is beside it: 198 names each. */
static void what_a_link_was_found_to_be_it_is_the_next_time(void **state)
{
	enum { DEPTH = 100, LINKS = 450 };
	struct bk_file_list l = {0};
	char dir[512], path[600], target[1024] = "";

	(void)state;
	add_deep(&l, DEPTH, dir);
	for (int i = 1; i < DEPTH; i++)
		strcat(target, "../");
	strcat(target, dir + 2);
	for (int i = 0; i < LINKS; i++) {
		snprintf(path, sizeof(path), "%s/l%d", dir, i);
		assert_int_equal(add_link(&l, path, target), 0);
	}
	for (int i = 0; i < 4; i++)
		assert_null(bk_file_list_find_stray(&l));
	bk_file_list_done(&l);
}

static void a_link_that_takes_long_leaves_the_others_their_share(void **state)
{
	struct bk_file_list l = {0};
	const struct bk_file_entry *last;

	(void)state;
	add_long_links(&l, 200);
	assert_int_equal(add_link(&l, "d/last", "e/../e"), 0);
	last = &l.entries[l.len - 1];
	assert_non_null(bk_file_list_find_stray(&l));
	assert_int_equal(bk_file_list_follow(&l, &l.entries[l.len - 2], NULL, NULL), BK_FILE_WAY_CIRCULAR);
	assert_int_equal(bk_file_list_follow(&l, last, NULL, NULL), BK_FILE_WAY_INSIDE);
	bk_file_list_done(&l);
}

static void a_link_and_odd_names_and_old_times_survive_the_round_trip(void **state)
{
	static const struct bk_file_entry
		folder = {.path = "d", .is_folder = true, .mode = 0755, .mtime = -5},
		odd = {.path = "d/\xff\n", .is_file = true, .size = 3, .mtime = 7, .mtime_ns = 123456789},
		link = {.path = "d/l", .is_link = true, .mtime = 9};
	struct bk_file_list l = {0}, got = {0};
	struct bk_file_reader r;
	struct bk_buf out;
	const uint8_t *data;
	size_t n, at = 0;

	(void)state;
	assert_int_equal(bk_file_list_add(&l, &folder, NULL), 0);
	assert_int_equal(bk_file_list_add(&l, &odd, NULL), 0);
	assert_int_equal(bk_file_list_add(&l, &link, "\xff\n"), 0);
	bk_buf_init(&out, 1 << 20);
	bk_file_reader_init(&r);
	assert_int_equal(bk_file_offer_encode(&out, &l, &at), 0);
	data = bk_buf_head(&out);
	n = out.len;
	assert_int_equal(bk_file_reader_next(&r, &data, &n), BK_FILE_MESSAGE);
	assert_int_equal(bk_file_offer_decode(bk_buf_head(&r.list), r.list.len, &got), 0);
	assert_int_equal(got.len, 3);
	assert_int_equal(got.links, 1);
	assert_int_equal(got.entries[0].mtime, -5);
	assert_string_equal(got.entries[1].path, odd.path);
	assert_true(got.entries[1].is_odd);
	assert_int_equal(got.entries[1].mtime_ns, 123456789);
	assert_true(got.entries[2].is_link);
	assert_string_equal(bk_file_entry_target(&got.entries[2]), "\xff\n");
	assert_string_equal(bk_file_entry_shown_target(&got.entries[2]), "\\xff\\x0a");
	bk_file_list_done(&got);
	bk_file_list_done(&l);
	bk_file_reader_done(&r);
	bk_buf_done(&out);
}

static const struct {
	const char *more; /* behind the folder d and the file d/f */
	int want;
} hostile_rows[] = {
#define LINK(path, target) "{\"path\":\"" path "\",\"size\":0,\"kind\":\"link\",\"target\":\"" target "\"}"
#define HEX(hex)           "{\"path\":\"x\",\"path_hex\":\"" hex "\",\"size\":0,\"kind\":\"file\"}"
	{LINK("d/l", "f"), 0},
	{LINK("d/l", "/etc/passwd"), BK_E_UNSAFE_PATH},
	{LINK("d/l", "../x"), BK_E_UNSAFE_PATH},
	{LINK("d/l", "none"), BK_E_UNSAFE_PATH},
	{LINK("d/l", "l"), BK_E_UNSAFE_PATH},
	{LINK("d/l", ""), BK_E_UNSAFE_PATH},
	{LINK("l", "d/f"), BK_E_UNSAFE_PATH},
	{LINK("d/a", ".") "," LINK("d/b", "a/../../x"), BK_E_UNSAFE_PATH},
	{LINK("d/l", ".") ",{\"path\":\"d/l/x\",\"size\":1,\"kind\":\"file\"}", BK_E_MALFORMED},
	{LINK("d/f", "f"), BK_E_MALFORMED},
	{"{\"path\":\"d/l\",\"size\":0,\"kind\":\"link\"}", BK_E_MALFORMED},
	{"{\"path\":\"d/l\",\"size\":1,\"kind\":\"link\",\"target\":\"f\"}", BK_E_MALFORMED},
	{"{\"path\":\"d/l\",\"size\":0,\"kind\":\"link\",\"target\":7}", BK_E_MALFORMED},
	{"{\"path\":\"d/l\",\"size\":0,\"kind\":\"link\",\"target_hex\":\"2e2e\"}", BK_E_UNSAFE_PATH},
	{HEX("ff"), 0},
	{HEX("642f66"), BK_E_MALFORMED}, /* d/f again */
	{HEX("2e2e"), BK_E_UNSAFE_PATH},
	{HEX("2e2e2f78"), BK_E_UNSAFE_PATH},
	{HEX("2f78"), BK_E_UNSAFE_PATH},
	{HEX("642f2e2e2f78"), BK_E_UNSAFE_PATH},
	{HEX("64ff2f2e"), BK_E_UNSAFE_PATH},
	{HEX("7800"), BK_E_MALFORMED},
	{HEX(""), BK_E_UNSAFE_PATH},
	{HEX("7"), BK_E_MALFORMED},
	{HEX("xx"), BK_E_MALFORMED},
	{"{\"path\":\"x\",\"path_hex\":7,\"size\":0,\"kind\":\"file\"}", BK_E_MALFORMED},
	{"{\"path\":\"x\",\"size\":0,\"kind\":\"file\",\"mtime_ns\":1000000000}", BK_E_MALFORMED},
	{"{\"path\":\"x\",\"size\":0,\"kind\":\"file\",\"mtime\":-9223372036854775808}", BK_E_MALFORMED},
};

static void hostile_links_and_digits_are_refused_by_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(hostile_rows) / sizeof(hostile_rows[0]); i++) {
		struct bk_file_list l = {0};
		char text[1024];
		int n = snprintf(text, sizeof(text),
			"{\"entries\":[{\"path\":\"d\",\"size\":0,\"kind\":\"folder\"},"
			"{\"path\":\"d/f\",\"size\":0,\"kind\":\"file\"},%s]}",
			hostile_rows[i].more);
		int got = bk_file_offer_decode(text, (size_t)n, &l);

		if (!got && bk_file_list_find_stray(&l))
			got = BK_E_UNSAFE_PATH;
		if (got != hostile_rows[i].want)
			fail_msg("row %zu %s: %s", i, hostile_rows[i].more, bk_error_name(got));
		bk_file_list_done(&l);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_refuses_what_could_not_be_sent),
		cmocka_unit_test(every_byte_may_stand_in_a_name_and_is_shown_harmless),
		cmocka_unit_test(either_end_of_a_link_is_shown_harmless),
		cmocka_unit_test(an_entry_is_found_among_many),
		cmocka_unit_test(a_link_leads_to_an_entry_of_its_own_folder_or_is_a_stray),
		cmocka_unit_test(links_go_in_chains_as_long_as_a_system_follows),
		cmocka_unit_test(a_list_that_would_take_for_ever_is_given_up),
		cmocka_unit_test(a_link_and_odd_names_and_old_times_survive_the_round_trip),
		cmocka_unit_test(what_a_link_was_found_to_be_it_is_the_next_time),
		cmocka_unit_test(a_link_that_takes_long_leaves_the_others_their_share),
		cmocka_unit_test(hostile_links_and_digits_are_refused_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

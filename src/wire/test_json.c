/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

enum { DEPTH = 4, MEMBERS = 6 };

static const char *const agreed_texts[] = {
	"{}",
	"[]",
	" { } \n",
	"{\"a\":1}",
	"{\"a\":-0.5e+10,\"b\":[true,false,null]}",
	"[\"\\u00e9\\\"\\\\\\/\\b\\f\\n\\r\\t\"]",
	"[[[[]]]]",
	"[1,2,3,4,5,6]",
	"[0]",
	"[-0]",
	"[0e1]",
	"",
	" ",
	"1",
	"\"a\"",
	"null",
	"{",
	"[",
	"}",
	"[}",
	"{]",
	"{\"a\"}",
	"{\"a\":}",
	"{\"a\":1,}",
	"{a:1}",
	"{1:1}",
	"[1,]",
	"[,1]",
	"[1 2]",
	"[1]]",
	"[1] x",
	"[01]",
	"[1.]",
	"[.5]",
	"[-]",
	"[+1]",
	"[1e]",
	"[1e+]",
	"[tru]",
	"[truex]",
	"[nul",
	"[\"a]",
	"[\"\\x\"]",
	"[\"\\u12g4\"]",
	"[\"\\u12",
	"[\"\\",
	"[\"a\nb\"]",
	"[']",
	"{\"a\" 1}",
	"{\"a\":1 \"b\":2}",
	"[1}",
};

static void the_scanner_and_the_parser_agree(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(agreed_texts) / sizeof(agreed_texts[0]); i++) {
		size_t n = strlen(agreed_texts[i]);
		char *copy = malloc(n + 1); /* exact, so that a read past the end is seen */
		json_t *tree = json_loadb(agreed_texts[i], n, 0, NULL);

		assert_non_null(copy);
		memcpy(copy, agreed_texts[i], n);
		copy = realloc(copy, n ? n : 1);
		assert_non_null(copy);
		if ((bk_json_check(copy, n, DEPTH, MEMBERS) == 0) != (tree != NULL))
			fail_msg("scanner and jansson differ over '%s'", agreed_texts[i]);
		json_decref(tree);
		free(copy);
	}
}

static void more_than_the_ceiling_is_refused(void **state)
{
	static const struct {
		const char *text;
		int expected;
	} rows[] = {
		{"[[[[]]]]", 0},
		{"[[[[[]]]]]", BK_E_MALFORMED},
		{"{\"a\":{\"a\":{\"a\":{\"a\":1}}}}", 0},
		{"{\"a\":{\"a\":{\"a\":{\"a\":{}}}}}", BK_E_MALFORMED},
		{"[1,2,3,4,5,6]", 0},
		{"[1,2,3,4,5,6,7]", BK_E_MALFORMED},
		{"[[1,2],[3,4]]", 0},
		{"[[1,2],[3,4,5]]", BK_E_MALFORMED},
		{"{\"a\":[1,2,3,4,5]}", 0},
		{"{\"a\":[1,2,3,4,5],\"b\":1}", BK_E_MALFORMED},
		{"[\"{[{[{[,,,,,,,,\"]", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(
			bk_json_check(rows[i].text, strlen(rows[i].text), DEPTH, MEMBERS), rows[i].expected);
}

static void a_flood_of_brackets_or_keys_is_refused_early(void **state)
{
	size_t n = 4u << 20;
	char *text = malloc(n);
	json_t *o = NULL;

	(void)state;
	assert_non_null(text);
	memset(text, '[', n);
	assert_int_equal(bk_json_load(text, n, 8, 64, &o), BK_E_MALFORMED);
	for (size_t i = 0; i + 8 <= n; i += 8)
		memcpy(text + i, i ? "\"k\":123," : "{\"k\":12,", 8);
	assert_int_equal(bk_json_load(text, n, 8, 64, &o), BK_E_MALFORMED);
	assert_null(o);
	free(text);
}

static void loading_refuses_what_objects_of_ours_never_have(void **state)
{
	static const char *const texts[] = {
		"[1]",
		"{\"a\":1,\"a\":2}",
		"{\"a\":1,\"\\u0061\":2}",
		"{\"a\":\"\\u0000\"}",
		"{\"a\":\"\\ud800\"}",
		"{\"a\":\"\xff\"}",
		"{\"a\":\"\xc0\x80\"}",
		"{\"a\":99999999999999999999}",
		"{\"a\":1e999}",
	};
	json_t *o = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(bk_json_load(texts[i], strlen(texts[i]), 8, 64, &o), BK_E_MALFORMED);
	assert_null(o);
	assert_int_equal(bk_json_load("{\"a\":1}", 7, 8, 64, &o), 0);
	json_decref(o);
}

static void a_number_is_found_at_the_top_only(void **state)
{
	static const struct {
		const char *text;
		int expected;
		uint64_t value;
	} rows[] = {
		{"{\"n\":7}", 0, 7},
		{"{\"a\":{\"n\":1},\"n\" : 0 ,\"b\":[{\"n\":2}]}", 0, 0},
		{"{\"n\":9223372036854775807}", 0, INT64_MAX},
		{"{\"n\":9223372036854775808}", BK_E_MALFORMED, 0},
		{"{\"n\":99999999999999999999999999}", BK_E_MALFORMED, 0},
		{"{\"n\":-1}", BK_E_MALFORMED, 0},
		{"{\"n\":1.0}", BK_E_MALFORMED, 0},
		{"{\"n\":1e3}", BK_E_MALFORMED, 0},
		{"{\"n\":\"1\"}", BK_E_MALFORMED, 0},
		{"{\"n\":[1]}", BK_E_MALFORMED, 0},
		{"{\"n\":{\"n\":1}}", BK_E_MALFORMED, 0},
		{"{\"n\":null}", BK_E_MALFORMED, 0},
		{"{\"n\":1,\"n\":1}", BK_E_MALFORMED, 0},
		{"{\"m\":1}", BK_E_MALFORMED, 0},
		{"{\"nn\":1}", BK_E_MALFORMED, 0},
		{"{\"a\":\"n\"}", BK_E_MALFORMED, 0},
		{"[{\"n\":1}]", BK_E_MALFORMED, 0},
		{"{\"n\":1", BK_E_MALFORMED, 0},
		{"{}", BK_E_MALFORMED, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t v = 0;
		int err = bk_json_find_uint(rows[i].text, strlen(rows[i].text), "n", &v);

		if (err != rows[i].expected || v != rows[i].value)
			fail_msg("'%s' gives %s", rows[i].text, bk_error_name(err));
	}
}

static void appending_respects_both_ceilings(void **state)
{
	json_t *o = json_pack("{s:i}", "a", 1);
	struct bk_buf out;

	(void)state;
	bk_buf_init(&out, 11);
	assert_int_equal(bk_json_append(&out, o, 4, 6), BK_E_TOO_BIG);
	assert_int_equal(bk_json_append(&out, o, 4, 7), 0);
	assert_int_equal(out.len, 11);
	assert_memory_equal(bk_buf_head(&out), "\0\0\0\7{\"a\":1}", 11);
	assert_int_equal(bk_json_append(&out, o, 4, 7), BK_E_FULL);
	assert_int_equal(out.len, 11);
	bk_buf_done(&out);
	json_decref(o);
}

static void a_member_is_a_whole_number_in_its_range_or_is_not_there(void **state)
{
	json_t *o = json_loads(
		"{\"n\":-7,\"big\":9223372036854775807,\"real\":5.0,\"word\":\"5\",\"none\":null}", 0, NULL);
	int64_t v = 42;

	(void)state;
	assert_int_equal(bk_json_get_int(o, "absent", 0, 9, &v), 0);
	assert_int_equal(v, 42);
	assert_int_equal(bk_json_get_int(o, "n", -6, 9, &v), BK_E_MALFORMED);
	assert_int_equal(bk_json_get_int(o, "n", -9, -8, &v), BK_E_MALFORMED);
	assert_int_equal(bk_json_get_int(o, "real", 0, 9, &v), BK_E_MALFORMED);
	assert_int_equal(bk_json_get_int(o, "word", 0, 9, &v), BK_E_MALFORMED);
	assert_int_equal(bk_json_get_int(o, "none", 0, 9, &v), BK_E_MALFORMED);
	assert_int_equal(v, 42);
	assert_int_equal(bk_json_get_int(o, "n", -7, -7, &v), 0);
	assert_int_equal(v, -7);
	assert_int_equal(bk_json_get_int(o, "big", 0, INT64_MAX, &v), 0);
	assert_true(v == INT64_MAX);
	json_decref(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_scanner_and_the_parser_agree),
		cmocka_unit_test(more_than_the_ceiling_is_refused),
		cmocka_unit_test(a_flood_of_brackets_or_keys_is_refused_early),
		cmocka_unit_test(loading_refuses_what_objects_of_ours_never_have),
		cmocka_unit_test(a_number_is_found_at_the_top_only),
		cmocka_unit_test(a_member_is_a_whole_number_in_its_range_or_is_not_there),
		cmocka_unit_test(appending_respects_both_ceilings),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

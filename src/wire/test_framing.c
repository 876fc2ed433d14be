/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/framing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/rng.h"
#include "wire/pairs.h"

static const struct bk_frame_limits limits = {.content_max = 1 << 20};

/* What a decoder told, as text: "H5{header}" then content, then "E"; its error at the end. */
struct story {
	char text[4096];
	size_t len;
	int error;
};

static void tell(struct story *s, const void *data, size_t n)
{
	assert_true(s->len + n < sizeof(s->text));
	memcpy(s->text + s->len, data, n);
	s->len += n;
	s->text[s->len] = 0;
}

static void feed(struct bk_frame_decoder *d, struct story *s, const uint8_t *data, size_t len)
{
	char line[32];
	int event;

	while ((event = bk_frame_decode(d, &data, &len)) > BK_FRAME_NONE) {
		if (event == BK_FRAME_HEADER) {
			snprintf(line, sizeof(line), "H%llu", (unsigned long long)d->content_len);
			tell(s, line, strlen(line));
			if (d->framing != BK_FRAMING_LENGTH)
				tell(s, d->header, strlen(d->header));
		} else if (event == BK_FRAME_CONTENT) {
			tell(s, d->piece, d->piece_len);
		} else {
			tell(s, "E", 1);
		}
	}
	s->error = event;
	if (!event)
		assert_int_equal(len, 0);
}

/* cut 0: random pieces. */
static struct story decode(enum bk_framing framing, const void *data, size_t len, size_t cut, uint64_t seed)
{
	struct bk_frame_decoder d;
	struct bk_rng rng = {seed};
	struct story s = {0};

	bk_frame_decoder_init(&d, framing, &limits);
	for (size_t at = 0; at < len && !s.error;) {
		size_t n = cut ? cut : (size_t)bk_rng_range(&rng, 0, 9);
		uint8_t *copy;

		n = n < len - at ? n : len - at;
		copy = malloc(n ? n : 1);
		assert_non_null(copy);
		memcpy(copy, (const uint8_t *)data + at, n);
		feed(&d, &s, copy, n);
		free(copy);
		at += n;
	}
	bk_frame_decoder_done(&d);
	return s;
}

static void every_cut_tells_the_same(
	enum bk_framing framing, const void *data, size_t len, const char *expected)
{
	struct story whole = decode(framing, data, len, len, 0);

	assert_string_equal(whole.text, expected);
	for (uint64_t seed = 0; seed < 200; seed++) {
		struct story cut = decode(framing, data, len, seed < 5 ? (size_t)seed + 1 : 0, seed);

		assert_string_equal(cut.text, whole.text);
		assert_int_equal(cut.error, whole.error);
	}
}

static void length_messages_survive_every_cut(void **state)
{
	static const char stream[] = "\0\0\0\5hello\0\0\0\0\0\0\0\1x\0\0\0\3abc";

	(void)state;
	every_cut_tells_the_same(BK_FRAMING_LENGTH, stream, sizeof(stream) - 1, "H5helloEH0EH1xEH3abcE");
}

static void json_messages_survive_every_cut(void **state)
{
	struct bk_buf out;
	json_t *fields = json_pack("{s:s,s:i}", "path", "a", "content-length", 99);

	(void)state;
	bk_buf_init(&out, 4096);
	assert_int_equal(bk_frame_append_json(&out, fields, "t", NULL, 3), 0);
	assert_int_equal(bk_buf_append(&out, "abc", 3), 0);
	assert_int_equal(bk_frame_append_json(&out, NULL, NULL, "gzip", 0), 0);
	assert_int_equal(bk_buf_append(&out, "\0\x16{\"content-length\": 2 }xy", 26), 0);
	every_cut_tells_the_same(BK_FRAMING_JSON, bk_buf_head(&out), out.len,
		"H3{\"byteorder\":\"little\",\"content-type\":\"t\",\"content-encoding\":\"binary\","
		"\"content-length\":3,\"path\":\"a\"}abcE"
		"H0{\"byteorder\":\"little\",\"content-type\":\"binary\",\"content-encoding\":\"gzip\","
		"\"content-length\":0}E"
		"H2{\"content-length\": 2 }xyE");
	json_decref(fields);
	bk_buf_done(&out);
}

static void key_value_messages_survive_every_cut(void **state)
{
	static const char example[] = "\x11\0CL:7;type:messagecwsdwed";
	struct bk_buf out;

	(void)state;
	bk_buf_init(&out, 4096);
	assert_int_equal(bk_frame_append_key_value(&out, "type:message", 7), 0);
	assert_int_equal(bk_buf_append(&out, "cwsdwed", 7), 0);
	assert_int_equal(out.len, sizeof(example) - 1);
	assert_memory_equal(bk_buf_head(&out), example, out.len);
	assert_int_equal(bk_frame_append_key_value(&out, NULL, 0), 0);
	assert_int_equal(bk_frame_append_key_value(&out, "", 1), 0);
	assert_int_equal(bk_buf_append(&out, "x", 1), 0);
	assert_int_equal(bk_buf_append(&out, "\x0f\0u:a:b;CL:002;e:hi", 19), 0);
	every_cut_tells_the_same(BK_FRAMING_KEY_VALUE, bk_buf_head(&out), out.len,
		"H7CL:7;type:messagecwsdwedEH0CL:0EH1CL:1xEH2u:a:b;CL:002;e:hiE");
	bk_buf_done(&out);
}

static const struct {
	const char *header;
	int expected;
} header_rows[] = {
	{"CL:0", 0},
	{"CL:0;", BK_E_MALFORMED},
	{";CL:0", BK_E_MALFORMED},
	{"CL:0;;a:b", BK_E_MALFORMED},
	{"a:b", BK_E_MALFORMED},
	{"CL:0;CL:0", BK_E_MALFORMED},
	{"CL:0;a:b;CL:0", BK_E_MALFORMED},
	{"cl:0", BK_E_MALFORMED},
	{"CL", BK_E_MALFORMED},
	{"CL:", BK_E_MALFORMED},
	{"CL: 0", BK_E_MALFORMED},
	{"CL:+0", BK_E_MALFORMED},
	{"CL:-1", BK_E_MALFORMED},
	{"CL:0x1", BK_E_MALFORMED},
	{"CL:1048576", 0},
	{"CL:1048577", BK_E_TOO_BIG},
	{"CL:9223372036854775807", BK_E_TOO_BIG},
	{"CL:9223372036854775808", BK_E_MALFORMED},
	{"CL:00000000000000000000", BK_E_MALFORMED},
	{"CL:0;a:b;a:b", 0},
	{"CL:0;a:", 0},
	{"CL:0;:b", BK_E_MALFORMED},
	{"CL:0;a", BK_E_MALFORMED},
	{"CL:0;a::b:", 0},
	{"CL:0;a:\n", BK_E_MALFORMED},
	{"CL:0;a\t:b", BK_E_MALFORMED},
	{"CL:0;a:\x7f", BK_E_MALFORMED},
	{"CL:0;a:\xc2\x85", BK_E_MALFORMED},
	{"CL:0;a:\xc2\xa0", 0},
	{"CL:0;\xe2\x82\xac:\xf0\x9f\x98\x80", 0},
	{"CL:0;a:\xff", BK_E_MALFORMED},
	{"CL:0;a:\xc0\x80", BK_E_MALFORMED},
	{"CL:0;a:\xe0\x80\x80", BK_E_MALFORMED},
	{"CL:0;a:\xed\xa0\x80", BK_E_MALFORMED},
	{"CL:0;a:\xf4\x90\x80\x80", BK_E_MALFORMED},
	{"CL:0;a:\xe2\x82", BK_E_MALFORMED},
};

static void key_value_headers_are_read_strictly(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(header_rows) / sizeof(header_rows[0]); i++) {
		char message[64] = {(char)strlen(header_rows[i].header)};
		size_t n = 2 + strlen(header_rows[i].header);

		strcpy(message + 2, header_rows[i].header);
		if (decode(BK_FRAMING_KEY_VALUE, message, n, n, 0).error != header_rows[i].expected)
			fail_msg("'%s'", header_rows[i].header);
	}
}

static void key_value_headers_have_ceilings(void **state)
{
	char text[2 * BK_PAIRS_VALUE_MAX] = "";
	uint64_t n;

	(void)state;
	memset(text, 'k', BK_PAIRS_KEY_MAX);
	strcpy(text + BK_PAIRS_KEY_MAX, ":;CL:0");
	assert_int_equal(bk_pairs_find_content_len(text, strlen(text), &n), 0);
	memset(text, 'k', BK_PAIRS_KEY_MAX + 1);
	strcpy(text + BK_PAIRS_KEY_MAX + 1, ":;CL:0");
	assert_int_equal(bk_pairs_find_content_len(text, strlen(text), &n), BK_E_MALFORMED);
	memset(text, 'v', sizeof(text));
	memcpy(text, "CL:0;v:", 7);
	assert_int_equal(bk_pairs_find_content_len(text, 7 + BK_PAIRS_VALUE_MAX, &n), 0);
	assert_int_equal(bk_pairs_find_content_len(text, 8 + BK_PAIRS_VALUE_MAX, &n), BK_E_MALFORMED);
	strcpy(text, "CL:0");
	for (int i = 1; i < BK_PAIRS_MAX; i++)
		strcat(text, ";k:");
	assert_int_equal(bk_pairs_find_content_len(text, strlen(text), &n), 0);
	strcat(text, ";k:");
	assert_int_equal(bk_pairs_find_content_len(text, strlen(text), &n), BK_E_MALFORMED);
}

static void key_value_fields_that_are_none_are_not_sent(void **state)
{
	static const char *const rows[] = {"a", ":", "a:b;", ";a:b", "a:\n", "CL:x", "\xff:a"};
	static char big[BK_PAIRS_VALUE_MAX + 10];
	struct bk_buf out;

	(void)state;
	bk_buf_init(&out, 200);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(bk_frame_append_key_value(&out, rows[i], 1), BK_E_INVALID);
	assert_int_equal(bk_frame_append_key_value(&out, NULL, UINT64_MAX), BK_E_INVALID);
	memset(big, 'x', sizeof(big) - 1);
	memcpy(big, "x:", 2);
	assert_int_equal(bk_frame_append_key_value(&out, big, 1), BK_E_FULL);
	assert_int_equal(out.len, 0);
	assert_int_equal(bk_frame_append_key_value(&out, "CL:9;a:b;CL:8", 1), 0);
	assert_int_equal(out.len, 10);
	assert_memory_equal(bk_buf_head(&out), "\x08\0CL:1;a:b", 10);
	bk_buf_done(&out);
}

static void hostile_bytes_get_a_named_error(void **state)
{
#define JSON(len, text) BK_FRAMING_JSON, "\0" len text, sizeof("\0" len text) - 1
#define LENGTH(text)    BK_FRAMING_LENGTH, text, sizeof(text) - 1
	static const struct {
		enum bk_framing framing;
		const char *data;
		size_t len;
		int expected;
	} rows[] = {
		{LENGTH("\0\x10\0\0"), 0},
		{LENGTH("\0\x10\0\1"), BK_E_TOO_BIG},
		{LENGTH("\xff\xff\xff\xff"), BK_E_TOO_BIG},
		{LENGTH("\0\0\0"), 0},
		{JSON("\0", ""), BK_E_MALFORMED},
		{JSON("\2", "{}"), BK_E_MALFORMED},
		{JSON("\2", "[]"), BK_E_MALFORMED},
		{JSON("\4", "null"), BK_E_MALFORMED},
		{JSON("\4", "\xff\xfe\0\0"), BK_E_MALFORMED},
		{JSON("\x13", "{\"content-length\":1"), BK_E_MALFORMED},
		{JSON("\x15", "{\"content-length\":-1}"), BK_E_MALFORMED},
		{JSON("\x16", "{\"content-length\":1.0}"), BK_E_MALFORMED},
		{JSON("\x16", "{\"content-length\":\"1\"}"), BK_E_MALFORMED},
		{JSON("\x17", "{\"content-length\":null}"), BK_E_MALFORMED},
		{JSON("\x27", "{\"content-length\":1,\"content-length\":1}"), BK_E_MALFORMED},
		{JSON("\x1a", "{\"content-length\":1048576}"), 0},
		{JSON("\x1a", "{\"content-length\":1048577}"), BK_E_TOO_BIG},
		{JSON("\x26", "{\"content-length\":9223372036854775808}"), BK_E_MALFORMED},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (size_t cut = 1; cut <= rows[i].len; cut += rows[i].len - 1) {
			struct story s = decode(rows[i].framing, rows[i].data, rows[i].len, cut, 0);

			if (s.error != rows[i].expected)
				fail_msg("row %zu gives %s", i, bk_error_name(s.error));
		}
	}
#undef JSON
#undef LENGTH
}

static void an_error_is_final(void **state)
{
	struct bk_frame_decoder d;
	const uint8_t bad[] = {0xff, 0, 0, 0}, good[] = {0, 0, 0, 0};
	const uint8_t *at = bad;
	size_t n = sizeof(bad);

	(void)state;
	bk_frame_decoder_init(&d, BK_FRAMING_LENGTH, &limits);
	assert_int_equal(bk_frame_decode(&d, &at, &n), BK_E_TOO_BIG);
	at = good;
	n = sizeof(good);
	assert_int_equal(bk_frame_decode(&d, &at, &n), BK_E_TOO_BIG);
	assert_int_equal(n, sizeof(good));
	bk_frame_decoder_done(&d);
}

static void a_header_over_its_ceiling_is_refused_before_it_arrives(void **state)
{
	struct bk_frame_limits small = {.header_max = 32, .content_max = 10};
	struct bk_frame_decoder d;
	const uint8_t data[] = {0, 33};
	const uint8_t *at = data;
	size_t n = sizeof(data);

	(void)state;
	bk_frame_decoder_init(&d, BK_FRAMING_JSON, &small);
	assert_int_equal(bk_frame_decode(&d, &at, &n), BK_E_TOO_BIG);
	assert_null(d.header);
	bk_frame_decoder_done(&d);
}

static void a_header_deeper_or_wider_than_allowed_is_refused(void **state)
{
	static char data[60002];

	(void)state;
	memset(data, '[', sizeof(data));
	memcpy(data, "\xea\x60{\"a\":", 7);
	assert_int_equal(decode(BK_FRAMING_JSON, data, sizeof(data), sizeof(data), 0).error, BK_E_MALFORMED);
	for (size_t i = 8; i + 2 < sizeof(data); i += 2)
		memcpy(data + i, "1,", 2);
	assert_int_equal(decode(BK_FRAMING_JSON, data, sizeof(data), sizeof(data), 0).error, BK_E_MALFORMED);
}

static void content_is_a_view_of_the_input(void **state)
{
	static const uint8_t data[] = "\0\0\0\5hello";
	struct bk_frame_decoder d;
	const uint8_t *at = data;
	size_t n = 9;

	(void)state;
	bk_frame_decoder_init(&d, BK_FRAMING_LENGTH, &limits);
	assert_int_equal(bk_frame_decode(&d, &at, &n), BK_FRAME_HEADER);
	assert_true(bk_frame_is_midway(&d));
	assert_int_equal(bk_frame_decode(&d, &at, &n), BK_FRAME_CONTENT);
	assert_ptr_equal(d.piece, data + 4);
	assert_int_equal(bk_frame_decode(&d, &at, &n), BK_FRAME_END);
	assert_false(bk_frame_is_midway(&d));
	assert_int_equal(bk_frame_decode(&d, &at, &n), BK_FRAME_NONE);
	bk_frame_decoder_done(&d);
}

static void a_cut_stream_is_known_to_be_cut(void **state)
{
	static const uint8_t data[] = "\0\x14{\"content-length\":2}ab";
	size_t len = sizeof(data) - 1;

	(void)state;
	assert_int_equal(len, 24);
	for (size_t cut = 0; cut <= len; cut++) {
		struct bk_frame_decoder d;
		struct story s = {0};

		bk_frame_decoder_init(&d, BK_FRAMING_JSON, &limits);
		feed(&d, &s, data, cut);
		assert_int_equal(s.error, 0);
		assert_int_equal(bk_frame_is_midway(&d), cut > 0 && cut < len);
		bk_frame_decoder_done(&d);
	}
}

static void collecting_gives_whole_messages(void **state)
{
	static const uint8_t data[] = "\0\0\0\5hello\0\0\0\0\0\0\0\2xy\0\0\0\7seven..";
	static const char *const expected[] = {"hello", "", "xy", NULL};
	struct bk_frame_decoder d;
	struct bk_buf content;
	size_t messages = 0;
	int event = 0;

	(void)state;
	bk_frame_decoder_init(&d, BK_FRAMING_LENGTH, &limits);
	bk_buf_init(&content, 6);
	for (size_t i = 0; i < sizeof(data) - 1 && event >= 0; i++) {
		const uint8_t *at = data + i;
		size_t n = 1;

		while ((event = bk_frame_collect(&d, &content, &at, &n)) == BK_FRAME_END) {
			assert_non_null(expected[messages]);
			assert_int_equal(content.len, strlen(expected[messages]));
			if (content.len)
				assert_memory_equal(bk_buf_head(&content), expected[messages], content.len);
			messages++;
		}
	}
	assert_int_equal(messages, 3);
	assert_int_equal(event, BK_E_TOO_BIG);
	bk_buf_done(&content);
	bk_frame_decoder_done(&d);
}

static void appending_over_a_ceiling_changes_nothing(void **state)
{
	static char big[70000];
	json_t *fields = json_object();
	struct bk_buf out;

	(void)state;
	memset(big, 'x', sizeof(big) - 1);
	json_object_set_new(fields, "path", json_string(big));
	bk_buf_init(&out, 8);
	assert_int_equal(bk_frame_append_length(&out, "hello", 5), BK_E_FULL);
	assert_int_equal(bk_frame_append_length(&out, "four", 4), 0);
	assert_int_equal(out.len, 8);
	assert_int_equal(bk_frame_append_json(&out, NULL, NULL, NULL, 1), BK_E_FULL);
	assert_int_equal(bk_frame_append_json(&out, fields, NULL, NULL, 1), BK_E_TOO_BIG);
	assert_int_equal(bk_frame_append_json(&out, NULL, NULL, NULL, UINT64_MAX), BK_E_INVALID);
	assert_int_equal(out.len, 8);
	bk_buf_done(&out);
	json_decref(fields);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(length_messages_survive_every_cut),
		cmocka_unit_test(json_messages_survive_every_cut),
		cmocka_unit_test(key_value_messages_survive_every_cut),
		cmocka_unit_test(key_value_headers_are_read_strictly),
		cmocka_unit_test(key_value_headers_have_ceilings),
		cmocka_unit_test(key_value_fields_that_are_none_are_not_sent),
		cmocka_unit_test(hostile_bytes_get_a_named_error),
		cmocka_unit_test(an_error_is_final),
		cmocka_unit_test(a_header_over_its_ceiling_is_refused_before_it_arrives),
		cmocka_unit_test(a_header_deeper_or_wider_than_allowed_is_refused),
		cmocka_unit_test(content_is_a_view_of_the_input),
		cmocka_unit_test(a_cut_stream_is_known_to_be_cut),
		cmocka_unit_test(collecting_gives_whole_messages),
		cmocka_unit_test(appending_over_a_ceiling_changes_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

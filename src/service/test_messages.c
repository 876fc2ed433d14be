/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "service/test_kit.h"

#define BYTES(s) s, sizeof(s) - 1

/* Two messages of each framing as bytes, and how the book tells them. RAW has no borders. */
static const struct {
	enum bk_framing framing;
	const char *bytes;
	size_t len;
	const char *told;
} streams[] = {
	{BK_FRAMING_LENGTH, BYTES("\0\0\0\5hello\0\0\0\0\0\0\0\2xy"), "[hello][][xy]"},
	{BK_FRAMING_KEY_VALUE, BYTES("\x11\0CL:7;type:messagecwsdwed\x04\0CL:0"),
		"CL:7;type:message|[cwsdwed]CL:0|[]"},
	{BK_FRAMING_JSON,
		BYTES("\0\x2d{\"content-length\":2,\"content-type\":\"text\"}   "
		      "hi\0\x14{\"content-length\":1}x"),
		"{\"content-length\":2,\"content-type\":\"text\"}   |text||[hi]{\"content-length\":1}|||[x]"},
};

enum { STREAMS = sizeof(streams) / sizeof(streams[0]) };

static void expect(struct book *b, const char *text)
{
	kit_until_text(b, text);
	assert_string_equal(b->text, text);
}

static void messages_in_one_write_are_told_one_by_one(void **state)
{
	(void)state;
	for (size_t i = 0; i < STREAMS; i++) {
		struct book *b = kit_begin((struct bk_message_opts){.framing = streams[i].framing});
		int fd = kit_dial(b);
		char text[256];

		kit_write(fd, streams[i].bytes, streams[i].len);
		snprintf(text, sizeof(text), "joined %s", streams[i].told);
		expect(b, text);
		close(fd);
		kit_until_text(b, "left:eof ");
		kit_finish(b);
	}
}

static void messages_a_byte_at_a_time_are_the_same(void **state)
{
	(void)state;
	for (size_t i = 0; i < STREAMS; i++) {
		struct book *b = kit_begin((struct bk_message_opts){.framing = streams[i].framing});
		int fd = kit_dial(b);
		char text[256];

		for (size_t at = 0; at < streams[i].len; at++) {
			kit_write(fd, streams[i].bytes + at, 1);
			kit_turns(b, 2);
		}
		snprintf(text, sizeof(text), "joined %s", streams[i].told);
		expect(b, text);
		close(fd);
		kit_finish(b);
	}
}

static void raw_bytes_come_as_they_are(void **state)
{
	struct book *b = kit_begin((struct bk_message_opts){.framing = BK_FRAMING_RAW});
	int fd = kit_dial(b);

	(void)state;
	kit_write(fd, "abc", 3);
	expect(b, "joined [abc]");
	kit_write(fd, "d", 1);
	expect(b, "joined [abc][d]");
	close(fd);
	kit_finish(b);
}

static void pass_on(struct book *b, struct bk_conn *c, const struct bk_message *m)
{
	(void)b;
	assert_int_equal(bk_conn_send(c, m), 0);
}

static void what_is_sent_has_every_byte_in_its_place(void **state)
{
	static const struct {
		enum bk_framing framing;
		struct bk_message m;
		const char *bytes;
		size_t len;
	} rows[] = {
		{BK_FRAMING_RAW, {.content = "abc", .content_len = 3}, BYTES("abc")},
		{BK_FRAMING_LENGTH, {.content = "hello", .content_len = 5}, BYTES("\0\0\0\5hello")},
		{BK_FRAMING_KEY_VALUE, {.content = "cwsdwed", .content_len = 7, .header = "type:message"},
			BYTES("\x11\0CL:7;type:messagecwsdwed")},
		{BK_FRAMING_KEY_VALUE, {.content = "x", .content_len = 1}, BYTES("\4\0CL:1x")},
		{BK_FRAMING_KEY_VALUE, {.content = "x", .content_len = 1, .header = "a:b;CL:99;c:"},
			BYTES("\x0b\0CL:1;a:b;c:x")},
		{BK_FRAMING_JSON,
			{.content = "x",
				.content_len = 1,
				.content_type = "text/json",
				.header = "{\"a\":1}"},
			BYTES("\0\x66{\"byteorder\":\"little\",\"content-type\":\"text/json\","
			      "\"content-encoding\":\"binary\",\"content-length\":1,\"a\":1}x")},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct book *b = kit_begin((struct bk_message_opts){.framing = rows[i].framing});
		int fd = kit_dial(b);
		char got[256] = "";
		size_t n;

		kit_until_text(b, "joined ");
		assert_int_equal(bk_conn_send(b->conn, &rows[i].m), 0);
		n = kit_read(b, fd, got, rows[i].len);
		assert_int_equal(n, rows[i].len);
		if (memcmp(got, rows[i].bytes, n) != 0)
			fail_msg("row %zu", i);
		close(fd);
		kit_finish(b);
	}
}

static void a_client_and_a_service_understand_each_other(void **state)
{
	static const char *const told[] = {
		[BK_FRAMING_RAW] = "joined [hello]",
		[BK_FRAMING_LENGTH] = "joined [hello]",
		[BK_FRAMING_KEY_VALUE] = "joined CL:5;a:b|[hello]",
		[BK_FRAMING_JSON] =
			"joined {\"byteorder\":\"little\",\"content-type\":\"t\",\"content-encoding\":\"e\","
			"\"content-length\":5,\"a\":\"b\"}|t|e|[hello]",
	};

	(void)state;
	for (enum bk_framing f = BK_FRAMING_RAW; f <= BK_FRAMING_JSON; f++) {
		struct bk_message m = {.content = "hello", .content_len = 5};
		struct book *b = kit_begin((struct bk_message_opts){.framing = f}), *client = kit_beside(b);

		m.header = f == BK_FRAMING_KEY_VALUE ? "a:b" : f == BK_FRAMING_JSON ? "{\"a\":\"b\"}" : NULL;
		m.content_type = f == BK_FRAMING_JSON ? "t" : NULL;
		m.content_encoding = f == BK_FRAMING_JSON ? "e" : NULL;
		b->then_message = pass_on;
		kit_connect(client, b, (struct bk_message_opts){.framing = f});
		assert_int_equal(bk_conn_send(client->conn, &m), 0); /* waits until it is connected */
		kit_until_text(client, "[hello]");
		assert_string_equal(client->text, told[f]);
		assert_string_equal(b->text, told[f]);
		assert_string_equal(bk_conn_peer(client->conn), bk_conn_local(b->conn));
		assert_string_equal(bk_conn_local(client->conn), bk_conn_peer(b->conn));
		bk_conn_close(client->conn);
		kit_until_text(client, "left:done ");
		kit_until_text(b, "left:eof ");
		kit_done(client);
		kit_finish(b);
	}
}

static void hostile_bytes_end_their_connection_with_a_name(void **state)
{
	static const struct {
		enum bk_framing framing;
		const char *bytes;
		size_t len;
		const char *told;
	} rows[] = {
		{BK_FRAMING_LENGTH, BYTES("\0\0\0\x11"), "left:too-big "},
		{BK_FRAMING_LENGTH, BYTES("\xff\xff\xff\xff"), "left:too-big "},
		{BK_FRAMING_LENGTH, BYTES("\0\0\0\5hell"), "left:truncated "},
		{BK_FRAMING_LENGTH, BYTES("\0\0"), "left:truncated "},
		{BK_FRAMING_LENGTH, BYTES(""), "left:eof "},
		{BK_FRAMING_KEY_VALUE, BYTES("\0\0"), "left:malformed "},
		{BK_FRAMING_KEY_VALUE, BYTES("\5\0CL:17"), "left:too-big "},
		{BK_FRAMING_KEY_VALUE, BYTES("\3\0a:b"), "left:malformed "},
		{BK_FRAMING_KEY_VALUE, BYTES("\5\0CL:1;"), "left:malformed "},
		{BK_FRAMING_KEY_VALUE, BYTES("\5\0CL:"), "left:truncated "},
		{BK_FRAMING_JSON, BYTES("\0\2[]"), "left:malformed "},
		{BK_FRAMING_JSON, BYTES("\0\x14{\"content-length\":9}x"), "left:truncated "},
		{BK_FRAMING_JSON, BYTES("\0\x15{\"content-length\":17}"), "left:too-big "},
		{BK_FRAMING_JSON, BYTES("\0\x1a{\"content-length\":0,\"a\":\xff}"), "left:malformed "},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct book *b =
			kit_begin((struct bk_message_opts){.framing = rows[i].framing, .message_max = 16});
		int fd = kit_dial(b);

		if (rows[i].len)
			kit_write(fd, rows[i].bytes, rows[i].len);
		shutdown(fd, SHUT_WR);
		kit_until_count(b, &b->left, 1);
		if (strcmp(b->text + strlen("joined "), rows[i].told) != 0)
			fail_msg("row %zu: %s", i, b->text);
		assert_int_equal(bk_service_count(b->service), 0);
		close(fd);
		kit_finish(b);
	}
}

static void what_cannot_be_sent_is_refused_and_nothing_goes(void **state)
{
	static const char big[100];
	static const struct {
		enum bk_framing framing;
		struct bk_message m;
		int expected;
	} rows[] = {
		{BK_FRAMING_RAW, {.header = "a:b"}, BK_E_INVALID},
		{BK_FRAMING_LENGTH, {.header = "a:b"}, BK_E_INVALID},
		{BK_FRAMING_LENGTH, {.content_len = 1}, BK_E_INVALID},
		{BK_FRAMING_LENGTH, {.content = big, .content_len = 97}, BK_E_TOO_BIG},
		{BK_FRAMING_KEY_VALUE, {.header = "nonsense"}, BK_E_INVALID},
		{BK_FRAMING_KEY_VALUE, {.header = "a:b;"}, BK_E_INVALID},
		{BK_FRAMING_KEY_VALUE, {.header = "a:\n"}, BK_E_INVALID},
		{BK_FRAMING_JSON, {.header = "[]"}, BK_E_INVALID},
		{BK_FRAMING_JSON, {.header = "a:b"}, BK_E_INVALID},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct book *b =
			kit_begin((struct bk_message_opts){.framing = rows[i].framing, .queue_max = 100});
		int fd = kit_dial(b);

		kit_until_text(b, "joined ");
		assert_int_equal(bk_conn_send(b->conn, &rows[i].m), rows[i].expected);
		assert_int_equal(bk_service_broadcast(b->service, &rows[i].m, NULL), rows[i].expected);
		bk_conn_close(b->conn);
		assert_int_equal(kit_read(b, fd, NULL, 0), 0);
		close(fd);
		kit_finish(b);
	}
}

static void a_large_message_arrives_whole(void **state)
{
	enum { LARGE = 5 << 20 };
	struct bk_message_opts opts = {
		.framing = BK_FRAMING_KEY_VALUE, .message_max = LARGE, .queue_max = LARGE + 100};
	struct book *b = kit_begin(opts), *client = kit_beside(b);
	struct bk_message m = {.content_len = LARGE};
	char *content = malloc(LARGE);

	(void)state;
	assert_non_null(content);
	memset(content, 'x', LARGE);
	m.content = content;
	kit_connect(client, b, opts);
	assert_int_equal(bk_conn_send(client->conn, &m), 0);
	kit_until_count(b, &b->messages, 1);
	assert_int_equal(b->bytes, LARGE);
	free(content);
	kit_done(client);
	kit_finish(b);
}

static void the_replies_to_a_peer_that_only_stopped_sending_reach_it(void **state)
{
	struct book *b = kit_begin((struct bk_message_opts){.framing = BK_FRAMING_LENGTH});
	int fd = kit_dial(b);
	char got[16];

	(void)state;
	b->then_message = pass_on;
	kit_write(fd, "\0\0\0\1a\0\0\0\1b", 10);
	shutdown(fd, SHUT_WR);
	assert_int_equal(kit_read(b, fd, got, 10), 10);
	assert_memory_equal(got, "\0\0\0\1a\0\0\0\1b", 10);
	assert_int_equal(kit_read(b, fd, NULL, 0), 0);
	kit_until_text(b, "left:eof ");
	close(fd);
	kit_finish(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_in_one_write_are_told_one_by_one),
		cmocka_unit_test(messages_a_byte_at_a_time_are_the_same),
		cmocka_unit_test(raw_bytes_come_as_they_are),
		cmocka_unit_test(what_is_sent_has_every_byte_in_its_place),
		cmocka_unit_test(a_client_and_a_service_understand_each_other),
		cmocka_unit_test(hostile_bytes_end_their_connection_with_a_name),
		cmocka_unit_test(what_cannot_be_sent_is_refused_and_nothing_goes),
		cmocka_unit_test(a_large_message_arrives_whole),
		cmocka_unit_test(the_replies_to_a_peer_that_only_stopped_sending_reach_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

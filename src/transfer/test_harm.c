/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <sys/stat.h>

#include "base/error.h"
#include "transfer/test_ends.h"
#include "transfer/test_fake.h"
#include "transfer/test_kit.h"

static const struct bk_recv_opts usual;

static void add_raw(struct bk_buf *b, const char *header_fields, const char *content)
{
	char header[512];
	int n = snprintf(
		header, sizeof(header), "{%s,\"content-length\":%zu}", header_fields, strlen(content));
	const uint8_t prefix[2] = {(uint8_t)(n >> 8), (uint8_t)n};

	assert_int_equal(bk_buf_append(b, prefix, 2), 0);
	assert_int_equal(bk_buf_append(b, header, (size_t)n), 0);
	assert_int_equal(bk_buf_append(b, content, strlen(content)), 0);
}

#define OFFER(entries)                                                                                       \
	{                                                                                                    \
		"\"type\":\"offer\",\"entries\":1,\"bytes\":1", "{\"entries\":[" entries "]}"                \
	}
#define FIVE OFFER("{\"path\":\"a\",\"size\":5,\"kind\":\"file\"}")
#define IN_FOLDER                                                                                            \
	OFFER("{\"path\":\"d\",\"size\":0,\"kind\":\"folder\"},"                                             \
	      "{\"path\":\"d/x\",\"size\":5,\"kind\":\"file\"}")
#define LINK(target)                                                                                         \
	OFFER("{\"path\":\"d\",\"size\":0,\"kind\":\"folder\"},"                                             \
	      "{\"path\":\"d/x\",\"size\":5,\"kind\":\"file\"},"                                             \
	      "{\"path\":\"d/y\",\"size\":0,\"kind\":\"link\",\"target\":\"" target "\"}")
#define DIGEST(n, hex)                                                                                       \
	{                                                                                                    \
		"\"type\":\"digest\",\"entry\":" #n ",\"xxh3_128\":\"" hex "\"", ""                          \
	}
#define CONTENT(n, at, bytes)                                                                                \
	{                                                                                                    \
		"\"type\":\"content\",\"entry\":" #n ",\"offset\":" #at, bytes                               \
	}
#define PIECES(n)                                                                                            \
	{                                                                                                    \
		"\"type\":\"offer\",\"version\":2,\"more\":1,\"bytes\":5,\"entries\":" n, "{}"               \
	}
#define PIECE(more, entries)                                                                                 \
	{                                                                                                    \
		"\"type\":\"entries\"" more, "{\"entries\":[" entries "]}"                                   \
	}
#define ONE(path) "{\"path\":\"" path "\",\"size\":5,\"kind\":\"file\"}"
#define HOLE(n)                                                                                              \
	{                                                                                                    \
		"\"type\":\"content\",\"entry\":0,\"offset\":0,\"hole\":" #n, ""                             \
	}
#define WRONG "00000000000000000000000000000000"

struct line {
	const char *header, *content;
};

static const struct attack {
	const char *name;
	struct line lines[4];
	int want;
} attacks[] = {
	{"up", {OFFER("{\"path\":\"../x\",\"size\":5,\"kind\":\"file\"}")}, BK_E_UNSAFE_PATH},
	{"absolute", {OFFER("{\"path\":\"/tmp/x\",\"size\":5,\"kind\":\"file\"}")}, BK_E_UNSAFE_PATH},
	{"a device", {OFFER("{\"path\":\"x\",\"size\":5,\"kind\":\"device\"}")}, BK_E_UNSUPPORTED},
	{"a link in no folder", {OFFER("{\"path\":\"x\",\"size\":0,\"kind\":\"link\",\"target\":\"/\"}")},
		BK_E_UNSAFE_PATH},
	{"a link that leads out", {LINK("../../x")}, BK_E_UNSAFE_PATH},
	{"a link to the root", {LINK("/")}, BK_E_UNSAFE_PATH},
	{"a link to nothing", {LINK("none")}, BK_E_UNSAFE_PATH},
	{"content of a link", {LINK("x"), CONTENT(2, 0, "hello")}, BK_E_PROTOCOL},
	{"digest of a link", {LINK("x"), DIGEST(2, WRONG)}, BK_E_PROTOCOL},
	{"gone before a link is made", {LINK("x"), CONTENT(1, 0, "hel")}, BK_E_PEER_VANISHED},
	{"sized stream", {OFFER("{\"path\":\"x\",\"size\":5,\"kind\":\"stream\"}")}, BK_E_MALFORMED},
	{"stream in a folder", {OFFER("{\"path\":\"d/x\",\"size\":0,\"kind\":\"stream\"}")}, BK_E_MALFORMED},
	{"endless", {OFFER("{\"path\":\"x\",\"size\":0,\"kind\":\"stream\"}"), CONTENT(0, 0, "hello")},
		BK_E_PEER_VANISHED},
	{"in no folder", {OFFER("{\"path\":\"d/x\",\"size\":5,\"kind\":\"file\"}")}, BK_E_MALFORMED},
	{"content of a folder", {IN_FOLDER, CONTENT(0, 0, "hello")}, BK_E_PROTOCOL},
	{"digest of a folder", {IN_FOLDER, DIGEST(0, WRONG)}, BK_E_PROTOCOL},
	{"gone in a folder", {IN_FOLDER, CONTENT(1, 0, "hel")}, BK_E_PEER_VANISHED},
	{"huge", {OFFER("{\"path\":\"x\",\"size\":9223372036854775807,\"kind\":\"file\"}")}, BK_E_NO_SPACE},
	{"content first", {CONTENT(0, 0, "hello")}, BK_E_PROTOCOL},
	{"accept", {{"\"type\":\"accept\"", "{\"entries\":[]}"}}, BK_E_PROTOCOL},
	{"done first", {{"\"type\":\"done\",\"entries\":0,\"bytes\":0,\"xxh3_128\":\"" WRONG "\"", ""}},
		BK_E_PROTOCOL},
	{"two offers", {FIVE, FIVE}, BK_E_PROTOCOL},
	{"too much", {FIVE, CONTENT(0, 0, "hello!")}, BK_E_TOO_BIG},
	{"too much later", {FIVE, CONTENT(0, 0, "hello"), CONTENT(0, 5, "!")}, BK_E_TOO_BIG},
	{"too little", {FIVE, CONTENT(0, 0, "hell"), DIGEST(0, WRONG)}, BK_E_PROTOCOL},
	{"no such entry", {FIVE, CONTENT(1, 0, "hello")}, BK_E_PROTOCOL},
	{"digest of another", {FIVE, CONTENT(0, 0, "hello"), DIGEST(7, WRONG)}, BK_E_PROTOCOL},
	{"a gap", {FIVE, CONTENT(0, 2, "llo")}, BK_E_PROTOCOL},
	{"a piece before an offer", {PIECE("", ONE("x"))}, BK_E_PROTOCOL},
	{"a piece after an offer", {FIVE, PIECE("", ONE("y"))}, BK_E_PROTOCOL},
	{"content between two pieces", {PIECES("2"), PIECE(",\"more\":1", ONE("x")), CONTENT(0, 0, "hello")},
		BK_E_PROTOCOL},
	{"an offer between two pieces", {PIECES("2"), PIECE(",\"more\":1", ONE("x")), FIVE}, BK_E_PROTOCOL},
	{"more than was announced", {PIECES("1"), PIECE("", ONE("x") "," ONE("y"))}, BK_E_MALFORMED},
	{"less than was announced", {PIECES("3"), PIECE("", ONE("x") "," ONE("y"))}, BK_E_MALFORMED},
	{"nothing was announced", {PIECES("0"), PIECE("", ONE("x"))}, BK_E_MALFORMED},
	{"more than there may be", {PIECES("4294967295")}, BK_E_TOO_BIG},
	{"a twin in another piece", {PIECES("2"), PIECE(",\"more\":1", ONE("x")), PIECE("", ONE("x"))},
		BK_E_MALFORMED},
	{"gone between two pieces", {PIECES("2"), PIECE(",\"more\":1", ONE("x"))}, BK_E_PEER_VANISHED},
	{"a hole beyond the end", {FIVE, HOLE(6)}, BK_E_TOO_BIG},
	{"a hole and too much", {FIVE, HOLE(5), CONTENT(0, 5, "!")}, BK_E_TOO_BIG},
	{"a hole that is none", {FIVE, HOLE(5), DIGEST(0, WRONG)}, BK_E_DIGEST},
	{"a hole in a stream", {OFFER("{\"path\":\"x\",\"size\":0,\"kind\":\"stream\"}"), HOLE(4194304)},
		BK_E_PROTOCOL},
	{"a hole beyond numbers", {FIVE, HOLE(9223372036854775807)}, BK_E_TOO_BIG},
	{"backwards", {FIVE, CONTENT(0, 0, "hel"), CONTENT(0, 1, "el")}, BK_E_PROTOCOL},
	{"wrong digest", {FIVE, CONTENT(0, 0, "hello"), DIGEST(0, WRONG)}, BK_E_DIGEST},
	{"no header", {{"\"nothing\":1", ""}}, BK_E_MALFORMED},
	{"it gives up",
		{FIVE, CONTENT(0, 0, "hel"), {"\"type\":\"error\",\"code\":\"io\",\"text\":\"disk\"", ""}},
		BK_E_IO},
	{"it is gone", {FIVE, CONTENT(0, 0, "hel")}, BK_E_PEER_VANISHED},
};

static void a_hostile_sender_gets_a_named_error_and_leaves_nothing(void **state)
{
	struct ends *st = *state;

	for (size_t i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++) {
		struct bk_buf script;
		/* what came of a stream, and the journal */
		int left = strcmp(attacks[i].name, "endless") ? 0 : 2;

		bk_buf_init(&script, 1 << 16);
		for (size_t k = 0; k < 4 && attacks[i].lines[k].header; k++)
			add_raw(&script, attacks[i].lines[k].header, attacks[i].lines[k].content);
		bk_fake_reset(&script);
		bk_fake_end_with(BK_E_PEER_VANISHED);
		st->recv = (struct ends_side){.loop = st->loop, .running = &st->running};
		ends_start_recv(st, &usual);
		assert_int_equal(bk_loop_run(st->loop), 0);
		if (st->recv.error != attacks[i].want || kit_count(st->out) != left ||
			kit_count(st->root) != 2)
			fail_msg("%s: %s, '%s', %d files", attacks[i].name, bk_error_name(st->recv.error),
				st->recv.text, kit_count(st->out));
		bk_recv_free(st->recv.recv);
		st->recv.recv = NULL;
		kit_remove(st->out);
		assert_int_equal(mkdir(st->out, 0700), 0);
		bk_buf_done(&script);
	}
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, ends_set_up, ends_tear_down)
	const struct CMUnitTest tests[] = {
		T(a_hostile_sender_gets_a_named_error_and_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

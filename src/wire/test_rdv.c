/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/rdv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

static const struct bk_rdv_msg plain_hello = {.type = BK_RDV_CLIENT_HELLO,
	.client_id = "12ab34cd",
	.nat_type = "Restric Port NAT",
	.private_ip = "10.1.0.2",
	.private_port = 40000};

static void append_text(const struct bk_rdv_msg *m, struct bk_buf *out, char *text, size_t size)
{
	size_t n;

	bk_buf_init(out, BK_RDV_MESSAGE_MAX + 4);
	assert_int_equal(bk_rdv_append(out, m), 0);
	n = (size_t)bk_buf_head(out)[2] << 8 | bk_buf_head(out)[3];
	assert_int_equal(out->len, n + 4);
	assert_true(n < size);
	memcpy(text, bk_buf_head(out) + 4, n);
	text[n] = 0;
}

static uint8_t hi[] = "hi!";

static const struct {
	struct bk_rdv_msg m;
	const char *text;
} documented_rows[] = {
	{{.type = BK_RDV_CLIENT_HELLO,
		 .client_id = "a",
		 .nat_type = "Full Cone",
		 .private_ip = "10.0.0.1",
		 .private_port = 65535},
		"{\"type\":\"ClientHelloMessage\",\"client_id\":\"a\",\"nat_type\":\"Full Cone\","
		"\"private_ip\":\"10.0.0.1\",\"private_port\":65535,\"peer_id\":null}"},
	{{.type = BK_RDV_SERVER_HELLO, .client_id = "a", .public_ip = "192.0.2.1", .public_port = 7},
		"{\"type\":\"ServerHelloMessage\",\"client_id\":\"a\",\"public_ip\":\"192.0.2.1\","
		"\"public_port\":7}"},
	{{.type = BK_RDV_SERVER_REFUSE, .client_id = "a", .content = "no"},
		"{\"type\":\"ServerRefuseMessage\",\"client_id\":\"a\",\"content\":\"no\"}"},
	{{.type = BK_RDV_PEER_NOT_FOUND, .peer_id = "b"},
		"{\"type\":\"PeerNotFoundMessage\",\"peer_id\":\"b\"}"},
	{{.type = BK_RDV_PEER_INFO, .action = "Listen", .peer = {"b", "unknown", "192.0.2.2", 9}},
		"{\"type\":\"PeerInfoMessage\",\"action\":\"Listen\",\"peer\":{\"client_id\":\"b\","
		"\"nat_type\":\"unknown\",\"public_ip\":\"192.0.2.2\",\"public_port\":9}}"},
	{{.type = BK_RDV_PEER_PORT, .client_id = "a", .port = 1},
		"{\"type\":\"PeerPortMessage\",\"client_id\":\"a\",\"port\":1}"},
	{{.type = BK_RDV_CLIENT_PING, .number = INT64_MAX},
		"{\"type\":\"ClientPingMessage\",\"number\":9223372036854775807}"},
	{{.type = BK_RDV_CLIENT_ALLOCATE, .body = hi, .body_len = 3},
		"{\"type\":\"ClientAllocateMessage\",\"body\":\"aGkh\"}"},
	{{.type = BK_RDV_CLIENT_ALLOCATE, .nameplate = 7, .secret = {0xab}, .body = hi, .body_len = 3},
		"{\"type\":\"ClientAllocateMessage\",\"nameplate\":7,\"secret\":"
		"\"ab000000000000000000000000"
		"00000000000000000000000000000000000000\",\"body\":\"aGkh\"}"},
	{{.type = BK_RDV_CLIENT_RELEASE}, "{\"type\":\"ClientReleaseMessage\"}"},
	{{.type = BK_RDV_CLIENT_REJOIN, .secret = {0xcd, 2}, .side = 1, .number = 5, .asks = 1},
		"{\"type\":\"ClientRejoinMessage\",\"secret\":"
		"\"cd02000000000000000000000000000000000000000000000000000000000000\","
		"\"side\":1,\"number\":5,\"asks\":1}"},
	{{.type = BK_RDV_SERVER_CLAIMED, .nameplate = 7, .relay_token = {0xab, 1}},
		"{\"type\":\"ServerClaimedMessage\",\"nameplate\":7,\"relay_token\":"
		"\"ab01000000000000000000000000000000000000000000000000000000000000\"}"},
};

static void messages_go_out_as_documented(void **state)
{

	(void)state;
	for (size_t i = 0; i < sizeof(documented_rows) / sizeof(documented_rows[0]); i++) {
		struct bk_buf out;
		char text[1024];

		append_text(&documented_rows[i].m, &out, text, sizeof(text));
		assert_string_equal(text, documented_rows[i].text);
		bk_buf_done(&out);
	}
}

static void every_type_survives_the_round_trip(void **state)
{
	struct bk_rdv_msg m = plain_hello;
	uint8_t body[] = {0, 255, 1, 2};

	(void)state;
	snprintf(m.peer_id, sizeof(m.peer_id), "peer");
	snprintf(m.public_ip, sizeof(m.public_ip), "2001:db8::1");
	snprintf(m.alt_ip, sizeof(m.alt_ip), "192.0.2.9");
	snprintf(m.server_ip, sizeof(m.server_ip), "192.0.2.8");
	snprintf(m.action, sizeof(m.action), "TryAndListen");
	snprintf(m.content, sizeof(m.content), "caf\xc3\xa9 \"quoted\"");
	snprintf(m.code, sizeof(m.code), "id-in-use");
	snprintf(m.token, sizeof(m.token), "secret");
	snprintf(m.same_address, sizeof(m.same_address), "yes");
	snprintf(m.other_address, sizeof(m.other_address), "untested");
	m.peer = (struct bk_rdv_peer){"x", "Full Cone", "192.0.2.7", 65535};
	m.public_port = m.alt_port = m.server_port = m.port = 15005;
	m.version = m.ping_ms = m.nameplate = UINT32_MAX;
	m.number = 1;
	m.time = INT64_MAX;
	memset(m.nonce, 0x5a, sizeof(m.nonce));
	memset(m.relay_token, 0xa5, sizeof(m.relay_token));
	memset(m.secret, 0x3c, sizeof(m.secret));
	m.side = m.asks = 1;
	m.body = body;
	m.body_len = sizeof(body);
	for (int t = BK_RDV_UNKNOWN + 1; t < BK_RDV_TYPES; t++) {
		struct bk_rdv_msg back;
		struct bk_buf out, again;
		char text[2048], text2[2048];

		m.type = (enum bk_rdv_type)t;
		append_text(&m, &out, text, sizeof(text));
		assert_int_equal(bk_rdv_decode(text, strlen(text), &back), 0);
		assert_int_equal(back.type, t);
		append_text(&back, &again, text2, sizeof(text2));
		assert_string_equal(text2, text);
		bk_rdv_done(&back);
		bk_buf_done(&out);
		bk_buf_done(&again);
	}
}

/* As Python's json.dumps writes them: spaces behind the separators, type not first, null where there is
 * none. */
static void what_the_old_tools_send_is_read(void **state)
{
	static const char hello[] =
		"{\"client_id\": \"0a1b2c3d\", \"nat_type\": \"Restric NAT\", \"private_ip\": "
		"\"192.168.1.5\", "
		"\"private_port\": 50123, \"peer_id\": null, \"type\": \"ClientHelloMessage\"}";
	static const char info[] =
		"{\"type\": \"PeerInfoMessage\", \"action\": null, \"peer\": {\"client_id\": \"caf\\u00e9\", "
		"\"nat_type\": \"Symmetric NAT\", \"public_ip\": \"203.0.113.10\", \"public_port\": 1024, "
		"\"extra\": [1, 2.5, {\"x\": null}]}, \"extra\": true}";
	struct bk_rdv_msg m;

	(void)state;
	assert_int_equal(bk_rdv_decode(hello, sizeof(hello) - 1, &m), 0);
	assert_int_equal(m.type, BK_RDV_CLIENT_HELLO);
	assert_string_equal(m.client_id, "0a1b2c3d");
	assert_string_equal(m.nat_type, "Restric NAT");
	assert_string_equal(m.peer_id, "");
	assert_int_equal(m.private_port, 50123);
	assert_int_equal(m.version, 0);
	bk_rdv_done(&m);
	assert_int_equal(bk_rdv_decode(info, sizeof(info) - 1, &m), 0);
	assert_string_equal(m.action, "");
	assert_string_equal(m.peer.client_id, "caf\xc3\xa9");
	assert_int_equal(m.peer.public_port, 1024);
	bk_rdv_done(&m);
}

static void unknown_types_are_told_as_unknown(void **state)
{
	static const char *const texts[] = {"{\"type\":\"RoomJoinMessage\",\"client_id\":5}",
		"{\"type\":\"\"}", "{\"type\":\"unknown\"}"};
	struct bk_rdv_msg m;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(bk_rdv_decode(texts[i], strlen(texts[i]), &m), 0);
		assert_int_equal(m.type, BK_RDV_UNKNOWN);
		bk_rdv_done(&m);
	}
}

#define HELLO(id, nat, ip, port, peer)                                                                       \
	"{\"type\":\"ClientHelloMessage\",\"client_id\":" id ",\"nat_type\":" nat ",\"private_ip\":" ip      \
	",\"private_port\":" port ",\"peer_id\":" peer "}"
#define Z32 "00000000000000000000000000000000"
#define REJOIN(secret, side, number)                                                                         \
	"{\"type\":\"ClientRejoinMessage\",\"secret\":" secret ",\"side\":" side ",\"number\":" number "}"

static const struct {
	const char *text;
	int expected;
} malformed_rows[] = {
	{HELLO("\"a\"", "\"\"", "\"\"", "0", "\"b\""), 0},
	{HELLO("\"\"", "\"\"", "\"\"", "0", "null"), BK_E_MALFORMED},
	{HELLO("null", "\"\"", "\"\"", "0", "null"), BK_E_MALFORMED},
	{HELLO("7", "\"\"", "\"\"", "0", "null"), BK_E_MALFORMED},
	{HELLO("\"a\\nb\"", "\"\"", "\"\"", "0", "null"), BK_E_MALFORMED},
	{HELLO("\"a\\u0000b\"", "\"\"", "\"\"", "0", "null"), BK_E_MALFORMED},
	{HELLO("\"a\\u202eb\"", "\"\"", "\"\"", "0", "null"), BK_E_MALFORMED},
	{HELLO("\"a\\ud800b\"", "\"\"", "\"\"", "0", "null"), BK_E_MALFORMED},
	{HELLO("\"a\xff\"", "\"\"", "\"\"", "0", "null"), BK_E_MALFORMED},
	{HELLO("\"a\"", "{}", "\"\"", "0", "null"), BK_E_MALFORMED},
	{HELLO("\"a\"", "\"\"", "\"\"", "65535", "null"), 0},
	{HELLO("\"a\"", "\"\"", "\"\"", "65536", "null"), BK_E_MALFORMED},
	{HELLO("\"a\"", "\"\"", "\"\"", "-1", "null"), BK_E_MALFORMED},
	{HELLO("\"a\"", "\"\"", "\"\"", "1.0", "null"), BK_E_MALFORMED},
	{HELLO("\"a\"", "\"\"", "\"\"", "\"1\"", "null"), BK_E_MALFORMED},
	{HELLO("\"a\"", "\"\"", "\"\"", "true", "null"), BK_E_MALFORMED},
	{HELLO("\"a\"", "\"\"", "\"\"", "1e99", "null"), BK_E_MALFORMED},
	{HELLO("\"a\"", "\"\"", "\"\"", "99999999999999999999", "null"), BK_E_MALFORMED},
	{HELLO("\"a\"", "\"\"", "\"\"", "0", "5"), BK_E_MALFORMED},
	{HELLO("\"a\",\"client_id\":\"b\"", "\"\"", "\"\"", "0", "null"), BK_E_MALFORMED},
	{"{\"type\":\"ClientHelloMessage\"}", BK_E_MALFORMED},
	{"{\"type\":7}", BK_E_MALFORMED},
	{"{\"client_id\":\"a\"}", BK_E_MALFORMED},
	{"{}", BK_E_MALFORMED},
	{"[]", BK_E_MALFORMED},
	{"", BK_E_MALFORMED},
	{"{\"type\":\"ClientReleaseMessage\"}x", BK_E_MALFORMED},
	{"{\"type\":\"PeerInfoMessage\",\"action\":null}", BK_E_MALFORMED},
	{"{\"type\":\"PeerInfoMessage\",\"action\":null,\"peer\":[]}", BK_E_MALFORMED},
	{"{\"type\":\"PeerInfoMessage\",\"action\":null,\"peer\":{\"client_id\":\"a\"}}", BK_E_MALFORMED},
	{"{\"type\":\"ClientPingMessage\",\"number\":-1}", BK_E_MALFORMED},
	{"{\"type\":\"ClientClaimMessage\",\"nameplate\":4294967296}", BK_E_MALFORMED},
	{"{\"type\":\"ClientClaimMessage\",\"nameplate\":4294967295}", 0},
	{"{\"type\":\"ClientProbeMessage\",\"nonce\":\"" Z32 Z32 "\"}", 0},
	{"{\"type\":\"ClientProbeMessage\",\"nonce\":\"" Z32 Z32 "0\"}", BK_E_MALFORMED},
	{"{\"type\":\"ClientProbeMessage\",\"nonce\":\"" Z32 "\"}", BK_E_MALFORMED},
	{"{\"type\":\"ClientProbeMessage\",\"nonce\":\"g" Z32 "0000000000000000000000000000000\"}",
		BK_E_MALFORMED},
	{REJOIN("\"" Z32 Z32 "\"", "7", "1"), 0},
	{REJOIN("\"" Z32 Z32 "\"", "-1", "1"), BK_E_MALFORMED},
	{REJOIN("\"" Z32 Z32 "\"", "4294967296", "1"), BK_E_MALFORMED},
	{REJOIN("\"" Z32 Z32 "\"", "\"0\"", "1"), BK_E_MALFORMED},
	{REJOIN("\"" Z32 "\"", "0", "1"), BK_E_MALFORMED},
	{REJOIN("null", "0", "1"), BK_E_MALFORMED},
	{REJOIN("\"" Z32 Z32 "\",\"relay_token\":\"00\"", "0", "1"), BK_E_MALFORMED},
	{REJOIN("\"" Z32 Z32 "\"", "0", "null"), BK_E_MALFORMED},
	{"{\"type\":\"ClientMailMessage\",\"body\":\"\"}", 0},
	{"{\"type\":\"ClientMailMessage\",\"body\":\"aGk=\"}", 0},
	{"{\"type\":\"ClientMailMessage\",\"body\":\"aGk\"}", BK_E_MALFORMED},
	{"{\"type\":\"ClientMailMessage\",\"body\":\"aGl=\"}", BK_E_MALFORMED},
	{"{\"type\":\"ClientMailMessage\",\"body\":\"a=k=\"}", BK_E_MALFORMED},
	{"{\"type\":\"ClientMailMessage\",\"body\":\"a-k=\"}", BK_E_MALFORMED},
	{"{\"type\":\"ClientMailMessage\",\"body\":\"aG k\"}", BK_E_MALFORMED},
	{"{\"type\":\"ClientMailMessage\",\"body\":\"====\"}", BK_E_MALFORMED},
	{"{\"type\":\"ClientMailMessage\",\"body\":null}", BK_E_MALFORMED},
};

static void messages_of_the_wrong_form_are_malformed(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(malformed_rows) / sizeof(malformed_rows[0]); i++) {
		struct bk_rdv_msg m = {.client_id = "untouched"};
		int err = bk_rdv_decode(malformed_rows[i].text, strlen(malformed_rows[i].text), &m);

		if (err != malformed_rows[i].expected)
			fail_msg("'%s' gives %s", malformed_rows[i].text, bk_error_name(err));
		if (err)
			assert_string_equal(m.client_id, "untouched");
		else
			bk_rdv_done(&m);
	}
}

static void strings_end_at_their_ceiling(void **state)
{
	char id[BK_RDV_ID_MAX + 2], text[512];
	struct bk_rdv_msg m;

	(void)state;
	for (size_t n = BK_RDV_ID_MAX; n <= BK_RDV_ID_MAX + 1; n++) {
		memset(id, 'x', n);
		id[n] = 0;
		snprintf(text, sizeof(text), "{\"type\":\"PeerPortMessage\",\"client_id\":\"%s\",\"port\":1}",
			id);
		assert_int_equal(
			bk_rdv_decode(text, strlen(text), &m), n > BK_RDV_ID_MAX ? BK_E_MALFORMED : 0);
	}
	assert_string_equal(m.client_id, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
}

static void a_body_ends_at_its_ceiling(void **state)
{
	uint8_t *body = calloc(1, BK_RDV_BODY_MAX + 1);
	struct bk_rdv_msg m = {.type = BK_RDV_CLIENT_MAIL, .body = body, .body_len = BK_RDV_BODY_MAX + 1};
	struct bk_rdv_msg back;
	struct bk_buf out;

	(void)state;
	assert_non_null(body);
	bk_buf_init(&out, BK_RDV_MESSAGE_MAX + 4);
	assert_int_equal(bk_rdv_append(&out, &m), BK_E_TOO_BIG);
	m.body_len--;
	assert_int_equal(bk_rdv_append(&out, &m), 0);
	assert_int_equal(bk_rdv_decode(bk_buf_head(&out) + 4, out.len - 4, &back), 0);
	assert_int_equal(back.body_len, BK_RDV_BODY_MAX);
	bk_rdv_done(&back);
	/* 65536 is one more than a multiple of 3, so "==" ends it; two more digits make it 65538 bytes. */
	memcpy(bk_buf_head(&out) + out.len - 4, "AA\"}", 4);
	assert_int_equal(bk_rdv_decode(bk_buf_head(&out) + 4, out.len - 4, &back), BK_E_MALFORMED);
	bk_buf_done(&out);
	free(body);
}

static void text_for_people_is_cleaned_not_refused(void **state)
{
	static const char text[] = "{\"type\":\"ServerStopMessage\",\"content\":\"bye\\n\\u001b[2J\\u202e\"}";
	struct bk_rdv_msg m;

	(void)state;
	assert_int_equal(bk_rdv_decode(text, sizeof(text) - 1, &m), 0);
	assert_string_equal(m.content, "bye??[2J?");
	bk_rdv_done(&m);
}

static void too_deep_too_wide_or_too_long_builds_nothing(void **state)
{
	static const struct {
		const char *start;
		int expected;
	} rows[] = {
		{"{\"type\":\"ClientReleaseMessage\",\"a\":[[[[[[[]]]]]]]}", 0},
		{"{\"type\":\"ClientReleaseMessage\",\"a\":[[[[[[[[]]]]]]]]}", BK_E_MALFORMED},
	};
	size_t n = BK_RDV_MESSAGE_MAX + 1;
	char *text = malloc(n);
	struct bk_rdv_msg m;

	(void)state;
	assert_non_null(text);
	memset(text, '[', n);
	assert_int_equal(bk_rdv_decode(text, n, &m), BK_E_TOO_BIG);
	assert_int_equal(bk_rdv_decode(text, n - 1, &m), BK_E_MALFORMED);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memset(text, ' ', n);
		memcpy(text, rows[i].start, strlen(rows[i].start));
		assert_int_equal(bk_rdv_decode(text, n - 1, &m), rows[i].expected);
	}
	free(text);
}

static void what_cannot_be_sent_is_an_error_and_sends_nothing(void **state)
{
	static const struct {
		struct bk_rdv_msg m;
		int expected;
	} rows[] = {
		{{.type = BK_RDV_UNKNOWN}, BK_E_INVALID},
		{{.type = BK_RDV_TYPES}, BK_E_INVALID},
		{{.type = BK_RDV_CLIENT_PING, .number = UINT64_MAX}, BK_E_INVALID},
		{{.type = BK_RDV_SERVER_PONG, .time = -1}, BK_E_INVALID},
		{{.type = BK_RDV_SERVER_STOP, .content = "\xff"}, BK_E_INVALID},
		{{.type = BK_RDV_SERVER_STOP, .content = "too long for the buffer"}, BK_E_FULL},
	};
	struct bk_buf out;

	(void)state;
	bk_buf_init(&out, 32);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(bk_rdv_append(&out, &rows[i].m), rows[i].expected);
		assert_int_equal(out.len, 0);
	}
	bk_buf_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_go_out_as_documented),
		cmocka_unit_test(every_type_survives_the_round_trip),
		cmocka_unit_test(what_the_old_tools_send_is_read),
		cmocka_unit_test(unknown_types_are_told_as_unknown),
		cmocka_unit_test(messages_of_the_wrong_form_are_malformed),
		cmocka_unit_test(strings_end_at_their_ceiling),
		cmocka_unit_test(a_body_ends_at_its_ceiling),
		cmocka_unit_test(text_for_people_is_cleaned_not_refused),
		cmocka_unit_test(too_deep_too_wide_or_too_long_builds_nothing),
		cmocka_unit_test(what_cannot_be_sent_is_an_error_and_sends_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/intro.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

static struct bk_addr address(const char *s)
{
	struct bk_addr a;

	assert_int_equal(bk_addr_from_str(s, &a), 0);
	return a;
}

static struct bk_intro sample(void)
{
	return (struct bk_intro){
		.version = BK_INTRO_VERSION,
		.id = "12ab34cd",
		.name = "anna@caf\xc3\xa9",
		.pin = {0xde, 0xad},
		.candidates = {{.kind = BK_CANDIDATE_HOST, .addr = address("10.1.0.2:40000")},
			{.kind = BK_CANDIDATE_MAPPED, .addr = address("203.0.113.10:40000")},
			{.kind = BK_CANDIDATE_FIREWALLED, .addr = address("[2001:db8::1]:40000")},
			{.kind = BK_CANDIDATE_MAPPED,
				.addr = address("203.0.113.10:40001"),
				.transport = BK_TRANSPORT_UDP}},
		.candidates_len = 4,
		.tcp = {.mapping = BK_NAT_ENDPOINT_INDEPENDENT,
			.filtering = BK_NAT_ADDRESS_AND_PORT_DEPENDENT,
			.allocation = BK_NAT_SEQUENTIAL,
			.delta = -2,
			.is_translated = true,
			.public_addr = address("203.0.113.10:40000")},
		.udp = {.mapping = BK_NAT_ADDRESS_AND_PORT_DEPENDENT,
			.allocation = BK_NAT_RANDOM,
			.ports = {.last = 20004,
				.seen_at = INT64_MAX,
				.rate = 200,
				.min = 20001,
				.max = 20004,
				.seen = 4},
			.is_translated = true,
			.public_addr = address("203.0.113.10:40001")},
		.probe_key = {0xca, 0xfe},
		.server_rtt = 40123 * BK_US,
		.start = INT64_MAX,
		.tie_breaker = 0xfedcba9876543210,
		.capabilities = UINT32_MAX,
	};
}

static void assert_same_profile(const struct bk_nat_profile *a, const struct bk_nat_profile *b)
{
	assert_int_equal(a->mapping, b->mapping);
	assert_int_equal(a->filtering, b->filtering);
	assert_int_equal(a->allocation, b->allocation);
	assert_int_equal(a->delta, b->delta);
	assert_int_equal(a->is_translated, b->is_translated);
	assert_true(bk_addr_equal(&a->public_addr, &b->public_addr));
	assert_true(a->ports.last == b->ports.last && a->ports.seen_at == b->ports.seen_at);
	assert_true(a->ports.rate == b->ports.rate && a->ports.seen == b->ports.seen);
	assert_true(a->ports.min == b->ports.min && a->ports.max == b->ports.max);
}

static void assert_same(const struct bk_intro *a, const struct bk_intro *b)
{
	assert_int_equal(a->version, b->version);
	assert_string_equal(a->id, b->id);
	assert_string_equal(a->name, b->name);
	assert_memory_equal(a->pin, b->pin, sizeof(a->pin));
	assert_int_equal(a->candidates_len, b->candidates_len);
	for (size_t i = 0; i < a->candidates_len; i++) {
		assert_int_equal(a->candidates[i].kind, b->candidates[i].kind);
		assert_int_equal(a->candidates[i].transport, b->candidates[i].transport);
		assert_true(bk_addr_equal(&a->candidates[i].addr, &b->candidates[i].addr));
	}
	assert_same_profile(&a->tcp, &b->tcp);
	assert_same_profile(&a->udp, &b->udp);
	assert_memory_equal(a->probe_key, b->probe_key, sizeof(a->probe_key));
	assert_true(a->server_rtt == b->server_rtt && a->start == b->start);
	assert_true(a->tie_breaker == b->tie_breaker && a->capabilities == b->capabilities);
}

static void round_trip(const struct bk_intro *in)
{
	struct bk_intro back;
	char *json;
	size_t n;

	assert_int_equal(bk_intro_encode(in, &json, &n), 0);
	assert_true(n <= BK_INTRO_BYTES_MAX);
	assert_int_equal(bk_intro_decode(json, n, &back), 0);
	assert_same(in, &back);
	free(json);
}

static void a_full_introduction_reads_back(void **state)
{
	struct bk_intro in = sample();

	(void)state;
	round_trip(&in);
	in.candidates_len = BK_INTRO_CANDIDATES_MAX;
	for (size_t i = 0; i < in.candidates_len; i++)
		in.candidates[i] = (struct bk_candidate){.kind = BK_CANDIDATE_FIREWALLED,
			.addr = address("[2001:db8:1111:2222:3333:4444:5555:6666]:65535"),
			.transport = BK_TRANSPORT_UDP};
	memset(in.name, '"', BK_INTRO_NAME_MAX);
	round_trip(&in);
}

static void an_empty_introduction_reads_back(void **state)
{
	struct bk_intro in = {.version = BK_INTRO_VERSION};

	(void)state;
	round_trip(&in);
}

static void the_name_cannot_drive_a_terminal(void **state)
{
	struct bk_intro in = sample(), back;
	char *json;
	size_t n;

	(void)state;
	snprintf(in.name, sizeof(in.name),
		"a\x1b[2J\nb\xe2\x80\xae"
		"c\x7f");
	assert_int_equal(bk_intro_encode(&in, &json, &n), 0);
	assert_int_equal(bk_intro_decode(json, n, &back), 0);
	assert_string_equal(back.name, "a?[2J?b?c?");
	free(json);
}

static void fields_out_of_range_are_not_sent(void **state)
{
	struct bk_intro rows[15];
	char *json = NULL;
	size_t n, i = 0;

	(void)state;
	for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++)
		rows[k] = sample();
	rows[i++].version = 2;
	rows[i++].candidates_len = BK_INTRO_CANDIDATES_MAX + 1;
	rows[i++].candidates[0].addr.port = 0;
	rows[i++].candidates[0].addr.family = 0;
	rows[i++].candidates[0].kind = (enum bk_candidate_kind)9;
	rows[i++].start = -1;
	rows[i++].server_rtt = -1;
	rows[i++].tcp.delta = 65536;
	rows[i++].tcp.public_addr.port = 0;
	rows[i++].candidates[0].transport = (enum bk_transport)2;
	rows[i++].udp.delta = -65536;
	rows[i++].udp.public_addr.port = 0;
	rows[i++].id[0] = '\n';
	rows[i++].id[0] = '\xff';
	memset(rows[i++].name, 'x', sizeof(rows[0].name));
	assert_int_equal(i, sizeof(rows) / sizeof(rows[0]));
	for (size_t k = 0; k < i; k++)
		if (bk_intro_encode(&rows[k], &json, &n) != BK_E_INVALID)
			fail_msg("row %zu was sent", k);
	assert_null(json);
}

#define PIN              "\"0000000000000000000000000000000000000000000000000000000000000000\""
#define HEAD             "{\"version\":1,\"id\":\"a\",\"name\":\"b\",\"pin\":" PIN ",\"tie_breaker\":\"0000000000000001\""
#define WITH(more)       HEAD ",\"candidates\":[]," more "}"
#define CANDIDATE(one)   HEAD ",\"candidates\":[" one "]}"
#define PROFILE(members) WITH("\"nat\":{\"tcp\":{" members "}}")

static const struct {
	const char *text;
	int expected;
} hostile_rows[] = {
	{WITH("\"x\":1"), 0},
	{"", BK_E_MALFORMED},
	{"[]", BK_E_MALFORMED},
	{"{}", BK_E_MALFORMED},
	{"{\"version\":2}", BK_E_VERSION},
	{"{\"version\":-1}", BK_E_VERSION},
	{"{\"version\":\"1\"}", BK_E_MALFORMED},
	{"{\"version\":1}", BK_E_MALFORMED},
	{HEAD "}", BK_E_MALFORMED},
	{WITH("\"id\":\"again\""), BK_E_MALFORMED},
	{"{\"version\":1,\"id\":\"\\u001b\",\"name\":\"b\",\"pin\":" PIN
	 ",\"tie_breaker\":\"0000000000000001\",\"candidates\":[]}",
		BK_E_MALFORMED},
	{"{\"version\":1,\"id\":\"a\",\"name\":\"b\",\"pin\":\"00\","
	 "\"tie_breaker\":\"0000000000000001\",\"candidates\":[]}",
		BK_E_MALFORMED},
	{"{\"version\":1,\"id\":\"a\",\"name\":\"b\",\"pin\":" PIN ",\"tie_breaker\":1,\"candidates\":[]}",
		BK_E_MALFORMED},
	{HEAD ",\"candidates\":{}}", BK_E_MALFORMED},
	{CANDIDATE("1"), BK_E_MALFORMED},
	{CANDIDATE("{\"kind\":\"host\",\"ip\":\"10.0.0.1\",\"port\":1}"), 0},
	{CANDIDATE("{\"kind\":\"later\",\"ip\":5}"), 0},
	{CANDIDATE("{\"ip\":\"10.0.0.1\",\"port\":1}"), BK_E_MALFORMED},
	{CANDIDATE("{\"kind\":\"host\",\"ip\":\"10.0.0.1\",\"port\":0}"), BK_E_MALFORMED},
	{CANDIDATE("{\"kind\":\"host\",\"ip\":\"10.0.0.1\",\"port\":65536}"), BK_E_MALFORMED},
	{CANDIDATE("{\"kind\":\"host\",\"ip\":\"10.0.0.1\",\"port\":-1}"), BK_E_MALFORMED},
	{CANDIDATE("{\"kind\":\"host\",\"ip\":\"10.0.0.1\"}"), BK_E_MALFORMED},
	{CANDIDATE("{\"kind\":\"host\",\"ip\":\"example.org\",\"port\":1}"), BK_E_MALFORMED},
	{CANDIDATE("{\"kind\":\"host\",\"ip\":\"0.0.0.0\",\"port\":1}"), BK_E_MALFORMED},
	{CANDIDATE("{\"kind\":\"host\",\"ip\":7,\"port\":1}"), BK_E_MALFORMED},
	{PROFILE("\"mapping\":\"a later word\""), 0},
	{PROFILE("\"mapping\":7"), BK_E_MALFORMED},
	{PROFILE("\"delta\":65536"), BK_E_MALFORMED},
	{PROFILE("\"delta\":1.5"), BK_E_MALFORMED},
	{PROFILE("\"translated\":1"), BK_E_MALFORMED},
	{PROFILE("\"public_ip\":\"10.0.0.1\""), BK_E_MALFORMED},
	{PROFILE("\"public_ip\":\"10.0.0.1\",\"public_port\":1"), 0},
	{WITH("\"nat\":{\"udp\":{}}"), BK_E_MALFORMED},
	{WITH("\"nat\":{\"tcp\":{},\"udp\":{}}"), 0},
	{WITH("\"nat\":{\"tcp\":{},\"udp\":7}"), BK_E_MALFORMED},
	{WITH("\"nat\":{\"tcp\":{},\"udp\":{\"delta\":65536}}"), BK_E_MALFORMED},
	{PROFILE("\"ports\":{}"), 0},
	{PROFILE("\"ports\":[]"), BK_E_MALFORMED},
	{PROFILE("\"ports\":{\"last\":65535,\"min\":1,\"max\":2,\"seen\":1000}"), 0},
	{PROFILE("\"ports\":{\"last\":65536}"), BK_E_MALFORMED},
	{PROFILE("\"ports\":{\"last\":\"1\"}"), BK_E_MALFORMED},
	{PROFILE("\"ports\":{\"min\":3,\"max\":2}"), BK_E_MALFORMED},
	{PROFILE("\"ports\":{\"seen_ns\":-1}"), BK_E_MALFORMED},
	{PROFILE("\"ports\":{\"rate\":1000001}"), BK_E_MALFORMED},
	{PROFILE("\"ports\":{\"seen\":1001}"), BK_E_MALFORMED},
	{WITH("\"probe_key\":" PIN), 0},
	{WITH("\"probe_key\":\"00\""), BK_E_MALFORMED},
	{CANDIDATE("{\"kind\":\"host\",\"ip\":\"10.0.0.1\",\"port\":1,\"transport\":\"udp\"}"), 0},
	{CANDIDATE("{\"kind\":\"host\",\"ip\":7,\"transport\":\"later\"}"), 0},
	{CANDIDATE("{\"kind\":\"host\",\"ip\":\"10.0.0.1\",\"port\":1,\"transport\":1}"), BK_E_MALFORMED},
	{WITH("\"nat\":7"), BK_E_MALFORMED},
	{WITH("\"server_rtt_us\":-1"), BK_E_MALFORMED},
	{WITH("\"server_rtt_us\":3600000001"), BK_E_MALFORMED},
	{WITH("\"server_rtt_us\":9223372036854775807"), BK_E_MALFORMED},
	{WITH("\"start_ns\":-1"), BK_E_MALFORMED},
	{WITH("\"capabilities\":4294967296"), BK_E_MALFORMED},
};

static void hostile_introductions_get_a_named_error(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(hostile_rows) / sizeof(hostile_rows[0]); i++) {
		struct bk_intro in = {.version = 77};
		int err = bk_intro_decode(hostile_rows[i].text, strlen(hostile_rows[i].text), &in);

		if (err != hostile_rows[i].expected)
			fail_msg("'%s' gives %s", hostile_rows[i].text, bk_error_name(err));
		assert_int_equal(in.version, err ? 77 : 1);
	}
}

static void absent_udp_reads_as_unknown_and_a_candidate_without_transport_as_tcp(void **state)
{
	static const char text[] = CANDIDATE("{\"kind\":\"mapped\",\"ip\":\"10.0.0.1\",\"port\":1}");
	static const uint8_t no_key[BK_INTRO_PROBE_KEY_LEN];
	struct bk_intro in;

	(void)state;
	assert_int_equal(bk_intro_decode(text, strlen(text), &in), 0);
	assert_int_equal(in.candidates_len, 1);
	assert_int_equal(in.candidates[0].transport, BK_TRANSPORT_TCP);
	assert_int_equal(in.udp.public_addr.family, 0);
	assert_int_equal(in.udp.mapping, BK_NAT_UNKNOWN);
	assert_memory_equal(in.probe_key, no_key, sizeof(no_key));
	assert_string_equal(bk_transport_name(BK_TRANSPORT_UDP), "udp");
	assert_string_equal(bk_transport_name((enum bk_transport)2), "unknown");
}

static void candidates_end_at_their_ceiling(void **state)
{
	char text[BK_INTRO_BYTES_MAX] = HEAD ",\"candidates\":[";
	struct bk_intro in;

	(void)state;
	for (size_t i = 0; i <= BK_INTRO_CANDIDATES_MAX; i++) {
		size_t n = strlen(text);

		snprintf(text + n, sizeof(text) - n, "%s{\"kind\":\"host\",\"ip\":\"10.0.0.1\",\"port\":1}]}",
			i ? "," : "");
		assert_int_equal(bk_intro_decode(text, strlen(text), &in),
			i < BK_INTRO_CANDIDATES_MAX ? 0 : BK_E_MALFORMED);
		text[strlen(text) - 2] = 0;
	}
	assert_int_equal(in.candidates_len, BK_INTRO_CANDIDATES_MAX);
	memset(text, ' ', sizeof(text));
	assert_int_equal(bk_intro_decode(text, BK_INTRO_BYTES_MAX + 1, &in), BK_E_TOO_BIG);
}

static void names_of_a_profile_read_back(void **state)
{
	(void)state;
	for (int b = BK_NAT_UNKNOWN; b <= BK_NAT_ADDRESS_AND_PORT_DEPENDENT; b++)
		assert_int_equal(bk_nat_behavior_from_name(bk_nat_behavior_name((enum bk_nat_behavior)b)), b);
	for (int a = BK_NAT_ALLOCATION_UNKNOWN; a <= BK_NAT_RANDOM; a++)
		assert_int_equal(
			bk_nat_allocation_from_name(bk_nat_allocation_name((enum bk_nat_allocation)a)), a);
	assert_string_equal(bk_nat_behavior_name((enum bk_nat_behavior)99), "unknown");
	assert_string_equal(bk_nat_allocation_name((enum bk_nat_allocation)99), "unknown");
	assert_int_equal(bk_nat_behavior_from_name("cone"), BK_NAT_UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_introduction_reads_back),
		cmocka_unit_test(an_empty_introduction_reads_back),
		cmocka_unit_test(the_name_cannot_drive_a_terminal),
		cmocka_unit_test(fields_out_of_range_are_not_sent),
		cmocka_unit_test(hostile_introductions_get_a_named_error),
		cmocka_unit_test(absent_udp_reads_as_unknown_and_a_candidate_without_transport_as_tcp),
		cmocka_unit_test(candidates_end_at_their_ceiling),
		cmocka_unit_test(names_of_a_profile_read_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

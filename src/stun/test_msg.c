/* SPDX-License-Identifier: Apache-2.0 */
#include "stun/msg.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/* RFC 5769 sections 2.1, 2.2, 2.3 */
#define VECTOR_ID "2112a442b7e7a701bc34d686fa87dfae"

static const char vector_request[] =
	"00010058" VECTOR_ID
	"802200105354554e207465737420636c69656e74002400046e0001ff80290008932ff9b151263b36"
	"000600096576746a3a68367659202020000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf";
static const char vector_ipv4[] =
	"0101003c" VECTOR_ID "8022000b7465737420766563746f7220002000080001a147e112a643"
	"000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96";
static const char vector_ipv6[] =
	"01010048" VECTOR_ID
	"8022000b7465737420766563746f7220002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9"
	"00080014a382954e4be67bf11784c97c8292c275bfe3ed4180280004c8fb0b4c";
static const struct bk_stun_key vector_key = {"VOkJxbRl1RmTxUk/WvJxBt", 22};

static size_t unhex(const char *hex, uint8_t *out)
{
	size_t n = strlen(hex) / 2;

	for (size_t i = 0; i < n; i++) {
		const char digits[] = {hex[2 * i], hex[2 * i + 1], 0};
		out[i] = (uint8_t)strtoul(digits, NULL, 16);
	}
	return n;
}

static struct bk_stun_msg decoded(const char *hex)
{
	uint8_t data[BK_STUN_MESSAGE_MAX];
	struct bk_stun_msg m;

	assert_int_equal(bk_stun_decode(data, unhex(hex, data), &m), 0);
	return m;
}

static int code_of(const char *hex)
{
	uint8_t data[2 * BK_STUN_MESSAGE_MAX];
	struct bk_stun_msg m;

	return bk_stun_decode(data, unhex(hex, data), &m);
}

static void check_vector(const char *hex)
{
	uint8_t data[BK_STUN_MESSAGE_MAX];
	size_t n = unhex(hex, data);
	struct bk_stun_msg m = decoded(hex);
	const struct bk_stun_key wrong = {"VOkJxbRl1RmTxUk/WvJxBu", 22};

	assert_true(bk_stun_looks_like(data, n));
	assert_true(bk_stun_check_integrity(data, n, &m, &vector_key));
	assert_false(bk_stun_check_integrity(data, n, &m, &wrong));
	assert_true(bk_stun_check_fingerprint(data, n, &m));
	for (size_t i = 0; i < n; i++) {
		bool is_decoders = i == 2 || i == 3 || (i >= m.fingerprint_at && i < m.fingerprint_at + 4);

		data[i] ^= 0x10;
		assert_true(is_decoders || !bk_stun_check_integrity(data, n, &m, &vector_key) ||
			    !bk_stun_check_fingerprint(data, n, &m));
		data[i] ^= 0x10;
	}
}

static void rfc_5769_request_is_read_and_its_checks_hold(void **state)
{
	struct bk_stun_msg m = decoded(vector_request);

	(void)state;
	check_vector(vector_request);
	assert_int_equal(m.class, BK_STUN_REQUEST);
	assert_string_equal(m.software, "STUN test client");
	assert_string_equal(m.username, "evtj:h6vY");
	assert_true(m.has_priority && m.has_controlled && !m.has_controlling && !m.is_classic);
	assert_int_equal(m.priority, 0x6e0001ff);
	assert_true(m.tie_breaker == 0x932ff9b151263b36);
	assert_int_equal(m.unknown_len, 0);
}

static void rfc_5769_answers_are_read_and_their_checks_hold(void **state)
{
	char text[BK_ADDR_STR_MAX];
	struct bk_stun_msg m = decoded(vector_ipv4);

	(void)state;
	check_vector(vector_ipv4);
	check_vector(vector_ipv6);
	assert_int_equal(m.class, BK_STUN_SUCCESS);
	assert_string_equal(m.software, "test vector");
	assert_string_equal(bk_addr_to_str(&m.xor_mapped, text), "192.0.2.1:32853");
	m = decoded(vector_ipv6);
	assert_string_equal(
		bk_addr_to_str(&m.xor_mapped, text), "[2001:db8:1234:5678:11:2233:4455:6677]:32853");
}

/* Everything at once, as nobody sends it. */
static struct bk_stun_msg full_message(void)
{
	struct bk_stun_msg m = {
		.class = BK_STUN_ERROR,
		.id = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}},
		.mapped = bk_addr_v4(192, 0, 2, 1, 1),
		.xor_mapped = bk_addr_v4(192, 0, 2, 2, 0x2112),
		.source = bk_addr_v4(192, 0, 2, 3, 3),
		.changed = bk_addr_v4(192, 0, 2, 4, 4),
		.other = {.family = 6, .ip = {0x20, 1, 0xd, 0xb8, 9}, .port = 5},
		.origin = bk_addr_v4(192, 0, 2, 6, 6),
		.has_change = true,
		.wants_other_port = true,
		.response_port = 7,
		.padding = 9,
		.error_code = 487,
		.reason = "Role Conflict",
		.username = "a:b",
		.software = "x",
		.has_use_candidate = true,
		.has_priority = true,
		.priority = 0xfffffff0,
		.has_controlling = true,
		.tie_breaker = 0x8000000000000001,
	};
	return m;
}

static void every_attribute_survives_encoding_and_decoding(void **state)
{
	struct bk_stun_msg m = full_message(), back;
	uint8_t out[BK_STUN_MESSAGE_MAX];
	int n = bk_stun_encode(&m, &vector_key, true, out, sizeof(out));

	(void)state;
	assert_true(n > 0);
	assert_int_equal(bk_stun_decode(out, (size_t)n, &back), 0);
	assert_memory_equal(back.id.bytes, "\x21\x12\xa4\x42", 4); /* the cookie is ours */
	assert_memory_equal(back.id.bytes + 4, m.id.bytes + 4, 12);
	assert_true(back.integrity_at && back.fingerprint_at);
	m.id = back.id;
	m.integrity_at = back.integrity_at;
	m.fingerprint_at = back.fingerprint_at;
	assert_true(bk_addr_equal(&back.other, &m.other) && bk_addr_equal(&back.xor_mapped, &m.xor_mapped));
	assert_true(bk_addr_equal(&back.mapped, &m.mapped) && bk_addr_equal(&back.source, &m.source));
	assert_true(bk_addr_equal(&back.changed, &m.changed) && bk_addr_equal(&back.origin, &m.origin));
	assert_true(
		back.has_change && !back.wants_other_ip && back.wants_other_port && back.has_use_candidate);
	assert_int_equal(back.response_port, 7);
	assert_int_equal(back.padding, 9);
	assert_int_equal(back.error_code, 487);
	assert_string_equal(back.reason, "Role Conflict");
	assert_string_equal(back.username, "a:b");
	assert_string_equal(back.software, "x");
	assert_true(back.has_priority && back.priority == m.priority);
	assert_true(back.has_controlling && !back.has_controlled && back.tie_breaker == m.tie_breaker);
	assert_true(bk_stun_check_integrity(out, (size_t)n, &back, &vector_key));
	assert_true(bk_stun_check_fingerprint(out, (size_t)n, &back));
}

static void a_message_never_leaves_its_buffer(void **state)
{
	struct bk_stun_msg m = full_message();
	uint8_t out[BK_STUN_MESSAGE_MAX];
	int n = bk_stun_encode(&m, &vector_key, true, out, sizeof(out));

	(void)state;
	for (int cap = 0; cap < n; cap++) {
		uint8_t *small = malloc((size_t)cap + 1);

		assert_int_equal(bk_stun_encode(&m, &vector_key, true, small, (size_t)cap), BK_E_FULL);
		free(small);
	}
	m.padding = BK_STUN_MESSAGE_MAX;
	assert_int_equal(bk_stun_encode(&m, NULL, false, out, sizeof(out)), BK_E_FULL);
}

static void what_cannot_be_said_is_not_encoded(void **state)
{
	struct bk_stun_msg m = full_message();
	const struct bk_stun_key empty = {"", 0};
	uint8_t out[BK_STUN_MESSAGE_MAX];

	(void)state;
	m.error_code = 200;
	assert_int_equal(bk_stun_encode(&m, NULL, false, out, sizeof(out)), BK_E_INVALID);
	m.error_code = 700;
	assert_int_equal(bk_stun_encode(&m, NULL, false, out, sizeof(out)), BK_E_INVALID);
	m = full_message();
	m.unknown_len = BK_STUN_UNKNOWN_MAX + 1;
	assert_int_equal(bk_stun_encode(&m, NULL, false, out, sizeof(out)), BK_E_INVALID);
	m = full_message();
	assert_int_equal(bk_stun_encode(&m, &empty, false, out, sizeof(out)), BK_E_INVALID);
}

static void hostile_bytes_get_a_name(void **state)
{
	static const struct {
		const char *hex;
		int code;
	} rows[] = {
		{"0001", BK_E_TRUNCATED}, {"00010000" VECTOR_ID, 0}, {"00010004" VECTOR_ID, BK_E_TRUNCATED},
		{"00010000" VECTOR_ID "00", BK_E_MALFORMED}, {"00010002" VECTOR_ID "0000", BK_E_MALFORMED},
		{"40010000" VECTOR_ID, BK_E_MALFORMED},
		{"00030000" VECTOR_ID, BK_E_UNSUPPORTED},          /* Allocate */
		{"00010004" VECTOR_ID "00010000", BK_E_MALFORMED}, /* an address of no length */
		{"00010004" VECTOR_ID "80220001", BK_E_TRUNCATED}, /* its value is behind the end */
		{"0001000c" VECTOR_ID "000100080003ffff01020304", BK_E_MALFORMED}, /* family 3 */
		{"0001000c" VECTOR_ID "000100080002ffff01020304", BK_E_MALFORMED}, /* IPv6 in 4 bytes */
		{"0001000c" VECTOR_ID "0009000400000205"
		 "80220000",
			BK_E_MALFORMED},                                   /* error class 2 */
		{"00010008" VECTOR_ID "0009000400000464", BK_E_MALFORMED}, /* number 100 */
		{"00010008" VECTOR_ID "0006000461006263", BK_E_MALFORMED}, /* NUL in a name */
		{"00010008" VECTOR_ID "0003000200060000", BK_E_MALFORMED}, /* CHANGE-REQUEST of 2 bytes */
		{"00010010" VECTOR_ID "8028000400000000"
		 "8028000400000000",
			BK_E_MALFORMED},                                           /* nothing follows */
		{"0001000c" VECTOR_ID "000800080000000000000000", BK_E_MALFORMED}, /* an HMAC of 8 bytes */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(code_of(rows[i].hex), rows[i].code);
}

static void a_datagram_above_the_ceiling_is_too_big(void **state)
{
	uint8_t data[BK_STUN_MESSAGE_MAX + 4] = {0, 1, 5, 0};
	struct bk_stun_msg m;

	(void)state;
	data[2] = (uint8_t)((sizeof(data) - BK_STUN_HEADER_LEN) >> 8);
	data[3] = (uint8_t)(sizeof(data) - BK_STUN_HEADER_LEN);
	assert_int_equal(bk_stun_decode(data, sizeof(data), &m), BK_E_TOO_BIG);
}

static void the_first_of_two_equal_attributes_counts(void **state)
{
	struct bk_stun_msg m = decoded("01010018" VECTOR_ID "000100080001000101020304"
				       "000100080001000205060708");

	(void)state;
	assert_int_equal(m.mapped.port, 1);
	assert_int_equal(m.mapped.ip[0], 1);
}

static void what_stands_behind_the_integrity_is_not_believed(void **state)
{
	struct bk_stun_msg m = decoded("01010024" VECTOR_ID "00080014"
				       "0000000000000000000000000000000000000000"
				       "000100080001000205060708");

	(void)state;
	assert_int_equal(m.mapped.family, 0);
}

static void unknown_attributes_are_collected_when_they_must_be_understood(void **state)
{
	struct bk_stun_msg m = decoded("0001000c" VECTOR_ID "400100008abc000000020000");

	(void)state;
	assert_int_equal(m.unknown_len, 2);
	assert_int_equal(m.unknown[0], 0x4001);
	assert_int_equal(
		m.unknown[1], 0x0002); /* RESPONSE-ADDRESS: a gift to attackers, gone since RFC 5389 */
}

static void a_message_without_cookie_is_classic(void **state)
{
	struct bk_stun_msg m = decoded("00010000"
				       "00112233445566778899aabbccddeeff");
	uint8_t out[BK_STUN_MESSAGE_MAX];

	(void)state;
	assert_true(m.is_classic);
	assert_int_equal(bk_stun_encode(&m, NULL, false, out, sizeof(out)), BK_STUN_HEADER_LEN);
	assert_memory_equal(out + 4, m.id.bytes, 16);
	assert_false(bk_stun_looks_like(out, BK_STUN_HEADER_LEN));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc_5769_request_is_read_and_its_checks_hold),
		cmocka_unit_test(rfc_5769_answers_are_read_and_their_checks_hold),
		cmocka_unit_test(every_attribute_survives_encoding_and_decoding),
		cmocka_unit_test(a_message_never_leaves_its_buffer),
		cmocka_unit_test(what_cannot_be_said_is_not_encoded),
		cmocka_unit_test(hostile_bytes_get_a_name),
		cmocka_unit_test(a_datagram_above_the_ceiling_is_too_big),
		cmocka_unit_test(the_first_of_two_equal_attributes_counts),
		cmocka_unit_test(what_stands_behind_the_integrity_is_not_believed),
		cmocka_unit_test(unknown_attributes_are_collected_when_they_must_be_understood),
		cmocka_unit_test(a_message_without_cookie_is_classic),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

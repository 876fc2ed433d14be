/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes, as RFC 6887 sections 7 and 11 and RFC 6886 section 3 draw them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "portmap/natpmp.h"
#include "portmap/pcp.h"

static const uint8_t pcp_map[60] = {2, 0x81, 0, 0, 0, 0, 0x1c, 0x20, 0, 0, 1, 0, [24] = 1, 2, 3, 4, 5, 6, 7,
	8, 9, 10, 11, 12, 17, 0, 0, 0, 0x9c, 0x40, 0x9c, 0x41, [54] = 0xff, 0xff, 45, 10, 20, 7};
static const uint8_t natpmp_map[16] = {0, 0x82, 0, 0, 0, 0, 1, 0, 0x9c, 0x40, 0x9c, 0x41, 0, 0, 0x1c, 0x20};

static void a_map_request_is_sixty_bytes_as_the_rfc_draws_them(void **state)
{
	const uint8_t expected[60] = {2, 1, 0, 0, 0, 0, 0x1c, 0x20, [18] = 0xff, 0xff, 10, 0, 0, 2, 9, 9, 9,
		9, 9, 9, 9, 9, 9, 9, 9, 9, 6, 0, 0, 0, 0x9c, 0x40, 0x9c, 0x41, [54] = 0xff, 0xff, 0, 0, 0, 0};
	struct bk_pcp_request q = {
		.opcode = BK_PCP_MAP,
		.lifetime = 7200,
		.own = bk_addr_v4(10, 0, 0, 2, 5000),
		.map = {.transport = BK_TRANSPORT_TCP,
			.own_port = 40000,
			.external = {.family = 4, .port = 40001}},
	};
	uint8_t out[BK_PCP_REQUEST_MAX];

	(void)state;
	memset(q.map.nonce, 9, sizeof(q.map.nonce));
	assert_int_equal(bk_pcp_encode(&q, out, sizeof(out)), 60);
	assert_memory_equal(out, expected, 60);
	assert_int_equal(bk_pcp_encode(&q, out, 59), BK_E_FULL);
}

static void an_answer_of_pcps_is_read(void **state)
{
	const struct bk_addr external = bk_addr_v4(45, 10, 20, 7, 40001);
	struct bk_pcp_answer a;

	(void)state;
	assert_int_equal(bk_pcp_decode(pcp_map, sizeof(pcp_map), &a), 0);
	assert_int_equal(a.lifetime, 7200);
	assert_int_equal(a.epoch, 256);
	assert_int_equal(a.map.transport, BK_TRANSPORT_UDP);
	assert_int_equal(a.map.own_port, 40000);
	assert_int_equal(a.map.nonce[11], 12);
	assert_true(bk_addr_equal(&a.map.external, &external));
}

static void an_answer_of_natpmps_is_read(void **state)
{
	const uint8_t address[12] = {0, 0x80, 0, 0, 0, 0, 1, 0, 45, 10, 20, 7};
	const struct bk_addr outside = bk_addr_v4(45, 10, 20, 7, 0);
	struct bk_natpmp_answer a;

	(void)state;
	assert_int_equal(bk_natpmp_decode(natpmp_map, sizeof(natpmp_map), &a), 0);
	assert_int_equal(a.opcode, BK_NATPMP_MAP_TCP);
	assert_int_equal(a.own_port, 40000);
	assert_int_equal(a.external_port, 40001);
	assert_int_equal(a.lifetime, 7200);
	assert_int_equal(bk_natpmp_decode(address, sizeof(address), &a), 0);
	assert_true(bk_addr_equal(&a.external, &outside));
}

/* What is cut off, has a byte changed, or is a request, is an error and nothing else. */
static void spoil(size_t at, uint8_t value)
{
	uint8_t bytes[60];
	struct bk_pcp_answer a = {.lifetime = 4711};

	memcpy(bytes, pcp_map, sizeof(bytes));
	bytes[at] = value;
	assert_true(bk_pcp_decode(bytes, sizeof(bytes), &a) < 0);
	assert_int_equal(a.lifetime, 4711);
}

static void what_is_no_answer_is_an_error(void **state)
{
	uint8_t longer[BK_PCP_MESSAGE_MAX + 4] = {2, 0x80};
	struct bk_natpmp_answer natpmp;
	struct bk_pcp_answer a;

	(void)state;
	for (size_t n = 0; n < sizeof(pcp_map); n++)
		assert_true(bk_pcp_decode(pcp_map, n, &a) < 0);
	for (size_t n = 0; n < sizeof(natpmp_map); n++)
		assert_true(bk_natpmp_decode(natpmp_map, n, &natpmp) < 0);
	spoil(0, 0);
	spoil(0, 1);
	spoil(1, BK_PCP_MAP);
	spoil(36, 132);
	assert_int_equal(bk_pcp_decode(longer, sizeof(longer), &a), BK_E_MALFORMED);
	assert_int_equal(bk_natpmp_decode(longer, 17, &natpmp), BK_E_MALFORMED);
	assert_int_equal(bk_natpmp_decode((const uint8_t[8]){0, 0x83}, 8, &natpmp), BK_E_MALFORMED);
}

static void a_refusal_may_be_short(void **state)
{
	struct bk_natpmp_answer natpmp;
	struct bk_pcp_answer a;

	(void)state;
	assert_int_equal(bk_pcp_decode((const uint8_t[24]){2, 0x81, 0, 3}, 24, &a), 0);
	assert_false(a.has_map);
	assert_int_equal(bk_pcp_decode((const uint8_t[24]){1, 0x81, 0, 1}, 24, &a), 0);
	assert_int_equal(bk_natpmp_decode((const uint8_t[8]){0, 0x81, 0, 1}, 8, &natpmp), 0);
	assert_int_equal(natpmp.result, BK_NATPMP_UNSUPP_VERSION);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_map_request_is_sixty_bytes_as_the_rfc_draws_them),
		cmocka_unit_test(an_answer_of_pcps_is_read),
		cmocka_unit_test(an_answer_of_natpmps_is_read),
		cmocka_unit_test(what_is_no_answer_is_an_error),
		cmocka_unit_test(a_refusal_may_be_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

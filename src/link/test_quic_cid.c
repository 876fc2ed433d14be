/* SPDX-License-Identifier: Apache-2.0 */
/* Whom a datagram is for, by its first bytes; and which names a link goes by. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "link/quic.h"
#include "link/quic_cid.h"

enum { ROW_MAX = 32 };

static void the_destination_stands_where_the_invariants_say(void **state)
{
	static const struct {
		const char *what;
		uint8_t bytes[ROW_MAX];
		size_t n;
		int len; /* of the id; 0: it has none */
		bool is_first;
	} rows[] = {
		{"nothing", {0}, 0, 0, false},
		{"STUN", {0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42}, 20, 0, false},
		{"short header", {0x40, 1, 2, 3, 4, 5, 6, 7, 8}, 9, 8, false},
		{"short header, cut", {0x40, 1, 2, 3, 4, 5, 6, 7, 8}, 8, 0, false},
		{"Initial", {0xc0, 0, 0, 0, 1, 8, 1, 2, 3, 4, 5, 6, 7, 8}, 14, 8, true},
		{"Initial, its id cut", {0xc0, 0, 0, 0, 1, 8, 1, 2, 3, 4, 5, 6, 7, 8}, 13, 0, true},
		{"Initial, nothing behind the version", {0xc0, 0, 0, 0, 1}, 5, 0, true},
		{"long header, the version cut", {0xc0, 0, 0, 0}, 4, 0, false},
		{"an id of 20 bytes", {0xc3, 0, 0, 0, 1, 20, 9}, 26, 20, true},
		{"an id of 21 bytes", {0xc3, 0, 0, 0, 1, 21, 9}, 32, 0, true},
		{"an empty id", {0xc0, 0, 0, 0, 1, 0}, 32, 0, true},
		{"Handshake", {0xe0, 0, 0, 0, 1, 8, 7}, 32, 8, false},
		{"version 2", {0xd0, 0x6b, 0x33, 0x43, 0xcf, 8, 7}, 32, 8, false},
		{"version negotiation", {0xc0, 0, 0, 0, 0, 8, 7}, 32, 8, false},
		{"a long header without the fixed bit", {0x80, 0, 0, 0, 1, 8, 7}, 32, 0, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bk_quic_cid cid = {0};

		if (bk_quic_cid_read(rows[i].bytes, rows[i].n, &cid) != (rows[i].len > 0) ||
			cid.len != rows[i].len ||
			bk_link_quic_is_first(rows[i].bytes, rows[i].n) != rows[i].is_first)
			fail_msg("%s", rows[i].what);
	}
}

static struct bk_quic_cid name(uint8_t first)
{
	return (struct bk_quic_cid){.len = BK_QUIC_CID_LEN, .bytes = {first}};
}

static void a_link_goes_by_what_was_added_and_not_removed(void **state)
{
	struct bk_quic_cid a = name(1), b = name(2), shorter = name(1);
	struct bk_quic_cids set = {0};

	(void)state;
	shorter.len--;
	assert_false(bk_quic_cids_has(&set, &a));
	bk_quic_cids_add(&set, a.bytes, a.len);
	bk_quic_cids_add(&set, b.bytes, b.len);
	assert_true(bk_quic_cids_has(&set, &a));
	assert_false(bk_quic_cids_has(&set, &shorter));
	bk_quic_cids_remove(&set, a.bytes, a.len);
	assert_false(bk_quic_cids_has(&set, &a));
	assert_true(bk_quic_cids_has(&set, &b));
}

static void what_is_no_name_takes_no_place(void **state)
{
	struct bk_quic_cid a = name(1);
	struct bk_quic_cids set = {0};

	(void)state;
	bk_quic_cids_add(&set, a.bytes, 0);
	bk_quic_cids_add(&set, a.bytes, BK_QUIC_CID_MAX + 1);
	for (size_t i = 0; i < BK_QUIC_CIDS_MAX; i++)
		assert_int_equal(set.places[i].len, 0);
}

static void the_oldest_name_goes_for_one_too_many(void **state)
{
	struct bk_quic_cids set = {0};
	struct bk_quic_cid cid;

	(void)state;
	for (int i = 0; i <= BK_QUIC_CIDS_MAX; i++) {
		cid = name((uint8_t)i);
		bk_quic_cids_add(&set, cid.bytes, cid.len);
	}
	for (int i = 0; i <= BK_QUIC_CIDS_MAX; i++) {
		cid = name((uint8_t)i);
		assert_int_equal(bk_quic_cids_has(&set, &cid), i > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_destination_stands_where_the_invariants_say),
		cmocka_unit_test(a_link_goes_by_what_was_added_and_not_removed),
		cmocka_unit_test(what_is_no_name_takes_no_place),
		cmocka_unit_test(the_oldest_name_goes_for_one_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

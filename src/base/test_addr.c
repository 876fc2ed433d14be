/* SPDX-License-Identifier: Apache-2.0 */
#include "base/addr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "base/error.h"

static void literals_read_and_print(void **state)
{
	static const struct {
		const char *in, *out, *ip;
		uint8_t family;
	} rows[] = {
		{"192.0.2.1:80", "192.0.2.1:80", "192.0.2.1", 4},
		{"0.0.0.0:0", "0.0.0.0:0", "0.0.0.0", 4},
		{"255.255.255.255:65535", "255.255.255.255:65535", "255.255.255.255", 4},
		{"[2001:DB8:0::1]:80", "[2001:db8::1]:80", "2001:db8::1", 6},
		{"[::]:1", "[::]:1", "::", 6},
		{"[::ffff:192.0.2.1]:80", "192.0.2.1:80", "192.0.2.1", 4},
		{"[1111:2222:3333:4444:5555:6666:7777:8888]:65535",
			"[1111:2222:3333:4444:5555:6666:7777:8888]:65535",
			"1111:2222:3333:4444:5555:6666:7777:8888", 6},
	};
	char text[BK_ADDR_STR_MAX];
	struct bk_addr a;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(bk_addr_from_str(rows[i].in, &a), 0);
		assert_int_equal(a.family, rows[i].family);
		assert_string_equal(bk_addr_to_str(&a, text), rows[i].out);
		assert_string_equal(bk_addr_ip_to_str(&a, text), rows[i].ip);
	}
	memset(&a, 0, sizeof(a));
	assert_string_equal(bk_addr_to_str(&a, text), "none");
}

static void what_is_no_literal_is_malformed(void **state)
{
	static const char *const rows[] = {"", ":", ":80", "192.0.2.1", "192.0.2.1:", "192.0.2.1:65536",
		"192.0.2.1:-1", "192.0.2.1:+1", "192.0.2.1: 1", "192.0.2.1:1x",
		"192.0.2.1:99999999999999999999", "192.0.2:1", "192.0.2.256:1", "192.0.2.1.1:1",
		"example.org:80", "::1:80", "[::1]", "[::1]80", "[::1:80", "[]:80", "[:80", "[::g]:80",
		"[fe80::1%eth0]:80", " 192.0.2.1:80",
		"[aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa]:80"};
	struct bk_addr a = {.port = 77};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (bk_addr_from_str(rows[i], &a) != BK_E_MALFORMED)
			fail_msg("'%s' was read", rows[i]);
		assert_int_equal(a.port, 77);
	}
}

static void addresses_know_their_scope(void **state)
{
	enum { ANY = 1, LOOP = 2, LINK = 4, PRIVATE = 8, CGN = 16 };
	static const struct {
		const char *ip;
		int is;
	} rows[] = {
		{"0.0.0.0", ANY},
		{"::", ANY},
		{"127.0.0.1", LOOP},
		{"127.255.0.1", LOOP},
		{"::1", LOOP},
		{"::2", 0},
		{"169.254.1.1", LINK},
		{"169.253.1.1", 0},
		{"fe80::1", LINK},
		{"febf::1", LINK},
		{"fec0::1", 0},
		{"10.0.0.1", PRIVATE},
		{"11.0.0.1", 0},
		{"172.15.255.255", 0},
		{"172.16.0.0", PRIVATE},
		{"172.31.255.255", PRIVATE},
		{"172.32.0.0", 0},
		{"192.168.0.1", PRIVATE},
		{"192.169.0.1", 0},
		{"fc00::1", PRIVATE},
		{"fdff::1", PRIVATE},
		{"fe00::1", 0},
		{"100.63.255.255", 0},
		{"100.64.0.0", CGN},
		{"100.127.255.255", CGN},
		{"100.128.0.0", 0},
		{"2001:db8::1", 0},
		{"::ffff:10.0.0.1", PRIVATE},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bk_addr a;
		int is;

		assert_int_equal(bk_addr_from_ip(rows[i].ip, 1, &a), 0);
		is = (bk_addr_is_any(&a) ? ANY : 0) | (bk_addr_is_loopback(&a) ? LOOP : 0) |
		     (bk_addr_is_link_local(&a) ? LINK : 0) | (bk_addr_is_private(&a) ? PRIVATE : 0) |
		     (bk_addr_is_cgn(&a) ? CGN : 0);
		if (is != rows[i].is)
			fail_msg("%s is %d", rows[i].ip, is);
	}
}

static void each_address_lies_in_one_realm_and_wrapped_ones_in_none(void **state)
{
	static const struct {
		const char *ip;
		enum bk_addr_realm realm;
	} rows[] = {
		{"0.0.0.0", BK_ADDR_NOWHERE},
		{"0.255.255.255", BK_ADDR_NOWHERE},
		{"127.255.0.1", BK_ADDR_THIS_MACHINE},
		{"::1", BK_ADDR_THIS_MACHINE},
		{"169.254.169.254", BK_ADDR_THIS_LINK},
		{"fe80::1", BK_ADDR_THIS_LINK},
		{"10.255.255.255", BK_ADDR_PRIVATE},
		{"172.31.0.1", BK_ADDR_PRIVATE},
		{"192.168.0.1", BK_ADDR_PRIVATE},
		{"fd12::1", BK_ADDR_PRIVATE},
		{"fec0::1", BK_ADDR_PRIVATE},
		{"100.127.0.1", BK_ADDR_CARRIER},
		{"8.8.8.8", BK_ADDR_PUBLIC},
		{"223.255.255.255", BK_ADDR_PUBLIC},
		{"2001:db8::1", BK_ADDR_PUBLIC},
		{"224.0.0.1", BK_ADDR_NOWHERE},
		{"255.255.255.255", BK_ADDR_NOWHERE},
		{"ff02::1", BK_ADDR_NOWHERE},
		{"::", BK_ADDR_NOWHERE},
		{"::ffff:192.168.0.1", BK_ADDR_PRIVATE},
		{"::127.0.0.1", BK_ADDR_NOWHERE},
		{"64:ff9b::127.0.0.1", BK_ADDR_NOWHERE},
		{"64:ff9b::8.8.8.8", BK_ADDR_PUBLIC},
		{"2002:7f00:1::1", BK_ADDR_NOWHERE},
		{"2002:808:808::1", BK_ADDR_PUBLIC},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bk_addr a;

		assert_int_equal(bk_addr_from_ip(rows[i].ip, 1, &a), 0);
		if (bk_addr_realm(&a) != rows[i].realm)
			fail_msg("%s is in realm %d", rows[i].ip, (int)bk_addr_realm(&a));
	}
}

static void a_server_may_name_addresses_of_its_own_realm_and_public_ones(void **state)
{
	static const struct {
		const char *server, *named;
		bool may;
	} rows[] = {
		{"203.0.113.1", "198.51.100.1", true},
		{"203.0.113.1", "127.0.0.1", false},
		{"203.0.113.1", "192.168.1.1", false},
		{"203.0.113.1", "100.64.0.1", false},
		{"203.0.113.1", "224.0.0.1", false},
		{"203.0.113.1", "0.0.0.0", false},
		{"192.168.1.1", "10.0.0.1", true},
		{"192.168.1.1", "127.0.0.1", false},
		{"192.168.1.1", "203.0.113.1", true},
		{"127.0.0.1", "127.0.0.2", true},
		{"127.0.0.1", "192.168.1.1", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bk_addr server, named;

		assert_int_equal(bk_addr_from_ip(rows[i].server, 1, &server), 0);
		assert_int_equal(bk_addr_from_ip(rows[i].named, 1, &named), 0);
		if (bk_addr_may_be_of(&named, &server) != rows[i].may)
			fail_msg("%s names %s", rows[i].server, rows[i].named);
	}
}

static void networks_have_their_machines_and_not_their_broadcast_addresses(void **state)
{
	static const struct {
		const char *own;
		unsigned bits;
		const char *ip;
		bool has;
	} rows[] = {
		{"192.168.1.4", 24, "192.168.1.5", true},
		{"192.168.1.4", 24, "192.168.2.5", false},
		{"192.168.1.4", 24, "192.168.1.255", false},
		{"192.168.1.4", 24, "192.168.1.0", false},
		{"192.168.1.4", 22, "192.168.1.255", true},
		{"192.168.1.4", 22, "192.168.3.255", false},
		{"10.0.0.4", 31, "10.0.0.5", true},
		{"10.0.0.4", 32, "10.0.0.4", true},
		{"10.0.0.4", 32, "10.0.0.5", false},
		{"fd00::4", 64, "fd00::ffff", true},
		{"fd00::4", 64, "fd00:0:0:1::4", false},
		{"fd00::4", 128, "fd00::5", false},
		{"192.168.1.4", 0, "fd00::5", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bk_networks n = {.list[0].bits = rows[i].bits, .len = 1};
		struct bk_addr a;

		assert_int_equal(bk_addr_from_ip(rows[i].own, 0, &n.list[0].addr), 0);
		assert_int_equal(bk_addr_from_ip(rows[i].ip, 1, &a), 0);
		if (bk_networks_have(&n, &a) != rows[i].has)
			fail_msg("%s/%u and %s", rows[i].own, rows[i].bits, rows[i].ip);
		assert_false(bk_networks_have(NULL, &a));
	}
}

static void equal_means_every_part(void **state)
{
	struct bk_addr a = bk_addr_v4(192, 0, 2, 1, 80), b = a, mapped;

	(void)state;
	assert_true(bk_addr_equal(&a, &b));
	b = bk_addr_with_port(b, 81);
	assert_false(bk_addr_equal(&a, &b));
	assert_true(bk_addr_equal_ip(&a, &b));
	assert_int_equal(bk_addr_from_ip("::ffff:192.0.2.1", 80, &mapped), 0);
	assert_true(bk_addr_equal(&a, &mapped));
	mapped.scope = 2;
	assert_false(bk_addr_equal_ip(&a, &mapped));
}

static void where_to_listen_may_be_every_address(void **state)
{
	static const struct {
		const char *text;
		int family, port;
	} rows[] = {
		{":15005", 0, 15005},
		{"15005", 0, 15005},
		{"127.0.0.1:0", 4, 0},
		{"[::1]:80", 6, 80},
		{"", -1, 0},
		{":", -1, 0},
		{":65536", -1, 0},
		{"127.0.0.1", -1, 0},
		{"host:80", -1, 0},
		{":80x", -1, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bk_addr addr = {0};
		int err = bk_addr_from_listen(rows[i].text, &addr);

		assert_int_equal(err < 0, rows[i].family < 0);
		if (err >= 0) {
			assert_int_equal(addr.family, rows[i].family);
			assert_int_equal(addr.port, rows[i].port);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(literals_read_and_print),
		cmocka_unit_test(what_is_no_literal_is_malformed),
		cmocka_unit_test(addresses_know_their_scope),
		cmocka_unit_test(each_address_lies_in_one_realm_and_wrapped_ones_in_none),
		cmocka_unit_test(a_server_may_name_addresses_of_its_own_realm_and_public_ones),
		cmocka_unit_test(networks_have_their_machines_and_not_their_broadcast_addresses),
		cmocka_unit_test(equal_means_every_part),
		cmocka_unit_test(where_to_listen_may_be_every_address),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

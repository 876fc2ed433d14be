/* SPDX-License-Identifier: Apache-2.0 */
/* What was found, and what is said of it: never more than was found. */
#include "survey/words.h"

#include "base/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/addr.h"

static struct bk_nat_finding open_at(struct bk_addr a)
{
	return (struct bk_nat_finding){.local = a,
		.profile = {.public_addr = a,
			.mapping = BK_NAT_ENDPOINT_INDEPENDENT,
			.filtering = BK_NAT_ENDPOINT_INDEPENDENT},
		.port_min = a.port,
		.port_max = a.port,
		.hairpin = BK_NAT_YES,
		.rtt = 7 * BK_MS};
}

static void nothing_found_is_said_to_be_unknown(void **state)
{
	const struct bk_survey_facts facts = {0};
	struct bk_nat_result r;

	(void)state;
	bk_survey_put_into_words(&facts, &r);
	assert_string_equal(r.udp.type, "unknown");
	assert_string_equal(r.tcp.type, "unknown");
	assert_string_equal(r.ipv6.type, "unknown");
	assert_true(r.udp.hairpin == -1 && r.stacked == -1 && r.lifetime_max_s == 0);
	assert_string_equal(r.udp.local, "");
}

static void tcp_that_was_tried_in_vain_is_blocked(void **state)
{
	const struct bk_survey_facts facts = {.has_asked_tcp = true};
	struct bk_nat_result r;

	(void)state;
	bk_survey_put_into_words(&facts, &r);
	assert_string_equal(r.tcp.type, "Blocked");
}

static void what_was_not_learnt_has_its_reason(void **state)
{
	const struct bk_survey_facts facts = {.has_asked_tcp = true,
		.tcp_error = BK_E_REFUSED,
		.tcp_text = "cannot connect to server 'x': connection refused",
		.has_udp4 = true,
		.udp4.stun_error = 420};
	struct bk_nat_result r;

	(void)state;
	bk_survey_put_into_words(&facts, &r);
	assert_string_equal(r.tcp.type, "unknown");
	assert_string_equal(r.tcp.why, facts.tcp_text);
	assert_string_equal(r.udp.type, "unknown");
	assert_non_null(strstr(r.udp.why, "STUN error 420"));
}

static void each_transport_has_its_own_account(void **state)
{
	struct bk_addr udp = bk_addr_v4(203, 0, 113, 1, 4000), tcp = bk_addr_v4(203, 0, 113, 1, 5000);
	struct bk_survey_facts facts = {.has_udp4 = true,
		.udp4 = open_at(udp),
		.has_asked_tcp = true,
		.has_tcp = true,
		.view = {.local = tcp,
			.samples = {{bk_addr_v4(203, 0, 113, 9, 15005), tcp}},
			.samples_len = 1,
			.same_address = BK_MAILBOX_REACH_YES,
			.other_address = BK_MAILBOX_REACH_YES},
		.lifetime_min = 29 * BK_SEC,
		.lifetime_max = 31 * BK_SEC};
	struct bk_nat_result r;

	(void)state;
	bk_survey_put_into_words(&facts, &r);
	assert_string_equal(r.udp.public_, "203.0.113.1:4000");
	assert_string_equal(r.tcp.public_, "203.0.113.1:5000");
	assert_string_equal(r.udp.type, "Open Internet");
	assert_string_equal(r.tcp.type, "Open Internet");
	assert_true(r.udp.hairpin == 1 && r.tcp.hairpin == -1 && r.rtt_ms == 7);
	assert_true(r.lifetime_min_s == 29 && r.lifetime_max_s == 31);
	assert_true(r.outlook_len > 0 && r.outlook[0].is_direct);
}

static void ipv6_stands_for_udp_where_the_server_has_no_ipv4(void **state)
{
	struct bk_survey_facts facts = {.has_udp6 = true};
	struct bk_addr a;
	struct bk_nat_result r;

	(void)state;
	assert_int_equal(bk_addr_from_str("[2001:db8::1]:4000", &a), 0);
	facts.udp6 = open_at(a);
	bk_survey_put_into_words(&facts, &r);
	assert_string_equal(r.udp.local, "[2001:db8::1]:4000");
	assert_string_equal(r.ipv6.local, "[2001:db8::1]:4000");
	facts = (struct bk_survey_facts){
		.has_udp4 = true, .udp4 = open_at(bk_addr_v4(10, 0, 0, 1, 1)), .own6 = a};
	bk_survey_put_into_words(&facts, &r);
	assert_string_equal(r.ipv6.type, "unknown");
	assert_string_equal(r.ipv6.local, "[2001:db8::1]:4000");
}

static void a_router_that_is_behind_another_nat_gives_itself_away(void **state)
{
	struct bk_survey_facts facts = {
		.has_udp4 = true,
		.udp4 = open_at(bk_addr_v4(45, 10, 20, 7, 4000)),
		.router = {.gateway = bk_addr_v4(10, 0, 0, 1, 0),
			.upnp = BK_PORTMAP_PRESENT,
			.presence = {BK_PORTMAP_ABSENT, BK_PORTMAP_PRESENT},
			.outside = bk_addr_v4(45, 10, 20, 7, 0)},
	};
	struct bk_nat_result r;

	(void)state;
	bk_survey_put_into_words(&facts, &r);
	assert_string_equal(r.router, "10.0.0.1");
	assert_true(r.pcp == 0 && r.natpmp == 1 && r.pcp6 == -1);
	assert_int_equal(r.router_nested, 0);
	assert_int_equal(r.upnp, 1);
	facts.router.outside = bk_addr_v4(100, 64, 0, 7, 0);
	bk_survey_put_into_words(&facts, &r);
	assert_int_equal(r.router_nested, 1);
	assert_string_equal(r.router_outside, "100.64.0.7");
	facts.router = (struct bk_router_view){.is_settled = true};
	bk_survey_put_into_words(&facts, &r);
	assert_true(r.pcp == -1 && r.upnp == -1 && r.router_nested == -1 && !*r.router);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_found_is_said_to_be_unknown),
		cmocka_unit_test(tcp_that_was_tried_in_vain_is_blocked),
		cmocka_unit_test(what_was_not_learnt_has_its_reason),
		cmocka_unit_test(each_transport_has_its_own_account),
		cmocka_unit_test(a_router_that_is_behind_another_nat_gives_itself_away),
		cmocka_unit_test(ipv6_stands_for_udp_where_the_server_has_no_ipv4),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

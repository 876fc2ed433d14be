/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "punch/explain.h"
#include "punch/tcp.h"
#include "punch/test_kit.h"
#include "punch/udp.h"

static const struct bk_nat_profile symmetric = {.mapping = BK_NAT_ADDRESS_AND_PORT_DEPENDENT,
	.filtering = BK_NAT_ADDRESS_AND_PORT_DEPENDENT,
	.allocation = BK_NAT_RANDOM,
	.is_translated = true};

/* Side 1 or 2, behind a symmetric NAT. */
static struct bk_intro side(uint8_t n)
{
	struct bk_intro in = {
		.tcp = symmetric, .udp = symmetric, .capabilities = BK_INTRO_OPENS, .server_rtt = 20 * BK_MS};

	in.tcp.public_addr = in.udp.public_addr = bk_addr_v4(203, 0, 113, n, 41000);
	return in;
}

static void open_port(struct bk_intro *in, enum bk_transport t, struct bk_addr at)
{
	in->candidates[in->candidates_len++] =
		(struct bk_candidate){.kind = BK_CANDIDATE_OPENED, .transport = t, .addr = at};
}

static const struct bk_method *const methods[] = {&bk_method_tcp, &bk_method_udp};

static void the_side_without_the_port_goes_to_it_at_once(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct bk_intro a = side(1), b = side(2);
		struct bk_plan there, here;

		open_port(&a, methods[i]->transport, bk_addr_v4(203, 0, 113, 1, 50000));
		there = kit_plan_of(methods[i], &b, &a);
		here = kit_plan_of(methods[i], &a, &b);
		assert_true(there.is_hopeful && here.is_hopeful && here.budget == BK_PLAN_BUDGET);
		assert_int_equal(here.attempts_len, 0);
		assert_int_equal(there.attempts_len, 1);
		assert_string_equal(there.attempts[0].technique->name, "mapped");
		assert_false(there.attempts[0].is_at_start);
		assert_true(bk_addr_equal(&there.attempts[0].remote, &a.candidates[0].addr));
		assert_non_null(strstr(
			kit_why(methods[i], &a, &b, BK_PATH_CHOICE_AUTO), "your router has opened a port"));
		assert_non_null(strstr(kit_why(methods[i], &b, &a, BK_PATH_CHOICE_AUTO),
			"the other side's router has opened a port"));
		assert_false(kit_plan_of(methods[!i], &a, &b).is_hopeful); /* it is open over one transport */
	}
}

/* Who came is told by what he came. */
static void whoever_comes_by_the_port_is_told_so(void **state)
{
	const struct bk_addr stranger = bk_addr_v4(203, 0, 113, 2, 60123),
			     near = bk_addr_v4(192, 168, 1, 7, 60123);

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct bk_intro a = side(1), b = side(2);
		struct bk_plan p;

		open_port(&a, methods[i]->transport, bk_addr_v4(203, 0, 113, 1, 50000));
		p = kit_plan_of(methods[i], &a, &b);
		assert_string_equal(bk_technique_by_look(&p, &stranger)->name, "mapped");
		assert_string_equal(bk_technique_at_door(&p, NULL, &near)->name, "lan");
		if (!i)
			assert_string_equal(bk_technique_at_door(&p, NULL, &stranger)->name, "mapped");
	}
}

/* Each side counts on the other one's attempts. */
static void a_side_that_does_not_know_the_kind_is_not_counted_on(void **state)
{
	struct bk_intro a = side(1), b = side(2);

	(void)state;
	open_port(&a, BK_TRANSPORT_UDP, bk_addr_v4(203, 0, 113, 1, 50000));
	b.capabilities = 0;
	assert_false(kit_plan_of(&bk_method_udp, &a, &b).is_hopeful);
	assert_int_equal(kit_plan_of(&bk_method_udp, &b, &a).attempts_len, 0);
}

static void a_port_of_a_router_behind_another_nat_is_no_hope(void **state)
{
	struct bk_intro a = side(1), b = side(2);

	(void)state;
	open_port(&a, BK_TRANSPORT_UDP, bk_addr_v4(100, 64, 0, 2, 50000));
	assert_false(kit_plan_of(&bk_method_udp, &a, &b).is_hopeful);
	assert_int_equal(kit_plan_of(&bk_method_udp, &b, &a).attempts_len, 0); /* we are in no such network */
}

/* One address, which is where the peer is seen: a port mapping opens no way to send us to others. */
static void a_peer_names_one_port_at_the_address_where_it_is_seen(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct bk_intro a = side(1), b = side(2);

		open_port(&a, methods[i]->transport, bk_addr_v4(198, 51, 100, 1, 80));
		open_port(&a, methods[i]->transport, bk_addr_v4(127, 0, 0, 1, 80));
		open_port(&a, methods[i]->transport, bk_addr_v4(192, 168, 1, 1, 80));
		assert_int_equal(kit_plan_of(methods[i], &b, &a).attempts_len, 0);
		for (uint16_t k = 0; k < 10; k++)
			open_port(
				&a, methods[i]->transport, bk_addr_v4(203, 0, 113, 1, (uint16_t)(2000 + k)));
		assert_int_equal(kit_plan_of(methods[i], &b, &a).attempts_len, 1);
	}
}

static void have_ipv6(struct bk_intro *in, enum bk_transport t, struct bk_addr at)
{
	in->candidates[in->candidates_len++] =
		(struct bk_candidate){.kind = BK_CANDIDATE_FIREWALLED, .transport = t, .addr = at};
}

/* The other side's own packets do not wait for the instant, and need not come from where they would punch. */
static void a_hole_in_a_firewall_for_ipv6_is_gone_through_at_once(void **state)
{
	const struct bk_addr here = {.family = 6, .ip = {0x20, 1, 0xd, 0xb8, [15] = 1}, .port = 5000},
			     there = {.family = 6, .ip = {0x20, 1, 0xd, 0xb8, [15] = 2}, .port = 5000},
			     elsewhere = {.family = 6, .ip = {0x20, 1, 0xd, 0xb8, [15] = 3}, .port = 80};

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct bk_intro a = side(1), b = side(2);
		enum bk_transport t = methods[i]->transport;
		struct bk_plan p;

		have_ipv6(&a, t, here);
		open_port(&a, t, here);
		assert_int_equal(kit_plan_of(methods[i], &b, &a).attempts_len, 0); /* we have no IPv6 */
		have_ipv6(&b, t, there);
		for (int more = 0; more < 3; more++)
			open_port(&a, t, more ? here : elsewhere);
		p = kit_plan_of(methods[i], &b, &a);
		assert_int_equal(
			p.attempts_len, i ? 1 : 2); /* over TCP what opens our own is another attempt */
		for (size_t k = 0; k < p.attempts_len; k++) {
			assert_string_equal(p.attempts[k].technique->name, "ipv6");
			assert_true(bk_addr_equal(&p.attempts[k].remote, &here));
			assert_int_equal(p.attempts[k].is_at_start, k);
		}
		b.capabilities = 0;
		assert_int_equal(kit_plan_of(methods[i], &b, &a).attempts_len, 1);
	}
}

static void a_port_that_did_not_help_is_not_asked_for(void **state)
{
	struct bk_intro a = side(1), b = side(2);
	const struct bk_pair pair = {.own = &a, .peer = &b};
	char text[BK_PLAN_TEXT_MAX];

	(void)state;
	open_port(&a, BK_TRANSPORT_UDP, bk_addr_v4(203, 0, 113, 1, 50000));
	bk_explain_no_direct(&pair, bk_techniques, text);
	assert_null(strstr(text, "port mapping"));
	assert_non_null(strstr(text, "by a port that a router had opened"));
	assert_non_null(strstr(text, "IPv6 would help"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_side_without_the_port_goes_to_it_at_once),
		cmocka_unit_test(whoever_comes_by_the_port_is_told_so),
		cmocka_unit_test(a_side_that_does_not_know_the_kind_is_not_counted_on),
		cmocka_unit_test(a_port_of_a_router_behind_another_nat_is_no_hope),
		cmocka_unit_test(a_peer_names_one_port_at_the_address_where_it_is_seen),
		cmocka_unit_test(a_hole_in_a_firewall_for_ipv6_is_gone_through_at_once),
		cmocka_unit_test(a_port_that_did_not_help_is_not_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

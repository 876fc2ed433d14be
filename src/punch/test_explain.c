/* SPDX-License-Identifier: Apache-2.0 */
/* The words for plans, paths and why there is none. */
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

/* All that bodkin has but punch. */
static const struct bk_technique *const *without_punch(void)
{
	static const struct bk_technique *rows[16];
	size_t n = 0;

	for (size_t i = 0; bk_techniques[i]; i++) {
		assert_true(i < sizeof(rows) / sizeof(rows[0]));
		if (strcmp(bk_techniques[i]->name, "punch") != 0)
			rows[n++] = bk_techniques[i];
	}
	rows[n] = NULL;
	return rows;
}

/* The words come from the rows, not from what punch would make of the two. */
static void a_table_without_punch_is_told_without_it(void **state)
{
	static const struct bk_method *const methods[] = {&bk_method_tcp, &bk_method_udp};
	struct bk_intro own = kit_behind(PORT, 1), peer = kit_behind(PORT, 2);
	const struct bk_pair pair = {.own = &own, .peer = &peer};
	char out[BK_PLAN_TEXT_MAX];
	struct bk_plan p;

	(void)state;
	own.udp = own.tcp;
	peer.udp = peer.tcp;
	for (size_t i = 0; i < 2; i++) {
		bk_plan_make(&pair, without_punch(), methods[i], &p);
		assert_false(p.is_hopeful);
		methods[i]->explain(&p, &pair, out);
		assert_null(strstr(out, "same moment"));
		assert_non_null(strstr(out, "both NATs port-restricted: "));
		assert_non_null(strstr(out, "these two"));
	}
	bk_explain_no_direct(&pair, without_punch(), out);
	assert_non_null(strstr(out, "both NATs port-restricted: neither UDP nor TCP connects these two"));
}

static void the_texts_say_what_is_done_and_what_would_help(void **state)
{
	struct bk_intro port = kit_behind(PORT, 1), port2 = kit_behind(PORT, 2), sym = kit_behind(SYM, 2),
			open = kit_behind(OPEN, 2);
	char out[BK_PLAN_TEXT_MAX];
	struct bk_plan p = kit_plan_of(&bk_method_tcp, &port, &port2);

	(void)state;
	assert_string_equal(kit_why(&bk_method_tcp, &port, &port2, BK_PATH_CHOICE_AUTO),
		"both NATs are port-restricted: both sides connect to each other at the same moment");
	assert_string_equal(bk_plan_attempt_to_str(&p, 0, out),
		"punch 203.0.113.2:41000 from the shared port at the agreed instant");
	assert_string_equal(bk_plan_attempt_to_str(&p, 1, out), "none");
	assert_string_equal(bk_explain_nats(&port.tcp, &port2.tcp, out), "both NATs port-restricted");
	assert_string_equal(
		bk_explain_nats(&open.tcp, &sym.tcp, out), "open here, symmetric (random ports) there");
	assert_string_equal(kit_no_direct(&sym, &port),
		"your NAT gives every connection a new port and the other side's NAT only lets in ports it "
		"has called: no TCP "
		"technique connects these two; a port mapping on either router, UDP or IPv6 would help");
	assert_non_null(strstr(kit_no_direct(&port, &port2), "both NATs port-restricted"));
}

/* Each row is told by its own words. */
static void a_path_is_told_by_what_it_is_and_a_relay_by_its_reason(void **state)
{
	static const char *const told[] = {
		"direct over TCP on the local network, 12 ms",
		"direct over TCP and IPv6, both NATs port-restricted, 12 ms",
		"direct over TCP by a guessed port (predict, with a chance of 0.0 %), both NATs port-restricted, 12 ms",
		"direct over TCP, both NATs port-restricted, 12 ms",
		"direct over TCP, by a port that a router opened, 12 ms",
		"direct over UDP on the local network, 12 ms",
		"direct over UDP and IPv6, open here, symmetric (random ports) there, 12 ms",
		"direct over UDP, by a port that a router opened, 12 ms",
		"direct over UDP by a guessed port (predict, with a chance of 0.0 %), open here, symmetric (random "
		"ports) there, 12 ms",
		"direct over UDP by a guessed port (blocks, with a chance of 0.0 %), open here, symmetric (random "
		"ports) there, 12 ms",
		"direct over UDP by a guessed port (birthday, with a chance of 0.0 %), open here, symmetric (random "
		"ports) there, 12 ms",
		"direct over UDP, open here, symmetric (random ports) there, 12 ms",
		"direct over UDP, open here, symmetric (random ports) there, 12 ms",
		"relayed by the server, 12 ms: a direct connection was tried over UDP and TCP (open here, "
		"symmetric (random ports) there) but none came about in time: a firewall on the way, or a "
		"router that behaves differently than it looked; a port mapping on either router or IPv6 may "
		"help",
	};
	struct bk_intro own = kit_behind(PORT, 1), peer = kit_behind(PORT, 2);
	struct bk_pair pair = {.own = &own, .peer = &peer};
	char out[BK_EXPLAIN_PATH_MAX];
	size_t i;

	(void)state;
	own.udp = kit_behind(OPEN, 1).tcp;
	peer.udp = kit_behind(SYM, 2).tcp;
	for (i = 0; bk_techniques[i]; i++)
		assert_string_equal(
			bk_explain_path(bk_techniques[i], &pair, bk_techniques, 12, out), told[i]);
	assert_int_equal(i, sizeof(told) / sizeof(told[0]));
	own.udp = kit_behind(PORT, 1).tcp;
	bk_explain_path(bk_techniques[i - 1], &pair, bk_techniques, 0, out);
	assert_null(strstr(out, "firewall"));
	assert_ptr_equal(
		strstr(out, "relayed by the server: the other side's NAT gives every connection a new port"),
		out);
	pair.choice = BK_PATH_CHOICE_RELAY;
	assert_string_equal(bk_explain_path(bk_techniques[i - 1], &pair, bk_techniques, 12, out),
		"relayed by the server, as asked for, 12 ms");
	assert_string_equal(bk_explain_path(bk_techniques[i - 1], &pair, bk_techniques, 0, out),
		"relayed by the server, as asked for");
}

static void the_relay_reason_tells_of_both_transports(void **state)
{
	struct bk_intro port = kit_behind(PORT, 1), sym = kit_behind(SYM, 2), port2 = kit_behind(PORT, 2);

	(void)state;
	port.udp = port.tcp;
	assert_string_equal(kit_no_direct(&port, &sym),
		"the other side's network lets no UDP through, and the other side's NAT gives every "
		"connection a "
		"new port and your NAT only lets in ports it has called: no TCP technique connects these "
		"two; UDP "
		"there, a port mapping on either router or IPv6 would help");
	sym.udp = sym.tcp;
	assert_string_equal(kit_no_direct(&port, &sym),
		"the other side's NAT gives every connection a new port and your NAT only lets in ports it "
		"has "
		"called: neither UDP nor TCP connects these two; guessing "
		"ports, which neither side wants (--polite), a port mapping on either router or IPv6 "
		"would help");
	port2.udp = port2.tcp;
	assert_string_equal(kit_no_direct(&port, &port2),
		"a direct connection was tried over UDP and TCP (both NATs port-restricted) but none came "
		"about in "
		"time: a firewall on the way, or a router that behaves differently than it looked; a port "
		"mapping "
		"on either router or IPv6 may help");
	port2.tcp = sym.tcp;
	assert_string_equal(kit_why(&bk_method_tcp, &port, &port2, BK_PATH_CHOICE_AUTO),
		"the other side's NAT gives every connection a new port "
		"and your NAT only lets in ports it has "
		"called: no TCP technique connects these two");
	assert_string_equal(kit_why(&bk_method_udp, &port, &port2, BK_PATH_CHOICE_AUTO),
		"both NATs port-restricted: both sides send at the same moment");
	assert_non_null(strstr(kit_why(&bk_method_udp, &port, &sym, BK_PATH_CHOICE_AUTO),
		"no UDP technique connects these two"));
}

static size_t count(const char *text, const char *words)
{
	size_t n = 0;

	for (; (text = strstr(text, words)); text += strlen(words))
		n++;
	return n;
}

/* Whoever asks for the plan reads the plans of both transports, and then what became of them. */
static void a_reason_is_told_once_however_much_is_told(void **state)
{
	static const struct bk_method *const methods[] = {&bk_method_tcp, &bk_method_udp};
	struct bk_intro own = kit_behind(SYM, 1), peer = kit_behind(SYM, 2);
	char all[3 * BK_PLAN_TEXT_MAX] = "";

	(void)state;
	own.udp = own.tcp;
	peer.udp = peer.tcp;
	for (size_t i = 0; i < 2; i++)
		strcat(all, kit_why(methods[i], &own, &peer, BK_PATH_CHOICE_AUTO));
	assert_int_equal(count(all, "both NATs symmetric (random ports): no "), 2);
	strcat(all, kit_no_direct(&own, &peer));
	assert_int_equal(count(all, "both NATs give every connection a new port"), 1);
}

static void what_may_help_is_what_would_help(void **state)
{
	struct bk_intro port = kit_behind(PORT, 1), port2 = kit_behind(PORT, 2);

	(void)state;
	port.udp = port.tcp;
	assert_non_null(strstr(
		kit_no_direct(&port, &port2), "UDP there, a port mapping on either router or IPv6 may help"));
	assert_non_null(strstr(
		kit_no_direct(&port2, &port), "UDP here, a port mapping on either router or IPv6 may help"));
}

static void a_router_that_forbids_is_the_reason_whatever_was_hoped(void **state)
{
	struct bk_intro port = kit_behind(PORT, 1), sym = kit_behind(SYM, 2);
	struct bk_pair pair = {.own = &port, .peer = &sym, .forbidden_by = bk_addr_v4(10, 1, 0, 1, 0)};
	char out[BK_PLAN_TEXT_MAX];

	(void)state;
	port.udp = port.tcp;
	sym.udp = sym.tcp;
	sym.udp.ports = (struct bk_nat_ports){.last = 20000, .min = 2000, .max = 60000, .seen = 7};
	sym.udp.allocation = BK_NAT_RANDOM;
	port.capabilities = sym.capabilities = BK_INTRO_GUESSES;
	assert_non_null(bk_technique_fitting(&pair, bk_techniques, BK_TRANSPORT_UDP));
	assert_string_equal(bk_explain_no_direct(&pair, bk_techniques, out),
		"the other side's NAT gives every connection a new port and your NAT only lets in ports it has called; "
		"a router on the way (10.1.0.1) has forbidden to guess the port; a port mapping on either router or IPv6 "
		"would help");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_table_without_punch_is_told_without_it),
		cmocka_unit_test(the_texts_say_what_is_done_and_what_would_help),
		cmocka_unit_test(a_path_is_told_by_what_it_is_and_a_relay_by_its_reason),
		cmocka_unit_test(the_relay_reason_tells_of_both_transports),
		cmocka_unit_test(a_reason_is_told_once_however_much_is_told),
		cmocka_unit_test(what_may_help_is_what_would_help),
		cmocka_unit_test(a_router_that_forbids_is_the_reason_whatever_was_hoped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

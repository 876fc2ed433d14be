/* SPDX-License-Identifier: Apache-2.0 */
#include "server/match.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* clang-format off */
static const struct {
	const char *client, *peer, *client_action, *peer_action;
} rows[] = {
	{"Full Cone", "Full Cone", "Listen", "Connect"},
	{"Full Cone", "Symmetric NAT", "Listen", "Connect"},
	{"Open Internet", "Restric Port NAT", "Listen", "Connect"},
	{"Symmetric NAT", "Full Cone", "Connect", "Listen"},
	{"Restric NAT", "Open Internet", "Connect", "Listen"},
	{"Blocked", "Open Internet", "Connect", "Listen"},
	{"Restric NAT", "Restric NAT", "TryAndListen", "DelayConnect"},
	{"Restric NAT", "Restric Port NAT", "TryAndListen", "DelayConnect"},
	{"Restric NAT", "Symmetric NAT", "TryAndListen", "DelayConnect"},
	{"Restric Port NAT", "Restric NAT", "DelayConnect", "TryAndListen"},
	{"Symmetric NAT", "Restric NAT", "DelayConnect", "TryAndListen"},
	{"Restric Port NAT", "Restric Port NAT", "TryAndReport", "Standby"},
	{"Restric Port NAT", "Symmetric NAT", NULL, NULL},
	{"Symmetric NAT", "Restric Port NAT", NULL, NULL},
	{"Symmetric NAT", "Symmetric NAT", NULL, NULL},
	{"Symmetric UDP Firewall", "Symmetric NAT", NULL, NULL},
	{"unknown", "Full Cone", "Connect", "Listen"},
	{"Open Internet", "unknown", "Listen", "Connect"},
	{"unknown", "Restric NAT", "DelayConnect", "TryAndListen"},
	{"Restric NAT", "", "TryAndListen", "DelayConnect"},
	{"unknown", "unknown", "TryAndReport", "Standby"},
	{"unknown", "Restric Port NAT", "TryAndReport", "Standby"},
	{"", "full cone", "TryAndReport", "Standby"},
	{"unknown", "Symmetric NAT", NULL, NULL},
	{"unknown", "Blocked", NULL, NULL},
};
/* clang-format on */

static void expect_action(const char *got, const char *expected)
{
	if (expected)
		assert_string_equal(got, expected);
	else
		assert_null(got);
}

static void every_pair_gets_the_actions_of_the_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bk_match m = bk_match_nats(rows[i].client, rows[i].peer);

		expect_action(m.client_action, rows[i].client_action);
		expect_action(m.peer_action, rows[i].peer_action);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_pair_gets_the_actions_of_the_table),
	};

	return cmocka_run_group_tests_name("match", tests, NULL, NULL);
}

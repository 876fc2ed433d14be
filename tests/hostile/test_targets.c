/* SPDX-License-Identifier: Apache-2.0 */
/* Whom a peer can make us send to, and how often: docs/protocol/traversal.md holds the numbers, this counts. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "stage.h"
#include "traffic.h"

/* As the table in the document has them. */
enum {
	TARGETS = 6,          /* for each technique and transport */
	REFUSED_HOST = 14,    /* connections to one that refuses */
	REFUSED_MAPPED = 512, /* the one that is punched, in the first race: a try of 512 is its last */
	SILENT = 31,          /* SYNs, for each attempt */
	PROBES = 20,
	ROUNDS = 10, /* at once, after the first */
	TEXT_MAX = 64,
};

struct told {
	const char *name;
	const char *public_addr; /* in both profiles; NULL: none is known */
	enum bk_candidate_kind kind;
	const char *addr; /* of the addresses, with '#' for a number from 1 */
	unsigned addrs;
	bool is_translated;
	uint32_t capabilities;
	unsigned most_targets, most_tcp, most_silent, most_udp; /* 0: none at all */
};

static void number(char text[TEXT_MAX], const char *addr, unsigned n)
{
	size_t at = strcspn(addr, "#");

	if (addr[at])
		snprintf(text, TEXT_MAX, "%.*s%u%s", (int)at, addr, n, addr + at + 1);
	else
		snprintf(text, TEXT_MAX, "%s", addr);
}

static void tell_targets(struct bk_intro *in, const void *row)
{
	const struct told *t = row;
	struct bk_nat_profile profile = {
		.mapping = BK_NAT_ENDPOINT_INDEPENDENT, .is_translated = t->is_translated};
	char text[TEXT_MAX];

	if (t->public_addr)
		bk_addr_from_str(t->public_addr, &profile.public_addr);
	in->tcp = in->udp = profile;
	in->capabilities = t->capabilities;
	in->candidates_len = 0;
	for (unsigned i = 0; i < 2 * t->addrs && in->candidates_len < BK_INTRO_CANDIDATES_MAX; i++) {
		struct bk_candidate *c = &in->candidates[in->candidates_len++];

		number(text, t->addr, i / 2 + 1);
		*c = (struct bk_candidate){
			.kind = t->kind, .transport = i % 2 ? BK_TRANSPORT_UDP : BK_TRANSPORT_TCP};
		bk_addr_from_str(text, &c->addr);
	}
}

#define ELSEWHERE "203.0.114.5:4444"
#define HOST      BK_CANDIDATE_HOST
#define MAPPED    BK_CANDIDATE_MAPPED

static const struct told rows[] = {
	{"link-local", ELSEWHERE, HOST, "169.254.1.#:80", 4, true, 0, 0, 0, 0, 0},
	{"on a link of ours, from elsewhere", ELSEWHERE, HOST, "[fe80::#]:80", 4, true, 0, 0, 0, 0, 0},
	{"multicast", ELSEWHERE, HOST, "224.0.0.#:5353", 4, true, 0, 0, 0, 0, 0},
	{"broadcast", ELSEWHERE, HOST, "255.255.255.255:#", 4, true, 0, 0, 0, 0, 0},
	{"reserved", ELSEWHERE, HOST, "240.0.0.#:80", 4, true, 0, 0, 0, 0, 0},
	{"another private network", ELSEWHERE, HOST, "10.9.8.#:22", 4, true, 0, 0, 0, 0, 0},
	{"another private network, nobody seen", NULL, HOST, "10.9.8.#:22", 4, false, 0, 0, 0, 0, 0},
	{"our network, from elsewhere", ELSEWHERE, HOST, "192.168.7.#:80", 4, true, 0, 0, 0, 0, 0},
	{"a carrier's", ELSEWHERE, HOST, "100.64.1.#:80", 4, true, 0, 0, 0, 0, 0},
	{"this machine, from elsewhere", ELSEWHERE, HOST, "127.0.0.2:#", 4, true, 0, 0, 0, 0, 0},
	{"mapped to what the profile does not name", ELSEWHERE, MAPPED, "203.0.114.77:#", 4, true, 0, 0, 0, 0,
		0},
	{"mapped to our network", "192.168.7.1:1", MAPPED, "192.168.7.1:#", 1, true, 0, 0, 0, 0, 0},
	{"this machine, so it says", NULL, HOST, "127.0.0.2:#", 12, false, 0, TARGETS, REFUSED_HOST, SILENT,
		PROBES},
	{"a crowd", ELSEWHERE, HOST, "8.0.0.#:80", 12, true, 0, TARGETS, REFUSED_HOST, SILENT, PROBES},
	{"the mapped one", ELSEWHERE, MAPPED, "203.0.114.5:4444", 1, true, 0, 1, REFUSED_MAPPED, SILENT,
		PROBES},
};

static bool is_server(const struct bk_addr *a)
{
	struct bk_addr home;

	bk_addr_from_str("127.0.0.1:1", &home);
	return bk_addr_equal_ip(a, &home);
}

/* What went to strangers, over each transport. */
static bool is_within(const struct told *t, bool is_silent)
{
	unsigned targets[2] = {0}, most[2] = {0};

	for (size_t i = 0; i < traffic.len; i++) {
		const struct traffic_entry *e = &traffic.entries[i];

		if (is_server(&e->to))
			continue;
		targets[e->is_tcp]++;
		most[e->is_tcp] = e->count > most[e->is_tcp] ? e->count : most[e->is_tcp];
	}
	if (targets[0] <= t->most_targets && targets[1] <= t->most_targets && most[0] <= t->most_udp &&
		most[1] <= (is_silent ? t->most_silent : t->most_tcp))
		return true;
	print_error("%s%s: %u addresses over TCP, %u connections to one; %u over UDP, %u datagrams\n",
		t->name, is_silent ? ", silent" : "", targets[1], most[1], targets[0], most[0]);
	return false;
}

static bool play_row(const struct told *t, bool is_silent)
{
	struct scene scene = {.name = t->name,
		.has_time = true,
		.path = BK_PATH_CHOICE_DIRECT,
		.liar = {.is_sender = true,
			.is_mute = true,
			.stage = LIAR_STAGES,
			.describe = tell_targets,
			.row = t}};
	struct verdict v;

	traffic_reset(is_silent);
	scene_play(&scene, &v);
	if (v.error != BK_E_NO_PATH)
		print_error("%s: %s, '%s'\n", t->name, bk_error_name(v.error), v.text);
	return is_within(t, is_silent) && v.error == BK_E_NO_PATH;
}

static void what_a_peer_names_is_sent_no_more_than_the_document_says(void **state)
{
	bool is_well = true;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (int is_silent = 0; is_silent < 1 + (rows[i].most_targets > 0); is_silent++)
			is_well &= play_row(&rows[i], is_silent);
	assert_true(is_well);
}

static void ask_again(struct liar *l)
{
	bk_meet_again(l->meet);
}

static void rounds_without_end_are_few_races(void **state)
{
	static const struct told told = {
		.public_addr = ELSEWHERE, .kind = MAPPED, .addr = ELSEWHERE, .addrs = 1};
	struct scene scene = {.name = "rounds",
		.has_time = true,
		.path = BK_PATH_CHOICE_DIRECT,
		.liar = {.is_sender = true,
			.is_mute = true,
			.stage = LIAR_STAGES,
			.describe = tell_targets,
			.met = ask_again,
			.row = &told}};
	struct verdict v;

	(void)state;
	traffic_reset(false);
	scene_play(&scene, &v);
	assert_int_equal(v.error, BK_E_NO_PATH);
	assert_in_range(traffic.races, 2, 1 + ROUNDS + 1);
}

/* It names addresses, and insists on a direct path, or does not. */
static void relay_only_opens_nothing_and_tries_nothing_whatever_the_peer_insists_on(void **state)
{
	(void)state;
	for (uint32_t insists = 0; insists < 2; insists++) {
		const struct told told = {.public_addr = ELSEWHERE,
			.kind = HOST,
			.addr = "127.0.0.2:#",
			.addrs = 6,
			.capabilities = insists ? BK_MEET_ONLY_DIRECT : 0};
		struct scene scene = {.name = "relay only",
			.has_time = true,
			.path = BK_PATH_CHOICE_RELAY,
			.liar = {.is_sender = true,
				.stage = LIAR_STAGES,
				.describe = tell_targets,
				.row = &told}};
		struct verdict v;

		traffic_reset(false);
		scene_play(&scene, &v);
		assert_int_equal(v.error, insists ? BK_E_NO_PATH : 0);
		assert_true(is_within(&told, false));
		assert_int_equal(traffic.listeners, 0);
		assert_true(insists || v.path_kind == BK_PATH_KIND_RELAY);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_peer_names_is_sent_no_more_than_the_document_says),
		cmocka_unit_test(rounds_without_end_are_few_races),
		cmocka_unit_test(relay_only_opens_nothing_and_tries_nothing_whatever_the_peer_insists_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

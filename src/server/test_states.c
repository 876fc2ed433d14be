/* SPDX-License-Identifier: Apache-2.0 */
/* Every message of a client in every state: what it is answered, what whoever shares a number with it is told, and
 * nothing else: "to me|to the other". "bye" is the end of the connection, a word in lower case the code of an
 * error. */
#include "server/test_kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/limits.h"

enum state {
	STRANGER, /* TLS, no hello */
	READY,
	WAITS,    /* made a code */
	CLAIMED,  /* which somebody claimed */
	CLAIMS,   /* claimed one */
	PRETENDS, /* and showed a secret alone */
	DECEIVED, /* its code, likewise */
	MET,
	FULL, /* has four codes */
	STATES,
};

enum { BYSTANDER_NUMBER = 4000, SECRET = 9 };

/* The subject, the one that shares a number with it, and one who has a code and nothing to do with them. */
struct scene {
	struct kit *k;
	struct peer me, other, bystander;
	bool has_other;
};

static void allocate(struct peer *p, uint32_t number)
{
	uint8_t left[] = "left";
	struct bk_rdv_msg m;

	peer_send(p, (struct bk_rdv_msg){.type = BK_RDV_CLIENT_ALLOCATE,
			     .nameplate = number,
			     .body = left,
			     .body_len = sizeof(left)});
	peer_recv(p, BK_RDV_SERVER_NAMEPLATE, &m);
}

static void show(struct peer *p, uint32_t side)
{
	struct bk_rdv_msg m;

	peer_send(p, (struct bk_rdv_msg){
			     .type = BK_RDV_CLIENT_REJOIN, .secret = {SECRET}, .side = side, .number = 1});
	peer_send(p, (struct bk_rdv_msg){.type = BK_RDV_CLIENT_PING});
	peer_recv(p, BK_RDV_SERVER_PONG, &m);
}

static void set_scene(struct scene *s, enum state state)
{
	bool is_maker = state == CLAIMED || state == DECEIVED || state == MET;
	uint8_t token[BK_RDV_SECRET_LEN];

	*s = (struct scene){.k = kit_start((struct bk_server_opts){0}, NULL)};
	peer_join(&s->bystander, s->k, "bystander");
	allocate(&s->bystander, BYSTANDER_NUMBER);
	if (state == STRANGER) {
		peer_connect(&s->me, s->k->port);
		peer_secure(&s->me);
		return;
	}
	peer_join(&s->me, s->k, "me");
	for (int i = 0; i < (state == FULL ? BK_LIMIT_NAMEPLATES : state == WAITS); i++)
		allocate(&s->me, 0);
	s->has_other = is_maker || state == CLAIMS || state == PRETENDS;
	if (!s->has_other)
		return;
	peer_join(&s->other, s->k, "other");
	peers_pair(is_maker ? &s->me : &s->other, is_maker ? &s->other : &s->me, token);
	if (state == PRETENDS)
		show(&s->me, 1);
	if (state == DECEIVED || state == MET)
		show(&s->other, 1);
	if (state == MET)
		show(&s->me, 0);
}

static void end_scene(struct scene *s)
{
	peer_close(&s->me);
	peer_close(&s->bystander);
	if (s->has_other)
		peer_close(&s->other);
	kit_stop(s->k);
}

/* "Pong" of "PongMessage"; a mail is a "MailMessage". */
static size_t word_len(const char *word)
{
	const char *end = strstr(word, "Message");

	return end ? (size_t)(end - word) : strlen(word);
}

/* What it was sent until now, as words. */
static void hear(struct peer *p, char out[128])
{
	struct bk_rdv_msg m = {0};
	size_t n = 0;
	int err = 0;

	out[0] = 0;
	peer_send(p, (struct bk_rdv_msg){.type = BK_RDV_CLIENT_PING, .number = 4711});
	while (!(err = peer_try_recv(p, &m)) && (m.type != BK_RDV_SERVER_PONG || m.number != 4711)) {
		const char *word = m.type == BK_RDV_SERVER_ERROR ? m.code : bk_rdv_type_name(m.type) + 6;

		if (m.type == BK_RDV_SERVER_REACHED) /* comes when the test is through */
			continue;
		n += (size_t)snprintf(out + n, 128 - n, "%s%.*s", n ? " " : "", (int)word_len(word), word);
		bk_rdv_done(&m);
	}
	if (err)
		snprintf(out + n, 128 - n, "%sbye", n ? " " : "");
}

static uint8_t body[] = "b";
static uint8_t group_join[1 + BK_GROUP_ID_LEN + BK_GROUP_LIFE_LEN + 8] = {BK_GROUP_JOIN, 5};
static uint8_t group_post[] = {BK_GROUP_POST, 0, 0, 0, 1, 'x'}, group_later[] = {99},
	       group_word[] = {BK_GROUP_ENDED}, group_short[] = {BK_GROUP_JOIN};

static const struct row {
	const char *name;
	struct bk_rdv_msg m;
	const char *said[STATES];
} rows[] = {
	{"hello",
		{.type = BK_RDV_CLIENT_HELLO,
			.client_id = "again",
			.nat_type = "unknown",
			.private_ip = "10.0.0.1",
			.version = 1},
		{"Hello", "bye", "bye", "bye|Released", "bye|Released", "bye", "bye|Released", "bye", "bye"}},
	{"ping", {.type = BK_RDV_CLIENT_PING, .number = 1},
		{"bye", "Pong", "Pong", "Pong", "Pong", "Pong", "Pong", "Pong", "Pong"}},
	{"probe", {.type = BK_RDV_CLIENT_PROBE, .nonce = {1}}, {"bye", "", "", "", "", "", "", "", ""}},
	{"reach", {.type = BK_RDV_CLIENT_REACH, .nonce = {1}}, {"bye", "", "", "", "", "", "", "", ""}},
	{"allocate", {.type = BK_RDV_CLIENT_ALLOCATE, .body = body, .body_len = 1},
		{"bye", "Nameplate", "Nameplate", "Nameplate", "Nameplate", "Nameplate", "Nameplate",
			"Nameplate", "full"}},
	{"wish", {.type = BK_RDV_CLIENT_ALLOCATE, .nameplate = 5000, .body = body, .body_len = 1},
		{"bye", "Nameplate", "Nameplate", "Nameplate", "Nameplate", "Nameplate", "Nameplate",
			"Nameplate", "full"}},
	{"wish of what is taken",
		{.type = BK_RDV_CLIENT_ALLOCATE, .nameplate = BYSTANDER_NUMBER, .body = body, .body_len = 1},
		{"bye", "exists", "exists", "exists", "exists", "exists", "exists", "exists", "full"}},
	{"wish of what cannot be",
		{.type = BK_RDV_CLIENT_ALLOCATE,
			.nameplate = BK_LIMIT_NAMEPLATE_NUMBER + 1,
			.body = body,
			.body_len = 1},
		{"bye", "invalid", "invalid", "invalid", "invalid", "invalid", "invalid", "invalid", "full"}},
	{"claim of nothing", {.type = BK_RDV_CLIENT_CLAIM, .nameplate = 5000},
		{"bye", "no-such-peer", "no-such-peer", "no-such-peer", "no-such-peer", "no-such-peer",
			"no-such-peer", "no-such-peer", "full"}},
	{"mail", {.type = BK_RDV_CLIENT_MAIL, .body = body, .body_len = 1},
		{"bye", "not-found", "", "|Mail", "|Mail", "|Mail", "|Mail", "|Mail", ""}},
	{"release", {.type = BK_RDV_CLIENT_RELEASE},
		{"bye", "not-found", "", "|Released", "|Released", "|Released", "|Released", "|Released",
			""}},
	{"rejoin of another meeting", {.type = BK_RDV_CLIENT_REJOIN, .secret = {7}, .side = 0, .number = 2},
		{"bye", "", "", "", "", "", "", "", "full"}},
	{"rejoin as the maker", {.type = BK_RDV_CLIENT_REJOIN, .secret = {SECRET}, .side = 0, .number = 2},
		{"bye", "", "", "", "", "invalid", "", "", "full"}},
	{"rejoin as the other", {.type = BK_RDV_CLIENT_REJOIN, .secret = {SECRET}, .side = 1, .number = 2},
		{"bye", "", "", "", "", "", "invalid", "invalid", "full"}},
	{"rejoin that is too late",
		{.type = BK_RDV_CLIENT_REJOIN, .secret = {SECRET}, .side = 0, .number = 0},
		{"bye", "", "", "", "", "invalid", "", "exists", "full"}},
	{"rejoin as nobody", {.type = BK_RDV_CLIENT_REJOIN, .secret = {SECRET}, .side = 7, .number = 2},
		{"bye", "invalid", "invalid", "invalid", "invalid", "invalid", "invalid", "invalid",
			"invalid"}},
	{"rejoin that asks for a round",
		{.type = BK_RDV_CLIENT_REJOIN, .secret = {SECRET}, .side = 0, .number = 2, .asks = 1},
		{"bye", "Relay", "Relay", "Relay|Relay", "Relay", "invalid", "Relay|Relay", "Relay|Relay",
			"full"}},
	{"group", {.type = BK_RDV_CLIENT_GROUP, .body = group_join, .body_len = sizeof(group_join)},
		{"bye", "Group Group", "Group Group", "Group Group", "Group Group", "Group Group",
			"Group Group", "Group Group", "Group Group"}},
	{"post of no member",
		{.type = BK_RDV_CLIENT_GROUP, .body = group_post, .body_len = sizeof(group_post)},
		{"bye", "Group", "Group", "Group", "Group", "Group", "Group", "Group", "Group"}},
	{"group of a later version", {.type = BK_RDV_CLIENT_GROUP, .body = group_later, .body_len = 1},
		{"bye", "", "", "", "", "", "", "", ""}},
	{"the server's word of a group", {.type = BK_RDV_CLIENT_GROUP, .body = group_word, .body_len = 1},
		{"bye", "bye", "bye", "bye|Released", "bye|Released", "bye", "bye|Released", "bye", "bye"}},
	{"no group", {.type = BK_RDV_CLIENT_GROUP, .body = group_short, .body_len = 1},
		{"bye", "bye", "bye", "bye|Released", "bye|Released", "bye", "bye|Released", "bye", "bye"}},
	{"a port of the plain dialect", {.type = BK_RDV_PEER_PORT, .client_id = "me", .port = 1},
		{"bye", "bye", "bye", "bye|Released", "bye|Released", "bye", "bye|Released", "bye", "bye"}},
	{"the server's word", {.type = BK_RDV_SERVER_STOP, .content = "stop"},
		{"bye", "bye", "bye", "bye|Released", "bye|Released", "bye", "bye|Released", "bye", "bye"}},
};

static const char *const state_names[STATES] = {
	"stranger", "ready", "waits", "claimed", "claims", "pretends", "deceived", "met", "full"};

static bool is_right(const struct row *row, enum state at)
{
	char me[128], other[128] = "", aside[128], got[300];
	struct scene s;
	bool is_same;

	set_scene(&s, at);
	peer_send(&s.me, row->m);
	hear(&s.me, me);
	if (s.has_other)
		hear(&s.other, other);
	hear(&s.bystander, aside);
	end_scene(&s);
	snprintf(got, sizeof(got), "%s%s%s", me, *other ? "|" : "", other);
	is_same = !*aside && strcmp(got, row->said[at]) == 0;
	if (!is_same)
		print_error("%s, %s: \"%s\" instead of \"%s\", to a bystander \"%s\"\n", row->name,
			state_names[at], got, row->said[at], aside);
	return is_same;
}

static void every_message_in_every_state_has_its_answer_and_no_other(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (enum state at = 0; at < STATES; at++)
			wrong += !is_right(&rows[i], at);
	assert_int_equal(wrong, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_message_in_every_state_has_its_answer_and_no_other),
	};

	return cmocka_run_group_tests_name("states", tests, NULL, NULL);
}

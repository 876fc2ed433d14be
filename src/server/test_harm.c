/* SPDX-License-Identifier: Apache-2.0 */
/* Members that harm, on real connections, beside two honest ones who talk all the while: these hear every line in
 * order and soon, and what the server keeps is as much afterwards as before. */
#include "server/test_member.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "net/loop.h"
#include "server/config.h"
#include "server/limits.h"

#define SOON (2 * BK_SEC)

enum { KEPT = 1536 * 1024 }; /* a hundred posts of 4 KiB, as they go out, and some */

struct ear {
	struct peer p;
	uint64_t last;
};

struct honest {
	struct kit *k;
	struct ear a, b;
	unsigned said, denied; /* denied: they were to wait for what others said */
	size_t heap;
	bool is_sent_away; /* somebody else, as they were told */
	bk_time worst;
};

/* One more of what it hears; lines have the next number. */
static struct bk_group_msg hear_one(struct ear *e, struct bk_rdv_msg *in)
{
	struct bk_group_msg m;

	peer_recv(&e->p, BK_RDV_SERVER_GROUP, in);
	assert_int_equal(bk_group_decode(in->body, in->body_len, &m), 0);
	if (m.type == BK_GROUP_SAID)
		assert_int_equal(m.number, ++e->last);
	return m;
}

/* Milliseconds: it was not taken, and may be said again then. 0: it was heard. */
static uint32_t hear_until(struct ear *e, const char *line)
{
	struct bk_group_msg m = {0};
	bool is_it = false;

	while (!is_it && m.type != BK_GROUP_DENIED) {
		struct bk_rdv_msg in;

		m = hear_one(e, &in);
		is_it = m.type == BK_GROUP_SAID && m.len == strlen(line) && !memcmp(m.bytes, line, m.len);
		assert_true(m.type != BK_GROUP_ENDED);
		bk_rdv_done(&in);
	}
	return is_it ? 0 : m.wait_ms;
}

/* They say something in turn, and hear it and all that was said before. */
static void talk(struct honest *h)
{
	struct ear *speaker = ++h->said % 2 ? &h->a : &h->b, *other = h->said % 2 ? &h->b : &h->a;
	bk_time began = bk_loop_clock(), took;
	uint32_t wait;
	char line[32];

	snprintf(line, sizeof(line), "line %u", h->said);
	for (member_post(&speaker->p, 1, line, strlen(line)); (wait = hear_until(speaker, line));
		member_post(&speaker->p, 1, line, strlen(line))) {
		h->denied++;
		usleep(wait * 1000);
	}
	hear_until(other, line);
	took = bk_loop_clock() - began;
	h->worst = took > h->worst ? took : h->worst;
}

static void have_a_burst(struct bk_server_config *config)
{
	config->posts_burst = 10000; /* the group's rate is what holds them */
}

static struct honest begin_as(void (*adjust)(struct bk_server_config *config))
{
	struct honest h = {
		.k = kit_start_as((struct bk_server_opts){.messages_per_second = 1000}, NULL, adjust)};

	peer_join(&h.a.p, h.k, "a");
	peer_join(&h.b.p, h.k, "b");
	member_join(&h.a.p, "a");
	member_hear_briefly(&h.a.p, BK_GROUP_JOINED);
	member_hear_briefly(&h.a.p, BK_GROUP_ROSTER);
	member_join(&h.b.p, "b");
	member_hear_briefly(&h.b.p, BK_GROUP_JOINED);
	member_hear_briefly(&h.b.p, BK_GROUP_ROSTER);
	for (int i = 0; i < 10; i++)
		talk(&h);
	h.heap = kit_allocated();
	return h;
}

static struct honest begin(void)
{
	return begin_as(NULL);
}

static void finish(struct honest *h)
{
	talk(h);
	talk(h);
	print_message("the slowest of %u lines took %.1f ms\n", h->said, (double)h->worst / BK_MS);
	assert_true(h->worst < SOON);
	assert_true(kit_allocated() < h->heap + KEPT);
	peer_close(&h->a.p);
	peer_close(&h->b.p);
	kit_stop(h->k);
}

static void who_floods_costs_the_others_nothing(void **state)
{
	struct honest h = begin();
	struct peer p;

	(void)state;
	peer_join(&p, h.k, "flood");
	member_join(&p, "flood");
	for (uint32_t i = 1; i <= 1500; i++) {
		member_post(&p, i, "flood", 5);
		if (i % 100 == 0)
			talk(&h);
	}
	peer_close(&p);
	assert_int_equal(h.denied, 0);
	assert_in_range(h.a.last, h.said + BK_LIMIT_MEMBER_POSTS_BURST, h.said + 1000);
	finish(&h);
}

static void frame_raw(struct peer *p, const void *body, size_t n)
{
	peer_send(p, (struct bk_rdv_msg){
			     .type = BK_RDV_CLIENT_GROUP, .body = (uint8_t *)(uintptr_t)body, .body_len = n});
}

/* Words of the server, words in the wrong place, ones that are too long or none. */
static void lie(struct peer *p, unsigned which)
{
	static uint8_t bytes[BK_RDV_BODY_MAX];

	memset(bytes, 0x55, sizeof(bytes));
	bytes[0] = which < 30 ? (uint8_t)which : BK_GROUP_CARD;
	if (which == 30)
		frame_raw(p, bytes, BK_GROUP_CARD_MAX + 2);
	else if (which == 31)
		member_join(p, "twice");
	else if (which == 32)
		member_say(p, (struct bk_group_msg){.type = BK_GROUP_LEAVE});
	else if (which == 33)
		peer_write(p, bytes, 1024);
	else
		frame_raw(p, bytes, which % 2 ? 40 : sizeof(bytes));
	if (which == 32)
		member_post(p, 1, "not in it", 9);
}

static void who_lies_to_the_server_harms_nobody(void **state)
{
	struct honest h = begin();

	(void)state;
	for (unsigned which = 0; which < 34; which++) {
		struct peer p;
		char id[16];

		snprintf(id, sizeof(id), "liar %u", which);
		peer_join(&p, h.k, id);
		member_join(&p, id);
		lie(&p, which);
		talk(&h);
		peer_close(&p);
	}
	finish(&h);
}

static void who_comes_and_goes_without_end_costs_nobody_a_line(void **state)
{
	struct honest h = begin();
	struct peer p;

	(void)state;
	peer_join(&p, h.k, "restless");
	for (int i = 0; i < 1000; i++) {
		member_join(&p, "restless");
		member_say(&p, (struct bk_group_msg){.type = BK_GROUP_LEAVE});
		if (i % 20 == 0)
			talk(&h);
	}
	peer_close(&p);
	for (int i = 0; i < 100; i++) {
		char id[16];

		snprintf(id, sizeof(id), "restless %d", i);
		peer_join(&p, h.k, id);
		member_join(&p, id);
		peer_close(&p);
		if (i % 10 == 0)
			talk(&h);
	}
	finish(&h);
}

/* Some say nothing, others begin a handshake, others begin a message and do not end it. */
static void endless_openings_keep_nobody_from_talking(void **state)
{
	static const uint8_t beginnings[] = {0x16, 3, 1, 2, 0, 1};
	struct honest h = begin();
	struct peer p[150];

	(void)state;
	for (unsigned i = 0; i < 150; i++) {
		peer_connect(&p[i], h.k->port);
		if (i % 3 == 1)
			peer_write_raw(&p[i], beginnings, sizeof(beginnings));
		if (i % 3 == 2) {
			peer_secure(&p[i]);
			peer_write(&p[i], "\0\0\x10", 3);
		}
		if (i % 10 == 0)
			talk(&h);
	}
	for (unsigned i = 0; i < 150; i++)
		peer_close(&p[i]);
	finish(&h);
}

/* The largest posts there are; who comes and reads nothing is owed all of them. */
static void history_bombs_are_kept_once_for_all_who_do_not_read_them(void **state)
{
	enum { BOMBS = 20, COMING = 40, EACH = 42 * 1024 };
	static uint8_t bomb[BK_GROUP_POST_MAX];
	struct honest h = begin_as(have_a_burst);
	struct peer bomber, p[COMING];
	size_t before;

	(void)state;
	peer_join(&bomber, h.k, "bomber");
	member_join(&bomber, "bomber");
	for (uint32_t i = 1; i <= BOMBS; i++)
		member_post(&bomber, i, bomb, sizeof(bomb));
	while (h.b.last < h.said + BOMBS)
		talk(&h);
	before = kit_allocated();
	for (int i = 0; i < COMING; i++) {
		char id[16];

		snprintf(id, sizeof(id), "coming %d", i);
		peer_join(&p[i], h.k, id);
		member_join(&p[i], id);
		if (i % 10 == 0)
			talk(&h);
	}
	talk(&h);
	print_message("each who comes costs %zu bytes\n", (kit_allocated() - before) / COMING);
	assert_true(kit_allocated() < before + COMING * EACH);
	for (int i = 0; i < COMING; i++)
		peer_close(&p[i]);
	peer_close(&bomber);
	h.heap += BOMBS * 96 * 1024; /* they are what is kept */
	finish(&h);
}

/* Some at a time, as fast as the group takes them; how many it took. */
static unsigned talk_on(struct honest *h)
{
	enum { AT_ONCE = 50 };
	static uint8_t much[4000];
	struct bk_rdv_msg in;
	uint32_t wait = 0;
	uint64_t before = h->a.last;

	for (int i = 0; i < AT_ONCE; i++)
		member_post(&h->a.p, 1, much, sizeof(much));
	for (int i = 0; i < AT_ONCE; i++) {
		struct bk_group_msg m = hear_one(&h->a, &in);

		wait = m.type == BK_GROUP_DENIED ? m.wait_ms : wait;
		i -= m.type != BK_GROUP_DENIED && m.type != BK_GROUP_SAID;
		h->is_sent_away = h->is_sent_away || (m.type == BK_GROUP_GONE && !strcmp(m.code, "too-slow"));
		bk_rdv_done(&in);
	}
	while (h->b.last < h->a.last) {
		hear_one(&h->b, &in);
		bk_rdv_done(&in);
	}
	usleep(wait * AT_ONCE / 2 * 1000); /* the server says when there is room for one */
	return (unsigned)(h->a.last - before);
}

/* It reads at last: all up to where it was sent away, and why. */
static uint64_t read_to_the_end(struct ear *e)
{
	struct bk_group_msg m = {0};

	while (m.type != BK_GROUP_ENDED) {
		struct bk_rdv_msg in;

		m = hear_one(e, &in);
		bk_rdv_done(&in);
	}
	assert_string_equal(m.code, "too-slow");
	return e->last;
}

/* Four thousand bytes at a time until the kernel's buffers are full and the server keeps no more for it. */
static void who_does_not_read_is_sent_away_and_comes_back(void **state)
{
	struct honest h = begin_as(have_a_burst);
	struct ear slow = {0};
	unsigned posts = 0;

	(void)state;
	peer_join(&slow.p, h.k, "slow");
	member_join(&slow.p, "slow");
	member_hear_briefly(&slow.p, BK_GROUP_JOINED);
	member_hear_briefly(&slow.p, BK_GROUP_ROSTER);
	while (!h.is_sent_away && posts < 4000) {
		posts += talk_on(&h);
		assert_true(kit_allocated() < h.heap + BK_LIMIT_GROUP_BACKLOG * 6500ul + KEPT);
	}
	print_message("%u posts until it was sent away\n", posts);
	assert_true(h.is_sent_away);
	slow.last = read_to_the_end(&slow);
	assert_true(slow.last < h.a.last);
	member_join(&slow.p, "slow");
	member_hear_briefly(&slow.p, BK_GROUP_JOINED);
	member_hear_briefly(&slow.p, BK_GROUP_ROSTER);
	slow.last = h.a.last - BK_LIMIT_GROUP_HISTORY; /* as it does not say how far it was */
	talk(&h);
	hear_until(&slow, "line 11");
	peer_close(&slow.p);
	finish(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_floods_costs_the_others_nothing),
		cmocka_unit_test(who_lies_to_the_server_harms_nobody),
		cmocka_unit_test(who_comes_and_goes_without_end_costs_nobody_a_line),
		cmocka_unit_test(endless_openings_keep_nobody_from_talking),
		cmocka_unit_test(history_bombs_are_kept_once_for_all_who_do_not_read_them),
		cmocka_unit_test(who_does_not_read_is_sent_away_and_comes_back),
	};

	return cmocka_run_group_tests_name("harm", tests, NULL, NULL);
}

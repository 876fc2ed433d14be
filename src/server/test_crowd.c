/* SPDX-License-Identifier: Apache-2.0 */
#include "server/crowd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/error.h"
#include "server/limits.h"

#define LATER (3600 * BK_SEC)

static const struct bk_crowd_limits usual = {10000, 64, 1000, 60, 4, 20, 100};

static struct bk_addr v6(const char *ip)
{
	struct bk_addr a;

	assert_int_equal(bk_addr_from_ip(ip, 1, &a), 0);
	return a;
}

static struct bk_addr v4(uint32_t ip)
{
	return bk_addr_v4((uint8_t)(ip >> 24), (uint8_t)(ip >> 16), (uint8_t)(ip >> 8), (uint8_t)ip, 1);
}

/* Somebody who notes that he was sent away. */
struct someone {
	struct bk_guest *guest;
	bool is_away;
};

static void go(void *arg)
{
	struct someone *s = arg;

	assert_false(s->is_away);
	s->is_away = true;
}

static struct bk_guest *here[64 * BK_LIMIT_STRANGERS];
static size_t here_count;

static int come(struct bk_crowd *c, struct bk_addr from, struct someone *s)
{
	int err = bk_crowd_enter(c, &from, 0, &s->guest);

	s->is_away = false;
	if (!err)
		here[here_count++] = s->guest;
	if (!err)
		bk_guest_set_keeper(s->guest, go, s);
	return err;
}

/* Those who are still here leave, and it is gone. */
static void end(struct bk_crowd *c)
{
	while (here_count)
		bk_crowd_leave(c, here[--here_count], 0);
	bk_crowd_free(c);
}

static void an_address_that_has_too_many_silent_ones_loses_its_own_oldest(void **state)
{
	struct bk_crowd_limits few = usual;
	struct bk_crowd *c;
	struct someone a, b, q, other;

	(void)state;
	few.per_address_max = 2;
	c = bk_crowd_new(&few, 7);
	assert_int_equal(come(c, v4(0xc0000203), &other), 0);
	assert_int_equal(come(c, v4(0xc0000201), &a), 0);
	assert_int_equal(come(c, v4(0xc0000201), &b), 0);
	assert_ptr_equal(a.guest->circle, b.guest->circle);
	assert_int_equal(come(c, v4(0xc0000201), &q), 0);
	assert_true(a.is_away && !b.is_away && !other.is_away);
	assert_int_equal(bk_crowd_count(c, BK_SHARE_STRANGERS), 3);
	end(c);
}

static void who_is_proven_is_never_sent_away_and_has_a_share_of_its_own(void **state)
{
	struct bk_crowd_limits few = usual;
	struct bk_crowd *c;
	struct someone s[3], q;

	(void)state;
	few.per_address_max = 2;
	c = bk_crowd_new(&few, 7);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(come(c, v4(7), &s[i]), 0);
		assert_int_equal(bk_crowd_prove(c, s[i].guest, BK_SHARE_CLIENTS), 0);
	}
	assert_int_equal(come(c, v4(7), &s[2]), 0);
	assert_int_equal(bk_crowd_prove(c, s[2].guest, BK_SHARE_CLIENTS), BK_E_FULL);
	assert_int_equal(come(c, v4(7), &q), 0);
	assert_int_equal(come(c, v4(7), &q), 0);
	assert_true(!s[0].is_away && !s[1].is_away && s[2].is_away);
	for (size_t i = 0; i < here_count; i++)
		if (here[i] == s[0].guest)
			here[i] = NULL;
	bk_crowd_leave(c, s[0].guest, 0);
	assert_int_equal(bk_crowd_prove(c, q.guest, BK_SHARE_CLIENTS), 0);
	end(c);
}

static struct someone crowd[4 * BK_LIMIT_STRANGERS];

/* As many as they like from each of n addresses, one address after the other. */
static void flood(struct bk_crowd *c, struct bk_addr (*address)(unsigned i), unsigned n)
{
	for (unsigned i = 0; i < 2 * BK_LIMIT_STRANGERS; i++)
		assert_int_equal(come(c, address(i % n), &crowd[i]), 0);
	assert_true(bk_crowd_count(c, BK_SHARE_STRANGERS) <= BK_LIMIT_STRANGERS);
}

static struct bk_addr one_address(unsigned i)
{
	(void)i;
	return v4(0xc6336401);
}

static struct bk_addr of_networks(unsigned i)
{
	return v4(0xc6330001 + (i << 8));
}

static struct bk_addr of_a_56(unsigned i)
{
	char ip[64];

	snprintf(ip, sizeof(ip), "2001:db8:0:%x::1", 0x100 + i);
	return v6(ip);
}

static void a_flood_from_anywhere_sends_away_only_its_own(void **state)
{
	static const struct {
		struct bk_addr (*address)(unsigned i);
		unsigned n;
	} floods[] = {{one_address, 1}, {of_networks, 17}, {of_a_56, 256}};

	(void)state;
	for (size_t i = 0; i < sizeof(floods) / sizeof(floods[0]); i++) {
		struct bk_crowd *c = bk_crowd_new(&usual, 7);
		struct someone first, late[20];

		assert_int_equal(come(c, v4(0x0a000001), &first), 0);
		flood(c, floods[i].address, floods[i].n);
		for (int k = 0; k < 20; k++)
			assert_int_equal(come(c, v4(0x0b000001 + (k << 8)), &late[k]), 0);
		flood(c, floods[i].address, floods[i].n);
		assert_false(first.is_away);
		for (int k = 0; k < 20; k++)
			assert_false(late[k].is_away);
		end(c);
	}
}

static void where_many_come_from_nobody_is_calm_and_everywhere_else_all_are(void **state)
{
	static struct bk_addr (*const floods[])(unsigned) = {one_address, of_networks, of_a_56};
	const unsigned n[] = {1, 17, 256};
	struct bk_guest *g;

	(void)state;
	for (size_t i = 0; i < sizeof(floods) / sizeof(floods[0]); i++) {
		struct bk_crowd *c = bk_crowd_new(&usual, 7);
		struct someone late;

		flood(c, floods[i], n[i]);
		assert_false(bk_crowd_is_calm(here[here_count - 1], 0));
		assert_int_equal(come(c, v4(0x0b000001), &late), 0);
		assert_true(bk_crowd_is_calm(late.guest, 0));
		end(c);
		c = bk_crowd_new(&usual, 7); /* that come and go at once are many, too */
		for (int k = 0; k < 30; k++) {
			assert_int_equal(bk_crowd_enter(c, &(struct bk_addr){.family = 4}, 0, &g), 0);
			bk_crowd_borrow(c, g->circle, BK_RATION_ARRIVALS, 1, 0);
			assert_int_equal(bk_crowd_is_calm(g, 0), k < 25);
			bk_crowd_leave(c, g, 0);
		}
		end(c);
	}
}

static void an_ipv6_network_is_one_address(void **state)
{
	struct bk_crowd *c = bk_crowd_new(&usual, 7);
	struct someone a, same, other;

	(void)state;
	assert_int_equal(come(c, v6("2001:db8::1"), &a), 0);
	assert_int_equal(come(c, v6("2001:db8::ffff:1"), &same), 0);
	assert_int_equal(come(c, v6("2001:db8:0:1::1"), &other), 0);
	assert_ptr_equal(a.guest->circle, same.guest->circle);
	assert_ptr_not_equal(a.guest->circle, other.guest->circle);
	end(c);
}

/* Each takes all that it gets; who comes after them has room for what everybody needs. */
static void those_who_take_all_they_get_leave_room_for_others(void **state)
{
	static const enum bk_share shares[] = {
		BK_SHARE_MAIL, BK_SHARE_PLATES, BK_SHARE_CLIENTS, BK_SHARE_LEGS, BK_SHARE_PAIRS};
	const size_t needs[] = {16384, 4, 4, 4, 4};

	(void)state;
	for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
		struct bk_crowd *c = bk_crowd_new(&usual, 7);
		struct someone s;
		unsigned n = 0;

		for (unsigned k = 0; k < 32; k++) {
			assert_int_equal(come(c, of_networks(k), &s), 0);
			while (bk_crowd_take(c, s.guest->circle, shares[i], needs[i] / 4) == 0)
				n++;
		}
		assert_true(n > 100);
		assert_int_equal(come(c, v6("2001:db8::1"), &s), 0);
		for (int k = 0; k < 4; k++)
			assert_int_equal(bk_crowd_take(c, s.guest->circle, shares[i], needs[i] / 4), 0);
		end(c);
	}
}

static void coming_back_does_not_refill_a_ration(void **state)
{
	struct bk_crowd *c = bk_crowd_new(&usual, 7);
	struct bk_addr a = v4(0xc0000201);
	struct bk_guest *g;

	(void)state;
	assert_int_equal(bk_crowd_enter(c, &a, 0, &g), 0);
	assert_int_equal(bk_crowd_spend(c, g->circle, BK_RATION_CLAIMS, 4, 0), 0);
	bk_crowd_leave(c, g, 0);
	assert_int_equal(bk_crowd_enter(c, &a, 1, &g), 0);
	assert_in_range(bk_crowd_spend(c, g->circle, BK_RATION_CLAIMS, 1, 1), BK_SEC / 2, BK_SEC + 1);
	bk_crowd_refund(c, g->circle, BK_RATION_CLAIMS, 1, 1);
	assert_int_equal(bk_crowd_spend(c, g->circle, BK_RATION_CLAIMS, 1, 1), 0);
	bk_crowd_leave(c, g, 1);
	assert_int_equal(bk_crowd_enter(c, &a, LATER, &g), 0);
	assert_int_equal(bk_crowd_spend(c, g->circle, BK_RATION_CLAIMS, 4, LATER), 0);
	bk_crowd_leave(c, g, LATER);
	end(c);
}

/* All that may be under way at once, and all of it wrong. */
static void guess_wrong(struct bk_crowd *c, struct bk_circle *who)
{
	assert_int_equal(bk_crowd_spend(c, who, BK_RATION_CLAIMS, BK_LIMIT_CLAIMS_BURST, 0), 0);
	for (int i = 0; i < BK_LIMIT_CLAIMS_BURST; i++)
		bk_crowd_borrow(c, who, BK_RATION_CLAIMS, BK_LIMIT_GUESS - 1, 0);
}

static void what_is_owed_is_neither_forgiven_nor_forgotten_before_it_is_paid(void **state)
{
	const bk_time paid =
		BK_LIMIT_GUESS * BK_LIMIT_CLAIMS_BURST * BK_SEC * 60 / BK_LIMIT_CLAIMS_PER_MINUTE;
	struct bk_crowd_limits real = usual;

	(void)state;
	real.claims_per_minute = BK_LIMIT_CLAIMS_PER_MINUTE;
	real.claims_burst = BK_LIMIT_CLAIMS_BURST;
	for (bk_time back = paid / 20; back <= paid + BK_SEC; back += paid / 20) {
		struct bk_crowd *c = bk_crowd_new(&real, 7);
		struct bk_addr a = v4(0xc0000201), other = v4(0xc6336401);
		struct bk_guest *g;

		assert_int_equal(bk_crowd_enter(c, &a, 0, &g), 0);
		guess_wrong(c, g->circle);
		bk_crowd_leave(c, g, 0);
		assert_int_equal(
			bk_crowd_enter(c, &other, back, &g), 0); /* now the old ones are looked through */
		bk_crowd_leave(c, g, back);
		assert_int_equal(bk_crowd_enter(c, &a, back, &g), 0);
		assert_int_equal(
			bk_crowd_spend(c, g->circle, BK_RATION_CLAIMS, BK_LIMIT_CLAIMS_BURST, back) > 0,
			back < paid);
		bk_crowd_leave(c, g, back);
		end(c);
	}
}

static void what_guessers_use_up_together_is_not_denied_to_others(void **state)
{
	struct bk_crowd *c = bk_crowd_new(&usual, 7);
	struct someone s;
	unsigned guesses = 0;

	(void)state;
	for (unsigned k = 0; k < 100; k++) {
		assert_int_equal(come(c, of_networks(k), &s), 0);
		while (bk_crowd_spend(c, s.guest->circle, BK_RATION_CLAIMS, 1, 0) == 0)
			guesses++;
	}
	assert_in_range(guesses, BK_LIMIT_ALL_CLAIMS_BURST, BK_LIMIT_ALL_CLAIMS_BURST + 2 * 100);
	assert_int_equal(come(c, v6("2001:db8::1"), &s), 0);
	assert_int_equal(bk_crowd_spend(c, s.guest->circle, BK_RATION_CLAIMS, 1, 0), 0);
	end(c);
}

static void a_hundred_thousand_passing_addresses_leave_a_bounded_memory(void **state)
{
	struct bk_crowd *c = bk_crowd_new(&usual, 7);
	struct bk_guest *g;

	(void)state;
	for (uint32_t i = 0; i < 100000; i++) {
		struct bk_addr a = v4(0x0a000000 + 37 * i);

		assert_int_equal(bk_crowd_enter(c, &a, 0, &g), 0);
		bk_crowd_leave(c, g, 0);
	}
	end(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_that_has_too_many_silent_ones_loses_its_own_oldest),
		cmocka_unit_test(who_is_proven_is_never_sent_away_and_has_a_share_of_its_own),
		cmocka_unit_test(a_flood_from_anywhere_sends_away_only_its_own),
		cmocka_unit_test(where_many_come_from_nobody_is_calm_and_everywhere_else_all_are),
		cmocka_unit_test(an_ipv6_network_is_one_address),
		cmocka_unit_test(those_who_take_all_they_get_leave_room_for_others),
		cmocka_unit_test(coming_back_does_not_refill_a_ration),
		cmocka_unit_test(what_is_owed_is_neither_forgiven_nor_forgotten_before_it_is_paid),
		cmocka_unit_test(what_guessers_use_up_together_is_not_denied_to_others),
		cmocka_unit_test(a_hundred_thousand_passing_addresses_leave_a_bounded_memory),
	};

	return cmocka_run_group_tests_name("crowd", tests, NULL, NULL);
}

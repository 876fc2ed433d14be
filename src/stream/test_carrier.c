/* SPDX-License-Identifier: Apache-2.0 */
/* Two carriers joined by links that die at random moments: what goes in at one end comes out at the other,
 * once and in order, and only what was in flight is sent twice. */
#include <stdlib.h>

#include "stream/test_carriers.h"
#include "wire/frame.h"

enum { FRAMES = 400 };

static void story(uint64_t seed, int deaths_in_1000)
{
	struct carrier_pair p;

	pair_init(&p, seed);
	attach_both(&p);
	for (int frames = 0; frames < FRAMES;) {
		int64_t what = bk_rng_range(&p.rng, 0, 999);
		size_t most = (size_t)bk_rng_range(&p.rng, 1, 5000);

		if (what < deaths_in_1000 && p.links_len < LINKS_MAX - 2) {
			attach_both(&p); /* what the old links still held is gone */
		} else if (what < 300) {
			struct carrier_end *e = bk_rng_range(&p.rng, 0, 1) ? &p.a : &p.b;
			if (!e->stuck) {
				write_frame(&p, e);
				frames++;
			}
		} else if (what < 650) {
			deliver(&p, &p.a, &p.b, most);
		} else {
			deliver(&p, &p.b, &p.a, most);
		}
	}
	drain(&p);
	assert_same(&p.a, &p.b);
	assert_same(&p.b, &p.a);
	pair_done(&p);
}

static void one_link_carries_everything_once(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 5; seed++)
		story(seed, 0);
}

static void links_that_die_at_random_lose_and_double_nothing(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 40; seed++)
		story(seed, 10);
}

static void a_link_that_takes_no_control_frame_is_lost_and_the_next_goes_on(void **state)
{
	struct test_link *full;
	struct carrier_pair p;

	(void)state;
	pair_init(&p, 4);
	attach_both(&p);
	write_frame(&p, &p.a);
	full = &p.links[p.links_len++];
	test_link_init(full, 0, 0);
	full->freed = &p.a.dropped;
	assert_int_equal(bk_carrier_attach(p.a.carrier, &full->link, false), 0);
	assert_int_equal(p.a.lost, 0); /* not from inside the call */
	kit_run_idle(p.loop, 2);
	assert_int_equal(p.a.lost, 1);
	assert_int_equal(p.a.dropped, 2);
	attach_both(&p);
	drain(&p);
	assert_same(&p.a, &p.b);
	pair_done(&p);
}

static void only_what_was_in_flight_is_sent_again(void **state)
{
	struct carrier_pair p;
	struct bk_carrier_stats stats;

	(void)state;
	pair_init(&p, 3);
	attach_both(&p);
	for (int i = 0; i < 10; i++) {
		write_frame(&p, &p.a);
		drain(&p);
	}
	bk_carrier_get_stats(p.a.carrier, &stats);
	write_frame(&p, &p.a); /* in flight, and lost with the link */
	attach_both(&p);
	drain(&p);
	assert_same(&p.a, &p.b);
	assert_int_equal(p.a.resent, p.a.sent.len - stats.sent);
	pair_done(&p);
}

static void what_is_kept_is_lent_to_the_link(void **state)
{
	struct carrier_pair p;

	(void)state;
	pair_init(&p, 31);
	attach_both(&p);
	for (int i = 0; i < 10; i++) {
		write_frame(&p, &p.a);
		drain(&p);
	}
	assert_int_equal(p.a.link->lent, p.a.sent.len);
	pair_done(&p);
}

static void who_closes_sends_what_waits_and_is_told(void **state)
{
	(void)state;
	for (int has_link = 0; has_link < 2; has_link++) {
		struct carrier_pair p;

		pair_init(&p, 32);
		if (has_link)
			attach_both(&p);
		for (int i = 0; i < 8; i++)
			write_frame(&p, &p.a);
		bk_carrier_close(p.a.carrier);
		assert_int_equal(bk_carrier_send(p.a.carrier, NULL, 0, true), BK_E_EOF);
		if (has_link) {
			drain(&p);
			assert_same(&p.a, &p.b);
			end_link(&p.a, BK_E_EOF);
		}
		assert_int_equal(p.a.closed, 0); /* not from inside */
		kit_run_idle(p.loop, 8);
		assert_int_equal(p.a.closed, 1);
		assert_int_equal(p.a.lost, 0);
		pair_done(&p);
	}
}

static void another_session_is_not_resumed(void **state)
{
	struct carrier_pair p;

	(void)state;
	pair_init(&p, 4);
	end_done(&p.b);
	end_init(&p, &p.b, 8, false);
	attach_both(&p);
	deliver(&p, &p.a, &p.b, SIZE_MAX);
	assert_int_equal(p.b.lost, 1);
	assert_false(bk_carrier_is_attached(p.b.carrier));
	pair_done(&p);
}

static void a_peer_that_claims_more_than_was_sent_is_cut(void **state)
{
	static const uint8_t ack[] = {
		BK_SFRAME_ACK, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0x10, 0};
	struct carrier_pair p;

	(void)state;
	pair_init(&p, 5);
	attach_both(&p);
	drain(&p);
	p.a.link->link.events->on_data(p.a.link->link.arg, ack, sizeof(ack));
	assert_int_equal(p.a.lost, 1);
	pair_done(&p);
}

static void what_is_kept_has_a_ceiling(void **state)
{
	struct carrier_pair p;
	size_t writes = 0;

	(void)state;
	pair_init(&p, 6);
	attach_both(&p);
	while (!p.a.stuck && writes < 10000) {
		write_frame(&p, &p.a);
		p.a.link->out.len = 0; /* the link takes everything and the peer never answers */
		writes++;
	}
	assert_true(p.a.stuck);
	assert_in_range(p.a.sent.len, BK_CARRIER_RETAIN_MAX / 2, BK_CARRIER_RETAIN_MAX);
	pair_done(&p);
}

/* --- the spare --- */

static void on_the_relay(struct carrier_end *e)
{
	e->link = e->relay;
}

static void a_direct_link_that_dies_is_left_for_the_relay_by_both(void **state)
{
	(void)state;
	for (int who = 0; who < 2; who++) { /* only one of them notices */
		struct carrier_pair p;
		struct carrier_end *notices, *other;

		pair_upgraded(&p, 10);
		notices = who ? &p.b : &p.a;
		other = who ? &p.a : &p.b;
		for (int i = 0; i < 5; i++) {
			write_frame(&p, &p.a);
			write_frame(&p, &p.b);
		}
		deliver(&p, &p.a, &p.b, 3000);
		deliver(&p, &p.b, &p.a, 100); /* the rest is gone */
		end_link(notices, BK_E_TIMEOUT);
		assert_int_equal(notices->fell_back, 1);
		assert_int_equal(other->fell_back, 0);
		on_the_relay(&p.a);
		on_the_relay(&p.b);
		drain(&p);
		assert_int_equal(other->fell_back, 1);
		assert_int_equal(p.a.lost + p.b.lost, 0);
		write_frame(&p, &p.a);
		write_frame(&p, &p.b);
		drain(&p);
		assert_same(&p.a, &p.b);
		assert_same(&p.b, &p.a);
		assert_false(bk_carrier_has_spare(p.a.carrier) || bk_carrier_has_spare(p.b.carrier));
		pair_done(&p);
	}
}

static void an_orderly_end_is_no_reason_to_fall_back(void **state)
{
	struct carrier_pair p;

	(void)state;
	pair_upgraded(&p, 15);
	end_link(&p.a, BK_E_EOF);
	assert_int_equal(p.a.fell_back, 0);
	assert_int_equal(p.a.lost, 1);
	assert_false(bk_carrier_has_spare(p.a.carrier));
	pair_done(&p);
}

static void both_may_notice_at_the_same_moment(void **state)
{
	struct carrier_pair p;

	(void)state;
	pair_upgraded(&p, 11);
	write_frame(&p, &p.a);
	write_frame(&p, &p.b);
	end_link(&p.a, BK_E_TIMEOUT);
	end_link(&p.b, BK_E_TIMEOUT);
	on_the_relay(&p.a);
	on_the_relay(&p.b);
	drain(&p);
	assert_same(&p.a, &p.b);
	assert_same(&p.b, &p.a);
	assert_int_equal(p.a.fell_back + p.b.fell_back, 2);
	pair_done(&p);
}

static void what_the_relay_still_holds_from_before_is_not_taken_twice(void **state)
{
	struct carrier_pair p;

	(void)state;
	pair_init(&p, 12);
	attach_relay(&p, &p.a);
	attach_relay(&p, &p.b);
	drain(&p);
	for (int i = 0; i < 5; i++)
		write_frame(&p, &p.a); /* on its way over the relay, slowly */
	carry(p.a.relay, p.b.relay, 2000);
	attach_both(&p);
	drain(&p);
	write_frame(&p, &p.a);
	end_link(&p.b, BK_E_TIMEOUT);
	on_the_relay(&p.a);
	on_the_relay(&p.b);
	drain(&p); /* the old bytes come first, then RESUME */
	assert_same(&p.a, &p.b);
	pair_done(&p);
}

/* Any end falls back, moves to a new link, or both, at any moment. */
static void moves_at_random_lose_and_double_nothing(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 60; seed++) {
		struct carrier_pair p;

		pair_upgraded(&p, seed);
		for (int i = 0; i < 600; i++) {
			struct carrier_end *e = bk_rng_range(&p.rng, 0, 1) ? &p.a : &p.b,
					   *f = e == &p.a ? &p.b : &p.a;
			int64_t what = bk_rng_range(&p.rng, 0, 99);
			size_t most = (size_t)bk_rng_range(&p.rng, 1, 5000);

			if (what < 2 && p.links_len < LINKS_MAX - 2)
				attach_both(&p);
			else if (what < 4 && e->link != e->relay && bk_carrier_has_spare(e->carrier) &&
				 e->dropped < f->dropped + 1)
				end_link(e, BK_E_TIMEOUT), on_the_relay(&p.a), on_the_relay(&p.b);
			else if (what < 30 && !e->stuck)
				write_frame(&p, e);
			else if (what < 60)
				carry(e->relay, f->relay, most);
			else
				deliver(&p, e, f, most);
		}
		while (carry(p.a.relay, p.b.relay, SIZE_MAX) || carry(p.b.relay, p.a.relay, SIZE_MAX))
			;
		attach_both(&p);
		drain(&p);
		assert_same(&p.a, &p.b);
		assert_same(&p.b, &p.a);
		pair_done(&p);
	}
}

/* --- peers that lie --- */

static void say_resume(struct carrier_end *to, uint8_t id, uint64_t received, uint64_t turn)
{
	uint8_t bytes[BK_SFRAME_HEADER_LEN + 32] = {BK_SFRAME_RESUME, [11] = 32, [12] = id};

	for (int i = 0; i < 8; i++) {
		bytes[28 + i] = (uint8_t)(received >> (56 - 8 * i));
		bytes[36 + i] = (uint8_t)(turn >> (56 - 8 * i));
	}
	to->link->link.events->on_data(to->link->link.arg, bytes, sizeof(bytes));
}

static void a_resume_that_cannot_be_is_refused(void **state)
{
	const struct {
		uint8_t id;
		uint64_t received, turn;
	} rows[] = {
		{7, 1000000, 2},                   /* more than was sent */
		{7, 0, 2},                         /* less than was acknowledged */
		{8, 12, 2},                        /* another session */
		{7, 12, 1},                        /* a turn that was */
		{7, 12, 0},                        /* none */
		{7, 12, 2 + BK_CARRIER_AHEAD_MAX}, /* one that is far away */
		{7, 12, UINT64_MAX},
		{7, UINT64_MAX, 2},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct carrier_pair p;

		pair_init(&p, 20);
		attach_both(&p);
		write_frame(&p, &p.a);
		drain(&p);
		run_for(&p, 100 * BK_MS, true); /* the acknowledgement */
		drain(&p);
		say_resume(&p.a, rows[i].id, rows[i].received, rows[i].turn);
		assert_int_equal(p.a.lost, 1);
		assert_false(bk_carrier_is_attached(p.a.carrier));
		pair_done(&p);
	}
}

static void a_peer_that_moves_without_end_is_cut(void **state)
{
	struct carrier_pair p;
	uint64_t turn = 2;

	(void)state;
	pair_init(&p, 21);
	attach_both(&p);
	drain(&p);
	while (!p.a.lost && turn < 1000) {
		say_resume(&p.a, 7, 0, turn++);
		p.a.link->out.len = 0;
	}
	assert_in_range(turn, 2, BK_CARRIER_RESUMES_MAX + 3);
	pair_done(&p);
}

static void the_rest_of_a_frame_must_be_what_is_missing(void **state)
{
	static const uint8_t rest[] = {BK_SFRAME_REST, [11] = 5, [12] = 1, 2, 3, 4, 5};
	static const uint8_t data[] = {BK_SFRAME_DATA, [11] = 1, [12] = 9};
	struct carrier_pair p;

	(void)state;
	for (int which = 0; which < 2; which++) {
		pair_init(&p, 22);
		attach_both(&p);
		do
			write_frame(&p, &p.a);
		while (p.a.sent.len < 2000);
		deliver(&p, &p.a, &p.b, 44 + 12); /* RESUME, and the head of a frame */
		attach(&p, &p.b);
		say_resume(&p.b, 7, 0, 2);
		p.b.link->link.events->on_data(
			p.b.link->link.arg, which ? rest : data, which ? sizeof(rest) : sizeof(data));
		assert_int_equal(p.b.lost, 1);
		pair_done(&p);
	}
}

static void a_ping_comes_back_and_a_long_one_ends_the_link(void **state)
{
	static const uint8_t ping[] = {BK_SFRAME_PING, [11] = 3, 'a', 'b', 'c'};
	static const uint8_t pong[] = {BK_SFRAME_PONG, [11] = 3, 'a', 'b', 'c'};
	static const uint8_t huge[] = {BK_SFRAME_PING, [10] = 1, [11] = 0};
	struct carrier_pair p;

	(void)state;
	pair_init(&p, 33);
	attach_both(&p);
	drain(&p);
	for (size_t i = 0; i < sizeof(ping); i++)
		p.a.link->link.events->on_data(p.a.link->link.arg, ping + i, 1);
	assert_int_equal(p.a.link->out.len, sizeof(pong));
	assert_memory_equal(bk_buf_head(&p.a.link->out), pong, sizeof(pong));
	p.a.link->link.events->on_data(p.a.link->link.arg, huge, BK_SFRAME_HEADER_LEN);
	assert_int_equal(p.a.lost, 1);
	pair_done(&p);
}

static void pings_without_end_are_cut(void **state)
{
	static const uint8_t ping[] = {BK_SFRAME_PING, [11] = 0};
	struct carrier_pair p;
	int n = 0;

	(void)state;
	pair_init(&p, 23);
	attach_both(&p);
	drain(&p);
	while (!p.a.lost && n < 1000) {
		p.a.link->link.events->on_data(p.a.link->link.arg, ping, BK_SFRAME_HEADER_LEN);
		n++;
	}
	assert_in_range(n, 64, 66);
	pair_done(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_link_carries_everything_once),
		cmocka_unit_test(links_that_die_at_random_lose_and_double_nothing),
		cmocka_unit_test(a_link_that_takes_no_control_frame_is_lost_and_the_next_goes_on),
		cmocka_unit_test(only_what_was_in_flight_is_sent_again),
		cmocka_unit_test(what_is_kept_is_lent_to_the_link),
		cmocka_unit_test(who_closes_sends_what_waits_and_is_told),
		cmocka_unit_test(another_session_is_not_resumed),
		cmocka_unit_test(a_peer_that_claims_more_than_was_sent_is_cut),
		cmocka_unit_test(what_is_kept_has_a_ceiling),
		cmocka_unit_test(a_direct_link_that_dies_is_left_for_the_relay_by_both),
		cmocka_unit_test(an_orderly_end_is_no_reason_to_fall_back),
		cmocka_unit_test(both_may_notice_at_the_same_moment),
		cmocka_unit_test(what_the_relay_still_holds_from_before_is_not_taken_twice),
		cmocka_unit_test(moves_at_random_lose_and_double_nothing),
		cmocka_unit_test(a_resume_that_cannot_be_is_refused),
		cmocka_unit_test(a_peer_that_moves_without_end_is_cut),
		cmocka_unit_test(the_rest_of_a_frame_must_be_what_is_missing),
		cmocka_unit_test(a_ping_comes_back_and_a_long_one_ends_the_link),
		cmocka_unit_test(pings_without_end_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

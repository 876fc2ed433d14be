/* SPDX-License-Identifier: Apache-2.0 */
/* The QUIC link on a line that loses, doubles, delays and swaps, between NATs that forget, past strangers,
 * out of a socket that is full. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "base/rng.h"
#include "base/time.h"
#include "link/quic.h"
#include "net/test_clock.h"
#include "tests/conform/line.h"
#include "tests/conform/test_support.h"

#define MIB ((uint64_t)1 << 20)

static struct line *begin(struct pair *p)
{
	pair_init(p, &line_kind);
	return p->state;
}

/* So many bytes both ways. */
static void exchange(struct pair *p, uint64_t n)
{
	for (int i = 0; i < 2; i++) {
		p->ends[i].to_write += n;
		p->ends[i].stop_at = p->ends[1 - i].to_write + (i == 0 ? n : 0);
		end_pour(&p->ends[i]);
	}
	while (p->ends[0].received < p->ends[0].stop_at || p->ends[1].received < p->ends[1].stop_at) {
		pair_run(p, 30 * BK_SEC);
		assert_false(p->late);
		assert_int_equal(p->ends[0].ends + p->ends[1].ends, 0);
	}
}

static void a_line_that_loses_swaps_and_doubles_delivers_everything(void **arg)
{
	struct pair p;
	struct line *l = begin(&p);

	(void)arg;
	l->lose = 20;
	l->twice = 20;
	l->swap = 50;
	l->delay = BK_MS / 2;
	pair_start(&p);
	pair_run_secure(&p);
	exchange(&p, 4 * MIB);
	pair_done(&p);
}

static void the_handshake_survives_heavy_loss(void **arg)
{
	(void)arg;
	for (unsigned i = 0; i < 10; i++) {
		struct pair p;
		struct line *l = begin(&p);

		p.idle_timeout_ns = 8 * BK_SEC;
		l->lose = 200;
		pair_start(&p);
		l->rng.state = i;
		pair_run_secure(&p);
		/* The byte that opens the stream may be lost too; the server still gets to speak. */
		p.ends[1].to_write = 10;
		p.ends[0].stop_at = 10;
		end_pour(&p.ends[1]);
		pair_run(&p, 30 * BK_SEC);
		assert_int_equal(p.ends[0].received, 10);
		pair_done(&p);
	}
}

/* Without loss the server is secure after three ways; QUIC by itself is sure of the loss after six more. */
static void the_last_packet_of_the_handshake_is_missed_after_one_round_trip(void **arg)
{
	const bk_dur way = 50 * BK_MS;
	struct test_clock clock;
	struct pair p;
	struct line *l = begin(&p);
	bk_time began;
	bk_dur took;

	(void)arg;
	assert_int_equal(test_clock_init(&clock, p.loop), 0);
	l->fine_until = &clock.fine_until;
	l->delay = way;
	test_clock_stop(&clock);
	test_clock_fly(&clock, 60 * BK_SEC);
	began = bk_loop_now(p.loop);
	clock.fine_until = began + 10 * BK_SEC;
	l->mute_until = began + 3 * way;
	pair_start(&p);
	pair_run_secure(&p);
	took = bk_loop_now(p.loop) - began;
	clock.left = 0;
	test_clock_go_on(&clock);
	assert_true(took > 5 * way); /* it was lost */
	assert_true(took < 6 * way);
	test_clock_done(&clock);
	pair_done(&p);
}

static void strangers_are_ignored(void **arg)
{
	struct pair p;
	struct line *l = begin(&p);

	(void)arg;
	l->junk = 300;
	pair_start(&p);
	pair_run_secure(&p);
	exchange(&p, MIB);
	pair_done(&p);
}

static void a_stranger_who_speaks_first_does_not_get_the_server(void **arg)
{
	struct pair p;
	struct line *l = begin(&p);
	uint8_t junk[1200] = {0xc3, 0, 0, 0, 1, 8}; /* an Initial by its looks */

	(void)arg;
	pair_start(&p);
	bk_link_quic_input(p.ends[1].link, &l->stranger, junk, sizeof(junk), 0);
	bk_link_quic_input(p.ends[1].link, &l->seen[0], junk, sizeof(junk), 0);
	bk_link_quic_flush(p.ends[1].link);
	pair_run_secure(&p);
	exchange(&p, 1000);
	pair_done(&p);
}

/* Authentic datagrams, from somebody who saw them pass and is faster. */
static void copies_from_a_stranger_lead_nobody_away(void **arg)
{
	struct pair p;
	struct line *l = begin(&p);

	(void)arg;
	l->copy = 500;
	l->delay = BK_MS;
	pair_start(&p);
	pair_run_secure(&p);
	for (int i = 0; i < 3; i++) {
		exchange(&p, MIB);
		pair_run(&p, 20 * BK_MS);
	}
	assert_int_equal(l->to_stranger, 0);
	pair_done(&p);
}

/* The addresses are right, the line is bad: nobody may call it dead. */
static void a_live_line_that_loses_much_is_not_dead(void **arg)
{
	static const struct {
		int lose;
		uint64_t n;
	} rows[] = {{50, MIB / 4}, {70, MIB / 32}};

	(void)arg;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct pair p;
		struct line *l = begin(&p);

		p.idle_timeout_ns = 4 * BK_SEC;
		l->delay = 40 * BK_MS;
		pair_start(&p);
		pair_run_secure(&p);
		l->lose = rows[i].lose;
		exchange(&p, rows[i].n);
		pair_done(&p);
	}
}

static void a_peer_that_stands_still_for_half_a_second_survives(void **arg)
{
	(void)arg;
	for (int i = 0; i < 2; i++) {
		struct pair p;
		struct line *l = begin(&p);

		l->delay = i ? 50 * BK_MS : BK_MS;
		pair_start(&p);
		pair_run_secure(&p);
		p.ends[0].to_write += 16 * MIB;
		end_pour(&p.ends[0]);
		pair_run(&p, 300 * BK_MS);
		l->held_until = bk_loop_now(p.loop) + 500 * BK_MS;
		pair_run(&p, 1500 * BK_MS);
		assert_int_equal(p.ends[0].ends + p.ends[1].ends, 0);
		pair_done(&p);
	}
}

static void stand_still(bk_dur d)
{
	struct timespec from, now;

	clock_gettime(CLOCK_MONOTONIC, &from);
	do {
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while ((now.tv_sec - from.tv_sec) * BK_SEC + now.tv_nsec - from.tv_nsec < d);
}

static void this_process_standing_still_is_no_silence_of_the_peer(void **arg)
{
	struct pair p;
	struct line *l = begin(&p);

	(void)arg;
	l->delay = BK_MS;
	p.idle_timeout_ns = 8 * BK_SEC;
	pair_start(&p);
	pair_run_secure(&p);
	p.ends[0].to_write += 16 * MIB;
	end_pour(&p.ends[0]);
	pair_run(&p, 20 * BK_MS);
	stand_still(1200 * BK_MS);
	pair_run(&p, 500 * BK_MS);
	assert_int_equal(p.ends[0].ends + p.ends[1].ends, 0);
	pair_done(&p);
}

/* How long until the end `i` notices. */
static bk_dur time_to_notice(struct pair *p, int i)
{
	bk_time from = bk_loop_now(p->loop);

	p->ends[i].stop_at_end = true;
	while (!p->ends[i].ends) {
		pair_run(p, 10 * BK_SEC);
		assert_false(p->late);
	}
	assert_int_equal(p->ends[i].end_error, BK_E_TIMEOUT);
	return bk_loop_now(p->loop) - from;
}

static void a_peer_that_vanishes_is_noticed_by_both_sides_of_a_transfer(void **arg)
{
	(void)arg;
	for (int i = 0; i < 4; i++) {
		struct pair p;
		struct line *l = begin(&p);
		bk_dur took;

		p.idle_timeout_ns = 4 * BK_SEC;
		l->delay = i / 2 ? 50 * BK_MS : BK_MS;
		pair_start(&p);
		pair_run_secure(&p);
		p.ends[0].to_write += 1024 * MIB;
		end_pour(&p.ends[0]);
		pair_run(&p, 700 * BK_MS);
		l->cut = true;
		took = time_to_notice(&p, i % 2);
		assert_in_range(took, 600 * BK_MS, 2 * BK_SEC);
		pair_done(&p);
	}
}

static void a_peer_that_got_another_address_is_lost_soon(void **arg)
{
	(void)arg;
	for (int i = 0; i < 4; i++) {
		struct pair p;
		struct line *l = begin(&p);

		p.idle_timeout_ns = 4 * BK_SEC;
		l->delay = BK_MS;
		pair_start(&p);
		pair_run_secure(&p);
		p.ends[0].to_write += 1024 * MIB;
		end_pour(&p.ends[0]);
		pair_run(&p, 100 * BK_MS);
		l->seen[i / 2].port++;
		assert_in_range(time_to_notice(&p, i % 2), 600 * BK_MS, 2 * BK_SEC);
		pair_done(&p);
	}
}

static void an_idle_path_that_died_is_noticed_by_keep_alive_or_on_demand(void **arg)
{
	(void)arg;
	for (int i = 0; i < 2; i++) {
		struct pair p;
		struct line *l = begin(&p);
		bk_dur took;

		p.idle_timeout_ns = 4 * BK_SEC;
		l->delay = BK_MS;
		pair_start(&p);
		pair_run_secure(&p);
		exchange(&p, 1000);
		pair_run(&p, 300 * BK_MS);
		l->cut = true;
		if (i) {
			p.ends[0].to_write += 10;
			end_pour(&p.ends[0]);
		}
		took = time_to_notice(&p, 0);
		assert_in_range(took, 600 * BK_MS, i ? 2 * BK_SEC : 3 * BK_SEC);
		pair_done(&p);
	}
}

/* As a session makes them. */
static struct line *begin_idle(struct pair *p, struct test_clock *clock)
{
	struct line *l = begin(p);

	p->idle_timeout_ns = 60 * BK_SEC;
	l->delay = 20 * BK_MS;
	l->lifetime = 30 * BK_SEC;
	assert_int_equal(test_clock_init(clock, p->loop), 0);
	l->fine_until = &clock->fine_until;
	pair_start(p);
	pair_run_secure(p);
	exchange(p, 1000);
	return l;
}

static void be_silent(struct pair *p, struct test_clock *clock, bk_dur d)
{
	test_clock_fly(clock, d + BK_SEC);
	pair_run(p, d);
	assert_int_equal(p->ends[0].ends + p->ends[1].ends, 0);
}

static void an_hour_of_silence_costs_little_and_keeps_the_path(void **arg)
{
	struct test_clock clock;
	struct pair p;
	struct line *l = begin_idle(&p, &clock);
	uint64_t before;
	bk_time began;

	(void)arg;
	be_silent(&p, &clock, 60 * BK_SEC);
	before = l->sent[0] + l->sent[1];
	be_silent(&p, &clock, 3600 * BK_SEC);
	assert_in_range(l->sent[0] + l->sent[1] - before, 60, 60 * 10);
	assert_int_equal(l->forgot, 0);
	began = bk_loop_now(p.loop);
	exchange(&p, 10);
	assert_in_range(bk_loop_now(p.loop) - began, 0, BK_SEC / 2);
	test_clock_done(&clock);
	pair_done(&p);
}

/* A probe's time is 66 ms on a line of 40 ms without jitter: 700 ms and a round trip are longer than seven of
 * them. Each of the eight ticks may end a step of the clock late, and the first begin one late. */
static void a_byte_after_an_hour_of_silence_finds_a_dead_path_within_a_second(void **arg)
{
	(void)arg;
	for (int i = 0; i < 2; i++) {
		struct test_clock clock;
		struct pair p;
		struct line *l = begin_idle(&p, &clock);
		bk_dur took;

		test_clock_stop(&clock);
		be_silent(&p, &clock, 3600 * BK_SEC);
		l->cut = true;
		test_clock_fly(&clock, 60 * BK_SEC);
		clock.fine_until = bk_loop_now(p.loop) + 2 * BK_SEC;
		p.ends[i].to_write += 10;
		end_pour(&p.ends[i]);
		took = time_to_notice(&p, i);
		test_clock_go_on(&clock);
		assert_in_range(took, 740 * BK_MS, (740 + 9) * BK_MS);
		test_clock_done(&clock);
		pair_done(&p);
	}
}

static void a_path_that_dies_in_silence_is_noticed_at_the_next_question(void **arg)
{
	struct test_clock clock;
	struct pair p;
	struct line *l = begin_idle(&p, &clock);

	(void)arg;
	be_silent(&p, &clock, 100 * BK_SEC);
	l->cut = true;
	test_clock_fly(&clock, 60 * BK_SEC);
	assert_in_range(time_to_notice(&p, 0), 0, 22 * BK_SEC);
	test_clock_done(&clock);
	pair_done(&p);
}

static void a_full_socket_is_waited_for(void **arg)
{
	struct pair p;
	struct line *l = begin(&p);

	(void)arg;
	l->full = 300;
	pair_start(&p);
	pair_run_secure(&p);
	exchange(&p, 4 * MIB);
	pair_done(&p);
}

static void a_narrow_path_is_found_out(void **arg)
{
	struct pair p;
	struct line *l = begin(&p);

	(void)arg;
	l->mtu = 1280;
	pair_start(&p);
	pair_run_secure(&p);
	exchange(&p, 4 * MIB);
	pair_done(&p);
}

static void a_wide_path_is_used(void **arg)
{
	struct pair p;
	struct line *l = begin(&p);

	(void)arg;
	l->delay = BK_MS;
	pair_start(&p);
	pair_run_secure(&p);
	exchange(&p, MIB);
	pair_run(&p, 50 * BK_MS);
	l->sent[0] = 0;
	p.ends[0].to_write += 4 * MIB;
	p.ends[1].stop_at += 4 * MIB;
	end_pour(&p.ends[0]);
	pair_run(&p, 30 * BK_SEC);
	assert_false(p.late);
	assert_true(4 * MIB / l->sent[0] > 1250); /* bytes a datagram; 1200 is what every path takes */
	pair_done(&p);
}

static void closing_under_loss_delivers_everything(void **arg)
{
	struct pair p;
	struct line *l = begin(&p);

	(void)arg;
	l->lose = 50;
	l->delay = 5 * BK_MS;
	pair_start(&p);
	pair_run_secure(&p);
	p.ends[0].to_write = 4 * MIB;
	p.ends[0].close_after = true;
	p.ends[0].stop_at_end = true;
	p.ends[1].free_in = FREE_IN_END;
	end_pour(&p.ends[0]);
	while (!p.ends[0].ends) {
		pair_run(&p, 60 * BK_SEC);
		assert_false(p.late);
	}
	assert_int_equal(p.ends[1].received, 4 * MIB);
	assert_int_equal(p.ends[1].end_error, BK_E_EOF);
	pair_done(&p);
}

static void closing_into_a_dead_line_does_not_claim_success(void **arg)
{
	struct pair p;
	struct line *l = begin(&p);

	(void)arg;
	pair_start(&p);
	pair_run_secure(&p);
	exchange(&p, 1000);
	l->cut = true;
	p.ends[0].to_write += 100000;
	p.ends[0].close_after = true;
	p.ends[0].stop_at_end = true;
	end_pour(&p.ends[0]);
	pair_run(&p, 10 * BK_SEC);
	assert_int_equal(p.ends[0].end_error, BK_E_PEER_VANISHED);
	pair_done(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_that_loses_swaps_and_doubles_delivers_everything),
		cmocka_unit_test(the_handshake_survives_heavy_loss),
		cmocka_unit_test(the_last_packet_of_the_handshake_is_missed_after_one_round_trip),
		cmocka_unit_test(strangers_are_ignored),
		cmocka_unit_test(a_stranger_who_speaks_first_does_not_get_the_server),
		cmocka_unit_test(copies_from_a_stranger_lead_nobody_away),
		cmocka_unit_test(a_live_line_that_loses_much_is_not_dead),
		cmocka_unit_test(a_peer_that_stands_still_for_half_a_second_survives),
		cmocka_unit_test(this_process_standing_still_is_no_silence_of_the_peer),
		cmocka_unit_test(a_peer_that_vanishes_is_noticed_by_both_sides_of_a_transfer),
		cmocka_unit_test(a_peer_that_got_another_address_is_lost_soon),
		cmocka_unit_test(an_idle_path_that_died_is_noticed_by_keep_alive_or_on_demand),
		cmocka_unit_test(an_hour_of_silence_costs_little_and_keeps_the_path),
		cmocka_unit_test(a_byte_after_an_hour_of_silence_finds_a_dead_path_within_a_second),
		cmocka_unit_test(a_path_that_dies_in_silence_is_noticed_at_the_next_question),
		cmocka_unit_test(a_full_socket_is_waited_for),
		cmocka_unit_test(a_narrow_path_is_found_out),
		cmocka_unit_test(a_wide_path_is_used),
		cmocka_unit_test(closing_under_loss_delivers_everything),
		cmocka_unit_test(closing_into_a_dead_line_does_not_claim_success),
	};

	return cmocka_run_group_tests_name("QUIC on a bad line", tests, NULL, NULL);
}

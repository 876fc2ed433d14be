/* SPDX-License-Identifier: Apache-2.0 */
/* The QUIC link on a line that loses, doubles, delays and swaps, between NATs that forget, past strangers,
 * out of a socket that is full: what loopback never does. Datagrams move in memory; the loop's clock is the
 * only one. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "base/rng.h"
#include "base/time.h"
#include "link/quic.h"
#include "net/test_clock.h"
#include "tests/conform/pair.h"
#include "tests/conform/test_support.h"

#define MIB ((uint64_t)1 << 20)

enum { QUEUE_MAX = 4096, DATAGRAM_MAX = 1500 };

struct datagram {
	int to; /* end */
	struct bk_addr from;
	bk_time due;
	size_t len;
	uint8_t bytes[DATAGRAM_MAX];
};

struct line {
	struct pair *pair;
	struct line_end {
		struct line *line;
		int me;
	} ends[2];
	struct bk_addr seen[2]; /* each end's address, as the other one sees it */
	struct bk_timer *timer;
	struct datagram *queue; /* a ring */
	size_t first, count;
	struct bk_rng rng;
	int lose, twice, swap, full, junk, copy; /* in a thousand */
	size_t mtu;
	bk_dur delay;
	uint64_t sent[2]; /* datagrams */
	struct bk_addr stranger;
	uint64_t to_stranger;
	bk_time held_until; /* nothing arrives before */
	bk_dur lifetime;    /* of the routers' mappings; 0: for ever */
	bk_time passed;     /* the last datagram */
	uint64_t forgot;    /* so many found no mapping any more */
	bool cut;
	struct test_clock *clock; /* NULL: nobody pushes it */
};

static bool chance(struct line *l, int permille)
{
	return permille && bk_rng_range(&l->rng, 0, 999) < permille;
}

static void put(struct line *l, int to, const struct bk_addr *from, const uint8_t *data, size_t n)
{
	struct datagram *d;

	if (l->count == QUEUE_MAX || n > DATAGRAM_MAX)
		return; /* lost, like any router's */
	d = &l->queue[(l->first + l->count++) % QUEUE_MAX];
	*d = (struct datagram){
		.to = to, .from = *from, .due = bk_loop_now(l->pair->loop) + l->delay, .len = n};
	memcpy(d->bytes, data, n);
	if (l->count > 1 && chance(l, l->swap)) {
		struct datagram *before = &l->queue[(l->first + l->count - 2) % QUEUE_MAX], tmp = *before;

		*before = *d;
		*d = tmp;
	}
	if (l->count == 1)
		bk_timer_start(l->timer, l->delay);
}

/* Noise and damaged copies, from a stranger and in the peer's name. */
static void put_junk(struct line *l, int to, const uint8_t *data, size_t n)
{
	uint8_t junk[DATAGRAM_MAX];
	size_t len = (size_t)bk_rng_range(&l->rng, 1, DATAGRAM_MAX - 1);

	for (size_t i = 0; i < len; i++)
		junk[i] = (uint8_t)bk_rng_next(&l->rng);
	put(l, to, &l->stranger, junk, len);
	put(l, to, &l->seen[1 - to], junk, len);
	memcpy(junk, data, n);
	junk[(size_t)bk_rng_range(&l->rng, 0, (int64_t)n - 1)] ^= (uint8_t)bk_rng_range(&l->rng, 1, 255);
	put(l, to, &l->stranger, junk, n);
	put(l, to, &l->seen[1 - to], junk, n);
	put(l, to, &l->stranger, data, n / 2);
}

/* Both directions keep it; who comes too late comes from elsewhere, and is nobody's. */
static bool has_mapping(struct line *l)
{
	bk_time now = bk_loop_now(l->pair->loop);

	if (l->lifetime && l->passed && now - l->passed > l->lifetime) {
		l->forgot++;
		return false;
	}
	l->passed = now;
	return true;
}

static int line_send(void *arg, const struct bk_addr *remote, const uint8_t *data, size_t len, size_t segment)
{
	struct line_end *e = arg;
	struct line *l = e->line;
	int to = 1 - e->me;

	if (l->clock)
		l->clock->fine_until = bk_loop_now(l->pair->loop) + BK_SEC;
	if (chance(l, l->full)) {
		bk_timer_start(l->timer, BK_MS);
		return BK_E_AGAIN;
	}
	if (!segment)
		segment = len;
	if (segment > l->mtu)
		return BK_E_TOO_BIG;
	for (size_t at = 0; at < len; at += segment) {
		size_t n = len - at < segment ? len - at : segment;

		assert_true(data[at] & 0x40); /* how the socket's owner knows QUIC (RFC 9443) */
		l->sent[e->me]++;
		if (chance(l, l->junk))
			put_junk(l, to, data + at, n);
		if (bk_addr_equal(remote, &l->seen[to]) && chance(l, l->copy))
			put(l, to, &l->stranger, data + at, n);
		if (bk_addr_equal(remote, &l->stranger))
			l->to_stranger++;
		if (!has_mapping(l) || l->cut || !bk_addr_equal(remote, &l->seen[to]) || chance(l, l->lose))
			continue;
		put(l, to, &l->seen[e->me], data + at, n);
		if (chance(l, l->twice))
			put(l, to, &l->seen[e->me], data + at, n);
	}
	return 0;
}

static void on_timer(void *arg)
{
	struct line *l = arg;
	bk_time now = bk_loop_now(l->pair->loop);

	if (now < l->held_until) {
		bk_timer_start(l->timer, l->held_until - now);
		return;
	}
	while (l->count && l->queue[l->first].due <= now) {
		struct datagram *d = &l->queue[l->first];

		if (l->pair->ends[d->to].link)
			bk_link_quic_input(l->pair->ends[d->to].link, &d->from, d->bytes, d->len, 0);
		l->first = (l->first + 1) % QUEUE_MAX;
		l->count--;
	}
	for (int i = 0; i < 2; i++)
		if (l->pair->ends[i].link)
			bk_link_quic_flush(l->pair->ends[i].link);
	if (l->count)
		bk_timer_start(l->timer, bk_time_max(l->queue[l->first].due - now, 0));
}

static int line_make(struct pair *p, void *state, struct bk_link **ret_links)
{
	struct line *l = state;
	int err = 0;

	l->pair = p;
	l->seen[0] = bk_addr_v4(192, 0, 2, 1, 4000);
	l->seen[1] = bk_addr_v4(198, 51, 100, 1, 5000);
	l->stranger = bk_addr_v4(203, 0, 113, 1, 6000);
	l->mtu = l->mtu ? l->mtu : DATAGRAM_MAX;
	l->rng.state = 7;
	l->queue = calloc(QUEUE_MAX, sizeof(*l->queue));
	assert_non_null(l->queue);
	assert_int_equal(bk_timer_new(p->loop, on_timer, l, &l->timer), 0);
	for (int i = 0; i < 2 && !err; i++) {
		l->ends[i] = (struct line_end){l, i};
		const struct bk_link_quic_opts opts = {
			.is_server = i == 1,
			.identity = p->ids[i],
			.peer_pin = p->pins[i],
			.local = bk_addr_v4(10, 0, 0, 1, 3000),
			.remote = l->seen[1 - i],
			.send = line_send,
			.arg = &l->ends[i],
			.rtt_ns = BK_MS + 2 * l->delay,
			.handshake_timeout_ns = p->handshake_timeout_ns,
			.idle_timeout_ns = p->idle_timeout_ns,
		};
		err = bk_link_quic_new(p->loop, &opts, &pair_events, &p->ends[i], &ret_links[i]);
	}
	return err;
}

static void line_done(void *state)
{
	struct line *l = state;

	bk_timer_free(l->timer);
	free(l->queue);
}

static const struct kind line_kind = {.make = line_make, .done = line_done, .state_len = sizeof(struct line)};

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
	l->clock = clock;
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

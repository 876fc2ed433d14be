/* SPDX-License-Identifier: Apache-2.0 */
/* Two carriers on links that say nothing for long: how soon a dead one is noticed, a live one asked, and a slow one
 * borne with. */
#include <stdlib.h>

#include "stream/test_carriers.h"

static void the_relay_goes_cold_after_a_minute(void **state)
{
	struct carrier_pair p;

	(void)state;
	pair_upgraded(&p, 13);
	run_for(&p, BK_CARRIER_WARM - BK_SEC, true);
	assert_true(bk_carrier_has_spare(p.a.carrier));
	run_for(&p, 2 * BK_SEC, true);
	assert_false(bk_carrier_has_spare(p.a.carrier));
	assert_int_equal(p.a.lost, 0);
	end_link(&p.a, BK_E_TIMEOUT);
	assert_int_equal(p.a.lost, 1);
	pair_done(&p);
}

static void a_link_that_gives_no_sign_of_life_is_lost(void **state)
{
	struct carrier_pair p;

	(void)state;
	pair_init(&p, 14);
	attach_both(&p);
	drain(&p);
	bk_carrier_ask(p.a.carrier);
	run_for(&p, 40 * BK_SEC, true);
	assert_int_equal(p.a.lost, 0);
	bk_carrier_ask(p.a.carrier);
	run_for(&p, 3 * BK_SEC, false);
	assert_int_equal(p.a.lost, 1);
	pair_done(&p);
}

/* A question, its answer and what TCP acknowledges are three packets, four through the relay: ten a minute at
 * most. No silence outlasts a router's mapping. */
static void an_hour_of_silence_is_asked_about_by_one_side(void **state)
{
	struct carrier_pair p;
	bk_time heard;
	int questions = 0;

	(void)state;
	pair_init(&p, 14);
	attach_both(&p);
	drain(&p);
	run_for(&p, 120 * BK_SEC, true);
	heard = bk_loop_now(p.loop);
	for (int s = 0; s < 3600; s++) {
		run_for(&p, BK_SEC, false);
		questions += (p.a.link->out.len > 0) + (p.b.link->out.len > 0);
		if (p.a.link->out.len + p.b.link->out.len)
			heard = bk_loop_now(p.loop);
		assert_true(bk_loop_now(p.loop) - heard < 28 * BK_SEC);
		drain(&p);
	}
	assert_in_range(questions, 60, 3600 / 25 + 2);
	assert_int_equal(p.a.lost + p.b.lost, 0);
	pair_done(&p);
}

static void who_only_sends_notices_a_dead_path_as_soon_as_who_receives(void **state)
{
	struct carrier_pair p;

	(void)state;
	pair_init(&p, 24);
	attach_both(&p);
	drain(&p);
	write_frame(&p, &p.a);
	drain(&p);
	run_for(&p, 100 * BK_MS, true); /* the acknowledgement */
	run_for(&p, 6 * BK_SEC, false);
	assert_int_equal(p.b.lost, 1);
	assert_int_equal(p.a.lost, 1);
	pair_done(&p);
}

/* --- a link on which an answer takes six seconds --- */

enum {
	SLOW_STEPS = 60, /* of 50 ms: one way */
	SLOW_PIECE = 8 * 1024,
	SLOW_BYTES = 1024 * 1024,
};

#define SLOW_STEP (50 * BK_MS)

/* What is on its way, in pieces that leave a step apart. */
struct slow_way {
	struct test_link *from, *to;
	size_t lens[SLOW_STEPS];
	uint8_t pieces[SLOW_STEPS][SLOW_PIECE];
};

static void slow_step(struct slow_way *w, unsigned at)
{
	struct bk_buf *out = &w->from->out;
	size_t *len = &w->lens[at % SLOW_STEPS];
	uint8_t *piece = w->pieces[at % SLOW_STEPS];

	if (*len && w->to->link.events)
		w->to->link.events->on_data(w->to->link.arg, piece, *len);
	*len = out->len < SLOW_PIECE ? out->len : SLOW_PIECE;
	if (*len)
		memcpy(piece, bk_buf_head(out), *len);
	bk_buf_consume(out, *len);
	if (w->from->blocked && w->from->link.events) {
		w->from->blocked = false;
		w->from->link.events->on_writable(w->from->link.arg);
	}
}

static struct slow_way slow_ways[2];

static void slow_pair_init(struct carrier_pair *p)
{
	pair_init(p, 40);
	p->rtt = 2 * SLOW_STEPS * SLOW_STEP;
	attach_both(p);
	for (int i = 0; i < 2; i++) {
		struct carrier_end *from = i ? &p->b : &p->a, *to = i ? &p->a : &p->b;

		slow_ways[i] = (struct slow_way){.from = from->link, .to = to->link};
	}
}

/* Both ways, so long. */
static void slow_run(struct carrier_pair *p, unsigned *at, bk_dur d)
{
	for (bk_time end = bk_loop_now(p->loop) + d; bk_loop_now(p->loop) < end; ++*at) {
		run_for(p, SLOW_STEP, false);
		slow_step(&slow_ways[0], *at);
		slow_step(&slow_ways[1], *at);
	}
}

static void six_seconds_of_round_trip_are_no_dead_path(void **state)
{
	struct carrier_pair p;
	unsigned at = 0;

	(void)state;
	slow_pair_init(&p);
	while (p.a.got.len < SLOW_BYTES) {
		if (!p.b.stuck && p.b.sent.len < SLOW_BYTES)
			write_frame(&p, &p.b);
		slow_run(&p, &at, SLOW_STEP);
		assert_int_equal(p.a.lost + p.b.lost, 0);
	}
	slow_run(&p, &at, 120 * BK_SEC);
	assert_int_equal(p.a.lost + p.b.lost, 0);
	assert_same(&p.b, &p.a);
	pair_done(&p);
}

/* Two round trips and a quarter more of six seconds; and of a quick one whose handshake had to wait. */
static void patience_follows_the_round_trip_that_was_measured_last(void **state)
{
	struct carrier_pair p;
	unsigned at = 0;

	(void)state;
	slow_pair_init(&p);
	slow_run(&p, &at, 60 * BK_SEC);
	bk_carrier_ask(p.a.carrier);
	run_for(&p, 14 * BK_SEC, false);
	assert_int_equal(p.a.lost, 0);
	run_for(&p, 2 * BK_SEC, false);
	assert_int_equal(p.a.lost, 1);
	pair_done(&p);

	pair_init(&p, 41);
	p.rtt = 6 * BK_SEC;
	attach_both(&p);
	drain(&p);
	bk_carrier_ask(p.a.carrier);
	run_for(&p, 40 * BK_SEC, true);
	bk_carrier_ask(p.a.carrier);
	run_for(&p, 3 * BK_SEC, false);
	assert_int_equal(p.a.lost, 1);
	pair_done(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_relay_goes_cold_after_a_minute),
		cmocka_unit_test(a_link_that_gives_no_sign_of_life_is_lost),
		cmocka_unit_test(an_hour_of_silence_is_asked_about_by_one_side),
		cmocka_unit_test(who_only_sends_notices_a_dead_path_as_soon_as_who_receives),
		cmocka_unit_test(six_seconds_of_round_trip_are_no_dead_path),
		cmocka_unit_test(patience_follows_the_round_trip_that_was_measured_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

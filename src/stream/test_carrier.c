/* SPDX-License-Identifier: Apache-2.0 */
/* Two carriers joined by links that die at random moments: what goes in at one end comes out at the other,
 * once and in order, and only what was in flight is sent twice. */
#include <stdlib.h>

#include "base/rng.h"
#include "net/test_clock.h"
#include "net/test_kit.h"
#include "stream/carrier.h"
#include "stream/test_link.h"
#include "wire/frame.h"

enum {
	LINKS_MAX = 256,
	LINK_HIGH = 64 * 1024,
	LINK_MAX = 4 * 1024 * 1024,
	STREAM_MAX = 24 * 1024 * 1024,
	FRAMES = 400,
	FRAME_PAYLOAD = 40 * 1000,
};

struct end {
	struct bk_carrier *carrier;
	struct test_link *link;  /* the current one */
	struct test_link *relay; /* the one over the relay */
	struct bk_buf sent, got;
	bool stuck;    /* the last write said "not now" */
	uint32_t left; /* of the frame that is heard */
	int lost, resumed, fell_back, dropped, closed;
	uint64_t resent;
};

struct pair {
	struct bk_loop *loop;
	struct test_clock clock;
	struct end a, b;
	struct test_link links[LINKS_MAX];
	size_t links_len;
	bk_dur rtt; /* that the links' handshakes showed */
	struct bk_rng rng;
};

static void on_lost(void *arg, int error, const char *text)
{
	struct end *e = arg;

	(void)error;
	(void)text;
	e->lost++;
}

static void on_fell_back(void *arg, int error, const char *text)
{
	struct end *e = arg;

	assert_non_null(text);
	assert_true(error <= 0);
	e->fell_back++;
}

static void on_resumed(void *arg, uint64_t resent)
{
	struct end *e = arg;

	e->resumed++;
	e->resent += resent;
}

static void on_head(void *arg, const struct bk_sframe *f)
{
	uint8_t head[BK_SFRAME_HEADER_LEN];
	struct end *e = arg;

	assert_int_equal(e->left, 0);
	e->left = f->length;
	bk_sframe_encode(f, head);
	assert_int_equal(bk_buf_append(&e->got, head, sizeof(head)), 0);
}

static void on_payload(void *arg, const uint8_t *data, size_t n, uint32_t left)
{
	struct end *e = arg;

	e->left -= (uint32_t)n;
	assert_int_equal(e->left, left);
	assert_int_equal(bk_buf_append(&e->got, data, n), 0);
}

static void on_writable(void *arg)
{
	struct end *e = arg;

	e->stuck = false;
}

static void on_closed(void *arg)
{
	struct end *e = arg;

	e->closed++;
}

static const struct bk_carrier_user user = {
	.on_head = on_head, .on_payload = on_payload, .on_writable = on_writable, .on_closed = on_closed};
static const struct bk_stream_events events = {
	.on_lost = on_lost, .on_fell_back = on_fell_back, .on_resumed = on_resumed};

static void end_init(struct pair *p, struct end *e, uint8_t id_byte, bool is_leading)
{
	const struct bk_stream_opts opts = {.id = {id_byte}, .is_leading = is_leading};

	memset(e, 0, sizeof(*e));
	bk_buf_init(&e->sent, STREAM_MAX);
	bk_buf_init(&e->got, STREAM_MAX);
	assert_int_equal(bk_carrier_new(p->loop, &opts, &user, e, &events, e, &e->carrier), 0);
}

static void end_done(struct end *e)
{
	bk_carrier_free(e->carrier);
	bk_buf_done(&e->sent);
	bk_buf_done(&e->got);
}

static void pair_init(struct pair *p, uint64_t seed)
{
	memset(p, 0, sizeof(*p));
	p->rng.state = seed;
	p->loop = kit_loop_new();
	assert_int_equal(test_clock_init(&p->clock, p->loop), 0);
	end_init(p, &p->a, 7, true);
	end_init(p, &p->b, 7, false);
}

static void pair_done(struct pair *p)
{
	end_done(&p->a);
	end_done(&p->b);
	test_clock_done(&p->clock);
	bk_loop_free(p->loop);
}

static void attach_one(struct pair *p, struct end *e, bool is_relay)
{
	assert_in_range(p->links_len, 0, LINKS_MAX - 1);
	e->link = &p->links[p->links_len++];
	test_link_init(e->link, LINK_HIGH, LINK_MAX);
	e->link->link.rtt_ns = p->rtt;
	e->link->freed = &e->dropped;
	assert_int_equal(bk_carrier_attach(e->carrier, &e->link->link, is_relay), 0);
}

static void attach(struct pair *p, struct end *e)
{
	attach_one(p, e, false);
}

static void attach_relay(struct pair *p, struct end *e)
{
	attach_one(p, e, true);
	e->relay = e->link;
}

static void attach_both(struct pair *p)
{
	attach(p, &p->a);
	attach(p, &p->b);
}

static void write_frame(struct pair *p, struct end *e)
{
	static uint8_t payload[FRAME_PAYLOAD];
	struct bk_sframe f = {.type = BK_SFRAME_DATA, .channel = 1};
	uint8_t head[BK_SFRAME_HEADER_LEN];
	struct iovec pieces[2];

	f.length = (uint32_t)bk_rng_range(&p->rng, 0, FRAME_PAYLOAD);
	for (size_t i = 0; i < f.length; i++)
		payload[i] = (uint8_t)bk_rng_next(&p->rng);
	bk_sframe_encode(&f, head);
	pieces[0] = (struct iovec){head, sizeof(head)};
	pieces[1] = (struct iovec){payload, f.length};
	if (bk_carrier_send(e->carrier, pieces, 1 + (f.length > 0), false) < 0) {
		e->stuck = true;
		return;
	}
	assert_int_equal(bk_buf_append(&e->sent, head, sizeof(head)), 0);
	assert_int_equal(bk_buf_append(&e->sent, payload, f.length), 0);
}

/* Some of what stands in one end's link comes out of the other end's. False: there was nothing. */
static bool carry(struct test_link *from, struct test_link *to, size_t most)
{
	uint8_t piece[5000];
	size_t n = from->out.len;

	if (!n)
		return false;
	n = n < most ? n : most;
	n = n < sizeof(piece) ? n : sizeof(piece);
	memcpy(piece, bk_buf_head(&from->out), n);
	bk_buf_consume(&from->out, n);
	if (!to->link.events)
		return true;
	to->link.events->on_data(to->link.arg, piece, n);
	if (from->blocked && from->link.events && from->out.len < LINK_HIGH / 2) {
		from->blocked = false;
		from->link.events->on_writable(from->link.arg);
	}
	return true;
}

/* Some of what one end has written to the current link reaches the other. */
static bool deliver(struct pair *p, struct end *from, struct end *to, size_t most)
{
	(void)p;
	return carry(from->link, to->link, most);
}

static void drain(struct pair *p)
{
	bool moved = true;

	while (moved) {
		moved = deliver(p, &p->a, &p->b, SIZE_MAX);
		moved = deliver(p, &p->b, &p->a, SIZE_MAX) || moved;
	}
}

static void assert_same(const struct end *from, const struct end *to)
{
	assert_int_equal(from->sent.len, to->got.len);
	assert_memory_equal(bk_buf_head(&from->sent), bk_buf_head(&to->got), from->sent.len);
}

static void end_link(struct end *e, int error)
{
	e->link->link.events->on_end(e->link->link.arg, error, "it died");
}

static void story(uint64_t seed, int deaths_in_1000)
{
	struct pair p;

	pair_init(&p, seed);
	attach_both(&p);
	for (int frames = 0; frames < FRAMES;) {
		int64_t what = bk_rng_range(&p.rng, 0, 999);
		size_t most = (size_t)bk_rng_range(&p.rng, 1, 5000);

		if (what < deaths_in_1000 && p.links_len < LINKS_MAX - 2) {
			attach_both(&p); /* what the old links still held is gone */
		} else if (what < 300) {
			struct end *e = bk_rng_range(&p.rng, 0, 1) ? &p.a : &p.b;
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
	struct pair p;

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
	struct pair p;
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
	struct pair p;

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
		struct pair p;

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
	struct pair p;

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
	struct pair p;

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
	struct pair p;
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

/* Both on the relay, then on a direct link. */
static void pair_upgraded(struct pair *p, uint64_t seed)
{
	pair_init(p, seed);
	attach_relay(p, &p->a);
	attach_relay(p, &p->b);
	drain(p);
	attach_both(p);
	drain(p);
	assert_true(bk_carrier_has_spare(p->a.carrier) && bk_carrier_has_spare(p->b.carrier));
}

static void on_the_relay(struct end *e)
{
	e->link = e->relay;
}

static void a_direct_link_that_dies_is_left_for_the_relay_by_both(void **state)
{
	(void)state;
	for (int who = 0; who < 2; who++) { /* only one of them notices */
		struct pair p;
		struct end *notices, *other;

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
	struct pair p;

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
	struct pair p;

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
	struct pair p;

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
		struct pair p;

		pair_upgraded(&p, seed);
		for (int i = 0; i < 600; i++) {
			struct end *e = bk_rng_range(&p.rng, 0, 1) ? &p.a : &p.b,
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

struct turns {
	struct pair *pair;
	struct bk_timer *timer;
	bk_time until;
	bool carries;
};

static void on_turn(void *arg)
{
	struct turns *t = arg;
	struct pair *p = t->pair;

	if (t->carries) {
		if (p->a.relay)
			carry(p->a.relay, p->b.relay, SIZE_MAX), carry(p->b.relay, p->a.relay, SIZE_MAX);
		drain(p);
	}
	if (bk_loop_now(p->loop) < t->until)
		bk_timer_start(t->timer, 0);
	else
		bk_loop_stop(p->loop);
}

/* Time flies; what is written arrives, or does not. */
static void run_for(struct pair *p, bk_dur d, bool carries)
{
	struct turns t = {.pair = p, .carries = carries, .until = bk_loop_now(p->loop) + d};

	assert_int_equal(bk_timer_new(p->loop, on_turn, &t, &t.timer), 0);
	bk_timer_start(t.timer, 0);
	test_clock_fly(&p->clock, d);
	assert_int_equal(bk_loop_run(p->loop), 0);
	bk_timer_free(t.timer);
}

static void the_relay_goes_cold_after_a_minute(void **state)
{
	struct pair p;

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
	struct pair p;

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
	struct pair p;
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
	struct pair p;

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

static void slow_pair_init(struct pair *p)
{
	pair_init(p, 40);
	p->rtt = 2 * SLOW_STEPS * SLOW_STEP;
	attach_both(p);
	for (int i = 0; i < 2; i++) {
		struct end *from = i ? &p->b : &p->a, *to = i ? &p->a : &p->b;

		slow_ways[i] = (struct slow_way){.from = from->link, .to = to->link};
	}
}

/* Both ways, so long. */
static void slow_run(struct pair *p, unsigned *at, bk_dur d)
{
	for (bk_time end = bk_loop_now(p->loop) + d; bk_loop_now(p->loop) < end; ++*at) {
		run_for(p, SLOW_STEP, false);
		slow_step(&slow_ways[0], *at);
		slow_step(&slow_ways[1], *at);
	}
}

static void six_seconds_of_round_trip_are_no_dead_path(void **state)
{
	struct pair p;
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
	struct pair p;
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

/* --- peers that lie --- */

static void say_resume(struct end *to, uint8_t id, uint64_t received, uint64_t turn)
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
		struct pair p;

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
	struct pair p;
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
	struct pair p;

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
	struct pair p;

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
	struct pair p;
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
		cmocka_unit_test(the_relay_goes_cold_after_a_minute),
		cmocka_unit_test(a_link_that_gives_no_sign_of_life_is_lost),
		cmocka_unit_test(an_hour_of_silence_is_asked_about_by_one_side),
		cmocka_unit_test(who_only_sends_notices_a_dead_path_as_soon_as_who_receives),
		cmocka_unit_test(six_seconds_of_round_trip_are_no_dead_path),
		cmocka_unit_test(patience_follows_the_round_trip_that_was_measured_last),
		cmocka_unit_test(a_resume_that_cannot_be_is_refused),
		cmocka_unit_test(a_peer_that_moves_without_end_is_cut),
		cmocka_unit_test(the_rest_of_a_frame_must_be_what_is_missing),
		cmocka_unit_test(a_ping_comes_back_and_a_long_one_ends_the_link),
		cmocka_unit_test(pings_without_end_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

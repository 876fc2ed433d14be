/* SPDX-License-Identifier: Apache-2.0 */
/* Two carriers joined by links that die at random moments: what goes in at one end comes out at the other,
 * once and in order, and only what was in flight is sent twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/rng.h"
#include "session/carrier.h"
#include "session/test_link.h"
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
	struct test_link *link; /* the current one */
	struct bk_buf sent, got;
	bool stuck; /* the last write said "not now" */
	int lost, resumed;
	uint64_t resent;
};

struct pair {
	struct bk_loop *loop;
	struct end a, b;
	struct test_link links[LINKS_MAX];
	size_t links_len;
	struct bk_rng rng;
};

static void on_lost(void *arg, int error, const char *text)
{
	struct end *e = arg;

	(void)error;
	(void)text;
	e->lost++;
}

static void on_resumed(void *arg, uint64_t resent)
{
	struct end *e = arg;

	e->resumed++;
	e->resent += resent;
}

static void on_data(void *arg, const uint8_t *data, size_t n)
{
	struct end *e = arg;

	assert_int_equal(bk_buf_append(&e->got, data, n), 0);
}

static void on_writable(void *arg)
{
	struct end *e = arg;

	e->stuck = false;
}

static void on_end(void *arg, int error, const char *text)
{
	(void)arg;
	(void)error;
	(void)text;
}

static const struct bk_link_events upper_events = {
	.on_data = on_data, .on_writable = on_writable, .on_end = on_end};
static const struct bk_carrier_events events = {.on_lost = on_lost, .on_resumed = on_resumed};

static void end_init(struct pair *p, struct end *e, uint8_t id_byte)
{
	uint8_t id[BK_CARRIER_ID_LEN] = {id_byte};

	memset(e, 0, sizeof(*e));
	bk_buf_init(&e->sent, STREAM_MAX);
	bk_buf_init(&e->got, STREAM_MAX);
	assert_int_equal(bk_carrier_new(p->loop, id, &events, e, &e->carrier), 0);
	bk_link_set_events(bk_carrier_link(e->carrier), &upper_events, e);
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
	assert_int_equal(bk_loop_new(BK_LOOP_AUTO, &p->loop), 0);
	end_init(p, &p->a, 7);
	end_init(p, &p->b, 7);
}

static void pair_done(struct pair *p)
{
	end_done(&p->a);
	end_done(&p->b);
	bk_loop_free(p->loop);
}

static void attach(struct pair *p, struct end *e)
{
	assert_in_range(p->links_len, 0, LINKS_MAX - 1);
	e->link = &p->links[p->links_len++];
	test_link_init(e->link, LINK_HIGH, LINK_MAX);
	bk_carrier_attach(e->carrier, &e->link->link);
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
	if (bk_link_write(bk_carrier_link(e->carrier), pieces, 2, false) < 0) {
		e->stuck = true;
		return;
	}
	assert_int_equal(bk_buf_append(&e->sent, head, sizeof(head)), 0);
	assert_int_equal(bk_buf_append(&e->sent, payload, f.length), 0);
}

/* Some of what one end has written reaches the other. False: there was nothing. */
static bool deliver(struct pair *p, struct end *from, struct end *to, size_t most)
{
	uint8_t piece[5000];
	size_t n = from->link->out.len;

	(void)p;
	if (!n)
		return false;
	n = n < most ? n : most;
	n = n < sizeof(piece) ? n : sizeof(piece);
	memcpy(piece, bk_buf_head(&from->link->out), n);
	bk_buf_consume(&from->link->out, n);
	bk_carrier_input(to->carrier, piece, n);
	if (from->link->blocked && from->link->out.len < LINK_HIGH / 2) {
		from->link->blocked = false;
		from->link->link.events->on_writable(from->link->link.arg);
	}
	return true;
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

static void another_session_is_not_resumed(void **state)
{
	struct pair p;

	(void)state;
	pair_init(&p, 4);
	end_done(&p.b);
	end_init(&p, &p.b, 8);
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
	bk_carrier_input(p.a.carrier, ack, sizeof(ack));
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_link_carries_everything_once),
		cmocka_unit_test(links_that_die_at_random_lose_and_double_nothing),
		cmocka_unit_test(only_what_was_in_flight_is_sent_again),
		cmocka_unit_test(another_session_is_not_resumed),
		cmocka_unit_test(a_peer_that_claims_more_than_was_sent_is_cut),
		cmocka_unit_test(what_is_kept_has_a_ceiling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

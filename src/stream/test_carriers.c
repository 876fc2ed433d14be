/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/test_carriers.h"

#include <stdlib.h>
#include <string.h>

#include "net/test_clock.h"
#include "wire/frame.h"

static void on_lost(void *arg, int error, const char *text)
{
	struct carrier_end *e = arg;

	(void)error;
	(void)text;
	e->lost++;
}

static void on_fell_back(void *arg, int error, const char *text)
{
	struct carrier_end *e = arg;

	assert_non_null(text);
	assert_true(error <= 0);
	e->fell_back++;
}

static void on_resumed(void *arg, uint64_t resent)
{
	struct carrier_end *e = arg;

	e->resumed++;
	e->resent += resent;
}

static void on_head(void *arg, const struct bk_sframe *f)
{
	uint8_t head[BK_SFRAME_HEADER_LEN];
	struct carrier_end *e = arg;

	assert_int_equal(e->left, 0);
	e->left = f->length;
	bk_sframe_encode(f, head);
	assert_int_equal(bk_buf_append(&e->got, head, sizeof(head)), 0);
}

static void on_payload(void *arg, const uint8_t *data, size_t n, uint32_t left)
{
	struct carrier_end *e = arg;

	e->left -= (uint32_t)n;
	assert_int_equal(e->left, left);
	assert_int_equal(bk_buf_append(&e->got, data, n), 0);
}

static void on_writable(void *arg)
{
	struct carrier_end *e = arg;

	e->stuck = false;
}

static void on_closed(void *arg)
{
	struct carrier_end *e = arg;

	e->closed++;
}

static const struct bk_carrier_user user = {
	.on_head = on_head, .on_payload = on_payload, .on_writable = on_writable, .on_closed = on_closed};
static const struct bk_stream_events events = {
	.on_lost = on_lost, .on_fell_back = on_fell_back, .on_resumed = on_resumed};

void end_init(struct carrier_pair *p, struct carrier_end *e, uint8_t id_byte, bool is_leading)
{
	const struct bk_stream_opts opts = {.id = {id_byte}, .is_leading = is_leading};

	memset(e, 0, sizeof(*e));
	bk_buf_init(&e->sent, STREAM_MAX);
	bk_buf_init(&e->got, STREAM_MAX);
	assert_int_equal(bk_carrier_new(p->loop, &opts, &user, e, &events, e, &e->carrier), 0);
}

void end_done(struct carrier_end *e)
{
	bk_carrier_free(e->carrier);
	bk_buf_done(&e->sent);
	bk_buf_done(&e->got);
}

void pair_init(struct carrier_pair *p, uint64_t seed)
{
	memset(p, 0, sizeof(*p));
	p->rng.state = seed;
	p->loop = kit_loop_new();
	p->clock = calloc(1, sizeof(*p->clock));
	assert_non_null(p->clock);
	assert_int_equal(test_clock_init(p->clock, p->loop), 0);
	end_init(p, &p->a, 7, true);
	end_init(p, &p->b, 7, false);
}

void pair_done(struct carrier_pair *p)
{
	end_done(&p->a);
	end_done(&p->b);
	test_clock_done(p->clock);
	free(p->clock);
	bk_loop_free(p->loop);
}

static void attach_one(struct carrier_pair *p, struct carrier_end *e, bool is_relay)
{
	assert_in_range(p->links_len, 0, LINKS_MAX - 1);
	e->link = &p->links[p->links_len++];
	test_link_init(e->link, LINK_HIGH, LINK_MAX);
	e->link->link.rtt_ns = p->rtt;
	e->link->freed = &e->dropped;
	assert_int_equal(bk_carrier_attach(e->carrier, &e->link->link, is_relay), 0);
}

void attach(struct carrier_pair *p, struct carrier_end *e)
{
	attach_one(p, e, false);
}

void attach_relay(struct carrier_pair *p, struct carrier_end *e)
{
	attach_one(p, e, true);
	e->relay = e->link;
}

void attach_both(struct carrier_pair *p)
{
	attach(p, &p->a);
	attach(p, &p->b);
}

void write_frame(struct carrier_pair *p, struct carrier_end *e)
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

bool carry(struct test_link *from, struct test_link *to, size_t most)
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

bool deliver(struct carrier_pair *p, struct carrier_end *from, struct carrier_end *to, size_t most)
{
	(void)p;
	return carry(from->link, to->link, most);
}

void drain(struct carrier_pair *p)
{
	bool moved = true;

	while (moved) {
		moved = deliver(p, &p->a, &p->b, SIZE_MAX);
		moved = deliver(p, &p->b, &p->a, SIZE_MAX) || moved;
	}
}

void assert_same(const struct carrier_end *from, const struct carrier_end *to)
{
	assert_int_equal(from->sent.len, to->got.len);
	assert_memory_equal(bk_buf_head(&from->sent), bk_buf_head(&to->got), from->sent.len);
}

void end_link(struct carrier_end *e, int error)
{
	e->link->link.events->on_end(e->link->link.arg, error, "it died");
}

void pair_upgraded(struct carrier_pair *p, uint64_t seed)
{
	pair_init(p, seed);
	attach_relay(p, &p->a);
	attach_relay(p, &p->b);
	drain(p);
	attach_both(p);
	drain(p);
	assert_true(bk_carrier_has_spare(p->a.carrier) && bk_carrier_has_spare(p->b.carrier));
}

struct turns {
	struct carrier_pair *pair;
	struct bk_timer *timer;
	bk_time until;
	bool carries;
};

static void on_turn(void *arg)
{
	struct turns *t = arg;
	struct carrier_pair *p = t->pair;

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

void run_for(struct carrier_pair *p, bk_dur d, bool carries)
{
	struct turns t = {.pair = p, .carries = carries, .until = bk_loop_now(p->loop) + d};

	assert_int_equal(bk_timer_new(p->loop, on_turn, &t, &t.timer), 0);
	bk_timer_start(t.timer, 0);
	test_clock_fly(p->clock, d);
	assert_int_equal(bk_loop_run(p->loop), 0);
	bk_timer_free(t.timer);
}

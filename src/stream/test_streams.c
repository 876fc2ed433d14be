/* SPDX-License-Identifier: Apache-2.0 */
/* Channels under load: many that pause, over links that die, over a long path. */
#include "stream/test_pair.h"

#include "base/rng.h"
#include "stream/stream.h"

enum { MIB = 1 << 20, STREAMS = BK_CHANNELS_MAX, PIECE_MAX = 20000, LINKS_MAX = 1000 };

/* --- many at once --- */

struct stream {
	struct bk_channel *out, *in;
	uint32_t number;
	uint64_t sent, heard, total;
	bool is_paused, is_finished;
	struct bk_rng *rng;
};

static struct stream streams[STREAMS];
static size_t taken;

static uint8_t byte_of(uint32_t number, uint64_t at)
{
	return (uint8_t)(at * 131 + (at >> 11) + number * 29);
}

static void stream_on_data(struct bk_channel *channel, void *arg, const uint8_t *data, size_t n)
{
	struct stream *s = arg;

	(void)channel;
	assert_false(s->is_paused || s->is_finished);
	for (size_t i = 0; i < n; i++)
		if (data[i] != byte_of(s->number, s->heard + i))
			fail_msg("channel %u differs at %zu", s->number, (size_t)s->heard + i);
	s->heard += n;
	if (bk_rng_range(s->rng, 0, 9) == 0) {
		s->is_paused = true;
		bk_channel_pause(s->in);
	}
}

static void stream_on_finished(struct bk_channel *channel, void *arg)
{
	struct stream *s = arg;

	(void)channel;
	assert_false(s->is_paused);
	assert_int_equal(s->heard, s->total);
	s->is_finished = true;
}

static const struct bk_channel_events stream_events = {
	.on_data = stream_on_data, .on_finished = stream_on_finished};

static void take_stream(struct end *e, struct bk_channel *c)
{
	(void)e;
	streams[taken].in = c;
	bk_channel_listen(c, &stream_events, &streams[taken++]);
}

static void open_streams(struct pair *p, struct bk_rng *rng, size_t n, int64_t max)
{
	taken = 0;
	p->b.take = take_stream;
	for (size_t i = 0; i < n; i++) {
		streams[i] = (struct stream){.rng = rng, .number = (uint32_t)i};
		streams[i].total = (uint64_t)bk_rng_range(rng, 0, max);
		assert_int_equal(
			bk_mux_open(p->a.mux, "x/1", &stream_events, &streams[i], &streams[i].out), 0);
	}
}

static void write_some(struct stream *s)
{
	uint8_t piece[PIECE_MAX];
	uint64_t left = s->total - s->sent;
	size_t n = (size_t)bk_rng_range(s->rng, 1, PIECE_MAX);

	if (!s->out)
		return;
	n = left < n ? (size_t)left : n;
	for (size_t i = 0; i < n; i++)
		piece[i] = byte_of(s->number, s->sent + i);
	if (bk_channel_write(s->out, piece, n) < 0)
		return;
	s->sent += n;
	if (s->sent == s->total) {
		bk_channel_finish(s->out);
		s->out = NULL;
	}
}

static bool resume_some(struct stream *s)
{
	if (s->is_paused && bk_rng_range(s->rng, 0, 3) == 0) {
		s->is_paused = false;
		bk_channel_resume(s->in);
	}
	return s->is_finished;
}

static void sixty_four_channels_that_pause_at_random_stay_whole(void **state)
{
	struct bk_rng rng = {.state = 64};
	size_t finished = 0;
	struct pair *p = pair_new();

	(void)state;
	p->a.link.high = SIZE_MAX;
	open_streams(p, &rng, STREAMS, 400000);
	streams[5].total = 5 * MIB; /* more than a window */
	for (int round = 0; finished < STREAMS; round++) {
		assert_in_range(round, 0, 20000);
		for (int i = 0; i < STREAMS; i++)
			write_some(&streams[bk_rng_range(&rng, 0, STREAMS - 1)]);
		write_some(&streams[5]);
		assert_int_equal(carry(&p->a, &p->b, (size_t)bk_rng_range(&rng, 1, 40000)), 0);
		assert_int_equal(carry(&p->b, &p->a, SIZE_MAX), 0);
		finished = 0;
		for (int i = 0; i < STREAMS; i++)
			finished += resume_some(&streams[i]);
		settle(p->loop);
	}
	pair_free(p);
}

/* --- over links that die --- */

/* Two streams, as a session has them, over links that the test carries. */
struct road {
	struct bk_stream *streams[2];
	struct test_link links[LINKS_MAX][2];
	unsigned now;
};

static void on_stream_channel(void *arg, struct bk_channel *c, const char *kind)
{
	(void)arg;
	(void)kind;
	take_stream(NULL, c);
}

static void on_lost(void *arg, int error, const char *text)
{
	(void)arg;
	(void)error;
	fail_msg("%s", text);
}

static void on_broken(void *arg, int error)
{
	(void)arg;
	fail_msg("broken: %d", error);
}

static void on_resumed(void *arg, uint64_t resent)
{
	(void)arg;
	(void)resent;
}

static void new_link(struct road *r)
{
	assert_in_range(++r->now, 1, LINKS_MAX - 1);
	for (int i = 0; i < 2; i++) {
		test_link_init(&r->links[r->now][i], 64 * 1024, 32 * MIB);
		assert_int_equal(bk_stream_attach(r->streams[i], &r->links[r->now][i].link, false), 0);
	}
}

static void road_init(struct road *r, struct bk_loop *loop)
{
	static const struct bk_stream_events events = {.on_channel = on_stream_channel,
		.on_lost = on_lost,
		.on_broken = on_broken,
		.on_resumed = on_resumed};

	*r = (struct road){.now = 0};
	for (int i = 0; i < 2; i++) {
		const struct bk_stream_opts opts = {.id = {1}, .is_leading = !i};

		assert_int_equal(bk_stream_new(loop, &opts, &events, NULL, &r->streams[i]), 0);
	}
	new_link(r);
}

/* Some of what is on its way arrives, or the link dies and the rest of it with it. */
static void travel(struct road *r, struct bk_rng *rng)
{
	for (int i = 0; i < 2; i++) {
		struct test_link *from = &r->links[r->now][i];
		struct test_link *to = &r->links[r->now][!i];
		struct bk_buf *b = &from->out;
		size_t n = (size_t)bk_rng_range(rng, 0, (int64_t)b->len);

		if (n)
			to->link.events->on_data(to->link.arg, bk_buf_head(b), n);
		bk_buf_consume(b, n);
		from->link.events->on_writable(from->link.arg);
	}
	if (bk_rng_range(rng, 0, 19) == 0)
		new_link(r);
}

static void credit_and_kept_bytes_survive_the_links(void **state)
{
	enum { N = 6 };
	struct bk_loop *loop = kit_loop_new();
	struct bk_rng rng = {.state = 6};
	size_t finished = 0;
	struct road road;

	(void)state;
	road_init(&road, loop);
	taken = 0;
	for (int i = 0; i < N; i++) {
		streams[i] = (struct stream){.rng = &rng, .number = (uint32_t)i};
		streams[i].total = (uint64_t)bk_rng_range(&rng, 0, 5 * MIB);
		assert_int_equal(
			bk_stream_open(road.streams[0], "x/1", &stream_events, &streams[i], &streams[i].out),
			0);
	}
	for (int round = 0; finished < N; round++) {
		assert_in_range(round, 0, 20000);
		for (int i = 0; i < 4 * N; i++)
			write_some(&streams[i % N]);
		travel(&road, &rng);
		finished = 0;
		for (int i = 0; i < N; i++)
			finished += resume_some(&streams[i]);
		settle(loop);
	}
	for (int i = 0; i < 2; i++)
		bk_stream_free(road.streams[i]);
	bk_loop_free(loop);
}

/* --- a long path --- */

/* A line of 1 Gbit/s and 120 ms there and back, in steps of a millisecond. What enters it grows as TCP's slow
 * start lets it: ten packets, doubled with each round trip. */
enum { ONE_WAY = 60, LINE_RATE = 125000, LINE_STEPS = 2400 };

struct line {
	struct bk_buf slots[ONE_WAY];
	size_t at;
};

static size_t line_step(struct line *l, struct end *from, struct end *to, size_t rate)
{
	struct bk_buf *slot = &l->slots[l->at++ % ONE_WAY], *out = &from->link.out;
	size_t n = out->len < rate ? out->len : rate;

	if (slot->len)
		assert_int_equal(hear(to, bk_buf_head(slot), slot->len), 0);
	bk_buf_consume(slot, slot->len);
	assert_int_equal(bk_buf_append(slot, bk_buf_head(out), n), 0);
	bk_buf_consume(out, n);
	return n;
}

static void forget_heard(struct bk_channel *channel, void *arg, const uint8_t *data, size_t n)
{
	(void)channel;
	(void)arg;
	(void)data;
	(void)n;
}

static void take_fast_reader(struct end *e, struct bk_channel *c)
{
	static const struct bk_channel_events events = {.on_data = forget_heard};

	(void)e;
	bk_channel_listen(c, &events, NULL);
}

static void a_long_fast_path_is_kept_as_full_as_slow_start_lets_it(void **state)
{
	static const uint8_t piece[256 * 1024];
	struct line there = {.at = 0}, back = {.at = 0};
	struct pair *p = pair_new();
	size_t could = 0, did = 0;

	(void)state;
	for (size_t i = 0; i < ONE_WAY; i++) {
		bk_buf_init(&there.slots[i], LINE_RATE);
		bk_buf_init(&back.slots[i], LINE_RATE);
	}
	p->b.take = take_fast_reader;
	p->a.link.high = 512 * 1024;
	assert_int_equal(bk_mux_open(p->a.mux, "x/1", &channel_events, &p->ua, &p->ua.channel), 0);
	for (size_t step = 0; step < LINE_STEPS; step++) {
		size_t rate = ((size_t)14600 << step / (2 * ONE_WAY)) / (2 * ONE_WAY);

		rate = rate < LINE_RATE ? rate : LINE_RATE;
		while (bk_channel_write(p->ua.channel, piece, sizeof(piece)) == 0)
			;
		did += line_step(&there, &p->a, &p->b, rate);
		could += rate;
		line_step(&back, &p->b, &p->a, LINE_RATE);
	}

	assert_true(did >= could - could / 100);
	for (size_t i = 0; i < ONE_WAY; i++) {
		bk_buf_done(&there.slots[i]);
		bk_buf_done(&back.slots[i]);
	}
	pair_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sixty_four_channels_that_pause_at_random_stay_whole),
		cmocka_unit_test(credit_and_kept_bytes_survive_the_links),
		cmocka_unit_test(a_long_fast_path_is_kept_as_full_as_slow_start_lets_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

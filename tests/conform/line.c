/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/conform/line.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "link/quic.h"
#include "tests/conform/test_support.h"

enum { QUEUE_MAX = 4096, DATAGRAM_MAX = 1500 };

struct line_datagram {
	int to; /* end */
	struct bk_addr from;
	bk_time due;
	size_t len;
	uint8_t bytes[DATAGRAM_MAX];
};

static bool chance(struct line *l, int permille)
{
	return permille && bk_rng_range(&l->rng, 0, 999) < permille;
}

static void put(struct line *l, int to, const struct bk_addr *from, const uint8_t *data, size_t n)
{
	struct line_datagram *d;

	if (l->count == QUEUE_MAX || n > DATAGRAM_MAX)
		return; /* lost, like any router's */
	d = &l->queue[(l->first + l->count++) % QUEUE_MAX];
	*d = (struct line_datagram){
		.to = to, .from = *from, .due = bk_loop_now(l->pair->loop) + l->delay, .len = n};
	memcpy(d->bytes, data, n);
	if (l->count > 1 && chance(l, l->swap)) {
		struct line_datagram *before = &l->queue[(l->first + l->count - 2) % QUEUE_MAX],
				     tmp = *before;

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

/* What is lost is known by the clock: what end 0 says first, and what it says behind that until then. */
static bool is_mute(const struct line *l, int me)
{
	return me == 0 && l->sent[0] > 1 && bk_loop_now(l->pair->loop) < l->mute_until;
}

static int line_send(void *arg, const struct bk_addr *remote, const uint8_t *data, size_t len, size_t segment)
{
	struct line_end *e = arg;
	struct line *l = e->line;
	int to = 1 - e->me;

	if (l->fine_until)
		*l->fine_until = bk_loop_now(l->pair->loop) + BK_SEC;
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
		if (!has_mapping(l) || l->cut || !bk_addr_equal(remote, &l->seen[to]) || chance(l, l->lose) ||
			is_mute(l, e->me))
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
		struct line_datagram *d = &l->queue[l->first];

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

const struct kind line_kind = {.make = line_make, .done = line_done, .state_len = sizeof(struct line)};

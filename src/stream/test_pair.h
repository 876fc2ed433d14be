/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_STREAM_TEST_PAIR_H
#define BK_STREAM_TEST_PAIR_H

#include <stdlib.h>

#include "net/test_kit.h"
#include "stream/intake.h"
#include "stream/mux.h"
#include "stream/test_link.h"

/* Two muxes whose frames are only remembered: what one says reaches the other when the test carries it. */
enum { HIGH = 1000, LINK_MAX = 32 << 20, HEARD_MAX = 4 << 20 };

/* One channel as its owner sees it. */
struct user {
	struct end *end;
	struct bk_channel *channel;
	uint8_t *heard;
	size_t heard_len;
	int datas, finishes, resets, writables;
	int reset_error;
	bool pause_on_data, fill_on_writable;
	struct bk_channel **free_on_data, **free_on_reset, **free_on_writable;
	bool free_mux_on_data, free_mux_on_reset;
};

struct end {
	struct test_link link;
	struct bk_intake in;
	struct bk_mux *mux;
	void (*take)(struct end *e, struct bk_channel *c); /* or: */
	struct user *next_user; /* takes the next channel that the peer opens; NULL: nobody listens */
	char kind[BK_CHANNEL_KIND_MAX + 1];
	int channels, byes, bye_error;
	bool free_mux_on_channel, free_mux_on_bye;
};

struct pair {
	struct bk_loop *loop;
	struct end a, b;
	struct user ua, ub;
};

static inline void free_mux(struct end *e)
{
	bk_mux_free(e->mux);
	e->mux = NULL;
}

static inline void free_channel(struct bk_channel **c)
{
	if (c && *c) {
		struct bk_channel *gone = *c;

		*c = NULL;
		bk_channel_free(gone, 0);
	}
}

static inline void on_data(struct bk_channel *channel, void *arg, const uint8_t *data, size_t n)
{
	struct user *u = arg;

	(void)channel;
	assert_true(u->heard_len + n <= HEARD_MAX);
	u->heard = realloc(u->heard, u->heard_len + n);
	memcpy(u->heard + u->heard_len, data, n);
	u->heard_len += n;
	u->datas++;
	if (u->pause_on_data)
		bk_channel_pause(u->channel);
	free_channel(u->free_on_data);
	if (u->free_mux_on_data)
		free_mux(u->end);
}

static inline void on_finished(struct bk_channel *channel, void *arg)
{
	struct user *u = arg;

	(void)channel;
	assert_int_equal(u->resets, 0);
	u->finishes++;
}

static inline void on_reset(struct bk_channel *channel, void *arg, int error)
{
	struct user *u = arg;

	(void)channel;
	u->resets++;
	u->reset_error = error;
	free_channel(u->free_on_reset);
	if (u->free_mux_on_reset)
		free_mux(u->end);
}

static inline void on_writable(struct bk_channel *channel, void *arg)
{
	struct user *u = arg;
	static const uint8_t piece[600];

	(void)channel;
	u->writables++;
	free_channel(u->free_on_writable);
	while (u->fill_on_writable && bk_channel_write(u->channel, piece, sizeof(piece)) == 0)
		;
}

static const struct bk_channel_events channel_events = {
	.on_data = on_data, .on_writable = on_writable, .on_finished = on_finished, .on_reset = on_reset};

static inline void on_channel(void *arg, struct bk_channel *c, const char *kind)
{
	struct end *e = arg;

	e->channels++;
	strcpy(e->kind, kind);
	if (e->free_mux_on_channel) {
		free_mux(e);
	} else if (e->take) {
		e->take(e, c);
	} else if (e->next_user) {
		e->next_user->channel = c;
		e->next_user->end = e;
		bk_channel_listen(c, &channel_events, e->next_user);
	}
}

static inline void on_bye(void *arg, int error)
{
	struct end *e = arg;

	e->byes++;
	e->bye_error = error;
	if (e->free_mux_on_bye)
		free_mux(e);
}

static const struct bk_stream_events mux_events = {.on_channel = on_channel, .on_bye = on_bye};

static inline int send_frame(void *arg, const struct iovec *pieces, int pieces_len, bool urgent)
{
	struct end *e = arg;

	return bk_link_write(&e->link.link, pieces, pieces_len, urgent);
}

static inline void end_init(struct end *e, struct bk_loop *loop, bool is_controlling)
{
	test_link_init(&e->link, HIGH, LINK_MAX);
	assert_int_equal(bk_mux_new(loop, is_controlling, send_frame, e, &mux_events, e, &e->mux), 0);
}

/* Bytes of frames, as a link brings them. */
static inline int hear(struct end *e, const void *bytes, size_t n)
{
	const uint8_t *data = bytes;
	struct bk_intake_piece piece;
	int err = 1;

	while (err > 0 && e->mux) {
		err = bk_intake_next(&e->in, &data, &n, &piece);
		if (err <= 0)
			break;
		err = piece.is_head ? bk_mux_head(e->mux, &e->in.frame)
				    : bk_mux_payload(e->mux, piece.data, piece.len, e->in.left);
		err = err < 0 ? err : 1;
	}
	return err < 0 ? err : 0;
}

static inline struct pair *pair_new(void)
{
	struct pair *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	p->loop = kit_loop_new();
	end_init(&p->a, p->loop, true);
	end_init(&p->b, p->loop, false);
	p->ua.end = &p->a;
	p->b.next_user = &p->ub;
	return p;
}

static inline void pair_free(struct pair *p)
{
	bk_mux_free(p->a.mux);
	bk_mux_free(p->b.mux);
	bk_link_free(&p->a.link.link);
	bk_link_free(&p->b.link.link);
	free(p->ua.heard);
	free(p->ub.heard);
	bk_loop_free(p->loop);
	free(p);
}

/* What is due in the loop happens. */
static inline void settle(struct bk_loop *loop)
{
	kit_run_idle(loop, 8);
}

/* What `from` wrote reaches `to`, `step` bytes at a time. */
static inline int carry(struct end *from, struct end *to, size_t step)
{
	struct bk_buf *b = &from->link.out;
	int err = 0;

	while (b->len && to->mux && !err) {
		size_t n = b->len < step ? b->len : step;

		err = hear(to, bk_buf_head(b), n);
		bk_buf_consume(b, n);
	}
	return err;
}

static inline struct bk_channel *open_one(struct pair *p)
{
	assert_int_equal(bk_mux_open(p->a.mux, "x/1", &channel_events, &p->ua, &p->ua.channel), 0);
	assert_int_equal(carry(&p->a, &p->b, SIZE_MAX), 0);
	return p->ua.channel;
}

static inline int say(struct end *to, uint8_t type, uint32_t channel, const void *payload, uint32_t n)
{
	const struct bk_sframe f = {.type = type, .channel = channel, .length = n};
	uint8_t bytes[BK_SFRAME_HEADER_LEN + 4096];

	assert_true(n <= 4096);
	bk_sframe_encode(&f, bytes);
	if (n)
		memcpy(bytes + BK_SFRAME_HEADER_LEN, payload, n);
	return hear(to, bytes, BK_SFRAME_HEADER_LEN + n);
}

/* The next frame that `e` sent; -1: none. */
static inline int take_frame(struct end *e, struct bk_sframe *ret_frame, char *ret_payload)
{
	struct bk_buf *b = &e->link.out;

	if (!b->len)
		return -1;
	assert_int_equal(bk_sframe_decode(bk_buf_head(b), b->len, ret_frame), 0);
	bk_buf_consume(b, BK_SFRAME_HEADER_LEN);
	memcpy(ret_payload, bk_buf_head(b), ret_frame->length);
	ret_payload[ret_frame->length] = 0;
	bk_buf_consume(b, ret_frame->length);
	return ret_frame->type;
}

#endif

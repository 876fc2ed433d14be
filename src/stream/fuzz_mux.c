/* SPDX-License-Identifier: Apache-2.0 */
/* A peer's bytes into the channels. The first byte chooses the side, what the owners do in their callbacks
 * (nothing, write, pause, free), whether they resume in between, and whether the first channel has nearly
 * used its credit up already. Whatever comes, the number of channels and what they keep stay under their
 * ceilings, and what is said back is bounded by what came. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "stream/channel.h"
#include "stream/intake.h"
#include "stream/test_link.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	OUT_MAX = 4 << 20,
	FLOOD_LEFT = 16, /* of the credit */
	MOOD_WRITE = 1,
	MOOD_PAUSE = 2,
	MOOD_FREE = 4,
	MOOD_DEAF = 8,
	MOOD_END = 16,
	MOOD_RESUME = 32,
	MOOD_FLOOD = 64,
};

struct owner {
	struct bk_mux *mux;
	struct bk_intake in;
	struct test_link link;
	unsigned mood;
	int channels;
};

struct user {
	struct owner *owner;
	struct bk_channel *channel;
};

static struct user users[4096];
static size_t users_len;

static void let_go(struct user *u)
{
	struct bk_channel *c = u->channel;

	u->channel = NULL;
	if (!c)
		return;
	u->owner->channels--;
	bk_channel_free(c, 0);
}

static void on_data(struct bk_channel *channel, void *arg, const uint8_t *data, size_t n)
{
	struct user *u = arg;
	volatile uint8_t sum = 0;

	(void)channel;
	for (size_t i = 0; i < n; i++)
		sum = (uint8_t)(sum + data[i]);
	if (u->owner->mood & MOOD_WRITE)
		bk_channel_write(u->channel, data, n);
	if (u->owner->mood & MOOD_PAUSE)
		bk_channel_pause(u->channel);
	if (u->owner->mood & MOOD_FREE)
		let_go(u);
}

static void on_finished(struct bk_channel *channel, void *arg)
{
	struct user *u = arg;

	(void)channel;
	bk_channel_finish(u->channel);
	let_go(u);
}

static void on_reset(struct bk_channel *channel, void *arg, int error)
{
	(void)channel;
	if (error >= 0)
		abort();
	let_go(arg);
}

static void on_writable(struct bk_channel *channel, void *arg)
{
	struct user *u = arg;

	(void)channel;
	bk_channel_write(u->channel, "x", 1);
}

static const struct bk_channel_events channel_events = {
	.on_data = on_data, .on_writable = on_writable, .on_finished = on_finished, .on_reset = on_reset};

static void on_channel(void *arg, struct bk_channel *c, const char *kind)
{
	struct owner *o = arg;
	struct user *u = &users[users_len];

	if (!*kind)
		abort();
	if ((o->mood & MOOD_DEAF) || users_len == sizeof(users) / sizeof(users[0]))
		return;
	users_len++;
	*u = (struct user){.owner = o, .channel = c};
	if (++o->channels > BK_CHANNELS_MAX)
		abort();
	bk_channel_listen(c, &channel_events, u);
}

static void on_bye(void *arg, int error)
{
	struct owner *o = arg;

	if (error > 0)
		abort();
	if (o->mood & MOOD_END) {
		bk_mux_free(o->mux);
		o->mux = NULL;
	}
}

/* --- the loop, for what is handed on later --- */

static struct bk_loop *loop;
static struct bk_timer *stopper;

static void on_stopper(void *arg)
{
	bk_loop_stop(arg);
}

static void resume_all(void)
{
	for (size_t i = 0; i < users_len; i++)
		if (users[i].channel)
			bk_channel_resume(users[i].channel);
	bk_timer_start(stopper, 0);
	bk_loop_run(loop);
}

static void check_ceilings(const struct bk_mux *m)
{
	uint64_t grown = 0, kept = 0;

	bk_list_each(it, tmp, &m->channels)
	{
		const struct bk_channel *c = bk_container_of(it, struct bk_channel, link);
		const struct bk_inbox *b = &c->in;

		if (b->expected > b->limit || b->kept > b->limit - b->consumed ||
			b->limit - b->consumed > b->window || b->window > BK_INBOX_WINDOW_MAX ||
			c->credit > BK_MUX_CREDIT_MAX)
			abort();
		grown += b->window - BK_INBOX_WINDOW;
		kept += b->kept;
	}
	if (grown + m->spare != BK_MUX_SPARE || kept > BK_MUX_KEPT_MAX)
		abort();
}

/* A peer's bytes, whatever they are, become frames as a link's do. */
static int hear(struct owner *o, const uint8_t *data, size_t n)
{
	struct bk_intake_piece piece;
	int err = 0;

	while (!err && o->mux && (err = bk_intake_next(&o->in, &data, &n, &piece)) > 0)
		err = piece.is_head ? bk_mux_head(o->mux, &o->in.frame)
				    : bk_mux_payload(o->mux, piece.data, piece.len, o->in.left);
	return err;
}

static int send_frame(void *arg, const struct iovec *pieces, int pieces_len, bool urgent)
{
	struct owner *o = arg;

	return bk_link_write(&o->link.link, pieces, pieces_len, urgent);
}

static void say(struct owner *o, uint8_t type, uint32_t channel, const uint8_t *payload, uint32_t n)
{
	const struct bk_sframe f = {.type = type, .channel = channel, .length = n};
	uint8_t head[BK_SFRAME_HEADER_LEN];

	bk_sframe_encode(&f, head);
	if (hear(o, head, sizeof(head)) < 0 || (n && hear(o, payload, n) < 0))
		abort();
}

/* The peer's first channel, on which all but FLOOD_LEFT bytes of the first window came. */
static void flood(struct owner *o, bool is_controlling)
{
	static const uint8_t bytes[BK_SFRAME_PAYLOAD_MAX];
	uint32_t number = is_controlling ? 2 : 1;

	say(o, BK_SFRAME_OPEN, number, (const uint8_t *)"x", 1);
	if (users_len)
		bk_channel_pause(users[0].channel);
	say(o, BK_SFRAME_DATA, number, bytes, sizeof(bytes));
	say(o, BK_SFRAME_DATA, number, bytes, sizeof(bytes) - FLOOD_LEFT);
}

static void set_up(struct owner *o, bool is_controlling)
{
	static const struct bk_stream_events events = {.on_channel = on_channel, .on_bye = on_bye};

	if (!loop &&
		(bk_loop_new(BK_LOOP_AUTO, &loop) < 0 || bk_timer_new(loop, on_stopper, loop, &stopper) < 0))
		abort();
	users_len = 0;
	test_link_init(&o->link, 1000, OUT_MAX);
	if (bk_mux_new(loop, is_controlling, send_frame, o, &events, o, &o->mux) < 0)
		abort();
	if (o->mood & MOOD_FLOOD)
		flood(o, is_controlling);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct owner o = {0};
	size_t step, at = 2;
	int err = 0;

	if (size < 2)
		return 0;
	o.mood = data[0] >> 1;
	step = (size_t)data[1] + 1;
	set_up(&o, data[0] & 1);
	while (at < size && o.mux && !err) {
		size_t n = size - at < step ? size - at : step;

		err = hear(&o, data + at, n);
		at += n;
		if (o.mux && (n & 1))
			bk_mux_writable(o.mux);
		if (o.mux && (o.mood & MOOD_RESUME))
			resume_all();
		if (o.mux)
			check_ceilings(o.mux);
	}
	if (!(o.mood & MOOD_FLOOD) && o.link.out.len > 64 * size)
		abort();
	if (o.mux)
		bk_mux_end(o.mux, BK_E_EOF);
	bk_mux_free(o.mux);
	bk_link_free(&o.link.link);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A peer's bytes into the channels. The first byte chooses the side, the size of the pieces and what the
 * owners do in their callbacks: nothing, write, pause, free. Whatever comes, the number of channels stays
 * under its ceiling, and what is said back is bounded by what came. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "session/mux.h"
#include "session/test_link.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OUT_MAX = 4 << 20, MOOD_WRITE = 1, MOOD_PAUSE = 2, MOOD_FREE = 4, MOOD_DEAF = 8, MOOD_END = 16 };

struct owner {
	struct bk_mux *mux;
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

static void on_data(void *arg, const uint8_t *data, size_t n)
{
	struct user *u = arg;
	volatile uint8_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum = (uint8_t)(sum + data[i]);
	if (u->owner->mood & MOOD_WRITE)
		bk_channel_write(u->channel, data, n);
	if (u->owner->mood & MOOD_PAUSE)
		bk_channel_pause(u->channel);
	if (u->owner->mood & MOOD_FREE)
		let_go(u);
}

static void on_finished(void *arg)
{
	struct user *u = arg;

	bk_channel_finish(u->channel);
	let_go(u);
}

static void on_reset(void *arg, int error)
{
	if (error >= 0)
		abort();
	let_go(arg);
}

static void on_writable(void *arg)
{
	struct user *u = arg;

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct bk_mux_events events = {.on_channel = on_channel, .on_bye = on_bye};
	struct owner o = {0};
	size_t step, at = 2;
	int err = 0;

	if (size < 2)
		return 0;
	o.mood = data[0] >> 1;
	step = (size_t)data[1] + 1;
	users_len = 0;
	test_link_init(&o.link, 1000, OUT_MAX);
	if (bk_mux_new(data[0] & 1, &events, &o, &o.mux) < 0)
		abort();
	bk_mux_attach(o.mux, &o.link.link);
	while (at < size && o.mux && !err) {
		size_t n = size - at < step ? size - at : step;

		err = bk_mux_input(o.mux, data + at, n);
		at += n;
		if (o.mux && (n & 1))
			bk_mux_writable(o.mux);
	}
	if (o.link.out.len > 64 * size)
		abort();
	if (o.mux)
		bk_mux_detach(o.mux, BK_E_EOF);
	bk_mux_free(o.mux);
	bk_link_free(&o.link.link);
	return 0;
}

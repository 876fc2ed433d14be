/* SPDX-License-Identifier: Apache-2.0 */
/* A peer that says anything on any of the links that a carrier has, while links come and die. What comes out
 * above are whole frames in order, and what the peer may ask for is bounded. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "stream/carrier.h"
#include "stream/test_link.h"
#include "wire/frame.h"

enum { LINKS_MAX = 16, LINK_HIGH = 64 * 1024, LINK_MAX = 64 * 1024 * 1024, FRAME_MAX = 3000 };

enum act { FEED, FEED_OTHER, WRITE, ATTACH, ATTACH_RELAY, END, ASK, ACTS };

struct world {
	struct bk_carrier *carrier;
	struct test_link links[LINKS_MAX];
	size_t links_len;
	uint64_t got;
	uint32_t left; /* of the frame that is heard */
};

static void on_head(void *arg, const struct bk_sframe *f)
{
	struct world *w = arg;

	assert(!w->left && f->length <= BK_SFRAME_PAYLOAD_MAX);
	w->left = f->length;
	w->got += BK_SFRAME_HEADER_LEN;
}

static void on_payload(void *arg, const uint8_t *data, size_t n, uint32_t left)
{
	struct world *w = arg;

	(void)data;
	assert(n && n + left == w->left);
	w->left = left;
	w->got += n;
}

static void on_nothing(void *arg)
{
	(void)arg;
}

static void on_end(void *arg, int error, const char *text)
{
	(void)arg;
	(void)error;
	(void)text;
}

static void on_resumed(void *arg, uint64_t resent)
{
	(void)arg;
	assert(resent <= BK_CARRIER_RETAIN_MAX);
}

static const struct bk_carrier_user user = {
	.on_head = on_head, .on_payload = on_payload, .on_writable = on_nothing, .on_closed = on_nothing};
static const struct bk_stream_events events = {
	.on_lost = on_end, .on_fell_back = on_end, .on_resumed = on_resumed};

/* The newest link that is alive, or the one before it. */
static struct bk_link *find(struct world *w, unsigned skip)
{
	for (size_t i = w->links_len; i-- > 0;)
		if (w->links[i].link.events && !skip--)
			return &w->links[i].link;
	return NULL;
}

static void attach(struct world *w, bool is_relay)
{
	struct test_link *t;

	if (w->links_len == LINKS_MAX)
		return;
	t = &w->links[w->links_len++];
	test_link_init(t, LINK_HIGH, LINK_MAX);
	if (bk_carrier_attach(w->carrier, &t->link, is_relay) < 0)
		abort();
}

static void write_up(struct world *w, size_t n)
{
	static uint8_t payload[FRAME_MAX];
	const struct bk_sframe f = {
		.type = BK_SFRAME_DATA, .channel = 1, .length = (uint32_t)(n % FRAME_MAX)};
	uint8_t head[BK_SFRAME_HEADER_LEN];

	bk_sframe_encode(&f, head);
	bk_carrier_send(w->carrier, (struct iovec[]){{head, sizeof(head)}, {payload, f.length}}, 2, false);
}

static void act(struct world *w, enum act a, const uint8_t *data, size_t n)
{
	struct bk_link *l = find(w, a == FEED_OTHER);

	if ((a == FEED || a == FEED_OTHER) && l && n)
		l->events->on_data(l->arg, data, n);
	else if (a == WRITE)
		write_up(w, n * 16);
	else if (a == ATTACH || a == ATTACH_RELAY)
		attach(w, a == ATTACH_RELAY);
	else if (a == END && l)
		l->events->on_end(l->arg, BK_E_TIMEOUT, "it died");
	else if (a == ASK)
		bk_carrier_ask(w->carrier);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const struct bk_stream_opts opts = {.is_leading = n && !(*data & 1)};
	static struct bk_loop *loop;
	struct world w = {0};
	struct bk_carrier_stats stats;

	if (!loop && bk_loop_new(BK_LOOP_AUTO, &loop) < 0)
		abort();
	if (!n || bk_carrier_new(loop, &opts, &user, &w, &events, &w, &w.carrier) < 0)
		return 0;
	for (data++, n--; n >= 2;) {
		size_t take = data[1] < n - 2 ? data[1] : n - 2;

		act(&w, (enum act)(data[0] % ACTS), data + 2, take);
		data += 2 + take;
		n -= 2 + take;
	}
	bk_carrier_get_stats(w.carrier, &stats);
	assert(stats.received == w.got);
	bk_carrier_free(w.carrier);
	return 0;
}

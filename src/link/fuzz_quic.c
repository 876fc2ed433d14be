/* SPDX-License-Identifier: Apache-2.0 */
/* Two QUIC links meet while the input decides what becomes of each datagram between them: it passes, is lost,
 * comes twice, cut, changed, or from elsewhere, or bytes of the input come in its place, in the peer's name
 * or a stranger's. Whatever happens, each side ends once or not at all, and gets no byte that was not
 * sent. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "link/quic.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROUNDS_MAX = 40, QUEUE_MAX = 64, DATAGRAM_MAX = 1500, INPUT_MAX = 4096 };

enum action { PASS, LOSE, TWICE, CUT, CHANGE, MOVE, JUNK_FROM_PEER, JUNK_FROM_STRANGER, ACTIONS };

struct world;

struct end {
	struct world *world;
	struct bk_link *link;
	int me, ends;
	size_t received;
};

struct world {
	struct bk_loop *loop;
	struct bk_timer *stopper;
	struct end ends[2];
	struct bk_addr at[2], stranger;
	struct {
		uint8_t bytes[DATAGRAM_MAX];
		size_t len;
		int to;
	} queue[QUEUE_MAX];
	size_t queue_len;
	const uint8_t *script;
	size_t script_len;
};

static struct bk_identity *ids[2];

static void on_secure(void *arg)
{
	struct end *e = arg;

	bk_link_write(e->link, &(struct iovec){(void *)(uintptr_t) "hello", 5}, 1, false);
}

static void on_data(void *arg, const uint8_t *data, size_t n)
{
	struct end *e = arg;

	for (size_t i = 0; i < n; i++)
		if (e->received + i >= 5 || data[i] != (uint8_t) "hello"[e->received + i])
			abort();
	e->received += n;
}

static void on_end(void *arg, int error, const char *text)
{
	struct end *e = arg;

	if (!error || !text || e->ends++)
		abort();
}

static const struct bk_link_events events = {.on_secure = on_secure, .on_data = on_data, .on_end = on_end};

static int on_send(void *arg, const struct bk_addr *remote, const uint8_t *data, size_t len, size_t segment)
{
	struct end *e = arg;
	struct world *w = e->world;

	(void)remote;
	segment = segment ? segment : len;
	for (size_t at = 0; at < len && w->queue_len < QUEUE_MAX; at += segment) {
		size_t n = len - at < segment ? len - at : segment;

		memcpy(w->queue[w->queue_len].bytes, data + at, n);
		w->queue[w->queue_len].len = n;
		w->queue[w->queue_len].to = 1 - e->me;
		w->queue_len++;
	}
	return 0;
}

static uint8_t next_byte(struct world *w)
{
	if (!w->script_len)
		return PASS;
	w->script_len--;
	return *w->script++;
}

/* As the socket's owner does, which has other links too. */
static void input(struct world *w, int to, const struct bk_addr *from, const uint8_t *data, size_t n)
{
	if (bk_link_quic_wants(w->ends[to].link, data, n))
		bk_link_quic_input(w->ends[to].link, from, data, n, 0);
}

static void input_junk(struct world *w, int to, const struct bk_addr *from)
{
	size_t n = (size_t)next_byte(w) * 6;

	if (n > w->script_len)
		n = w->script_len;
	input(w, to, from, w->script, n);
	w->script += n;
	w->script_len -= n;
}

static void carry(struct world *w, uint8_t *bytes, size_t n, int to)
{
	const struct bk_addr *from = &w->at[1 - to];
	struct bk_addr elsewhere = *from;

	switch (next_byte(w) % ACTIONS) {
	case LOSE:
		return;
	case TWICE:
		input(w, to, from, bytes, n);
		break;
	case CUT:
		n = n * next_byte(w) / 256;
		break;
	case CHANGE:
		bytes[n * next_byte(w) / 256] ^= (uint8_t)(next_byte(w) | 1);
		break;
	case MOVE:
		elsewhere.port = (uint16_t)(elsewhere.port + 1 + next_byte(w) % 4);
		from = &elsewhere;
		break;
	case JUNK_FROM_PEER:
		input_junk(w, to, from);
		break;
	case JUNK_FROM_STRANGER:
		input_junk(w, to, &w->stranger);
		break;
	default:
		break;
	}
	input(w, to, from, bytes, n);
}

static void on_stop(void *arg)
{
	bk_loop_stop(arg);
}

static void turn(struct world *w)
{
	size_t n = w->queue_len;

	for (size_t i = 0; i < n; i++)
		carry(w, w->queue[i].bytes, w->queue[i].len, w->queue[i].to);
	memmove(w->queue, w->queue + n, (w->queue_len - n) * sizeof(w->queue[0]));
	w->queue_len -= n;
	bk_link_quic_flush(w->ends[0].link);
	bk_link_quic_flush(w->ends[1].link);
	bk_timer_start(w->stopper, 0);
	bk_loop_run(w->loop);
}

static void open_link(struct world *w, int me)
{
	const struct bk_link_quic_opts opts = {
		.is_server = me == 1,
		.identity = ids[me],
		.peer_pin = bk_identity_pin(ids[1 - me]),
		.local = w->at[me],
		.remote = w->at[1 - me],
		.send = on_send,
		.arg = &w->ends[me],
	};

	w->ends[me].world = w;
	w->ends[me].me = me;
	if (bk_link_quic_new(w->loop, &opts, &events, &w->ends[me], &w->ends[me].link) < 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct world w;

	if (!ids[0] && (bk_identity_new(&ids[0]) < 0 || bk_identity_new(&ids[1]) < 0))
		abort();
	if (size > INPUT_MAX)
		return 0;
	w = (struct world){.script = data, .script_len = size};
	w.at[0] = bk_addr_v4(192, 0, 2, 1, 1000);
	w.at[1] = bk_addr_v4(198, 51, 100, 1, 2000);
	w.stranger = bk_addr_v4(203, 0, 113, 1, 3000);
	if (bk_loop_new(BK_LOOP_POLL, &w.loop) < 0 || bk_timer_new(w.loop, on_stop, w.loop, &w.stopper) < 0)
		abort();
	open_link(&w, 0);
	open_link(&w, 1);
	for (int i = 0; i < ROUNDS_MAX && (w.script_len || i < 8); i++)
		turn(&w);
	if (!size && (w.ends[0].received != 5 || w.ends[1].received != 5))
		abort(); /* left alone, they meet */
	bk_link_free(w.ends[0].link);
	bk_link_free(w.ends[1].link);
	bk_timer_free(w.stopper);
	bk_loop_free(w.loop);
	return 0;
}

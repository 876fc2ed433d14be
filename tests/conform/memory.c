/* SPDX-License-Identifier: Apache-2.0 */
/* The link without a network. Each end keeps what it was given to send; a timer at once moves it to the
 * peer's owner, so that nobody is called from inside a call. It refuses to be used between processes. */
#include "tests/conform/memory.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/list.h"
#include "base/time.h"

enum {
	QUEUE_HIGH = 256 * 1024,
	BUFFER_MAX = 2 * 1024 * 1024,
	PIECES_MAX = 64, /* on_data calls of one turn */
};

#define CLOSE_TIMEOUT (2 * BK_SEC)

struct memory_link {
	struct bk_link link;      /* first */
	struct memory_link *peer; /* NULL: freed or cut */
	struct bk_timer *turn, *deadline;
	struct bk_buf out;
	size_t chunk;
	int end_error;
	bool secure, wants_write, closing, ended, busy, dead;
};

static struct memory_link *of(struct bk_link *l)
{
	return bk_container_of(l, struct memory_link, link);
}

static void turn_later(struct memory_link *m)
{
	if (m && !m->dead)
		bk_timer_start(m->turn, 0);
}

static void release(struct memory_link *m)
{
	bk_buf_done(&m->out);
	free(m);
}

/* What the peer sent, to the owner. */
static void deliver(struct memory_link *m)
{
	for (int i = 0; i < PIECES_MAX && m->peer && m->peer->out.len && !m->dead; i++) {
		struct memory_link *from = m->peer;
		size_t n = m->chunk && m->chunk < from->out.len ? m->chunk : from->out.len;

		m->link.events->on_data(m->link.arg, bk_buf_head(&from->out), n);
		if (m->peer)
			bk_buf_consume(&from->out, n);
	}
	if (m->dead || !m->peer)
		return;
	turn_later(m->peer);
	if (m->peer->out.len)
		turn_later(m);
	else if (m->peer->closing && !m->peer->out.len &&
		 !(m->closing && m->out.len)) /* ours arrives first */
		m->end_error = m->end_error ? m->end_error : BK_E_EOF;
}

static void on_turn(void *arg)
{
	struct memory_link *m = arg;

	m->busy = true;
	if (!m->secure && !m->end_error) {
		m->secure = true;
		if (m->link.events->on_secure)
			m->link.events->on_secure(m->link.arg);
	}
	if (!m->dead && !m->end_error)
		deliver(m);
	if (!m->dead && !m->end_error && m->wants_write && !m->closing && m->out.len < QUEUE_HIGH / 2) {
		m->wants_write = false;
		if (m->link.events->on_writable)
			m->link.events->on_writable(m->link.arg);
	}
	if (!m->dead && m->end_error && !m->ended) {
		m->ended = true;
		m->link.events->on_end(m->link.arg, m->end_error, bk_error_text(m->end_error));
	}
	m->busy = false;
	if (m->dead)
		release(m);
}

static void on_deadline(void *arg)
{
	struct memory_link *m = arg;

	m->end_error = m->end_error ? m->end_error : BK_E_EOF;
	turn_later(m);
}

static int link_write(struct bk_link *l, const struct iovec *pieces, int pieces_len, bool urgent)
{
	struct memory_link *m = of(l);
	size_t total = 0;

	if (m->end_error || m->closing || !m->secure)
		return BK_E_EOF;
	for (int i = 0; i < pieces_len; i++)
		total += pieces[i].iov_len;
	if (total > BK_LINK_WRITE_MAX)
		return BK_E_TOO_BIG;
	if (!urgent && m->out.len >= QUEUE_HIGH) {
		m->wants_write = true;
		return BK_E_AGAIN;
	}
	if (total > bk_buf_room(&m->out))
		return BK_E_FULL;
	for (int i = 0; i < pieces_len; i++) {
		int err = bk_buf_append(&m->out, pieces[i].iov_base, pieces[i].iov_len);

		if (err < 0)
			return err;
	}
	turn_later(m->peer);
	return 0;
}

static void link_close(struct bk_link *l)
{
	struct memory_link *m = of(l);

	if (m->closing)
		return;
	m->closing = true;
	bk_timer_start(m->deadline, CLOSE_TIMEOUT);
	if (!m->secure)
		on_deadline(m);
	turn_later(m->peer);
}

/* The peer sees our end, orderly or not. */
static void part(struct memory_link *m)
{
	struct memory_link *peer = m->peer;

	if (!peer)
		return;
	m->peer = peer->peer = NULL;
	if (!peer->end_error)
		peer->end_error = peer->closing ? BK_E_EOF : peer->secure ? BK_E_PEER_VANISHED : BK_E_RESET;
	turn_later(peer);
}

static void link_free(struct bk_link *l)
{
	struct memory_link *m = of(l);

	part(m);
	bk_timer_free(m->turn);
	bk_timer_free(m->deadline);
	m->dead = true;
	if (!m->busy)
		release(m);
}

void bk_link_memory_cut(struct bk_link *l)
{
	struct memory_link *m = of(l);

	if (!m->peer)
		return;
	part(m);
	m->end_error = m->end_error ? m->end_error : BK_E_PEER_VANISHED;
	turn_later(m);
}

static const struct bk_link_ops ops = {
	.write = link_write,
	.close = link_close,
	.free = link_free,
};

static int new_end(struct bk_loop *loop, size_t chunk, const struct bk_link_memory_side *side,
	struct memory_link **ret_end)
{
	struct memory_link *m = calloc(1, sizeof(*m));
	int err;

	if (!m)
		return BK_E_NOMEM;
	m->link = (struct bk_link){.ops = &ops, .events = side->events, .arg = side->arg};
	m->chunk = chunk;
	bk_buf_init(&m->out, BUFFER_MAX);
	err = bk_timer_new(loop, on_turn, m, &m->turn);
	if (!err)
		err = bk_timer_new(loop, on_deadline, m, &m->deadline);
	if (err < 0) {
		link_free(&m->link);
		return err;
	}
	*ret_end = m;
	return 0;
}

int bk_link_memory_new(struct bk_loop *loop, size_t chunk, const struct bk_link_memory_side sides[2],
	struct bk_link *ret_links[2])
{
	struct memory_link *a, *b;
	int err = new_end(loop, chunk, &sides[0], &a);

	if (err < 0)
		return err;
	err = new_end(loop, chunk, &sides[1], &b);
	if (err < 0) {
		link_free(&a->link);
		return err;
	}
	a->peer = b;
	b->peer = a;
	turn_later(a);
	turn_later(b);
	ret_links[0] = &a->link;
	ret_links[1] = &b->link;
	return 0;
}

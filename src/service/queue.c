/* SPDX-License-Identifier: Apache-2.0 */
/* An outgoing queue of pieces. A burst of broadcasts lies in one chunk, so that it is one piece, however many
 * messages it has, and leaves in one system call. A slow reader must not keep a large chunk alive for each
 * small message it has not read: past SHARED_MAX pieces it gets copies of its own, unless it has not read
 * most of what is in its chunks. Then a copy for each slow reader would be the greater waste. */
#include "service/queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/assert.h"
#include "base/error.h"

enum {
	SHARED_MAX = 16,
	PIECES_MIN = 8,
	VECTOR_MAX = 64,          /* pieces in one system call */
	COPY_CAP_MAX = 16 * 1024, /* a private chunk grows with what waits already, up to this */
};

static struct bk_piece *pieces(struct bk_queue *q)
{
	return q->many ? q->many : &q->one;
}

/* Of a queue that is not empty. */
static struct bk_piece *last_piece(struct bk_queue *q)
{
	return &pieces(q)[q->first + q->count - 1];
}

static void drop_first(struct bk_queue *q)
{
	struct bk_piece *p = &pieces(q)[q->first];

	bk_assert(q->count);
	if (p->chunk->is_broadcast) {
		bk_assert(q->shared > 0 && q->pinned >= p->chunk->size);
		q->shared--;
		q->pinned -= p->chunk->size;
	}
	bk_chunk_unref(p->chunk);
	q->first++;
	if (--q->count)
		return;
	free(q->many);
	q->many = NULL;
	q->first = q->cap = 0;
}

void bk_queue_done(struct bk_queue *q)
{
	while (q->count)
		drop_first(q);
	q->waiting = 0;
}

/* Room for one more piece behind the last. */
static int make_room(struct bk_queue *q)
{
	struct bk_piece *many;
	unsigned cap;

	if (!q->count || (q->many && q->first + q->count < q->cap))
		return 0;
	if (q->many && q->first >= q->cap / 2) {
		memmove(q->many, q->many + q->first, q->count * sizeof(*q->many));
		q->first = 0;
		return 0;
	}
	cap = q->many ? q->cap * 2 : PIECES_MIN;
	many = malloc(cap * sizeof(*many));
	if (!many)
		return BK_E_NOMEM;
	memcpy(many, pieces(q) + q->first, q->count * sizeof(*many));
	free(q->many);
	q->many = many;
	q->cap = cap;
	q->first = 0;
	return 0;
}

/* Takes over one hold of the chunk. Room was made. */
static void push(struct bk_queue *q, struct bk_chunk *c, size_t start, size_t n)
{
	q->count++;
	bk_assert(!q->many || q->first + q->count <= q->cap);
	*last_piece(q) = (struct bk_piece){.chunk = c, .start = (uint32_t)start, .len = (uint32_t)n};
	if (c->is_broadcast) {
		q->shared++;
		q->pinned += c->size;
	}
	q->waiting += n;
}

static void extend(struct bk_queue *q, size_t n)
{
	last_piece(q)->len += (uint32_t)n;
	q->waiting += n;
}

static bool may_share(const struct bk_queue *q, const struct bk_chunk *c, size_t n)
{
	return q->shared < SHARED_MAX || (q->pinned + c->size) / 2 <= q->waiting + n;
}

int bk_queue_add(struct bk_queue *q, struct bk_chunk *c, size_t start, size_t n)
{
	if (q->count && last_piece(q)->chunk == c && last_piece(q)->start + last_piece(q)->len == start) {
		extend(q, n);
		return 0;
	}
	if (!may_share(q, c, n))
		return bk_queue_add_copy(q, NULL, 0, c->bytes + start, n);
	if (make_room(q) < 0)
		return BK_E_NOMEM;
	push(q, bk_chunk_ref(c), start, n);
	return 0;
}

/* The last chunk, if it is this queue's alone and has room for n bytes more. */
static struct bk_chunk *own_chunk(struct bk_queue *q, size_t n)
{
	struct bk_chunk *c = q->count ? last_piece(q)->chunk : NULL;

	return c && !c->is_broadcast && bk_chunk_room(c) >= n ? c : NULL;
}

static struct bk_chunk *add_own_chunk(struct bk_queue *q, size_t n)
{
	size_t cap = q->waiting < COPY_CAP_MAX ? q->waiting : COPY_CAP_MAX;
	struct bk_chunk *c;

	if (make_room(q) < 0)
		return NULL;
	c = bk_chunk_new(n > cap ? n : cap);
	if (c)
		push(q, c, 0, 0);
	return c;
}

int bk_queue_add_copy(
	struct bk_queue *q, const void *head, size_t head_len, const void *body, size_t body_len)
{
	size_t n = head_len + body_len;
	struct bk_chunk *c = own_chunk(q, n);

	if (!c)
		c = add_own_chunk(q, n);
	if (!c)
		return BK_E_NOMEM;
	bk_chunk_append(c, head, head_len);
	bk_chunk_append(c, body, body_len);
	extend(q, n);
	return 0;
}

static void consume(struct bk_queue *q, size_t n)
{
	bk_assert(n <= q->waiting);
	q->waiting -= n;
	while (n) {
		struct bk_piece *p = &pieces(q)[q->first];
		uint32_t take = n < p->len ? (uint32_t)n : p->len;

		p->start += take;
		p->len -= take;
		n -= take;
		if (!p->len)
			drop_first(q);
	}
}

size_t bk_queue_take(struct bk_queue *q, void *out, size_t n)
{
	uint8_t *at = out;

	while (q->count && n) {
		const struct bk_piece *p = &pieces(q)[q->first];
		size_t take = n < p->len ? n : p->len;

		memcpy(at, p->chunk->bytes + p->start, take);
		at += take;
		n -= take;
		consume(q, take);
	}
	return (size_t)(at - (uint8_t *)out);
}

static ssize_t write_once(struct bk_queue *q, int fd, size_t *ret_offered)
{
	struct iovec vec[VECTOR_MAX];
	struct msghdr m = {.msg_iov = vec};
	const struct bk_piece *p = pieces(q) + q->first;
	ssize_t n;

	for (*ret_offered = 0; m.msg_iovlen < q->count && m.msg_iovlen < VECTOR_MAX; m.msg_iovlen++, p++) {
		vec[m.msg_iovlen] = (struct iovec){.iov_base = p->chunk->bytes + p->start, .iov_len = p->len};
		*ret_offered += p->len;
	}
	do
		n = sendmsg(fd, &m, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? bk_error_from_errno(errno) : n;
}

ssize_t bk_queue_write(struct bk_queue *q, int fd)
{
	ssize_t sum = 0;

	while (q->count) {
		size_t offered;
		ssize_t n = write_once(q, fd, &offered);

		if (n < 0)
			return sum ? sum : n;
		consume(q, (size_t)n);
		sum += n;
		if ((size_t)n < offered)
			break;
	}
	return sum;
}

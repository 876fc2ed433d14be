/* SPDX-License-Identifier: Apache-2.0 */
#include "service/queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/rng.h"

struct pair {
	int in, out;
};

static struct pair open_pair(void)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	return (struct pair){fds[0], fds[1]};
}

static struct bk_chunk *broadcast_chunk(size_t size)
{
	struct bk_chunk *c = bk_chunk_new(size);

	if (!c)
		abort();
	c->is_broadcast = true;
	return c;
}

static void close_pair(struct pair p)
{
	close(p.in);
	close(p.out);
}

static void messages_of_one_chunk_are_one_piece(void **state)
{
	struct bk_chunk *c = broadcast_chunk(1000);
	struct bk_queue q = {0};

	(void)state;
	for (int i = 0; i < 100; i++) {
		bk_chunk_append(c, "0123456789", 10);
		assert_int_equal(bk_queue_add(&q, c, (size_t)i * 10, 10), 0);
	}
	assert_int_equal(q.count, 1);
	assert_null(q.many);
	assert_int_equal(q.waiting, 1000);
	assert_int_equal(c->refs, 2);
	bk_queue_done(&q);
	assert_int_equal(c->refs, 1);
	bk_chunk_unref(c);
}

/* Every second message of a chunk is not for this reader: it ends with copies instead of many chunks. */
static void a_slow_reader_holds_few_shared_chunks(void **state)
{
	enum { CHUNKS = 200 };
	struct bk_chunk *chunks[CHUNKS];
	struct bk_queue q = {0};
	unsigned held = 0;

	(void)state;
	for (int i = 0; i < CHUNKS; i++) {
		chunks[i] = broadcast_chunk(1 << 16);
		bk_chunk_append(chunks[i], "a message", 9);
		assert_int_equal(bk_queue_add(&q, chunks[i], 0, 9), 0);
	}
	for (int i = 0; i < CHUNKS; i++)
		held += chunks[i]->refs - 1;
	assert_in_range(held, 1, 16);
	assert_int_equal(q.waiting, CHUNKS * 9);
	bk_queue_done(&q);
	for (int i = 0; i < CHUNKS; i++) {
		assert_int_equal(chunks[i]->refs, 1);
		bk_chunk_unref(chunks[i]);
	}
}

/* Of large messages, each in a chunk of its own, nothing is copied for any of a thousand slow readers. */
static void what_is_unread_as_a_whole_is_never_copied(void **state)
{
	enum { CHUNKS = 50, SIZE = 20000 };
	struct bk_chunk *chunks[CHUNKS];
	struct bk_queue q = {0};
	static char content[SIZE];

	(void)state;
	for (int i = 0; i < CHUNKS; i++) {
		chunks[i] = broadcast_chunk(SIZE);
		bk_chunk_append(chunks[i], content, SIZE);
		assert_int_equal(bk_queue_add(&q, chunks[i], 0, SIZE), 0);
	}
	for (int i = 0; i < CHUNKS; i++)
		assert_int_equal(chunks[i]->refs, 2);
	assert_int_equal(q.pinned, CHUNKS * SIZE);
	bk_queue_done(&q);
	assert_int_equal(q.pinned, 0);
	for (int i = 0; i < CHUNKS; i++)
		bk_chunk_unref(chunks[i]);
}

static void copies_take_the_room_they_need(void **state)
{
	struct bk_queue q = {0};

	(void)state;
	assert_int_equal(bk_queue_add_copy(&q, "head", 4, "body", 4), 0);
	assert_int_equal(q.one.chunk->size, 8);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(bk_queue_add_copy(&q, "head", 4, "body", 4), 0);
	assert_in_range(q.count, 2, 12);
	bk_queue_done(&q);
	assert_null(q.many);
}

/* Whatever the order of shared and private pieces, and however little the socket takes. */
static void bytes_leave_in_the_order_they_came(void **state)
{
	enum { TOTAL = 400000 };
	struct bk_rng rng = {7};
	struct pair p = open_pair();
	struct bk_queue q = {0};
	struct bk_chunk *c = NULL;
	uint8_t next = 0, expected = 0, bytes[3000];
	size_t sent = 0, got = 0;
	ssize_t n;

	(void)state;
	while (got < TOTAL) {
		size_t len = (size_t)bk_rng_range(&rng, 1, sizeof(bytes));

		for (size_t i = 0; i < len; i++)
			bytes[i] = next++;
		if (!c || bk_chunk_room(c) < len || bk_rng_range(&rng, 0, 9) == 0) {
			bk_chunk_unref(c);
			c = broadcast_chunk(1 << 16);
		}
		if (sent >= TOTAL) {
			next = (uint8_t)(next - len);
		} else if (bk_rng_range(&rng, 0, 1)) {
			bk_chunk_append(c, bytes, len);
			assert_int_equal(bk_queue_add(&q, c, c->len - len, len), 0);
			sent += len;
		} else {
			size_t head = len / 3;

			assert_int_equal(bk_queue_add_copy(&q, bytes, head, bytes + head, len - head), 0);
			sent += len;
		}
		if (bk_rng_range(&rng, 0, 3) == 0 && q.count)
			assert_true((n = bk_queue_write(&q, p.in)) > 0 || n == BK_E_AGAIN);
		len = (size_t)bk_rng_range(&rng, 1, sizeof(bytes));
		n = recv(p.out, bytes, len, 0);
		for (ssize_t i = 0; i < n; i++)
			assert_int_equal(bytes[i], expected++);
		got += n > 0 ? (size_t)n : 0;
	}
	bk_chunk_unref(c);
	bk_queue_done(&q);
	close_pair(p);
}

static void a_closed_socket_is_an_error_and_no_signal(void **state)
{
	struct pair p = open_pair();
	struct bk_queue q = {0};

	(void)state;
	close(p.out);
	assert_int_equal(bk_queue_add_copy(&q, "x", 1, NULL, 0), 0);
	assert_int_equal(bk_queue_write(&q, p.in), BK_E_EOF);
	bk_queue_done(&q);
	close(p.in);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_of_one_chunk_are_one_piece),
		cmocka_unit_test(a_slow_reader_holds_few_shared_chunks),
		cmocka_unit_test(what_is_unread_as_a_whole_is_never_copied),
		cmocka_unit_test(copies_take_the_room_they_need),
		cmocka_unit_test(bytes_leave_in_the_order_they_came),
		cmocka_unit_test(a_closed_socket_is_an_error_and_no_signal),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

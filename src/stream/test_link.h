/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_STREAM_TEST_LINK_H
#define BK_STREAM_TEST_LINK_H

#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "link/link.h"

/* A link that only remembers: what was written stands in `out` until the test takes it. */
struct test_link {
	struct bk_link link; /* first */
	struct bk_buf out;
	size_t high; /* above it an ordinary write is "not now" */
	bool blocked;
	size_t lent; /* bytes */
	int *freed;  /* counts it, and nothing comes out of the link any more; may be NULL */
};

static inline struct test_link *test_link_of(const struct bk_link *l)
{
	return (struct test_link *)(uintptr_t)l;
}

static inline int test_link_write(struct bk_link *l, const struct iovec *pieces, int pieces_len, bool urgent)
{
	struct test_link *t = test_link_of(l);

	if (!urgent && t->out.len >= t->high) {
		t->blocked = true;
		return BK_E_AGAIN;
	}
	for (int i = 0; i < pieces_len; i++)
		if (bk_buf_append(&t->out, pieces[i].iov_base, pieces[i].iov_len) < 0)
			return BK_E_FULL;
	return 0;
}

static inline int test_link_lend(struct bk_link *l, const struct bk_slice *slices, int slices_len)
{
	struct test_link *t = test_link_of(l);
	struct iovec pieces[BK_LINK_SLICES_MAX];
	size_t lent = 0;
	int err;

	for (int i = 0; i < slices_len; i++) {
		pieces[i] = (struct iovec){(void *)(uintptr_t)slices[i].data, slices[i].len};
		lent += slices[i].chunk ? slices[i].len : 0;
	}
	err = test_link_write(l, pieces, slices_len, false);
	t->lent += err ? 0 : lent;
	return err;
}

static inline void test_link_close(struct bk_link *l)
{
	(void)l;
}

static inline void test_link_free(struct bk_link *l)
{
	struct test_link *t = test_link_of(l);

	bk_buf_done(&t->out);
	l->events = NULL;
	if (t->freed)
		++*t->freed;
}

static const struct bk_link_ops test_link_ops = {
	.write = test_link_write,
	.lend = test_link_lend,
	.close = test_link_close,
	.free = test_link_free,
};

static inline void test_link_init(struct test_link *t, size_t high, size_t max)
{
	*t = (struct test_link){.link = {.ops = &test_link_ops}, .high = high};
	bk_buf_init(&t->out, max);
}

#endif

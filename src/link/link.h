/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_LINK_LINK_H
#define BK_LINK_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include <bodkin/loop.h>

#include "base/chunk.h"
#include "secure/identity.h"

/* A link: one secured, ordered, reliable stream of bytes to the peer, whatever carries it. One
 * function table; each kind of link has a file. Callbacks come from the loop, never from inside a call. */
struct bk_link;

#define BK_LINK_ALPN "bodkin-link/1" /* of every kind */

struct bk_link_events {
	void (*on_secure)(void *arg); /* handshake done, the peer presented the pinned certificate */
	void (*on_data)(void *arg, const uint8_t *data, size_t n);
	void (*on_writable)(void *arg); /* after bk_link_write said BK_E_AGAIN */
	/* Last, once: BK_E_EOF after the peer's orderly end, or why. */
	void (*on_end)(void *arg, int error, const char *text);
};

struct bk_link_ops {
	int (*write)(struct bk_link *l, const struct iovec *pieces, int pieces_len, bool urgent);
	int (*lend)(struct bk_link *l, const struct bk_slice *slices,
		int slices_len); /* NULL: it keeps nothing */
	void (*close)(struct bk_link *l);
	void (*free)(struct bk_link *l);
	bool is_alert; /* finds a dead path by itself, in silence too: nobody above need ask for signs of life */
};

/* First member of every kind of link. */
struct bk_link {
	const struct bk_link_ops *ops;
	const struct bk_link_events *events;
	void *arg;
	int64_t rtt_ns; /* to the peer, as the handshake showed: rather too long than too short. 0: not known */
};

enum { BK_LINK_WRITE_MAX = (1 << 20) + 64, BK_LINK_SLICES_MAX = 16 };

/* Takes all bytes of all pieces (together at most BK_LINK_WRITE_MAX) or, when enough is queued, none:
 * BK_E_AGAIN. After the handshake only. `urgent` is for short control messages: they are taken above that
 * mark too, up to the buffer's ceiling. */
static inline int bk_link_write(struct bk_link *l, const struct iovec *pieces, int pieces_len, bool urgent)
{
	return l->ops->write(l, pieces, pieces_len, urgent);
}

/* Writes what stands in chunks (at most BK_LINK_SLICES_MAX slices; not urgent): a link that must keep bytes
 * until they have arrived takes references instead of copies. Slices without a chunk are copied. */
static inline int bk_link_lend(struct bk_link *l, const struct bk_slice *slices, int slices_len)
{
	struct iovec pieces[BK_LINK_SLICES_MAX];

	bk_assert(slices_len <= BK_LINK_SLICES_MAX);
	if (l->ops->lend)
		return l->ops->lend(l, slices, slices_len);
	for (int i = 0; i < slices_len; i++)
		pieces[i] = (struct iovec){(void *)(uintptr_t)slices[i].data, slices[i].len};
	return l->ops->write(l, pieces, slices_len, false);
}

/* Sends what is queued, then the orderly end; on_end comes when both sides have ended, or after two
 * seconds. */
static inline void bk_link_close(struct bk_link *l)
{
	l->ops->close(l);
}

static inline void bk_link_free(struct bk_link *l)
{
	if (l)
		l->ops->free(l);
}

/* Another owner from here on. */
static inline void bk_link_set_events(struct bk_link *l, const struct bk_link_events *events, void *arg)
{
	l->events = events;
	l->arg = arg;
}

#endif

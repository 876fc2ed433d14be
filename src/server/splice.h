/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_SERVER_SPLICE_H
#define BK_SERVER_SPLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One direction between two sockets through a pipe: the bytes stay in the kernel (splice(2)). */
struct bk_splice {
	int pipe[2];
	size_t held;       /* bytes in the pipe */
	bool has_ended;    /* the source said so */
	bool has_told_end; /* and the target was told, after the last byte */
	uint64_t moved;
};

#define BK_SPLICE_NONE                                                                                       \
	{                                                                                                    \
		.pipe = { -1, -1 }                                                                           \
	}

int bk_splice_init(struct bk_splice *s);
void bk_splice_done(struct bk_splice *s); /* fine for BK_SPLICE_NONE */

/* Moves what can be moved now, at most `rounds` pipes full. 0, or why one of the sockets broke. */
int bk_splice_run(struct bk_splice *s, int from, int to, int rounds);

static inline bool bk_splice_wants_output(const struct bk_splice *s)
{
	return s->held > 0;
}

/* While the target does not take what is held there is no use in looking at the source: this is the
 * backpressure. */
static inline bool bk_splice_wants_input(const struct bk_splice *s)
{
	return !s->held && !s->has_ended;
}

static inline bool bk_splice_is_over(const struct bk_splice *s)
{
	return s->has_told_end;
}

#endif

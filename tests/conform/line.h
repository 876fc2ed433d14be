/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_TESTS_CONFORM_LINE_H
#define BK_TESTS_CONFORM_LINE_H

#include "base/addr.h"
#include "base/rng.h"
#include "base/time.h"
#include "tests/conform/pair.h"

/* What lies between the two ends of a QUIC link, and does what loopback never does. Datagrams move in memory; the
 * loop's clock is the only one. A test sets what it wants of the line before the pair starts, or while it runs. */
struct line {
	struct pair *pair;
	struct line_end {
		struct line *line;
		int me;
	} ends[2];
	struct bk_addr seen[2]; /* each end's address, as the other one sees it */
	struct bk_timer *timer;
	struct line_datagram *queue; /* a ring */
	size_t first, count;
	struct bk_rng rng;
	int lose, twice, swap, full, junk, copy; /* in a thousand */
	size_t mtu;
	bk_dur delay;
	uint64_t sent[2]; /* datagrams */
	struct bk_addr stranger;
	uint64_t to_stranger;
	bk_time held_until; /* nothing arrives before */
	bk_dur lifetime;    /* of the routers' mappings; 0: for ever */
	bk_time passed;     /* the last datagram */
	uint64_t forgot;    /* so many found no mapping any more */
	bool cut;
	bk_time mute_until;  /* what end 0 says behind its first datagram gets lost until then */
	bk_time *fine_until; /* of the clock that a test pushes; NULL: none does */
};

extern const struct kind line_kind; /* its state is a struct line */

#endif

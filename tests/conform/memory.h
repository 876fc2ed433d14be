/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_CONFORM_MEMORY_H
#define BK_CONFORM_MEMORY_H

#include "link/link.h"

/* Two links joined in memory, for tests of what stands on links: the same contract, no cipher, no socket.
 * `chunk` is the most that one on_data gets (0: all there is). Each end has its own events; either may be
 * freed first. */
struct bk_link_memory_side {
	const struct bk_link_events *events;
	void *arg;
};

int bk_link_memory_new(struct bk_loop *loop, size_t chunk, const struct bk_link_memory_side sides[2],
	struct bk_link *ret_links[2]);

/* The path dies: what is under way is lost, both ends see a peer that vanished. */
void bk_link_memory_cut(struct bk_link *l);

#endif

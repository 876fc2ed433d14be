/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_SERVER_COUNTER_H
#define BK_SERVER_COUNTER_H

#include <stdint.h>

/* What a server counts, by name. The room that counts registers its counter and keeps the place; rooms that
 * register the same name share one. Embedded by value, all zero at first. */
enum { BK_COUNTERS_MAX = 32 };

struct bk_counters {
	struct bk_counter {
		const char *name; /* lives for ever */
		uint64_t value;
	} of[BK_COUNTERS_MAX];
	unsigned count;
};

/* Never fails, and the place stays good as long as the counters do. */
uint64_t *bk_counters_register(struct bk_counters *cs, const char *name);
/* 0 for a name that nobody registered. */
uint64_t bk_counters_get(const struct bk_counters *cs, const char *name);

#endif

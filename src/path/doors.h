/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_PATH_DOORS_H
#define BK_PATH_DOORS_H

#include <bodkin/loop.h>

#include "base/addr.h"

/* Inside the race: the listeners behind the host candidates. */

enum { BK_DOORS_MAX = 2 };

struct bk_doors {
	struct bk_watch *watches[BK_DOORS_MAX];
	int fds[BK_DOORS_MAX];
	void (*fn)(void *arg, int fd, const struct bk_addr *from); /* takes fd over; from the loop */
	void *arg;
};

/* fds: -1 is none. They are the doors' own when this succeeded. */
int bk_doors_open(struct bk_doors *d, struct bk_loop *loop, const int fds[BK_DOORS_MAX],
	void (*fn)(void *arg, int fd, const struct bk_addr *from), void *arg);
void bk_doors_close(struct bk_doors *d); /* fine on a zeroed one */

#endif

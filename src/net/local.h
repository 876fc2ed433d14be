/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_NET_LOCAL_H
#define BK_NET_LOCAL_H

#include <bodkin/loop.h>

#include "base/list.h"

/* What a module keeps once for each loop: embedded in it, known by the address of a key of the module's,
 * taken back before the loop is freed. There are few. */
struct bk_loop_local {
	struct bk_list link;
	const void *key;
};

struct bk_loop_local *bk_loop_local_find(const struct bk_loop *loop, const void *key); /* NULL: none */
void bk_loop_local_add(struct bk_loop *loop, struct bk_loop_local *local, const void *key);
void bk_loop_local_remove(struct bk_loop_local *local);

#endif

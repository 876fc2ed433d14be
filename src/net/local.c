/* SPDX-License-Identifier: Apache-2.0 */
#include "net/local.h"

#include "base/assert.h"
#include "net/loop.h"

struct bk_loop_local *bk_loop_local_find(const struct bk_loop *loop, const void *key)
{
	bk_list_each(it, tmp, &loop->locals)
	{
		struct bk_loop_local *local = bk_container_of(it, struct bk_loop_local, link);

		if (local->key == key)
			return local;
	}
	return NULL;
}

void bk_loop_local_add(struct bk_loop *loop, struct bk_loop_local *local, const void *key)
{
	bk_assert(!bk_loop_local_find(loop, key));
	local->key = key;
	bk_list_append(&loop->locals, &local->link);
}

void bk_loop_local_remove(struct bk_loop_local *local)
{
	bk_list_remove(&local->link);
}

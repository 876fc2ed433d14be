/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/inodes.h"

#include <stdlib.h>

#include "base/error.h"

enum { SLOTS_MIN = 64 };

/* The file system chose the numbers, no peer. */
static struct bk_inode *slot_of(const struct bk_inodes *n, dev_t dev, ino_t ino)
{
	size_t at = (size_t)((uint64_t)ino * 0x9e3779b97f4a7c15u >> 32) & (n->cap - 1);

	while (n->slots[at].ino && (n->slots[at].ino != ino || n->slots[at].dev != dev))
		at = (at + 1) & (n->cap - 1);
	return &n->slots[at];
}

/* At most half of the slots are taken. */
static int grow(struct bk_inodes *n)
{
	struct bk_inodes more = {.len = n->len, .cap = n->cap ? 2 * n->cap : SLOTS_MIN};

	if (2 * (n->len + 1) <= n->cap)
		return 0;
	more.slots = calloc(more.cap, sizeof(*more.slots));
	if (!more.slots)
		return BK_E_NOMEM;
	for (size_t i = 0; i < n->cap; i++)
		if (n->slots[i].ino)
			*slot_of(&more, n->slots[i].dev, n->slots[i].ino) = n->slots[i];
	free(n->slots);
	*n = more;
	return 0;
}

size_t bk_inodes_find(const struct bk_inodes *n, const struct stat *st)
{
	const struct bk_inode *slot = n->cap && st->st_ino ? slot_of(n, st->st_dev, st->st_ino) : NULL;

	return slot && slot->ino ? slot->entry : SIZE_MAX;
}

int bk_inodes_set(struct bk_inodes *n, const struct stat *st, size_t entry)
{
	struct bk_inode *slot;

	if (!st->st_ino)
		return 0;
	if (grow(n) < 0)
		return BK_E_NOMEM;
	slot = slot_of(n, st->st_dev, st->st_ino);
	n->len += !slot->ino;
	*slot = (struct bk_inode){.dev = st->st_dev, .ino = st->st_ino, .entry = entry};
	return 0;
}

void bk_inodes_done(struct bk_inodes *n)
{
	free(n->slots);
	*n = (struct bk_inodes){0};
}

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_TRANSFER_INODES_H
#define BK_TRANSFER_INODES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

/* What entries of one offer became on the disk. Where a file system takes two names for one (by case, by the form of
 * Unicode, by its short names), only it knows by which rules: two entries that are one thing there show by this.
 * Embedded, zeroed. */
struct bk_inode {
	dev_t dev;
	ino_t ino;
	size_t entry;
};

struct bk_inodes {
	struct bk_inode *slots; /* ino 0: free */
	size_t len, cap;
};

/* The entry that this thing is; SIZE_MAX: none. */
size_t bk_inodes_find(const struct bk_inodes *n, const struct stat *st);
/* From now on it is this one's. What has no number is nobody's. BK_E_NOMEM. */
int bk_inodes_set(struct bk_inodes *n, const struct stat *st, size_t entry);
void bk_inodes_done(struct bk_inodes *n);

#endif

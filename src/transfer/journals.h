/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_TRANSFER_JOURNALS_H
#define BK_TRANSFER_JOURNALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The journals in a folder (transfer/journal.h): what they are called, and which there are. */
enum { BK_JOURNALS_NAME_MAX = 64 };

/* Of an offer's journal, and, where that is somebody else's or written, of those after it. */
void bk_journals_name(char out[BK_JOURNALS_NAME_MAX], uint64_t identity, int number);
/* Is a file of this name a journal? */
bool bk_journals_is_name(const char *leaf);
/* Is it, or may some file system find one of ours under it, that drops what is not seen, keeps no dots at the end, or
 * takes one letter for another (U+212A KELVIN SIGN for k, wide forms for ASCII)? No other side's file may be called so.
 */
bool bk_journals_may_be_found_as(const char *leaf);

/* The numbers that the file system knows those in a folder by: one of them under any other name is still a journal.
 * malloc'd, NULL where there are none. BK_E_NOMEM. */
int bk_journals_inodes(int dir, uint64_t **ret_inodes, size_t *ret_n);

/* A file system may find under our name what a peer gave another one (by case, by forms of Unicode, by short names),
 * and we would believe it: the folder has to list it under this very name. */
bool bk_journals_has(int dir, const char *name);
/* The names of those in a folder, those written last first, at most max of them and so many bytes; malloc'd, each and
 * the whole. NULL: out of memory. */
char **bk_journals_list(int dir, size_t max, uint64_t bytes, size_t *ret_n);

#endif

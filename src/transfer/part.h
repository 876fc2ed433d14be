/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_TRANSFER_PART_H
#define BK_TRANSFER_PART_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

/* The file that something is written to until it is complete: NAME.part beside where NAME will be, or NAME.1.part ...
 * where that is taken. Only this program's own exclusive creation makes one, and only one that is still what was made
 * is taken up again: a file of ours, of one name, through no link. */
enum { BK_PART_MAX = 256, BK_PART_TRIES = 100 };

/* Long names are cut, so that ".part" fits into a component; not inside a character. */
void bk_part_name(char out[BK_PART_MAX], const char *leaf, unsigned number);

/* Descriptor and number, to write and to read; -1 and errno. */
int bk_part_make(int dir, const char *leaf, unsigned *ret_number);
/* The same of one that is there; ENOENT also where it is not what was made. */
int bk_part_open(int dir, const char *leaf, unsigned number);
/* Whether it is there and what was made. */
bool bk_part_find(int dir, const char *leaf, unsigned number, struct stat *ret_st);

void bk_part_remove(int dir, const char *leaf, unsigned number);

/* A file of ours, of one name: nobody else sees what becomes of it. */
bool bk_part_is_own(const struct stat *st);

#endif

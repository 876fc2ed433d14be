/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_TRANSFER_PART_H
#define BK_TRANSFER_PART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

/* The file that something is written to until it is complete: NAME.part beside where NAME will be, or NAME.1.part ...
 * where that is taken. Only this program's own exclusive creation makes one, and it belongs to whoever has it open:
 * it is locked so long. It is taken up again, or removed, only while it is the very file that was made (its birth:
 * transfer/birth.h), a file of ours, of one name, through no link; another file of that name is somebody's. */
enum { BK_PART_MAX = 256, BK_PART_TRIES = 100 };

/* Long names are cut, so that ".part" fits into a component; not inside a character. */
void bk_part_name(char out[BK_PART_MAX], const char *leaf, unsigned number);

/* Descriptor, number and birth, to write and to read; -1 and errno. */
int bk_part_make(int dir, const char *leaf, unsigned *ret_number, uint64_t *ret_birth);
/* The same of one that is there; ENOENT also where it is not what was made, EWOULDBLOCK: somebody has it. */
int bk_part_open(int dir, const char *leaf, unsigned number, uint64_t birth);
/* Whether it is there, and what was made. */
bool bk_part_find(int dir, const char *leaf, unsigned number, uint64_t birth, uint64_t *ret_size);
/* Whether that name, which is whole, still is the file's: somebody may have removed it, and have another one there. */
bool bk_part_is(int dir, const char *part, uint64_t birth);

/* Not while somebody has it. */
void bk_part_remove(int dir, const char *leaf, unsigned number, uint64_t birth);
/* One of a maker that was killed before it noted which file that is, or whose note was lost with the power: empty, and
 * made while it was at work, in seconds since 1970. */
void bk_part_remove_empty(int dir, const char *leaf, int64_t from, int64_t to);

/* A file of ours, of one name: nobody else sees what becomes of it. */
bool bk_part_is_own(const struct statx *st);

#endif

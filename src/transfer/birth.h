/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_TRANSFER_BIRTH_H
#define BK_TRANSFER_BIRTH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

/* Which file something is, whatever it is called by now, and whatever is called so by now: the instant at which it was
 * made, in nanoseconds, or its number on a file system that tells no such instant. A name alone says nothing of whose
 * a file is. 0: not known, which is nobody's. */
uint64_t bk_birth_of(const struct statx *st);

/* Two instants that a file system says may be so many seconds apart and be one: some count in twos. */
enum { BK_BIRTH_SLACK = 2 };

/* No link is followed. leaf "": dir itself is looked at. False and errno. */
bool bk_birth_look(int dir, const char *leaf, struct statx *ret_st);

/* Of what has that name; 0 also where nothing has it. */
uint64_t bk_birth_at(int dir, const char *leaf);

#endif

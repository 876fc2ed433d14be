/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_TRANSFER_LINKING_H
#define BK_TRANSFER_LINKING_H

#include <stdbool.h>

/* Symbolic links in a folder that is open. */

/* It is a link, and says this. */
bool bk_linking_is_same(int dir, const char *leaf, const char *target);
/* 0 also where it is the same already. -1 and errno; EEXIST: something else has the name, and may not be replaced. */
int bk_linking_make(int dir, const char *leaf, const char *target, bool may_replace);

#endif

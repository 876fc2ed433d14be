/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_TRANSFER_INSIDE_H
#define BK_TRANSFER_INSIDE_H

#include <stdbool.h>
#include <stddef.h>

/* What is inside a folder, one component after the other: others may write there, and what is a folder now may be a
 * link by the time it is opened. path: len bytes without empty components. flags: of the last; O_CLOEXEC is added, and
 * O_NOFOLLOW for every component unless links are followed. A descriptor, which is not `dir`; or -1 and errno. */
int bk_inside_open(int dir, const char *path, size_t len, int flags, bool follows);

#endif

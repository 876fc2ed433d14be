/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_NET_RANDOM_H
#define BK_NET_RANDOM_H

#include <stddef.h>

/* A name that nobody else has: random bytes in hexadecimal, 2 * bytes digits (at most 64) and a NUL. */
void bk_random_name(size_t bytes, char *out);

#endif

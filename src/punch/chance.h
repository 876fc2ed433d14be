/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_PUNCH_CHANCE_H
#define BK_PUNCH_CHANCE_H

#include "punch/technique.h"

/* What the plan promises of a direct path: 0 (nothing connects the two) to 1 (nothing that is known stands against
 * it); BK_CHANCE_UNKNOWN where it rests on a filter that nobody has looked at, or on an address that may be anywhere.
 * The same from both sides. */
#define BK_CHANCE_UNKNOWN (-1.0)

double bk_chance_of_technique(const struct bk_technique *t, const struct bk_pair *pair);

/* The best of the rows that fit. */
double bk_chance_of_pair(const struct bk_pair *pair, const struct bk_technique *const *rows);

/* "99.8 %": never rounded up to what it is not. */
enum { BK_CHANCE_STR_MAX = 16 };
const char *bk_chance_to_str(double chance, char out[BK_CHANCE_STR_MAX]);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_PUNCH_GUESS_H
#define BK_PUNCH_GUESS_H

#include "punch/technique.h"

/* The techniques for a side whose next port has to be guessed: its mapping depends on the destination, and the filter
 * of the other side knows ports. Over UDP and IPv4 alone, with both sides' consent, and only where the chance within
 * the budget is more than one half. */
extern const struct bk_technique bk_technique_predict, bk_technique_blocks, bk_technique_birthday;

/* `fits` of each of them. */
bool bk_guess_fits(const struct bk_technique *t, const struct bk_pair *pair);
/* Are the ports of the hard side from a block that is small enough? */
bool bk_guess_has_block(const struct bk_pair *pair);
/* Do both sides want that, and is nobody of them to be reached anyway? */
bool bk_guess_is_wanted(const struct bk_pair *pair);
/* The one side whose port has to be guessed; NULL: it is none of the two, or both. */
const struct bk_intro *bk_guess_hard_side(const struct bk_pair *pair);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_PUNCH_GUESS_H
#define BK_PUNCH_GUESS_H

#include "punch/technique.h"

/* The techniques for a side whose next port has to be guessed: its mapping depends on the destination, and the filter
 * of the other side knows ports. Over UDP and IPv4 alone, with both sides' consent, and only where the chance within
 * the budget is more than one half. */
extern const struct bk_technique bk_technique_predict;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_TESTS_HOSTILE_PACKED_H
#define BK_TESTS_HOSTILE_PACKED_H

#include "liar.h"

/* What one that sends says packed, of two files that it offered. */
void pack_both(struct liar *l);
void pack_more_than_offered(struct liar *l);
void pack_more_than_said(struct liar *l);
void pack_less_than_said(struct liar *l);
void pack_a_bomb(struct liar *l);
void pack_zeros(struct liar *l); /* of the first, far more than it packs them in */
void pack_too_much(struct liar *l);
void pack_an_error(struct liar *l);
void pack_what_is_packed(struct liar *l);
void pack_half_a_message(struct liar *l);

#endif

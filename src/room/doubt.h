/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_ROOM_DOUBT_H
#define BK_ROOM_DOUBT_H

#include <bodkin/group.h>

#include "group/chain.h"

/* The sentence about what does not fit. Returns out. */
const char *bk_doubt_to_str(const struct bk_chain_doubt *d, char out[BK_GROUP_SENTENCE_MAX]);

#endif

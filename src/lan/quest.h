/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_LAN_QUEST_H
#define BK_LAN_QUEST_H

#include "lan/sides.h"

/* Inside beside: where a claim goes. Who claims must never do so at both boxes: the one who left it would take one of
 * the two claims for the other side and this side the other one. So he looks on the LAN for a moment, while the server
 * is being reached anyway, then asks the server, and only when nobody is there looks on the LAN for as long as it
 * takes. */

void bk_quest_begin(struct bk_sides *b);   /* on the LAN */
void bk_quest_advance(struct bk_sides *b); /* wherever it goes next, if anywhere */
/* Nobody has it there. */
void bk_quest_near_failed(struct bk_sides *b, const char *text);
bool bk_quest_far_failed(struct bk_sides *b, int code); /* false: that is no answer of a claim */

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_ROOM_ABOUT_H
#define BK_ROOM_ABOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/time.h"
#include "group/card.h"

/* What the application says on our card, and when the others may be told that it is another one: at most once a second,
 * so that what changes faster costs nobody his share of the server. All zero to begin with. */
struct bk_about {
	uint8_t bytes[BK_CARD_ABOUT_MAX];
	size_t len;
	bool is_news; /* not told yet */
	bk_time due;
};

#define BK_ABOUT_PAUSE BK_SEC

int bk_about_set(struct bk_about *a, const void *bytes, size_t len); /* BK_E_TOO_BIG */
bool bk_about_is_due(const struct bk_about *a, bk_time now);
void bk_about_told(struct bk_about *a, bk_time now);
void bk_about_denied(struct bk_about *a, bk_dur wait, bk_time now);
bk_time bk_about_next_wake(const struct bk_about *a); /* BK_NEVER */

#endif

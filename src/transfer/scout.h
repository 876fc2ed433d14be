/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_TRANSFER_SCOUT_H
#define BK_TRANSFER_SCOUT_H

#include <bodkin/loop.h>

#include "base/time.h"
#include "transfer/source.h"

/* Looks around for a source on a thread of its own: a big tree, or a slow disk, keeps nobody from showing a code. */
struct bk_scout;

/* All of the wish is copied but what is behind stream_fd. fn comes from the loop when it is over, and may free the
 * scout. BK_E_NOMEM. */
int bk_scout_new(struct bk_loop *loop, const struct bk_source_wish *wish, void (*fn)(void *arg), void *arg,
	struct bk_scout **ret_scout);
/* Waits so long for its end: is it over? */
bool bk_scout_wait(struct bk_scout *s, bk_dur time);
size_t bk_scout_count(const struct bk_scout *s); /* entries so far */
/* What it found, once, when it is over; else what went wrong, with its sentence (bk_source_new). */
int bk_scout_take(struct bk_scout *s, struct bk_source **ret_source, char ret_text[BK_TRANSFER_TEXT_MAX]);
/* Does not wait: it goes home by itself. NULL is fine. */
void bk_scout_free(struct bk_scout *s);

#endif

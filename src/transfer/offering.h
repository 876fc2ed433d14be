/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_TRANSFER_OFFERING_H
#define BK_TRANSFER_OFFERING_H

#include <bodkin/transfer.h>

#include "base/list.h"
#include "transfer/pace.h"
#include "transfer/scout.h"
#include "transfer/source.h"

/* What a sender offers, to one receiver or to several: the source, and how it is described. While it is looked around
 * there is neither; afterwards it stays as it is, so that every delivery of it may look at it. Embedded; the loop's
 * thread only. */
struct bk_offering {
	struct bk_source *source;
	struct bk_transfer_offer offer;
	struct bk_transfer_entry *names;
	bool is_never_packed, is_for_several;
	struct bk_pace *pace;   /* of all that goes, to whomever */
	struct bk_scout *scout; /* NULL: it is over */
	struct bk_timer *ticker;
	struct bk_list waiting;
	int error; /* what was named cannot be offered, with its sentence */
	char text[BK_TRANSFER_TEXT_MAX];
};

/* Looks at what the options name, and waits for it a moment: mostly that is enough. Errors of bk_source_new, as far as
 * they are found in it, and BK_E_INVALID for a stream to several; bk_offering_done is due in any case. */
int bk_offering_init(struct bk_offering *o, struct bk_loop *loop, const struct bk_send_opts *opts,
	char ret_text[BK_TRANSFER_TEXT_MAX]);
/* After its deliveries. Fine on a zeroed one. */
void bk_offering_done(struct bk_offering *o);

/* It is known, or is known to have failed. */
static inline bool bk_offering_is_settled(const struct bk_offering *o)
{
	return !o->scout;
}
/* Entries so far. */
size_t bk_offering_count(const struct bk_offering *o);

/* Until it is settled fn comes now and then from the loop, and once when it is. Embedded, zeroed. */
struct bk_offering_wait {
	struct bk_list link;
	void (*fn)(void *arg);
	void *arg;
};
void bk_offering_await(struct bk_offering *o, struct bk_offering_wait *wait);
void bk_offering_leave(struct bk_offering_wait *wait); /* fine where nobody waits */

#endif

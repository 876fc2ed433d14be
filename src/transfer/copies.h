/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_TRANSFER_COPIES_H
#define BK_TRANSFER_COPIES_H

#include "transfer/offering.h"

/* One offering for several receivers by one code: a delivery waits under it, and when somebody has come with it
 * another one does, until enough have all or nobody more is wanted. What becomes of one is nothing to the others. The
 * loop's thread only. */
struct bk_copies;

struct bk_copies_opts {
	struct bk_loop *loop;
	struct bk_offering *offering;          /* borrowed */
	const struct bk_session_opts *session; /* copied, as the events */
	size_t count;                          /* how many are to have all; BK_SEND_KEEP: as many as come */
	const struct bk_transfer_events *events;
	void *arg;
};

/* BK_E_INVALID, BK_E_NOMEM. */
int bk_copies_new(const struct bk_copies_opts *opts, struct bk_copies **ret_copies);
/* on_done follows where that is the orderly end, else on_error, within two seconds. */
void bk_copies_cancel(struct bk_copies *c);
void bk_copies_free(struct bk_copies *c); /* at once and silently; NULL is fine */

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_TRANSFER_ANSWER_H
#define BK_TRANSFER_ANSWER_H

#include "transfer/here.h"

/* The answer to an offer: what of it is here (`have` messages, to a version 2), then what is taken and from where on,
 * in one message or in many. It holds none of it: what was said so far is all that is kept. Embedded, zeroed. */
struct bk_answer {
	size_t had;      /* entries whose blocks have been said, */
	uint32_t blocks; /* and so many of the next one's */
	size_t chosen;   /* entries that were chosen about */
};

/* The next of it, appended to out. 0: it was the last; BK_E_AGAIN: more follows, when this has gone; BK_E_FULL,
 * BK_E_NOMEM, BK_E_TOO_BIG. here may have nothing; both stay as they are until the last. */
int bk_answer_next(struct bk_answer *a, const struct bk_file_msg *header, struct bk_buf *out,
	const struct bk_picks *picks, const struct bk_here *here);

#endif

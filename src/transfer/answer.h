/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_TRANSFER_ANSWER_H
#define BK_TRANSFER_ANSWER_H

#include "transfer/here.h"

/* The answer to an offer, appended to out: what of it is here (`have` messages, to a version 2), then what is taken and
 * from where on. here may have nothing. BK_E_FULL, BK_E_NOMEM, BK_E_TOO_BIG. */
int bk_answer_encode(struct bk_buf *out, const struct bk_file_msg *header, const struct bk_picks *picks,
	const struct bk_here *here);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_GROUP_HEARING_H
#define BK_GROUP_HEARING_H

#include "group/chain.h"

/* Inside the chain: what a post says to us, once it has passed all questions. A text is a line; what is in a box is one
 * only where the box is ours; an invite and a call have events of their own, and what nobody here can read has none. */
struct bk_hearing {
	const struct bk_signer *signer; /* ours */
	const struct bk_ledger *ledger;
	const struct bk_chain_events *events; /* on_line, on_invite, on_call */
	void *arg;
	char text[BK_CHAIN_TEXT_MAX + 1]; /* of the line that is handed on */
};

/* line: all but whether it is private, and its text. */
void bk_hearing_hand_on(struct bk_hearing *h, struct bk_chain_line *line, const struct bk_remark *p);

#endif

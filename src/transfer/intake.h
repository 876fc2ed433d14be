/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_TRANSFER_INTAKE_H
#define BK_TRANSFER_INTAKE_H

#include "transfer/budget.h"
#include "wire/file.h"

/* An offer as it comes, in one message or in many, within what it may take before anybody has looked at it. Embedded;
 * zeroed but for the list, `each` and the budget it is ready. */
struct bk_intake {
	struct bk_file_list *list;
	uint32_t entries;         /* that were announced, of an offer in pieces */
	size_t each;              /* bytes that an entry takes besides the list */
	struct bk_budget *budget; /* the list's */
	bool is_too_long;         /* BK_E_TOO_BIG is that of the budget */
};

/* An offer or entries message, with its content. 0: all is there; BK_E_AGAIN: more comes; else it cannot be used, or,
 * at once when that many were announced, BK_E_TOO_BIG and BK_E_FULL of the budget. That is whoever's the list is: he
 * gives it back when the list is gone. */
int bk_intake_read(struct bk_intake *i, const struct bk_file_msg *msg, const struct bk_buf *content);
#endif

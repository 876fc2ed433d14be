/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_TRANSFER_STORE_H
#define BK_TRANSFER_STORE_H

#include "transfer/budget.h"
#include "transfer/here.h"

/* Where received files go, and what was decided about them: the loop's until a writer has it. */
struct bk_store {
	struct bk_sink *sink;
	struct bk_file_list list;
	struct bk_picks picks;
	struct bk_here here; /* its journal is made when something is begun */
	struct bk_budget budget;
};

void bk_store_free(struct bk_store *s); /* NULL is fine */

#endif

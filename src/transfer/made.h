/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_TRANSFER_MADE_H
#define BK_TRANSFER_MADE_H

#include "transfer/inodes.h"
#include "transfer/sink.h"

/* The folders of an offer; in order those that were not there and were made: what is in them comes between, and changes
 * their times, so that they get what they came with last. Embedded, zeroed. */
struct bk_made {
	size_t *rows; /* entries */
	size_t len, cap;
	struct bk_inodes all; /* also those that were there */
};

/* Makes it where it is not there; is_ours: where it is, it was made for this offer before. BK_E_NOMEM;
 * BK_E_EXISTS: here it is the same folder as another one of the offer; or as bk_sink_make_folder. */
int bk_made_add(struct bk_made *m, struct bk_sink *sink, const struct bk_file_list *list, size_t entry,
	bool is_ours, bool *ret_is_new);
/* The innermost first. Where not all arrived, those that stayed empty go. */
void bk_made_leave(struct bk_made *m, struct bk_sink *sink, const struct bk_file_list *list, bool is_all);
void bk_made_done(struct bk_made *m);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_TRANSFER_TAKEN_H
#define BK_TRANSFER_TAKEN_H

#include <bodkin/transfer.h>

#include "transfer/pick.h"

/* What was taken of an offer, as it is told at the end. */
struct bk_taken {
	char *paths[BK_TRANSFER_PATHS_MAX];
	size_t paths_len;
};

/* Sets what the picks know of a result; the rest of it stays. folder: that they stand in, "": this one; NULL: they
 * stand nowhere. What the result points to belongs to taken and picks; of paths it has as many as there is memory
 * for. */
void bk_taken_tell(struct bk_taken *t, const struct bk_picks *picks, const char *folder,
	struct bk_transfer_result *result);
void bk_taken_done(struct bk_taken *t);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_TRANSFER_OFFERING_H
#define BK_TRANSFER_OFFERING_H

#include <bodkin/transfer.h>

#include "transfer/pace.h"
#include "transfer/source.h"

/* What a sender offers, to one receiver or to several: the source, and how it is described. It stays as it is, so that
 * every delivery of it may look at it. Embedded; the loop's thread only. */
struct bk_offering {
	struct bk_source *source;
	struct bk_transfer_offer offer;
	struct bk_transfer_entry *names;
	bool is_never_packed;
	struct bk_pace *pace; /* of all that goes, to whomever */
};

/* Looks at what the options name. Errors of bk_source_new; bk_offering_done is due in any case. */
int bk_offering_init(
	struct bk_offering *o, const struct bk_send_opts *opts, char ret_text[BK_TRANSFER_TEXT_MAX]);
/* After its deliveries. Fine on a zeroed one. */
void bk_offering_done(struct bk_offering *o);

#endif

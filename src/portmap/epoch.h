/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_PORTMAP_EPOCH_H
#define BK_PORTMAP_EPOCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/time.h"

/* Every answer says for how many seconds the router has kept its mappings. A zeroed one has heard nothing. */
struct bk_portmap_epoch {
	bool is_known;
	uint32_t theirs;
	bk_time ours;
};

/* Takes the value of an answer. False: since the last one the router has forgotten its mappings (RFC 6887
 * section 8.5, RFC 6886 section 3.6). */
bool bk_portmap_epoch_goes_on(struct bk_portmap_epoch *e, uint32_t theirs, bool is_pcp, bk_time now);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "portmap/epoch.h"

enum { SLACK_S = 2 };

/* PCP's clocks may differ by a sixteenth, both ways; a NAT-PMP router's may only be an eighth slow. */
static bool is_believable(int64_t ours, int64_t theirs, bool is_pcp)
{
	if (!is_pcp)
		return theirs >= ours - ours / 8 - SLACK_S;
	return theirs >= -1 && ours + SLACK_S >= theirs - theirs / 16 && theirs + SLACK_S >= ours - ours / 16;
}

bool bk_portmap_epoch_goes_on(struct bk_portmap_epoch *e, uint32_t theirs, bool is_pcp, bk_time now)
{
	bool goes_on = !e->is_known ||
		       is_believable((now - e->ours) / BK_SEC, (int64_t)theirs - (int64_t)e->theirs, is_pcp);

	*e = (struct bk_portmap_epoch){.is_known = true, .theirs = theirs, .ours = now};
	return goes_on;
}

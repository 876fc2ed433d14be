/* SPDX-License-Identifier: Apache-2.0 */
/* The agreed instant. The clocks of the mailbox and of the peer are theirs to say, and they may say anything.
 * Without a clock of ours it is now. */
#include "meet/meeting.h"

#include <string.h>

#include "punch/plan.h"

#define START_MAX (5 * BK_SEC) /* a later instant than this is not believed */
#define DELAY_MAX (600 * BK_SEC)
#define LEAD_MAX  (60 * BK_SEC) /* more than the planner puts an instant ahead */

/* The later of both instants, on our clock; at once where neither side has named one. */
static bk_time start_of(const struct bk_meeting *g, const struct bk_mailbox_view *view)
{
	int64_t start = bk_time_max(g->own.start, g->peer.start);

	if (!view->rtt_ns || start <= 0 || __builtin_sub_overflow(start, view->clock_offset_ns, &start))
		return g->introduced;
	return bk_time_max(g->introduced, bk_time_min(start, g->introduced + START_MAX));
}

int64_t bk_meeting_choose_start(const struct bk_mailbox_view *view, bk_time now, bk_dur peer_rtt)
{
	int64_t there;

	if (!view->rtt_ns || __builtin_add_overflow(now, view->clock_offset_ns, &there) ||
		there > INT64_MAX - LEAD_MAX)
		return 0;
	return bk_plan_start_instant(there, view->rtt_ns, peer_rtt);
}

void bk_meeting_complete(struct bk_meeting *g, const struct bk_mailbox_view *view, bk_time now)
{
	static const uint8_t none[BK_MAILBOX_TOKEN_LEN];
	bool has_own = memcmp(view->relay_token, none, sizeof(none)) != 0;

	g->introduced = now;
	g->shared = view->local;
	g->relay = view->relay;
	memcpy(g->relay_token, has_own ? view->relay_token : g->token, sizeof(g->relay_token));
	g->delay = bk_time_max(0, bk_time_min(view->mail_delay_ns, DELAY_MAX));
	g->start = start_of(g, view);
}

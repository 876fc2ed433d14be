/* SPDX-License-Identifier: Apache-2.0 */
#include "portmap/term.h"

#define FOR_GOOD   (2 * 3600 * BK_SEC)
#define SOON       (30 * BK_SEC)
#define AGAIN_LAST (600 * BK_SEC)

enum { DOUBLINGS_MAX = 5 };

void bk_portmap_term_give(struct bk_portmap_term *t, bk_dur lifetime, bk_time now)
{
	lifetime = lifetime ? lifetime : FOR_GOOD;
	*t = (struct bk_portmap_term){.until = now + lifetime, .next = now + lifetime / 2};
}

void bk_portmap_term_refuse(struct bk_portmap_term *t, bk_time now)
{
	*t = (struct bk_portmap_term){.next = now + AGAIN_LAST};
}

/* Once more when its time is over, as well. */
bool bk_portmap_term_go_on(struct bk_portmap_term *t, bk_time now)
{
	bool is_there = now < t->until;

	t->next = now + bk_time_min(SOON << t->unanswered, AGAIN_LAST);
	if (t->unanswered < DOUBLINGS_MAX)
		t->unanswered++;
	if (is_there)
		t->next = bk_time_min(t->next, t->until);
	else
		t->until = 0;
	return is_there;
}

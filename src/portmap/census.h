/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_PORTMAP_CENSUS_H
#define BK_PORTMAP_CENSUS_H

#include <stdbool.h>

#include "base/time.h"
#include "portmap/question.h"

/* Which dialects the router answers in, and which of them to speak. */
enum bk_portmap_presence { BK_PORTMAP_AWAITED, BK_PORTMAP_ABSENT, BK_PORTMAP_PRESENT };

struct bk_portmap_census {
	enum bk_portmap_presence presence[BK_PORTMAP_DIALECTS];
	bool is_chosen; /* the dialect below is what we speak; PCP until then */
	enum bk_portmap_dialect dialect;
	bk_time next; /* when to ask again; BK_NEVER: all is known */
	bk_dur interval;
	int left; /* sendings */
};

void bk_portmap_census_init(struct bk_portmap_census *c, bool has_natpmp, bk_time now);
/* One may have been heard of. False: that is not new. */
bool bk_portmap_census_note(
	struct bk_portmap_census *c, enum bk_portmap_dialect d, enum bk_portmap_presence presence);
/* Time has come to ask those that are awaited; or it is over by now. */
bool bk_portmap_census_is_due(struct bk_portmap_census *c, bk_time now);
/* Nobody else is waited for. */
void bk_portmap_census_end(struct bk_portmap_census *c);

static inline bool bk_portmap_census_is_over(const struct bk_portmap_census *c)
{
	return c->next == BK_NEVER;
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_ROOM_TELLER_H
#define BK_ROOM_TELLER_H

#include "group/chain.h"
#include "room/venue.h"

/* Tells the application what becomes of its group, in the words of the public header: what the chain says, doubts and
 * notes as sentences. Events that it does not want are passed over. The group may be freed from inside the end, and the
 * teller with it. The loop's thread only. */
struct bk_teller {
	struct bk_group *group; /* borrowed, as is all of this */
	struct bk_group_events events;
	void *arg;
	const struct bk_chain *chain; /* who is us; set before anybody comes */
	const struct bk_venue *venue; /* who keeps the group now */
};

void bk_teller_note(const struct bk_teller *t, int verbosity, const char *text);
void bk_teller_open(const struct bk_teller *t);
void bk_teller_end(const struct bk_teller *t, int error, const char *text); /* last */

/* For struct bk_chain_opts; its arg is the teller. */
extern const struct bk_chain_events bk_teller_chain_events;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_SERVER_VISITOR_H
#define BK_SERVER_VISITOR_H

#include "server/state.h"

/* A connection whose first bytes decide what it is. Takes the arrival over on success. */
int bk_visitor_new(struct bk_server *s, const struct bk_arrival *from);

/* Makes room for another when too many wait: who has had the longest time without using it goes. False:
 * nobody waits. */
bool bk_visitors_end_oldest(struct bk_server *s);

/* Ends all of them, for a stop. */
void bk_visitors_end(struct bk_server *s, int error);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_SERVER_VISITOR_H
#define BK_SERVER_VISITOR_H

#include "server/state.h"

/* A connection whose first bytes decide what it is. They are not looked at before `wait` is over. Takes the
 * arrival over on success. */
int bk_visitor_new(struct bk_server *s, const struct bk_arrival *from, bk_dur wait);

void bk_visitors_init(struct bk_server *s);

/* Ends all of them, for a stop. */
void bk_visitors_end(struct bk_server *s, int error);

#endif

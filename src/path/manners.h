/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_PATH_MANNERS_H
#define BK_PATH_MANNERS_H

#include "punch/technique.h"

/* A guess that takes thousands of packets fills the tables of home routers. So there is one at a time in a process,
 * whatever sessions and threads there are, and some time before the next one to the same network. */

/* Takes such attempts out of the plan where it is not their turn. *ret_took: it is, and bk_manners_end gives the turn
 * back; false: nothing was taken, perhaps because there are none. False is returned where some were taken out. */
bool bk_manners_begin(struct bk_plan *io_plan, bk_time now, bool *ret_took);
void bk_manners_end(void);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_LAN_BESIDE_EVENTS_H
#define BK_LAN_BESIDE_EVENTS_H

#include "lan/sides.h"

/* Inside beside: what the two boxes tell; the argument is their struct bk_side. */
extern const struct bk_mailbox_events bk_side_events;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_PUNCH_RELAY_H
#define BK_PUNCH_RELAY_H

#include "punch/technique.h"

/* The leg to the relay as a pure engine: connects once to where the plan says and reports the connection,
 * then that it is done. What fails is not tried again: the relay is the server that both have just spoken
 * to. */
extern const struct bk_method bk_method_relay;

#endif

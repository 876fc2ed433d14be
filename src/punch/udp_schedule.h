/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_PUNCH_UDP_SCHEDULE_H
#define BK_PUNCH_UDP_SCHEDULE_H

#include "base/rng.h"
#include "base/time.h"
#include "punch/udp.h"

/* Inside punch: when UDP probes go. */

#define BK_UDP_WAIT_PEER (15 * BK_MS) /* two of its probes */

/* When the first packet with the full TTL goes to what is behind a filter; start: the agreed instant, as believed. */
bk_time bk_udp_first_full(const struct bk_punch_udp_opts *opts, bk_time start, bk_time now);
/* From one sending to the next; step 0: after the first. Each +- 20 %: two sides on one grid could go on colliding with
 * each other's losses. */
bk_dur bk_udp_gap(unsigned step, struct bk_rng *rng);

#endif

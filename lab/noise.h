/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_LAB_NOISE_H
#define BK_LAB_NOISE_H

#include "lab/plan.h"

#include <sys/types.h>

/* Others behind the NAT of side 0 or 1: a process in its home router begins flows to the server, each of one datagram,
 * at random times, so many a second on average. As a child of the caller; comes back when the first flow has begun. */
int bk_lab_noise_start(const struct bk_lab_plan *p, int side, pid_t *ret_pid);

#endif

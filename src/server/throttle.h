/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_SERVER_THROTTLE_H
#define BK_SERVER_THROTTLE_H

#include "base/addr.h"
#include "base/rate.h"

/* How often each address may ask, and the networks around it, for questions that cost an asker nothing
 * (datagrams): tables of fixed size, no allocation, no list. Networks are the crowd's: IPv4 by address and /24
 * (twice as much), IPv6 by /64, /56 (twice) and /48 (four times). When more ask at once than fit, who was silent
 * longest is forgotten, which gives it a fresh burst: the tables bound what each asker gets, not what all get
 * together. Time comes in by the door; one thread. */
struct bk_throttle;

/* NULL when out of memory. seed: so that nobody can choose addresses that push one another out. */
struct bk_throttle *bk_throttle_new(double per_second, double burst, uint64_t seed);
void bk_throttle_free(struct bk_throttle *t); /* NULL is fine */

/* False: this one, or its network, has asked too often. Loopback never has: only this machine can be behind it. */
bool bk_throttle_take(struct bk_throttle *t, const struct bk_addr *from, bk_time now);

#endif

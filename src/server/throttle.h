/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_SERVER_THROTTLE_H
#define BK_SERVER_THROTTLE_H

#include "base/addr.h"
#include "base/rate.h"

/* How often each address may ask, for questions that cost an asker nothing (datagrams): a table of fixed
 * size, no allocation, no list. IPv6 counts by the /64. When more addresses ask at once than fit, the one
 * that was silent longest is forgotten, which gives it a fresh burst: the table bounds what each asker gets,
 * not what all get together. */
struct bk_throttle;

/* NULL when out of memory. seed: so that nobody can choose addresses that push one another out. */
struct bk_throttle *bk_throttle_new(double per_second, double burst, uint64_t seed);
void bk_throttle_free(struct bk_throttle *t); /* NULL is fine */

/* False: this one has asked too often. Loopback never has: only this machine can be behind it. */
bool bk_throttle_take(struct bk_throttle *t, const struct bk_addr *from, bk_time now);

#endif

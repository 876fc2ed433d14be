/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_NAT_ALLOCATION_H
#define BK_NAT_ALLOCATION_H

#include <stddef.h>
#include <stdint.h>

#include "wire/nat_profile.h"

/* Of a sequence: other traffic takes ports in between; two random ports are this near 1 time in 1000. */
enum { BK_NAT_STEP_MAX = 32 };

/* How a NAT chooses public ports, from several fresh local ports that were mapped shortly after one another:
 * one row for each, in the order of sending. */
struct bk_nat_port_pair {
	uint16_t local, mapped;
};

/* BK_NAT_ALLOCATION_UNKNOWN for less than three. ret_delta: of a sequential one, else 0. One row may be out
 * of line: a packet that overtook another, a port that was taken, a counter that began anew. */
enum bk_nat_allocation bk_nat_allocation_judge(
	const struct bk_nat_port_pair *pairs, size_t n, int *ret_delta);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_NAT_ALLOCATION_H
#define BK_NAT_ALLOCATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/nat_profile.h"

/* Of a sequence: other traffic takes ports in between; two random ports are this near 1 time in 1000. */
enum { BK_NAT_STEP_MAX = 32 };

/* Of a block of 128, though, they are 4 times in 10. So a few steps that are not alike, or a single one, are of a
 * sequence where the smallest is no larger than this: that is chance 3 times in 100. */
enum { BK_NAT_STEP_SURE = 2 };

/* How a NAT chooses public ports, from several fresh local ports that were mapped shortly after one another:
 * one row for each, in the order of sending. */
struct bk_nat_port_pair {
	uint16_t local, mapped;
};

/* BK_NAT_ALLOCATION_UNKNOWN for less than three. ret_delta: of a sequential one, else 0. One row may be out
 * of line: a packet that overtook another, a port that was taken, a counter that began anew. */
enum bk_nat_allocation bk_nat_allocation_judge(
	const struct bk_nat_port_pair *pairs, size_t n, int *ret_delta);

/* Which rows are of one sequence, where all but two are and there are five; false: none is found. A local port that
 * another program had a moment ago goes on with that one's flow, and so with an old public port: such a row is of no
 * use for the next one, wherever it stands. ret_delta: the smallest step. */
enum { BK_NAT_LINE_MAX = 10 };
bool bk_nat_allocation_line(
	const struct bk_nat_port_pair *pairs, size_t n, bool ret_is_in[BK_NAT_LINE_MAX], int *ret_delta);

#endif

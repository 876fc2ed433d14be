/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 4787 section 4.2 has the words. Preserving: the public port is the local one. Sequential: small steps
 * in one direction, since other people's flows only ever add to a step. Everything else is chance: the next
 * port cannot be told from the last. */
#include "nat/allocation.h"

#include <stdlib.h>

/* Ports of a small block are near each other by chance, but their steps are not alike. */
enum { PAIRS_MIN = 3, FEW = 4 };

static size_t count_steps(const struct bk_nat_port_pair *pairs, size_t n, int direction, int *ret_smallest)
{
	size_t count = 0, alike = 0;

	*ret_smallest = 0;
	for (size_t i = 1; i < n; i++) {
		int step = ((int)pairs[i].mapped - (int)pairs[i - 1].mapped) * direction;

		if (step <= 0 || step > BK_NAT_STEP_MAX)
			continue;
		count++;
		alike = !*ret_smallest || step < *ret_smallest ? 1 : alike + (step == *ret_smallest);
		if (!*ret_smallest || step < *ret_smallest)
			*ret_smallest = step;
	}
	return 2 * alike > count || count < FEW ? count : 0;
}

enum bk_nat_allocation bk_nat_allocation_judge(const struct bk_nat_port_pair *pairs, size_t n, int *ret_delta)
{
	size_t preserved = 0, needed = n > PAIRS_MIN ? n - 1 : n;
	int smallest;

	*ret_delta = 0;
	if (n < PAIRS_MIN)
		return BK_NAT_ALLOCATION_UNKNOWN;
	for (size_t i = 0; i < n; i++)
		preserved += pairs[i].local == pairs[i].mapped;
	if (preserved >= needed)
		return BK_NAT_PRESERVING;
	for (int direction = 1; direction >= -1; direction -= 2) {
		if (count_steps(pairs, n, direction, &smallest) + 1 >= needed) {
			*ret_delta = smallest * direction;
			return BK_NAT_SEQUENTIAL;
		}
	}
	return BK_NAT_RANDOM;
}

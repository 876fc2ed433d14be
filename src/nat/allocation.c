/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 4787 section 4.2 has the words. Preserving: the public port is the local one. Sequential: small steps
 * in one direction, since other people's flows only ever add to a step. Everything else is chance: the next
 * port cannot be told from the last. */
#include "nat/allocation.h"

#include <string.h>

/* Ports of a small block are near each other by chance, but their steps are not alike. */
enum { PAIRS_MIN = 3, FEW = 4, ASTRAY_MAX = 2 };

/* 0: none that a sequence would make in that direction. */
static int step_between(const struct bk_nat_port_pair *a, const struct bk_nat_port_pair *b, int direction)
{
	int step = ((int)b->mapped - (int)a->mapped) * direction;

	return step > 0 && step <= BK_NAT_STEP_MAX ? step : 0;
}

static size_t count_steps(const struct bk_nat_port_pair *pairs, size_t n, int direction, int *ret_smallest)
{
	size_t count = 0, alike = 0;

	*ret_smallest = 0;
	for (size_t i = 1; i < n; i++) {
		int step = step_between(&pairs[i - 1], &pairs[i], direction);

		if (!step)
			continue;
		count++;
		alike = !*ret_smallest || step < *ret_smallest ? 1 : alike + (step == *ret_smallest);
		if (!*ret_smallest || step < *ret_smallest)
			*ret_smallest = step;
	}
	if (2 * alike > count)
		return count > 1 || *ret_smallest <= BK_NAT_STEP_SURE ? count : 0;
	return count < FEW && *ret_smallest <= BK_NAT_STEP_SURE ? count : 0;
}

/* The longest chain of rows in that direction, each a step behind the one before; how many they are. */
static size_t longest(const struct bk_nat_port_pair *pairs, size_t n, int direction, bool *ret_is_in)
{
	size_t len[BK_NAT_LINE_MAX], before[BK_NAT_LINE_MAX], end = 0;

	for (size_t i = 0; i < n; i++) {
		len[i] = 1;
		before[i] = i;
		for (size_t j = 0; j < i; j++) {
			if (len[j] < len[i] || !step_between(&pairs[j], &pairs[i], direction))
				continue;
			len[i] = len[j] + 1;
			before[i] = j;
		}
		end = len[i] > len[end] ? i : end;
	}
	memset(ret_is_in, 0, n * sizeof(*ret_is_in));
	for (size_t at = end;; at = before[at]) {
		ret_is_in[at] = true;
		if (before[at] == at)
			break;
	}
	return len[end];
}

bool bk_nat_allocation_line(
	const struct bk_nat_port_pair *pairs, size_t n, bool ret_is_in[BK_NAT_LINE_MAX], int *ret_delta)
{
	struct bk_nat_port_pair line[BK_NAT_LINE_MAX];

	if (n > BK_NAT_LINE_MAX)
		return false;
	for (int direction = 1; direction >= -1; direction -= 2) {
		size_t len = 0;
		int smallest;

		if (!n || longest(pairs, n, direction, ret_is_in) + ASTRAY_MAX < n)
			continue;
		for (size_t i = 0; i < n; i++) {
			if (ret_is_in[i])
				line[len++] = pairs[i];
		}
		if (len <= FEW || !count_steps(line, len, direction, &smallest))
			continue;
		*ret_delta = smallest * direction;
		return true;
	}
	return false;
}

/* The rows of that parity, as far as they are in line; how many they are, and their smallest step. */
static size_t half_in_line(
	const struct bk_nat_port_pair *pairs, size_t n, unsigned odd, int direction, int *ret_smallest)
{
	struct bk_nat_port_pair half[BK_NAT_LINE_MAX], line[BK_NAT_LINE_MAX];
	bool is_in[BK_NAT_LINE_MAX];
	size_t len = 0, kept = 0;

	*ret_smallest = 0;
	for (size_t i = 0; i < n; i++) {
		if (pairs[i].local % 2 == odd && pairs[i].mapped % 2 == odd)
			half[len++] = pairs[i];
	}
	if (!len)
		return 0;
	longest(half, len, direction, is_in);
	for (size_t i = 0; i < len; i++) {
		if (is_in[i])
			line[kept++] = half[i];
	}
	count_steps(line, kept, direction, ret_smallest);
	return kept;
}

/* One of even ports for even local ones, one of odd ports for odd ones; one row may be astray. */
static bool are_two_sequences(const struct bk_nat_port_pair *pairs, size_t n, int *ret_delta)
{
	for (int direction = 1; n <= BK_NAT_LINE_MAX && direction >= -1; direction -= 2) {
		int even, odd;
		size_t in_line = half_in_line(pairs, n, 0, direction, &even) +
				 half_in_line(pairs, n, 1, direction, &odd);

		if (in_line + 1 < n || n <= FEW)
			continue;
		*ret_delta = direction * (!even || (odd && odd < even) ? odd : even);
		return true;
	}
	return false;
}

enum bk_nat_allocation bk_nat_allocation_judge(const struct bk_nat_port_pair *pairs, size_t n, int *ret_delta)
{
	size_t preserved = 0, needed = n > PAIRS_MIN ? n - 1 : n;
	bool is_in[BK_NAT_LINE_MAX];
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
	return bk_nat_allocation_line(pairs, n, is_in, ret_delta) || are_two_sequences(pairs, n, ret_delta)
		       ? BK_NAT_SEQUENTIAL
		       : BK_NAT_RANDOM;
}

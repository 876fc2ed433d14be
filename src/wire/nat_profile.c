/* SPDX-License-Identifier: Apache-2.0 */
/* The words of a NAT profile. A word a later version invents reads as "unknown", which every plan can
 * handle. */
#include "wire/nat_profile.h"

#include <stddef.h>

#include "base/text.h"

static const char *const behaviors[] = {
	[BK_NAT_UNKNOWN] = "unknown",
	[BK_NAT_ENDPOINT_INDEPENDENT] = "endpoint-independent",
	[BK_NAT_ADDRESS_DEPENDENT] = "address-dependent",
	[BK_NAT_ADDRESS_AND_PORT_DEPENDENT] = "address-and-port-dependent",
};

static const char *const allocations[] = {
	[BK_NAT_ALLOCATION_UNKNOWN] = "unknown",
	[BK_NAT_PRESERVING] = "preserving",
	[BK_NAT_SEQUENTIAL] = "sequential",
	[BK_NAT_RANDOM] = "random",
};

enum {
	BEHAVIORS_LEN = sizeof(behaviors) / sizeof(behaviors[0]),
	ALLOCATIONS_LEN = sizeof(allocations) / sizeof(allocations[0]),
};

const char *bk_nat_behavior_name(enum bk_nat_behavior b)
{
	return behaviors[(unsigned)b < BEHAVIORS_LEN ? b : BK_NAT_UNKNOWN];
}

const char *bk_nat_allocation_name(enum bk_nat_allocation a)
{
	return allocations[(unsigned)a < ALLOCATIONS_LEN ? a : BK_NAT_ALLOCATION_UNKNOWN];
}

enum bk_nat_behavior bk_nat_behavior_from_name(const char *name)
{
	size_t i = bk_text_index(behaviors, BEHAVIORS_LEN, name);

	return i < BEHAVIORS_LEN ? (enum bk_nat_behavior)i : BK_NAT_UNKNOWN;
}

enum bk_nat_allocation bk_nat_allocation_from_name(const char *name)
{
	size_t i = bk_text_index(allocations, ALLOCATIONS_LEN, name);

	return i < ALLOCATIONS_LEN ? (enum bk_nat_allocation)i : BK_NAT_ALLOCATION_UNKNOWN;
}

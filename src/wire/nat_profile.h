/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_WIRE_NAT_PROFILE_H
#define BK_WIRE_NAT_PROFILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/time.h"

/* What a side knows of its own NAT for one transport, in the words of RFC 4787 section 4 and 5, as it
 * travels in introductions. Names and codec live here; judgement lives in nat/. */
enum bk_nat_behavior {
	BK_NAT_UNKNOWN,
	BK_NAT_ENDPOINT_INDEPENDENT,
	BK_NAT_ADDRESS_DEPENDENT,
	BK_NAT_ADDRESS_AND_PORT_DEPENDENT,
};

enum bk_nat_allocation {
	BK_NAT_ALLOCATION_UNKNOWN,
	BK_NAT_PRESERVING,
	BK_NAT_SEQUENTIAL,
	BK_NAT_RANDOM,
};

/* What helps to guess the port that the next flow gets, where the mapping depends on the destination. */
struct bk_nat_ports {
	uint16_t last;   /* the latest that was seen; 0: nothing is told */
	int64_t seen_at; /* that was then, on the server's clock, ns; 0: not known */
	uint32_t rate; /* of other users' flows, which take ports too, in one second; 0: none, or not known */
	uint16_t min, max; /* of all that were seen */
	uint32_t seen;     /* how many those were */
};

struct bk_nat_profile {
	enum bk_nat_behavior mapping;
	enum bk_nat_behavior filtering;
	enum bk_nat_allocation allocation;
	int delta;          /* of a sequential allocation, in ports */
	bool is_translated; /* the public address differs from the local one */
	struct bk_nat_ports ports;
	struct bk_addr public_addr; /* as the server sees the shared local port; family 0: unknown */
};

const char *bk_nat_behavior_name(enum bk_nat_behavior b);         /* "endpoint-independent", "unknown", ... */
const char *bk_nat_allocation_name(enum bk_nat_allocation a);     /* "preserving", ... */
enum bk_nat_behavior bk_nat_behavior_from_name(const char *name); /* unknown names: BK_NAT_UNKNOWN */
enum bk_nat_allocation bk_nat_allocation_from_name(const char *name);

#endif

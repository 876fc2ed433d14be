/* SPDX-License-Identifier: Apache-2.0 */
/* The table of NAT types. A stacked type says what its carrier's NAT does; the whole chain behaves like that,
 * since its home router is never the looser of the two. */
#include "lab/nat_types.h"

#include <string.h>

#define EI  BK_LAB_ENDPOINT_INDEPENDENT
#define AD  BK_LAB_ADDRESS_DEPENDENT
#define APD BK_LAB_ADDRESS_AND_PORT_DEPENDENT

/* clang-format off */
static const struct bk_lab_nat_type types[] = {
	/* name        title                    translates mapping filtering allocation         inner block */
	{"open", "Open Internet", false, EI, EI, BK_LAB_PRESERVING, NULL, 0},
	{"full", "Full Cone", true, EI, EI, BK_LAB_PRESERVING, NULL, 0},
	{"restricted", "Restricted Cone", true, EI, AD, BK_LAB_PRESERVING, NULL, 0},
	{"port", "Port Restricted Cone", true, EI, APD, BK_LAB_PRESERVING, NULL, 0},
	{"sym", "Symmetric, random ports", true, APD, APD, BK_LAB_RANDOM, NULL, 0},
	{"symseq", "Symmetric, ports in sequence", true, APD, APD, BK_LAB_SEQUENTIAL, NULL, 0},
	{"symdec", "Symmetric, ports in descending sequence", true, APD, APD, BK_LAB_DESCENDING, NULL, 0},
	{"sympar", "Symmetric, ports in sequence, even for even ones", true, APD, APD, BK_LAB_PARITY, NULL, 0},
	{"symblock:128", "Symmetric, random ports of a block of 128", true, APD, APD, BK_LAB_BLOCK, NULL, 128},
	{"symblock:512", "Symmetric, random ports of a block of 512", true, APD, APD, BK_LAB_BLOCK, NULL, 512},
	{"symblock:2048", "Symmetric, random ports of a block of 2048", true, APD, APD, BK_LAB_BLOCK, NULL, 2048},
	{"cgn-port", "Port Restricted Cone behind a carrier's Port Restricted Cone", true, EI, APD,
		BK_LAB_PRESERVING, "port", 0},
	{"cgn-sym", "Port Restricted Cone behind a carrier's Symmetric", true, APD, APD, BK_LAB_RANDOM, "port", 0},
};

/* clang-format on */

static const char *const depends_names[] = {
	[BK_LAB_ENDPOINT_INDEPENDENT] = "endpoint-independent",
	[BK_LAB_ADDRESS_DEPENDENT] = "address-dependent",
	[BK_LAB_ADDRESS_AND_PORT_DEPENDENT] = "address-and-port-dependent",
};

static const char *const allocation_names[] = {
	[BK_LAB_PRESERVING] = "preserving",
	[BK_LAB_SEQUENTIAL] = "sequential",
	[BK_LAB_DESCENDING] = "descending",
	[BK_LAB_PARITY] = "parity",
	[BK_LAB_RANDOM] = "random",
	[BK_LAB_BLOCK] = "block",
};

const struct bk_lab_nat_type *bk_lab_nat_type_at(size_t i)
{
	return i < sizeof(types) / sizeof(types[0]) ? &types[i] : NULL;
}

const struct bk_lab_nat_type *bk_lab_nat_type_find(const char *name)
{
	const struct bk_lab_nat_type *t;

	for (size_t i = 0; (t = bk_lab_nat_type_at(i)); i++)
		if (strcmp(t->name, name) == 0)
			return t;
	return NULL;
}

const char *bk_lab_depends_name(enum bk_lab_depends d)
{
	return depends_names[d];
}

const char *bk_lab_allocation_name(enum bk_lab_allocation a)
{
	return allocation_names[a];
}

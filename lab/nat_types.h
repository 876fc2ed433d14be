/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_LAB_NAT_TYPES_H
#define BK_LAB_NAT_TYPES_H

#include <stdbool.h>
#include <stddef.h>

/* The one list of NAT types, for the kernel laboratory and for the simulator in virtual time. Behaviour only,
 * in the words of RFC 4787; how a kernel is made to behave so stands in lab/rules.c. */

/* How far the outside port of a flow depends on its destination (RFC 4787 4.1, a filter likewise in 5). */
enum bk_lab_depends {
	BK_LAB_ENDPOINT_INDEPENDENT,
	BK_LAB_ADDRESS_DEPENDENT,
	BK_LAB_ADDRESS_AND_PORT_DEPENDENT,
};

/* Where the outside port comes from (RFC 4787 4.2). */
enum bk_lab_allocation {
	BK_LAB_PRESERVING, /* the inside port, another only when that one is taken */
	BK_LAB_SEQUENTIAL, /* the next one of a range, by one for each new flow */
	BK_LAB_DESCENDING, /* the same downwards */
	BK_LAB_PARITY, /* the next one of even ports for an even inside port, of odd ones for an odd one */
	BK_LAB_RANDOM, /* any port from 1024 to 65535 */
	BK_LAB_BLOCK,  /* any port of a block that a carrier gives to one of its customers */
};

/* The range a sequential NAT walks through, then starts again. */
#define BK_LAB_SEQUENTIAL_FIRST 20000
#define BK_LAB_SEQUENTIAL_COUNT 4096

/* Where a block begins: 1024 + 128 k, as carriers have it. */
#define BK_LAB_BLOCK_FIRST 10880

struct bk_lab_nat_type {
	const char *name;
	const char *title; /* for a person, the word of RFC 3489 where there is one */
	bool translates;   /* false: a public address and no filter, the other fields mean nothing */
	enum bk_lab_depends mapping;
	enum bk_lab_depends filtering;
	enum bk_lab_allocation allocation;
	const char *inner; /* stacked: the type of the home router in front of this NAT, else NULL */
	int block;         /* of BK_LAB_BLOCK: how many ports it has */
};

/* The row of that name, or NULL. */
const struct bk_lab_nat_type *bk_lab_nat_type_find(const char *name);

/* Row i, NULL behind the last one. */
const struct bk_lab_nat_type *bk_lab_nat_type_at(size_t i);

const char *bk_lab_depends_name(enum bk_lab_depends d);       /* "endpoint-independent", ... */
const char *bk_lab_allocation_name(enum bk_lab_allocation a); /* "preserving", ... */

#endif

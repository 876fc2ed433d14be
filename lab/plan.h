/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_LAB_PLAN_H
#define BK_LAB_PLAN_H

#include "lab/options.h"

/* The topology as data, made from the options alone: the same options give the same addresses, so a command
 * that comes later needs nothing but the options to describe a lab. Nothing here is allocated.
 *
 *	a -- ra [-- ca] --wire-- net --wire-- [cb --] rb -- b
 *	                          |
 *	                          s
 */
enum bk_lab_node {
	BK_LAB_NET, /* the internet: one router, so a packet from NAT to NAT is forwarded once in between */
	BK_LAB_S,
	BK_LAB_A,
	BK_LAB_RA, /* the home router of a */
	BK_LAB_CA, /* the carrier's router, only with a stacked type */
	BK_LAB_B,
	BK_LAB_RB,
	BK_LAB_CB,
	BK_LAB_WIRE, /* where the wires stand, only with a shaped lab */
	BK_LAB_NODES,
};

#define BK_LAB_ADDRS_MAX  3
#define BK_LAB_LINKS_MAX  8
#define BK_LAB_ROUTES_MAX 24

struct bk_lab_end {
	enum bk_lab_node node;
	const char *ifname;
	const char *addrs[BK_LAB_ADDRS_MAX]; /* "45.10.21.10/28"; unused ones are NULL */
};

struct bk_lab_link {
	struct bk_lab_end end[2];
	bool wired; /* carried by a wire of ours instead of one plain pair */
};

struct bk_lab_route {
	enum bk_lab_node node;
	const char *to, *via;
};

/* What a router does with its wan; translates is false for the router of an open side. */
struct bk_lab_router {
	const struct bk_lab_nat_type *type; /* NULL: no NAT in this node */
	const char *wan, *inside;           /* its outer address, the one host (or router) it serves */
	struct bk_lab_with with;            /* of a side's only, or outermost, NAT */
};

struct bk_lab_plan {
	struct bk_lab_options options;
	bool used[BK_LAB_NODES];
	bool ipv6[BK_LAB_NODES];
	bool forwards[BK_LAB_NODES];
	struct bk_lab_router router[BK_LAB_NODES];
	struct bk_lab_link links[BK_LAB_LINKS_MAX];
	size_t link_count;
	struct bk_lab_route routes[BK_LAB_ROUTES_MAX];
	size_t route_count;
};

void bk_lab_plan_init(struct bk_lab_plan *p, const struct bk_lab_options *o);

const char *bk_lab_node_name(enum bk_lab_node n);

/* The node of that name, or BK_LAB_NODES. */
enum bk_lab_node bk_lab_node_find(const char *name);

/* The address of side 0 (a) or 1 (b): the host's own, and the one the internet sees. */
const char *bk_lab_plan_host(const struct bk_lab_plan *p, int side);
const char *bk_lab_plan_public(const struct bk_lab_plan *p, int side);

/* The home router's address inside, of a side that has a NAT. */
const char *bk_lab_plan_gateway(int side);

/* The network of the server, and the two addresses that it has there. */
#define BK_LAB_SERVER_NET "45.10.20.0/24"
#define BK_LAB_SERVER_1   "45.10.20.1"
#define BK_LAB_SERVER_2   "45.10.20.2"

#endif

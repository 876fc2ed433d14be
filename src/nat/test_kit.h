/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_NAT_TEST_KIT_H
#define BK_NAT_TEST_KIT_H

#include "base/engine.h"
#include "base/rng.h"
#include "nat/discover.h"

/* For the tests of this folder: one machine behind no, one or two NATs, a STUN server with up to four
 * sockets, and the way between them, all over UDP and in virtual time. */

enum { KIT_SOCKETS = 32, KIT_MAPPINGS = 256, KIT_PACKETS = 512, KIT_NATS = 2 };

enum kit_allocation { KIT_PRESERVING, KIT_SEQUENTIAL, KIT_RANDOM };

struct kit_nat_type {
	const char *name;
	enum bk_nat_behavior mapping, filtering; /* BK_NAT_UNKNOWN: no NAT there */
	enum kit_allocation allocation;
	int step; /* of a sequential one */
	bool hairpins;
	const char *outer; /* the type of a second NAT behind it */
};

const struct kit_nat_type *kit_nat_type_find(const char *name);

struct kit_mapping {
	struct bk_addr inside, remote; /* remote as far as it counts */
	uint16_t port;
	struct bk_addr peers[8]; /* that were sent to */
	size_t peers_len;
	bk_time until;
};

struct kit_nat {
	const struct kit_nat_type *type;
	struct bk_addr wan, router; /* its outer address; its inner one, which ICMP comes from */
	struct kit_mapping mappings[KIT_MAPPINGS];
	size_t mappings_len;
	uint16_t sequence;
};

struct kit_packet {
	bk_time at;
	struct bk_addr from, to;
	bool to_host;
	bool is_icmp;
	struct bk_addr remote; /* of is_icmp: what it is about */
	size_t len;
	uint8_t data[BK_DATAGRAM_MAX];
};

struct kit {
	bk_time now;
	struct bk_rng rng;
	bk_dur delay; /* one way */
	double loss;
	bk_dur lifetime; /* of a mapping; 0: for ever */
	struct bk_addr host;
	struct bk_addr server[4]; /* family 0: there is none */
	bool is_deaf;             /* the server hears nothing */
	bool is_simple;           /* it knows no CHANGE-REQUEST and tells no other address */
	struct kit_nat nats[KIT_NATS];
	size_t nats_len;
	struct bk_addr sockets[KIT_SOCKETS];
	struct kit_packet packets[KIT_PACKETS];
	size_t packets_len;
	unsigned sent;
	bool is_done;
};

void kit_init(struct kit *k, const char *type, uint64_t seed);
/* Until the engine reports that it is done, or nothing is left to happen. Returns the virtual time it
 * took. */
bk_dur kit_run(struct kit *k, void *engine, const struct bk_engine_ops *ops);

#endif

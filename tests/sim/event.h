/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_EVENT_H
#define SIM_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/rng.h"
#include "base/time.h"

/* Virtual time: a heap of things that will happen. Ties happen in the order they were asked for. */

enum {
	SIM_SYN = 1,
	SIM_ACK = 2,
	SIM_RST = 4,
	SIM_ICMP = 8, /* port unreachable; src and dst are those of the refused packet, swapped, seq is its
			 seq */
	SIM_DATA = 16,
	SIM_UDP = 32, /* alone; an ICMP about it is not modelled: no datagram socket here hears of it */
};

enum { SIM_TTL = 64, SIM_DATAGRAM_MAX = 256 };

/* A TCP segment, as much of it as a handshake needs, or a UDP datagram. */
struct sim_packet {
	struct bk_addr src, dst;
	unsigned flags;
	uint32_t seq, ack;
	int data;     /* of SIM_DATA: what it says */
	uint8_t ttl;  /* 0: enough, over TCP */
	uint16_t len; /* of SIM_UDP, as the rest */
	uint8_t bytes[SIM_DATAGRAM_MAX];
};

typedef void sim_act(void *self, const struct sim_packet *packet, int arg);

struct sim_event {
	bk_time at;
	uint64_t order;
	sim_act *act;
	void *self;
	struct sim_packet packet;
	int arg;
};

enum { SIM_EVENTS_MAX = 8192 };

struct sim_clock {
	bk_time now;
	uint64_t order;
	struct bk_rng rng;
	struct sim_event *heap[SIM_EVENTS_MAX];
	size_t len;
};

void sim_at(
	struct sim_clock *c, bk_time at, sim_act *act, void *self, const struct sim_packet *packet, int arg);
/* Lets the next thing happen, at `until` at the latest; false when nothing is left until then. */
bool sim_step(struct sim_clock *c, bk_time until);
void sim_clock_done(struct sim_clock *c);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_STREAM_TEST_CARRIERS_H
#define BK_STREAM_TEST_CARRIERS_H

#include "base/rng.h"
#include "net/test_kit.h"
#include "stream/carrier.h"
#include "stream/test_link.h"

struct test_clock; /* replaces libc's, so once in a program */

/* Two carriers, whose links the test joins, by hand, and has die. Time flies. */
enum {
	LINKS_MAX = 256,
	LINK_HIGH = 64 * 1024,
	LINK_MAX = 4 * 1024 * 1024,
	STREAM_MAX = 24 * 1024 * 1024,
	FRAME_PAYLOAD = 40 * 1000,
};

struct carrier_end {
	struct bk_carrier *carrier;
	struct test_link *link;  /* the current one */
	struct test_link *relay; /* the one over the relay */
	struct bk_buf sent, got;
	bool stuck;    /* the last write said "not now" */
	uint32_t left; /* of the frame that is heard */
	int lost, resumed, fell_back, dropped, closed;
	uint64_t resent;
};

struct carrier_pair {
	struct bk_loop *loop;
	struct test_clock *clock;
	struct carrier_end a, b;
	struct test_link links[LINKS_MAX];
	size_t links_len;
	bk_dur rtt; /* that the links' handshakes showed */
	struct bk_rng rng;
};

void end_init(struct carrier_pair *p, struct carrier_end *e, uint8_t id_byte, bool is_leading);
void end_done(struct carrier_end *e);
void pair_init(struct carrier_pair *p, uint64_t seed);
void pair_done(struct carrier_pair *p);
/* Both on the relay, then on a direct link. */
void pair_upgraded(struct carrier_pair *p, uint64_t seed);

/* A fresh link for one end, or for both. */
void attach(struct carrier_pair *p, struct carrier_end *e);
void attach_relay(struct carrier_pair *p, struct carrier_end *e);
void attach_both(struct carrier_pair *p);
/* The current link dies. */
void end_link(struct carrier_end *e, int error);

void write_frame(struct carrier_pair *p, struct carrier_end *e); /* or e is stuck */
/* Some of what stands in one end's link comes out of the other end's. False: there was nothing. */
bool carry(struct test_link *from, struct test_link *to, size_t most);
/* Some of what one end has written to the current link reaches the other. */
bool deliver(struct carrier_pair *p, struct carrier_end *from, struct carrier_end *to, size_t most);
/* All of it, both ways. */
void drain(struct carrier_pair *p);
void assert_same(const struct carrier_end *from, const struct carrier_end *to);
/* Time flies; what is written arrives, or does not. */
void run_for(struct carrier_pair *p, bk_dur d, bool carries);

#endif

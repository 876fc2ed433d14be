/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_MEET_OPENED_H
#define BK_MEET_OPENED_H

#include "router/opening.h"

/* Ports of ours that the router opens, as far as it has by now: one for each family and transport. */
struct bk_opened {
	struct bk_loop *loop;
	void (*on_change)(void *arg);
	void *arg;
	bk_time since; /* when the first was asked for; BK_NEVER: none was */
	struct bk_opened_port {
		uint16_t own;
		struct bk_opening *opening; /* NULL: not asked for */
	} ports[2][2];                      /* IPv4's, IPv6's; by enum bk_transport */
};

void bk_opened_init(struct bk_opened *o, struct bk_loop *loop, void (*on_change)(void *arg), void *arg);
/* Of that port from now on, in place of the one before. 0: of none. */
void bk_opened_ask(struct bk_opened *o, uint8_t family, enum bk_transport t, uint16_t own_port);
/* 0: of none. */
uint16_t bk_opened_port(const struct bk_opened *o, uint8_t family, enum bk_transport t);
/* Outside; family 0: not yet, or never. */
struct bk_addr bk_opened_at(const struct bk_opened *o, uint8_t family, enum bk_transport t);
/* A server sees us at that address just now: as bk_opening_compare. IPv4. */
void bk_opened_compare(struct bk_opened *o, const struct bk_addr *seen);
/* How long an answer is worth waiting for from now on. Not one over IPv6, where two firewalls are punched as well. */
bk_dur bk_opened_wait(const struct bk_opened *o);
/* As bk_opening_explain. IPv4. */
bool bk_opened_explain(const struct bk_opened *o, enum bk_transport t, const struct bk_addr *seen,
	char out[BK_OPENING_TEXT_MAX]);
void bk_opened_done(struct bk_opened *o); /* fine on a zeroed one */

#endif

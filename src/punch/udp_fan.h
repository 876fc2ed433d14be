/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_PUNCH_UDP_FAN_H
#define BK_PUNCH_UDP_FAN_H

#include "punch/udp_mouth.h"
#include "punch/udp_target.h"

/* Inside punch: many fresh sockets, each of which opens the own filter towards one address, twice, and then waits to
 * be spoken to. Embedded, zeroed at first: then it is off. */

enum { BK_UDP_FAN_FIRST = 3, BK_UDP_FAN_MAX = 256 }; /* the ids of its sockets */

struct bk_udp_fan {
	struct bk_attempt attempt; /* sockets 0: off */
	bool is_open[BK_UDP_FAN_MAX];
	enum { BK_UDP_FAN_RESTING, BK_UDP_FAN_OPENING, BK_UDP_FAN_SENDING, BK_UDP_FAN_CLOSING } step;
	unsigned next;
	bk_time again_at, wake;
};

/* The second packets go at again_at. */
void bk_udp_fan_init(struct bk_udp_fan *f, const struct bk_attempt *a, bk_time again_at, bk_time now);
/* Is it a socket of its own that is open? */
bool bk_udp_fan_has(const struct bk_udp_fan *f, uint32_t socket);
/* Is it one of its own? Then it sends from there, like that probe; how many it sent. */
unsigned bk_udp_fan_opened(struct bk_udp_fan *f, struct bk_udp_mouth *m, const struct bk_probe *like,
	uint8_t opener_ttl, uint32_t socket);
void bk_udp_fan_gone(struct bk_udp_fan *f, uint32_t socket);
/* Does what is due by now; how many it sent. No socket is closed on which somebody was heard. No more before f->wake.
 */
unsigned bk_udp_fan_run(struct bk_udp_fan *f, struct bk_udp_mouth *m, const struct bk_probe *like,
	uint8_t opener_ttl, const struct bk_udp_targets *targets, bk_time now);
/* Somebody was heard: the second packets are not needed. */
void bk_udp_fan_rest(struct bk_udp_fan *f);
/* From now on all are closed, one by one. */
void bk_udp_fan_close(struct bk_udp_fan *f, bk_time now);

#endif

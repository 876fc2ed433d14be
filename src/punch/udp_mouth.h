/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_PUNCH_UDP_MOUTH_H
#define BK_PUNCH_UDP_MOUTH_H

#include "base/actions.h"
#include "punch/probe.h"

/* Inside punch: what the engine asks its driver for, and the probes that go out. Embedded. */

enum { BK_UDP_MOUTH_ACTIONS_MAX = 80 }; /* a probe to each target, an answer and a report, twice over */

struct bk_udp_mouth {
	struct bk_actions actions; /* first: next_action is the queue's */
	struct bk_probe_auth auth; /* its owner fills it */
	uint64_t seed, tids;
	struct bk_action slots[BK_UDP_MOUTH_ACTIONS_MAX];
};

void bk_udp_mouth_init(struct bk_udp_mouth *m, uint64_t seed);

/* An owner that does not drain loses datagrams, as a network would; never a report. */
void bk_udp_mouth_push(struct bk_udp_mouth *m, const struct bk_action *a);

/* Unpredictable to whoever lacks the keys, though seed and count may be guessed. */
void bk_udp_mouth_make_tid(struct bk_udp_mouth *m, uint8_t ret_tid[BK_PROBE_TID_LEN]);
void bk_udp_mouth_say(struct bk_udp_mouth *m, uint32_t socket, const struct bk_addr *to, uint8_t ttl,
	const struct bk_probe *p);
void bk_udp_mouth_answer(
	struct bk_udp_mouth *m, uint32_t socket, const struct bk_probe *request, const struct bk_addr *from);

#endif

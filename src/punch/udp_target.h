/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_PUNCH_UDP_TARGET_H
#define BK_PUNCH_UDP_TARGET_H

#include "base/time.h"
#include "base/way.h"
#include "punch/probe.h"
#include "punch/technique.h"

/* Inside punch: where UDP probes go to, and from which socket, and what came of them. */

enum bk_udp_state {
	BK_UDP_OPENING, /* only low-TTL packets, until the instant */
	BK_UDP_PROBING,
	BK_UDP_PROVEN, /* an answer came; nothing more is sent unless it is nominated */
	BK_UDP_NOMINATED,
	BK_UDP_STOPPED, /* tried as often as allowed, its socket is gone, or another path has won */
};

/* More than the schedules of one long round trip send: what is forgotten cannot be answered. */
enum { BK_UDP_REQUESTS_MAX = 32 };

/* A request that an answer may still come to. */
struct bk_udp_request {
	uint8_t tid[BK_PROBE_TID_LEN];
	bool is_open;
	bk_time sent;
	uint32_t nomination; /* the number it nominated with, or 0 */
};

struct bk_udp_target {
	enum bk_udp_state state;
	struct bk_way way;
	const struct bk_technique *technique;
	bool is_reflexive; /* not in the plan: heard from */
	bool is_proven;    /* stays when the state moves on */
	bool is_neglected; /* nominated, and no answer came in time */
	unsigned likely;   /* so many more times it is told that QUIC may try it, unproven */
	bool is_likely;    /* it has been told once */
	bk_time full_from; /* packets before have the opener's TTL */
	bk_time wake, last_sent, last_heard;
	unsigned step, triggers, sent, heard;
	uint32_t nomination; /* as controlled: the number under which the peer nominated it */
	bk_dur rtt;
	struct bk_udp_request requests[BK_UDP_REQUESTS_MAX]; /* the latest */
};

void bk_udp_target_init(struct bk_udp_target *t, const struct bk_technique *technique,
	const struct bk_way *way, bk_time full_from, bk_time wake);
/* An address the peer was heard from; the technique is what it looks like. */
void bk_udp_target_init_reflexive(struct bk_udp_target *t, const struct bk_technique *technique,
	const struct bk_way *from, bk_time now);

/* Logs the change. */
void bk_udp_target_set_state(struct bk_udp_target *t, enum bk_udp_state state, bk_time wake);

/* Counts a sending; the oldest request of a full table is forgotten. */
void bk_udp_target_note_sent(
	struct bk_udp_target *t, const uint8_t tid[BK_PROBE_TID_LEN], uint32_t nomination, bk_time now);
/* The open request of that id, or NULL. */
struct bk_udp_request *bk_udp_target_find_request(
	struct bk_udp_target *t, const uint8_t tid[BK_PROBE_TID_LEN]);

/* All of them. Embedded, zeroed at first. */
enum { BK_PUNCH_UDP_TARGETS_MAX = 32 }; /* the peer's candidates, and addresses it was heard from */

struct bk_udp_targets {
	struct bk_udp_target list[BK_PUNCH_UDP_TARGETS_MAX];
	size_t len;
};

struct bk_udp_target *bk_udp_targets_find(struct bk_udp_targets *ts, const struct bk_way *way);
/* Is any behind that socket? */
bool bk_udp_targets_has_socket(const struct bk_udp_targets *ts, uint32_t socket);
/* A place for somebody heard: a free one, or that of the address heard from longest ago which never answered and
 * is not `chosen`. NULL: there is none. */
struct bk_udp_target *bk_udp_targets_place(struct bk_udp_targets *ts, const struct bk_udp_target *chosen);
/* The proven one of the best technique, of those the nearest. NULL: none is proven. */
struct bk_udp_target *bk_udp_targets_best(struct bk_udp_targets *ts);
/* One of a better rank may still be proven. */
bool bk_udp_targets_has_hope(const struct bk_udp_targets *ts, int rank);

/* Nothing more is sent to any but that one (NULL: to any), or to any behind that socket. */
void bk_udp_targets_stop(struct bk_udp_targets *ts, const struct bk_udp_target *except);
void bk_udp_targets_stop_socket(struct bk_udp_targets *ts, uint32_t socket);
bk_time bk_udp_targets_wake(const struct bk_udp_targets *ts); /* of the first that wants to be sent to */

/* As controlling: the one or two that the plan expects most of, if they are not on our own network, where all of this
 * takes no time. */
void bk_udp_targets_mark_likely(struct bk_udp_targets *ts);
/* Somebody with the key was heard there. */
void bk_udp_targets_hear_likely(struct bk_udp_targets *ts, struct bk_udp_target *t);

struct bk_punch_udp;
/* Of that engine. */
const struct bk_udp_targets *bk_punch_udp_targets(const struct bk_punch_udp *e);

const char *bk_udp_target_to_str(const struct bk_udp_target *t, char out[BK_PLAN_TEXT_MAX]);

#endif

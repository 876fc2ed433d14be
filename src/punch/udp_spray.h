/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_PUNCH_UDP_SPRAY_H
#define BK_PUNCH_UDP_SPRAY_H

#include "punch/plan.h"
#include "punch/udp_mouth.h"

/* Inside punch: probes to many ports of one address, of which one may be the peer's. None is a target before somebody
 * is heard from there. Embedded, zeroed at first: then it is off. */

struct bk_udp_shot {
	bool is_open; /* an answer may come, in which it says what it is to */
	uint16_t port;
	uint8_t tid[BK_PROBE_TID_LEN];
	bk_time sent;
};

struct bk_udp_spray {
	struct bk_attempt attempt;
	struct bk_udp_shot *shots; /* one for each probe; NULL: off */
	unsigned next, passes;
	bool is_full; /* past the openers */
	bk_time full_from, wake;
};

/* BK_E_NOMEM. Full packets from `full_from` on; before, openers to the fast ones. */
int bk_udp_spray_init(struct bk_udp_spray *s, const struct bk_attempt *a, bk_time full_from, bk_time now);
void bk_udp_spray_done(struct bk_udp_spray *s);

/* Sends what is due by now, each like that probe; how many it sent. No more before s->wake. */
unsigned bk_udp_spray_run(struct bk_udp_spray *s, struct bk_udp_mouth *m, const struct bk_probe *like,
	uint8_t opener_ttl, bk_time now);
/* Somebody was heard: no more before then. */
void bk_udp_spray_rest(struct bk_udp_spray *s, bk_time until);
void bk_udp_spray_stop(struct bk_udp_spray *s);

/* Was that address sent to? */
bool bk_udp_spray_has(const struct bk_udp_spray *s, const struct bk_addr *from);
/* The open shot that is answered from there by that id, or NULL. */
struct bk_udp_shot *bk_udp_spray_find(
	struct bk_udp_spray *s, const struct bk_addr *from, const uint8_t tid[BK_PROBE_TID_LEN]);

#endif

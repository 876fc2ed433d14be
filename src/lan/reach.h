/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_LAN_REACH_H
#define BK_LAN_REACH_H

#include "lan/air.h"

/* How far we are heard on a LAN, as it was asked for, and the air, once somebody uses it. The loop's thread only. */
struct bk_lan_opts {
	const char *interfaces; /* as struct bk_radio_opts has them; NULL: "" */
	const char *peer;       /* HOST[:PORT]: asked by its address, too; NULL: nobody */
	uint16_t port;          /* of the beacons; 0: everybody's, BK_RADIO_PORT */
	int64_t patience_ns;    /* until a claim that nobody answers has failed; 0: 3 s */
	const uint8_t *heir;    /* as struct bk_rdv_opts has it; NULL: none */
};

struct bk_lan_reach {
	char *interfaces, *peer;
	uint16_t port;
	struct bk_air *air; /* from start on */
};

/* The options are copied. BK_E_INVALID: a peer that cannot be read; BK_E_NOMEM. done is due either way. */
int bk_lan_reach_init(struct bk_lan_reach *r, const struct bk_lan_opts *opts);
int bk_lan_reach_start(
	struct bk_lan_reach *r, struct bk_loop *loop); /* twice is once; what bk_air_new says */
/* Why nobody was found, for a person. found: where somebody was, whom we could not get at; NULL: nobody was. */
enum { BK_LAN_REACH_TEXT_MAX = 512 };
void bk_lan_reach_explain(
	const struct bk_lan_reach *r, const struct bk_addr *found, char ret_text[BK_LAN_REACH_TEXT_MAX]);
void bk_lan_reach_done(struct bk_lan_reach *r); /* fine on a zeroed one */

#endif

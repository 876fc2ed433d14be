/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_PATH_EARLY_H
#define BK_PATH_EARLY_H

#include <stddef.h>

#include "base/way.h"

/* First datagrams of QUIC connections that came before their link: the peer's proof of a way may be a few
 * milliseconds ahead of ours, and it would wait three round trips to send again. Anybody may send such, so
 * there are few places, and fewer for each way. Embedded by value, a zeroed one is empty, and it owns nothing:
 * datagrams are copied in. One loop's thread. */
enum { BK_EARLY_MAX = 16, BK_EARLY_OF_WAY_MAX = 4, BK_EARLY_LEN = 1500 };

/* A socket id is its engine's, and there may be several engines. */
struct bk_early_place {
	unsigned run;
	struct bk_way way;
};

struct bk_early {
	struct bk_early_datagram {
		struct bk_early_place place;
		size_t len; /* 0: free */
		uint8_t bytes[BK_EARLY_LEN];
	} datagrams[BK_EARLY_MAX];
};

/* What has no place is lost, as at any router. */
void bk_early_keep(struct bk_early *e, const struct bk_early_place *at, const uint8_t *data, size_t len);
/* Those that came to a socket; who takes one says true, and it is gone. The bytes are borrowed for the call, from
 * inside which nothing here may be called. */
void bk_early_hand_out(struct bk_early *e, unsigned run, uint32_t socket,
	bool (*take)(void *arg, const struct bk_addr *from, const uint8_t *data, size_t len), void *arg);
/* Of all places of a run. */
void bk_early_forget(struct bk_early *e, unsigned run);

#endif

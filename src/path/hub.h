/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_PATH_HUB_H
#define BK_PATH_HUB_H

#include <bodkin/loop.h>

#include "base/engine.h"
#include "link/link.h"

/* The datagram sockets of a session, one for each family: STUN, probes and QUIC share them (RFC 9443) and are
 * told apart by their first bytes. It learns the mapped address before anybody asks and keeps the mapping
 * alive. */
struct bk_hub;

enum { BK_HUB_SAMPLES_MAX = 4 };

struct bk_hub_sample {
	struct bk_addr server, mapped;
};

struct bk_hub_view {
	struct bk_addr local; /* towards the server, with the IPv4 socket's port; family 0: no IPv4 socket */
	uint16_t port6;       /* 0: no IPv6 socket */
	struct bk_hub_sample samples[BK_HUB_SAMPLES_MAX];
	size_t samples_len;
	size_t awaited; /* questions without an answer yet */
};

int bk_hub_new(struct bk_loop *loop, void (*on_view)(void *arg), void *arg, struct bk_hub **ret_hub);
void bk_hub_free(struct bk_hub *h);

/* Asks STUN servers (at most BK_HUB_SAMPLES_MAX) from the IPv4 socket, all at once; the first is asked again
 * every 15 s. Called again it begins anew: the network changed, and what was learnt is forgotten. */
void bk_hub_gather(struct bk_hub *h, const struct bk_addr *servers, size_t len);
const struct bk_hub_view *bk_hub_view(const struct bk_hub *h);
/* How many routers up to the one with our mapped address, as known by now; 0: unknown. */
unsigned bk_hub_hops(struct bk_hub *h);

/* Drives a punching engine over the sockets (ids BK_PUNCH_UDP_SOCKET4 and 6); NULL ends that. `fn` hears its
 * reports, from the loop. */
void bk_hub_drive(struct bk_hub *h, void *engine, const struct bk_engine_ops *ops,
	void (*fn)(void *arg, const struct bk_action *report), void *arg);

/* What is neither STUN nor a probe goes to this QUIC link; NULL: nowhere. The link sends with bk_hub_send. */
void bk_hub_set_quic(struct bk_hub *h, struct bk_link *quic);
struct bk_link *bk_hub_quic(const struct bk_hub *h);
/* As struct bk_link_quic_opts wants it; arg is the hub. */
int bk_hub_send(void *arg, const struct bk_addr *remote, const uint8_t *data, size_t len, size_t segment);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_RENDEZVOUS_MAPPING_H
#define BK_RENDEZVOUS_MAPPING_H

#include <bodkin/loop.h>

#include "base/addr.h"
#include "wire/preface.h"

/* A mapping probe: a second connection from the control connection's own local port to another port or
 * address of the server, which says only "this is nonce N". The server tells over the control connection from
 * where it came. */
struct bk_mapping_probe;

struct bk_mapping_probe_opts {
	struct bk_addr local, server;
	uint8_t nonce[BK_PREFACE_SECRET_LEN];
	void (*on_failed)(void *arg); /* from the loop, at most once: the nonce never went out */
	void *arg;
};

/* Bounded by its own timeout; it closes when the server closes it or at bk_mapping_probe_free. */
int bk_mapping_probe_new(
	struct bk_loop *loop, const struct bk_mapping_probe_opts *opts, struct bk_mapping_probe **ret_probe);
void bk_mapping_probe_free(struct bk_mapping_probe *p);

/* A listener on the shared port for the server's attempts to connect back; whatever comes is closed at
 * once. */
struct bk_reach;
int bk_reach_new(struct bk_loop *loop, const struct bk_addr *local, struct bk_reach **ret_reach);
void bk_reach_free(struct bk_reach *r);

#endif

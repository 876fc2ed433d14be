/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_SERVICE_ACCEPTOR_H
#define BK_SERVICE_ACCEPTOR_H

#include <bodkin/loop.h>

#include "base/addr.h"

/* A listening socket and what comes in by it. */
struct bk_acceptor;

struct bk_acceptor_events {
	/* A connection; fd is the owner's now. The acceptor may be freed from inside. */
	void (*on_accept)(void *arg, int fd, const struct bk_addr *peer);
	/* The system has no descriptor for us (BK_E_FULL), or accepting failed otherwise. `closed`
	 * connections were accepted and closed. The acceptor must not be freed from inside. */
	void (*on_trouble)(void *arg, int error, unsigned closed);
};

/* Listens on `local` (port 0: any free one). */
int bk_acceptor_new(struct bk_loop *loop, const struct bk_addr *local, int backlog,
	const struct bk_acceptor_events *events, void *arg, struct bk_acceptor **ret_acceptor);
void bk_acceptor_free(struct bk_acceptor *a); /* NULL is fine */
uint16_t bk_acceptor_port(const struct bk_acceptor *a);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_RENDEZVOUS_CONTROL_H
#define BK_RENDEZVOUS_CONTROL_H

#include <bodkin/loop.h>

#include "base/addr.h"
#include "rendezvous/target.h"
#include "wire/rdv.h"

/* The transport of the control connection: TCP from a port that punching may share, TLS 1.3, length-prefixed
 * messages. What they mean is the client's business. */
struct bk_control;

struct bk_control_events {
	/* The handshake is done and the server presented `pin`: 0 to go on, a BK_E_ code to end. */
	int (*on_secure)(void *arg, const struct bk_pin *pin);
	/* Borrowed for the call. */
	void (*on_message)(void *arg, const struct bk_rdv_msg *m);
	/* Once, last. `stage` says at what: "connect to", "agree on TLS with", "say hello to". */
	void (*on_end)(void *arg, int error, const char *stage, const char *detail);
};

/* Tries the addresses in turn. */
int bk_control_new(struct bk_loop *loop, const struct bk_addr *addrs, size_t len,
	const struct bk_target *target, const struct bk_control_events *events, void *arg,
	struct bk_control **ret_control);
void bk_control_free(struct bk_control *c);

/* The server has said hello: the deadline for it ends. */
void bk_control_welcome(struct bk_control *c);
/* Ends it from the loop with on_end. */
void bk_control_end(struct bk_control *c, int error);

int bk_control_send(struct bk_control *c, const struct bk_rdv_msg *m);
/* While it connects: from where to where, at this attempt; false: it does not. */
bool bk_control_is_dialing(const struct bk_control *c, struct bk_addr *ret_local, struct bk_addr *ret_server);
struct bk_addr bk_control_local(const struct bk_control *c); /* valid from on_secure on */
struct bk_addr bk_control_server(const struct bk_control *c);

#endif

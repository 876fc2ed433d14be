/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_LAN_GATE_H
#define BK_LAN_GATE_H

#include <bodkin/loop.h>

#include "base/addr.h"

/* A port of this machine behind which a server is that this machine reaches and others on its LAN perhaps do not. What
 * passes is between them and the server: it is TLS, and the gate has no key. Few pass at a time, and nobody from beyond
 * the networks of this machine. The loop's thread only. */
struct bk_gate;

enum { BK_GATE_PASSAGES_MAX = 32, BK_GATE_OF_ADDRESS_MAX = 8 };

/* On any free port of every address. What listening says, BK_E_NOMEM. */
int bk_gate_new(struct bk_loop *loop, const struct bk_addr *server, struct bk_gate **ret_gate);
void bk_gate_free(struct bk_gate *g); /* with all that pass; NULL is fine */
uint16_t bk_gate_port(const struct bk_gate *g);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_SERVER_LISTENER_H
#define BK_SERVER_LISTENER_H

#include "server/state.h"

struct bk_listener;

/* Accepts on `local` (port 0: any free one) and hands every connection to a visitor. */
int bk_listener_new(struct bk_server *s, const struct bk_addr *local, struct bk_listener **ret_listener);
void bk_listener_free(struct bk_listener *l); /* NULL is fine */
uint16_t bk_listener_port(const struct bk_listener *l);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_SERVER_LISTENER_H
#define BK_SERVER_LISTENER_H

#include "server/state.h"

/* One port that the server listens at. The server owns it, and it borrows the server; the loop's thread. What it
 * accepts is a visitor's from then on, and outlives it. */
struct bk_listener;

/* Accepts on `local` (port 0: any free one). BK_E_ADDRESS_IN_USE, BK_E_ADDRESS, BK_E_ACCESS, BK_E_NOMEM. */
int bk_listener_new(struct bk_server *s, const struct bk_addr *local, struct bk_listener **ret_listener);
void bk_listener_free(struct bk_listener *l); /* NULL is fine */
uint16_t bk_listener_port(const struct bk_listener *l);

#endif

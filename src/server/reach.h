/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_SERVER_REACH_H
#define BK_SERVER_REACH_H

#include "server/client.h"

/* Reach tests: can we connect to the address and port a client's control connection comes from, from another
 * port of the address it reached, and from another address of ours? Never to any other place than that. The server
 * owns them, and they borrow the server and remember a client's number only. The loop's thread. */
struct bk_reaches;

int bk_reaches_new(struct bk_server *s, struct bk_reaches **ret_reaches);
void bk_reaches_free(struct bk_reaches *rs); /* NULL is fine */

/* The answer comes as a ServerReachedMessage. BK_E_FULL: one is under way for it, or too many for all. */
int bk_reaches_start(struct bk_reaches *rs, struct bk_client *c, const uint8_t nonce[BK_RDV_SECRET_LEN]);
void bk_reaches_forget(struct bk_reaches *rs, struct bk_client *c);

#endif

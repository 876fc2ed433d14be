/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_SERVER_PLAIN_H
#define BK_SERVER_PLAIN_H

#include "server/client.h"

/* The plain dialect: two clients name each other, are told what to do, and are forgotten. */
struct bk_plain;

int bk_plain_new(struct bk_plain **ret_plain);
void bk_plain_leave(struct bk_plain *p); /* nobody finds it any more; NULL is fine */
void bk_plain_free(struct bk_plain *p); /* NULL is fine */

/* The client is welcomed and registered; it may have named a peer. */
void bk_plain_on_hello(struct bk_client *c, const struct bk_rdv_msg *m);
/* A port reported, on a connection that says nothing else. */
void bk_plain_on_port(struct bk_client *c, const struct bk_rdv_msg *m);
/* Anything after the hello. */
void bk_plain_on_message(struct bk_client *c, const struct bk_rdv_msg *m);

#endif

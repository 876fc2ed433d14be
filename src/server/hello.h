/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_SERVER_HELLO_H
#define BK_SERVER_HELLO_H

#include "server/client.h"

/* The first words of a client, the same in every dialect of messages. */
#define BK_HELLO_MISSING "the first message is not a hello"

/* Welcomes it, or turns it away with the reason. True: it is welcome (and still here). */
bool bk_hello_take(struct bk_client *c, const struct bk_rdv_msg *m);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_SERVER_REQUEST_H
#define BK_SERVER_REQUEST_H

#include "server/client.h"

/* What a welcomed client of the TLS dialect may ask for. Answers go out at once; one that fails is answered
 * with a ServerErrorMessage; a message out of place ends the connection. */
void bk_request_handle(struct bk_client *c, struct bk_rdv_msg *m);

/* Hands over mail that waited because the client was slow. */
void bk_request_deliver(struct bk_client *c);

/* The client is gone: its nameplates end and the other sides are told; its meetings wait for it. */
void bk_request_withdraw(struct bk_client *c);

/* Ends the nameplates whose time has come. Returns when to look again. */
bk_time bk_requests_expire(struct bk_server *s, bk_time now);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_SERVER_REQUEST_H
#define BK_SERVER_REQUEST_H

#include "server/dialect.h"

/* The dialect inside TLS: a hello, then requests. Answers go out at once; one that fails is answered with a
 * ServerErrorMessage; a message out of place ends the connection. */
extern const struct bk_dialect bk_dialect_tls;

/* The board that the requests are about, as the configuration names it. */
int bk_requests_open(struct bk_server *s);
void bk_requests_close(struct bk_server *s); /* after the last client; may be repeated */

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_NET_RESOLVE_H
#define BK_NET_RESOLVE_H

#include <bodkin/loop.h>

#include "base/addr.h"

/* Name to addresses, without blocking the loop. */
struct bk_resolve;

enum { BK_RESOLVE_MAX = 8 };

/* addrs is borrowed for the call, in the order to try; err < 0 (BK_E_RESOLVE, BK_E_TIMEOUT) and len 0 when
 * there is none. Called once, from the loop; the resolve may be freed from inside. */
typedef void (*bk_resolve_fn)(void *arg, int err, const struct bk_addr *addrs, size_t len);

/* A literal address needs no server and is answered from the loop as well. */
int bk_resolve_new(struct bk_loop *loop, const char *host, uint16_t port, bk_resolve_fn fn, void *arg,
	struct bk_resolve **ret_resolve);
/* Cancels; silence afterwards. */
void bk_resolve_free(struct bk_resolve *r);

#endif

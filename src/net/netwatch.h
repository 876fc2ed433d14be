/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_NET_NETWATCH_H
#define BK_NET_NETWATCH_H

#include <stdbool.h>

#include <bodkin/loop.h>

#include "base/addr.h"
#include "base/time.h"

/* Tells when this machine's network changed: an address came or went, an interface went up or down, the
 * default route is another one. A burst of changes is told once, when it has been quiet for a moment. */
struct bk_netwatch;

enum { BK_NETWATCH_ADDRS_MAX = 32 };

#define BK_NETWATCH_QUIET (200 * BK_MS)

/* BK_E_UNSUPPORTED or another error where the system does not tell. */
int bk_netwatch_new(
	struct bk_loop *loop, void (*on_change)(void *arg), void *arg, struct bk_netwatch **ret_watch);
void bk_netwatch_free(struct bk_netwatch *w); /* from inside on_change too. NULL is fine */

/* Does this machine have the address (whatever the port)? Loopback and any-addresses it always has. */
bool bk_netwatch_has(const struct bk_addr *addr);

/* Is it worth a look? For one datagram of netlink messages; for tests. */
bool bk_netwatch_concerns(const void *data, size_t n);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_ROUTER_NEWS_H
#define BK_ROUTER_NEWS_H

#include <bodkin/loop.h>

#include "base/addr.h"

/* What a router tells all of its network of itself, unasked: that it has begun anew, or has another address outside
 * (RFC 6886 section 3.2.1, RFC 6887 section 14.1); IPv4. Anybody there may send such a thing. */
struct bk_news;

enum { BK_NEWS_PORT = 5350 };

/* Hears on the network that has `own`; its port 0: BK_NEWS_PORT. fn: from the loop, data borrowed; it may free this.
 * BK_E_NOMEM, or what the system says. */
int bk_news_new(struct bk_loop *loop, const struct bk_addr *own,
	void (*fn)(void *arg, const struct bk_addr *from, const uint8_t *data, size_t len), void *arg,
	struct bk_news **ret_news);
void bk_news_free(struct bk_news *n); /* NULL is fine */

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_PLAIN_CLASSIFY_H
#define BK_PLAIN_CLASSIFY_H

#include <bodkin/loop.h>

#include "base/addr.h"

/* What the NAT in front of us is called, learnt over UDP from the server's port. */
struct bk_plain_classify;

/* Once, from the loop, within about a second; `nat_type` is a word of the plain dialect, "unknown" where
 * nobody answered. The classify may be freed from inside. */
typedef void (*bk_plain_classify_fn)(void *arg, const char *nat_type);

int bk_plain_classify_new(struct bk_loop *loop, const struct bk_addr *server, bk_plain_classify_fn fn,
	void *arg, struct bk_plain_classify **ret_classify);
void bk_plain_classify_free(struct bk_plain_classify *c); /* NULL is fine */

#endif

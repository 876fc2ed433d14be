/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_NET_DIAL_H
#define BK_NET_DIAL_H

#include <bodkin/loop.h>

#include "base/addr.h"
#include "base/time.h"

/* A stream to the first of several addresses that takes it: one after the other, each with its own time. A
 * race between families is not worth its noise for a server that people name themselves. A lost first packet
 * the kernel sends again after a second alone, and no option makes it sooner: another socket's is another packet. */
struct bk_dial;

enum { BK_DIAL_AGAIN_MAX = 2 }; /* beside the first, for each address */

#define BK_DIAL_AGAIN (300 * BK_MS) /* most round trips are shorter */

struct bk_dial_opts {
	const struct bk_addr *addrs; /* in the order to try; copied; at most BK_RESOLVE_MAX are tried */
	size_t len;
	struct bk_addr local; /* bound to, with a port that others may share; family 0: not bound */
	bool is_shared;       /* without local: bound all the same, to any port that others may share */
	bk_dur patience;      /* for each address */
	bk_dur again; /* no answer for so long: the same once more beside it, from another port, and whatever comes
			 first is kept; the others have said nothing. 0, or `local` has a port: never */
};

/* Once, from the loop. fd is connected and the owner's; or it is -1, with the error of the last address tried
 * (BK_E_REFUSED, BK_E_TIMEOUT, ...). The dial may be freed from inside. */
typedef void (*bk_dial_fn)(void *arg, int error, int fd);

/* The error of the last address when none can even be tried; BK_E_RESOLVE when there is none. */
int bk_dial_new(struct bk_loop *loop, const struct bk_dial_opts *opts, bk_dial_fn fn, void *arg,
	struct bk_dial **ret_dial);
void bk_dial_free(struct bk_dial *d); /* cancels; NULL is fine */

/* Where the attempt that is under way comes from (the first one, of several), and goes to; family 0: there is none. */
struct bk_addr bk_dial_local(const struct bk_dial *d);
struct bk_addr bk_dial_remote(const struct bk_dial *d);

#endif

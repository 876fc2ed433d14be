/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_ROUTER_SEARCH_H
#define BK_ROUTER_SEARCH_H

#include <stdbool.h>

#include "base/time.h"
#include "portmap/ssdp.h"

/* A search for the UPnP devices of one machine: the gateway. It waits for answers: for a thread. So many are read,
 * until the deadline; those that come from another address, or name one, are somebody else's. */
enum { BK_SEARCH_ANSWERS_MAX = 64, BK_SEARCH_URLS_MAX = 4 };

struct bk_search {
	int fd;
	struct bk_addr gateway; /* with the port at which it hears the questions */
	bk_time deadline, next; /* to ask again */
	int asked;              /* how often */
	int answers, urls_len;
	char urls[BK_SEARCH_URLS_MAX][BK_SSDP_URL_MAX];
};

/* Asks all of the network that has `own`, and the gateway by itself; its port 0: BK_SSDP_PORT. What the system says. */
int bk_search_init(
	struct bk_search *s, const struct bk_addr *own, const struct bk_addr *gateway, bk_time deadline);
/* Fine after a failure, too. */
void bk_search_done(struct bk_search *s);

/* The next page by which the gateway describes a device of its own, none twice; s has it. NULL: no more. */
const char *bk_search_next(struct bk_search *s);

#endif

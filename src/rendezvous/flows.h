/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_RENDEZVOUS_FLOWS_H
#define BK_RENDEZVOUS_FLOWS_H

#include <bodkin/mailbox.h>

#include "rendezvous/mapping.h"

/* Which ports the NAT gives to flows over TCP from other local ports, one after the other: what two flows of the shared
 * port tell of that is too little to tell a sequence from a small block. Several leave at once, so that nothing of this
 * machine comes between; one more when somebody comes. What they tell is written into the mailbox's view. Embedded in
 * the client; the loop's thread only. */
struct bk_flows {
	struct bk_loop *loop;
	struct bk_mailbox_view *view; /* borrowed */
	void (*on_view)(void *arg);   /* it tells something new */
	void *arg;
	struct bk_announcer *announcer; /* borrowed */
	struct bk_mapping_probe probes[BK_MAILBOX_FLOWS_MAX];
	struct bk_addr local, server; /* where they leave, beside that port; where they go */
	unsigned begun;               /* so far: no two have one port */
	bool has_begun;
};

/* The first five members are set; the rest is zero. From ports beside `local`: several, the first time, or one more. */
void bk_flows_begin(
	struct bk_flows *f, const struct bk_addr *local, const struct bk_addr *server, bool is_latest);
/* The control connection can say whose they are. What went out from or to elsewhere is dropped. */
void bk_flows_announce(struct bk_flows *f, const struct bk_addr *local, const struct bk_addr *server);
/* False: the message is about something else. */
bool bk_flows_mapped(struct bk_flows *f, const struct bk_rdv_msg *m);
/* What is known stays. Fine on a zeroed one, and twice. */
void bk_flows_close(struct bk_flows *f);

#endif

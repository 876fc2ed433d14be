/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_LAN_HOME_H
#define BK_LAN_HOME_H

#include <bodkin/server.h>

#include "base/time.h"
#include "rendezvous/mailbox.h"

/* A small server of our own, on a free port and with a key that nobody keeps, for others on the LAN and for us. */
struct bk_home {
	struct bk_server *server;   /* NULL: there is none */
	struct bk_rdv_mailbox *way; /* how we go there ourselves */
};

/* 0: as in any server. */
struct bk_home_limits {
	unsigned clients_max, per_address_max, relays_max, messages_per_second, posts_burst;
	bk_dur ping_interval;
};

/* Twice is once. What bk_server_open and bk_rdv_mailbox_new say. */
int bk_home_open(struct bk_home *h, struct bk_loop *loop, const struct bk_home_limits *limits);
void bk_home_close(struct bk_home *h); /* after our own boxes there; fine on a zeroed one */

#endif

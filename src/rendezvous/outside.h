/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_RENDEZVOUS_OUTSIDE_H
#define BK_RENDEZVOUS_OUTSIDE_H

#include <bodkin/mailbox.h>

#include "rendezvous/control.h"
#include "rendezvous/flows.h"
#include "rendezvous/mapping.h"

/* How the control connection's local port looks from outside: as what the NAT maps it towards three ends of the
 * server, and whether anybody comes in there. All of it is written into the mailbox's view; what the server
 * names is asked, listened to and told only as far as it may be the server's. Embedded in the client; the
 * loop's thread only. */
enum { BK_OUTSIDE_PROBES_MAX = BK_MAILBOX_SAMPLES_MAX - 1 };

struct bk_outside {
	struct bk_loop *loop;
	struct bk_mailbox_view *view; /* borrowed */
	void (*on_view)(void *arg);   /* it tells something new */
	void *arg;
	struct bk_control *control; /* borrowed */
	struct bk_mapping_probe probes[BK_OUTSIDE_PROBES_MAX];
	struct bk_announcer announcer;
	struct bk_flows flows; /* of other local ports */
	struct bk_reach *reach;
	uint8_t reach_nonce[BK_RDV_SECRET_LEN];
	struct bk_addr local, server; /* of the control connection's first packet */
	bool is_early;      /* the first probe left with the control connection's own first packet */
	struct bk_addr alt; /* the server's second address with the first port; family 0: none */
	uint16_t alt_port;
};

/* The first four members are set; the rest is zero. The control connection's first packet leaves from `local` to
 * `server`: what need not wait for more leaves with it, since the server's second port is most often beside its first
 * one. What is told by then is in the view. */
void bk_outside_begin(struct bk_outside *o, const struct bk_addr *local, const struct bk_addr *server);
/* The hello has gone out: says whose that was, and asks to be called back. */
void bk_outside_announce(struct bk_outside *o, struct bk_control *control);
/* Goes on with what the server's hello tells; view->local is known. */
void bk_outside_learn(struct bk_outside *o, struct bk_control *control, const struct bk_rdv_msg *hello);
/* Flows from other local ports, as bk_mailbox_ops has it. Nothing happens where we are not behind a NAT by the look
 * of our own address. */
void bk_outside_probe_flows(struct bk_outside *o, bool is_latest);
void bk_outside_mapped(struct bk_outside *o, const struct bk_rdv_msg *m);
void bk_outside_reached(struct bk_outside *o, const struct bk_rdv_msg *m);
/* Closes all that stands on the port; what is known stays. Fine on a zeroed one, and twice. */
void bk_outside_close(struct bk_outside *o);
/* And the control connection is about to be freed. */
void bk_outside_leave(struct bk_outside *o);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_LAN_BESIDE_H
#define BK_LAN_BESIDE_H

#include <bodkin/mailbox.h>

/* A server and the LAN at once, as one mailbox: what is left is left at both under one number, and whichever brings
 * the two together first is the one; the other one is let go. The loop's thread only. */
struct bk_beside {
	struct bk_mailbox far;                   /* the server: a table without NULL */
	struct bk_mailbox near;                  /* the LAN */
	bool (*is_trying)(const void *near_box); /* has it found a place that it tries? Of NULL: no */
	uint32_t
		number; /* which will be claimed, so that it can be sought from the start; 0: something will be left */
	bool is_met;       /* at one of the two */
	bool is_near;      /* at which */
	bool was_far_ever; /* the server was reached */
};

/* Its table, whose `arg` is a struct bk_beside. Both mailboxes are borrowed. */
extern const struct bk_mailbox_ops bk_beside_ops;

#endif

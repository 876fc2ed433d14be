/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_NET_BELL_H
#define BK_NET_BELL_H

/* A descriptor that is readable once somebody has rung, until it is answered. Ringing is for any thread and
 * any signal handler: it takes no lock, and errno stays. */
struct bk_bell {
	int fd;
};

int bk_bell_init(struct bk_bell *b);
void bk_bell_ring(struct bk_bell *b);
void bk_bell_answer(struct bk_bell *b);
void bk_bell_done(struct bk_bell *b); /* fd < 0 is fine */

#endif

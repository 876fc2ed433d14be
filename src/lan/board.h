/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_LAN_BOARD_H
#define BK_LAN_BOARD_H

#include "lan/reach.h"
#include "rendezvous/mailbox.h"

/* The board of a group on a LAN without a server: one member keeps it in a small server of his own, and the others find
 * it by his beacon and come there. Whoever finds none keeps one himself; where two keep one, that with the larger word
 * comes to the other. When the keeper is gone, of those who are left the one who had come first keeps it.
 *
 * A member that has the board at a server lets others on the LAN go there through him, which goes before any board that
 * is kept on the LAN.
 *
 * A beacon's word proves the server's key with what the members share: nobody else can have them join at his place.
 * The loop's thread only. */
struct bk_lan_board;

enum { BK_LAN_BOARD_SECRET_LEN = 32 };

/* From the loop; inside, the board may be closed, and not freed. */
struct bk_lan_board_events {
	void (*on_ready)(void *arg); /* we are where it is: join the group */
	void (*on_group)(void *arg, const uint8_t *body, size_t n);
	/* It is out of reach, or we are to go elsewhere (BK_E_SERVER_GONE): open it again, which knows where. Or we cannot
	 * keep it. */
	void (*on_end)(void *arg, int error, const char *text);
	void (*on_note)(void *arg, int verbosity, const char *text);
};

/* secret: of the group's members alone; copied, as the options are. BK_E_INVALID: the peer, BK_E_NOMEM. */
int bk_lan_board_new(struct bk_loop *loop, const struct bk_lan_opts *opts,
	const uint8_t secret[BK_LAN_BOARD_SECRET_LEN], const struct bk_lan_board_events *events, void *arg,
	struct bk_lan_board **ret_board);
void bk_lan_board_free(struct bk_lan_board *b); /* with the server, if we keep it; NULL is fine */

/* Looks for it, and keeps it where there is none; where we keep it for others already, we are soon ready. */
int bk_lan_board_open(struct bk_lan_board *b);
/* We are there no more; what we keep for others stays. */
void bk_lan_board_close(struct bk_lan_board *b);
bool bk_lan_board_is_ours(const struct bk_lan_board *b); /* we keep it */
/* We are in the group, and the board has what we knew: others may come. */
void bk_lan_board_settled(struct bk_lan_board *b);

/* The board is at a server that this machine reaches, with that key: who looks for it on the LAN comes there through
 * us, until we withdraw that. Twice is once. */
int bk_lan_board_offer(struct bk_lan_board *b, const struct bk_addr *server, const struct bk_pin *pin);
void bk_lan_board_withdraw(struct bk_lan_board *b);

int bk_lan_board_send(struct bk_lan_board *b, const void *body, size_t n); /* while we are there */
void bk_lan_board_flush(struct bk_lan_board *b, void (*fn)(void *fn_arg), void *fn_arg);
/* After close, for good: what others are still to be told goes out, then fn (may be NULL) comes, once; perhaps
 * from inside. */
void bk_lan_board_leave(struct bk_lan_board *b, void (*fn)(void *fn_arg), void *fn_arg);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_SERVER_RELAY_H
#define BK_SERVER_RELAY_H

#include "server/dialect.h"
#include "wire/preface.h"

/* Relayed pairs: two legs that present the same token, one for each side, become one byte stream in each
 * direction, moved by the kernel. A token is good for one pair. The server owns them, and they borrow the
 * server; a leg that has arrived is theirs. The loop's thread; nobody is called back. */
struct bk_relays;
struct bk_circle;
extern const struct bk_dialect bk_dialect_relay;

int bk_relays_new(struct bk_server *s, uint64_t seed, struct bk_relays **ret_relays);
void bk_relays_free(struct bk_relays *rs); /* NULL is fine; ends them */
void bk_relays_end(struct bk_relays *rs);  /* all, with a reset for every leg */

/* From now on legs with the token are awaited for a while, on that account. BK_E_FULL. */
int bk_relays_grant(
	struct bk_relays *rs, struct bk_circle *account, const uint8_t token[BK_PREFACE_SECRET_LEN]);
/* What a side of the pair shows at the relay instead: its leg begins in clear, and who has read it there shall
 * not come as the other side. */
void bk_relays_leg_token(const struct bk_relays *rs, const uint8_t token[BK_PREFACE_SECRET_LEN],
	unsigned side, uint8_t ret_token[BK_PREFACE_SECRET_LEN]);

/* Takes the arrival over on success. BK_E_NOT_FOUND: no such token (any more); BK_E_EXISTS: that side is
 * here. */
int bk_relays_arrive(struct bk_relays *rs, const struct bk_arrival *from,
	const uint8_t token[BK_PREFACE_SECRET_LEN], int side);

#endif

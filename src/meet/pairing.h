/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_MEET_PAIRING_H
#define BK_MEET_PAIRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "secure/pake.h"
#include "secure/seal.h"
#include "wire/intro.h"

/* Pairing by code over the mailbox: what is left, answered and replied. The side that allocated the
 * nameplate is the initiator.
 *
 *   left    1 0 share(32)                        initiator, with the allocation
 *   answer  1 1 share(32) sealed introduction    responder
 *   reply   1 2 sealed introduction              initiator
 *   wrong   1 3 [1]                              either: what you sent does not open with my code [which is good still]
 *   again   1 4 number(4) sealed introduction    both, in any order: the path is gone, meet anew
 */
enum {
	BK_PAIRING_MAIL_MAX = 64 + BK_SEAL_OVERHEAD + BK_INTRO_BYTES_MAX,
	BK_PAIRING_SECRET_LEN = 32,
};

enum bk_pairing_mail {
	BK_PAIRING_LEFT,
	BK_PAIRING_ANSWER,
	BK_PAIRING_REPLY,
	BK_PAIRING_WRONG,
	BK_PAIRING_AGAIN
};

struct bk_pairing {
	bool is_initiator;
	bool is_keyed;
	uint32_t sent, seen; /* the number of the last `again` each way: an older one does not open */
	uint8_t meeting[BK_PAIRING_SECRET_LEN]; /* once keyed: what the two find each other by again */
	struct bk_pake pake;
	struct bk_seal seal;
};

int bk_pairing_init(struct bk_pairing *p, bool is_initiator, const char *password);
void bk_pairing_done(struct bk_pairing *p);

/* Which of them a mail is; BK_E_MALFORMED or BK_E_VERSION. */
int bk_pairing_kind(const uint8_t *mail, size_t n);

int bk_pairing_leave(struct bk_pairing *p, struct bk_buf *out);
/* Responder: takes what was left and appends the answer with our introduction sealed. */
int bk_pairing_answer(struct bk_pairing *p, uint32_t nameplate, const uint8_t *left, size_t n,
	const struct bk_intro *own, struct bk_buf *out);
/* Initiator: opens an answer. BK_E_WRONG_CODE when it does not open. */
int bk_pairing_take_answer(
	struct bk_pairing *p, uint32_t nameplate, const uint8_t *mail, size_t n, struct bk_intro *ret_peer);
/* Initiator: appends the reply with our introduction sealed. */
int bk_pairing_reply(struct bk_pairing *p, const struct bk_intro *own, struct bk_buf *out);
/* Responder: opens a reply. BK_E_WRONG_CODE when it does not open. */
int bk_pairing_take_reply(struct bk_pairing *p, const uint8_t *mail, size_t n, struct bk_intro *ret_peer);
/* Once keyed, in the round with that token: appends our introduction; opens the other side's. What was sealed
 * in another round, or before one that was opened, is BK_E_WRONG_CODE. */
int bk_pairing_again(struct bk_pairing *p, const uint8_t token[BK_PAIRING_SECRET_LEN],
	const struct bk_intro *own, struct bk_buf *out);
int bk_pairing_take_again(struct bk_pairing *p, const uint8_t token[BK_PAIRING_SECRET_LEN],
	const uint8_t *mail, size_t n, struct bk_intro *ret_peer);
/* stays: the code is good still, for others who come with the right one. */
int bk_pairing_say_wrong(struct bk_buf *out, bool stays);
bool bk_pairing_stays(const uint8_t *wrong, size_t n); /* as it came */

#endif

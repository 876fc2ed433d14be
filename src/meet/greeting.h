/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_MEET_GREETING_H
#define BK_MEET_GREETING_H

#include "meet/box.h"
#include "meet/meeting.h"
#include "meet/pairing.h"
#include "meet/self.h"
#include "secure/code.h"

/* The mails of two who have nothing in common but a code: what is left with the number, its answer, the reply, and
 * the word that the code was wrong. Each call makes or reads one mail; which one is due its acquaintance knows.
 *
 * Embedded in its acquaintance. It borrows the first four and owns `left`. The loop's thread only. */
struct bk_greeting {
	struct bk_loop *loop;
	struct bk_self *self;
	struct bk_pairing *pairing;
	struct bk_meeting *meeting; /* its introductions are filled in */
	uint8_t *left;              /* joining: what the other side left, until we answer; NULL */
	size_t left_len;
	bool has_answer; /* making: the right one, until we reply */
};

/* Making: begins the pairing, and leaves our share with `number`; 0: any. */
int bk_greeting_leave(struct bk_greeting *g, struct bk_box *box, const struct bk_code *code, uint32_t number);

/* Joining: a copy of what was left. BK_E_NOMEM. */
int bk_greeting_keep(struct bk_greeting *g, const uint8_t *left, size_t n);
/* Forgets it. Fine on a zeroed one. */
void bk_greeting_drop(struct bk_greeting *g);
/* Joining: our share and our sealed introduction, in one mail. Drops what was left. */
int bk_greeting_answer(struct bk_greeting *g, struct bk_box *box, uint32_t number);

/* Making. An error but BK_E_NOMEM: whoever answered has guessed, or talks nonsense. */
int bk_greeting_take_answer(struct bk_greeting *g, uint32_t number, const uint8_t *mail, size_t n);
/* Making: our introduction, with the instant. */
int bk_greeting_reply(struct bk_greeting *g, struct bk_box *box);
/* Joining. */
int bk_greeting_take_reply(struct bk_greeting *g, const uint8_t *mail, size_t n);

/* Is our introduction due, in answer or reply? */
bool bk_greeting_is_due(const struct bk_greeting *g);
/* How long from now on it should wait for what is still being learnt. */
bk_dur bk_greeting_wait(const struct bk_greeting *g, struct bk_box *box);

/* Tells the other side, as far as that can be; stays: the code is good still. */
void bk_greeting_say_wrong(struct bk_box *box, bool stays);

#endif

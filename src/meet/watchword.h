/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_MEET_WATCHWORD_H
#define BK_MEET_WATCHWORD_H

#include <bodkin/session.h>

#include "secure/code.h"

/* The code by which one side of two meets the other, and what has become of it: given by the other side, wished for
 * by a person, or made here; shown once it has a number; spent by whoever guesses at it; renewed a few times.
 *
 * Embedded in its acquaintance, which alone looks at the members; it borrows nothing, and holds a secret until
 * bk_watchword_done. The loop's thread only. */
struct bk_watchword {
	struct bk_code code;
	int words;                        /* of one that is made; 0: as many as is usual */
	struct bk_watchword_share *share; /* making, for several; else NULL */
	bool is_given;                    /* we join with it; otherwise we are the maker */
	bool is_wished;                   /* a person chose it */
	bool is_renewable;                /* the mailbox takes another one after this one */
	bool is_shown;                    /* making: some code was, to the person */
	bool has_number;                  /* making: it was shown, and stays the same while it is not spent */
	bool is_tried;                    /* given: the one guess is taken */
	int spent;        /* making: why the code before this one is spent, until that is told; 0 */
	unsigned guesses; /* making: that were taken, at all codes together */
};

/* What the watchwords of several have in common who make one code, one after the other, each for one other side. Each
 * claim is a pairing of its own, with fresh shares of the same words: one guess. Zeroed it is ready; who owns it
 * lets it live longer than they do, and wipes it. */
struct bk_watchword_share {
	struct bk_code code;
	bool has_code;         /* it was shown, and is not spent */
	unsigned guesses;      /* wrong ones, at all codes together */
	unsigned guesses_here; /* and at this one */
};

enum { BK_WATCHWORD_TEXT_MAX = 512 };

/* Of opts the codes are looked at; not kept. share is borrowed; NULL: the code is for one. BK_E_INVALID: a code that
 * cannot be read. */
int bk_watchword_init(struct bk_watchword *w, const struct bk_session_opts *opts, bool is_renewable,
	struct bk_watchword_share *share);
/* Wipes it. */
void bk_watchword_done(struct bk_watchword *w);

/* Making: has words to be left at a mailbox; other ones, unless they were wished for or shown. An error of
 * bk_code_make. */
int bk_watchword_prepare(struct bk_watchword *w);
/* Making: the number that is to be asked for; 0: any. */
uint32_t bk_watchword_number(const struct bk_watchword *w);
/* Making: the mailbox has given a number. False: it is not what we asked for. */
bool bk_watchword_take_number(struct bk_watchword *w, uint32_t number);
/* Making: it is shown from now on. The text, for a person, is empty when no code before it was spent. */
void bk_watchword_show(
	struct bk_watchword *w, char ret_code[BK_CODE_STR_MAX], char ret_text[BK_WATCHWORD_TEXT_MAX]);

/* Is nothing tested yet that the code stands for? Making: as long as no answer was taken. */
bool bk_watchword_is_fresh(const struct bk_watchword *w);
/* Making: what came from who claimed the code was no right answer. It was a guess, whatever it was. */
void bk_watchword_guessed(struct bk_watchword *w);
/* Making: does the same code go on after that, because it is for several? text: what a person is told; may be empty. */
bool bk_watchword_stays(const struct bk_watchword *w, int error, char ret_text[BK_WATCHWORD_TEXT_MAX]);
/* Making: may another code take its place? */
bool bk_watchword_may_renew(const struct bk_watchword *w);
/* Making: it is of no use any more, and bk_watchword_prepare makes another one. */
void bk_watchword_spend(struct bk_watchword *w, int error);

/* It is spent by `error`, and nothing takes its place: what a person is told; NULL: it is an error like any other. */
const char *bk_watchword_end_text(const struct bk_watchword *w, int error, char out[BK_WATCHWORD_TEXT_MAX]);
/* Given: the other side says that it is the wrong one; does it stay good? */
const char *bk_watchword_wrong_text(bool stays);
/* The mailbox named `place` refused it, and said `said` (may be empty): what a person is told. */
const char *bk_watchword_refusal_text(const struct bk_watchword *w, int error, const char *place,
	const char *said, char out[BK_WATCHWORD_TEXT_MAX]);

#endif

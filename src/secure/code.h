/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_SECURE_CODE_H
#define BK_SECURE_CODE_H

#include <bodkin/code.h>
#include <stdint.h>

/* The code that people say to each other: "7-tulip-anchor". The number is the nameplate (public, it
 * finds the mailbox); the words are the password of the PAKE. Two words of a 1024-word list: 20 bits,
 * and one guess for each code. */
enum {
	BK_CODE_WORDS_MIN = 2,
	BK_CODE_WORDS_MAX = 16,
	BK_CODE_STR_MAX = 160,
	BK_NAMEPLATE_MAX = 9999999,
};

struct bk_code {
	uint32_t nameplate;
	char password[BK_CODE_STR_MAX]; /* the words as in the text: "tulip-anchor" */
};

/* Chooses `count` words with fresh randomness from libsodium. BK_E_INVALID for a count out of range. */
int bk_code_make(uint32_t nameplate, int count, struct bk_code *ret_code);

/* Reads what a person typed: upper case, spaces, underscores or several dashes between the parts are
 * accepted and normalised. Words need not be in the list (people may choose their own code with --code), but
 * are letters and digits only. BK_E_MALFORMED. */
int bk_code_from_str(const char *s, struct bk_code *ret_code);
const char *bk_code_to_str(const struct bk_code *c, char out[BK_CODE_STR_MAX]);

/* The word of the list that was probably meant, and the slips between: 0, it is that word. Of several as near, the one
 * that begins as the typed one does. NULL: it is like none. */
const char *bk_code_nearest(const char *typed, unsigned *ret_slips);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_GROUP_INVITE_H
#define BK_GROUP_INVITE_H

#include <stdint.h>

#include "secure/seal.h"
#include "wire/group.h"

/* A group is a shared secret. Its invite is seven words of the list of codes, 70 bits, made by the program alone: words
 * that people think of can be guessed by whoever sees the server's memory, and nothing would stop him. The words as
 * text, "tulip-anchor-...", are what everything follows from. */
enum {
	BK_INVITE_WORDS = 7,
	BK_INVITE_STR_MAX = 64, /* seven words of at most eight letters, dashes between, NUL */
	BK_INVITE_TEXT_MAX = 256,
};

/* Makes one by chance. BK_E_CRYPTO. */
int bk_invite_make(char ret_invite[BK_INVITE_STR_MAX]);

/* Reads what a person typed: upper case, spaces, underscores and several dashes are fine. BK_E_MALFORMED with a
 * sentence that says which word is none and what was probably meant, or how many words are missing. */
int bk_invite_from_str(
	const char *typed, char ret_invite[BK_INVITE_STR_MAX], char ret_text[BK_INVITE_TEXT_MAX]);

/* What follows from an invite; the id does not lead back, nor to the seal. */
struct bk_group_keys {
	uint8_t id[BK_GROUP_ID_LEN]; /* what the server knows the group by */
	struct bk_seal seal;         /* of cards and posts */
	uint8_t lan[32];             /* by which members find each other on a LAN, and prove it */
};

/* Argon2id (64 MiB, 3 passes): a tenth of a second and more, so not on the loop. BK_E_NOMEM. The caller wipes the
 * result with sodium_memzero. */
int bk_invite_keys(const char *invite, struct bk_group_keys *ret_keys);

#endif

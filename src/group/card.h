/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_GROUP_CARD_H
#define BK_GROUP_CARD_H

#include "group/signed.h"

/* What a member says of itself to the others, sealed and signed. All cards have the same size. */
enum { BK_CARD_NAME_MAX = 64, BK_CARD_ABOUT_MAX = 256, BK_CARD_LEN = BK_GROUP_CARD_MAX };

struct bk_card {
	uint8_t key[BK_SIGN_KEY_LEN];
	uint64_t sitting; /* of the member: by chance, so that two of one key never have the same */
	char name[BK_CARD_NAME_MAX + 1];  /* shown to people: sanitized when read; never empty */
	uint8_t about[BK_CARD_ABOUT_MAX]; /* the application's */
	size_t about_len;
};

/* Is that a name? 1 to BK_CARD_NAME_MAX bytes of UTF-8 without anything harmful. */
bool bk_card_is_name(const char *name);

/* Appends the sealed card; the key is the signer's. BK_E_INVALID (the name), BK_E_TOO_BIG, BK_E_FULL, BK_E_NOMEM. */
int bk_card_seal(const struct bk_group_keys *keys, const struct bk_signer *by, const struct bk_card *card,
	struct bk_buf *out);
/* BK_E_CRYPTO (not of this group, or of another signer than it says), BK_E_MALFORMED, BK_E_VERSION. */
int bk_card_open(
	const struct bk_group_keys *keys, const uint8_t *sealed, size_t len, struct bk_card *ret_card);

/* A name with its length, as it stands in cards and posts. */
void bk_card_write_name(struct bk_writer *w, const char *name);
int bk_card_read_name(struct bk_reader *r, char ret_name[BK_CARD_NAME_MAX + 1]); /* BK_E_MALFORMED */

#endif

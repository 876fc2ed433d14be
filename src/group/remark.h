/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_GROUP_REMARK_H
#define BK_GROUP_REMARK_H

#include "group/card.h"

/* One thing that a member says to the group: sealed and signed, with what shows the others whether the server told
 * everybody the same: the sender's own count, and the last post that it had seen, by its number and hash. */
enum bk_remark_kind {
	BK_REMARK_TEXT = 1,    /* len bytes of UTF-8 to everybody */
	BK_REMARK_WHISPER = 2, /* to one: its key, and a box that only the two open (whisper.h) */
	BK_REMARK_REKEY = 3,   /* another invite, in a box for each who is to have it */
	BK_REMARK_CALL = 4,    /* to one, as a whisper: what to be met for, and by which code (summons.h) */
};

enum { BK_REMARK_HASH_LEN = 32, BK_REMARK_CONTENT_MAX = 61440 };

struct bk_remark_seen {
	uint8_t life[BK_GROUP_LIFE_LEN];
	uint64_t number; /* 0: none */
	uint8_t hash[BK_REMARK_HASH_LEN];
};

struct bk_remark {
	uint8_t key[BK_SIGN_KEY_LEN]; /* the sender's */
	uint64_t sitting;             /* as on its card: the count begins with it */
	uint64_t counter;             /* 1, 2, 3 ... */
	struct bk_remark_seen seen;
	uint64_t sent_ms; /* since 1970, by the sender's clock */
	uint8_t kind;     /* one of the above, or a later version's: to be skipped */
	char name[BK_CARD_NAME_MAX + 1];
	const uint8_t *content; /* borrowed */
	size_t len;
};

/* Appends the sealed post; the key is the signer's. BK_E_INVALID (the name), BK_E_TOO_BIG, BK_E_FULL, BK_E_NOMEM. */
int bk_remark_seal(const struct bk_group_keys *keys, const struct bk_signer *by, const struct bk_remark *post,
	struct bk_buf *out);

/* plain: room for BK_GROUP_POST_MAX bytes; the content is borrowed from it. BK_E_CRYPTO (not of this group, or of
 * another signer than it says), BK_E_MALFORMED, BK_E_VERSION. */
int bk_remark_open(const struct bk_group_keys *keys, const uint8_t *sealed, size_t len, uint8_t *plain,
	struct bk_remark *ret_post);

/* Of a sealed post. */
void bk_remark_hash(const uint8_t *sealed, size_t len, uint8_t ret_hash[BK_REMARK_HASH_LEN]);

#endif

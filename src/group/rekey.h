/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_GROUP_REKEY_H
#define BK_GROUP_REKEY_H

#include "group/invite.h"
#include "group/roster.h"

/* Another group's invite, for some of the members: a box for each, all of one length, as many in a post as it holds.
 * Nobody else reads it, and nobody sees more than to whom the boxes go. */
struct bk_rekey {
	const struct bk_signer *by; /* gets none */
	const char *invite;
	const uint8_t (*without)[BK_SIGN_KEY_LEN]; /* nor do they */
	size_t without_len;
	int (*put)(
		void *arg, const void *boxes, size_t len); /* a post's content; negative: no more of them */
	void *arg;
};

/* BK_E_INVALID: the invite is too long; what put says; BK_E_NOMEM. */
int bk_rekey_write(const struct bk_rekey *rekey, const struct bk_roster *to);

/* Of such a post of that member: is there an invite for us? It is secret either way. */
bool bk_rekey_read(const struct bk_signer *us, const uint8_t from[BK_SIGN_KEY_LEN], const uint8_t *boxes,
	size_t len, char ret_invite[BK_INVITE_STR_MAX]);

#endif

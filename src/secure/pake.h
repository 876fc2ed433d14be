/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_SECURE_PAKE_H
#define BK_SECURE_PAKE_H

#include <stddef.h>
#include <stdint.h>

/* CPace, CPACE-RISTR255-SHA512 (draft-irtf-cfrg-cpace), initiator-responder. Both sides that know the same
 * password get the same key; anybody else, the server in the middle included, gets one guess and
 * learns nothing from watching. */
enum { BK_PAKE_SHARE_LEN = 32, BK_PAKE_KEY_LEN = 64, BK_PAKE_FIELD_MAX = 256 };

struct bk_pake {
	uint8_t scalar[32];
	uint8_t share[BK_PAKE_SHARE_LEN]; /* ours, public */
	uint8_t sid[BK_PAKE_FIELD_MAX];
	size_t sid_len;
};

/* Inputs of the draft: PRS the password, CI the channel identifier, sid the session id; each at most
 * BK_PAKE_FIELD_MAX bytes, else BK_E_INVALID. Our share is in p->share afterwards. The second form is
 * for test vectors: the scalar is given, not drawn. */
int bk_pake_start(struct bk_pake *p, const void *prs, size_t prs_len, const void *ci, size_t ci_len,
	const void *sid, size_t sid_len);
int bk_pake_start_with_scalar(struct bk_pake *p, const void *prs, size_t prs_len, const void *ci,
	size_t ci_len, const void *sid, size_t sid_len, const uint8_t scalar[32]);

/* The intermediate session key ISK. The transcript is (initiator's share, ada) then (responder's
 * share, adb); `is_initiator` says which of the two is ours. BK_E_CRYPTO for a share that is not a valid
 * group element, is neutral, or is our own sent back. Wipes the scalar either way: a second call is
 * BK_E_INVALID. */
int bk_pake_finish(struct bk_pake *p, int is_initiator, const uint8_t peer_share[BK_PAKE_SHARE_LEN],
	const void *ada, size_t ada_len, const void *adb, size_t adb_len, uint8_t ret_key[BK_PAKE_KEY_LEN]);

/* Wipes everything. */
void bk_pake_done(struct bk_pake *p);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_PUNCH_PROBE_H
#define BK_PUNCH_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "wire/intro.h"

/* Inside punch: the two messages of UDP punching. A probe is a STUN binding request (RFC 8489), its answer
 * the success response; both carry MESSAGE-INTEGRITY under a key that only the two introductions told, and
 * FINGERPRINT. */

enum {
	BK_PROBE_KEY_LEN = 32,
	BK_PROBE_TID_LEN = 12,
	BK_PROBE_NAME_MAX = 32, /* of each id in USERNAME; longer ids are cut on both sides alike */
};

struct bk_probe_auth {
	uint8_t own_key[BK_PROBE_KEY_LEN];  /* requests to us and our answers */
	uint8_t peer_key[BK_PROBE_KEY_LEN]; /* requests of ours and the peer's answers */
	char to_peer[2 * BK_PROBE_NAME_MAX + 2], to_us[2 * BK_PROBE_NAME_MAX + 2]; /* USERNAME */
};

struct bk_probe {
	bool is_answer;
	uint8_t tid[BK_PROBE_TID_LEN];
	bool is_controlling; /* of a request: the sender's role */
	uint64_t tie_breaker;
	uint32_t nomination; /* of a request: its number, rising, when it nominates; else 0 */
	struct bk_addr seen; /* of an answer: where the request came from, as the answering side saw it */
};

/* BK_E_INVALID: a key is all zero, or both are the same, so that a reflected probe would open. */
int bk_probe_auth_init(struct bk_probe_auth *auth, const struct bk_intro *own, const struct bk_intro *peer,
	const uint8_t own_key[BK_PROBE_KEY_LEN], const uint8_t peer_key[BK_PROBE_KEY_LEN]);

/* The length, or a negative error. An answer is shorter than any request. */
int bk_probe_encode(const struct bk_probe_auth *auth, const struct bk_probe *p, uint8_t *out, size_t cap);

/* BK_E_UNAUTHORIZED: a probe or an answer in form, but not made with the key. BK_E_MALFORMED: anything else
 * that is of no concern here. Touches ret_probe only on success. */
int bk_probe_decode(
	const struct bk_probe_auth *auth, const uint8_t *data, size_t n, struct bk_probe *ret_probe);

/* The latest requests that were heard, to tell a replay. Embedded, zeroed at first. */
enum { BK_PROBE_MEMORY = 64 };

struct bk_probe_memory {
	struct {
		uint8_t tid[BK_PROBE_TID_LEN];
		struct bk_addr from;
	} list[BK_PROBE_MEMORY];
	size_t at;
};

/* Each request of the peer's has an id of its own, so one that comes from two addresses was copied. One that is new
 * is noted. */
bool bk_probe_is_replay(struct bk_probe_memory *m, const struct bk_probe *p, const struct bk_addr *from);

#endif

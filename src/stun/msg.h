/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_STUN_MSG_H
#define BK_STUN_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

/* STUN messages (RFC 8489), with the attributes of RFC 5780 (NAT behaviour discovery), of RFC 8445 (ICE,
 * which our probes borrow) and of classic RFC 3489. Encoding and decoding only: no socket, no clock, no
 * retransmission. */

#define BK_STUN_COOKIE 0x2112A442u /* RFC 8489 section 5 */

enum {
	BK_STUN_HEADER_LEN = 20,
	/* The transaction id; classic messages have 4 more bytes in the cookie's place */
	BK_STUN_TID_LEN = 12,
	BK_STUN_MESSAGE_MAX = 1280,
	BK_STUN_TEXT_MAX = 127,
	BK_STUN_UNKNOWN_MAX = 8,
};

enum { BK_STUN_ATTR_CHANGE_REQUEST = 0x0003 }; /* for a 420 answer's list of unknown attributes */

enum bk_stun_class { BK_STUN_REQUEST, BK_STUN_INDICATION, BK_STUN_SUCCESS, BK_STUN_ERROR };

enum { BK_STUN_BINDING = 1 }; /* the only method here */

struct bk_stun_id {
	uint8_t bytes[16]; /* cookie (or the classic id's first 4 bytes), then the transaction id */
};

/* A decoded or to be encoded message. An address of family 0 and an empty string are absent. Of an attribute
 * that comes twice the first one counts (RFC 8489 section 14). */
struct bk_stun_msg {
	enum bk_stun_class class;
	struct bk_stun_id id;      /* encoding: the cookie is put in its place unless is_classic */
	bool is_classic;           /* without the magic cookie (RFC 3489) */
	struct bk_addr mapped;     /* MAPPED-ADDRESS */
	struct bk_addr xor_mapped; /* XOR-MAPPED-ADDRESS */
	struct bk_addr source;     /* SOURCE-ADDRESS (RFC 3489) */
	struct bk_addr changed;    /* CHANGED-ADDRESS (RFC 3489) */
	struct bk_addr other;      /* OTHER-ADDRESS (RFC 5780) */
	struct bk_addr origin;     /* RESPONSE-ORIGIN (RFC 5780) */
	bool has_change;           /* CHANGE-REQUEST */
	bool wants_other_ip, wants_other_port;
	uint16_t response_port; /* RESPONSE-PORT (RFC 5780 section 7.5); 0: absent */
	uint16_t padding;       /* PADDING, length; 0: absent */
	int error_code;         /* ERROR-CODE; 0: absent */
	char reason[BK_STUN_TEXT_MAX + 1];
	char username[BK_STUN_TEXT_MAX + 1];
	char software[BK_STUN_TEXT_MAX + 1];
	bool has_use_candidate; /* RFC 8445 section 7.1.2: nomination */
	bool has_priority;
	uint32_t priority;
	bool has_controlling, has_controlled;
	uint64_t tie_breaker;
	/* Decoding: comprehension-required attributes (< 0x8000) not understood. Encoding: what stands in
	 * UNKNOWN-ATTRIBUTES. */
	uint16_t unknown[BK_STUN_UNKNOWN_MAX];
	size_t unknown_len;
	/* after decoding: where in the datagram they stand, for bk_stun_check_*; 0: absent */
	size_t integrity_at;
	size_t fingerprint_at;
};

struct bk_stun_key {
	const void *bytes; /* short-term credential: the password (RFC 8489 section 9.1.1) */
	size_t len;
};

/* RFC 8489 section 6.3 checks of a first packet: the two zero bits, the length, the cookie. Cheap; tells STUN
 * from QUIC and from rubbish on one socket (RFC 9443). Classic messages, without a cookie, are not recognised
 * by this. */
bool bk_stun_looks_like(const uint8_t *data, size_t n);

/* BK_E_MALFORMED, BK_E_TRUNCATED, BK_E_TOO_BIG, BK_E_UNSUPPORTED (another method); unknown
 * comprehension-required attributes are collected, not an error here. Touches ret_msg only on success. */
int bk_stun_decode(const uint8_t *data, size_t n, struct bk_stun_msg *ret_msg);

/* Writes at most cap bytes. With `key`, MESSAGE-INTEGRITY (HMAC-SHA1, RFC 8489 section 14.5) is added; with
 * `fingerprint`, FINGERPRINT. Returns the length, or BK_E_FULL, BK_E_INVALID. */
int bk_stun_encode(const struct bk_stun_msg *m, const struct bk_stun_key *key, bool fingerprint, uint8_t *out,
	size_t cap);

/* Constant time. False also when the attribute is absent. */
bool bk_stun_check_integrity(
	const uint8_t *data, size_t n, const struct bk_stun_msg *m, const struct bk_stun_key *key);
bool bk_stun_check_fingerprint(const uint8_t *data, size_t n, const struct bk_stun_msg *m);

/* The mapped address that an answer tells, by whichever attribute; family 0 when it tells none. */
struct bk_addr bk_stun_mapped(const struct bk_stun_msg *m);

#endif

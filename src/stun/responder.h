/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_STUN_RESPONDER_H
#define BK_STUN_RESPONDER_H

#include "stun/msg.h"

/* The answering side, as a pure function of one question: which answer, from which of our (up to) four
 * sockets, to whom. Speaks RFC 8489, RFC 5780 (CHANGE-REQUEST, OTHER-ADDRESS, RESPONSE-ORIGIN, RESPONSE-PORT,
 * PADDING) and classic RFC 3489 (MAPPED-ADDRESS, SOURCE-ADDRESS, CHANGED-ADDRESS, an answer without cookie).
 * An answer is at most 3 times as long as its question; what does not fit is left out, the mapped address
 * never. */
enum { BK_STUN_SOCKETS = 4, BK_STUN_AMPLIFICATION_MAX = 3 };

/* Index of a socket: */
enum { BK_STUN_OTHER_PORT = 1, BK_STUN_OTHER_IP = 2 };

struct bk_stun_responder {
	struct bk_addr addrs[BK_STUN_SOCKETS]; /* as clients reach each; family 0: there is none */
};

struct bk_stun_answer {
	int socket; /* index to send from */
	struct bk_addr to;
	size_t len;
	uint8_t bytes[BK_STUN_MESSAGE_MAX];
};

/* `socket` is where the question came in. 0: answer it. Anything negative: say nothing. */
int bk_stun_respond(const struct bk_stun_responder *r, int socket, const struct bk_addr *from,
	const uint8_t *data, size_t n, struct bk_stun_answer *ret_answer);

#endif

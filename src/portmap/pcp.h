/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_PORTMAP_PCP_H
#define BK_PORTMAP_PCP_H

#include <bodkin/path.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

/* The messages of the Port Control Protocol, version 2 (RFC 6887), as far as we speak it: MAP, which asks for a
 * port of the router (over IPv6: for a hole in its firewall), and ANNOUNCE, which asks for nothing and is
 * answered nevertheless. */
enum {
	BK_PCP_VERSION = 2,
	BK_PCP_PORT = 5351, /* of the router; NAT-PMP's, too */
	BK_PCP_NONCE_LEN = 12,
	BK_PCP_REQUEST_MAX = 60,
	BK_PCP_MESSAGE_MAX = 1100, /* longer ones are not PCP */
};

enum bk_pcp_opcode { BK_PCP_ANNOUNCE = 0, BK_PCP_MAP = 1 };

enum bk_pcp_result {
	BK_PCP_SUCCESS = 0,
	BK_PCP_UNSUPP_VERSION = 1,
	BK_PCP_NOT_AUTHORIZED = 2,
	BK_PCP_NETWORK_FAILURE = 7,
	BK_PCP_NO_RESOURCES = 8,
	BK_PCP_USER_EX_QUOTA = 10,
	BK_PCP_CANNOT_PROVIDE_EXTERNAL = 11,
	BK_PCP_ADDRESS_MISMATCH = 12,
};

struct bk_pcp_map {
	uint8_t nonce[BK_PCP_NONCE_LEN]; /* who knows it may change the mapping */
	enum bk_transport transport;
	uint16_t own_port;
	struct bk_addr external; /* wished for in a request, given in an answer */
};

struct bk_pcp_request {
	enum bk_pcp_opcode opcode;
	uint32_t lifetime;  /* seconds; 0: delete */
	struct bk_addr own; /* the address that we send from */
	struct bk_pcp_map map;
};

struct bk_pcp_answer {
	uint8_t version; /* what the router speaks; where it is not ours, only the result is filled in */
	uint8_t opcode;
	uint8_t result;
	uint32_t lifetime; /* of the mapping; of an error: for how long it stays */
	uint32_t epoch;    /* seconds since the router forgot its mappings last */
	bool has_map;
	struct bk_pcp_map map;
};

/* The length, at most BK_PCP_REQUEST_MAX. BK_E_FULL. */
int bk_pcp_encode(const struct bk_pcp_request *q, uint8_t *out, size_t max);
/* BK_E_TRUNCATED, BK_E_MALFORMED: it is no answer of PCP's. A success to MAP has its mapping. */
int bk_pcp_decode(const uint8_t *data, size_t len, struct bk_pcp_answer *ret_answer);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_PORTMAP_NATPMP_H
#define BK_PORTMAP_NATPMP_H

#include <bodkin/path.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

/* The messages of NAT-PMP (RFC 6886), PCP's elder: IPv4 alone, to the same port of the router. */

enum bk_natpmp_opcode { BK_NATPMP_ADDRESS = 0, BK_NATPMP_MAP_UDP = 1, BK_NATPMP_MAP_TCP = 2 };

enum bk_natpmp_result {
	BK_NATPMP_SUCCESS = 0,
	BK_NATPMP_UNSUPP_VERSION = 1, /* so a router says that it has no PCP */
	BK_NATPMP_NOT_AUTHORIZED = 2,
	BK_NATPMP_NETWORK_FAILURE = 3,
	BK_NATPMP_NO_RESOURCES = 4,
	BK_NATPMP_UNSUPP_OPCODE = 5,
};

struct bk_natpmp_request {
	enum bk_natpmp_opcode opcode;
	uint16_t own_port, external_port;
	uint32_t lifetime; /* seconds; 0: delete */
};

struct bk_natpmp_answer {
	enum bk_natpmp_opcode opcode;
	uint16_t result;
	uint32_t epoch;
	uint16_t own_port; /* 0: a refusal need not name it */
	/* Of a success alone: */
	struct bk_addr external; /* ADDRESS; port 0 */
	uint16_t external_port;
	uint32_t lifetime;
};

enum bk_natpmp_opcode bk_natpmp_opcode_for(enum bk_transport t);

/* The length, at most 12. BK_E_FULL. */
int bk_natpmp_encode(const struct bk_natpmp_request *q, uint8_t *out, size_t max);
/* BK_E_TRUNCATED, BK_E_MALFORMED: it is no answer of NAT-PMP's. */
int bk_natpmp_decode(const uint8_t *data, size_t len, struct bk_natpmp_answer *ret_answer);

#endif

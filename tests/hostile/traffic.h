/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_TESTS_HOSTILE_TRAFFIC_H
#define BK_TESTS_HOSTILE_TRAFFIC_H

#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"

/* What this process sends, to whom and how often: connect, sendmsg, sendmmsg and listen are taken out of the
 * library's hands. Only what goes to 127.0.0.1 goes out. A connection to anybody else is refused, or gets no
 * answer; a datagram is swallowed. */
enum { TRAFFIC_MAX = 256 };

struct traffic_entry {
	struct bk_addr to;
	bool is_tcp;
	unsigned count; /* connections begun, or datagrams */
};

struct traffic {
	bool is_silent;     /* strangers answer nothing; else they refuse */
	uint16_t only_port; /* at 127.0.0.1; everybody else is a stranger. 0: all ports */
	struct traffic_entry entries[TRAFFIC_MAX];
	size_t len;
	unsigned listeners, races;
};

extern struct traffic traffic;

void traffic_reset(bool is_silent);

#endif

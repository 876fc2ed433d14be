/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_RENDEZVOUS_TARGET_H
#define BK_RENDEZVOUS_TARGET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/place.h"
#include "secure/identity.h"

/* Where the server is, as people write it: HOST[:PORT][#PIN], without a port BK_SERVER_PORT;
 * "[2001:db8::1]:15005" for IPv6. */
enum { BK_TARGET_HOST_MAX = BK_PLACE_HOST_MAX };

struct bk_target {
	char host[BK_TARGET_HOST_MAX + 1];
	uint16_t port;
	bool has_pin;
	struct bk_pin pin;
};

enum { BK_TARGET_STR_MAX = BK_TARGET_HOST_MAX + 10 };

/* "HOST:PORT", with brackets around IPv6. Returns out. */
const char *bk_target_to_str(const struct bk_target *t, char out[BK_TARGET_STR_MAX]);
int bk_target_from_str(const char *s, struct bk_target *ret_target); /* BK_E_MALFORMED */

/* Behind the text of why it could not be connected to: what the network here may be like, in brackets; or "". */
const char *bk_target_hint(const struct bk_target *t, int error);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Reads HOST[:PORT][#PIN]: a place and the key that is to be met there. */
#include "rendezvous/target.h"

#include <bodkin/server.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

enum { HTTPS_PORT = 443 };

int bk_target_from_str(const char *s, struct bk_target *ret_target)
{
	const char *hash = strchr(s, '#');
	struct bk_target t = {.has_pin = hash};
	struct bk_place p;

	if (bk_place_from_str(s, strcspn(s, "#"), BK_SERVER_PORT, &p) < 0 ||
		(hash && bk_pin_from_str(hash + 1, &t.pin) < 0))
		return BK_E_MALFORMED;
	memcpy(t.host, p.host, sizeof(t.host));
	t.port = p.port;
	*ret_target = t;
	return 0;
}

const char *bk_target_to_str(const struct bk_target *t, char out[BK_TARGET_STR_MAX])
{
	bool is_v6 = strchr(t->host, ':');

	snprintf(out, BK_TARGET_STR_MAX, "%s%s%s:%u", is_v6 ? "[" : "", t->host, is_v6 ? "]" : "", t->port);
	return out;
}

const char *bk_target_hint(const struct bk_target *t, int error)
{
	return error == BK_E_TIMEOUT && t->port != HTTPS_PORT
		       ? " (where only the web is let out, it has to run at port 443)"
		       : "";
}

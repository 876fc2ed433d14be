/* SPDX-License-Identifier: Apache-2.0 */
/* The one loop around a TLS engine's input. Records are gathered into the scratch space until it
 * cannot hold another, so that a bulk receiver is called for 256 KiB and not for every 16. */
#include "secure/stream.h"

#include <stdbool.h>

#include "base/error.h"

enum { ROOM = BK_TLS_READ_ROOM };

static int hand_on(const struct bk_tls_events *events, void *arg, const uint8_t *data, size_t n)
{
	return n ? events->on_data(arg, data, n) : 0;
}

int bk_tls_advance(
	struct bk_tls *t, const struct bk_tls_events *events, void *arg, uint8_t *scratch, size_t scratch_len)
{
	size_t have = 0;
	bool was_secure = bk_tls_is_secure(t);
	int err = bk_tls_handshake(t);

	if (err < 0)
		return err;
	if (!was_secure && events->on_secure)
		events->on_secure(arg);
	for (;;) {
		ssize_t got;

		if (scratch_len - have < ROOM) {
			err = hand_on(events, arg, scratch, have);
			if (err < 0)
				return err;
			have = 0;
		}
		got = bk_tls_read(t, scratch + have, scratch_len - have);
		if (got < 0) {
			err = hand_on(events, arg, scratch, have);
			return err < 0 ? err : (int)got;
		}
		have += (size_t)got;
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A router that says anything at any time: the first byte of each piece is how long it waits, the second what it
 * says it about (the nonce is put in for it: it knows it), the third how much it says. The engine must not
 * ask more than a bounded number of times, nor hold what makes no sense. */
#include <assert.h>
#include <string.h>

#include "portmap/pcp.h"
#include "portmap/portmap.h"

enum { SOCKET = 7, NEWS = 8, OWN_PORT = 40000, PIECE_MAX = 64, NONCE_AT = 24 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t nonce[BK_PCP_NONCE_LEN];
static long sent;

static void drain(struct bk_portmap *p)
{
	struct bk_action a;

	while (bk_portmap_ops.next_action(p, &a)) {
		if (a.type != BK_ACT_DATAGRAM)
			continue;
		sent++;
		if (a.len == BK_PCP_REQUEST_MAX)
			memcpy(nonce, a.data + NONCE_AT, sizeof(nonce));
	}
}

static void pass_time(struct bk_portmap *p, bk_time *now, bk_dur d)
{
	bk_time until = *now + d;

	for (bk_time wake; (wake = bk_portmap_ops.next_wake(p)) <= until;) {
		assert(wake >= *now);
		*now = wake;
		bk_portmap_ops.on_time(p, *now);
		drain(p);
	}
	*now = until;
}

static void check(const struct bk_portmap *p, bk_time now)
{
	for (int t = BK_TRANSPORT_TCP; t <= BK_TRANSPORT_UDP; t++) {
		const struct bk_portmap_lease *l = bk_portmap_find(p, (enum bk_transport)t, OWN_PORT);

		if (!l || !l->external.family)
			continue;
		assert(l->external.port >= BK_PORTMAP_PORT_MIN && l->trouble == BK_PORTMAP_FINE);
		assert(l->until > now && l->until <= now + 24 * 3600 * BK_SEC);
		assert(bk_addr_realm(&l->external) >= BK_ADDR_PRIVATE);
	}
}

static void say(struct bk_portmap *p, uint8_t how, const uint8_t *bytes, size_t len, bk_time now)
{
	const struct bk_addr from = bk_addr_v4(10, 0, 0, 1, BK_PCP_PORT);
	uint8_t piece[PIECE_MAX];

	memcpy(piece, bytes, len);
	if ((how & 1) && len >= NONCE_AT + sizeof(nonce))
		memcpy(piece + NONCE_AT, nonce, sizeof(nonce));
	bk_portmap_ops.on_datagram(p, how & 2 ? NEWS : SOCKET, &from, piece, len, now);
	drain(p);
	check(p, now);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct bk_portmap_opts opts = {
		.gateway = bk_addr_v4(10, 0, 0, 1, 0),
		.own = bk_addr_v4(10, 0, 0, 2, 5000),
		.socket = SOCKET,
		.announcements = NEWS,
		.seed = 1,
	};
	bk_time now = BK_SEC;
	long pieces = 0;
	struct bk_portmap *p;

	sent = 0;
	if (bk_portmap_new(&opts, now, &p) < 0)
		return 0;
	bk_portmap_want(p, BK_TRANSPORT_UDP, OWN_PORT, now);
	bk_portmap_want(p, BK_TRANSPORT_TCP, OWN_PORT, now);
	drain(p);
	while (size >= 3) {
		bk_dur wait = (bk_dur)data[0] * data[0] * data[0] * BK_MS;
		uint8_t how = data[1];
		size_t len = data[2] % PIECE_MAX;

		data += 3;
		size -= 3;
		len = len < size ? len : size;
		pass_time(p, &now, wait);
		if (how & 4)
			(void)bk_portmap_doubt(p, now);
		say(p, how, data, len, now);
		data += len;
		size -= len;
		pieces++;
	}
	bk_portmap_leave(p, now);
	drain(p);
	pass_time(p, &now, 10 * BK_SEC);
	assert(bk_portmap_ops.next_wake(p) == BK_NEVER);
	/* a piece makes at most a round for each lease, and 16777 s bring at most one every few seconds */
	assert(sent <= 100 + pieces * 20000);
	bk_portmap_free(p);
	return 0;
}

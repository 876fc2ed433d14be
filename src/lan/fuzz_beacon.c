/* SPDX-License-Identifier: Apache-2.0 */
/* Datagrams of strangers for one that keeps two names and seeks two others: each is as long as the first byte says.
 * What it then says stays within its ceilings, and nothing is sent that nobody asked for. */
#include <stdlib.h>

#include "lan/beacon.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void drain(struct bk_beacon *b, unsigned *found)
{
	struct bk_beacon_action a;

	while (bk_beacon_next(b, &a)) {
		if (a.what == BK_BEACON_SEND || a.what == BK_BEACON_PASS)
			continue;
		if (a.what == BK_BEACON_FOUND && (!a.addr.port || ++*found > 2 * BK_BEACON_PLACES_MAX))
			abort();
		if (a.id < 0 || a.id >= BK_BEACON_SEEKS_MAX)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t id[BK_BEACON_ID_LEN] = {9};
	struct bk_addr from = bk_addr_v4(10, 0, 0, 1, 1000);
	struct bk_beacon b;
	unsigned found = 0;
	bk_time now = BK_SEC;

	bk_beacon_init(&b, id, 60 * BK_SEC, now); /* minute 1 */
	for (uint32_t n = 1; n <= 2; n++) {
		struct bk_beacon_name kept = bk_beacon_name_of_number(n);
		struct bk_beacon_name sought = bk_beacon_name_of_number(n + 2);

		bk_beacon_host(&b, &kept, NULL, 4000, now);
		bk_beacon_seek(&b, &sought, 3600 * BK_SEC, now);
	}
	bk_beacon_on_time(&b, now);
	drain(&b, &found);
	while (size > 1) {
		size_t n = data[0] < size - 1 ? data[0] : size - 1;

		from.ip[3] = (uint8_t)(data[0] & 3);
		from.ip[0] = data[0] & 8 ? 127 : 10;
		bk_beacon_on_datagram(&b, &from, data + 1, n, now);
		drain(&b, &found);
		now += 10 * BK_MS;
		bk_beacon_on_time(&b, now);
		drain(&b, &found);
		data += 1 + n;
		size -= 1 + n;
	}
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "path/early.h"

#include <string.h>

static bool is_of(const struct bk_early_datagram *d, const struct bk_early_place *at)
{
	return d->len && d->place.run == at->run && bk_way_equal(&d->place.way, &at->way);
}

void bk_early_keep(struct bk_early *e, const struct bk_early_place *at, const uint8_t *data, size_t len)
{
	struct bk_early_datagram *free_place = NULL;
	size_t of_way = 0;

	for (size_t i = BK_EARLY_MAX; i-- > 0;) {
		of_way += is_of(&e->datagrams[i], at);
		if (!e->datagrams[i].len)
			free_place = &e->datagrams[i];
	}
	if (!free_place || of_way >= BK_EARLY_OF_WAY_MAX || len > BK_EARLY_LEN)
		return;
	free_place->place = *at;
	free_place->len = len;
	memcpy(free_place->bytes, data, len);
}

void bk_early_hand_out(struct bk_early *e, unsigned run, uint32_t socket,
	bool (*take)(void *arg, const struct bk_addr *from, const uint8_t *data, size_t len), void *arg)
{
	for (size_t i = 0; i < BK_EARLY_MAX; i++) {
		struct bk_early_datagram *d = &e->datagrams[i];

		if (d->len && d->place.run == run && d->place.way.socket == socket &&
			take(arg, &d->place.way.remote, d->bytes, d->len))
			d->len = 0;
	}
}

void bk_early_forget(struct bk_early *e, unsigned run)
{
	for (size_t i = 0; i < BK_EARLY_MAX; i++) {
		if (e->datagrams[i].place.run == run)
			e->datagrams[i].len = 0;
	}
}

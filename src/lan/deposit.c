/* SPDX-License-Identifier: Apache-2.0 */
#include "lan/deposit.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

enum { NUMBERS = 999, TRIES = 20 };

int bk_deposit_put(struct bk_deposit *d, uint32_t wish, const void *body, size_t n)
{
	bk_deposit_drop(d);
	d->body = malloc(n ? n : 1);
	if (!d->body)
		return BK_E_NOMEM;
	if (n)
		memcpy(d->body, body, n);
	d->len = n;
	d->is_wished = wish;
	d->number = wish;
	return 0;
}

void bk_deposit_drop(struct bk_deposit *d)
{
	free(d->body);
	*d = (struct bk_deposit){.body = NULL};
}

int bk_deposit_ask(struct bk_deposit *d, struct bk_air *air, struct bk_air_seeker *seeker)
{
	struct bk_beacon_name name;

	if (!d->is_wished)
		d->number = 1 + randombytes_uniform(NUMBERS);
	name = bk_beacon_name_of_number(d->number);
	bk_air_rest(air, seeker);
	return bk_air_seek(air, seeker, &name, BK_DEPOSIT_PATIENCE);
}

bool bk_deposit_may_go_on(struct bk_deposit *d)
{
	return d->body && !d->is_wished && d->tries++ < TRIES;
}

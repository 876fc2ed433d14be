/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/budget.h"

#include <stdatomic.h>

#include "base/error.h"

static atomic_size_t all;

int bk_budget_set(struct bk_budget *b, uint64_t bytes)
{
	size_t sum = atomic_load(&all), wanted;

	if (bytes > BK_BUDGET_ALL / 2)
		return BK_E_TOO_BIG;
	do {
		size_t others = sum - b->taken;

		if (bytes > b->taken && (others >= BK_BUDGET_ALL || bytes > (BK_BUDGET_ALL - others) / 2))
			return BK_E_FULL;
		wanted = others + (size_t)bytes;
	} while (!atomic_compare_exchange_weak(&all, &sum, wanted));
	b->taken = (size_t)bytes;
	return 0;
}

void bk_budget_done(struct bk_budget *b)
{
	(void)bk_budget_set(b, 0);
}

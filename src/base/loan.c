/* SPDX-License-Identifier: Apache-2.0 */
#include "base/loan.h"

#include <stdlib.h>

#include "base/assert.h"

enum { WORTH = 4 };

static _Thread_local struct bk_loan *lent;

struct bk_loan *bk_loan_new(size_t size)
{
	struct bk_loan *l = size > SIZE_MAX - sizeof(*l) ? NULL : malloc(sizeof(*l) + size);

	if (!l)
		return NULL;
	atomic_init(&l->refs, 1);
	l->size = size;
	return l;
}

void bk_loan_unref(struct bk_loan *l)
{
	unsigned had;

	if (!l)
		return;
	had = atomic_fetch_sub_explicit(&l->refs, 1, memory_order_acq_rel);
	bk_assert(had > 0);
	if (had == 1)
		free(l);
}

bool bk_loan_is_shared(const struct bk_loan *l)
{
	return atomic_load_explicit(&l->refs, memory_order_acquire) > 1;
}

struct bk_loan **bk_loan_pick(struct bk_loan **places, size_t n)
{
	struct bk_loan **at = places, **last = places + n - 1;

	bk_assert(n > 0);
	while (at < last && *at && bk_loan_is_shared(*at))
		at++;
	if (*at && bk_loan_is_shared(*at)) {
		bk_loan_unref(*at);
		*at = NULL;
	}
	return at;
}

struct bk_loan *bk_loan_begin(struct bk_loan *l)
{
	struct bk_loan *before = lent;

	lent = l;
	return before;
}

void bk_loan_end(struct bk_loan *before)
{
	lent = before;
}

struct bk_loan *bk_loan_keep(const void *data, size_t n)
{
	const uintptr_t at = (uintptr_t)data, start = lent ? (uintptr_t)lent->bytes : 0;

	if (!lent || n < lent->size / WORTH || at < start || at - start > lent->size ||
		n > lent->size - (at - start))
		return NULL;
	atomic_fetch_add_explicit(&lent->refs, 1, memory_order_relaxed);
	return lent;
}

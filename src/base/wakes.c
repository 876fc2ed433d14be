/* SPDX-License-Identifier: Apache-2.0 */
/* A binary heap of instants. Each item knows its place, so removing is as cheap as adding. */
#include "base/wakes.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/error.h"

enum { CAP_MIN = 16 };

void bk_wakes_done(struct bk_wakes *w)
{
	free(w->heap);
	*w = (struct bk_wakes){0};
}

int bk_wakes_reserve(struct bk_wakes *w, size_t count)
{
	size_t cap = w->cap ? w->cap : CAP_MIN;
	struct bk_wake **heap;

	while (cap <= count)
		cap *= 2;
	if (cap == w->cap)
		return 0;
	heap = realloc(w->heap, cap * sizeof(struct bk_wake *));
	if (!heap)
		return BK_E_NOMEM;
	w->heap = heap;
	w->cap = cap;
	return 0;
}

static void put(struct bk_wakes *w, struct bk_wake *item, size_t place)
{
	w->heap[place] = item;
	item->place = place;
}

static void sift_up(struct bk_wakes *w, struct bk_wake *item)
{
	size_t i = item->place;

	for (; i > 1 && w->heap[i / 2]->at > item->at; i /= 2)
		put(w, w->heap[i / 2], i);
	put(w, item, i);
}

static void sift_down(struct bk_wakes *w, struct bk_wake *item)
{
	size_t i = item->place, child;

	for (; (child = 2 * i) <= w->len; i = child) {
		if (child < w->len && w->heap[child + 1]->at < w->heap[child]->at)
			child++;
		if (w->heap[child]->at >= item->at)
			break;
		put(w, w->heap[child], i);
	}
	put(w, item, i);
}

void bk_wakes_set(struct bk_wakes *w, struct bk_wake *item, bk_time at)
{
	if (item->place && item->at <= at)
		return;
	item->at = at;
	if (!item->place) {
		bk_assert(w->len + 1 < w->cap);
		put(w, item, ++w->len);
	}
	sift_up(w, item);
}

void bk_wakes_remove(struct bk_wakes *w, struct bk_wake *item)
{
	struct bk_wake *moved;

	if (!item->place)
		return;
	moved = w->heap[w->len--];
	if (moved != item) {
		put(w, moved, item->place);
		sift_up(w, moved);
		sift_down(w, moved);
	}
	item->place = 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "server/pages.h"

#include <stdlib.h>

struct page {
	struct bk_list link;
	uint64_t behind, last; /* seats */
	struct bk_chunk *bytes;
};

static void drop(struct page *page)
{
	bk_list_remove(&page->link);
	bk_chunk_unref(page->bytes);
	free(page);
}

void bk_pages_init(struct bk_pages *p)
{
	bk_list_init(&p->all);
}

void bk_pages_done(struct bk_pages *p)
{
	bk_pages_forget(p, 0);
}

struct bk_chunk *bk_pages_find(const struct bk_pages *p, uint64_t behind, uint64_t before, uint64_t *ret_last)
{
	bk_list_each(it, tmp, &p->all)
	{
		const struct page *page = bk_container_of(it, struct page, link);

		if (page->behind != behind || page->last >= before)
			continue;
		*ret_last = page->last;
		return page->bytes;
	}
	return NULL;
}

void bk_pages_put(struct bk_pages *p, uint64_t behind, uint64_t last, struct bk_chunk *bytes)
{
	struct page *page = NULL;
	uint64_t end = 0;

	if (!bk_list_empty(&p->all))
		end = bk_container_of(p->all.prev, struct page, link)->last;
	if (end == behind)
		page = calloc(1, sizeof(*page));
	if (!page)
		return;
	page->behind = behind;
	page->last = last;
	page->bytes = bk_chunk_ref(bytes);
	bk_list_append(&p->all, &page->link);
}

void bk_pages_forget(struct bk_pages *p, uint64_t seat)
{
	bk_list_each(it, tmp, &p->all)
	{
		struct page *page = bk_container_of(it, struct page, link);

		if (page->last >= seat)
			drop(page);
	}
}

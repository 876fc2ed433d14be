/* SPDX-License-Identifier: Apache-2.0 */
#include "group/archive.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

void bk_archive_init(struct bk_archive *a)
{
	*a = (struct bk_archive){0};
	bk_list_init(&a->all);
}

static void drop(struct bk_archive *a, struct bk_archived *p)
{
	bk_list_remove(&p->link);
	a->bytes -= p->len;
	free(p);
}

void bk_archive_done(struct bk_archive *a)
{
	bk_list_each(it, tmp, &a->all) drop(a, bk_container_of(it, struct bk_archived, link));
}

static void drop_oldest_until_it_fits(struct bk_archive *a)
{
	bk_list_each(it, tmp, &a->all)
	{
		struct bk_archived *p = bk_container_of(it, struct bk_archived, link);

		if (a->told - p->at < BK_ARCHIVE_MAX && a->bytes <= BK_ARCHIVE_BYTES)
			break;
		drop(a, p);
	}
}

void bk_archive_told(struct bk_archive *a)
{
	a->told++;
	drop_oldest_until_it_fits(a);
}

int bk_archive_put(struct bk_archive *a, const uint8_t hash[BK_REMARK_HASH_LEN], bool is_ours,
	const uint8_t *sealed, size_t len)
{
	struct bk_archived *p = calloc(1, sizeof(*p) + len);

	if (!p)
		return BK_E_NOMEM;
	memcpy(p->hash, hash, sizeof(p->hash));
	p->is_ours = is_ours;
	p->is_told = true;
	p->at = a->told;
	p->len = len;
	memcpy(p->sealed, sealed, len);
	bk_list_append(&a->all, &p->link);
	a->bytes += len;
	drop_oldest_until_it_fits(a);
	return 0;
}

void bk_archive_heard(struct bk_archive *a, const uint8_t hash[BK_REMARK_HASH_LEN])
{
	bk_list_each(it, tmp, &a->all)
	{
		struct bk_archived *p = bk_container_of(it, struct bk_archived, link);

		if (!memcmp(p->hash, hash, sizeof(p->hash)))
			p->is_told = true;
	}
}

void bk_archive_begin(struct bk_archive *a)
{
	bk_list_each(it, tmp, &a->all) bk_container_of(it, struct bk_archived, link)->is_told = false;
}

const struct bk_archived *bk_archive_before(const struct bk_archive *a, const struct bk_archived *p)
{
	struct bk_list *at = p ? p->link.prev : a->all.prev;

	return at == &a->all ? NULL : bk_container_of(at, struct bk_archived, link);
}

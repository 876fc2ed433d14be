/* SPDX-License-Identifier: Apache-2.0 */
/* Letters and their ceilings. */
#include "server/letters.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "server/limits.h"

void bk_letters_init(struct bk_letters *l)
{
	bk_list_init(&l->all);
	l->count = 0;
}

int bk_letters_check(const struct bk_letters *l, size_t len)
{
	if (l->count >= BK_LIMIT_MAILS)
		return BK_E_FULL;
	return len > BK_LIMIT_MAIL_BYTES ? BK_E_TOO_BIG : 0;
}

int bk_letters_put(
	struct bk_letters *l, struct bk_letter_bag *bag, void *account, const void *body, size_t len)
{
	int err = bk_letters_check(l, len);
	struct bk_letter *m = err < 0 ? NULL : malloc(sizeof(*m) + len);

	if (!m) {
		bag->settle(bag->arg, account, len);
		return err < 0 ? err : BK_E_NOMEM;
	}
	m->account = account;
	m->len = len;
	if (len)
		memcpy(m->body, body, len);
	bk_list_init(&m->link);
	bk_list_append(&l->all, &m->link);
	l->count++;
	bag->bytes += len;
	return 0;
}

const struct bk_letter *bk_letters_front(const struct bk_letters *l)
{
	return bk_list_empty(&l->all) ? NULL : bk_container_of(l->all.next, struct bk_letter, link);
}

static void drop(struct bk_letters *l, struct bk_letter_bag *bag, struct bk_letter *m)
{
	bk_assert(l->count > 0 && bag->bytes >= m->len);
	bk_list_remove(&m->link);
	l->count--;
	bag->bytes -= m->len;
	bag->settle(bag->arg, m->account, m->len);
	free(m);
}

void bk_letters_pop(struct bk_letters *l, struct bk_letter_bag *bag)
{
	drop(l, bag, bk_container_of(l->all.next, struct bk_letter, link));
}

void bk_letters_drop(struct bk_letters *l, struct bk_letter_bag *bag)
{
	bk_list_each(it, tmp, &l->all) drop(l, bag, bk_container_of(it, struct bk_letter, link));
}

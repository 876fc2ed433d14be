/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_BASE_LIST_H
#define BK_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/assert.h"

/* Intrusive doubly linked ring. The head is a bare bk_list; an element embeds one. Removing an
 * element that is in no list is allowed and does nothing, provided it was initialised. What is appended was
 * zeroed, initialised or removed before: it is in no other list. */
struct bk_list {
	struct bk_list *prev, *next;
};

#define bk_container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

static inline void bk_list_init(struct bk_list *l)
{
	l->prev = l->next = l;
}

static inline bool bk_list_empty(const struct bk_list *l)
{
	return l->next == l;
}

static inline void bk_list_append(struct bk_list *head, struct bk_list *item)
{
	bk_assert(!item->next || bk_list_empty(item));
	item->prev = head->prev;
	item->next = head;
	head->prev->next = item;
	head->prev = item;
}

static inline void bk_list_remove(struct bk_list *item)
{
	bk_assert(item->prev->next == item && item->next->prev == item);
	item->prev->next = item->next;
	item->next->prev = item->prev;
	bk_list_init(item);
}

/* Everything of `from` to the end of `head`, in its order. */
static inline void bk_list_splice(struct bk_list *head, struct bk_list *from)
{
	if (bk_list_empty(from))
		return;
	from->next->prev = head->prev;
	head->prev->next = from->next;
	from->prev->next = head;
	head->prev = from->prev;
	bk_list_init(from);
}

/* Walks with removal of `it` itself allowed inside the body. */
#define bk_list_each(it, tmp, head)                                                                          \
	for (struct bk_list *it = (head)->next, *tmp = it->next; it != (head); it = tmp, tmp = it->next)

#endif

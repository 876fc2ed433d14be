/* SPDX-License-Identifier: Apache-2.0 */
/* One post under way, the others behind it. What is sealed stands in front. */
#include "group/saying.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

void bk_saying_init(struct bk_saying *o)
{
	*o = (struct bk_saying){0};
	bk_list_init(&o->all);
}

static struct bk_outgoing *front(const struct bk_saying *o)
{
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): what was freed was taken out of the list */
	return bk_list_empty(&o->all) ? NULL : bk_container_of(o->all.next, struct bk_outgoing, link);
}

static void drop(struct bk_saying *o, struct bk_outgoing *p)
{
	bool is_front = p == front(o);

	bk_list_remove(&p->link);
	*(p->ticket ? &o->count : &o->again) -= 1;
	o->bytes -= p->len;
	bk_buf_done(&p->sealed);
	sodium_memzero(p->content, p->len);
	free(p);
	if (is_front)
		bk_saying_lost(o);
}

void bk_saying_done(struct bk_saying *o)
{
	bk_list_each(it, tmp, &o->all) drop(o, bk_container_of(it, struct bk_outgoing, link));
}

int bk_saying_put(struct bk_saying *o, uint32_t ticket, uint8_t kind, uint64_t sent_ms, bk_time until,
	const void *content, size_t len)
{
	struct bk_outgoing *p;

	if (len > BK_REMARK_CONTENT_MAX)
		return BK_E_TOO_BIG;
	if (o->count >= BK_SAYING_MAX || o->bytes + len > BK_SAYING_BYTES)
		return BK_E_AGAIN;
	p = calloc(1, sizeof(*p) + len);
	if (!p)
		return BK_E_NOMEM;
	p->ticket = ticket;
	p->kind = kind;
	p->sent_ms = sent_ms;
	p->until = until;
	p->len = len;
	if (len)
		memcpy(p->content, content, len);
	bk_buf_init(&p->sealed, BK_GROUP_POST_MAX);
	bk_list_append(&o->all, &p->link);
	o->count++;
	o->bytes += len;
	return 0;
}

int bk_saying_put_again(
	struct bk_saying *o, const uint8_t hash[BK_REMARK_HASH_LEN], const uint8_t *sealed, size_t len)
{
	struct bk_outgoing *p = calloc(1, sizeof(*p));
	int err = p ? 0 : BK_E_NOMEM;

	if (err < 0)
		return err;
	bk_buf_init(&p->sealed, BK_GROUP_POST_MAX);
	err = bk_buf_append(&p->sealed, sealed, len);
	if (err < 0) {
		free(p);
		return err;
	}
	memcpy(p->hash, hash, sizeof(p->hash));
	bk_list_append(o->all.next, &p->link);
	o->again++;
	return 0;
}

void bk_saying_drop_again(struct bk_saying *o)
{
	bk_list_each(it, tmp, &o->all)
	{
		struct bk_outgoing *p = bk_container_of(it, struct bk_outgoing, link);

		if (p->ticket)
			break;
		drop(o, p);
	}
}

struct bk_outgoing *bk_saying_next(const struct bk_saying *o, bk_time now)
{
	return o->is_under_way || now < o->due ? NULL : front(o);
}

void bk_saying_sent(struct bk_saying *o, bk_time now)
{
	o->is_under_way = true;
	o->due = bk_time_add(now, BK_SAYING_PATIENCE);
}

int bk_saying_heard(struct bk_saying *o, const uint8_t hash[BK_REMARK_HASH_LEN], uint32_t *ret_ticket)
{
	bk_list_each(it, tmp, &o->all)
	{
		struct bk_outgoing *p = bk_container_of(it, struct bk_outgoing, link);

		if (!p->sealed.len)
			break;
		if (memcmp(p->hash, hash, sizeof(p->hash)) != 0)
			continue;
		*ret_ticket = p->ticket;
		drop(o, p);
		return 1;
	}
	return 0;
}

bool bk_saying_denied(struct bk_saying *o, uint32_t ticket, bk_dur wait, bk_time now)
{
	struct bk_outgoing *p = front(o);

	if (!p || !o->is_under_way || p->ticket != ticket)
		return false;
	if (!wait) {
		drop(o, p);
		return true;
	}
	o->is_under_way = false;
	o->due = bk_time_add(now, wait);
	return false;
}

void bk_saying_lost(struct bk_saying *o)
{
	o->is_under_way = false;
	o->doubt = BK_SAYING_TRUSTED;
	o->due = 0;
}

bool bk_saying_give_up(struct bk_saying *o, uint32_t *ret_ticket)
{
	struct bk_outgoing *p;

	bk_saying_drop_again(o);
	p = front(o);
	if (!p || !p->sealed.len)
		return false;
	*ret_ticket = p->ticket;
	drop(o, p);
	return true;
}

bool bk_saying_expire(struct bk_saying *o, bk_time now, uint32_t *ret_ticket)
{
	struct bk_outgoing *p = front(o);

	if (!p || p->sealed.len || now < p->until)
		return false;
	*ret_ticket = p->ticket;
	drop(o, p);
	return true;
}

bool bk_saying_is_overdue(struct bk_saying *o, bk_time now)
{
	if (!o->is_under_way || o->doubt != BK_SAYING_TRUSTED || now < o->due)
		return false;
	o->doubt = BK_SAYING_ASKED;
	return true;
}

void bk_saying_had(struct bk_saying *o, bk_time now)
{
	if (!o->is_under_way || o->doubt != BK_SAYING_ASKED)
		return;
	o->doubt = BK_SAYING_HAD;
	o->due = bk_time_add(now, BK_SAYING_GRACE);
}

bool bk_saying_is_withheld(struct bk_saying *o, bk_time now)
{
	if (!o->is_under_way || o->doubt != BK_SAYING_HAD || now < o->due)
		return false;
	o->doubt = BK_SAYING_WITHHELD;
	return true;
}

bk_time bk_saying_next_wake(const struct bk_saying *o)
{
	if (bk_list_empty(&o->all) || o->doubt == BK_SAYING_ASKED || o->doubt == BK_SAYING_WITHHELD)
		return BK_NEVER;
	return o->due;
}

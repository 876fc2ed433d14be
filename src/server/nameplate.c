/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers that people say to each other should be short, and should not be guessable by counting: a free one
 * is drawn at random from a window that is at most half full and grows by tens. A mailbox has a ceiling for
 * each side and all mailboxes together have one, so that clients who leave mail and never come back cannot
 * fill the memory. A claimed number is never claimed again: a second claim would be a second guess at the
 * code. */
#include "server/nameplate.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/map.h"
#include "base/rng.h"
#include "server/limits.h"

struct bk_nameplates {
	struct bk_map *plates; /* by number */
	struct bk_list by_expiry;
	struct bk_rng rng;
	bk_dur lifetime;
	size_t mail_bytes;
};

enum { WINDOW_MIN = 99 };

struct bk_nameplates *bk_nameplates_new(const struct bk_nameplates_opts *opts)
{
	struct bk_nameplates *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	bk_list_init(&t->by_expiry);
	t->rng.state = opts->seed;
	t->lifetime = opts->lifetime;
	t->plates = bk_map_new(opts->max, bk_rng_next(&t->rng));
	if (!t->plates) {
		free(t);
		return NULL;
	}
	return t;
}

static void drop_mail(struct bk_nameplates *t, struct bk_mail *m)
{
	if (!m)
		return;
	bk_list_remove(&m->link);
	t->mail_bytes -= m->len;
	free(m);
}

static void free_plate(void *arg, void *value)
{
	struct bk_nameplates *t = arg;
	struct bk_nameplate *p = value;

	for (int i = 0; i < 2; i++) {
		bk_list_each(it, tmp, &p->side[i].mail)
			drop_mail(t, bk_container_of(it, struct bk_mail, link));
		bk_list_remove(&p->side[i].link);
		if (p->side[i].holder)
			p->side[i].holder->count--;
	}
	drop_mail(t, p->left);
	bk_list_remove(&p->by_expiry);
	free(p);
}

void bk_nameplates_free(struct bk_nameplates *t)
{
	if (!t)
		return;
	bk_map_each(t->plates, free_plate, t);
	bk_map_free(t->plates);
	free(t);
}

size_t bk_nameplates_count(const struct bk_nameplates *t)
{
	return bk_map_count(t->plates);
}

void bk_nameplate_holder_init(struct bk_nameplate_holder *h)
{
	bk_list_init(&h->plates);
	h->count = 0;
}

static struct bk_nameplate *find(const struct bk_nameplates *t, uint32_t number)
{
	return bk_map_get(t->plates, &number, sizeof(number));
}

/* A free one in a window at most half full: a few steps from a random place. */
static uint32_t draw_number(struct bk_nameplates *t)
{
	int64_t window = WINDOW_MIN;
	uint32_t number;

	while ((size_t)window < 2 * bk_nameplates_count(t) && window < BK_LIMIT_NAMEPLATE_NUMBER)
		window = window * 10 + 9;
	number = (uint32_t)bk_rng_range(&t->rng, 1, window);
	while (find(t, number))
		number = number % (uint32_t)window + 1;
	return number;
}

static int new_mail(struct bk_nameplates *t, const void *body, size_t len, struct bk_mail **ret_mail)
{
	struct bk_mail *m;

	if (len > BK_LIMIT_MAIL_BYTES)
		return BK_E_TOO_BIG;
	if (t->mail_bytes + len > BK_LIMIT_MAIL_TOTAL)
		return BK_E_FULL;
	m = malloc(sizeof(*m) + len);
	if (!m)
		return BK_E_NOMEM;
	m->len = len;
	bk_list_init(&m->link);
	if (len)
		memcpy(m->body, body, len);
	t->mail_bytes += len;
	*ret_mail = m;
	return 0;
}

static void hold(struct bk_nameplate *p, int side, struct bk_nameplate_holder *h)
{
	p->side[side].holder = h;
	bk_list_append(&h->plates, &p->side[side].link);
	h->count++;
}

static struct bk_nameplate *new_plate(uint32_t number)
{
	struct bk_nameplate *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->number = number;
	p->expires = BK_NEVER;
	bk_list_init(&p->by_expiry);
	for (int i = 0; i < 2; i++) {
		p->side[i].plate = p;
		bk_list_init(&p->side[i].link);
		bk_list_init(&p->side[i].mail);
	}
	return p;
}

int bk_nameplates_allocate(struct bk_nameplates *t, struct bk_nameplate_holder *h, uint32_t wish,
	const void *body, size_t len, struct bk_nameplate **ret_plate)
{
	struct bk_nameplate *p;
	int err;

	if (h->count >= BK_LIMIT_NAMEPLATES)
		return BK_E_FULL;
	if (wish > BK_LIMIT_NAMEPLATE_NUMBER)
		return BK_E_INVALID;
	if (wish && find(t, wish))
		return BK_E_EXISTS;
	p = new_plate(wish ? wish : draw_number(t));
	if (!p)
		return BK_E_NOMEM;
	err = len ? new_mail(t, body, len, &p->left) : 0;
	if (err == 0)
		err = bk_map_put(t->plates, &p->number, sizeof(p->number), p);
	if (err < 0) {
		free_plate(t, p);
		return err;
	}
	hold(p, 0, h);
	*ret_plate = p;
	return 0;
}

int bk_nameplates_claim(struct bk_nameplates *t, struct bk_nameplate_holder *h, uint32_t number,
	const uint8_t relay_token[BK_NAMEPLATE_TOKEN_LEN], bk_time now, struct bk_nameplate **ret_plate)
{
	struct bk_nameplate *p = find(t, number);

	if (!p || p->side[0].holder == h)
		return BK_E_NO_SUCH_PEER;
	if (p->side[1].holder)
		return BK_E_CODE_USED;
	if (h->count >= BK_LIMIT_NAMEPLATES)
		return BK_E_FULL;
	hold(p, 1, h);
	memcpy(p->relay_token, relay_token, sizeof(p->relay_token));
	p->expires = bk_time_add(now, t->lifetime);
	bk_list_append(&t->by_expiry, &p->by_expiry);
	*ret_plate = p;
	return 0;
}

bool bk_nameplate_is_claimed(const struct bk_nameplate *p)
{
	return p->side[0].holder && p->side[1].holder;
}

void bk_nameplates_refresh(struct bk_nameplates *t, struct bk_nameplate *p, bk_time now)
{
	bk_list_remove(&p->by_expiry);
	p->expires = bk_time_add(now, t->lifetime);
	bk_list_append(&t->by_expiry, &p->by_expiry);
}

struct bk_nameplate *bk_nameplate_of(const struct bk_nameplate_holder *h, uint32_t number)
{
	for (struct bk_list *it = h->plates.prev; it != &h->plates; it = it->prev) {
		struct bk_nameplate *p = bk_container_of(it, struct bk_nameplate_side, link)->plate;

		if (!number || p->number == number)
			return p;
	}
	return NULL;
}

int bk_nameplate_side_of(const struct bk_nameplate *p, const struct bk_nameplate_holder *h)
{
	return p->side[0].holder == h ? 0 : 1;
}

int bk_nameplates_put(struct bk_nameplates *t, struct bk_nameplate *p, int side, const void *body, size_t len)
{
	struct bk_mail *m;
	int err;

	if (p->side[side].mail_count >= BK_LIMIT_MAILS)
		return BK_E_FULL;
	err = new_mail(t, body, len, &m);
	if (err < 0)
		return err;
	bk_list_append(&p->side[side].mail, &m->link);
	p->side[side].mail_count++;
	return 0;
}

struct bk_mail *bk_nameplate_front(const struct bk_nameplate *p, int side)
{
	const struct bk_list *mail = &p->side[side].mail;

	return bk_list_empty(mail) ? NULL : bk_container_of(mail->next, struct bk_mail, link);
}

void bk_nameplates_pop(struct bk_nameplates *t, struct bk_nameplate *p, int side)
{
	drop_mail(t, bk_nameplate_front(p, side));
	p->side[side].mail_count--;
}

void bk_nameplates_release(struct bk_nameplates *t, struct bk_nameplate *p)
{
	bk_map_take(t->plates, &p->number, sizeof(p->number));
	free_plate(t, p);
}

struct bk_nameplate *bk_nameplates_expired(const struct bk_nameplates *t, bk_time now)
{
	if (bk_nameplates_next_expiry(t) > now)
		return NULL;
	return bk_container_of(t->by_expiry.next, struct bk_nameplate, by_expiry);
}

/* Every claim lives equally long, so the list is in order of expiry. */
bk_time bk_nameplates_next_expiry(const struct bk_nameplates *t)
{
	if (bk_list_empty(&t->by_expiry))
		return BK_NEVER;
	return bk_container_of(t->by_expiry.next, struct bk_nameplate, by_expiry)->expires;
}

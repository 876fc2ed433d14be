/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers that people say to each other should be short, and should not be guessable by counting: a free one
 * is drawn at random from a window that is at most half full and grows by tens. A mailbox has a ceiling for
 * each side and all mailboxes together have one, so that clients who leave mail and never come back cannot
 * fill the memory. A claimed number is never claimed again: a second claim would be a second guess at the
 * code. A meeting exists only while somebody is in it: whoever comes first after a restart makes it again, so
 * there is nothing to keep, and nothing for a stranger to leave behind. */
#include "server/nameplate.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/map.h"
#include "base/rng.h"
#include "server/limits.h"

struct bk_nameplates {
	struct bk_map *plates;   /* by number */
	struct bk_map *meetings; /* by secret */
	struct bk_list by_expiry, by_grace, by_short_grace;
	struct bk_rng rng;
	bk_dur lifetime, grace;
	size_t mail_bytes;
};

enum { WINDOW_MIN = 99 };

struct bk_nameplates *bk_nameplates_new(const struct bk_nameplates_opts *opts)
{
	struct bk_nameplates *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	bk_list_init(&t->by_expiry);
	bk_list_init(&t->by_grace);
	bk_list_init(&t->by_short_grace);
	t->rng.state = opts->seed;
	t->lifetime = opts->lifetime;
	t->grace = opts->grace ? opts->grace : BK_LIMIT_MEETING_GRACE;
	t->plates = bk_map_new(opts->max, bk_rng_next(&t->rng));
	t->meetings = bk_map_new(opts->max, bk_rng_next(&t->rng));
	if (!t->plates || !t->meetings) {
		bk_nameplates_free(t);
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

static void drop_mails(struct bk_nameplates *t, struct bk_nameplate_side *side)
{
	bk_list_each(it, tmp, &side->mail) drop_mail(t, bk_container_of(it, struct bk_mail, link));
	side->mail_count = 0;
}

static void let_go(struct bk_nameplate_side *side)
{
	bk_list_remove(&side->link);
	if (side->holder)
		side->holder->count--;
	side->holder = NULL;
}

static void free_plate(void *arg, void *value)
{
	struct bk_nameplates *t = arg;
	struct bk_nameplate *p = value;

	for (int i = 0; i < 2; i++) {
		drop_mails(t, &p->side[i]);
		let_go(&p->side[i]);
	}
	drop_mail(t, p->left);
	bk_list_remove(&p->by_expiry);
	free(p);
}

void bk_nameplates_free(struct bk_nameplates *t)
{
	if (!t)
		return;
	if (t->plates)
		bk_map_each(t->plates, free_plate, t);
	if (t->meetings)
		bk_map_each(t->meetings, free_plate, t);
	bk_map_free(t->plates);
	bk_map_free(t->meetings);
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
	p->expires = p->round = BK_NEVER;
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
	if (!p->number)
		return;
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

/* --- meetings --- */

static struct bk_nameplate *find_meeting(const struct bk_nameplates *t, const uint8_t *secret)
{
	return bk_map_get(t->meetings, secret, BK_NAMEPLATE_TOKEN_LEN);
}

size_t bk_nameplates_meetings(const struct bk_nameplates *t)
{
	return bk_map_count(t->meetings);
}

/* The holder's newest that has its two and a number still. */
static struct bk_nameplate *find_ripe(const struct bk_nameplate_holder *h, unsigned side)
{
	for (struct bk_list *it = h->plates.prev; it != &h->plates; it = it->prev) {
		struct bk_nameplate *p = bk_container_of(it, struct bk_nameplate_side, link)->plate;

		if (p->number && bk_nameplate_is_claimed(p) && p->side[side].holder == h)
			return p;
	}
	return NULL;
}

bool bk_nameplates_has(
	const struct bk_nameplates *t, const struct bk_nameplate_holder *h, const struct bk_rejoin *r)
{
	return find_meeting(t, r->secret) || (r->side <= 1 && find_ripe(h, r->side));
}

static int turn(struct bk_nameplates *t, struct bk_nameplate *p, const uint8_t *secret)
{
	int err;

	memcpy(p->secret, secret, sizeof(p->secret));
	err = bk_map_put(t->meetings, p->secret, sizeof(p->secret), p);
	if (err < 0)
		return err;
	bk_map_take(t->plates, &p->number, sizeof(p->number));
	bk_list_remove(&p->by_expiry);
	p->number = 0;
	p->expires = BK_NEVER;
	drop_mail(t, p->left);
	p->left = NULL;
	return 0;
}

static int make_meeting(struct bk_nameplates *t, const struct bk_nameplate_holder *h, const uint8_t *secret,
	struct bk_nameplate **ret_plate)
{
	struct bk_nameplate *p;
	int err;

	if (h->count >= BK_LIMIT_NAMEPLATES)
		return BK_E_FULL;
	p = new_plate(0);
	if (!p)
		return BK_E_NOMEM;
	memcpy(p->secret, secret, sizeof(p->secret));
	err = bk_map_put(t->meetings, p->secret, sizeof(p->secret), p);
	if (err < 0) {
		free_plate(t, p);
		return err;
	}
	*ret_plate = p;
	return 0;
}

/* One is away: the time of waiting runs from when that began. */
static void watch_absence(struct bk_nameplates *t, struct bk_nameplate *p, bool is_closed, bk_time now)
{
	bool complete = bk_nameplate_is_claimed(p);

	if (!complete && p->expires != BK_NEVER)
		return;
	bk_list_remove(&p->by_expiry);
	p->expires = BK_NEVER;
	if (complete)
		return;
	p->expires =
		bk_time_add(now, is_closed ? bk_time_min(t->grace, BK_LIMIT_MEETING_GRACE_SHORT) : t->grace);
	bk_list_append(is_closed ? &t->by_short_grace : &t->by_grace, &p->by_expiry);
}

static int take_side(struct bk_nameplates *t, struct bk_nameplate *p, struct bk_nameplate_holder *h,
	const struct bk_rejoin *r, bk_time now)
{
	struct bk_nameplate_side *side = &p->side[r->side];
	bool is_other = side->holder != h;

	if (p->side[!r->side].holder == h)
		return BK_E_INVALID;
	if (side->is_known && r->number <= side->rejoin)
		return BK_E_EXISTS;
	if (is_other && h->count >= BK_LIMIT_NAMEPLATES)
		return BK_E_FULL;
	side->is_known = true;
	side->rejoin = r->number;
	if (!is_other)
		return 0;
	let_go(side);
	hold(p, (int)r->side, h);
	watch_absence(t, p, false, now);
	return 1;
}

int bk_nameplates_rejoin(struct bk_nameplates *t, struct bk_nameplate_holder *h, const struct bk_rejoin *r,
	bool may_make, bk_time now, struct bk_nameplate **ret_plate)
{
	struct bk_nameplate *p;
	int err = 0;

	if (r->side > 1)
		return BK_E_INVALID;
	p = find_meeting(t, r->secret);
	if (!p && (p = find_ripe(h, r->side)))
		err = turn(t, p, r->secret);
	else if (!p)
		err = may_make ? make_meeting(t, h, r->secret, &p) : BK_E_RATE_LIMITED;
	if (!err)
		err = take_side(t, p, h, r, now);
	if (err >= 0)
		*ret_plate = p;
	return err;
}

bool bk_nameplates_await(struct bk_nameplates *t, struct bk_nameplate *p, struct bk_nameplate_holder *h,
	bool is_closed, bk_time now)
{
	struct bk_nameplate_side *side = &p->side[bk_nameplate_side_of(p, h)];

	if (p->number || !side->is_known || !bk_nameplate_is_claimed(p))
		return false;
	let_go(side);
	watch_absence(t, p, is_closed, now);
	return true;
}

void bk_nameplates_begin_round(struct bk_nameplates *t, struct bk_nameplate *p,
	const uint8_t token[BK_NAMEPLATE_TOKEN_LEN], bk_time now)
{
	memcpy(p->relay_token, token, sizeof(p->relay_token));
	p->round = now;
	for (int i = 0; i < 2; i++) {
		drop_mails(t, &p->side[i]);
		p->side[i].is_in = false;
	}
}

bool bk_nameplate_gets_mail(const struct bk_nameplate *p, int side)
{
	return p->round == BK_NEVER || p->side[side].is_in;
}

/* --- ending --- */

void bk_nameplates_release(struct bk_nameplates *t, struct bk_nameplate *p)
{
	if (p->number)
		bk_map_take(t->plates, &p->number, sizeof(p->number));
	else
		bk_map_take(t->meetings, p->secret, sizeof(p->secret));
	free_plate(t, p);
}

static struct bk_nameplate *first_of(const struct bk_list *l)
{
	return bk_list_empty(l) ? NULL : bk_container_of(l->next, struct bk_nameplate, by_expiry);
}

/* Every claim lives equally long, and so does every wait of a kind: the lists are in order of expiry. */
static struct bk_nameplate *first_to_expire(const struct bk_nameplates *t)
{
	struct bk_nameplate *of[] = {
		first_of(&t->by_expiry), first_of(&t->by_grace), first_of(&t->by_short_grace)};
	struct bk_nameplate *first = NULL;

	for (size_t i = 0; i < sizeof(of) / sizeof(of[0]); i++)
		if (of[i] && (!first || of[i]->expires < first->expires))
			first = of[i];
	return first;
}

struct bk_nameplate *bk_nameplates_expired(const struct bk_nameplates *t, bk_time now)
{
	struct bk_nameplate *p = first_to_expire(t);

	return p && p->expires <= now ? p : NULL;
}

bk_time bk_nameplates_next_expiry(const struct bk_nameplates *t)
{
	const struct bk_nameplate *p = first_to_expire(t);

	return p ? p->expires : BK_NEVER;
}

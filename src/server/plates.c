/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers that people say to each other should be short, and should not be guessable by counting: a free one
 * is drawn at random from a window that is at most a tenth full and grows by tens: whoever tries numbers finds
 * nothing nine times in ten. */
#include "server/plates.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "server/limits.h"

enum { WINDOW_MIN = 99, WINDOW_PART = 10 };

/* --- members and seats --- */

struct bk_member *bk_plates_member(const struct bk_plates *t, uint64_t who)
{
	return bk_map_get(t->members, &who, sizeof(who));
}

int bk_plates_make_member(struct bk_plates *t, uint64_t who, struct bk_member **ret_member)
{
	struct bk_member *h = bk_plates_member(t, who);
	int err;

	*ret_member = h;
	if (h)
		return 0;
	h = calloc(1, sizeof(*h));
	if (!h)
		return BK_E_NOMEM;
	h->who = who;
	bk_list_init(&h->seats);
	err = bk_map_put(t->members, &who, sizeof(who), h);
	if (err < 0)
		free(h);
	else
		*ret_member = h;
	return err;
}

void bk_plates_forget_idle(struct bk_plates *t, uint64_t who)
{
	struct bk_member *h = bk_plates_member(t, who);

	if (!h || h->count)
		return;
	bk_assert(bk_list_empty(&h->seats));
	bk_map_take(t->members, &who, sizeof(who));
	free(h);
}

void bk_plates_sit(struct bk_seat *s, struct bk_member *h)
{
	bk_assert(!s->member && s->plate->taken < s->plate->seats);
	s->member = h;
	s->plate->taken++;
	bk_list_append(&h->seats, &s->link);
	h->count++;
}

void bk_plates_stand(struct bk_plates *t, struct bk_seat *s)
{
	struct bk_member *h = s->member;

	if (!h)
		return;
	bk_assert(h->count > 0 && s->plate->taken > 0);
	bk_list_remove(&s->link);
	s->member = NULL;
	s->plate->taken--;
	h->count--;
	bk_plates_forget_idle(t, h->who);
}

struct bk_seat *bk_plate_seat_of(struct bk_plate *p, const struct bk_member *h)
{
	for (unsigned i = 0; i < p->seats; i++)
		if (p->seat[i].member == h)
			return &p->seat[i];
	return NULL;
}

struct bk_seat *bk_member_seat(const struct bk_member *h, uint32_t number)
{
	for (struct bk_list *it = h ? h->seats.prev : NULL; h && it != &h->seats; it = it->prev) {
		struct bk_seat *s = bk_container_of(it, struct bk_seat, link);

		if (!number || s->plate->number == number || s->plate->was == number)
			return s;
	}
	return NULL;
}

/* --- plates --- */

struct bk_plate *bk_plates_find(const struct bk_plates *t, uint32_t number)
{
	return bk_map_get(t->plates, &number, sizeof(number));
}

struct bk_plate *bk_plates_find_meeting(const struct bk_plates *t, const uint8_t *secret)
{
	return bk_map_get(t->meetings, secret, BK_BOARD_TOKEN_LEN);
}

static struct bk_plate *new_plate(uint32_t number, unsigned seats)
{
	struct bk_plate *p = calloc(1, sizeof(*p) + seats * sizeof(p->seat[0]));

	if (!p)
		return NULL;
	p->number = number;
	p->seats = seats;
	p->expires = p->doubted = p->round = BK_NEVER;
	bk_list_init(&p->by_expiry);
	bk_list_init(&p->by_doubt);
	bk_letters_init(&p->left);
	for (unsigned i = 0; i < seats; i++) {
		p->seat[i].plate = p;
		bk_list_init(&p->seat[i].link);
		bk_letters_init(&p->seat[i].letters);
	}
	return p;
}

void bk_plates_settle_claim(struct bk_plates *t, struct bk_seat *s, enum bk_board_outcome how)
{
	size_t n = 1;
	void *claim = s->claim;

	if (how == BK_BOARD_WRONG && s == &s->plate->seat[0])
		how = s->plate->has_been_claimed ? BK_BOARD_OVER : BK_BOARD_MISSED;
	if (how == BK_BOARD_WRONG)
		n = s->plate->number + s->plate->was;
	s->claim = NULL;
	if (claim)
		t->opts->events->settle(t->opts->arg, claim, BK_BOARD_TRY, n, how);
}

void bk_plates_settle_claims(struct bk_plates *t, struct bk_plate *p, enum bk_board_outcome how)
{
	for (unsigned i = 0; i < p->seats; i++)
		bk_plates_settle_claim(t, &p->seat[i], how);
	bk_plates_doubt_at(t, p, BK_NEVER);
}

static void free_plate(struct bk_plates *t, struct bk_plate *p)
{
	bk_plates_settle_claims(t, p, BK_BOARD_OVER);
	if (p->account)
		t->opts->events->settle(t->opts->arg, p->account, BK_BOARD_PLATE, 1, BK_BOARD_OVER);
	for (unsigned i = 0; i < p->seats; i++) {
		bk_letters_drop(&p->seat[i].letters, &t->bag);
		bk_plates_stand(t, &p->seat[i]);
	}
	bk_letters_drop(&p->left, &t->bag);
	bk_list_remove(&p->by_expiry);
	free(p);
}

/* A few steps from a random place. */
static uint32_t draw_number(struct bk_plates *t)
{
	int64_t window = WINDOW_MIN;
	uint32_t number;

	while ((size_t)window < WINDOW_PART * (bk_map_count(t->plates) + 1) &&
		window < BK_LIMIT_NAMEPLATE_NUMBER)
		window = window * 10 + 9;
	number = (uint32_t)bk_rng_range(&t->rng, 1, window);
	while (bk_plates_find(t, number))
		number = number % (uint32_t)window + 1;
	return number;
}

int bk_plates_put(
	struct bk_plates *t, uint32_t number, unsigned seats, void *account, struct bk_plate **ret_plate)
{
	struct bk_plate *p = new_plate(number ? number : draw_number(t), seats);
	int err = p ? bk_map_put(t->plates, &p->number, sizeof(p->number), p) : BK_E_NOMEM;

	if (err < 0) {
		free(p);
		return err;
	}
	p->account = account;
	*ret_plate = p;
	return 0;
}

static int name_meeting(struct bk_plates *t, struct bk_plate *p, const uint8_t *secret)
{
	memcpy(p->secret, secret, sizeof(p->secret));
	return bk_map_put(t->meetings, p->secret, sizeof(p->secret), p);
}

int bk_plates_put_meeting(struct bk_plates *t, const uint8_t *secret, unsigned seats, void *account,
	struct bk_plate **ret_plate)
{
	struct bk_plate *p = new_plate(0, seats);
	int err = p ? name_meeting(t, p, secret) : BK_E_NOMEM;

	if (err < 0) {
		free(p);
		return err;
	}
	p->account = account;
	*ret_plate = p;
	return 0;
}

int bk_plates_turn(struct bk_plates *t, struct bk_plate *p, const uint8_t *secret)
{
	int err = name_meeting(t, p, secret);

	if (err < 0)
		return err;
	bk_map_take(t->plates, &p->number, sizeof(p->number));
	p->was = p->number;
	p->number = 0;
	bk_letters_drop(&p->left, &t->bag);
	return 0;
}

void bk_plates_release(struct bk_plates *t, struct bk_plate *p)
{
	const struct bk_plate *had = p->number ? bk_map_take(t->plates, &p->number, sizeof(p->number))
					       : bk_map_take(t->meetings, p->secret, sizeof(p->secret));

	bk_assert(had == p);
	free_plate(t, p);
}

/* --- expiry --- */

void bk_plates_expire_at(struct bk_plates *t, struct bk_plate *p, unsigned list, bk_time at)
{
	bk_list_remove(&p->by_expiry);
	p->expires = at;
	if (at != BK_NEVER)
		bk_list_append(&t->expiring[list], &p->by_expiry);
}

static struct bk_plate *first_of(const struct bk_list *l)
{
	return bk_list_empty(l) ? NULL : bk_container_of(l->next, struct bk_plate, by_expiry);
}

struct bk_plate *bk_plates_first_to_expire(const struct bk_plates *t)
{
	struct bk_plate *first = NULL;

	for (size_t i = 0; i < sizeof(t->expiring) / sizeof(t->expiring[0]); i++) {
		struct bk_plate *p = first_of(&t->expiring[i]);

		if (p && (!first || p->expires < first->expires))
			first = p;
	}
	return first;
}

void bk_plates_doubt_at(struct bk_plates *t, struct bk_plate *p, bk_time at)
{
	bk_list_remove(&p->by_doubt);
	p->doubted = at;
	if (at != BK_NEVER)
		bk_list_append(&t->doubted, &p->by_doubt);
}

struct bk_plate *bk_plates_first_doubted(const struct bk_plates *t)
{
	return bk_list_empty(&t->doubted) ? NULL
					  : bk_container_of(t->doubted.next, struct bk_plate, by_doubt);
}

/* --- all of them --- */

static void settle_letter(void *arg, void *account, size_t len)
{
	const struct bk_plates *t = arg;

	t->opts->events->settle(t->opts->arg, account, BK_BOARD_LETTER, len, BK_BOARD_OVER);
}

int bk_plates_init(struct bk_plates *t, const struct bk_board_opts *opts)
{
	size_t max = opts->max;

	*t = (struct bk_plates){.rng.state = opts->seed, .opts = opts, .bag = {0, settle_letter, t}};
	for (size_t i = 0; i < sizeof(t->expiring) / sizeof(t->expiring[0]); i++)
		bk_list_init(&t->expiring[i]);
	bk_list_init(&t->doubted);
	t->plates = bk_map_new(max, bk_rng_next(&t->rng));
	t->meetings = bk_map_new(max, bk_rng_next(&t->rng));
	t->members = bk_map_new(2 * max * BK_BOARD_SEATS_MAX, bk_rng_next(&t->rng));
	return t->plates && t->meetings && t->members ? 0 : BK_E_NOMEM;
}

static void free_value(void *arg, void *value)
{
	free_plate(arg, value);
}

void bk_plates_done(struct bk_plates *t)
{
	if (t->plates && t->meetings && t->members) {
		bk_map_each(t->plates, free_value, t);
		bk_map_each(t->meetings, free_value, t);
		bk_assert(!t->bag.bytes && !bk_map_count(t->members));
	}
	bk_map_free(t->plates);
	bk_map_free(t->meetings);
	bk_map_free(t->members);
}

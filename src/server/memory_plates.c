/* SPDX-License-Identifier: Apache-2.0 */
/* Plates: the rules. A claimed seat is never claimed again: a second claim would be a second guess at the code. */
#include "server/memory.h"

#include <sodium.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "server/limits.h"

void bk_memory_end(struct bk_memory *m, struct bk_plate *p, const struct bk_seat *but, int why)
{
	bk_plates_settle_claims(&m->table, p, BK_BOARD_WRONG);
	for (unsigned i = 0; i < p->seats; i++)
		if (p->seat[i].member && &p->seat[i] != but)
			m->opts.events->on_released(m->opts.arg, p->seat[i].member->who, p->number, why);
	bk_plates_release(&m->table, p);
}

bool bk_memory_is_none(const uint8_t *secret)
{
	return !secret || sodium_is_zero(secret, BK_BOARD_TOKEN_LEN);
}

static bool is_heir(const struct bk_plate *p, const uint8_t *heir)
{
	return !bk_memory_is_none(heir) && !sodium_memcmp(p->heir, heir, BK_BOARD_TOKEN_LEN);
}

/* --- mail --- */

static bool gets_mail(const struct bk_seat *s)
{
	return s->member && (s->plate->round == BK_NEVER || s->is_in);
}

void bk_memory_deliver(struct bk_memory *m, struct bk_seat *s)
{
	const struct bk_letter *l;

	while (gets_mail(s) && (l = bk_letters_front(&s->letters)) &&
		m->opts.events->on_mail(m->opts.arg, s->member->who, l->body, l->len))
		bk_letters_pop(&s->letters, &m->table.bag);
}

int bk_memory_charge(struct bk_memory *m, uint64_t who, enum bk_board_cost cost, size_t n, void **ret_account)
{
	int err = m->opts.events->charge(m->opts.arg, who, cost, n, ret_account);

	if (err < 0)
		*ret_account = NULL;
	return err;
}

/* For all of the others, or for none. */
static int charge_mail(
	struct bk_memory *m, const struct bk_seat *from, size_t len, void *accounts[BK_BOARD_SEATS_MAX])
{
	const struct bk_plate *p = from->plate;
	unsigned n = 0;
	int err = 0;

	for (unsigned i = 0; i < p->seats && !err; i++)
		if (&p->seat[i] != from)
			err = bk_letters_check(&p->seat[i].letters, len);
	for (; n < p->seats - 1 && !err; n += !err)
		err = bk_memory_charge(m, from->member->who, BK_BOARD_LETTER, len, &accounts[n]);
	while (err < 0 && n > 0)
		m->table.bag.settle(m->table.bag.arg, accounts[--n], len);
	return err;
}

/* --- what members ask for --- */

bool bk_memory_can_seat(unsigned seats)
{
	return seats >= 2 && seats <= BK_BOARD_SEATS_MAX;
}

void bk_memory_keep_number(struct bk_memory *m, uint64_t maker, uint32_t number,
	const uint8_t heir[BK_BOARD_TOKEN_LEN], bk_time now)
{
	struct bk_plate *kept;
	void *account;

	if (bk_memory_charge(m, maker, BK_BOARD_PLATE, 1, &account) < 0)
		return;
	if (bk_plates_put(&m->table, number, BK_MEMORY_SEATS_USUAL, account, &kept) < 0) {
		m->opts.events->settle(m->opts.arg, account, BK_BOARD_PLATE, 1, BK_BOARD_OVER);
		return;
	}
	memcpy(kept->heir, heir, sizeof(kept->heir));
	kept->is_kept = true;
	bk_plates_expire_at(&m->table, kept, BK_MEMORY_EXPIRING_KEPT, bk_time_add(now, BK_LIMIT_KEPT));
}

/* A maker whose connection died before we knew of it comes with what only it can know: those who claimed are
 * told that it is gone, and a new plate takes the place of the old one. */
static int make_way(struct bk_memory *m, struct bk_asking *a)
{
	const struct bk_board_request *r = a->request;
	struct bk_plate *p = r->number ? bk_plates_find(&m->table, r->number) : NULL;

	if (!p)
		return 0;
	if (p->is_kept && is_heir(p, r->heir)) {
		bk_plates_release(&m->table, p);
		return 0;
	}
	if (bk_plate_seat_of(p, a->member) || bk_memory_is_none(r->secret) ||
		sodium_memcmp(r->secret, p->secret, sizeof(p->secret)) != 0) {
		a->verdict.wait = is_heir(p, r->heir) ? BK_LIMIT_KEPT_WAIT : 0;
		return BK_E_EXISTS;
	}
	bk_plates_settle_claims(&m->table, p, BK_BOARD_OVER); /* it was not their guess */
	bk_memory_end(m, p, &p->seat[0], BK_E_PEER_VANISHED);
	return 0;
}

static int charge_try(struct bk_memory *m, const struct bk_asking *a, void **ret_account)
{
	return bk_memory_charge(m, a->member->who, BK_BOARD_TRY, 1, ret_account);
}

static void settle_try(const struct bk_memory *m, void *account, enum bk_board_outcome how)
{
	if (account)
		m->opts.events->settle(m->opts.arg, account, BK_BOARD_TRY, 1, how);
}

/* A plate of that number, on the account of who asks. */
static int buy_plate(
	struct bk_memory *m, const struct bk_asking *a, unsigned seats, struct bk_plate **ret_plate)
{
	void *account;
	int err = bk_memory_charge(m, a->member->who, BK_BOARD_PLATE, 1, &account);

	if (err < 0)
		return err;
	err = bk_plates_put(&m->table, a->request->number, seats, account, ret_plate);
	if (err < 0)
		m->opts.events->settle(m->opts.arg, account, BK_BOARD_PLATE, 1, BK_BOARD_OVER);
	return err;
}

static int put_left(struct bk_memory *m, const struct bk_asking *a, struct bk_plate *p)
{
	const struct bk_board_request *r = a->request;
	void *account;
	int err = bk_memory_charge(m, a->member->who, BK_BOARD_LETTER, r->len, &account);

	return err < 0 ? err : bk_letters_put(&p->left, &m->table.bag, account, r->body, r->len);
}

static int put_plate(struct bk_memory *m, struct bk_asking *a, struct bk_plate **ret_plate)
{
	const struct bk_board_request *r = a->request;
	unsigned seats = r->seats ? r->seats : BK_MEMORY_SEATS_USUAL;
	int err;

	err = make_way(m, a);
	if (!err)
		err = buy_plate(m, a, seats, ret_plate);
	if (err < 0)
		return err;
	if (r->secret)
		memcpy((*ret_plate)->secret, r->secret, sizeof((*ret_plate)->secret));
	if (r->heir)
		memcpy((*ret_plate)->heir, r->heir, sizeof((*ret_plate)->heir));
	if (!r->len)
		return 0;
	err = put_left(m, a, *ret_plate);
	if (err < 0)
		bk_plates_release(&m->table, *ret_plate);
	return err;
}

static int check_wish(const struct bk_asking *a)
{
	const struct bk_board_request *r = a->request;

	if (a->member->count >= BK_LIMIT_NAMEPLATES)
		return BK_E_FULL;
	return r->number > BK_LIMIT_NAMEPLATE_NUMBER || (r->seats && !bk_memory_can_seat(r->seats))
		       ? BK_E_INVALID
		       : 0;
}

/* Whether a number can be had tells whether somebody waits at it: who wishes for one pays as who claims it,
 * until a meeting comes of it, or a wrong guess, for which the guesser pays more. */
int bk_memory_allocate(struct bk_memory *m, struct bk_asking *a)
{
	void *wish = NULL;
	struct bk_plate *p;
	int err = check_wish(a);

	if (!err && a->request->number)
		err = charge_try(m, a, &wish);
	if (!err)
		err = put_plate(m, a, &p);
	if (err) {
		settle_try(m, wish, err == BK_E_EXISTS && !a->verdict.wait ? BK_BOARD_MISSED : BK_BOARD_OVER);
		return err;
	}
	p->seat[0].claim = wish;
	bk_plates_sit(&p->seat[0], a->member);
	a->verdict.number = p->number;
	return 0;
}

static void say_claimed(const struct bk_memory *m, const struct bk_plate *p, const struct bk_seat *by)
{
	for (unsigned i = 0; i < p->seats; i++)
		if (p->seat[i].member && &p->seat[i] != by)
			m->opts.events->on_claimed(m->opts.arg, p->seat[i].member->who, p->number, p->token);
}

static int find_free_seat(struct bk_memory *m, struct bk_asking *a, struct bk_seat **ret_seat)
{
	struct bk_plate *p = bk_plates_find(&m->table, a->request->number);

	if (!p || bk_plate_seat_of(p, a->member))
		return BK_E_NO_SUCH_PEER;
	*ret_seat = p->is_kept ? NULL : bk_plate_seat_of(p, NULL);
	if (*ret_seat)
		return 0;
	a->verdict.wait = bk_memory_is_none(p->heir) ? 0 : BK_LIMIT_KEPT_WAIT;
	return BK_E_CODE_USED;
}

/* It is paid for before it is known what it finds, and who cannot sit down does not learn it. */
static int try_seat(struct bk_memory *m, struct bk_asking *a, struct bk_seat **ret_seat)
{
	void *account;
	int err = a->member->count < BK_LIMIT_NAMEPLATES ? charge_try(m, a, &account) : BK_E_FULL;

	if (err < 0)
		return err;
	err = find_free_seat(m, a, ret_seat);
	if (!err)
		(*ret_seat)->claim = account;
	else
		settle_try(m, account, a->verdict.wait ? BK_BOARD_OVER : BK_BOARD_MISSED);
	return err;
}

int bk_memory_claim(struct bk_memory *m, struct bk_asking *a)
{
	const struct bk_letter *left;
	struct bk_plate *p;
	struct bk_seat *s;
	int err = try_seat(m, a, &s);

	if (err < 0)
		return err;
	p = s->plate;
	if (p->taken == 1)
		m->opts.events->make_token(m->opts.arg, a->member->who, p->token);
	p->has_been_claimed = true;
	bk_plates_sit(s, a->member);
	bk_plates_expire_at(&m->table, p, BK_MEMORY_EXPIRING_CLAIM, bk_time_add(a->now, m->opts.lifetime));
	bk_plates_doubt_at(&m->table, p, bk_time_add(a->now, BK_LIMIT_CLAIM_DOUBT));
	say_claimed(m, p, s);
	left = bk_letters_front(&p->left);
	a->verdict.number = p->number;
	a->verdict.token = p->token;
	a->verdict.body = left ? left->body : NULL;
	a->verdict.len = left ? left->len : 0;
	return 0;
}

int bk_memory_mail(struct bk_memory *m, struct bk_asking *a)
{
	const struct bk_board_request *r = a->request;
	struct bk_seat *from = bk_member_seat(a->member, r->number);
	void *accounts[BK_BOARD_SEATS_MAX] = {NULL};
	unsigned n = 0;
	int err = from ? charge_mail(m, from, r->len, accounts) : BK_E_NOT_FOUND;

	if (err < 0)
		return err;
	for (unsigned i = 0; i < from->plate->seats; i++) {
		struct bk_seat *to = &from->plate->seat[i];
		int put = 0;

		if (to == from)
			continue;
		put = bk_letters_put(&to->letters, &m->table.bag, accounts[n++], r->body, r->len);
		err = err < 0 ? err : put;
		bk_memory_deliver(m, to);
	}
	return err;
}

void bk_memory_end_claimed(
	struct bk_memory *m, struct bk_plate *p, const struct bk_seat *but, int why, bk_time now)
{
	uint8_t heir[BK_BOARD_TOKEN_LEN];
	uint32_t number = p->has_been_claimed && !bk_memory_is_none(p->heir) ? p->number : 0;
	uint64_t maker = p->seat[0].member ? p->seat[0].member->who : 0;

	memcpy(heir, p->heir, sizeof(heir));
	bk_memory_end(m, p, but, why);
	if (number && maker)
		bk_memory_keep_number(m, maker, number, heir, now);
}

int bk_memory_release(struct bk_memory *m, struct bk_asking *a)
{
	struct bk_seat *s = bk_member_seat(a->member, a->request->number);

	if (!s)
		return BK_E_NOT_FOUND;
	bk_memory_end_claimed(m, s->plate, s, 0, a->now);
	return 0;
}

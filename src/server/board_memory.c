/* SPDX-License-Identifier: Apache-2.0 */
/* The board in memory: the rules. A claimed seat is never claimed again: a second claim would be a second
 * guess at the code. A meeting exists only while somebody is in it: whoever comes first after a restart makes
 * it again, so there is nothing to keep, and nothing for a stranger to leave behind. */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "server/board.h"
#include "server/counter.h"
#include "server/groups.h"
#include "server/limits.h"
#include "server/plates.h"

enum { SEATS_USUAL = 2 };
enum {
	EXPIRING_CLAIM,
	EXPIRING_GRACE,
	EXPIRING_SHORT_GRACE,
	EXPIRING_KEPT
}; /* lists of bk_plates_expire_at */

struct memory {
	struct bk_board board;
	struct bk_board_opts opts;
	struct bk_plates table;
	struct bk_groups groups;
	uint64_t *plates_count, *meetings_count, *groups_count;
	bool is_telling;
};

static struct memory *memory_of(struct bk_board *b)
{
	return bk_container_of(b, struct memory, board);
}

/* It ends for all but `but` (NULL: for all). */
static void release_and_tell(struct memory *m, struct bk_plate *p, const struct bk_seat *but, int why)
{
	bk_plates_settle_claims(&m->table, p, BK_BOARD_WRONG);
	for (unsigned i = 0; i < p->seats; i++)
		if (p->seat[i].member && &p->seat[i] != but)
			m->opts.events->on_released(m->opts.arg, p->seat[i].member->who, p->number, why);
	bk_plates_release(&m->table, p);
}

static bool is_none(const uint8_t *secret)
{
	return !secret || sodium_is_zero(secret, BK_BOARD_TOKEN_LEN);
}

static bool is_heir(const struct bk_plate *p, const uint8_t *heir)
{
	return !is_none(heir) && !sodium_memcmp(p->heir, heir, BK_BOARD_TOKEN_LEN);
}

/* --- mail --- */

static bool gets_mail(const struct bk_seat *s)
{
	return s->member && (s->plate->round == BK_NEVER || s->is_in);
}

static void deliver(struct memory *m, struct bk_seat *s)
{
	const struct bk_letter *l;

	while (gets_mail(s) && (l = bk_letters_front(&s->letters)) &&
		m->opts.events->on_mail(m->opts.arg, s->member->who, l->body, l->len))
		bk_letters_pop(&s->letters, &m->table.bag);
}

/* What was refused has no account, whatever the owner left there: it is not to be settled. */
static int charge(struct memory *m, uint64_t who, enum bk_board_cost cost, size_t n, void **ret_account)
{
	int err = m->opts.events->charge(m->opts.arg, who, cost, n, ret_account);

	if (err < 0)
		*ret_account = NULL;
	return err;
}

/* For all of the others, or for none. */
static int charge_mail(
	struct memory *m, const struct bk_seat *from, size_t len, void *accounts[BK_BOARD_SEATS_MAX])
{
	const struct bk_plate *p = from->plate;
	unsigned n = 0;
	int err = 0;

	for (unsigned i = 0; i < p->seats && !err; i++)
		if (&p->seat[i] != from)
			err = bk_letters_check(&p->seat[i].letters, len);
	for (; n < p->seats - 1 && !err; n += !err)
		err = charge(m, from->member->who, BK_BOARD_LETTER, len, &accounts[n]);
	while (err < 0 && n > 0)
		m->table.bag.settle(m->table.bag.arg, accounts[--n], len);
	return err;
}

/* --- what members ask for --- */

static bool can_seat(unsigned seats)
{
	return seats >= 2 && seats <= BK_BOARD_SEATS_MAX;
}

/* An ask: who, and when; the verdict is filled in. */
struct asking {
	struct bk_member *member;
	const struct bk_board_request *request;
	bk_time now;
	struct bk_board_verdict verdict;
};

/* Where the number goes on: nobody else gets it for a while, on its maker's account. Without room, or memory, for it
 * the number is as free as any. */
static void keep_number(struct memory *m, uint64_t maker, uint32_t number,
	const uint8_t heir[BK_BOARD_TOKEN_LEN], bk_time now)
{
	struct bk_plate *kept;
	void *account;

	if (charge(m, maker, BK_BOARD_PLATE, 1, &account) < 0)
		return;
	if (bk_plates_put(&m->table, number, SEATS_USUAL, account, &kept) < 0) {
		m->opts.events->settle(m->opts.arg, account, BK_BOARD_PLATE, 1, BK_BOARD_OVER);
		return;
	}
	memcpy(kept->heir, heir, sizeof(kept->heir));
	kept->is_kept = true;
	bk_plates_expire_at(&m->table, kept, EXPIRING_KEPT, bk_time_add(now, BK_LIMIT_KEPT));
}

/* A maker whose connection died before we knew of it comes with what only it can know: those who claimed are
 * told that it is gone, and a new plate takes the place of the old one. */
static int make_way(struct memory *m, struct asking *a)
{
	const struct bk_board_request *r = a->request;
	struct bk_plate *p = r->number ? bk_plates_find(&m->table, r->number) : NULL;

	if (!p)
		return 0;
	if (p->is_kept && is_heir(p, r->heir)) {
		bk_plates_release(&m->table, p);
		return 0;
	}
	if (bk_plate_seat_of(p, a->member) || is_none(r->secret) ||
		sodium_memcmp(r->secret, p->secret, sizeof(p->secret)) != 0) {
		a->verdict.wait = is_heir(p, r->heir) ? BK_LIMIT_KEPT_WAIT : 0;
		return BK_E_EXISTS;
	}
	bk_plates_settle_claims(&m->table, p, BK_BOARD_OVER); /* it was not their guess */
	release_and_tell(m, p, &p->seat[0], BK_E_PEER_VANISHED);
	return 0;
}

static int charge_try(struct memory *m, const struct asking *a, void **ret_account)
{
	return charge(m, a->member->who, BK_BOARD_TRY, 1, ret_account);
}

static void settle_try(const struct memory *m, void *account, enum bk_board_outcome how)
{
	if (account)
		m->opts.events->settle(m->opts.arg, account, BK_BOARD_TRY, 1, how);
}

/* A plate of that number, on the account of who asks. */
static int buy_plate(struct memory *m, const struct asking *a, unsigned seats, struct bk_plate **ret_plate)
{
	void *account;
	int err = charge(m, a->member->who, BK_BOARD_PLATE, 1, &account);

	if (err < 0)
		return err;
	err = bk_plates_put(&m->table, a->request->number, seats, account, ret_plate);
	if (err < 0)
		m->opts.events->settle(m->opts.arg, account, BK_BOARD_PLATE, 1, BK_BOARD_OVER);
	return err;
}

static int put_left(struct memory *m, const struct asking *a, struct bk_plate *p)
{
	const struct bk_board_request *r = a->request;
	void *account;
	int err = charge(m, a->member->who, BK_BOARD_LETTER, r->len, &account);

	return err < 0 ? err : bk_letters_put(&p->left, &m->table.bag, account, r->body, r->len);
}

static int put_plate(struct memory *m, struct asking *a, struct bk_plate **ret_plate)
{
	const struct bk_board_request *r = a->request;
	unsigned seats = r->seats ? r->seats : SEATS_USUAL;
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

static int check_wish(const struct asking *a)
{
	const struct bk_board_request *r = a->request;

	if (a->member->count >= BK_LIMIT_NAMEPLATES)
		return BK_E_FULL;
	return r->number > BK_LIMIT_NAMEPLATE_NUMBER || (r->seats && !can_seat(r->seats)) ? BK_E_INVALID : 0;
}

/* Whether a number can be had tells whether somebody waits at it: who wishes for one pays as who claims it,
 * until a meeting comes of it, or a wrong guess, for which the guesser pays more. */
static int on_allocate(struct memory *m, struct asking *a)
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

static void say_claimed(const struct memory *m, const struct bk_plate *p, const struct bk_seat *by)
{
	for (unsigned i = 0; i < p->seats; i++)
		if (p->seat[i].member && &p->seat[i] != by)
			m->opts.events->on_claimed(m->opts.arg, p->seat[i].member->who, p->number, p->token);
}

static int find_free_seat(struct memory *m, struct asking *a, struct bk_seat **ret_seat)
{
	struct bk_plate *p = bk_plates_find(&m->table, a->request->number);

	if (!p || bk_plate_seat_of(p, a->member))
		return BK_E_NO_SUCH_PEER;
	*ret_seat = p->is_kept ? NULL : bk_plate_seat_of(p, NULL);
	if (*ret_seat)
		return 0;
	a->verdict.wait = is_none(p->heir) ? 0 : BK_LIMIT_KEPT_WAIT;
	return BK_E_CODE_USED;
}

/* It is paid for before it is known what it finds, and who cannot sit down does not learn it. */
static int try_seat(struct memory *m, struct asking *a, struct bk_seat **ret_seat)
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

static int on_claim(struct memory *m, struct asking *a)
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
	bk_plates_expire_at(&m->table, p, EXPIRING_CLAIM, bk_time_add(a->now, m->opts.lifetime));
	bk_plates_doubt_at(&m->table, p, bk_time_add(a->now, BK_LIMIT_CLAIM_DOUBT));
	say_claimed(m, p, s);
	left = bk_letters_front(&p->left);
	a->verdict.number = p->number;
	a->verdict.token = p->token;
	a->verdict.body = left ? left->body : NULL;
	a->verdict.len = left ? left->len : 0;
	return 0;
}

static int on_mail(struct memory *m, struct asking *a)
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
		deliver(m, to);
	}
	return err;
}

/* The plate is over, by a claim that led to nothing, and has an heir. */
static void end_claimed(struct memory *m, struct bk_plate *p, const struct bk_seat *but, int why, bk_time now)
{
	uint8_t heir[BK_BOARD_TOKEN_LEN];
	uint32_t number = p->has_been_claimed && !is_none(p->heir) ? p->number : 0;
	uint64_t maker = p->seat[0].member ? p->seat[0].member->who : 0;

	memcpy(heir, p->heir, sizeof(heir));
	release_and_tell(m, p, but, why);
	if (number && maker)
		keep_number(m, maker, number, heir, now);
}

static int on_release(struct memory *m, struct asking *a)
{
	struct bk_seat *s = bk_member_seat(a->member, a->request->number);

	if (!s)
		return BK_E_NOT_FOUND;
	end_claimed(m, s->plate, s, 0, a->now);
	return 0;
}

/* --- meetings --- */

/* The member's newest that has all of its own, and a number still. */
static struct bk_plate *find_ripe(const struct bk_member *h, unsigned seat)
{
	for (struct bk_list *it = h->seats.prev; it != &h->seats; it = it->prev) {
		struct bk_plate *p = bk_container_of(it, struct bk_seat, link)->plate;

		if (p->number && bk_plate_is_complete(p) && seat < p->seats && p->seat[seat].member == h)
			return p;
	}
	return NULL;
}

static int make_meeting(struct memory *m, const struct asking *a, struct bk_plate **ret_plate)
{
	unsigned seats = a->request->seats ? a->request->seats : SEATS_USUAL;
	void *account;
	int err;

	if (!m->opts.events->may_spend(m->opts.arg, a->member->who, a->now))
		return BK_E_RATE_LIMITED;
	if (!can_seat(seats) || a->request->seat >= seats)
		return BK_E_INVALID;
	if (a->member->count >= BK_LIMIT_NAMEPLATES)
		return BK_E_FULL;
	err = charge(m, a->member->who, BK_BOARD_PLATE, 1, &account);
	if (err < 0)
		return err;
	err = bk_plates_put_meeting(&m->table, a->request->secret, seats, account, ret_plate);
	if (err < 0)
		m->opts.events->settle(m->opts.arg, account, BK_BOARD_PLATE, 1, BK_BOARD_OVER);
	return err;
}

/* One is away: the time of waiting runs from when that began. What may be a guesser's meeting does not get
 * longer by it. */
static void watch_absence(struct memory *m, struct bk_plate *p, bool is_closed, bk_time now)
{
	bk_dur grace = is_closed ? bk_time_min(m->opts.grace, BK_LIMIT_MEETING_GRACE_SHORT) : m->opts.grace;
	bk_time end = bk_time_add(now, grace);

	if (bk_plate_is_complete(p) && !p->was)
		bk_plates_expire_at(&m->table, p, 0, BK_NEVER);
	else if (!bk_plate_is_complete(p) && (p->expires == BK_NEVER || (p->was && end < p->expires)))
		bk_plates_expire_at(&m->table, p, is_closed ? EXPIRING_SHORT_GRACE : EXPIRING_GRACE, end);
}

/* Whoever claimed the number may have made this meeting up. Its maker, who made it with the number, has shown
 * the same secret: they have met. */
static void prove(struct memory *m, struct bk_plate *p, bk_time now)
{
	uint64_t who[BK_BOARD_SEATS_MAX];
	uint32_t number = p->was;

	for (unsigned i = 0; i < p->seats; i++)
		who[i] = p->seat[i].member ? p->seat[i].member->who : 0;
	bk_plates_settle_claims(&m->table, p, BK_BOARD_OVER);
	p->was = 0;
	bk_plates_expire_at(&m->table, p, 0, BK_NEVER);
	watch_absence(m, p, false, now);
	m->opts.events->on_met(m->opts.arg, number, who, p->seats);
}

/* The member takes the seat, whoever had it before: the secret is the authority, but not over a maker that has
 * not shown it: it may be one that a guesser made up. Positive: from somebody else, or from nobody. */
static int take_seat(struct memory *m, struct bk_seat *s, const struct asking *a)
{
	struct bk_plate *p = s->plate;
	const struct bk_seat *has = bk_plate_seat_of(p, a->member);
	bool is_maker = s == &p->seat[0];

	if (has && has != s)
		return BK_E_INVALID;
	if (s->is_known && a->request->order <= s->order)
		return BK_E_EXISTS;
	if (!has && ((is_maker && p->was) || a->member->count >= BK_LIMIT_NAMEPLATES))
		return BK_E_FULL;
	s->is_known = true;
	s->order = a->request->order;
	if (is_maker && p->was)
		prove(m, p, a->now);
	if (has)
		return 0;
	bk_plates_stand(&m->table, s);
	bk_plates_sit(s, a->member);
	watch_absence(m, p, false, a->now);
	return 1;
}

static void tell_round(const struct memory *m, const struct bk_seat *s)
{
	if (s->member)
		m->opts.events->on_round(
			m->opts.arg, s->member->who, (unsigned)(s - s->plate->seat), s->plate->token);
}

static void enter_round(struct memory *m, struct bk_seat *s)
{
	s->is_in = true;
	deliver(m, s);
}

/* The members lost their path and look for another one. What waits is of the round before. */
static int begin_round(struct memory *m, struct bk_seat *s, const struct asking *a)
{
	struct bk_plate *p = s->plate;

	if (!m->opts.events->may_spend(m->opts.arg, a->member->who, a->now))
		return BK_E_RATE_LIMITED;
	m->opts.events->make_token(m->opts.arg, a->member->who, p->token);
	p->round = a->now;
	for (unsigned i = 0; i < p->seats; i++) {
		bk_letters_drop(&p->seat[i].letters, &m->table.bag);
		p->seat[i].is_in = false;
	}
	tell_round(m, s);
	for (unsigned i = 0; i < p->seats; i++)
		if (&p->seat[i] != s)
			tell_round(m, &p->seat[i]);
	enter_round(m, s);
	return 0;
}

/* A seat is in a round once, by one connection: mail that went to another one of its connections may be lost,
 * so whoever comes again begins another round, and all introduce themselves anew. Who comes late to one that
 * is under way is told of it, or, when it is too old to be joined, begins another one. */
static int take_part(struct memory *m, struct bk_seat *s, const struct asking *a, bool is_new)
{
	static const uint8_t none[BK_BOARD_TOKEN_LEN];
	const struct bk_board_request *r = a->request;
	const struct bk_plate *p = s->plate;
	bool has_round = p->round != BK_NEVER;
	bool is_fresh = has_round && a->now - p->round < BK_LIMIT_ROUND_FRESH;
	bool names_one = memcmp(r->token, none, sizeof(none)) != 0;
	bool names_this = memcmp(r->token, p->token, sizeof(none)) == 0;
	bool comes_again = s->is_in && (r->asks_round || (names_one && is_new));
	bool finds_none = !has_round && (r->asks_round || names_one);

	if (comes_again || finds_none || (has_round && !s->is_in && !is_fresh))
		return begin_round(m, s, a);
	if (!has_round || s->is_in)
		return 0;
	if (!names_this)
		tell_round(m, s);
	if (names_this || r->asks_round)
		enter_round(m, s);
	return 0;
}

static int turn(struct memory *m, struct bk_plate *p, const struct asking *a)
{
	uint32_t number = p->number;
	int err = bk_plates_turn(&m->table, p, a->request->secret);

	if (!err && !is_none(p->heir) && p->seat[0].member)
		keep_number(m, p->seat[0].member->who, number, p->heir, a->now);
	return err;
}

static int on_rejoin(struct memory *m, struct asking *a)
{
	const struct bk_board_request *r = a->request;
	struct bk_plate *p = bk_plates_find_meeting(&m->table, r->secret);
	int got = 0;

	if (!p && (p = find_ripe(a->member, r->seat)))
		got = turn(m, p, a);
	else if (!p)
		got = make_meeting(m, a, &p);
	if (got == 0)
		got = r->seat < p->seats ? take_seat(m, &p->seat[r->seat], a) : BK_E_INVALID;
	return got < 0 ? got : take_part(m, &p->seat[r->seat], a, got > 0);
}

/* The meeting waits for who is away. False: it is to end, because it is none, because that member never
 * showed the secret, or because nobody is left in it. */
static bool await(struct memory *m, struct bk_seat *s, bool is_closed, bk_time now)
{
	struct bk_plate *p = s->plate;

	if (p->number || !s->is_known || p->taken < 2)
		return false;
	if (p->was) /* it may come back, but a guesser that goes at once is not to guess more for that */
		bk_plates_settle_claim(&m->table, s, BK_BOARD_WRONG);
	bk_plates_stand(&m->table, s);
	watch_absence(m, p, is_closed, now);
	return true;
}

static int on_group_wish(struct memory *m, struct asking *a)
{
	a->verdict.ticket = a->request->ticket;
	return bk_groups_ask(&m->groups, a->member->who, a->request, a->now, &a->verdict.wait);
}

/* --- the board's doors --- */

static void enter(struct memory *m)
{
	bk_assert(!m->is_telling); /* asked from inside a callback */
	m->is_telling = true;
}

static void leave(struct memory *m)
{
	m->is_telling = false;
	*m->plates_count = bk_map_count(m->table.plates);
	*m->meetings_count = bk_map_count(m->table.meetings);
	*m->groups_count = bk_map_count(m->groups.by_id);
}

static void memory_ask(struct bk_board *b, uint64_t who, const struct bk_board_request *r, bk_time now)
{
	static int (*const handlers[])(struct memory *, struct asking *) = {
		[BK_BOARD_ALLOCATE] = on_allocate,
		[BK_BOARD_CLAIM] = on_claim,
		[BK_BOARD_REJOIN] = on_rejoin,
		[BK_BOARD_MAIL] = on_mail,
		[BK_BOARD_RELEASE] = on_release,
		[BK_BOARD_JOIN] = on_group_wish,
		[BK_BOARD_CARD] = on_group_wish,
		[BK_BOARD_POST] = on_group_wish,
		[BK_BOARD_PART] = on_group_wish,
	};
	struct memory *m = memory_of(b);
	struct asking a = {.request = r, .now = now, .verdict.wish = r->wish};
	int err;

	bk_assert(who);
	enter(m);
	err = bk_plates_make_member(&m->table, who, &a.member);
	if (!err)
		err = handlers[r->wish](m, &a);
	a.verdict.error = err;
	m->opts.events->on_verdict(m->opts.arg, who, &a.verdict);
	if (!err && r->wish == BK_BOARD_CLAIM) /* what was mailed before it came */
		deliver(m, bk_member_seat(a.member, r->number));
	bk_plates_forget_idle(&m->table, who);
	leave(m);
}

static void memory_refresh(struct bk_board *b, uint64_t who, bk_time now)
{
	struct memory *m = memory_of(b);
	struct bk_seat *s = bk_member_seat(bk_plates_member(&m->table, who), 0);

	if (s && s->plate->number && s->plate->taken > 1)
		bk_plates_expire_at(&m->table, s->plate, EXPIRING_CLAIM, bk_time_add(now, m->opts.lifetime));
}

static void memory_deliver(struct bk_board *b, uint64_t who)
{
	struct memory *m = memory_of(b);
	struct bk_member *h = bk_plates_member(&m->table, who);

	enter(m);
	if (h)
		bk_list_each(it, tmp, &h->seats) deliver(m, bk_container_of(it, struct bk_seat, link));
	bk_groups_deliver(&m->groups, who);
	leave(m);
}

/* A maker that has gone leaves no heir. */
static void end_without(struct memory *m, struct bk_seat *s, bk_time now)
{
	if (s == &s->plate->seat[0])
		release_and_tell(m, s->plate, s, BK_E_PEER_VANISHED);
	else
		end_claimed(m, s->plate, s, BK_E_PEER_VANISHED, now);
}

static void memory_leave(struct bk_board *b, uint64_t who, bool is_closed, bk_time now)
{
	struct memory *m = memory_of(b);
	struct bk_seat *s;

	enter(m);
	while ((s = bk_member_seat(bk_plates_member(&m->table, who), 0)))
		if (!await(m, s, is_closed, now))
			end_without(m, s, now);
	bk_groups_leave(&m->groups, who, now);
	leave(m);
}

static void memory_wake(struct bk_board *b, bk_time now)
{
	struct memory *m = memory_of(b);
	struct bk_plate *p;

	enter(m);
	while ((p = bk_plates_first_doubted(&m->table)) && p->doubted <= now)
		bk_plates_settle_claims(&m->table, p, BK_BOARD_WRONG);
	while ((p = bk_plates_first_to_expire(&m->table)) && p->expires <= now)
		release_and_tell(m, p, NULL, p->number ? BK_E_TIMEOUT : BK_E_PEER_VANISHED);
	bk_groups_wake(&m->groups, now);
	leave(m);
}

static bk_time memory_next_wake(struct bk_board *b)
{
	const struct memory *m = memory_of(b);
	const struct bk_plates *t = &m->table;
	const struct bk_plate *p = bk_plates_first_to_expire(t), *q = bk_plates_first_doubted(t);

	bk_time next = bk_time_min(p ? p->expires : BK_NEVER, q ? q->doubted : BK_NEVER);

	return bk_time_min(next, bk_groups_next_wake(&m->groups));
}

static void memory_free(struct bk_board *b)
{
	struct memory *m = memory_of(b);

	bk_assert(!m->is_telling);
	bk_plates_done(&m->table);
	bk_groups_done(&m->groups);
	free(m);
}

int bk_board_memory_new(const struct bk_board_opts *opts, void *arg, struct bk_board **ret_board)
{
	static const struct bk_board_ops ops = {memory_ask, memory_refresh, memory_deliver, memory_leave,
		memory_wake, memory_next_wake, memory_free};
	struct memory *m = calloc(1, sizeof(*m));
	int err;

	(void)arg;
	if (!m)
		return BK_E_NOMEM;
	m->board.ops = &ops;
	m->opts = *opts;
	m->plates_count = bk_counters_register(opts->counters, "nameplates");
	m->meetings_count = bk_counters_register(opts->counters, "meetings");
	m->groups_count = bk_counters_register(opts->counters, "groups");
	err = bk_plates_init(&m->table, &m->opts);
	if (!err)
		err = bk_groups_init(&m->groups, &m->opts);
	if (err < 0) {
		memory_free(&m->board);
		return err;
	}
	*ret_board = &m->board;
	return 0;
}

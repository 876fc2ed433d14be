/* SPDX-License-Identifier: Apache-2.0 */
/* Meetings: the rules. One exists only while somebody is in it: whoever comes first after a restart makes it again, so
 * there is nothing to keep, and nothing for a stranger to leave behind. */
#include "server/memory.h"

#include <sodium.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "server/limits.h"

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

static int make_meeting(struct bk_memory *m, const struct bk_asking *a, struct bk_plate **ret_plate)
{
	unsigned seats = a->request->seats ? a->request->seats : BK_MEMORY_SEATS_USUAL;
	void *account;
	int err;

	if (!m->opts.events->may_spend(m->opts.arg, a->member->who, a->now))
		return BK_E_RATE_LIMITED;
	if (!bk_memory_can_seat(seats) || a->request->seat >= seats)
		return BK_E_INVALID;
	if (a->member->count >= BK_LIMIT_NAMEPLATES)
		return BK_E_FULL;
	err = bk_memory_charge(m, a->member->who, BK_BOARD_PLATE, 1, &account);
	if (err < 0)
		return err;
	err = bk_plates_put_meeting(&m->table, a->request->secret, seats, account, ret_plate);
	if (err < 0)
		m->opts.events->settle(m->opts.arg, account, BK_BOARD_PLATE, 1, BK_BOARD_OVER);
	return err;
}

/* One is away: the time of waiting runs from when that began. What may be a guesser's meeting does not get
 * longer by it. */
static void watch_absence(struct bk_memory *m, struct bk_plate *p, bool is_closed, bk_time now)
{
	bk_dur grace = is_closed ? bk_time_min(m->opts.grace, BK_LIMIT_MEETING_GRACE_SHORT) : m->opts.grace;
	bk_time end = bk_time_add(now, grace);

	if (bk_plate_is_complete(p) && !p->was)
		bk_plates_expire_at(&m->table, p, 0, BK_NEVER);
	else if (!bk_plate_is_complete(p) && (p->expires == BK_NEVER || (p->was && end < p->expires)))
		bk_plates_expire_at(&m->table, p,
			is_closed ? BK_MEMORY_EXPIRING_SHORT_GRACE : BK_MEMORY_EXPIRING_GRACE, end);
}

/* Whoever claimed the number may have made this meeting up. Its maker, who made it with the number, has shown
 * the same secret: they have met. */
static void prove(struct bk_memory *m, struct bk_plate *p, bk_time now)
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
static int take_seat(struct bk_memory *m, struct bk_seat *s, const struct bk_asking *a)
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

static void tell_round(const struct bk_memory *m, const struct bk_seat *s)
{
	if (s->member)
		m->opts.events->on_round(
			m->opts.arg, s->member->who, (unsigned)(s - s->plate->seat), s->plate->token);
}

static void enter_round(struct bk_memory *m, struct bk_seat *s)
{
	s->is_in = true;
	bk_memory_deliver(m, s);
}

/* The members lost their path and look for another one. What waits is of the round before. */
static int begin_round(struct bk_memory *m, struct bk_seat *s, const struct bk_asking *a)
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
static int take_part(struct bk_memory *m, struct bk_seat *s, const struct bk_asking *a, bool is_new)
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

static int turn(struct bk_memory *m, struct bk_plate *p, const struct bk_asking *a)
{
	uint32_t number = p->number;
	int err = bk_plates_turn(&m->table, p, a->request->secret);

	if (!err && !bk_memory_is_none(p->heir) && p->seat[0].member)
		bk_memory_keep_number(m, p->seat[0].member->who, number, p->heir, a->now);
	return err;
}

int bk_memory_rejoin(struct bk_memory *m, struct bk_asking *a)
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

bool bk_memory_await(struct bk_memory *m, struct bk_seat *s, bool is_closed, bk_time now)
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

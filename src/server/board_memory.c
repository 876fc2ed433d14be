/* SPDX-License-Identifier: Apache-2.0 */
/* The board in memory. Numbers that people say to each other should be short, and should not be guessable by
 * counting: a free one is drawn at random from a window that is at most half full and grows by tens. A
 * claimed seat is never claimed again: a second claim would be a second guess at the code. A meeting exists
 * only while somebody is in it: whoever comes first after a restart makes it again, so there is nothing to
 * keep, and nothing for a stranger to leave behind. */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/list.h"
#include "base/map.h"
#include "base/rng.h"
#include "server/board.h"
#include "server/counter.h"
#include "server/letters.h"
#include "server/limits.h"

enum { WINDOW_MIN = 99, SEATS_USUAL = 2 };

/* Somebody who has a seat. */
struct member {
	uint64_t who;
	struct bk_list seats; /* newest last */
	unsigned count;
};

struct seat {
	struct plate *plate;
	struct member *member; /* NULL: not claimed yet; of a meeting: away */
	struct bk_list link;   /* in member->seats */
	struct bk_letters letters;
	bool is_known;  /* of a meeting: has shown the secret, so that it may be away for a while */
	bool is_in;     /* of a meeting's round: mail reaches it */
	uint64_t order; /* of its last rejoin: an older one comes too late */
};

/* A plate, or what became of it: a meeting. */
struct plate {
	uint32_t number; /* 0: a meeting */
	unsigned seats, taken;
	uint8_t secret[BK_BOARD_TOKEN_LEN];
	uint8_t token[BK_BOARD_TOKEN_LEN]; /* from the first claim on; of a meeting: of its round */
	bk_time round;                     /* of a meeting: when it began; BK_NEVER: none yet */
	struct bk_letters left;            /* what member 0 left for who claims: at most one */
	bk_time expires;                   /* BK_NEVER until claimed; of a meeting: unless one is away */
	struct bk_list by_expiry;
	struct seat seat[];
};

struct memory {
	struct bk_board board;
	struct bk_board_opts opts;
	struct bk_map *plates;   /* by number */
	struct bk_map *meetings; /* by secret */
	struct bk_map *members;  /* by handle */
	struct bk_list by_lifetime, by_grace, by_short_grace;
	struct bk_rng rng;
	struct bk_letter_bag bag;
	uint64_t *plates_count, *meetings_count, uncounted;
	bool is_telling;
};

static struct memory *memory_of(struct bk_board *b)
{
	return bk_container_of(b, struct memory, board);
}

/* --- members and seats --- */

static struct member *find_member(const struct memory *m, uint64_t who)
{
	return bk_map_get(m->members, &who, sizeof(who));
}

static int make_member(struct memory *m, uint64_t who, struct member **ret_member)
{
	struct member *h = find_member(m, who);
	int err;

	*ret_member = h;
	if (h)
		return 0;
	h = calloc(1, sizeof(*h));
	if (!h)
		return BK_E_NOMEM;
	h->who = who;
	bk_list_init(&h->seats);
	err = bk_map_put(m->members, &who, sizeof(who), h);
	if (err < 0)
		free(h);
	else
		*ret_member = h;
	return err;
}

/* Who has no seat is nobody here. */
static void forget_if_idle(struct memory *m, struct member *h)
{
	if (!h || h->count)
		return;
	bk_assert(bk_list_empty(&h->seats));
	bk_map_take(m->members, &h->who, sizeof(h->who));
	free(h);
}

static void sit_down(struct seat *s, struct member *h)
{
	bk_assert(!s->member && s->plate->taken < s->plate->seats);
	s->member = h;
	s->plate->taken++;
	bk_list_append(&h->seats, &s->link);
	h->count++;
}

static void stand_up(struct memory *m, struct seat *s)
{
	struct member *h = s->member;

	if (!h)
		return;
	bk_assert(h->count > 0 && s->plate->taken > 0);
	bk_list_remove(&s->link);
	s->member = NULL;
	s->plate->taken--;
	h->count--;
	forget_if_idle(m, h);
}

static bool is_complete(const struct plate *p)
{
	return p->taken == p->seats;
}

static struct seat *seat_of(struct plate *p, const struct member *h)
{
	for (unsigned i = 0; i < p->seats; i++)
		if (p->seat[i].member == h)
			return &p->seat[i];
	return NULL;
}

/* The member's seat at the plate of that number, or its newest for 0. */
static struct seat *find_seat(const struct member *h, uint32_t number)
{
	for (struct bk_list *it = h ? h->seats.prev : NULL; h && it != &h->seats; it = it->prev) {
		struct seat *s = bk_container_of(it, struct seat, link);

		if (!number || s->plate->number == number)
			return s;
	}
	return NULL;
}

/* --- plates --- */

static struct plate *find_plate(const struct memory *m, uint32_t number)
{
	return bk_map_get(m->plates, &number, sizeof(number));
}

static struct plate *new_plate(uint32_t number, unsigned seats)
{
	struct plate *p = calloc(1, sizeof(*p) + seats * sizeof(p->seat[0]));

	if (!p)
		return NULL;
	p->number = number;
	p->seats = seats;
	p->expires = p->round = BK_NEVER;
	bk_list_init(&p->by_expiry);
	bk_letters_init(&p->left);
	for (unsigned i = 0; i < seats; i++) {
		p->seat[i].plate = p;
		bk_list_init(&p->seat[i].link);
		bk_letters_init(&p->seat[i].letters);
	}
	return p;
}

static void free_plate(struct memory *m, struct plate *p)
{
	for (unsigned i = 0; i < p->seats; i++) {
		bk_letters_drop(&p->seat[i].letters, &m->bag);
		stand_up(m, &p->seat[i]);
	}
	bk_letters_drop(&p->left, &m->bag);
	bk_list_remove(&p->by_expiry);
	free(p);
}

static void release(struct memory *m, struct plate *p)
{
	const struct plate *had = p->number ? bk_map_take(m->plates, &p->number, sizeof(p->number))
					    : bk_map_take(m->meetings, p->secret, sizeof(p->secret));

	bk_assert(had == p);
	free_plate(m, p);
}

/* It ends for all but `but` (NULL: for all). */
static void release_and_tell(struct memory *m, struct plate *p, const struct seat *but, int why)
{
	for (unsigned i = 0; i < p->seats; i++)
		if (p->seat[i].member && &p->seat[i] != but)
			m->opts.events->on_released(m->opts.arg, p->seat[i].member->who, p->number, why);
	release(m, p);
}

static void expire_at(struct plate *p, struct bk_list *in, bk_time at)
{
	bk_list_remove(&p->by_expiry);
	p->expires = at;
	if (at != BK_NEVER)
		bk_list_append(in, &p->by_expiry);
}

/* A free one in a window at most half full: a few steps from a random place. */
static uint32_t draw_number(struct memory *m)
{
	int64_t window = WINDOW_MIN;
	uint32_t number;

	while ((size_t)window < 2 * bk_map_count(m->plates) && window < BK_LIMIT_NAMEPLATE_NUMBER)
		window = window * 10 + 9;
	number = (uint32_t)bk_rng_range(&m->rng, 1, window);
	while (find_plate(m, number))
		number = number % (uint32_t)window + 1;
	return number;
}

/* --- mail --- */

static bool gets_mail(const struct seat *s)
{
	return s->member && (s->plate->round == BK_NEVER || s->is_in);
}

static void deliver(struct memory *m, struct seat *s)
{
	const struct bk_letter *l;

	while (gets_mail(s) && (l = bk_letters_front(&s->letters)) &&
		m->opts.events->on_mail(m->opts.arg, s->member->who, l->body, l->len))
		bk_letters_pop(&s->letters, &m->bag);
}

/* For all of the others, or for none. */
static int check_mail(const struct memory *m, const struct seat *from, size_t len)
{
	const struct plate *p = from->plate;

	for (unsigned i = 0; i < p->seats; i++)
		if (&p->seat[i] != from && p->seat[i].letters.count >= BK_LIMIT_MAILS)
			return BK_E_FULL;
	if (len > BK_LIMIT_MAIL_BYTES)
		return BK_E_TOO_BIG;
	return m->bag.bytes + (p->seats - 1) * len > BK_LIMIT_MAIL_TOTAL ? BK_E_FULL : 0;
}

/* --- what members ask for --- */

static int put_plate(struct memory *m, const struct bk_board_request *r, struct plate **ret_plate)
{
	unsigned seats = r->seats ? r->seats : SEATS_USUAL;
	struct plate *p;
	int err;

	if (r->number > BK_LIMIT_NAMEPLATE_NUMBER || seats < 2 || seats > BK_BOARD_SEATS_MAX)
		return BK_E_INVALID;
	if (r->number && find_plate(m, r->number))
		return BK_E_EXISTS;
	p = new_plate(r->number ? r->number : draw_number(m), seats);
	if (!p)
		return BK_E_NOMEM;
	err = r->len ? bk_letters_put(&p->left, &m->bag, r->body, r->len) : 0;
	if (err == 0)
		err = bk_map_put(m->plates, &p->number, sizeof(p->number), p);
	if (err < 0)
		free_plate(m, p);
	else
		*ret_plate = p;
	return err;
}

/* An ask: who, and when; the verdict is filled in. */
struct asking {
	struct member *member;
	const struct bk_board_request *request;
	bk_time now;
	struct bk_board_verdict verdict;
};

static int on_allocate(struct memory *m, struct asking *a)
{
	struct plate *p;
	int err = a->member->count < BK_LIMIT_NAMEPLATES ? put_plate(m, a->request, &p) : BK_E_FULL;

	if (err < 0)
		return err;
	sit_down(&p->seat[0], a->member);
	a->verdict.number = p->number;
	return 0;
}

static void say_claimed(const struct memory *m, const struct plate *p, const struct seat *by)
{
	for (unsigned i = 0; i < p->seats; i++)
		if (p->seat[i].member && &p->seat[i] != by)
			m->opts.events->on_claimed(m->opts.arg, p->seat[i].member->who, p->number, p->token);
}

static int on_claim(struct memory *m, struct asking *a)
{
	struct plate *p = find_plate(m, a->request->number);
	const struct bk_letter *left;
	struct seat *s;

	if (!p || seat_of(p, a->member))
		return BK_E_NO_SUCH_PEER;
	s = seat_of(p, NULL);
	if (!s)
		return BK_E_CODE_USED;
	if (a->member->count >= BK_LIMIT_NAMEPLATES)
		return BK_E_FULL;
	if (p->taken == 1)
		m->opts.events->make_token(m->opts.arg, p->token);
	sit_down(s, a->member);
	expire_at(p, &m->by_lifetime, bk_time_add(a->now, m->opts.lifetime));
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
	struct seat *from = find_seat(a->member, r->number);
	int err = from ? check_mail(m, from, r->len) : BK_E_NOT_FOUND;

	for (unsigned i = 0; err == 0 && i < from->plate->seats; i++) {
		struct seat *to = &from->plate->seat[i];

		if (to == from)
			continue;
		err = bk_letters_put(&to->letters, &m->bag, r->body, r->len);
		deliver(m, to);
	}
	return err;
}

static int on_release(struct memory *m, struct asking *a)
{
	struct seat *s = find_seat(a->member, a->request->number);

	if (!s)
		return BK_E_NOT_FOUND;
	release_and_tell(m, s->plate, s, 0);
	return 0;
}

/* --- meetings --- */

static struct plate *find_meeting(const struct memory *m, const uint8_t *secret)
{
	return bk_map_get(m->meetings, secret, BK_BOARD_TOKEN_LEN);
}

/* The member's newest that has all of its own, and a number still. */
static struct plate *find_ripe(const struct member *h, unsigned seat)
{
	for (struct bk_list *it = h->seats.prev; it != &h->seats; it = it->prev) {
		struct plate *p = bk_container_of(it, struct seat, link)->plate;

		if (p->number && is_complete(p) && seat < p->seats && p->seat[seat].member == h)
			return p;
	}
	return NULL;
}

static int put_meeting(struct memory *m, struct plate *p, const uint8_t *secret)
{
	memcpy(p->secret, secret, sizeof(p->secret));
	return bk_map_put(m->meetings, p->secret, sizeof(p->secret), p);
}

static int turn_into_meeting(struct memory *m, struct plate *p, const uint8_t *secret)
{
	int err = put_meeting(m, p, secret);

	if (err < 0)
		return err;
	bk_map_take(m->plates, &p->number, sizeof(p->number));
	expire_at(p, NULL, BK_NEVER);
	p->number = 0;
	bk_letters_drop(&p->left, &m->bag);
	return 0;
}

static int make_meeting(struct memory *m, const struct asking *a, struct plate **ret_plate)
{
	unsigned seats = a->request->seats ? a->request->seats : SEATS_USUAL;
	struct plate *p;
	int err;

	if (!m->opts.events->may_spend(m->opts.arg, a->member->who, a->now))
		return BK_E_RATE_LIMITED;
	if (seats < 2 || seats > BK_BOARD_SEATS_MAX || a->request->seat >= seats)
		return BK_E_INVALID;
	if (a->member->count >= BK_LIMIT_NAMEPLATES)
		return BK_E_FULL;
	p = new_plate(0, seats);
	if (!p)
		return BK_E_NOMEM;
	err = put_meeting(m, p, a->request->secret);
	if (err < 0)
		free_plate(m, p);
	else
		*ret_plate = p;
	return err;
}

/* One is away: the time of waiting runs from when that began. */
static void watch_absence(struct memory *m, struct plate *p, bool is_closed, bk_time now)
{
	bk_dur grace = is_closed ? bk_time_min(m->opts.grace, BK_LIMIT_MEETING_GRACE_SHORT) : m->opts.grace;

	if (is_complete(p))
		expire_at(p, NULL, BK_NEVER);
	else if (p->expires == BK_NEVER)
		expire_at(p, is_closed ? &m->by_short_grace : &m->by_grace, bk_time_add(now, grace));
}

/* The member takes the seat, whoever had it before: the secret is the authority. Positive: from somebody
 * else, or from nobody. */
static int take_seat(struct memory *m, struct seat *s, const struct asking *a)
{
	const struct seat *has = seat_of(s->plate, a->member);

	if (has && has != s)
		return BK_E_INVALID;
	if (s->is_known && a->request->order <= s->order)
		return BK_E_EXISTS;
	if (!has && a->member->count >= BK_LIMIT_NAMEPLATES)
		return BK_E_FULL;
	s->is_known = true;
	s->order = a->request->order;
	if (has)
		return 0;
	stand_up(m, s);
	sit_down(s, a->member);
	watch_absence(m, s->plate, false, a->now);
	return 1;
}

static void tell_round(const struct memory *m, const struct seat *s)
{
	if (s->member)
		m->opts.events->on_round(m->opts.arg, s->member->who, s->plate->token);
}

static void enter_round(struct memory *m, struct seat *s)
{
	s->is_in = true;
	deliver(m, s);
}

/* The members lost their path and look for another one. What waits is of the round before. */
static int begin_round(struct memory *m, struct seat *s, const struct asking *a)
{
	struct plate *p = s->plate;

	if (!m->opts.events->may_spend(m->opts.arg, a->member->who, a->now))
		return BK_E_RATE_LIMITED;
	m->opts.events->make_token(m->opts.arg, p->token);
	p->round = a->now;
	for (unsigned i = 0; i < p->seats; i++) {
		bk_letters_drop(&p->seat[i].letters, &m->bag);
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
static int take_part(struct memory *m, struct seat *s, const struct asking *a, bool is_new)
{
	static const uint8_t none[BK_BOARD_TOKEN_LEN];
	const struct bk_board_request *r = a->request;
	const struct plate *p = s->plate;
	bool has_round = p->round != BK_NEVER;
	bool is_fresh = has_round && a->now - p->round < BK_LIMIT_ROUND_FRESH;
	bool names_one = memcmp(r->token, none, sizeof(none)) != 0;
	bool names_this = memcmp(r->token, p->token, sizeof(none)) == 0;
	bool comes_again = s->is_in && (r->asks || (names_one && is_new));
	bool finds_none = !has_round && (r->asks || names_one);

	if (comes_again || finds_none || (has_round && !s->is_in && !is_fresh))
		return begin_round(m, s, a);
	if (!has_round || s->is_in)
		return 0;
	if (!names_this)
		tell_round(m, s);
	if (names_this || r->asks)
		enter_round(m, s);
	return 0;
}

static int on_rejoin(struct memory *m, struct asking *a)
{
	const struct bk_board_request *r = a->request;
	struct plate *p = find_meeting(m, r->secret);
	int got = 0;

	if (!p && (p = find_ripe(a->member, r->seat)))
		got = turn_into_meeting(m, p, r->secret);
	else if (!p)
		got = make_meeting(m, a, &p);
	if (got == 0)
		got = r->seat < p->seats ? take_seat(m, &p->seat[r->seat], a) : BK_E_INVALID;
	return got < 0 ? got : take_part(m, &p->seat[r->seat], a, got > 0);
}

/* The meeting waits for who is away. False: it is to end, because it is none, because that member never
 * showed the secret, or because nobody is left in it. */
static bool await(struct memory *m, struct seat *s, bool is_closed, bk_time now)
{
	struct plate *p = s->plate;

	if (p->number || !s->is_known || p->taken < 2)
		return false;
	stand_up(m, s);
	watch_absence(m, p, is_closed, now);
	return true;
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
	*m->plates_count = bk_map_count(m->plates);
	*m->meetings_count = bk_map_count(m->meetings);
}

static void memory_ask(struct bk_board *b, uint64_t who, const struct bk_board_request *r, bk_time now)
{
	static int (*const handlers[])(struct memory *, struct asking *) = {
		[BK_BOARD_ALLOCATE] = on_allocate,
		[BK_BOARD_CLAIM] = on_claim,
		[BK_BOARD_REJOIN] = on_rejoin,
		[BK_BOARD_MAIL] = on_mail,
		[BK_BOARD_RELEASE] = on_release,
	};
	struct memory *m = memory_of(b);
	struct asking a = {.request = r, .now = now, .verdict.wish = r->wish};
	int err;

	bk_assert(who);
	enter(m);
	err = make_member(m, who, &a.member);
	if (err == 0)
		err = handlers[r->wish](m, &a);
	a.verdict.error = err;
	m->opts.events->on_verdict(m->opts.arg, who, &a.verdict);
	if (err == 0 && r->wish == BK_BOARD_CLAIM) /* what was mailed before it came */
		deliver(m, find_seat(a.member, r->number));
	forget_if_idle(m, find_member(m, who));
	leave(m);
}

static void memory_refresh(struct bk_board *b, uint64_t who, bk_time now)
{
	struct memory *m = memory_of(b);
	struct seat *s = find_seat(find_member(m, who), 0);

	if (s && s->plate->number && s->plate->taken > 1)
		expire_at(s->plate, &m->by_lifetime, bk_time_add(now, m->opts.lifetime));
}

static void memory_deliver(struct bk_board *b, uint64_t who)
{
	struct memory *m = memory_of(b);
	struct member *h = find_member(m, who);

	enter(m);
	if (h)
		bk_list_each(it, tmp, &h->seats) deliver(m, bk_container_of(it, struct seat, link));
	leave(m);
}

static void memory_leave(struct bk_board *b, uint64_t who, bool is_closed, bk_time now)
{
	struct memory *m = memory_of(b);
	struct seat *s;

	enter(m);
	while ((s = find_seat(find_member(m, who), 0)))
		if (!await(m, s, is_closed, now))
			release_and_tell(m, s->plate, s, BK_E_PEER_VANISHED);
	leave(m);
}

static struct plate *first_of(const struct bk_list *l)
{
	return bk_list_empty(l) ? NULL : bk_container_of(l->next, struct plate, by_expiry);
}

/* Every claim lives equally long, and so does every wait of a kind: the lists are in order of expiry. */
static struct plate *first_to_expire(const struct memory *m)
{
	struct plate *of[] = {
		first_of(&m->by_lifetime), first_of(&m->by_grace), first_of(&m->by_short_grace)};
	struct plate *first = NULL;

	for (size_t i = 0; i < sizeof(of) / sizeof(of[0]); i++)
		if (of[i] && (!first || of[i]->expires < first->expires))
			first = of[i];
	return first;
}

static void memory_wake(struct bk_board *b, bk_time now)
{
	struct memory *m = memory_of(b);
	struct plate *p;

	enter(m);
	while ((p = first_to_expire(m)) && p->expires <= now)
		release_and_tell(m, p, NULL, p->number ? BK_E_TIMEOUT : BK_E_PEER_VANISHED);
	leave(m);
}

static bk_time memory_next_wake(struct bk_board *b)
{
	const struct plate *p = first_to_expire(memory_of(b));

	return p ? p->expires : BK_NEVER;
}

static void free_value(void *arg, void *value)
{
	free_plate(arg, value);
}

static void memory_free(struct bk_board *b)
{
	struct memory *m = memory_of(b);

	bk_assert(!m->is_telling);
	if (m->plates)
		bk_map_each(m->plates, free_value, m);
	if (m->meetings)
		bk_map_each(m->meetings, free_value, m);
	bk_assert(!m->bag.bytes && (!m->members || !bk_map_count(m->members)));
	bk_map_free(m->plates);
	bk_map_free(m->meetings);
	bk_map_free(m->members);
	free(m);
}

static void count_in(struct memory *m, struct bk_counters *counters)
{
	m->plates_count = m->meetings_count = &m->uncounted;
	if (!counters)
		return;
	m->plates_count = bk_counters_register(counters, "nameplates");
	m->meetings_count = bk_counters_register(counters, "meetings");
}

int bk_board_memory_new(const struct bk_board_opts *opts, void *arg, struct bk_board **ret_board)
{
	static const struct bk_board_ops ops = {memory_ask, memory_refresh, memory_deliver, memory_leave,
		memory_wake, memory_next_wake, memory_free};
	struct memory *m = calloc(1, sizeof(*m));

	(void)arg;
	if (!m)
		return BK_E_NOMEM;
	m->board.ops = &ops;
	m->opts = *opts;
	m->rng.state = opts->seed;
	bk_list_init(&m->by_lifetime);
	bk_list_init(&m->by_grace);
	bk_list_init(&m->by_short_grace);
	count_in(m, opts->counters);
	m->plates = bk_map_new(opts->max, bk_rng_next(&m->rng));
	m->meetings = bk_map_new(opts->max, bk_rng_next(&m->rng));
	m->members = bk_map_new(4 * opts->max, bk_rng_next(&m->rng));
	if (!m->plates || !m->meetings || !m->members) {
		memory_free(&m->board);
		return BK_E_NOMEM;
	}
	*ret_board = &m->board;
	return 0;
}

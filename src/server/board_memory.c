/* SPDX-License-Identifier: Apache-2.0 */
/* The board in memory: its doors. */
#include "server/memory.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/error.h"
#include "server/counter.h"

static struct bk_memory *memory_of(struct bk_board *b)
{
	return bk_container_of(b, struct bk_memory, board);
}

static int on_group_wish(struct bk_memory *m, struct bk_asking *a)
{
	a->verdict.ticket = a->request->ticket;
	return bk_groups_ask(&m->groups, a->member->who, a->request, a->now, &a->verdict.wait);
}

/* --- the board's doors --- */

static void enter(struct bk_memory *m)
{
	bk_assert(!m->is_telling); /* asked from inside a callback */
	m->is_telling = true;
}

static void leave(struct bk_memory *m)
{
	m->is_telling = false;
	*m->plates_count = bk_map_count(m->table.plates);
	*m->meetings_count = bk_map_count(m->table.meetings);
	*m->groups_count = bk_map_count(m->groups.by_id);
}

static void memory_ask(struct bk_board *b, uint64_t who, const struct bk_board_request *r, bk_time now)
{
	static int (*const handlers[])(struct bk_memory *, struct bk_asking *) = {
		[BK_BOARD_ALLOCATE] = bk_memory_allocate,
		[BK_BOARD_CLAIM] = bk_memory_claim,
		[BK_BOARD_REJOIN] = bk_memory_rejoin,
		[BK_BOARD_MAIL] = bk_memory_mail,
		[BK_BOARD_RELEASE] = bk_memory_release,
		[BK_BOARD_JOIN] = on_group_wish,
		[BK_BOARD_CARD] = on_group_wish,
		[BK_BOARD_POST] = on_group_wish,
		[BK_BOARD_PART] = on_group_wish,
	};
	struct bk_memory *m = memory_of(b);
	struct bk_asking a = {.request = r, .now = now, .verdict.wish = r->wish};
	int err;

	bk_assert(who);
	enter(m);
	err = bk_plates_make_member(&m->table, who, &a.member);
	if (!err)
		err = handlers[r->wish](m, &a);
	a.verdict.error = err;
	m->opts.events->on_verdict(m->opts.arg, who, &a.verdict);
	if (!err && r->wish == BK_BOARD_CLAIM) /* what was mailed before it came */
		bk_memory_deliver(m, bk_member_seat(a.member, r->number));
	bk_plates_forget_idle(&m->table, who);
	leave(m);
}

static void memory_refresh(struct bk_board *b, uint64_t who, bk_time now)
{
	struct bk_memory *m = memory_of(b);
	struct bk_seat *s = bk_member_seat(bk_plates_member(&m->table, who), 0);

	if (s && s->plate->number && s->plate->taken > 1)
		bk_plates_expire_at(
			&m->table, s->plate, BK_MEMORY_EXPIRING_CLAIM, bk_time_add(now, m->opts.lifetime));
}

static void memory_deliver(struct bk_board *b, uint64_t who)
{
	struct bk_memory *m = memory_of(b);
	struct bk_member *h = bk_plates_member(&m->table, who);

	enter(m);
	if (h)
		bk_list_each(it, tmp, &h->seats)
			bk_memory_deliver(m, bk_container_of(it, struct bk_seat, link));
	bk_groups_deliver(&m->groups, who);
	leave(m);
}

/* A maker that has gone leaves no heir. */
static void end_without(struct bk_memory *m, struct bk_seat *s, bk_time now)
{
	if (s == &s->plate->seat[0])
		bk_memory_end(m, s->plate, s, BK_E_PEER_VANISHED);
	else
		bk_memory_end_claimed(m, s->plate, s, BK_E_PEER_VANISHED, now);
}

static void memory_leave(struct bk_board *b, uint64_t who, bool is_closed, bk_time now)
{
	struct bk_memory *m = memory_of(b);
	struct bk_seat *s;

	enter(m);
	while ((s = bk_member_seat(bk_plates_member(&m->table, who), 0)))
		if (!bk_memory_await(m, s, is_closed, now))
			end_without(m, s, now);
	bk_groups_leave(&m->groups, who, now);
	leave(m);
}

static void memory_wake(struct bk_board *b, bk_time now)
{
	struct bk_memory *m = memory_of(b);
	struct bk_plate *p;

	enter(m);
	while ((p = bk_plates_first_doubted(&m->table)) && p->doubted <= now)
		bk_plates_settle_claims(&m->table, p, BK_BOARD_WRONG);
	while ((p = bk_plates_first_to_expire(&m->table)) && p->expires <= now)
		bk_memory_end(m, p, NULL, p->number ? BK_E_TIMEOUT : BK_E_PEER_VANISHED);
	bk_groups_wake(&m->groups, now);
	leave(m);
}

static bk_time memory_next_wake(struct bk_board *b)
{
	const struct bk_memory *m = memory_of(b);
	const struct bk_plates *t = &m->table;
	const struct bk_plate *p = bk_plates_first_to_expire(t), *q = bk_plates_first_doubted(t);

	bk_time next = bk_time_min(p ? p->expires : BK_NEVER, q ? q->doubted : BK_NEVER);

	return bk_time_min(next, bk_groups_next_wake(&m->groups));
}

static void memory_free(struct bk_board *b)
{
	struct bk_memory *m = memory_of(b);

	bk_assert(!m->is_telling);
	bk_plates_done(&m->table);
	bk_groups_done(&m->groups);
	free(m);
}

int bk_board_memory_new(const struct bk_board_opts *opts, void *arg, struct bk_board **ret_board)
{
	static const struct bk_board_ops ops = {memory_ask, memory_refresh, memory_deliver, memory_leave,
		memory_wake, memory_next_wake, memory_free};
	struct bk_memory *m = calloc(1, sizeof(*m));
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

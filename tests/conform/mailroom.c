/* SPDX-License-Identifier: Apache-2.0 */
/* Nothing is handed on from inside a call: each box has a tray of what is to be said, and a turn of the loop
 * empties them all. */
#include "tests/conform/mailroom.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/error.h"
#include "base/list.h"
#include "base/time.h"
#include "net/turn.h"
#include "tests/conform/test_support.h"

enum { PLATES = 16, MEETINGS = 4, WAITING_MAX = 16 };

#define CLOCK_OFFSET (1234 * BK_SEC)

enum what { READY, NAMEPLATE, CLAIMED, MAIL, ROUND, RELEASED, ERROR, FLUSHED };

struct slip {
	struct bk_list link;
	enum what what;
	uint32_t number;
	int code;
	bool has_token;
	uint8_t token[BK_MAILBOX_TOKEN_LEN];
	void (*fn)(void *arg);
	void *arg;
	size_t len;
	uint8_t bytes[];
};

struct box {
	struct bk_list link;
	struct mailroom *room;
	const struct bk_mailbox_events *events;
	void *arg;
	struct bk_list tray;
	struct plate *plate;
	struct meeting *meeting;
	unsigned side; /* 0 left, 1 claimed; the same in a meeting */
};

struct plate {
	uint32_t number; /* 0: free */
	struct box *boxes[2];
	struct slip *left;
	bool is_claimed;
};

struct meeting {
	bool is_used, has_round;
	uint8_t secret[BK_MAILBOX_TOKEN_LEN], token[BK_MAILBOX_TOKEN_LEN];
	struct box *boxes[2];
	bool is_in[2];
	uint64_t numbers[2];
	struct bk_list waiting[2];
	unsigned waiting_len[2];
};

struct mailroom {
	struct bk_mailbox_ops ops;
	bool is_bare;
	struct bk_turn turn;
	struct bk_list boxes;
	struct plate plates[PLATES];
	struct meeting meetings[MEETINGS];
};

/* --- what is to be said --- */

static struct slip *write_slip(enum what what, const void *bytes, size_t len)
{
	struct slip *s = calloc(1, sizeof(*s) + len + 1);

	assert_non_null(s);
	s->what = what;
	s->len = len;
	if (len)
		memcpy(s->bytes, bytes, len);
	return s;
}

static void put(struct box *b, struct slip *s)
{
	bk_list_append(&b->tray, &s->link);
	bk_turn_ask(&b->room->turn);
}

static void put_code(struct box *b, enum what what, int code)
{
	struct slip *s = write_slip(what, NULL, 0);

	s->code = code;
	put(b, s);
}

static void put_token(struct box *b, struct slip *s, const uint8_t token[BK_MAILBOX_TOKEN_LEN])
{
	s->has_token = !b->room->is_bare;
	memcpy(s->token, token, sizeof(s->token));
	put(b, s);
}

static void drop_all(struct bk_list *slips)
{
	bk_list_each(it, tmp, slips)
	{
		bk_list_remove(it);
		free(bk_container_of(it, struct slip, link));
	}
}

static void say(struct box *b, const struct slip *s)
{
	const struct bk_mailbox_events *to = b->events;
	const uint8_t *token = s->has_token ? s->token : NULL;

	if (s->what == READY)
		to->on_ready(b->arg);
	else if (s->what == NAMEPLATE)
		to->on_nameplate(b->arg, s->number);
	else if (s->what == CLAIMED)
		to->on_claimed(b->arg, s->number, token, s->bytes, s->len);
	else if (s->what == MAIL)
		to->on_mail(b->arg, s->bytes, s->len);
	else if (s->what == ROUND)
		to->on_round(b->arg, s->token);
	else if (s->what == RELEASED)
		to->on_released(b->arg, s->code);
	else if (s->what == ERROR)
		to->on_error(b->arg, s->code, "");
	else
		s->fn(s->arg);
}

static struct box *find_full_tray(struct mailroom *r)
{
	bk_list_each(it, tmp, &r->boxes)
	{
		struct box *b = bk_container_of(it, struct box, link);

		if (!bk_list_empty(&b->tray))
			return b;
	}
	return NULL;
}

/* A box may be closed from inside what it is told. */
static void on_turn(void *arg)
{
	struct mailroom *r = arg;
	struct box *b;

	while ((b = find_full_tray(r))) {
		struct slip *s = bk_container_of(b->tray.next, struct slip, link);

		bk_list_remove(&s->link);
		say(b, s);
		free(s);
	}
}

/* --- nameplates --- */

static struct plate *find_plate(struct mailroom *r, uint32_t number)
{
	for (int i = 0; i < PLATES; i++)
		if (r->plates[i].number == number)
			return &r->plates[i];
	return NULL;
}

static void forget_plate(struct plate *p)
{
	for (int i = 0; i < 2; i++)
		if (p->boxes[i])
			p->boxes[i]->plate = NULL;
	free(p->left);
	*p = (struct plate){0};
}

static int leave(void *box, uint32_t wish, const void *body, size_t n)
{
	struct box *b = box;
	struct plate *p = find_plate(b->room, 0);
	uint32_t number = wish;
	struct slip *s;

	assert_non_null(p);
	while (!number || (!wish && find_plate(b->room, number)))
		number++;
	if (find_plate(b->room, number)) {
		put_code(b, ERROR, BK_E_EXISTS);
		return 0;
	}
	*p = (struct plate){.number = number, .boxes = {b}, .left = write_slip(CLAIMED, body, n)};
	b->plate = p;
	b->side = 0;
	s = write_slip(NAMEPLATE, NULL, 0);
	s->number = number;
	put(b, s);
	return 0;
}

static int claim(void *box, uint32_t nameplate)
{
	struct box *b = box;
	struct plate *p = nameplate ? find_plate(b->room, nameplate) : NULL;
	uint8_t token[BK_MAILBOX_TOKEN_LEN];
	struct slip *s;

	if (!p || p->is_claimed) {
		put_code(b, ERROR, p ? BK_E_CODE_USED : BK_E_NO_SUCH_PEER);
		return 0;
	}
	p->is_claimed = true;
	p->boxes[1] = b;
	b->plate = p;
	b->side = 1;
	randombytes_buf(token, sizeof(token));
	s = write_slip(CLAIMED, NULL, 0);
	s->number = p->left->number = nameplate;
	put_token(p->boxes[0], s, token);
	put_token(b, p->left, token);
	p->left = NULL;
	return 0;
}

/* --- meetings --- */

static struct meeting *find_meeting(struct mailroom *r, const uint8_t secret[BK_MAILBOX_TOKEN_LEN])
{
	struct meeting *fresh = NULL;

	for (int i = 0; i < MEETINGS; i++) {
		struct meeting *m = &r->meetings[i];

		if (m->is_used && !memcmp(m->secret, secret, sizeof(m->secret)))
			return m;
		if (!m->is_used)
			fresh = m;
	}
	assert_non_null(fresh);
	*fresh = (struct meeting){.is_used = true};
	memcpy(fresh->secret, secret, sizeof(fresh->secret));
	bk_list_init(&fresh->waiting[0]);
	bk_list_init(&fresh->waiting[1]);
	return fresh;
}

static void forget_meeting(struct meeting *m)
{
	for (int i = 0; i < 2; i++) {
		if (m->boxes[i])
			m->boxes[i]->meeting = NULL;
		drop_all(&m->waiting[i]);
	}
	m->is_used = false;
}

static void tell_round(struct meeting *m, unsigned side)
{
	if (m->boxes[side])
		put_token(m->boxes[side], write_slip(ROUND, NULL, 0), m->token);
}

static void begin_round(struct meeting *m)
{
	m->has_round = true;
	randombytes_buf(m->token, sizeof(m->token));
	for (unsigned i = 0; i < 2; i++) {
		m->is_in[i] = false;
		drop_all(&m->waiting[i]);
		m->waiting_len[i] = 0;
		tell_round(m, i);
	}
}

static void enter(struct meeting *m, unsigned side)
{
	m->is_in[side] = true;
	bk_list_each(it, tmp, &m->waiting[side])
	{
		bk_list_remove(it);
		put(m->boxes[side], bk_container_of(it, struct slip, link));
	}
	m->waiting_len[side] = 0;
}

static int rejoin(void *box, const struct bk_mailbox_rejoin *j)
{
	struct box *b = box;
	struct meeting *m = find_meeting(b->room, j->secret);
	bool has_token = !sodium_is_zero(j->token, sizeof(j->token));
	bool is_same_box = m->boxes[j->side] == b;

	if (j->number <= m->numbers[j->side]) {
		put_code(b, ERROR, BK_E_EXISTS);
		return 0;
	}
	m->numbers[j->side] = j->number;
	if (m->boxes[j->side])
		m->boxes[j->side]->meeting = NULL;
	m->boxes[j->side] = b;
	b->meeting = m;
	b->side = j->side;
	if (j->asks || (has_token && m->is_in[j->side] && !is_same_box))
		begin_round(m);
	else if (m->has_round && has_token && !memcmp(m->token, j->token, sizeof(m->token)))
		enter(m, j->side);
	else if (m->has_round && !m->is_in[j->side])
		tell_round(m, j->side);
	return 0;
}

static int mail(void *box, const void *body, size_t n)
{
	struct box *b = box;
	struct meeting *m = b->meeting && b->meeting->has_round ? b->meeting : NULL;
	struct box *to = m ? m->boxes[!b->side] : b->plate ? b->plate->boxes[!b->side] : NULL;

	if (n > BK_MAILBOX_MAIL_MAX)
		return BK_E_TOO_BIG;
	if (m && (!to || !m->is_in[!b->side])) {
		if (m->waiting_len[!b->side]++ < WAITING_MAX)
			bk_list_append(&m->waiting[!b->side], &write_slip(MAIL, body, n)->link);
	} else if (to) {
		put(to, write_slip(MAIL, body, n));
	}
	return 0;
}

/* --- a box --- */

static void leave_all(struct box *b, int code)
{
	struct box *other = b->meeting ? b->meeting->boxes[!b->side] : NULL;

	if (!other && b->plate)
		other = b->plate->boxes[!b->side];
	if (other)
		put_code(other, RELEASED, code);
	if (b->plate)
		forget_plate(b->plate);
	if (b->meeting)
		forget_meeting(b->meeting);
}

static void release(void *box)
{
	leave_all(box, 0);
}

static void close_box(void *box)
{
	struct box *b = box;

	if (!b->meeting)
		leave_all(b, BK_E_PEER_VANISHED);
	else
		b->meeting->boxes[b->side] = NULL;
	if (b->plate)
		forget_plate(b->plate);
	bk_list_remove(&b->link);
	drop_all(&b->tray);
	free(b);
}

static int open_box(void *arg, struct bk_loop *loop, const struct bk_mailbox_events *events, void *events_arg,
	void **ret_box)
{
	struct mailroom *r = arg;
	struct box *b = calloc(1, sizeof(*b));

	(void)loop;
	if (!b)
		return BK_E_NOMEM;
	*b = (struct box){.room = r, .events = events, .arg = events_arg};
	bk_list_init(&b->tray);
	bk_list_append(&r->boxes, &b->link);
	put_code(b, READY, 0);
	*ret_box = b;
	return 0;
}

static void view(void *box, struct bk_mailbox_view *ret_view)
{
	struct box *b = box;

	if (!b->room->is_bare)
		*ret_view = (struct bk_mailbox_view){.rtt_ns = BK_MS, .clock_offset_ns = CLOCK_OFFSET};
	ret_view->addrs[ret_view->addrs_len++] = bk_addr_v4(127, 0, 0, 1, 0);
}

static bool is_mail_taken(void *box)
{
	(void)box;
	return true;
}

static void flush(void *box, void (*fn)(void *fn_arg), void *fn_arg)
{
	struct slip *s = write_slip(FLUSHED, NULL, 0);

	s->fn = fn;
	s->arg = fn_arg;
	put(box, s);
}

static const struct bk_mailbox_ops bare = {
	.size = sizeof(bare),
	.open = open_box,
	.close = close_box,
	.view = view,
	.leave = leave,
	.claim = claim,
	.mail = mail,
};

struct mailroom *mailroom_new(struct bk_loop *loop, bool is_bare)
{
	struct mailroom *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	r->is_bare = is_bare;
	r->ops = bare;
	if (!is_bare) {
		r->ops.release = release;
		r->ops.rejoin = rejoin;
		r->ops.is_mail_taken = is_mail_taken;
		r->ops.flush = flush;
	}
	bk_list_init(&r->boxes);
	bk_turn_init(&r->turn, loop, on_turn, r);
	return r;
}

void mailroom_free(struct mailroom *r)
{
	assert_true(bk_list_empty(&r->boxes));
	for (int i = 0; i < PLATES; i++)
		free(r->plates[i].left);
	for (int i = 0; i < MEETINGS; i++)
		if (r->meetings[i].is_used)
			forget_meeting(&r->meetings[i]);
	bk_turn_done(&r->turn);
	free(r);
}

struct bk_mailbox mailroom_as_mailbox(struct mailroom *r)
{
	return (struct bk_mailbox){&r->ops, r};
}

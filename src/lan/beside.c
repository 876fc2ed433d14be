/* SPDX-License-Identifier: Apache-2.0 */
/* Who leaves something has a box at both, and the first claim at either closes the other one. Who claims must never do
 * so at both: the one who left it would take one of the two claims for the other side and this side the other one. So
 * he looks on the LAN for a moment, while the server is being reached anyway, then asks the server, and only when
 * nobody is there looks on the LAN for as long as it takes.
 *
 * A server that cannot be reached at the start leaves the LAN alone; one that was reached and is lost ends the box, as
 * it would without the LAN: whoever opened it comes again. */
#include "lan/beside.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hold.h"
#include "base/log.h"

enum { TEXT_MAX = 512 };

#define HEAD_START (50 * BK_MS) /* of the LAN, for who claims */
/* Until the LAN goes on without a server that is slow. A code is told when it is good wherever the other side may look
 * for it: a first packet that is lost twice comes after 3 s (RFC 6298, 2.1 and 5.5). */
#define FAR_WAIT    (4 * BK_SEC)
#define TRYING_WAIT (50 * BK_MS)

struct side {
	struct box *of;
	const struct bk_mailbox_ops *ops;
	void *arg;
	void *box; /* NULL: closed */
	bool is_ready;
};

struct box {
	struct bk_beside *m;
	struct bk_loop *loop;
	const struct bk_mailbox_events *events;
	void *arg;
	struct side far, near;
	struct side *chosen; /* NULL: either */
	struct bk_timer *timer;
	bk_time born;
	struct bk_hold hold;
	bool is_told_ready;
	uint32_t number; /* left or claimed; 0: not known yet */
	/* leaving */
	uint8_t *left;
	size_t left_len;
	bool is_numbered; /* the number was told */
	/* claiming */
	bool is_asked;     /* the owner has claimed */
	bool has_near_had; /* the LAN has had its time */
	bool is_far_asked;
	int far_error; /* why the server is out of reach */
	char text[TEXT_MAX];
	struct bk_mailbox_rejoin rejoin; /* wherever it was that they met */
	bool has_rejoin;
};

static const struct bk_mailbox_events side_events;

static void release_box(struct box *b)
{
	bk_timer_free(b->timer);
	free(b->left);
	free(b);
}

static int open_side(struct box *b, struct side *s)
{
	int err = s->ops->open(s->arg, b->loop, &side_events, s, &s->box);

	s->is_ready = false;
	if (err < 0)
		s->box = NULL;
	return err;
}

static void close_side(struct side *s)
{
	if (s->box)
		s->ops->close(s->box);
	s->box = NULL;
	s->is_ready = false;
}

static struct side *other(struct side *s)
{
	return s == &s->of->far ? &s->of->near : &s->of->far;
}

static void choose(struct side *s)
{
	struct box *b = s->of;

	if (b->chosen)
		return;
	b->chosen = s;
	close_side(other(s));
	bk_timer_stop(b->timer);
}

/* --- what the owner hears; he may close the box inside, so it is held --- */

static void say_ready(struct box *b)
{
	if (b->is_told_ready)
		return;
	b->is_told_ready = true;
	b->events->on_ready(b->arg);
}

static void say_error(struct box *b, int code, const char *text)
{
	b->events->on_error(b->arg, code, text);
}

static void say_end(struct box *b, int error, const char *text)
{
	b->events->on_end(b->arg, error, text);
}

static void say_note(struct box *b, int verbosity, const char *text)
{
	if (b->events->on_note)
		b->events->on_note(b->arg, verbosity, text);
}

/* --- claiming --- */

static void look_near(struct box *b)
{
	b->has_near_had = false;
	if (!b->near.box && open_side(b, &b->near) < 0)
		b->has_near_had = true;
	else if (b->near.ops->claim(b->near.box, b->number) < 0)
		b->has_near_had = true;
}

static void ask_far(struct box *b)
{
	b->is_far_asked = true;
	close_side(&b->near);
	if (b->far.ops->claim(b->far.box, b->number) < 0)
		look_near(b); /* its end follows */
}

/* Where the claim goes next, if anywhere. */
static void advance(struct box *b)
{
	bk_dur age = bk_loop_now(b->loop) - b->born;

	if (b->chosen || !b->is_asked || b->is_far_asked || !b->far.is_ready)
		return;
	if (b->has_near_had || (age >= HEAD_START && !bk_lan_box_is_trying(b->near.box)))
		ask_far(b);
	else
		bk_timer_start(b->timer, age < HEAD_START ? HEAD_START - age : TRYING_WAIT);
}

/* The server is slow: what is left now is good on the LAN first. */
static void go_on_without(struct box *b)
{
	char note[TEXT_MAX];

	snprintf(note, sizeof(note),
		"server '%.400s' does not answer yet; until it does, looking on this network alone",
		b->far.ops->name(b->far.arg));
	say_note(b, -1, note);
	if (!b->hold.is_dead)
		say_ready(b);
}

static void on_time(void *arg)
{
	struct box *b = arg;

	bk_hold_enter(&b->hold);
	if (!b->is_told_ready && bk_loop_now(b->loop) - b->born >= FAR_WAIT)
		go_on_without(b);
	if (!b->hold.is_dead)
		advance(b);
	if (bk_hold_leave(&b->hold))
		release_box(b);
}

/* --- leaving --- */

static int leave_at(struct side *s)
{
	struct box *b = s->of;

	return s->ops->leave(s->box, b->number, b->left, b->left_len);
}

/* --- what the two boxes tell --- */

static void on_side_ready(struct side *s)
{
	struct box *b = s->of;

	s->is_ready = true;
	if (s == &b->far) {
		b->m->was_far_ever = true;
		b->has_rejoin = false;
	}
	if (s == &b->far && !b->chosen && b->left && b->is_numbered)
		leave_at(s);
	if (b->is_told_ready && s == &b->far && !b->chosen)
		b->events->on_view(b->arg);
	else if (s == &b->far || s == b->chosen)
		say_ready(b);
	if (!b->hold.is_dead)
		advance(b);
}

static void on_side_nameplate(struct side *s, uint32_t nameplate)
{
	struct box *b = s->of;
	struct side *o = other(s);

	if (b->is_numbered)
		return;
	b->is_numbered = true;
	b->number = nameplate;
	if (!b->chosen && o->box && (o == &b->near || o->is_ready) && leave_at(o) < 0)
		close_side(o);
	b->events->on_nameplate(b->arg, nameplate);
}

static void on_side_claimed(
	struct side *s, uint32_t nameplate, const uint8_t *token, const uint8_t *left, size_t n)
{
	struct box *b = s->of;

	choose(s);
	b->m->is_met = true;
	b->m->is_near = s == &b->near;
	say_ready(b);
	if (!b->hold.is_dead && (b->is_asked || b->is_numbered))
		b->events->on_claimed(b->arg, nameplate, token, left, n);
}

static void on_near_error(struct box *b, int code, const char *text)
{
	if (b->left) { /* somebody on the LAN has the number: who comes has to come by the server */
		if (b->is_numbered || b->far.is_ready)
			close_side(&b->near);
		else
			say_error(b, code, text);
		return;
	}
	b->has_near_had = true;
	if (!b->is_far_asked && b->far.box)
		advance(b);
	else if (!b->is_told_ready)
		say_end(b, b->far_error, b->text);
	else if (b->is_asked)
		say_error(b, BK_E_NO_SUCH_PEER, b->is_far_asked ? "" : text);
}

static void on_far_error(struct box *b, int code, const char *text)
{
	if (b->left && b->is_numbered) { /* the code goes on without it */
		say_note(b, 0,
			"the server has given the number of this code to somebody else: it is good on this network alone");
		close_side(&b->far);
	} else if (b->is_far_asked && code == BK_E_NO_SUCH_PEER) {
		look_near(b);
	} else {
		say_error(b, code, text);
	}
}

/* Only of the network's doing: a wrong key, or a refusal, is not for the LAN to mend. */
static bool is_out_of_reach(int error)
{
	return error == BK_E_REFUSED || error == BK_E_UNREACHABLE || error == BK_E_TIMEOUT ||
	       error == BK_E_RESOLVE;
}

/* Two who came to meet again, and nobody knows where they met. */
static void rejoin_near(struct box *b)
{
	b->chosen = &b->near;
	if (open_side(b, &b->near) < 0 || b->near.ops->rejoin(b->near.box, &b->rejoin) < 0)
		say_end(b, BK_E_UNREACHABLE, b->text);
}

static void on_far_end(struct box *b, int error, const char *text)
{
	char note[TEXT_MAX];

	if (b->m->was_far_ever || !is_out_of_reach(error) || (!b->near.box && !b->has_rejoin)) {
		say_end(b, error, text);
		return;
	}
	close_side(&b->far);
	b->far_error = error;
	snprintf(b->text, sizeof(b->text), "%s", text);
	snprintf(note, sizeof(note), "%.400s; looking on this network alone", text);
	if (b->has_rejoin) {
		rejoin_near(b);
	} else if (!b->m->number) {
		say_note(b, -1, note);
		if (!b->hold.is_dead)
			say_ready(b);
	} else if (b->has_near_had) {
		say_end(b, error, b->text);
	}
}

static struct box *enter(void *side)
{
	struct box *b = ((struct side *)side)->of;

	bk_hold_enter(&b->hold);
	return b;
}

static void leave_hold(struct box *b)
{
	if (bk_hold_leave(&b->hold))
		release_box(b);
}

static void on_ready(void *arg)
{
	struct box *b = enter(arg);

	on_side_ready(arg);
	leave_hold(b);
}

static void on_view(void *arg)
{
	struct box *b = enter(arg);

	if (arg == b->chosen || (!b->chosen && arg == &b->far))
		b->events->on_view(b->arg);
	leave_hold(b);
}

static void on_nameplate(void *arg, uint32_t nameplate)
{
	struct box *b = enter(arg);

	on_side_nameplate(arg, nameplate);
	leave_hold(b);
}

static void on_claimed(void *arg, uint32_t nameplate, const uint8_t token[BK_MAILBOX_TOKEN_LEN],
	const uint8_t *left, size_t n)
{
	struct box *b = enter(arg);

	on_side_claimed(arg, nameplate, token, left, n);
	leave_hold(b);
}

static void on_mail(void *arg, const uint8_t *body, size_t n)
{
	struct box *b = enter(arg);

	if (arg == b->chosen)
		b->events->on_mail(b->arg, body, n);
	leave_hold(b);
}

static void on_round(void *arg, const uint8_t token[BK_MAILBOX_TOKEN_LEN])
{
	struct box *b = enter(arg);

	if (arg == b->chosen)
		b->events->on_round(b->arg, token);
	leave_hold(b);
}

static void on_released(void *arg, int code)
{
	struct box *b = enter(arg);

	if (arg == b->chosen)
		b->events->on_released(b->arg, code);
	leave_hold(b);
}

static void on_error(void *arg, int code, const char *text)
{
	struct box *b = enter(arg);

	if (b->chosen)
		say_error(b, code, text);
	else if (arg == &b->near)
		on_near_error(b, code, text);
	else
		on_far_error(b, code, text);
	leave_hold(b);
}

static void on_end(void *arg, int error, const char *text)
{
	struct box *b = enter(arg);

	if (b->chosen && !(b->has_rejoin && arg == &b->far))
		say_end(b, error, text);
	else if (arg == &b->far)
		on_far_end(b, error, text);
	else
		close_side(arg);
	leave_hold(b);
}

static void on_note(void *arg, int verbosity, const char *text)
{
	struct box *b = enter(arg);

	say_note(b, verbosity, text);
	leave_hold(b);
}

static const struct bk_mailbox_events side_events = {
	.on_ready = on_ready,
	.on_view = on_view,
	.on_nameplate = on_nameplate,
	.on_claimed = on_claimed,
	.on_mail = on_mail,
	.on_round = on_round,
	.on_released = on_released,
	.on_error = on_error,
	.on_end = on_end,
	.on_note = on_note,
};

/* --- the table --- */

static void close_box(void *box)
{
	struct box *b = box;

	close_side(&b->far);
	close_side(&b->near);
	bk_timer_stop(b->timer);
	sodium_memzero(&b->rejoin, sizeof(b->rejoin));
	if (bk_hold_end(&b->hold))
		release_box(b);
}

/* Two who have met at one of the two meet there again. */
static int open_sides(struct box *b)
{
	int err;

	if (b->m->is_met) {
		b->chosen = b->m->is_near ? &b->near : &b->far;
		return open_side(b, b->chosen);
	}
	err = open_side(b, &b->far);
	if (open_side(b, &b->near) < 0)
		return err;
	b->number = b->m->number;
	if (b->number) /* by what comes of it we are ready, or by the server */
		look_near(b);
	else if (!b->m->was_far_ever) /* else we come for the number that we have there */
		bk_timer_start(b->timer, FAR_WAIT);
	return 0;
}

static int open_box(void *arg, struct bk_loop *loop, const struct bk_mailbox_events *events, void *events_arg,
	void **ret_box)
{
	struct bk_beside *m = arg;
	struct box *b = calloc(1, sizeof(*b));
	int err;

	if (!b)
		return BK_E_NOMEM;
	*b = (struct box){
		.m = m, .loop = loop, .events = events, .arg = events_arg, .born = bk_loop_now(loop)};
	b->far = (struct side){.of = b, .ops = m->far.ops, .arg = m->far.arg};
	b->near = (struct side){.of = b, .ops = &bk_lan_ops, .arg = m->near};
	err = bk_timer_new(loop, on_time, b, &b->timer);
	if (!err)
		err = open_sides(b);
	if (err < 0) {
		close_box(b);
		return err;
	}
	*ret_box = b;
	return 0;
}

static struct side *current(void *box)
{
	struct box *b = box;

	return b->chosen ? b->chosen : b->far.is_ready ? &b->far : &b->near;
}

static void view(void *box, struct bk_mailbox_view *ret_view)
{
	struct side *s = current(box);

	if (s->box && s->ops->view)
		s->ops->view(s->box, ret_view);
}

/* Anew, after a release, at both. */
static void unchoose(struct box *b)
{
	if (!b->chosen)
		return;
	b->chosen = NULL;
	b->m->is_met = false;
	if (!b->far.box)
		open_side(b, &b->far);
	if (!b->near.box)
		open_side(b, &b->near);
}

static int leave(void *box, uint32_t wish, const void *body, size_t n)
{
	struct box *b = box;

	unchoose(b);
	free(b->left);
	b->left = malloc(n ? n : 1);
	if (!b->left)
		return BK_E_NOMEM;
	if (n)
		memcpy(b->left, body, n);
	b->left_len = n;
	b->number = wish;
	b->is_numbered = false;
	if (b->far.is_ready)
		return leave_at(&b->far);
	return b->near.box ? leave_at(&b->near) : BK_E_SERVER_GONE;
}

static int claim(void *box, uint32_t nameplate)
{
	struct box *b = box;

	b->is_asked = true;
	b->is_far_asked = false;
	if (b->chosen &&
		b->number == nameplate) /* found while the server was being reached; it is told next */
		return 0;
	unchoose(b);
	if (nameplate != b->number || !b->far.box) {
		b->number = nameplate;
		look_near(b);
	}
	bk_timer_start(b->timer, 0);
	return 0;
}

static int mail(void *box, const void *body, size_t n)
{
	struct side *s = current(box);

	return s->box ? s->ops->mail(s->box, body, n) : BK_E_EOF;
}

static void release(void *box)
{
	struct box *b = box;

	if (b->chosen && b->chosen->box)
		b->chosen->ops->release(b->chosen->box);
	free(b->left);
	b->left = NULL;
	if (b->chosen)
		return;
	close_side(&b->near);
	if (b->far.box)
		b->far.ops->release(b->far.box);
}

static int rejoin(void *box, const struct bk_mailbox_rejoin *j)
{
	struct box *b = box;
	struct side *s = b->chosen;

	if (!s) {
		s = b->far.box ? &b->far : &b->near;
		choose(s);
		b->rejoin = *j;
		b->has_rejoin = s == &b->far;
	} else if (b->has_rejoin) {
		b->rejoin = *j;
	}
	return s->ops->rejoin(s->box, j);
}

static bool is_mail_taken(void *box)
{
	struct side *s = current(box);

	return !s->box || s->ops->is_mail_taken(s->box);
}

static void flush(void *box, void (*fn)(void *fn_arg), void *fn_arg)
{
	struct side *s = current(box);

	if (s->box)
		s->ops->flush(s->box, fn, fn_arg);
	else
		fn(fn_arg);
}

static void measure_clock(void *box)
{
	struct side *s = current(box);

	if (s->box && s->is_ready)
		s->ops->measure_clock(s->box);
}

static void yield_port(void *box)
{
	struct side *s = current(box);

	if (s->box && s->ops->yield_port)
		s->ops->yield_port(s->box);
}

static const char *name(void *arg)
{
	struct bk_beside *m = arg;

	return m->far.ops->name(m->far.arg);
}

const struct bk_mailbox_ops bk_beside_ops = {
	.size = sizeof(bk_beside_ops),
	.open = open_box,
	.close = close_box,
	.view = view,
	.leave = leave,
	.claim = claim,
	.mail = mail,
	.release = release,
	.rejoin = rejoin,
	.is_mail_taken = is_mail_taken,
	.flush = flush,
	.measure_clock = measure_clock,
	.yield_port = yield_port,
	.name = name,
};

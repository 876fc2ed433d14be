/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of what the two boxes tell. A server that cannot be reached at the start leaves the LAN alone; one
 * that was reached and is lost ends the box, as it would without the LAN: whoever opened it comes again. */
#include "lan/beside_events.h"

#include <stdio.h>

#include "base/error.h"
#include "lan/quest.h"

static void on_side_ready(struct bk_side *s)
{
	struct bk_sides *b = s->of;

	s->is_ready = true;
	if (s == &b->far) {
		b->m->was_far_ever = true;
		b->is_taken_along = false;
		b->has_rejoin = false;
	}
	if (s == &b->far && !b->chosen && b->left && b->is_numbered)
		bk_side_leave(s);
	if (b->is_told_ready && s == &b->far && !b->chosen)
		b->events->on_view(b->arg);
	else if (s == &b->far || s == b->chosen)
		bk_sides_say_ready(b);
	if (!b->hold.is_dead)
		bk_quest_advance(b);
}

static void on_side_nameplate(struct bk_side *s, uint32_t nameplate)
{
	struct bk_sides *b = s->of;
	struct bk_side *o = bk_side_other(s);

	if (b->is_numbered)
		return;
	b->is_numbered = true;
	b->number = nameplate;
	if (!b->chosen && o->box && (o == &b->near || o->is_ready) && bk_side_leave(o) < 0)
		bk_side_close(o);
	b->events->on_nameplate(b->arg, nameplate);
}

static void on_side_claimed(
	struct bk_side *s, uint32_t nameplate, const uint8_t *token, const uint8_t *left, size_t n)
{
	struct bk_sides *b = s->of;

	bk_side_choose(s);
	b->m->is_met = true;
	b->m->is_near = s == &b->near;
	bk_sides_say_ready(b);
	if (!b->hold.is_dead && (b->is_asked || b->is_numbered))
		b->events->on_claimed(b->arg, nameplate, token, left, n);
}

static void on_near_error(struct bk_sides *b, int code, const char *text)
{
	if (b->left) { /* somebody on the LAN has the number: who comes has to come by the server */
		if (b->is_numbered || b->far.is_ready)
			bk_side_close(&b->near);
		else
			bk_sides_say_error(b, code, text);
		return;
	}
	bk_quest_near_failed(b, text);
}

static void on_far_error(struct bk_sides *b, int code, const char *text)
{
	if (b->left && b->is_numbered) { /* the code goes on without it */
		bk_sides_say_note(b, 0,
			"the server has given the number of this code to somebody else: it is good on this network alone");
		bk_side_close(&b->far);
	} else if (!bk_quest_far_failed(b, code)) {
		bk_sides_say_error(b, code, text);
	}
}

/* Only of the network's doing: a wrong key, or a refusal, is not for the LAN to mend. */
static bool is_out_of_reach(int error)
{
	return error == BK_E_REFUSED || error == BK_E_UNREACHABLE || error == BK_E_TIMEOUT ||
	       error == BK_E_RESOLVE;
}

/* Two who came to meet again, and nobody knows where they met. */
static void rejoin_near(struct bk_sides *b)
{
	b->chosen = &b->near;
	if (bk_side_open(&b->near) < 0 || b->near.ops->rejoin(b->near.box, &b->rejoin) < 0)
		bk_sides_say_end(b, BK_E_UNREACHABLE, b->text);
}

static void on_far_end(struct bk_sides *b, int error, const char *text)
{
	char note[BK_SIDES_TEXT_MAX];

	if (b->m->was_far_ever || !is_out_of_reach(error) || (!b->near.box && !b->has_rejoin)) {
		bk_sides_say_end(b, error, text);
		return;
	}
	bk_side_close(&b->far);
	b->far_error = error;
	snprintf(b->text, sizeof(b->text), "%s", text);
	snprintf(note, sizeof(note), "%.400s; looking on this network alone", text);
	if (b->has_rejoin) {
		rejoin_near(b);
	} else if (!b->m->number) {
		bk_sides_say_note(b, -1, note);
		if (!b->hold.is_dead)
			bk_sides_go_near(b);
	} else if (b->has_near_had) {
		bk_sides_say_end(b, error, b->text);
	}
}

static struct bk_sides *enter(void *side)
{
	struct bk_sides *b = ((struct bk_side *)side)->of;

	bk_hold_enter(&b->hold);
	return b;
}

static void leave_hold(struct bk_sides *b)
{
	if (bk_hold_leave(&b->hold))
		bk_sides_free(b);
}

static void on_ready(void *arg)
{
	struct bk_sides *b = enter(arg);

	on_side_ready(arg);
	leave_hold(b);
}

static void on_view(void *arg)
{
	struct bk_sides *b = enter(arg);

	((struct bk_side *)arg)->has_view = true;
	if (arg == b->chosen || (!b->chosen && arg == &b->far))
		b->events->on_view(b->arg);
	leave_hold(b);
}

/* The server's; what is meant for the LAN first goes there first. */
static void on_early(void *arg)
{
	struct bk_sides *b = enter(arg);

	if (arg == &b->far && !b->chosen && !b->is_told_ready) {
		b->far.is_early = true;
		if (b->events->on_early)
			b->events->on_early(b->arg);
	}
	leave_hold(b);
}

static void on_nameplate(void *arg, uint32_t nameplate)
{
	struct bk_sides *b = enter(arg);

	on_side_nameplate(arg, nameplate);
	leave_hold(b);
}

static void on_claimed(void *arg, uint32_t nameplate, const uint8_t token[BK_MAILBOX_TOKEN_LEN],
	const uint8_t *left, size_t n)
{
	struct bk_sides *b = enter(arg);

	on_side_claimed(arg, nameplate, token, left, n);
	leave_hold(b);
}

static void on_mail(void *arg, const uint8_t *body, size_t n)
{
	struct bk_sides *b = enter(arg);

	if (arg == b->chosen)
		b->events->on_mail(b->arg, body, n);
	leave_hold(b);
}

static void on_round(void *arg, const uint8_t token[BK_MAILBOX_TOKEN_LEN])
{
	struct bk_sides *b = enter(arg);

	if (arg == b->chosen)
		b->events->on_round(b->arg, token);
	leave_hold(b);
}

static void on_released(void *arg, int code)
{
	struct bk_sides *b = enter(arg);

	if (arg == b->chosen)
		b->events->on_released(b->arg, code);
	leave_hold(b);
}

static void on_error(void *arg, int code, const char *text)
{
	struct bk_sides *b = enter(arg);

	if (b->chosen)
		bk_sides_say_error(b, code, text);
	else if (arg == &b->near)
		on_near_error(b, code, text);
	else
		on_far_error(b, code, text);
	leave_hold(b);
}

static void on_end(void *arg, int error, const char *text)
{
	struct bk_sides *b = enter(arg);

	if (b->chosen && !(b->has_rejoin && arg == &b->far))
		bk_sides_say_end(b, error, text);
	else if (arg == &b->far)
		on_far_end(b, error, text);
	else
		bk_side_close(arg);
	leave_hold(b);
}

static void on_note(void *arg, int verbosity, const char *text)
{
	struct bk_sides *b = enter(arg);

	bk_sides_say_note(b, verbosity, text);
	leave_hold(b);
}

const struct bk_mailbox_events bk_side_events = {
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
	.on_early = on_early,
};

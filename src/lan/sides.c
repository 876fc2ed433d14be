/* SPDX-License-Identifier: Apache-2.0 */
#include "lan/sides.h"

#include <stdlib.h>

#include "base/error.h"

void bk_sides_free(struct bk_sides *b)
{
	bk_timer_free(b->timer);
	free(b->left);
	free(b);
}

int bk_side_open(struct bk_side *s)
{
	int err = s->ops->open(s->arg, s->of->loop, s->of->heard, s, &s->box);

	s->is_ready = s->is_early = s->has_view = false;
	if (err < 0)
		s->box = NULL;
	return err;
}

void bk_side_close(struct bk_side *s)
{
	if (s->box)
		s->ops->close(s->box);
	s->box = NULL;
	s->is_ready = s->is_early = s->has_view = false;
}

struct bk_side *bk_side_other(struct bk_side *s)
{
	return s == &s->of->far ? &s->of->near : &s->of->far;
}

void bk_side_choose(struct bk_side *s)
{
	struct bk_sides *b = s->of;

	if (b->chosen)
		return;
	b->chosen = s;
	bk_side_close(bk_side_other(s));
	bk_timer_stop(b->timer);
}

int bk_side_leave(struct bk_side *s)
{
	struct bk_sides *b = s->of;

	return s->ops->leave(s->box, b->number, b->left, b->left_len);
}

struct bk_side *bk_sides_current(struct bk_sides *b)
{
	if (b->chosen)
		return b->chosen;
	return b->far.is_ready || b->far.has_view ? &b->far : &b->near;
}

/* --- what the owner hears --- */

void bk_sides_say_ready(struct bk_sides *b)
{
	if (b->is_told_ready)
		return;
	b->is_told_ready = true;
	b->events->on_ready(b->arg);
}

void bk_sides_go_near(struct bk_sides *b)
{
	bool was_along = b->is_taken_along && b->near.box;

	b->is_taken_along = false;
	bk_sides_say_ready(b);
	if (!b->hold.is_dead && was_along && bk_side_leave(&b->near) < 0)
		bk_sides_say_error(b, BK_E_SERVER_GONE, "");
}

void bk_sides_say_error(struct bk_sides *b, int code, const char *text)
{
	b->events->on_error(b->arg, code, text);
}

void bk_sides_say_end(struct bk_sides *b, int error, const char *text)
{
	b->events->on_end(b->arg, error, text);
}

void bk_sides_say_note(struct bk_sides *b, int verbosity, const char *text)
{
	if (b->events->on_note)
		b->events->on_note(b->arg, verbosity, text);
}

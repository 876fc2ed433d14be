/* SPDX-License-Identifier: Apache-2.0 */
#include "lan/places.h"

#include "base/error.h"

enum { ROUNDS_MAX = 4 };

#define ROUND_PAUSE    (300 * BK_MS)
#define PLACE_PATIENCE (2 * BK_SEC) /* until a place that was found has what is claimed */

static void leave(struct bk_places *p)
{
	p->is_at_one = false;
	p->ops->leave(p->arg);
}

static int go(struct bk_places *p, const struct bk_addr *to)
{
	int err = p->ops->go(p->arg, to);

	p->is_at_one = !err;
	bk_timer_start(p->deadline, PLACE_PATIENCE);
	return err;
}

/* When there is none left, and nobody seeks any more, it was in vain. */
void bk_places_go_on(struct bk_places *p)
{
	if (p->is_settled || (p->is_at_one && !p->wants_next))
		return;
	p->wants_next = false;
	bk_timer_stop(p->deadline);
	leave(p);
	while (p->tried < p->count) {
		if (go(p, &p->all[p->tried++]) == 0)
			return;
		leave(p);
	}
	if (p->refusal == BK_E_NO_SUCH_PEER && p->rounds++ < ROUNDS_MAX)
		bk_timer_start(p->deadline, ROUND_PAUSE);
	else
		p->ops->on_empty(p->arg);
}

void bk_places_not_here(struct bk_places *p, int refusal)
{
	p->refusal = refusal;
	p->wants_next = true;
	p->ops->on_due(p->arg);
}

static void on_deadline(void *arg)
{
	struct bk_places *p = arg;

	if (!p->is_at_one) /* the pause is over */
		p->tried = 0;
	bk_places_not_here(p, 0);
}

void bk_places_settle(struct bk_places *p)
{
	bk_timer_stop(p->deadline);
	p->is_settled = true;
}

void bk_places_wait(struct bk_places *p)
{
	if (!p->is_settled && p->tried == p->count)
		bk_timer_start(p->deadline, PLACE_PATIENCE);
}

void bk_places_add(struct bk_places *p, const struct bk_addr *place)
{
	if (p->count < BK_BEACON_PLACES_MAX)
		p->all[p->count++] = *place;
	bk_places_go_on(p);
}

void bk_places_forget(struct bk_places *p)
{
	p->count = p->tried = 0;
	p->rounds = 0;
	p->refusal = 0;
	p->is_settled = p->wants_next = false;
	bk_timer_stop(p->deadline);
	leave(p);
}

bool bk_places_is_trying(const struct bk_places *p)
{
	return !p->is_settled && (p->is_at_one || p->tried < p->count);
}

const struct bk_addr *bk_places_last(const struct bk_places *p)
{
	return p->tried ? &p->all[p->tried - 1] : NULL;
}

int bk_places_init(struct bk_places *p, struct bk_loop *loop, const struct bk_places_ops *ops, void *arg)
{
	*p = (struct bk_places){.ops = ops, .arg = arg};
	return bk_timer_new(loop, on_deadline, p, &p->deadline);
}

void bk_places_done(struct bk_places *p)
{
	bk_timer_free(p->deadline);
	p->deadline = NULL;
}

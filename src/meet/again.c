/* SPDX-License-Identifier: Apache-2.0 */
#include "meet/again.h"

#include <stddef.h>

#include "base/error.h"
#include "base/time.h"

#define AGAIN_MIN (1 * BK_SEC)
#define AGAIN_MAX (15 * BK_SEC)

int bk_again_init(struct bk_again *a, struct bk_loop *loop, void (*fn)(void *arg), void *arg)
{
	*a = (struct bk_again){.refusals = 0};
	return bk_timer_new(loop, fn, arg, &a->timer);
}

void bk_again_done(struct bk_again *a)
{
	bk_timer_free(a->timer);
	a->timer = NULL;
}

void bk_again_at_once(struct bk_again *a)
{
	bk_timer_start(a->timer, 0);
}

void bk_again_later(struct bk_again *a)
{
	bk_dur d = a->refusals > 4 ? AGAIN_MAX : bk_time_min(AGAIN_MAX, AGAIN_MIN << a->refusals);

	a->refusals++;
	bk_timer_start(a->timer, d);
}

void bk_again_stop(struct bk_again *a)
{
	bk_timer_stop(a->timer);
}

bool bk_again_may_miss(struct bk_again *a)
{
	return ++a->missed <= BK_AGAIN_MISSES_MAX;
}

bool bk_again_helps(int error)
{
	return error != BK_E_PIN_MISMATCH && error != BK_E_UNAUTHORIZED && error != BK_E_VERSION &&
	       error != BK_E_FILE && error != BK_E_NOMEM;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* One hub for each loop. */
#include "service/msghub.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "net/loop.h"
#include "service/conn.h"

enum { HEAD_MAX = 128 * 1024 }; /* a header and whatever its fields may be before they are refused */

static void set_alarm(struct bk_msghub *hub, bk_time now)
{
	const struct bk_wake *first = bk_wakes_first(&hub->wakes);

	if (!first || first->at >= hub->alarm_at)
		return;
	hub->alarm_at = first->at;
	bk_timer_start(hub->alarm, first->at - now);
}

static void on_alarm(void *arg)
{
	struct bk_msghub *hub = arg;
	bk_time now = bk_loop_now(hub->loop);
	struct bk_wake *w;

	hub->holders++;
	hub->alarm_at = BK_NEVER;
	while ((w = bk_wakes_first(&hub->wakes)) && w->at <= now) {
		bk_wakes_remove(&hub->wakes, w);
		hub->on_wake(bk_container_of(w, struct bk_conn, wake), now);
	}
	set_alarm(hub, now);
	bk_msghub_release(hub);
}

void bk_msghub_wake(struct bk_msghub *hub, struct bk_conn *c, bk_time at)
{
	if (at == BK_NEVER)
		return;
	bk_wakes_set(&hub->wakes, &c->wake, at);
	if (at < hub->alarm_at)
		set_alarm(hub, bk_loop_now(hub->loop));
}

int bk_msghub_enter(struct bk_msghub *hub, void (*on_wake)(struct bk_conn *c, bk_time now))
{
	int err = bk_wakes_reserve(&hub->wakes, hub->conns + 1);

	if (!err) {
		hub->conns++;
		hub->on_wake = on_wake;
	}
	return err;
}

void bk_msghub_leave(struct bk_msghub *hub, struct bk_conn *c)
{
	bk_wakes_remove(&hub->wakes, &c->wake);
	bk_assert(hub->conns > 0);
	hub->conns--;
}

static void hub_free(struct bk_msghub *hub)
{
	bk_timer_free(hub->alarm);
	bk_wakes_done(&hub->wakes);
	bk_buf_done(&hub->head);
	free(hub);
}

static int hub_new(struct bk_loop *loop, struct bk_msghub **ret_hub)
{
	struct bk_msghub *hub = malloc(sizeof(*hub)); /* the scratch space is not worth clearing */
	int err;

	if (!hub)
		return BK_E_NOMEM;
	memset(hub, 0, offsetof(struct bk_msghub, scratch));
	hub->loop = loop;
	hub->alarm_at = BK_NEVER;
	bk_buf_init(&hub->head, HEAD_MAX);
	err = bk_timer_new(loop, on_alarm, hub, &hub->alarm);
	if (err < 0) {
		hub_free(hub);
		return err;
	}
	*ret_hub = hub;
	return 0;
}

int bk_msghub_hold(struct bk_loop *loop, struct bk_msghub **ret_hub)
{
	int err = loop->msghub ? 0 : hub_new(loop, &loop->msghub);

	if (err < 0)
		return err;
	*ret_hub = loop->msghub;
	(*ret_hub)->holders++;
	return 0;
}

void bk_msghub_release(struct bk_msghub *hub)
{
	if (!hub)
		return;
	bk_assert(hub->holders > 0);
	if (--hub->holders)
		return;
	bk_assert(!hub->conns);
	hub->loop->msghub = NULL;
	hub_free(hub);
}

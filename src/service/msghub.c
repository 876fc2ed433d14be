/* SPDX-License-Identifier: Apache-2.0 */
/* One hub for each loop. A connection that has something to send only enters its name here; the hub sends for
 * all of them once the loop has handled what was ready, so that a burst of messages costs each receiver one
 * system call. It never calls anybody from inside a call. */
#include "service/msghub.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "service/conn.h"

enum { HEAD_MAX = 128 * 1024 }; /* a header and whatever its fields may be before they are refused */

static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;
static struct bk_list table = {&table, &table};

static void take_turns(struct bk_msghub *hub)
{
	while (!bk_list_empty(&hub->turning)) {
		struct bk_conn *c = bk_container_of(hub->turning.next, struct bk_conn, in_turn);

		bk_list_remove(&c->in_turn);
		bk_msgconn_turn(c);
	}
}

/* Who is entered while the turns are taken has its own at the next. */
static void on_turn(void *arg)
{
	struct bk_msghub *hub = arg;

	hub->holders++;
	bk_list_each(it, tmp, &hub->pending)
	{
		bk_list_remove(it);
		bk_list_append(&hub->turning, it);
	}
	take_turns(hub);
	bk_msghub_release(hub);
}

void bk_msghub_pend(struct bk_msghub *hub, struct bk_conn *c)
{
	if (!bk_list_empty(&c->in_turn))
		return;
	if (bk_list_empty(&hub->pending))
		bk_timer_start(hub->turn, 0);
	bk_list_append(&hub->pending, &c->in_turn);
}

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
		bk_msgconn_wake(bk_container_of(w, struct bk_conn, wake), now);
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

int bk_msghub_enter(struct bk_msghub *hub)
{
	int err = bk_wakes_reserve(&hub->wakes, hub->conns + 1);

	if (err == 0)
		hub->conns++;
	return err;
}

void bk_msghub_leave(struct bk_msghub *hub, struct bk_conn *c)
{
	bk_wakes_remove(&hub->wakes, &c->wake);
	bk_list_remove(&c->in_turn);
	hub->conns--;
}

static void hub_free(struct bk_msghub *hub)
{
	bk_timer_free(hub->turn);
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
	hub->holders = 1;
	hub->alarm_at = BK_NEVER;
	bk_list_init(&hub->link);
	bk_list_init(&hub->pending);
	bk_list_init(&hub->turning);
	bk_buf_init(&hub->head, HEAD_MAX);
	err = bk_timer_new(loop, on_turn, hub, &hub->turn);
	if (err == 0)
		err = bk_timer_new(loop, on_alarm, hub, &hub->alarm);
	if (err < 0) {
		hub_free(hub);
		return err;
	}
	*ret_hub = hub;
	return 0;
}

static struct bk_msghub *find(const struct bk_loop *loop)
{
	bk_list_each(it, tmp, &table)
	{
		struct bk_msghub *hub = bk_container_of(it, struct bk_msghub, link);

		if (hub->loop == loop)
			return hub;
	}
	return NULL;
}

/* The table is of the process, its hubs are each of one thread: the lock is for the table alone. */
int bk_msghub_hold(struct bk_loop *loop, struct bk_msghub **ret_hub)
{
	struct bk_msghub *hub;
	int err;

	pthread_mutex_lock(&table_lock);
	hub = find(loop);
	pthread_mutex_unlock(&table_lock);
	if (hub) {
		hub->holders++;
		*ret_hub = hub;
		return 0;
	}
	err = hub_new(loop, &hub);
	if (err < 0)
		return err;
	pthread_mutex_lock(&table_lock);
	bk_list_append(&table, &hub->link);
	pthread_mutex_unlock(&table_lock);
	*ret_hub = hub;
	return 0;
}

void bk_msghub_release(struct bk_msghub *hub)
{
	if (!hub || --hub->holders)
		return;
	pthread_mutex_lock(&table_lock);
	bk_list_remove(&hub->link);
	pthread_mutex_unlock(&table_lock);
	hub_free(hub);
}

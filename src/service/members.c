/* SPDX-License-Identifier: Apache-2.0 */
/* Who is under a service's roof, and who of them hears broadcasts. Connections come and go while somebody walks
 * over them, and the roof stands until the last who is inside has left. */
#include <stdlib.h>

#include "base/assert.h"
#include "service/service.h"

void bk_service_release(struct bk_service *s)
{
	bk_assert(!s->count && !s->walks);
	bk_chunk_unref(s->chunk);
	bk_msghub_release(s->hub);
	free(s);
}

void bk_service_idle(struct bk_service *s)
{
	if (bk_hold_leave(&s->hold))
		bk_service_release(s);
}

void bk_service_enter(struct bk_service *s, struct bk_conn *c)
{
	bk_assert(c->service == s);
	bk_list_append(&s->conns, &c->in_service);
	bk_list_append(&s->audience, &c->in_audience);
	s->count++;
}

void bk_service_leave(struct bk_service *s, struct bk_conn *c)
{
	bk_list_remove(&c->in_audience);
	if (bk_list_empty(&c->in_service))
		return;
	for (struct bk_service_walk *w = s->walks; w; w = w->outer)
		if (w->next == &c->in_service)
			w->next = w->next->next;
	bk_list_remove(&c->in_service);
	bk_assert(s->count > 0);
	s->count--;
	if (s->is_stopping && !s->count)
		bk_turn_ask(&s->last);
}

void bk_service_each(struct bk_service *s, void (*fn)(struct bk_conn *c, void *arg), void *arg)
{
	struct bk_service_walk w = {.next = s->conns.next, .outer = s->walks};

	bk_hold_enter(&s->hold);
	s->walks = &w;
	while (w.next != &s->conns && !s->hold.is_dead) {
		struct bk_conn *c = bk_container_of(w.next, struct bk_conn, in_service);

		w.next = w.next->next;
		if (c->state != BK_CONN_ENDED)
			fn(c, arg);
	}
	s->walks = w.outer;
	bk_service_idle(s);
}

unsigned bk_service_count(const struct bk_service *s)
{
	return s->count;
}

void bk_conn_set_audience(struct bk_conn *c, bool wanted)
{
	if (!c->service || c->state >= BK_CONN_DRAINING || wanted == !bk_list_empty(&c->in_audience))
		return;
	if (wanted)
		bk_list_append(&c->service->audience, &c->in_audience);
	else
		bk_list_remove(&c->in_audience);
}

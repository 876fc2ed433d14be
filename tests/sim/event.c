/* SPDX-License-Identifier: Apache-2.0 */

/* A binary heap of events in virtual time. */

#include "event.h"

#include <assert.h>
#include <stdlib.h>

static bool is_before(const struct sim_event *a, const struct sim_event *b)
{
	return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void swap(struct sim_clock *c, size_t i, size_t j)
{
	struct sim_event *e = c->heap[i];

	c->heap[i] = c->heap[j];
	c->heap[j] = e;
}

void sim_at(
	struct sim_clock *c, bk_time at, sim_act *act, void *self, const struct sim_packet *packet, int arg)
{
	struct sim_event *e = calloc(1, sizeof(*e));
	size_t i = c->len++;

	assert(e && i < SIM_EVENTS_MAX);
	*e = (struct sim_event){
		.at = bk_time_max(at, c->now), .order = c->order++, .act = act, .self = self, .arg = arg};
	if (packet)
		e->packet = *packet;
	c->heap[i] = e;
	for (; i > 0 && is_before(c->heap[i], c->heap[(i - 1) / 2]); i = (i - 1) / 2)
		swap(c, i, (i - 1) / 2);
}

static struct sim_event *pop(struct sim_clock *c)
{
	struct sim_event *first = c->heap[0];

	c->heap[0] = c->heap[--c->len];
	for (size_t i = 0, child; (child = 2 * i + 1) < c->len; i = child) {
		if (child + 1 < c->len && is_before(c->heap[child + 1], c->heap[child]))
			child++;
		if (!is_before(c->heap[child], c->heap[i]))
			break;
		swap(c, i, child);
	}
	return first;
}

bool sim_step(struct sim_clock *c, bk_time until)
{
	struct sim_event *e;

	if (c->len == 0 || c->heap[0]->at > until)
		return false;
	e = pop(c);
	c->now = e->at;
	e->act(e->self, &e->packet, e->arg);
	free(e);
	return true;
}

void sim_clock_done(struct sim_clock *c)
{
	while (c->len > 0)
		free(c->heap[--c->len]);
}

/* SPDX-License-Identifier: Apache-2.0 */

/* Which ports an attempt goes to, one after the other, and how many packets that may take. */

#include "punch/attempt.h"

#include "base/assert.h"

enum {
	SCATTER = 39869, /* prime: every port of a set has its turn, however many they are */
	NEIGHBOURS = 64,
};

unsigned bk_attempt_guesses(const struct bk_attempt *a)
{
	unsigned passes = a->tries ? a->tries : a->fast >= a->probes ? BK_PLAN_PASSES : 1;

	return (unsigned)a->sockets * BK_PLAN_FAN_PACKETS + a->fast + a->probes * passes;
}

bool bk_attempt_is_guess(const struct bk_attempt *a)
{
	return bk_attempt_guesses(a) || a->is_request;
}

size_t bk_attempt_len(const struct bk_attempt *a)
{
	return a->ports.len ? a->ports.len : 1;
}

static int scatter(const struct bk_ports *p, int i)
{
	return (int)((int64_t)i * SCATTER % p->len);
}

/* Who would have come on a neighbour's place has the one that the neighbour had. */
static int scatter_behind_neighbours(const struct bk_ports *p, int i)
{
	int most = p->len < NEIGHBOURS ? p->len : NEIGHBOURS, first = p->pivot - most / 2, at;

	first = first < 0 ? 0 : first > p->len - most ? p->len - most : first;
	if (i < most)
		return first + i;
	for (at = scatter(p, i); at >= first && at < first + most;)
		at = scatter(p, at - first);
	return at;
}

/* Which of the ports is the i-th. */
static int place(const struct bk_ports *p, int i)
{
	switch (p->order) {
	case BK_PORTS_UP:
		return (i + p->pivot) % p->len;
	case BK_PORTS_OUTWARD:
		return i % 2 ? (i + 1) / 2 : -(i / 2);
	case BK_PORTS_SCATTERED:
		return p->pivot ? scatter_behind_neighbours(p, i) : scatter(p, i);
	}
	return i;
}

struct bk_addr bk_attempt_remote(const struct bk_attempt *a, size_t i)
{
	bk_assert(i < bk_attempt_len(a));
	if (!a->ports.len)
		return a->remote;
	return bk_addr_with_port(
		a->remote, (uint16_t)(a->ports.first + place(&a->ports, (int)i) * a->ports.step));
}

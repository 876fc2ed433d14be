/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/many.h"

#include <stdlib.h>
#include <string.h>

#include "base/actions.h"
#include "base/way.h"

enum { ROUNDS = 20, WAYS_MAX = 1024, SPARE = 64, WORD_LEN = 2 };

#define GAP (100 * BK_MS)

/* The first byte is neither STUN's (no cookie follows) nor QUIC's (RFC 9443). */
enum { MARK = 2, ASK = 'a', ANSWER = 'r', TAKE = 't' };

struct many {
	struct many_opts opts;
	bool has_won, is_done;
	unsigned rounds;
	bk_time next;
	struct bk_way ways[WAYS_MAX]; /* that asked */
	size_t ways_len;
	struct bk_actions actions;
	struct bk_action *slots;
};

static void push(struct many *m, const struct bk_action *a)
{
	if (!bk_actions_push(&m->actions, a))
		abort();
}

static void say(struct many *m, uint32_t id, const struct bk_addr *to, uint8_t word)
{
	push(m, &(struct bk_action){.type = BK_ACT_DATAGRAM,
			.id = id,
			.remote = *to,
			.data = {MARK, word},
			.len = WORD_LEN});
}

static void ask_all(struct many *m)
{
	for (size_t i = 0; i < m->opts.sockets; i++)
		say(m, MANY_FIRST_SOCKET + (uint32_t)i, &m->opts.peer, ASK);
}

static void win(struct many *m, uint32_t id, const struct bk_addr *remote)
{
	if (m->has_won)
		return;
	m->has_won = true;
	push(m, &(struct bk_action){
			.type = BK_ACT_REPORT, .id = id, .remote = *remote, .report = BK_REPORT_CHOSEN});
}

static size_t index_of(struct many *m, const struct bk_way *way)
{
	for (size_t i = 0; i < m->ways_len; i++)
		if (bk_way_equal(&m->ways[i], way))
			return i;
	if (m->ways_len == WAYS_MAX)
		return WAYS_MAX;
	m->ways[m->ways_len] = *way;
	return m->ways_len++;
}

static bool on_datagram(
	void *engine, uint32_t id, const struct bk_addr *from, const uint8_t *data, size_t len, bk_time now)
{
	struct many *m = engine;

	(void)now;
	if (len != WORD_LEN || data[0] != MARK)
		return false;
	if (data[1] == ASK && index_of(m, &(struct bk_way){id, *from}) == m->opts.answered)
		say(m, id, from, ANSWER);
	if (data[1] == ANSWER) {
		win(m, id, from);
		say(m, id, from, TAKE);
	}
	if (data[1] == TAKE)
		win(m, id, from);
	return true;
}

static void on_failed(void *engine, uint32_t id, int error, bk_time now)
{
	(void)engine, (void)id, (void)error, (void)now;
}

static void on_time(void *engine, bk_time now)
{
	struct many *m = engine;

	if (now < m->next)
		return;
	m->next = m->has_won || m->is_done ? BK_NEVER : now + GAP;
	if (m->has_won || m->is_done)
		return;
	if (m->rounds++ < ROUNDS) {
		ask_all(m);
		return;
	}
	m->is_done = true;
	push(m, &(struct bk_action){.type = BK_ACT_REPORT, .report = BK_REPORT_DONE});
}

static bk_time next_wake(const void *engine)
{
	return ((const struct many *)engine)->next;
}

static bool next_action(void *engine, struct bk_action *ret_action)
{
	return bk_actions_next(&((struct many *)engine)->actions, ret_action);
}

const struct bk_engine_ops many_ops = {
	.on_failed = on_failed,
	.on_datagram = on_datagram,
	.on_time = on_time,
	.next_wake = next_wake,
	.next_action = next_action,
};

struct many *many_new(const struct many_opts *opts, bk_time now)
{
	struct many *m = calloc(1, sizeof(*m));
	size_t max = 2 * opts->sockets + SPARE + WAYS_MAX;

	if (m)
		m->slots = calloc(max, sizeof(*m->slots));
	if (!m || !m->slots)
		abort();
	m->opts = *opts;
	m->next = now;
	bk_actions_init(&m->actions, m->slots, max);
	for (size_t i = 0; i < opts->sockets; i++)
		push(m, &(struct bk_action){.type = BK_ACT_UDP_OPEN,
				.id = MANY_FIRST_SOCKET + (uint32_t)i,
				.local = {.family = opts->peer.family}});
	return m;
}

void many_free(struct many *m)
{
	if (m)
		free(m->slots);
	free(m);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 5780 section 4.6 halves an interval, one wait after the other. Here all ages are waited for at once,
 * each by a socket of its own: when its age has come, another socket asks the server to answer to its public
 * port. If that arrives the mapping lives. The first row has no age at all: it tells whether the server does
 * such things. An arrival refreshes a mapping, so each is tested once. */
#include "nat/lifetime.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/rng.h"
#include "stun/transaction.h"

enum { ASKER = 1, FIRST = 2, SENT_MAX = 4 };

#define RTO      (200 * BK_MS)
#define RTO_MAX  (400 * BK_MS)
#define WAIT_MAX (600 * BK_MS)

static const int ages[] = {0, 10, 20, 28, 35, 45, 60, 90, 120, 150, 200, 300}; /* seconds */

enum { ROWS = sizeof(ages) / sizeof(ages[0]) };

enum state { MAPPING, AGEING, ASKING, ALIVE, DEAD };

struct row {
	enum state state;
	bool is_open;
	struct bk_stun_transaction schedule; /* of MAPPING, then of ASKING */
	uint16_t port;                       /* public */
	bk_time ripe;
};

struct bk_nat_lifetime {
	struct bk_nat_lifetime_opts opts;
	bk_time now;
	struct bk_rng rng;
	struct row rows[ROWS]; /* row i has socket FIRST + i */
	uint32_t opened;       /* sockets asked for */
	bool has_asker, is_done;
};

static void begin(struct bk_nat_lifetime *e, struct row *r, enum state state)
{
	const struct bk_stun_id id = bk_stun_id_draw(&e->rng);

	bk_stun_transaction_init(&r->schedule, &id, RTO, RTO_MAX, SENT_MAX, WAIT_MAX, e->now);
	r->state = state;
}

static void on_opened(void *engine, uint32_t id, const struct bk_addr *local, bk_time now)
{
	struct bk_nat_lifetime *e = engine;

	(void)local;
	e->now = now;
	if (id == ASKER)
		e->has_asker = true;
	else
		e->rows[id - FIRST].is_open = true;
}

static void on_failed(void *engine, uint32_t id, int error, bk_time now)
{
	struct bk_nat_lifetime *e = engine;

	(void)error;
	e->now = now;
	e->rows[id == ASKER ? 0 : id - FIRST].state = DEAD;
}

static bool on_datagram(
	void *engine, uint32_t id, const struct bk_addr *from, const uint8_t *data, size_t len, bk_time now)
{
	struct bk_nat_lifetime *e = engine;
	struct row *r = id >= FIRST ? &e->rows[id - FIRST] : NULL;
	struct bk_stun_msg m;

	e->now = now;
	if (!r || !bk_stun_looks_like(data, len) || bk_stun_decode(data, len, &m) < 0 ||
		m.class != BK_STUN_SUCCESS || !bk_addr_equal(from, &e->opts.server) ||
		memcmp(m.id.bytes + 4, r->schedule.id.bytes + 4, BK_STUN_TID_LEN) != 0)
		return false;
	if (r->state == MAPPING) {
		r->port = bk_stun_mapped(&m).port;
		r->ripe = bk_time_add(now, ages[r - e->rows] * BK_SEC);
		r->state = AGEING;
	} else if (r->state == ASKING) {
		r->state = ALIVE;
	}
	return true;
}

static void on_time(void *engine, bk_time now)
{
	struct bk_nat_lifetime *e = engine;

	e->now = now;
	for (size_t i = 0; i < ROWS; i++) {
		struct row *r = &e->rows[i];

		if (r->state == AGEING && now >= r->ripe)
			begin(e, r, ASKING);
		else if ((r->state == MAPPING || r->state == ASKING) &&
			 bk_stun_transaction_is_over(&r->schedule, now))
			r->state = DEAD;
	}
}

static bk_time next_wake(const void *engine)
{
	const struct bk_nat_lifetime *e = engine;
	bk_time wake = BK_NEVER;

	for (size_t i = 0; i < ROWS && !e->is_done; i++) {
		const struct row *r = &e->rows[i];

		if (r->state == AGEING)
			wake = bk_time_min(wake, r->ripe);
		else if (r->state == MAPPING || r->state == ASKING)
			wake = bk_time_min(wake, bk_stun_transaction_next_wake(&r->schedule));
	}
	return wake;
}

/* The youngest mapping that died ends it, once all younger ones are known to live. */
static bool is_complete(const struct bk_nat_lifetime *e)
{
	for (size_t i = 0; i < ROWS; i++) {
		if (e->rows[i].state == DEAD)
			return true;
		if (e->rows[i].state != ALIVE)
			return false;
	}
	return true;
}

static void ask(struct bk_nat_lifetime *e, struct row *r, struct bk_action *a)
{
	struct bk_stun_msg m = {
		.id = r->schedule.id,
		.software = "bodkin",
		.response_port = r->state == ASKING ? r->port : 0,
	};

	a->type = BK_ACT_DATAGRAM;
	a->id = r->state == ASKING ? ASKER : FIRST + (uint32_t)(r - e->rows);
	a->remote = e->opts.server;
	a->ttl = 0;
	a->len = (uint16_t)bk_stun_encode(&m, NULL, false, a->data, sizeof(a->data));
}

static bool next_action(void *engine, struct bk_action *a)
{
	struct bk_nat_lifetime *e = engine;

	if (e->is_done)
		return false;
	if (e->opened < ROWS + 1) {
		a->type = BK_ACT_UDP_OPEN;
		a->id = ++e->opened;
		a->local = e->opts.local;
		return true;
	}
	for (size_t i = 0; i < ROWS; i++) {
		struct row *r = &e->rows[i];

		if ((r->state != MAPPING && r->state != ASKING) || !r->is_open || !e->has_asker ||
			!bk_stun_transaction_is_due(&r->schedule, e->now))
			continue;
		ask(e, r, a);
		return true;
	}
	e->is_done = is_complete(e);
	a->type = BK_ACT_REPORT;
	a->id = 0;
	a->report = BK_REPORT_DONE;
	return e->is_done;
}

const struct bk_engine_ops bk_nat_lifetime_ops = {
	.on_failed = on_failed,
	.on_opened = on_opened,
	.on_datagram = on_datagram,
	.on_time = on_time,
	.next_wake = next_wake,
	.next_action = next_action,
};

bk_dur bk_nat_lifetime_min(const struct bk_nat_lifetime *e)
{
	int min = 0;

	for (size_t i = 0; i < ROWS && e->rows[i].state == ALIVE; i++)
		min = ages[i];
	return min * BK_SEC;
}

bk_dur bk_nat_lifetime_max(const struct bk_nat_lifetime *e)
{
	for (size_t i = 0; i < ROWS; i++)
		if (e->rows[i].state != ALIVE)
			return e->rows[i].state == DEAD ? ages[i] * BK_SEC : 0;
	return 0;
}

int bk_nat_lifetime_new(
	const struct bk_nat_lifetime_opts *opts, bk_time now, struct bk_nat_lifetime **ret_engine)
{
	struct bk_nat_lifetime *e;

	if (!opts->server.family || opts->server.family != opts->local.family)
		return BK_E_INVALID;
	e = calloc(1, sizeof(*e));
	if (!e)
		return BK_E_NOMEM;
	e->opts = *opts;
	e->now = now;
	e->rng.state = opts->seed;
	for (size_t i = 0; i < ROWS; i++)
		begin(e, &e->rows[i], MAPPING);
	*ret_engine = e;
	return 0;
}

void bk_nat_lifetime_free(struct bk_nat_lifetime *e)
{
	free(e);
}

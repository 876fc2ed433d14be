/* SPDX-License-Identifier: Apache-2.0 */
/* A server that answers does so within a round trip, and people wait for it: the first question is repeated
 * soon, and given up within seconds. A mapping may be forgotten after half a minute of silence (RFC 4787
 * section 4.3 asks for two); the question that keeps it is repeated every 15 s (RFC 8445 section 11). It
 * refuses answers that were not asked for there, and remembers one mapped address for each server. */
#include "stun/gather.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/actions.h"
#include "base/error.h"
#include "stun/msg.h"
#include "stun/transaction.h"

enum { SENDINGS = 6, BESIDE = 256, ACTIONS_MAX = 3 * (BK_STUN_SAMPLES_MAX + BK_STUN_FRESH_MAX) };

#define RTO        (40 * BK_MS)
#define RTO_MAX    (800 * BK_MS)
#define WAIT_MAX   (400 * BK_MS) /* after the last sending */
#define KEEP_ALIVE (15 * BK_SEC)

struct question {
	struct bk_addr server;
	uint32_t socket;
	struct bk_stun_transaction transaction;
	bool is_open, is_for_both;
	bool is_port_asked; /* of a fresh one: nobody has taken it yet */
};

struct bk_stun_gather {
	struct bk_actions actions; /* first: next_action is the queue's */
	uint32_t socket;
	uint16_t port; /* the owner's */
	uint8_t key[BK_STUN_GATHER_KEY_LEN];
	uint64_t asked; /* questions so far: no two have one id */
	struct question questions[BK_STUN_SAMPLES_MAX];
	size_t questions_len, awaited;
	struct bk_stun_sample samples[BK_STUN_SAMPLES_MAX];
	size_t samples_len;
	struct question fresh[BK_STUN_FRESH_MAX]; /* each from a socket of its own; socket 0: none */
	struct bk_stun_fresh found[BK_STUN_FRESH_MAX];
	size_t fresh_len;
	uint32_t fresh_sockets; /* so far: no two have one id */
	bk_time keep_alive;     /* BK_NEVER: nobody was asked yet */
	struct bk_action slots[ACTIONS_MAX];
};

static void push(struct bk_stun_gather *g, const struct bk_action *a)
{
	bool fits = bk_actions_push(&g->actions, a);

	(void)fits; /* a driver that does not drain loses, as a network would */
}

/* --- asking --- */

static void make_id(struct bk_stun_gather *g, struct bk_stun_id *ret_id)
{
	uint8_t out[crypto_generichash_BYTES_MIN];

	_Static_assert(sizeof(out) == sizeof(ret_id->bytes), "one id");
	g->asked++;
	crypto_generichash(
		out, sizeof(out), (const uint8_t *)&g->asked, sizeof(g->asked), g->key, sizeof(g->key));
	memcpy(ret_id->bytes, out, sizeof(out));
	for (int i = 0; i < 4; i++)
		ret_id->bytes[i] = (uint8_t)(BK_STUN_COOKIE >> (24 - 8 * i));
}

static bool is_fresh(const struct bk_stun_gather *g, const struct question *q)
{
	return q->socket != g->socket;
}

static void open_question(struct bk_stun_gather *g, struct question *q, bk_time now)
{
	struct bk_stun_id id;

	make_id(g, &id);
	bk_stun_transaction_init(&q->transaction, &id, RTO, RTO_MAX, SENDINGS, WAIT_MAX, now);
	q->is_open = true;
	g->awaited += !is_fresh(g, q);
}

static void close_fresh(struct bk_stun_gather *g, struct question *q)
{
	if (q->socket)
		push(g, &(struct bk_action){.type = BK_ACT_UDP_CLOSE, .id = q->socket});
	*q = (struct question){0};
}

static void close_question(struct bk_stun_gather *g, struct question *q, const struct bk_addr *mapped)
{
	const struct bk_action report = {
		.type = BK_ACT_REPORT,
		.id = q->socket,
		.remote = q->server,
		.local = *mapped,
		.report = BK_STUN_GATHERED,
	};

	q->is_open = false;
	if (is_fresh(g, q))
		close_fresh(g, q);
	else
		g->awaited--;
	push(g, &report);
}

static void send_question(struct bk_stun_gather *g, const struct question *q)
{
	const struct bk_stun_msg m = {.class = BK_STUN_REQUEST, .id = q->transaction.id};
	struct bk_action a = {.type = BK_ACT_DATAGRAM, .id = q->socket, .remote = q->server};
	int n = bk_stun_encode(&m, NULL, false, a.data, sizeof(a.data));

	if (n < 0)
		return;
	a.len = (uint16_t)n;
	push(g, &a);
}

static void run(struct bk_stun_gather *g, struct question *q, bk_time now)
{
	const struct bk_addr none = {0};

	if (!q->is_open)
		return;
	if (bk_stun_transaction_is_over(&q->transaction, now))
		close_question(g, q, &none);
	else if (bk_stun_transaction_is_due(&q->transaction, now))
		send_question(g, q);
}

void bk_stun_gather_begin(struct bk_stun_gather *g, const struct bk_addr *servers, size_t len, bk_time now)
{
	bk_actions_init(&g->actions, g->slots, ACTIONS_MAX);
	for (size_t i = 0; i < BK_STUN_FRESH_MAX; i++)
		close_fresh(g, &g->fresh[i]);
	memset(g->found, 0, sizeof(g->found));
	g->fresh_len = 0;
	g->samples_len = g->questions_len = g->awaited = 0;
	g->keep_alive = len ? bk_time_add(now, KEEP_ALIVE) : BK_NEVER;
	bk_stun_gather_add(g, servers, len, now);
}

void bk_stun_gather_add(struct bk_stun_gather *g, const struct bk_addr *servers, size_t len, bk_time now)
{
	for (size_t i = 0; i < len && g->questions_len < BK_STUN_SAMPLES_MAX; i++) {
		struct question *q = &g->questions[g->questions_len++];

		q->server = servers[i];
		q->socket = g->socket;
		open_question(g, q, now);
		run(g, q, now);
	}
}

size_t bk_stun_gather_known(
	const struct bk_stun_gather *g, const struct bk_addr *servers, size_t len, size_t *ret_asked)
{
	size_t n = 0;

	while (n < g->questions_len && n < len && bk_addr_equal(&g->questions[n].server, &servers[n]))
		n++;
	*ret_asked = g->questions_len;
	return n;
}

/* --- learning --- */

static size_t place_of(const struct bk_stun_gather *g, const struct bk_addr *server)
{
	size_t i = 0;

	while (i < g->questions_len && !bk_addr_equal(&g->questions[i].server, server))
		i++;
	return i;
}

/* They were asked in the order of the servers; answers overtake one another. */
static void learn(struct bk_stun_gather *g, const struct bk_addr *server, const struct bk_addr *mapped)
{
	size_t at = g->samples_len;

	for (size_t i = 0; i < g->samples_len; i++) {
		if (bk_addr_equal(&g->samples[i].server, server)) {
			g->samples[i].mapped = *mapped;
			return;
		}
	}
	if (g->samples_len == BK_STUN_SAMPLES_MAX)
		return;
	while (at > 0 && place_of(g, &g->samples[at - 1].server) > place_of(g, server)) {
		g->samples[at] = g->samples[at - 1];
		at--;
	}
	g->samples[at] = (struct bk_stun_sample){*server, *mapped};
	g->samples_len++;
}

static bool is_asked(
	const struct question *q, uint32_t socket, const struct bk_stun_id *id, const struct bk_addr *server)
{
	return q->is_open && q->socket == socket && !memcmp(&q->transaction.id, id, sizeof(*id)) &&
	       bk_addr_equal(&q->server, server);
}

static struct question *find_question(
	struct bk_stun_gather *g, uint32_t socket, const struct bk_stun_id *id, const struct bk_addr *server)
{
	for (size_t i = 0; i < g->fresh_len; i++) {
		if (is_asked(&g->fresh[i], socket, id, server))
			return &g->fresh[i];
	}
	for (size_t i = 0; i < g->questions_len; i++) {
		if (is_asked(&g->questions[i], socket, id, server))
			return &g->questions[i];
	}
	return NULL;
}

/* From the same socket: false: there is nothing more to ask. */
static bool ask_second(struct bk_stun_gather *g, struct question *q, bk_time now)
{
	if (!q->is_for_both)
		return false;
	q->is_for_both = false;
	q->server = g->questions[1].server;
	open_question(g, q, now);
	run(g, q, now);
	return true;
}

static void learn_fresh(struct bk_stun_gather *g, const struct question *q, const struct bk_addr *mapped)
{
	struct bk_stun_fresh *f = &g->found[q - g->fresh];

	if (f->mapped.family)
		f->other = *mapped;
	else
		f->mapped = *mapped;
}

static bool on_datagram(
	void *engine, uint32_t id, const struct bk_addr *from, const uint8_t *data, size_t len, bk_time now)
{
	struct bk_stun_gather *g = engine;
	struct question *q;
	struct bk_stun_msg m;

	if (bk_stun_decode(data, len, &m) < 0 || m.class != BK_STUN_SUCCESS)
		return false;
	q = find_question(g, id, &m.id, from);
	if (!q)
		return false;
	if (is_fresh(g, q)) {
		learn_fresh(g, q, &m.xor_mapped);
		if (ask_second(g, q, now))
			return true;
	} else if (m.xor_mapped.family) {
		learn(g, from, &m.xor_mapped);
	}
	close_question(g, q, &m.xor_mapped);
	return true;
}

/* --- time --- */

static void on_time(void *engine, bk_time now)
{
	struct bk_stun_gather *g = engine;

	if (now >= g->keep_alive) {
		g->keep_alive = bk_time_add(now, KEEP_ALIVE);
		if (!g->questions[0].is_open)
			open_question(g, &g->questions[0], now);
	}
	for (size_t i = 0; i < g->questions_len; i++)
		run(g, &g->questions[i], now);
	for (size_t i = 0; i < g->fresh_len; i++)
		run(g, &g->fresh[i], now);
}

static void open_fresh(struct bk_stun_gather *g, struct question *q, uint16_t port)
{
	struct bk_addr local = {.family = q->server.family, .port = port};

	q->socket = BK_STUN_FRESH_FIRST + g->fresh_sockets++;
	push(g, &(struct bk_action){.type = BK_ACT_UDP_OPEN, .id = q->socket, .local = local});
}

/* NULL: it is none of those sockets. */
static struct question *find_fresh(struct bk_stun_gather *g, uint32_t socket)
{
	for (size_t i = 0; i < g->fresh_len; i++) {
		if (g->fresh[i].socket == socket)
			return &g->fresh[i];
	}
	return NULL;
}

static void on_opened(void *engine, uint32_t id, const struct bk_addr *local, bk_time now)
{
	struct bk_stun_gather *g = engine;
	struct question *q = find_fresh(g, id);

	(void)local;
	if (!q)
		return;
	g->found[q - g->fresh].asked = now;
	open_question(g, q, now);
	run(g, q, now);
}

static void on_failed(void *engine, uint32_t id, int error, bk_time now)
{
	struct bk_stun_gather *g = engine;
	struct question *q = find_fresh(g, id);

	(void)error;
	(void)now;
	if (q && q->is_port_asked) {
		q->is_port_asked = false;
		open_fresh(g, q, 0);
	} else if (q) {
		*q = (struct question){0};
	}
}

static bk_time next_wake(const void *engine)
{
	const struct bk_stun_gather *g = engine;
	bk_time wake = g->keep_alive;

	for (size_t i = 0; i < g->fresh_len; i++) {
		if (g->fresh[i].is_open)
			wake = bk_time_min(wake, bk_stun_transaction_next_wake(&g->fresh[i].transaction));
	}
	for (size_t i = 0; i < g->questions_len; i++) {
		if (g->questions[i].is_open)
			wake = bk_time_min(wake, bk_stun_transaction_next_wake(&g->questions[i].transaction));
	}
	return wake;
}

const struct bk_engine_ops bk_stun_gather_ops = {
	.on_datagram = on_datagram,
	.on_opened = on_opened,
	.on_failed = on_failed,
	.on_time = on_time,
	.next_wake = next_wake,
	.next_action = bk_actions_next,
};

/* --- the owner's side --- */

int bk_stun_gather_new(uint32_t socket, uint16_t port, const uint8_t key[BK_STUN_GATHER_KEY_LEN],
	struct bk_stun_gather **ret_engine)
{
	struct bk_stun_gather *g = calloc(1, sizeof(*g));

	if (!g)
		return BK_E_NOMEM;
	g->socket = socket;
	g->port = port;
	memcpy(g->key, key, sizeof(g->key));
	bk_stun_gather_begin(g, NULL, 0, 0);
	*ret_engine = g;
	return 0;
}

void bk_stun_gather_free(struct bk_stun_gather *g)
{
	if (g)
		sodium_memzero(g->key, sizeof(g->key));
	free(g);
}

void bk_stun_gather_rest(struct bk_stun_gather *g)
{
	g->keep_alive = BK_NEVER;
}

/* Even where the owner's is even; 0: it has none. */
static uint16_t port_beside(const struct bk_stun_gather *g)
{
	unsigned away = 2 * (1 + g->fresh_sockets % (BESIDE / 2));

	if (g->port < BESIDE)
		return 0;
	return (uint16_t)(g->port + away <= UINT16_MAX ? g->port + away : g->port - away);
}

static void ask_fresh(struct bk_stun_gather *g, bool is_for_both)
{
	size_t i = g->fresh_len < BK_STUN_FRESH_MAX ? g->fresh_len++ : BK_STUN_FRESH_MAX - 1;
	struct question *q = &g->fresh[i];

	close_fresh(g, q);
	g->found[i] = (struct bk_stun_fresh){0};
	*q = (struct question){
		.server = g->questions[0].server, .is_for_both = is_for_both, .is_port_asked = true};
	open_fresh(g, q, port_beside(g));
}

void bk_stun_gather_freshen(struct bk_stun_gather *g, size_t n)
{
	while (g->questions_len && n-- > 0)
		ask_fresh(g, false);
}

void bk_stun_gather_check(struct bk_stun_gather *g, size_t n)
{
	while (g->questions_len > 1 && n-- > 0)
		ask_fresh(g, true);
}

const struct bk_stun_fresh *bk_stun_gather_fresh(const struct bk_stun_gather *g)
{
	return g->found;
}

const struct bk_stun_sample *bk_stun_gather_samples(const struct bk_stun_gather *g, size_t *ret_len)
{
	*ret_len = g->samples_len;
	return g->samples;
}

size_t bk_stun_gather_awaited(const struct bk_stun_gather *g)
{
	return g->awaited;
}

size_t bk_stun_gather_fresh_awaited(const struct bk_stun_gather *g)
{
	size_t n = 0;

	for (size_t i = 0; i < g->fresh_len; i++)
		n += g->fresh[i].socket != 0;
	return n;
}

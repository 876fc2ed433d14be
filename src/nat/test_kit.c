/* SPDX-License-Identifier: Apache-2.0 */
#include "nat/test_kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "base/error.h"
#include "stun/responder.h"

#define NONE BK_NAT_UNKNOWN
#define EI   BK_NAT_ENDPOINT_INDEPENDENT
#define AD   BK_NAT_ADDRESS_DEPENDENT
#define APD  BK_NAT_ADDRESS_AND_PORT_DEPENDENT

/* clang-format off */
static const struct kit_nat_type types[] = {
	{"open", NONE, NONE, KIT_PRESERVING, 0, false, NULL},
	{"full", EI, EI, KIT_PRESERVING, 0, false, NULL},
	{"full-hairpin", EI, EI, KIT_RANDOM, 0, true, NULL},
	{"restricted", EI, AD, KIT_PRESERVING, 0, false, NULL},
	{"port", EI, APD, KIT_PRESERVING, 0, false, NULL},
	{"port-hairpin", EI, APD, KIT_PRESERVING, 0, true, NULL},
	{"address", AD, APD, KIT_RANDOM, 0, false, NULL},
	{"sym", APD, APD, KIT_RANDOM, 0, false, NULL},
	{"symseq", APD, APD, KIT_SEQUENTIAL, 1, false, NULL},
	{"symseq-2", APD, APD, KIT_SEQUENTIAL, 2, false, NULL},
	{"cgn-port", EI, APD, KIT_PRESERVING, 0, false, "port"},
	{"cgn-sym", EI, APD, KIT_PRESERVING, 0, false, "sym"},
};
/* clang-format on */

const struct kit_nat_type *kit_nat_type_find(const char *name)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (!strcmp(types[i].name, name))
			return &types[i];
	fail_msg("no NAT type '%s'", name);
	return NULL;
}

void kit_init(struct kit *k, const char *type, uint64_t seed)
{
	static const uint8_t routers[KIT_NATS][4] = {{10, 1, 0, 1}, {100, 64, 0, 1}};
	static const uint8_t wans[KIT_NATS][4] = {{100, 64, 0, 10}, {198, 51, 100, 10}};
	const struct kit_nat_type *t = kit_nat_type_find(type);

	memset(k, 0, sizeof(*k));
	k->now = 1000 * BK_SEC;
	k->rng.state = seed;
	k->delay = 5 * BK_MS;
	for (int i = 0; i < 4; i++)
		k->server[i] = bk_addr_v4(203, 0, 113, i & 2 ? 2 : 1, i & 1 ? 15006 : 15005);
	for (; t && t->mapping != NONE; t = t->outer ? kit_nat_type_find(t->outer) : NULL) {
		bool is_last = !t->outer;
		struct kit_nat *n = &k->nats[k->nats_len];
		const uint8_t *wan = wans[is_last], *in = routers[k->nats_len++];

		n->type = t;
		n->wan = bk_addr_v4(wan[0], wan[1], wan[2], wan[3], 0);
		n->router = bk_addr_v4(in[0], in[1], in[2], in[3], 0);
		n->sequence = 20000;
	}
	k->host = k->nats_len ? bk_addr_v4(10, 1, 0, 2, 0) : bk_addr_v4(198, 51, 100, 20, 0);
}

/* --- the NATs --- */

static bool counts(enum bk_nat_behavior b, const struct bk_addr *x, const struct bk_addr *y)
{
	return b == EI || (b == AD && bk_addr_equal_ip(x, y)) || bk_addr_equal(x, y);
}

static bool is_taken(const struct kit_nat *n, uint16_t port)
{
	for (size_t i = 0; i < n->mappings_len; i++)
		if (n->mappings[i].port == port)
			return true;
	return false;
}

static uint16_t choose_port(struct kit *k, struct kit_nat *n, uint16_t local)
{
	uint16_t port = local;

	if (n->type->allocation == KIT_SEQUENTIAL) {
		n->sequence = (uint16_t)(n->sequence + n->type->step);
		return n->sequence;
	}
	while (n->type->allocation == KIT_RANDOM || is_taken(n, port)) {
		port = (uint16_t)bk_rng_range(&k->rng, 1024, 65535);
		if (!is_taken(n, port))
			break;
	}
	return port;
}

static void translate_out(struct kit *k, struct kit_nat *n, struct bk_addr *from, const struct bk_addr *to)
{
	struct kit_mapping *m = NULL;

	for (size_t i = 0; i < n->mappings_len && !m; i++)
		if (bk_addr_equal(&n->mappings[i].inside, from) && n->mappings[i].until > k->now &&
			counts(n->type->mapping, &n->mappings[i].remote, to))
			m = &n->mappings[i];
	if (!m) {
		assert_true(n->mappings_len < KIT_MAPPINGS);
		m = &n->mappings[n->mappings_len];
		*m = (struct kit_mapping){
			.inside = *from, .remote = *to, .port = choose_port(k, n, from->port)};
		n->mappings_len++;
	}
	m->until = k->lifetime ? k->now + k->lifetime : BK_NEVER;
	if (m->peers_len < 8)
		m->peers[m->peers_len++] = *to;
	*from = bk_addr_with_port(n->wan, m->port);
}

static bool translate_in(struct kit *k, struct kit_nat *n, const struct bk_addr *from, struct bk_addr *to)
{
	for (size_t i = 0; i < n->mappings_len; i++) {
		struct kit_mapping *m = &n->mappings[i];

		if (m->port != to->port || !bk_addr_equal_ip(&n->wan, to) || m->until <= k->now)
			continue;
		for (size_t p = 0; p < m->peers_len; p++) {
			if (counts(n->type->filtering, &m->peers[p], from)) {
				*to = m->inside;
				return true;
			}
		}
	}
	return false;
}

/* --- the way --- */

static struct kit_packet *put(struct kit *k, bk_dur delay)
{
	struct kit_packet *p = &k->packets[k->packets_len];

	assert_true(k->packets_len < KIT_PACKETS);
	k->packets_len++;
	*p = (struct kit_packet){.at = k->now + delay};
	return p;
}

static bool is_lost(struct kit *k)
{
	return (double)(bk_rng_next(&k->rng) >> 11) / (double)(UINT64_C(1) << 53) < k->loss;
}

static void send_to_host(
	struct kit *k, const struct bk_addr *from, const struct bk_addr *to, const uint8_t *data, size_t len)
{
	struct kit_packet *p;

	if (is_lost(k))
		return;
	p = put(k, k->delay);
	p->from = *from;
	p->to = *to;
	p->to_host = true;
	p->len = len;
	memcpy(p->data, data, len);
}

static void reject(
	struct kit *k, const struct bk_action *a, const struct bk_addr *router, struct bk_addr local)
{
	struct kit_packet *p = put(k, BK_MS);

	p->is_icmp = p->to_host = true;
	p->from = *router;
	p->to = local;
	p->remote = a->remote;
}

static void send_out(struct kit *k, const struct bk_action *a)
{
	struct bk_addr from = k->sockets[a->id];
	unsigned hops = a->ttl ? a->ttl : 64;
	struct kit_packet *p;

	k->sent++;
	for (size_t i = 0; i < k->nats_len; i++) {
		if (hops-- == 1) {
			reject(k, a, &k->nats[i].router, k->sockets[a->id]);
			return;
		}
		translate_out(k, &k->nats[i], &from, &a->remote);
		if (bk_addr_equal_ip(&a->remote, &k->nats[i].wan) && !k->nats[i].type->hairpins)
			return;
	}
	if (hops == 1) {
		const struct bk_addr backbone = bk_addr_v4(198, 51, 100, 1, 0);

		reject(k, a, &backbone, k->sockets[a->id]);
		return;
	}
	if (is_lost(k))
		return;
	p = put(k, k->delay);
	p->from = from;
	p->to = a->remote;
	p->len = a->len;
	memcpy(p->data, a->data, a->len);
}

static void arrive_at_server(struct kit *k, const struct kit_packet *p)
{
	struct bk_stun_responder r = {0};
	struct bk_stun_answer answer;

	for (int i = 0; i < 4; i++) {
		if (!bk_addr_equal(&p->to, &k->server[i]) || k->is_deaf)
			continue;
		memcpy(r.addrs, k->server, sizeof(k->server));
		if (k->is_simple) {
			memset(r.addrs, 0, sizeof(r.addrs));
			r.addrs[i] = k->server[i];
		}
		if (bk_stun_respond(&r, i, &p->from, p->data, p->len, &answer) == 0)
			send_to_host(k, &k->server[answer.socket], &answer.to, answer.bytes, answer.len);
	}
	if (k->nats_len && bk_addr_equal_ip(&p->to, &k->nats[k->nats_len - 1].wan)) /* hairpinned */
		send_to_host(k, &p->from, &p->to, p->data, p->len);
}

static void arrive_at_host(
	struct kit *k, const struct kit_packet *p, void *engine, const struct bk_engine_ops *ops)
{
	const struct bk_icmp icmp = {.from = p->from, .type = 11};
	struct bk_addr to = p->to;

	for (size_t i = p->is_icmp ? 0 : k->nats_len; i-- > 0;)
		if (!translate_in(k, &k->nats[i], &p->from, &to))
			return;
	for (uint32_t id = 1; id < KIT_SOCKETS; id++) {
		if (!bk_addr_equal(&k->sockets[id], &to))
			continue;
		if (p->is_icmp)
			ops->on_icmp(engine, id, &p->remote, &icmp, k->now);
		else
			ops->on_datagram(engine, id, &p->from, p->data, p->len, k->now);
	}
}

/* --- time --- */

static void open_socket(
	struct kit *k, const struct bk_action *a, void *engine, const struct bk_engine_ops *ops)
{
	assert_true(a->id < KIT_SOCKETS);
	k->sockets[a->id] = bk_addr_with_port(a->local, (uint16_t)bk_rng_range(&k->rng, 32768, 60999));
	ops->on_opened(engine, a->id, &k->sockets[a->id], k->now);
}

static void drain(struct kit *k, void *engine, const struct bk_engine_ops *ops)
{
	struct bk_action a = {0};

	while (ops->next_action(engine, &a)) {
		assert_false(k->is_done);
		if (a.type == BK_ACT_UDP_OPEN)
			open_socket(k, &a, engine, ops);
		else if (a.type == BK_ACT_DATAGRAM)
			send_out(k, &a);
		else if (a.type == BK_ACT_REPORT)
			k->is_done = true;
	}
}

static size_t find_next(const struct kit *k)
{
	size_t next = 0;

	for (size_t i = 1; i < k->packets_len; i++)
		if (k->packets[i].at < k->packets[next].at)
			next = i;
	return next;
}

/* Removed in order, so that ties keep theirs. */
static struct kit_packet take(struct kit *k, size_t i)
{
	struct kit_packet p = k->packets[i];

	memmove(&k->packets[i], &k->packets[i + 1], (--k->packets_len - i) * sizeof(p));
	return p;
}

bk_dur kit_run(struct kit *k, void *engine, const struct bk_engine_ops *ops)
{
	bk_time start = k->now;

	ops->on_time(engine, k->now);
	drain(k, engine, ops);
	while (!k->is_done) {
		bk_time wake = ops->next_wake(engine);
		size_t next = find_next(k);

		if (k->packets_len && k->packets[next].at <= wake) {
			struct kit_packet p = take(k, next);

			k->now = p.at;
			if (p.to_host)
				arrive_at_host(k, &p, engine, ops);
			else
				arrive_at_server(k, &p);
		} else {
			assert_true(wake != BK_NEVER); /* or it would wait for ever */
			k->now = bk_time_max(k->now, wake);
			ops->on_time(engine, k->now);
		}
		drain(k, engine, ops);
	}
	return k->now - start;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "punch/test_kit.h"

#include "nat/profile.h"
#include "punch/explain.h"

const struct bk_nat_profile kit_profiles[KINDS] = {
	[OPEN] = {.mapping = EI, .filtering = BK_NAT_UNKNOWN},
	[FIREWALL] = {.mapping = EI, .filtering = APD},
	[FULL] = {.mapping = EI, .filtering = EI, .is_translated = true},
	[RESTRICTED] = {.mapping = EI, .filtering = AD, .is_translated = true},
	[PORT] = {.mapping = EI, .filtering = APD, .is_translated = true},
	[UNSURE] = {.mapping = EI, .filtering = BK_NAT_UNKNOWN, .is_translated = true},
	[SYM] = {.mapping = APD, .filtering = APD, .allocation = BK_NAT_RANDOM, .is_translated = true},
};

struct bk_addr kit_mapped(int side)
{
	return bk_addr_v4(203, 0, 113, (uint8_t)(side + 1), 41000);
}

void kit_add(struct bk_intro *in, enum bk_candidate_kind kind, struct bk_addr addr)
{
	in->candidates[in->candidates_len++] =
		(struct bk_candidate){.kind = kind, .addr = addr, .transport = BK_TRANSPORT_UDP};
}

struct bk_intro kit_intro(int side)
{
	struct bk_intro in = {.tie_breaker = (uint64_t)side + 7, .server_rtt = 20 * BK_MS};

	snprintf(in.id, sizeof(in.id), "side%d", side);
	in.udp = (struct bk_nat_profile){
		.mapping = BK_NAT_ENDPOINT_INDEPENDENT,
		.filtering = BK_NAT_ADDRESS_AND_PORT_DEPENDENT,
		.is_translated = true,
		.public_addr = kit_mapped(side),
	};
	memset(in.probe_key, 0x40 + side, sizeof(in.probe_key));
	kit_add(&in, BK_CANDIDATE_MAPPED, kit_mapped(side));
	return in;
}

struct bk_intro kit_behind(enum kit_kind kind, uint8_t side)
{
	struct bk_intro in = {.tcp = kit_profiles[kind], .server_rtt = 20 * BK_MS, .candidates_len = 1};

	in.tcp.public_addr = bk_addr_v4(203, 0, 113, side, 41000);
	in.candidates[0] = (struct bk_candidate){.kind = BK_CANDIDATE_MAPPED, .addr = in.tcp.public_addr};
	return in;
}

void kit_add_host(struct bk_intro *in, const char *addr)
{
	struct bk_candidate *c = &in->candidates[in->candidates_len++];

	c->kind = BK_CANDIDATE_HOST;
	assert_int_equal(bk_addr_from_str(addr, &c->addr), 0);
}

struct bk_plan kit_plan_of(
	const struct bk_method *method, const struct bk_intro *own, const struct bk_intro *peer)
{
	const struct bk_pair pair = {.own = own, .peer = peer};
	struct bk_plan plan;

	bk_plan_make(&pair, bk_techniques, method, &plan);
	return plan;
}

struct bk_intro kit_guessing(enum kit_kind kind, enum bk_nat_allocation allocation, int delta, uint8_t side)
{
	struct bk_intro in = kit_intro(side - 1);

	in.udp.mapping = kit_profiles[kind].mapping;
	in.udp.filtering = kit_profiles[kind].filtering;
	in.udp.is_translated = kit_profiles[kind].is_translated;
	in.udp.allocation = allocation;
	in.udp.delta = delta;
	if (bk_nat_is_dependent(&in.udp))
		in.udp.ports = (struct bk_nat_ports){.last = 20000, .min = 2000, .max = 60000, .seen = 7};
	in.capabilities = BK_INTRO_GUESSES;
	in.tie_breaker = side;
	return in;
}

struct bk_plan kit_plan(const struct bk_intro *own, const struct bk_intro *peer)
{
	return kit_plan_of(&bk_method_udp, own, peer);
}

const char *kit_why(const struct bk_method *method, const struct bk_intro *own, const struct bk_intro *peer,
	enum bk_path_choice choice)
{
	static char out[BK_PLAN_TEXT_MAX];
	const struct bk_pair pair = {.own = own, .peer = peer, .choice = choice};
	struct bk_plan p;

	bk_plan_make(&pair, bk_techniques, method, &p);
	method->explain(&p, &pair, out);
	return out;
}

const char *kit_no_direct(const struct bk_intro *own, const struct bk_intro *peer)
{
	static char out[BK_PLAN_TEXT_MAX];
	const struct bk_pair pair = {.own = own, .peer = peer};

	return bk_explain_no_direct(&pair, bk_techniques, out);
}

struct bk_punch_udp *kit_engine_with(
	const struct bk_intro *own, const struct bk_intro *peer, const struct bk_plan *plan, bool controls)
{
	struct bk_punch_udp_opts opts = {
		.own = own,
		.peer = peer,
		.plan = plan,
		.is_controlling = controls,
		.has_socket6 = true,
		.start = START,
		.seed = 1,
	};
	struct bk_punch_udp *e;

	memcpy(opts.own_key, own->probe_key, sizeof(opts.own_key));
	memcpy(opts.peer_key, peer->probe_key, sizeof(opts.peer_key));
	assert_int_equal(bk_punch_udp_new(&opts, T0, &e), 0);
	return e;
}

struct bk_punch_udp *kit_engine_of(const struct bk_intro *own, const struct bk_intro *peer, bool controls)
{
	struct bk_plan plan = kit_plan(own, peer);

	return kit_engine_with(own, peer, &plan, controls);
}

struct bk_punch_udp *kit_engine(int side, bool controls)
{
	struct bk_intro own = kit_intro(side), peer = kit_intro(!side);

	return kit_engine_of(&own, &peer, controls);
}

struct bk_probe_auth kit_peer_auth(void)
{
	struct bk_intro own = kit_intro(1), peer = kit_intro(0);
	struct bk_probe_auth auth;

	assert_int_equal(bk_probe_auth_init(&auth, &own, &peer, own.probe_key, peer.probe_key), 0);
	return auth;
}

struct bk_punch_udp_stats kit_stats(const struct bk_punch_udp *e)
{
	struct bk_punch_udp_stats s;

	bk_punch_udp_stats(e, &s);
	return s;
}

unsigned kit_likelies;
struct bk_addr kit_likely_at;

bool kit_next(struct bk_punch_udp *e, struct bk_action *ret_action)
{
	while (ops.next_action(e, ret_action)) {
		if (ret_action->type != BK_ACT_REPORT || ret_action->report != BK_REPORT_LIKELY)
			return true;
		kit_likelies++;
		kit_likely_at = ret_action->remote;
	}
	return false;
}

struct bk_action kit_expect(struct bk_punch_udp *e, enum bk_action_type type)
{
	struct bk_action a;

	assert_true(kit_next(e, &a));
	assert_int_equal(a.type, type);
	return a;
}

void kit_expect_nothing(struct bk_punch_udp *e)
{
	struct bk_action a;

	assert_false(kit_next(e, &a));
}

void kit_expect_nominated(struct bk_punch_udp *e, struct bk_addr remote)
{
	struct bk_action a = kit_expect(e, BK_ACT_REPORT);

	assert_int_equal(a.report, BK_REPORT_CHOSEN);
	assert_int_equal(a.id, BK_PUNCH_UDP_SOCKET4);
	assert_true(bk_addr_equal(&a.remote, &remote));
}

void kit_expect_done(struct bk_punch_udp *e)
{
	assert_int_equal(kit_expect(e, BK_ACT_REPORT).report, BK_REPORT_DONE);
	kit_expect_nothing(e);
	assert_true(ops.next_wake(e) == BK_NEVER);
}

void kit_forget_actions(struct bk_punch_udp *e)
{
	struct bk_action a;

	while (kit_next(e, &a))
		assert_int_equal(a.type, BK_ACT_DATAGRAM);
}

static void hear_at(
	struct bk_punch_udp *e, uint32_t socket, struct bk_addr from, const struct bk_probe *p, bk_time now)
{
	struct bk_probe_auth auth = kit_peer_auth();
	uint8_t bytes[BK_DATAGRAM_MAX];
	int n = bk_probe_encode(&auth, p, bytes, sizeof(bytes));

	assert_true(n > 0);
	ops.on_datagram(e, socket, &from, bytes, (size_t)n, now);
}

void kit_peer_probes_at(struct bk_punch_udp *e, uint32_t socket, struct bk_addr from, uint8_t tid,
	uint32_t nomination, bk_time now)
{
	hear_at(e, socket, from,
		&(struct bk_probe){.tid = {tid}, .is_controlling = nomination != 0, .nomination = nomination},
		now);
}

void kit_peer_answers_at(
	struct bk_punch_udp *e, uint32_t socket, struct bk_addr from, const struct bk_action *a, bk_time now)
{
	struct bk_probe p = kit_read_probe(a);

	p.is_answer = true;
	p.seen = kit_mapped(0);
	hear_at(e, socket, from, &p, now);
}

void kit_hear(struct bk_punch_udp *e, struct bk_addr from, const uint8_t *data, size_t n, bk_time now)
{
	ops.on_datagram(e, from.family == 6 ? 2 : 1, &from, data, n, now);
}

void kit_peer_says(struct bk_punch_udp *e, struct bk_addr from, const struct bk_probe *p, bk_time now)
{
	struct bk_probe_auth auth = kit_peer_auth();
	uint8_t bytes[BK_DATAGRAM_MAX];
	int n = bk_probe_encode(&auth, p, bytes, sizeof(bytes));

	assert_true(n > 0);
	kit_hear(e, from, bytes, (size_t)n, now);
}

void kit_peer_probes(
	struct bk_punch_udp *e, struct bk_addr from, uint8_t tid, uint32_t nomination, bk_time now)
{
	kit_peer_says(e, from,
		&(struct bk_probe){.tid = {tid}, .is_controlling = nomination != 0, .nomination = nomination},
		now);
}

struct bk_probe kit_read_probe(const struct bk_action *a)
{
	struct bk_probe_auth auth = kit_peer_auth();
	struct bk_probe p;

	assert_int_equal(bk_probe_decode(&auth, a->data, a->len, &p), 0);
	return p;
}

void kit_peer_answers(struct bk_punch_udp *e, struct bk_addr from, const struct bk_action *a, bk_time now)
{
	struct bk_probe p = kit_read_probe(a);

	assert_false(p.is_answer);
	p.is_answer = true;
	p.seen = kit_mapped(0);
	kit_peer_says(e, from, &p, now);
}

void kit_peer_agrees(struct bk_punch_udp *e, struct bk_addr from, const struct bk_action *a, bk_time now)
{
	struct bk_action answer;

	kit_peer_answers(e, from, a, now);
	kit_peer_probes(e, from, (uint8_t)from.port, 0, now);
	answer = kit_expect(e, BK_ACT_DATAGRAM);
	assert_true(kit_read_probe(&answer).is_answer);
}

struct bk_action kit_probe_at(struct bk_punch_udp *e, bk_time now)
{
	ops.on_time(e, now);
	return kit_expect(e, BK_ACT_DATAGRAM);
}

struct bk_action kit_next_probe_to(struct bk_punch_udp *e, struct bk_addr to, bk_time *ret_now)
{
	struct bk_action a, found = {0};

	for (int i = 0; i < 100 && found.len == 0; i++) {
		*ret_now = ops.next_wake(e);
		ops.on_time(e, *ret_now);
		while (kit_next(e, &a)) {
			assert_int_equal(a.type, BK_ACT_DATAGRAM);
			if (bk_addr_equal(&a.remote, &to))
				found = a;
		}
	}
	assert_true(found.len > 0);
	return found;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "punch/probe.h"
#include "punch/udp.h"
#include "punch/udp_target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SHOTS_MAX = 2800 };

#define ops bk_punch_udp_ops

/* A story of datagrams and time. The first byte chooses the role; then each step is a kind, a sender and a
 * length with that many bytes: raw bytes, bytes with integrity made by the peer's keys around them, the
 * engine's own last probe (back as it is, changed, or answered by the peer), ICMP, or time. Without a true answer
 * nothing may be nominated, and strangers get no word. */
struct story {
	struct bk_punch_udp *e;
	struct bk_probe_auth peer;
	struct bk_action last, probe; /* the last probe or answer sent; the last probe */
	bk_time now;
	bool has_key, has_answered, is_fan;
	size_t datagrams;
};

static void introduce(struct bk_intro *in, uint8_t side)
{
	*in = (struct bk_intro){.id = {(char)('a' + side)},
		.server_rtt = BK_MS,
		.candidates_len = 3,
		.capabilities = BK_INTRO_GUESSES};
	memset(in->probe_key, side + 1, sizeof(in->probe_key));
	in->udp = (struct bk_nat_profile){.mapping = BK_NAT_ENDPOINT_INDEPENDENT, .is_translated = true};
	in->udp.public_addr = bk_addr_v4(203, 0, 113, (uint8_t)(side + 1), 1);
	for (uint8_t i = 0; i < 3; i++) {
		in->candidates[i].transport = BK_TRANSPORT_UDP;
		in->candidates[i].kind = i ? BK_CANDIDATE_HOST : BK_CANDIDATE_MAPPED;
		in->candidates[i].addr = bk_addr_v4(203, 0, 113, (uint8_t)(side + 1), (uint16_t)(i + 1));
	}
}

static void drain(struct story *s)
{
	struct bk_action a;

	while (ops.next_action(s->e, &a)) {
		if (a.type == BK_ACT_REPORT) {
			if (a.report == BK_REPORT_CHOSEN && !s->has_answered)
				abort();
			continue;
		}
		if (a.type == BK_ACT_UDP_OPEN)
			ops.on_opened(s->e, a.id, &a.local, s->now);
		if (a.type == BK_ACT_UDP_OPEN || a.type == BK_ACT_UDP_CLOSE)
			continue;
		if (a.type != BK_ACT_DATAGRAM || a.len == 0 || a.len > sizeof(a.data) || a.remote.port == 0)
			abort();
		s->last = a;
		if (a.data[0] == 0) /* a request, RFC 8489 section 5 */
			s->probe = a;
		s->datagrams++;
	}
}

static void hear(struct story *s, uint8_t sender, const uint8_t *data, size_t n)
{
	struct bk_addr from = bk_addr_v4(203, 0, 113, 2, (uint16_t)(sender % 64));
	uint32_t socket;

	if (sender & 0x80)
		from.ip[3] = sender;
	if (sender & 0x40)
		from = (struct bk_addr){.family = 6, .ip = {0x20, 1, sender}, .port = 9};
	socket = from.family == 6 ? 2 : 1;
	if (s->is_fan && from.family == 4)
		socket = 3 + sender % 64;
	ops.on_datagram(s->e, socket, &from, data, n, s->now);
}

static void hear_keyed(struct story *s, uint8_t sender, const uint8_t *data, size_t n)
{
	struct bk_probe p = {0};
	uint8_t bytes[BK_DATAGRAM_MAX];
	int len;

	memcpy(p.tid, data, n < sizeof(p.tid) ? n : sizeof(p.tid));
	p.is_controlling = n > 12 && (data[12] & 1);
	p.is_answer = n > 12 && (data[12] & 2);
	p.nomination = n > 13 ? data[13] : 0;
	p.seen = bk_addr_v4(1, 2, 3, 4, 5);
	len = bk_probe_encode(&s->peer, &p, bytes, sizeof(bytes));
	if (len < 0)
		abort();
	s->has_key = true;
	hear(s, sender, bytes, (size_t)len);
}

/* The peer reads the last probe and answers it from where it went to. */
static void answer_last(struct story *s)
{
	uint8_t bytes[BK_DATAGRAM_MAX];
	struct bk_addr from = s->probe.remote;
	struct bk_probe p;
	int len;

	if (s->probe.len == 0 || bk_probe_decode(&s->peer, s->probe.data, s->probe.len, &p) < 0 ||
		p.is_answer)
		return;
	p.is_answer = true;
	p.seen = from;
	len = bk_probe_encode(&s->peer, &p, bytes, sizeof(bytes));
	if (len < 0)
		abort();
	s->has_answered = s->has_key = true;
	ops.on_datagram(s->e, s->probe.id, &from, bytes, (size_t)len, s->now);
}

static void hear_last(struct story *s, uint8_t sender, const uint8_t *data, size_t n)
{
	uint8_t bytes[BK_DATAGRAM_MAX];

	memcpy(bytes, s->last.data, s->last.len);
	for (size_t i = 0; i < n && i < s->last.len; i++)
		bytes[s->last.len - 1 - i] ^= data[i];
	hear(s, sender, bytes, s->last.len);
}

/* About what was sent to where the peer is, or beside it; or about what was sent last. */
static void hear_icmp(struct story *s, uint8_t sender, const uint8_t *data, size_t n)
{
	struct bk_addr remote =
		bk_addr_v4(203, 0, 113, (uint8_t)(2 + sender % 2), (uint16_t)(1 + sender % 64));
	struct bk_icmp icmp = {.from = bk_addr_v4(203, 0, 113, sender, 0)};

	icmp.type = n > 0 ? data[0] : 3;
	icmp.code = n > 1 ? data[1] : 13;
	if (sender & 0x40)
		ops.on_icmp(s->e, s->last.id, &s->last.remote, &icmp, s->now);
	else
		ops.on_icmp(s->e, s->is_fan ? 3 + sender % 64 : 1, &remote, &icmp, s->now);
}

static void step(struct story *s, uint8_t kind, uint8_t sender, const uint8_t *data, size_t n)
{
	size_t before;

	switch (kind % 7) {
	case 0:
	case 1:
		before = s->datagrams;
		hear(s, sender, data, n);
		drain(s);
		if (!s->has_key && s->datagrams != before)
			abort();
		break;
	case 2:
		s->has_answered = true; /* who has the key may say an answer, too */
		hear_keyed(s, sender, data, n);
		break;
	case 3:
		answer_last(s);
		break;
	case 4:
		hear_last(s, sender, data, n);
		break;
	case 5:
		s->now += sender * BK_MS;
		ops.on_time(s->e, s->now);
		break;
	case 6:
		hear_icmp(s, sender, data, n);
		break;
	}
	drain(s);
}

/* Its ports are to be guessed. */
static void make_hard(struct bk_intro *in)
{
	in->udp.mapping = BK_NAT_ADDRESS_AND_PORT_DEPENDENT;
	in->udp.allocation = BK_NAT_SEQUENTIAL;
	in->udp.delta = 1;
	in->udp.ports = (struct bk_nat_ports){.last = 1023 - 32, .seen = 2};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bk_intro own, peer;
	const struct bk_pair pair = {.own = &own, .peer = &peer};
	struct bk_plan plan;
	struct bk_punch_udp_opts opts = {
		.own = &own, .peer = &peer, .plan = &plan, .has_socket6 = true, .start = 5 * BK_MS};
	struct bk_punch_udp_stats stats;
	struct story s = {0};

	if (size == 0)
		return 0;
	introduce(&own, 0);
	introduce(&peer, 1);
	if (data[0] & 2)
		make_hard(&peer);
	if (data[0] & 4)
		make_hard(&own);
	if (data[0] & 8) /* at random, rather */
		own.udp.allocation = peer.udp.allocation = BK_NAT_RANDOM;
	bk_plan_make(&pair, bk_techniques, &bk_method_udp, &plan);
	opts.is_controlling = data[0] & 1;
	s.is_fan = (data[0] & 12) == 12 && !(data[0] & 2);
	memcpy(opts.own_key, own.probe_key, sizeof(opts.own_key));
	memcpy(opts.peer_key, peer.probe_key, sizeof(opts.peer_key));
	if (bk_probe_auth_init(&s.peer, &peer, &own, peer.probe_key, own.probe_key) < 0)
		abort();
	if (bk_punch_udp_new(&opts, 0, &s.e) < 0)
		return 0;
	drain(&s);
	for (size_t at = 1; at + 3 <= size;) {
		size_t n = data[at + 2] < size - at - 3 ? data[at + 2] : size - at - 3;

		step(&s, data[at], data[at + 1], data + at + 3, n);
		at += 3 + n;
	}
	bk_punch_udp_stats(s.e, &stats);
	if (stats.targets > BK_PUNCH_UDP_TARGETS_MAX ||
		stats.probes_sent > BK_PUNCH_UDP_TARGETS_MAX * 96 * 8 + SHOTS_MAX)
		abort();
	bk_punch_udp_free(s.e);
	return 0;
}

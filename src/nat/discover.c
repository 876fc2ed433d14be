/* SPDX-License-Identifier: Apache-2.0 */
/* The tests of RFC 5780 section 4 with their order taken away. Each test is one request with a schedule of
 * its own; each of the groups has sockets of its own, because a test must not open the filter for another:
 *
 *	mapping     one socket to up to four addresses of the server
 *	filtering   one socket that only ever sends to the server's first address, and asks to be answered
 *	            from the others
 *	allocation  several fresh sockets, one request each, in one burst
 *	trace       requests that die at the second, third and fourth router, for a NAT behind the first
 *
 * The hairpin test needs the mapped addresses first. An unanswered request means "no" only where the server
 * is known to answer such; the first answer tells how long to wait for that. It judges nothing that profile.c
 * judges. */
#include "nat/discover.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/rng.h"
#include "nat/allocation.h"
#include "stun/transaction.h"

enum {
	FRESH_USUAL = 6,
	MAIN_MAX = 4,
	TESTS_MAX = MAIN_MAX + 3 + BK_NAT_FRESH_MAX + BK_NAT_HOPS + 2,
	SOCKETS_MAX = 2 + BK_NAT_FRESH_MAX + BK_NAT_HOPS,
	SENT_MAX = 4,
	SENT_MAX_NEAR = 2, /* what never leaves the own network's neighbourhood, and is only a hint */
	FIRST_HOP = 2,     /* the first router is our own */
};

#define RTO       (100 * BK_MS) /* before anything is known of the path */
#define RTO_MAX   (200 * BK_MS)
#define WAIT_MAX  (8 * BK_SEC) /* for the first answer; it tells how long to wait for the others */
#define WAIT_NEAR (500 * BK_MS)
#define HINT_MIN  (200 * BK_MS) /* datagrams may be slower than what the hint was measured with */

/* ids of sockets */
enum { SOCKET_MAIN = 1, SOCKET_FILTER = 2, SOCKET_FRESH = 3 };

/* ICMP time exceeded (RFC 792, RFC 4443 section 3.3) */
enum { ICMP4_TIME_EXCEEDED = 11, ICMP6_TIME_EXCEEDED = 3 };

enum purpose { MAPPING, FILTER_BASE, FILTER_PORT, FILTER_BOTH, FRESH, TRACE, HAIRPIN };

struct test {
	enum purpose purpose;
	uint32_t socket;
	struct bk_addr to;
	uint8_t ttl;
	struct bk_stun_transaction schedule;
	bk_time since;
	bool is_over; /* answered, given up, or pointless */
	bool is_answered;
	struct bk_addr mapped; /* of an answer */
};

struct own_socket {
	bool is_asked, is_open;
	struct bk_addr local;
};

struct bk_nat_discover {
	struct bk_nat_discover_opts opts;
	bk_time now;
	struct bk_rng rng;
	struct bk_addr other; /* the server's other address and port; family 0: none known */
	struct own_socket sockets[SOCKETS_MAX]; /* of id - 1 */
	size_t sockets_len;
	struct test tests[TESTS_MAX];
	size_t tests_len;
	struct bk_addr hops[BK_NAT_HOPS];
	bool is_traced; /* something came back from the trace */
	bool is_hairpin_begun, is_hairpin;
	bk_dur rtt;
	int stun_error;           /* of an answer that was a refusal */
	struct bk_addr elsewhere; /* whence an answer came that should have come from the address asked */
	bool is_done;             /* reported */
};

/* --- tests --- */

static const struct test *find_test(const struct bk_nat_discover *e, enum purpose purpose)
{
	for (size_t i = 0; i < e->tests_len; i++)
		if (e->tests[i].purpose == purpose)
			return &e->tests[i];
	return NULL;
}

static struct test *add_test(
	struct bk_nat_discover *e, enum purpose purpose, uint32_t socket, const struct bk_addr *to)
{
	const struct bk_stun_id id = bk_stun_id_draw(&e->rng);
	struct test *t = &e->tests[e->tests_len];

	if (e->tests_len == TESTS_MAX)
		return NULL;
	e->tests_len++;
	*t = (struct test){.purpose = purpose, .socket = socket, .to = *to, .since = e->now};
	bk_stun_transaction_init(&t->schedule, &id, RTO, RTO_MAX,
		purpose == TRACE || purpose == HAIRPIN ? SENT_MAX_NEAR : SENT_MAX, WAIT_NEAR, e->now);
	if (purpose != TRACE)
		t->schedule.wait_max = WAIT_MAX; /* as long as after the RFC's own first interval */
	if (e->rtt)
		bk_stun_transaction_adapt(&t->schedule, e->rtt);
	return t;
}

static void add_mapping(struct bk_nat_discover *e, const struct bk_addr *to)
{
	for (size_t i = 0; i < e->tests_len; i++)
		if (e->tests[i].purpose == MAPPING && bk_addr_equal(&e->tests[i].to, to))
			return;
	add_test(e, MAPPING, SOCKET_MAIN, to);
}

static void add_all(struct bk_nat_discover *e)
{
	const struct bk_addr *server = &e->opts.server;
	uint32_t id = SOCKET_FRESH;

	for (size_t i = 0; i < e->opts.fresh; i++)
		add_test(e, FRESH, id++, server);
	add_test(e, MAPPING, SOCKET_MAIN, server);
	if (e->opts.alt_port) {
		struct bk_addr second = bk_addr_with_port(*server, e->opts.alt_port);

		add_mapping(e, &second);
	}
	add_test(e, FILTER_BASE, SOCKET_FILTER, server);
	add_test(e, FILTER_PORT, SOCKET_FILTER, server);
	add_test(e, FILTER_BOTH, SOCKET_FILTER, server);
	for (uint8_t i = 0; i < BK_NAT_HOPS; i++) {
		struct test *t = add_test(e, TRACE, id++, server);

		if (t)
			t->ttl = FIRST_HOP + i;
	}
	e->sockets_len = id - 1;
}

static void learn_other(struct bk_nat_discover *e, const struct bk_addr *other)
{
	struct bk_addr same_ip, same_port;

	if (e->other.family || other->family != e->opts.server.family ||
		!bk_addr_may_be_of(other, &e->opts.server))
		return;
	e->other = *other;
	same_ip = bk_addr_with_port(e->opts.server, other->port);
	same_port = bk_addr_with_port(*other, e->opts.server.port);
	add_mapping(e, &same_ip);
	add_mapping(e, &same_port);
	add_mapping(e, other);
}

/* Both ways at once, so that each opens the filter for the other. */
static void begin_hairpin(struct bk_nat_discover *e)
{
	const struct test *a = find_test(e, MAPPING), *b = find_test(e, FRESH);
	const struct bk_addr *local = &e->sockets[SOCKET_MAIN - 1].local;

	if (e->is_hairpin_begun || !a || !b || !a->mapped.family || !b->mapped.family)
		return;
	e->is_hairpin_begun = true;
	if (bk_addr_equal(&a->mapped, local))
		return;
	add_test(e, HAIRPIN, b->socket, &a->mapped);
	add_test(e, HAIRPIN, a->socket, &b->mapped);
}

static void end_all(struct bk_nat_discover *e, enum purpose purpose)
{
	for (size_t i = 0; i < e->tests_len; i++)
		if (e->tests[i].purpose == purpose)
			e->tests[i].is_over = true;
}

/* Without a second address nobody can answer from it: no need to wait for that. */
static void drop_pointless(struct bk_nat_discover *e)
{
	if (e->other.family)
		return;
	end_all(e, FILTER_BOTH);
	if (!e->opts.alt_port)
		end_all(e, FILTER_PORT);
}

/* --- answers --- */

static void learn_rtt(struct bk_nat_discover *e, const struct test *t)
{
	bk_dur rtt = e->now - (t->schedule.sent == 1 ? t->schedule.last_sent : t->since);

	if (e->rtt && rtt >= e->rtt)
		return;
	e->rtt = rtt > 0 ? rtt : 1;
	for (size_t i = 0; i < e->tests_len; i++)
		if (!e->tests[i].is_over)
			bk_stun_transaction_adapt(&e->tests[i].schedule, e->rtt);
}

/* An answer that was to come from elsewhere and comes from the address asked is a server's that does not know
 * CHANGE-REQUEST. */
static bool is_from_right_address(const struct test *t, const struct bk_addr *from)
{
	bool same_ip = bk_addr_equal_ip(&t->to, from), same_port = t->to.port == from->port;

	if (t->purpose == FILTER_PORT)
		return same_ip && !same_port;
	if (t->purpose == FILTER_BOTH)
		return !same_ip && !same_port;
	return same_ip && same_port;
}

/* An answer that tells nothing of the NAT is no silence either. */
static void note_oddity(struct bk_nat_discover *e, const struct test *t, const struct bk_addr *from,
	const struct bk_stun_msg *m)
{
	if (m->class == BK_STUN_ERROR && t->purpose != FILTER_PORT && t->purpose != FILTER_BOTH)
		e->stun_error = m->error_code ? m->error_code : BK_NAT_ERROR_UNNAMED;
	else if (m->class == BK_STUN_SUCCESS && !bk_addr_equal(&t->to, from) && t->purpose != FILTER_PORT &&
		 t->purpose != FILTER_BOTH)
		e->elsewhere = *from;
}

static void on_answer(
	struct bk_nat_discover *e, struct test *t, const struct bk_addr *from, const struct bk_stun_msg *m)
{
	struct bk_addr mapped = bk_stun_mapped(m);

	t->is_over = true;
	e->is_traced |= t->purpose == TRACE;
	note_oddity(e, t, from, m);
	if (m->class != BK_STUN_SUCCESS || !mapped.family || !is_from_right_address(t, from))
		return;
	t->is_answered = true;
	t->mapped = mapped;
	learn_rtt(e, t);
	if (bk_addr_equal(&t->to, &e->opts.server) && t->purpose != TRACE) {
		learn_other(e, m->other.family ? &m->other : &m->changed);
		if (t->purpose == MAPPING || t->purpose == FILTER_BASE)
			drop_pointless(e);
	}
	begin_hairpin(e);
}

static bool on_datagram(
	void *engine, uint32_t id, const struct bk_addr *from, const uint8_t *data, size_t len, bk_time now)
{
	struct bk_nat_discover *e = engine;
	struct bk_stun_msg m;

	e->now = now;
	if (!bk_stun_looks_like(data, len) || bk_stun_decode(data, len, &m) < 0)
		return false;
	for (size_t i = 0; i < e->tests_len; i++) {
		struct test *t = &e->tests[i];

		if (memcmp(t->schedule.id.bytes + 4, m.id.bytes + 4, BK_STUN_TID_LEN) != 0 || t->is_over)
			continue;
		if (m.class == BK_STUN_REQUEST && t->purpose == HAIRPIN && t->socket != id) {
			e->is_hairpin = true;
			end_all(e, HAIRPIN);
		} else if ((m.class == BK_STUN_SUCCESS || m.class == BK_STUN_ERROR) && t->socket == id) {
			on_answer(e, t, from, &m);
		}
		return true;
	}
	return false;
}

static void on_icmp(
	void *engine, uint32_t id, const struct bk_addr *remote, const struct bk_icmp *icmp, bk_time now)
{
	struct bk_nat_discover *e = engine;
	uint8_t type = icmp->from.family == 4 ? ICMP4_TIME_EXCEEDED : ICMP6_TIME_EXCEEDED;

	e->now = now;
	for (size_t i = 0; i < e->tests_len; i++) {
		struct test *t = &e->tests[i];

		if (t->purpose != TRACE || t->socket != id || icmp->type != type ||
			!bk_addr_equal(&t->to, remote))
			continue;
		e->hops[t->ttl - FIRST_HOP] = icmp->from;
		e->is_traced = true;
		t->is_over = true;
	}
}

/* --- doors --- */

static void on_opened(void *engine, uint32_t id, const struct bk_addr *local, bk_time now)
{
	struct bk_nat_discover *e = engine;

	e->now = now;
	e->sockets[id - 1].is_open = true;
	e->sockets[id - 1].local = *local;
}

static void on_failed(void *engine, uint32_t id, int error, bk_time now)
{
	struct bk_nat_discover *e = engine;

	(void)error;
	e->now = now;
	for (size_t i = 0; i < e->tests_len; i++)
		if (e->tests[i].socket == id)
			e->tests[i].is_over = true;
}

static void on_time(void *engine, bk_time now)
{
	struct bk_nat_discover *e = engine;

	e->now = now;
	for (size_t i = 0; i < e->tests_len; i++)
		if (bk_stun_transaction_is_over(&e->tests[i].schedule, now))
			e->tests[i].is_over = true;
}

static bk_time next_wake(const void *engine)
{
	const struct bk_nat_discover *e = engine;
	bk_time wake = BK_NEVER;

	for (size_t i = 0; i < e->tests_len; i++)
		if (!e->tests[i].is_over)
			wake = bk_time_min(wake, bk_stun_transaction_next_wake(&e->tests[i].schedule));
	return e->is_done ? BK_NEVER : wake;
}

static bool open_next(struct bk_nat_discover *e, struct bk_action *a)
{
	for (uint32_t id = 1; id <= e->sockets_len; id++) {
		struct own_socket *s = &e->sockets[id - 1];

		if (s->is_asked)
			continue;
		s->is_asked = true;
		a->type = BK_ACT_UDP_OPEN;
		a->id = id;
		a->local = e->opts.local;
		return true;
	}
	return false;
}

static bool send_next(struct bk_nat_discover *e, struct bk_action *a)
{
	for (size_t i = 0; i < e->tests_len; i++) {
		struct test *t = &e->tests[i];
		struct bk_stun_msg m = {
			.id = t->schedule.id,
			.software = "bodkin", /* a longer question may have a longer answer */
			.has_change = t->purpose == FILTER_PORT || t->purpose == FILTER_BOTH,
			.wants_other_port = true,
			.wants_other_ip = t->purpose == FILTER_BOTH,
		};

		if (t->is_over || !e->sockets[t->socket - 1].is_open ||
			!bk_stun_transaction_is_due(&t->schedule, e->now))
			continue;
		a->type = BK_ACT_DATAGRAM;
		a->id = t->socket;
		a->remote = t->to;
		a->ttl = t->ttl;
		a->len = (uint16_t)bk_stun_encode(&m, NULL, false, a->data, sizeof(a->data));
		return true;
	}
	return false;
}

static bool is_complete(const struct bk_nat_discover *e)
{
	for (size_t i = 0; i < e->tests_len; i++)
		if (!e->tests[i].is_over)
			return false;
	return true;
}

static bool next_action(void *engine, struct bk_action *a)
{
	struct bk_nat_discover *e = engine;

	a->ttl = 0;
	if (e->is_done)
		return false;
	if (open_next(e, a) || send_next(e, a))
		return true;
	if (!is_complete(e))
		return false;
	e->is_done = true;
	a->type = BK_ACT_REPORT;
	a->id = 0;
	a->report = BK_REPORT_DONE;
	return true;
}

const struct bk_engine_ops bk_nat_discover_ops = {
	.on_failed = on_failed,
	.on_opened = on_opened,
	.on_datagram = on_datagram,
	.on_icmp = on_icmp,
	.on_time = on_time,
	.next_wake = next_wake,
	.next_action = next_action,
};

/* --- judgement --- */

static enum bk_mailbox_reach reach_of(const struct bk_nat_discover *e, enum purpose purpose, bool can_answer)
{
	const struct test *base = find_test(e, FILTER_BASE), *t = find_test(e, purpose);

	if (!base || !t)
		return BK_MAILBOX_REACH_UNTESTED;
	if (t->is_answered)
		return BK_MAILBOX_REACH_YES;
	if (!base->is_answered || !can_answer || t->schedule.sent < t->schedule.sent_max)
		return BK_MAILBOX_REACH_UNTESTED;
	return BK_MAILBOX_REACH_NO;
}

/* Whether the server has a second port that answers: it says so, or it has answered there. */
static bool has_second_port(const struct bk_nat_discover *e)
{
	bool has = e->other.family;

	for (size_t i = 0; i < e->tests_len; i++)
		has |= e->tests[i].purpose == MAPPING && e->tests[i].is_answered &&
		       e->tests[i].to.port != e->opts.server.port;
	return has;
}

static void collect_evidence(const struct bk_nat_discover *e, struct bk_nat_evidence *ev)
{
	*ev = (struct bk_nat_evidence){
		.local = e->sockets[SOCKET_MAIN - 1].local,
		.same_address = reach_of(e, FILTER_PORT, has_second_port(e)),
		.other_address = reach_of(e, FILTER_BOTH, e->other.family),
	};
	for (size_t i = 0; i < e->tests_len; i++) {
		const struct test *t = &e->tests[i];

		if (t->purpose == MAPPING && t->is_answered && ev->samples_len < BK_NAT_SAMPLES_MAX)
			ev->samples[ev->samples_len++] = (struct bk_nat_sample){t->to, t->mapped};
	}
}

static void judge_ports(const struct bk_nat_discover *e, struct bk_nat_finding *f)
{
	struct bk_nat_port_pair pairs[BK_NAT_FRESH_MAX];
	enum bk_nat_allocation allocation;
	size_t n = 0;
	int delta;

	for (size_t i = 0; i < e->tests_len; i++) {
		const struct test *t = &e->tests[i];
		uint16_t port = t->mapped.port;

		if (!t->is_answered || t->purpose == TRACE)
			continue;
		f->port_min = !f->port_min || port < f->port_min ? port : f->port_min;
		f->port_max = port > f->port_max ? port : f->port_max;
		if (t->purpose == FRESH)
			pairs[n++] = (struct bk_nat_port_pair){e->sockets[t->socket - 1].local.port, port};
	}
	allocation = bk_nat_allocation_judge(pairs, n, &delta);
	if (allocation == BK_NAT_ALLOCATION_UNKNOWN)
		return;
	f->profile.allocation = allocation;
	f->profile.delta = delta;
}

static void judge_hairpin(const struct bk_nat_discover *e, struct bk_nat_finding *f)
{
	if (f->is_blocked || !f->profile.is_translated)
		return;
	if (e->is_hairpin)
		f->hairpin = BK_NAT_YES;
	else if (e->is_hairpin_begun)
		f->hairpin = BK_NAT_NO;
}

static void see_stacked(struct bk_nat_finding *f, const struct bk_addr *at)
{
	if (f->stacked != BK_NAT_YES)
		f->stacked_at = *at;
	f->stacked = BK_NAT_YES;
}

static void judge_stacked(const struct bk_nat_discover *e, struct bk_nat_finding *f)
{
	const struct bk_addr *outer = &f->profile.public_addr;

	if (f->is_blocked || !f->profile.is_translated)
		return;
	f->stacked = e->is_traced ? BK_NAT_NO : BK_NAT_UNTESTED;
	if (bk_addr_is_cgn(outer) || bk_addr_is_private(outer))
		see_stacked(f, outer);
	if (bk_addr_is_private(&e->hops[0]))
		see_stacked(f, &e->hops[0]);
	for (size_t i = 0; i < BK_NAT_HOPS; i++)
		if (bk_addr_is_cgn(&e->hops[i]))
			see_stacked(f, &e->hops[i]);
}

void bk_nat_discover_hint(struct bk_nat_discover *e, bk_dur rtt)
{
	for (size_t i = 0; i < e->tests_len; i++)
		if (!e->tests[i].is_over)
			bk_stun_transaction_adapt(&e->tests[i].schedule, bk_time_max(rtt, HINT_MIN));
}

void bk_nat_discover_finding(const struct bk_nat_discover *e, struct bk_nat_finding *ret_finding)
{
	struct bk_nat_finding f = {
		.rtt = e->rtt,
		.local = e->sockets[SOCKET_MAIN - 1].local,
		.stun_error = e->stun_error,
		.elsewhere = e->elsewhere,
	};
	struct bk_nat_evidence ev;

	collect_evidence(e, &ev);
	f.is_blocked = !e->rtt && !e->stun_error && !e->elsewhere.family;
	if (f.is_blocked)
		ev.same_address = BK_MAILBOX_REACH_NO; /* which is what it is called by */
	bk_nat_profile_judge(&ev, &f.profile);
	judge_ports(e, &f);
	judge_hairpin(e, &f);
	judge_stacked(e, &f);
	*ret_finding = f;
}

int bk_nat_discover_new(
	const struct bk_nat_discover_opts *opts, bk_time now, struct bk_nat_discover **ret_engine)
{
	struct bk_nat_discover *e;

	if (!opts->server.family || opts->server.family != opts->local.family ||
		opts->fresh > BK_NAT_FRESH_MAX)
		return BK_E_INVALID;
	e = calloc(1, sizeof(*e));
	if (!e)
		return BK_E_NOMEM;
	e->opts = *opts;
	e->opts.fresh = opts->fresh ? opts->fresh : FRESH_USUAL;
	e->now = now;
	e->rng.state = opts->seed;
	add_all(e);
	*ret_engine = e;
	return 0;
}

void bk_nat_discover_free(struct bk_nat_discover *e)
{
	free(e);
}

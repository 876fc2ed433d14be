/* SPDX-License-Identifier: Apache-2.0 */
/* First one question each that asks for nothing: PCP's ANNOUNCE and, over IPv4, NAT-PMP's outer address. Then one
 * dialect is spoken, so that no port is held twice.
 *
 * Answers are known by their nonce, or by the port that they are about, not by the address that they come
 * from: routers that stand in for each other answer from their own. Whoever is in this network could forge that
 * too. What an answer can do is bounded: a lifetime by a day, asking anew after a lost epoch by once a
 * minute. */
#include "portmap/portmap.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/actions.h"
#include "base/error.h"
#include "portmap/epoch.h"
#include "portmap/natpmp.h"
#include "portmap/pcp.h"
#include "portmap/question.h"
#include "portmap/reach.h"

enum { ACTIONS_MAX = 4 * BK_PORTMAP_LEASES_MAX, ICMP4_UNREACHABLE = 3, ICMP6_UNREACHABLE = 1 };

#define LIFETIME_MAX (24 * 3600 * BK_SEC)
#define REDO_JITTER  (2 * BK_SEC)

struct asked {
	struct bk_lease lease;
	uint8_t nonce[BK_PCP_NONCE_LEN];
};

struct bk_portmap {
	struct bk_actions actions; /* first: next_action is the queue's */
	struct bk_portmap_opts opts;
	struct bk_addr router; /* with its port */
	struct bk_rng rng;
	uint64_t nonces; /* so far: no two are the same */
	struct bk_portmap_census census;
	struct bk_addr outside; /* by NAT-PMP */
	struct bk_portmap_epoch epochs[BK_PORTMAP_DIALECTS];
	bk_time redo_from; /* not sooner */
	bool is_leaving, is_over;
	struct asked asked[BK_PORTMAP_LEASES_MAX];
	struct bk_action slots[ACTIONS_MAX];
};

static void push(struct bk_portmap *p, const struct bk_action *a)
{
	bool fits = bk_actions_push(&p->actions, a);

	(void)fits; /* a driver that does not drain loses, as a network would */
}

static void report(struct bk_portmap *p, int what)
{
	push(p, &(struct bk_action){.type = BK_ACT_REPORT, .id = p->opts.socket, .report = what});
}

/* --- questions --- */

static void send_to_router(struct bk_portmap *p, struct bk_action *a)
{
	a->id = p->opts.socket;
	a->remote = p->router;
	push(p, a);
}

static void send_ping(struct bk_portmap *p, enum bk_portmap_dialect d)
{
	struct bk_action a;

	if (bk_portmap_put_ping(d, &p->opts.own, &a))
		send_to_router(p, &a);
}

static void send_question(struct bk_portmap *p, const struct asked *q)
{
	const struct bk_portmap_question question = {
		.own = &p->opts.own,
		.lease = &q->lease.told,
		.nonce = q->nonce,
		.is_deletion = q->lease.state == BK_LEASE_LEAVING,
	};
	struct bk_action a;

	if (p->census.dialect == BK_PORTMAP_NATPMP && !question.is_deletion)
		send_ping(p, BK_PORTMAP_NATPMP); /* the address may be another one by now */
	if (bk_portmap_put_question(p->census.dialect, &question, &a))
		send_to_router(p, &a);
}

/* --- the leases' turns --- */

static void end_if_all_is_left(struct bk_portmap *p)
{
	if (!p->is_leaving || p->is_over)
		return;
	for (size_t i = 0; i < BK_PORTMAP_LEASES_MAX; i++)
		if (p->asked[i].lease.state != BK_LEASE_FREE)
			return;
	p->is_over = true;
	report(p, BK_REPORT_DONE);
}

static void run(struct bk_portmap *p, struct asked *q, bk_time now)
{
	for (;;) {
		switch (bk_lease_run(&q->lease, &p->rng, now)) {
		case BK_LEASE_SEND:
			send_question(p, q);
			break;
		case BK_LEASE_CHANGED:
			report(p, BK_PORTMAP_CHANGED);
			break;
		default:
			return;
		}
	}
}

static void run_all(struct bk_portmap *p, bk_time now)
{
	for (size_t i = 0; i < BK_PORTMAP_LEASES_MAX; i++)
		run(p, &p->asked[i], now);
	end_if_all_is_left(p);
}

/* --- who is there --- */

static bool has_natpmp(const struct bk_portmap *p)
{
	return p->opts.own.family == 4;
}

static void begin_lease(struct bk_portmap *p, struct asked *q, bk_time now)
{
	if (q->lease.told.own_port < BK_PORTMAP_PORT_MIN)
		bk_lease_refuse(&q->lease, BK_PORTMAP_LOW_PORT, BK_NEVER, now);
	else if (p->census.is_chosen)
		bk_lease_begin(&q->lease, now);
	else if (bk_portmap_census_is_over(&p->census))
		bk_lease_refuse(&q->lease, BK_PORTMAP_SILENT, BK_NEVER, now);
}

static void begin_idle(struct bk_portmap *p, bk_time now)
{
	for (size_t i = 0; i < BK_PORTMAP_LEASES_MAX; i++)
		if (p->asked[i].lease.state == BK_LEASE_IDLE)
			begin_lease(p, &p->asked[i], now);
}

static void look_at_census(struct bk_portmap *p, bk_time now)
{
	if (p->census.is_chosen || bk_portmap_census_is_over(&p->census))
		begin_idle(p, now);
	report(p, BK_PORTMAP_CHANGED);
}

static void note_presence(
	struct bk_portmap *p, enum bk_portmap_dialect d, enum bk_portmap_presence presence, bk_time now)
{
	if (bk_portmap_census_note(&p->census, d, presence))
		look_at_census(p, now);
}

static void probe(struct bk_portmap *p, bk_time now)
{
	if (!bk_portmap_census_is_due(&p->census, now))
		return;
	for (int d = 0; d < BK_PORTMAP_DIALECTS; d++)
		if (p->census.presence[d] == BK_PORTMAP_AWAITED)
			send_ping(p, (enum bk_portmap_dialect)d);
	look_at_census(p, now);
}

/* --- what the router has forgotten --- */

static bool redo(struct bk_portmap *p, bk_dur jitter, bk_time now)
{
	if (now < p->redo_from)
		return false;
	p->redo_from = now + BK_PORTMAP_DOUBT_MIN;
	for (size_t i = 0; i < BK_PORTMAP_LEASES_MAX; i++) {
		struct bk_lease *l = &p->asked[i].lease;

		if (l->state == BK_LEASE_RESTING && l->told.external.family)
			bk_lease_begin(l, now + bk_rng_range(&p->rng, 0, jitter));
	}
	return true;
}

static void note_epoch(struct bk_portmap *p, enum bk_portmap_dialect d, uint32_t epoch, bk_time now)
{
	if (!bk_portmap_epoch_goes_on(&p->epochs[d], epoch, d == BK_PORTMAP_PCP, now))
		(void)redo(p, REDO_JITTER, now); /* so did all of the house */
}

/* --- answers --- */

/* A success with this in it. */
static void take(
	struct bk_portmap *p, struct asked *q, const struct bk_addr *external, uint32_t lifetime, bk_time now)
{
	if (lifetime && bk_portmap_is_sensible(external, &p->opts.own)) {
		if (bk_lease_grant(
			    &q->lease, external, bk_time_min(lifetime * BK_SEC, LIFETIME_MAX), &p->rng, now))
			report(p, BK_PORTMAP_CHANGED);
		return;
	}
	bk_lease_leave(&q->lease, now); /* as it is asked for, it may be there */
	send_question(p, q);
	bk_lease_refuse(&q->lease, BK_PORTMAP_ODD, BK_NEVER, now);
	report(p, BK_PORTMAP_CHANGED);
}

static void refuse(
	struct bk_portmap *p, struct asked *q, enum bk_portmap_trouble why, bk_dur wait, bk_time now)
{
	bool is_final =
		why == BK_PORTMAP_DENIED || why == BK_PORTMAP_UNSUPPORTED || why == BK_PORTMAP_NOT_NEXT;

	bk_lease_refuse(&q->lease, why, is_final ? BK_NEVER : wait, now);
	report(p, BK_PORTMAP_CHANGED);
}

/* Whatever it says to what is given back, that is all. A success with a lifetime answers an older question. */
static void take_back(struct asked *q, bool is_success, uint32_t lifetime)
{
	if (!is_success || !lifetime)
		q->lease.state = BK_LEASE_FREE;
}

static bool awaits_answer(const struct bk_lease *l)
{
	return l->state == BK_LEASE_ASKING || l->state == BK_LEASE_LEAVING;
}

static struct asked *find_asked(struct bk_portmap *p, enum bk_transport t, uint16_t own_port)
{
	for (size_t i = 0; i < BK_PORTMAP_LEASES_MAX; i++) {
		struct bk_lease *l = &p->asked[i].lease;

		if (l->state != BK_LEASE_FREE && l->told.transport == t && l->told.own_port == own_port)
			return &p->asked[i];
	}
	return NULL;
}

/* --- PCP's --- */

static void on_pcp_map(struct bk_portmap *p, const struct bk_pcp_answer *a, bk_time now)
{
	struct asked *q = find_asked(p, a->map.transport, a->map.own_port);

	if (!q || sodium_memcmp(q->nonce, a->map.nonce, sizeof(q->nonce)) != 0 || !awaits_answer(&q->lease))
		return;
	if (q->lease.state == BK_LEASE_LEAVING)
		take_back(q, a->result == BK_PCP_SUCCESS, a->lifetime);
	else if (a->result == BK_PCP_SUCCESS)
		take(p, q, &a->map.external, a->lifetime, now);
	else
		refuse(p, q, bk_portmap_trouble_of_pcp(a->result), a->lifetime * BK_SEC, now);
}

/* A PCP router says so of NAT-PMP's question, and an elder one of ours. */
static void on_pcp_version(struct bk_portmap *p, uint8_t version, bk_time now)
{
	enum bk_portmap_dialect d = version == BK_PCP_VERSION ? BK_PORTMAP_NATPMP : BK_PORTMAP_PCP;

	note_presence(p, d, BK_PORTMAP_ABSENT, now);
}

static bool on_pcp(struct bk_portmap *p, const struct bk_pcp_answer *a, bk_time now)
{
	if (a->version == BK_PCP_VERSION) {
		note_presence(p, BK_PORTMAP_PCP, BK_PORTMAP_PRESENT, now);
		note_epoch(p, BK_PORTMAP_PCP, a->epoch, now);
	}
	if (a->result == BK_PCP_UNSUPP_VERSION)
		on_pcp_version(p, a->version, now);
	else if (a->has_map && p->census.is_chosen && p->census.dialect == BK_PORTMAP_PCP)
		on_pcp_map(p, a, now);
	run_all(p, now);
	return true;
}

/* --- NAT-PMP's --- */

static void change_address(struct bk_portmap *p, const struct bk_addr *outside)
{
	if (bk_addr_equal_ip(&p->outside, outside))
		return;
	p->outside = *outside;
	for (size_t i = 0; i < BK_PORTMAP_LEASES_MAX && p->census.dialect == BK_PORTMAP_NATPMP; i++) {
		struct bk_addr *external = &p->asked[i].lease.told.external;

		if (external->family)
			*external = bk_addr_with_port(*outside, external->port);
	}
	report(p, BK_PORTMAP_CHANGED);
}

static void on_natpmp_address(struct bk_portmap *p, const struct bk_natpmp_answer *a, bk_time now)
{
	if (a->result == BK_NATPMP_SUCCESS && bk_portmap_is_outside(&a->external)) {
		change_address(p, &a->external);
		return;
	}
	p->outside = (struct bk_addr){0};
	for (size_t i = 0; i < BK_PORTMAP_LEASES_MAX && p->census.dialect == BK_PORTMAP_NATPMP; i++)
		if (p->asked[i].lease.state == BK_LEASE_ASKING)
			refuse(p, &p->asked[i], BK_PORTMAP_NO_OUTSIDE, 0, now);
}

static void on_natpmp_map(
	struct bk_portmap *p, const struct bk_natpmp_answer *a, struct asked *q, bk_time now)
{
	struct bk_addr external = bk_addr_with_port(p->outside, a->external_port);

	if (q->lease.state == BK_LEASE_LEAVING)
		take_back(q, a->result == BK_NATPMP_SUCCESS, a->lifetime);
	else if (a->result != BK_NATPMP_SUCCESS)
		refuse(p, q, bk_portmap_trouble_of_natpmp(a->result), 0, now);
	else if (p->outside.family) /* else both are asked again */
		take(p, q, &external, a->lifetime, now);
}

/* A refusal that does not name the port is about one of them; the others are told the same when their turn
 * comes. */
static struct asked *find_natpmp(struct bk_portmap *p, const struct bk_natpmp_answer *a)
{
	enum bk_transport t = a->opcode == BK_NATPMP_MAP_TCP ? BK_TRANSPORT_TCP : BK_TRANSPORT_UDP;

	for (size_t i = 0; i < BK_PORTMAP_LEASES_MAX; i++) {
		struct bk_lease *l = &p->asked[i].lease;

		if (awaits_answer(l) && l->told.transport == t &&
			(!a->own_port || l->told.own_port == a->own_port))
			return &p->asked[i];
	}
	return NULL;
}

static bool on_natpmp(struct bk_portmap *p, const struct bk_natpmp_answer *a, bk_time now)
{
	struct asked *q = a->opcode == BK_NATPMP_ADDRESS ? NULL : find_natpmp(p, a);

	if (!has_natpmp(p))
		return false;
	if (a->result == BK_NATPMP_UNSUPP_VERSION) {
		note_presence(p, BK_PORTMAP_PCP, BK_PORTMAP_ABSENT, now);
		run_all(p, now);
		return true;
	}
	note_epoch(p, BK_PORTMAP_NATPMP, a->epoch, now);
	if (a->opcode == BK_NATPMP_ADDRESS)
		on_natpmp_address(p, a, now);
	note_presence(p, BK_PORTMAP_NATPMP, BK_PORTMAP_PRESENT, now);
	if (q && p->census.is_chosen && p->census.dialect == BK_PORTMAP_NATPMP)
		on_natpmp_map(p, a, q, now);
	run_all(p, now);
	return true;
}

/* --- the doors --- */

/* To all: nobody has asked, so that only the router itself is believed, and only that it lost its epoch. */
static bool on_announcement(
	struct bk_portmap *p, const struct bk_addr *from, const uint8_t *data, size_t len, bk_time now)
{
	struct bk_natpmp_answer natpmp;
	struct bk_pcp_answer pcp;

	if (!bk_addr_equal_ip(from, &p->router) || !p->census.is_chosen)
		return false;
	if (p->census.dialect == BK_PORTMAP_PCP && bk_pcp_decode(data, len, &pcp) == 0 &&
		pcp.version == BK_PCP_VERSION)
		note_epoch(p, BK_PORTMAP_PCP, pcp.epoch, now);
	else if (p->census.dialect == BK_PORTMAP_NATPMP && bk_natpmp_decode(data, len, &natpmp) == 0)
		note_epoch(p, BK_PORTMAP_NATPMP, natpmp.epoch, now);
	else
		return false;
	run_all(p, now);
	return true;
}

/* Who is not asked has nothing to say. */
static bool is_asking(const struct bk_portmap *p)
{
	for (size_t i = 0; i < BK_PORTMAP_LEASES_MAX; i++)
		if (awaits_answer(&p->asked[i].lease))
			return true;
	return !bk_portmap_census_is_over(&p->census);
}

static bool on_datagram(
	void *engine, uint32_t id, const struct bk_addr *from, const uint8_t *data, size_t len, bk_time now)
{
	struct bk_portmap *p = engine;
	struct bk_natpmp_answer natpmp;
	struct bk_pcp_answer pcp;

	if (from->port != BK_PCP_PORT || p->is_over)
		return false;
	if (id == p->opts.announcements)
		return on_announcement(p, from, data, len, now);
	if (id != p->opts.socket || !is_asking(p))
		return false;
	if (bk_pcp_decode(data, len, &pcp) == 0)
		return on_pcp(p, &pcp, now);
	return bk_natpmp_decode(data, len, &natpmp) == 0 && on_natpmp(p, &natpmp, now);
}

static void be_alone(struct bk_portmap *p, bk_time now)
{
	bk_portmap_census_end(&p->census);
	look_at_census(p, now);
	run_all(p, now);
}

/* The router itself says that nobody listens there. What others say of it is not asked for. */
static void on_icmp(
	void *engine, uint32_t id, const struct bk_addr *remote, const struct bk_icmp *icmp, bk_time now)
{
	struct bk_portmap *p = engine;
	uint8_t unreachable = p->router.family == 4 ? ICMP4_UNREACHABLE : ICMP6_UNREACHABLE;

	if (id != p->opts.socket || !bk_addr_equal(remote, &p->router) || icmp->type != unreachable ||
		!bk_addr_equal_ip(&icmp->from, &p->router) || bk_portmap_census_is_over(&p->census))
		return;
	be_alone(p, now);
}

static void on_failed(void *engine, uint32_t id, int error, bk_time now)
{
	(void)id;
	(void)error;
	be_alone(engine, now);
}

static void on_time(void *engine, bk_time now)
{
	struct bk_portmap *p = engine;

	if (p->is_over)
		return;
	probe(p, now);
	run_all(p, now);
}

static bk_time next_wake(const void *engine)
{
	const struct bk_portmap *p = engine;
	bk_time wake = p->census.next;

	if (p->is_over)
		return BK_NEVER;
	for (size_t i = 0; i < BK_PORTMAP_LEASES_MAX; i++)
		wake = bk_time_min(wake, bk_lease_next_wake(&p->asked[i].lease));
	return wake;
}

const struct bk_engine_ops bk_portmap_ops = {
	.on_datagram = on_datagram,
	.on_icmp = on_icmp,
	.on_failed = on_failed,
	.on_time = on_time,
	.next_wake = next_wake,
	.next_action = bk_actions_next,
};

/* --- the owner's side --- */

static void make_nonce(struct bk_portmap *p, uint8_t nonce[BK_PCP_NONCE_LEN])
{
	uint8_t out[crypto_generichash_BYTES_MIN];

	p->nonces++;
	crypto_generichash(out, sizeof(out), (const uint8_t *)&p->nonces, sizeof(p->nonces), p->opts.key,
		sizeof(p->opts.key));
	memcpy(nonce, out, BK_PCP_NONCE_LEN);
}

static struct asked *find_free(struct bk_portmap *p)
{
	for (size_t i = 0; i < BK_PORTMAP_LEASES_MAX; i++)
		if (p->asked[i].lease.state == BK_LEASE_FREE)
			return &p->asked[i];
	return NULL;
}

int bk_portmap_want(struct bk_portmap *p, enum bk_transport t, uint16_t own_port, bk_time now)
{
	struct asked *q = find_asked(p, t, own_port);

	if (!own_port || p->is_leaving)
		return BK_E_INVALID;
	if (q && q->lease.state != BK_LEASE_LEAVING)
		return 0;
	if (!q) { /* else it is being given back, and keeps its nonce: the router may have it still */
		q = find_free(p);
		if (!q)
			return BK_E_FULL;
		make_nonce(p, q->nonce);
	}
	bk_lease_want(&q->lease, t, own_port, p->opts.own.family == 6);
	begin_lease(p, q, now);
	run(p, q, now);
	return 0;
}

void bk_portmap_drop(struct bk_portmap *p, enum bk_transport t, uint16_t own_port, bk_time now)
{
	struct asked *q = find_asked(p, t, own_port);

	if (!q || q->lease.state == BK_LEASE_LEAVING)
		return;
	bk_lease_leave(&q->lease, now);
	run(p, q, now);
}

void bk_portmap_leave(struct bk_portmap *p, bk_time now)
{
	p->is_leaving = true;
	bk_portmap_census_end(&p->census);
	for (size_t i = 0; i < BK_PORTMAP_LEASES_MAX; i++) {
		struct bk_lease *l = &p->asked[i].lease;

		if (l->state != BK_LEASE_FREE && l->state != BK_LEASE_LEAVING)
			bk_lease_leave(l, now);
	}
	run_all(p, now);
}

bool bk_portmap_doubt(struct bk_portmap *p, bk_time now)
{
	bool is_asked = redo(p, 0, now);

	run_all(p, now);
	return is_asked;
}

const struct bk_portmap_lease *bk_portmap_find(
	const struct bk_portmap *p, enum bk_transport t, uint16_t own_port)
{
	for (size_t i = 0; i < BK_PORTMAP_LEASES_MAX; i++) {
		const struct bk_lease *l = &p->asked[i].lease;

		if (l->state != BK_LEASE_FREE && l->state != BK_LEASE_LEAVING && l->told.transport == t &&
			l->told.own_port == own_port)
			return &l->told;
	}
	return NULL;
}

enum bk_portmap_presence bk_portmap_presence(const struct bk_portmap *p, enum bk_portmap_dialect d)
{
	return p->census.presence[d];
}

bool bk_portmap_is_settled(const struct bk_portmap *p)
{
	return bk_portmap_census_is_over(&p->census);
}

struct bk_addr bk_portmap_outside(const struct bk_portmap *p)
{
	return p->outside;
}

int bk_portmap_new(const struct bk_portmap_opts *opts, bk_time now, struct bk_portmap **ret_engine)
{
	struct bk_portmap *p = calloc(1, sizeof(*p));

	if (!p)
		return BK_E_NOMEM;
	p->opts = *opts;
	p->router = bk_addr_with_port(opts->gateway, BK_PCP_PORT);
	p->rng.state = opts->seed;
	p->redo_from = now;
	bk_portmap_census_init(&p->census, has_natpmp(p), now);
	bk_actions_init(&p->actions, p->slots, ACTIONS_MAX);
	push(p, &(struct bk_action){
			.type = BK_ACT_UDP_OPEN,
			.id = opts->socket,
			.local = bk_addr_with_port(opts->own, 0),
		});
	probe(p, now);
	*ret_engine = p;
	return 0;
}

void bk_portmap_free(struct bk_portmap *p)
{
	if (p)
		sodium_memzero(p->opts.key, sizeof(p->opts.key));
	free(p);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A router in the house answers within milliseconds, and may be busy for ten seconds (miniupnpd walks all ports
 * where its rules deny one): the first question is repeated soon, and for a quarter of a minute. Who never
 * answered is not asked again: routers write every question into a log that somebody reads. What was held is
 * renewed at half its life, three quarters, seven eighths and so on (RFC 6887 section 11.2.1), a little later
 * by chance, so that a house does not renew in step. */
#include "portmap/lease.h"

enum { SENDINGS = 6, RENEWAL_SENDINGS = 3, LEAVING_SENDINGS = 3, ROUNDS_MAX = 8, REFUSALS_MAX = 8 };

#define RTO         (250 * BK_MS)
#define RTO_PATIENT (3 * BK_SEC)
#define RENEW_MIN   (4 * BK_SEC) /* between rounds of renewal, RFC 6887 section 11.2.1 */
#define REFUSED_MIN (30 * BK_SEC)
#define REFUSED_MAX (24 * 3600 * BK_SEC)

static bool is_held(const struct bk_lease *l)
{
	return l->told.external.family != 0;
}

static void ask(struct bk_lease *l, enum bk_lease_state state, int sendings, bk_time at)
{
	l->state = state;
	l->next = at;
	l->interval = l->is_patient && state != BK_LEASE_LEAVING ? RTO_PATIENT : RTO;
	l->left = sendings;
}

static void rest(struct bk_lease *l, bk_time until)
{
	l->state = BK_LEASE_RESTING;
	l->next = until;
}

/* --- held --- */

static void rest_until_renewal(struct bk_lease *l, struct bk_rng *rng, bk_time now)
{
	bk_dur lifetime = l->told.until - l->since, left = lifetime >> (l->rounds + 1);
	bk_time at = l->told.until - left + bk_rng_range(rng, 0, left / 4);

	rest(l, bk_time_max(at, now + RENEW_MIN));
}

bool bk_lease_grant(
	struct bk_lease *l, const struct bk_addr *external, bk_dur lifetime, struct bk_rng *rng, bk_time now)
{
	bool is_news = !bk_addr_equal(&l->told.external, external);

	l->told.external = *external;
	l->told.until = now + lifetime;
	l->told.trouble = BK_PORTMAP_FINE;
	l->since = now;
	l->was_held = true;
	l->rounds = l->refusals = 0;
	rest_until_renewal(l, rng, now);
	return is_news;
}

/* --- not --- */

static bk_dur patience(const struct bk_lease *l, bk_dur wait)
{
	return bk_time_min(bk_time_max(wait, REFUSED_MIN << l->refusals), REFUSED_MAX);
}

void bk_lease_refuse(struct bk_lease *l, enum bk_portmap_trouble why, bk_dur wait, bk_time now)
{
	l->told.external = (struct bk_addr){0};
	l->told.trouble = why;
	rest(l, wait == BK_NEVER ? BK_NEVER : now + patience(l, wait));
	if (l->refusals < REFUSALS_MAX)
		l->refusals++;
}

/* Nobody answered a round of questions. */
static enum bk_lease_turn be_unanswered(struct bk_lease *l, struct bk_rng *rng, bk_time now)
{
	if (l->state == BK_LEASE_LEAVING) {
		l->state = BK_LEASE_FREE;
		return BK_LEASE_CHANGED;
	}
	if (!is_held(l)) {
		bk_lease_refuse(l, BK_PORTMAP_SILENT, l->was_held ? 0 : BK_NEVER, now);
		return BK_LEASE_CHANGED;
	}
	if (l->rounds < ROUNDS_MAX)
		l->rounds++;
	rest_until_renewal(l, rng, now);
	return BK_LEASE_NOTHING;
}

/* --- turns --- */

void bk_lease_want(struct bk_lease *l, enum bk_transport t, uint16_t own_port, bool is_patient)
{
	*l = (struct bk_lease){
		.told = {.transport = t, .own_port = own_port},
		.state = BK_LEASE_IDLE,
		.next = BK_NEVER,
		.is_patient = is_patient,
	};
}

void bk_lease_begin(struct bk_lease *l, bk_time at)
{
	ask(l, BK_LEASE_ASKING, SENDINGS, at);
}

void bk_lease_leave(struct bk_lease *l, bk_time now)
{
	bool may_be_given = is_held(l) || l->state == BK_LEASE_ASKING;

	l->told.external = (struct bk_addr){0};
	l->state = BK_LEASE_FREE;
	if (may_be_given)
		ask(l, BK_LEASE_LEAVING, LEAVING_SENDINGS, now);
}

static enum bk_lease_turn send_or_give_up(struct bk_lease *l, struct bk_rng *rng, bk_time now)
{
	if (!l->left)
		return be_unanswered(l, rng, now);
	l->left--;
	l->next = now + l->interval;
	l->interval *= 2;
	return BK_LEASE_SEND;
}

enum bk_lease_turn bk_lease_run(struct bk_lease *l, struct bk_rng *rng, bk_time now)
{
	if (is_held(l) && now >= l->told.until) {
		bk_lease_refuse(l, BK_PORTMAP_SILENT, 0, now);
		return BK_LEASE_CHANGED;
	}
	if (l->state == BK_LEASE_FREE || now < l->next)
		return BK_LEASE_NOTHING;
	if (l->state == BK_LEASE_RESTING)
		ask(l, BK_LEASE_ASKING, is_held(l) ? RENEWAL_SENDINGS : SENDINGS, now);
	return send_or_give_up(l, rng, now);
}

bk_time bk_lease_next_wake(const struct bk_lease *l)
{
	if (l->state == BK_LEASE_FREE)
		return BK_NEVER;
	return is_held(l) ? bk_time_min(l->next, l->told.until) : l->next;
}

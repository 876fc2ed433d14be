/* SPDX-License-Identifier: Apache-2.0 */

/* RFC 8445 paces its checks 50 ms apart; two peers that know each other's few addresses need not, so a probe goes to
 * every target at once and again after 5, 10, 20, 40 ms ... up to 500 ms.
 *
 * A router that accepts what it did not expect notes an early packet as a flow of its own, and gives the later packets
 * of its host another port. Two cures: all targets behind a filter are first sent to at the agreed instant; and before
 * that an opener leaves, whose TTL is used up behind the own NAT, so that the own flow is there first. Who hears last,
 * from a peer whose openers are known to do that, need not wait. */

#include "punch/udp_schedule.h"

#include "nat/profile.h"

#define GAP_FIRST (5 * BK_MS)
#define GAP_MAX   (500 * BK_MS)
#define GAP_OPEN  (1 * BK_MS) /* between an opener and what may follow at once */

static bool is_short(const struct bk_punch_udp_opts *opts)
{
	return bk_plan_is_short(opts->own, opts->peer);
}

/* A side whose port the peer cannot know has to be the first to speak. */
static bool waits_for_peer(const struct bk_punch_udp_opts *opts)
{
	return opts->is_first_to_know && !bk_nat_is_dependent(&opts->own->udp) && is_short(opts);
}

/* Ports that are guessed are guessed for an instant. */
static bool has_guesses(const struct bk_plan *plan)
{
	for (size_t i = 0; i < plan->attempts_len; i++) {
		if (plan->attempts[i].probes)
			return true;
	}
	return false;
}

bk_time bk_udp_first_full(const struct bk_punch_udp_opts *opts, bk_time start, bk_time now)
{
	if (opts->is_peer_open && !is_short(opts) && !has_guesses(opts->plan))
		return bk_time_min(start, bk_time_max(now + GAP_OPEN, opts->peer_open_from));
	return start + (waits_for_peer(opts) ? BK_UDP_WAIT_PEER : 0);
}

bk_dur bk_udp_gap(unsigned step, struct bk_rng *rng)
{
	bk_dur d = step < 2 ? GAP_FIRST : step < 9 ? GAP_FIRST << (step - 1) : GAP_MAX;

	d = bk_time_min(d, GAP_MAX);
	return d - d / 5 + bk_rng_range(rng, 0, d * 2 / 5);
}

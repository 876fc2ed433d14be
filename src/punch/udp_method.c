/* SPDX-License-Identifier: Apache-2.0 */

/* UDP punching as the rows see it. */

#include <stdio.h>
#include <string.h>

#include "punch/explain.h"
#include "punch/udp.h"
#include "punch/udp_target.h"

/* When what we send in full arrives nowhere before the peer's openers have left, which pass its routers. Who joins
 * hears last: by then they are on their way. In a later round either may be last, but each knows since when the
 * other one knows: since about its own instant, which it has chosen so that its introduction has arrived. The
 * agreed one is the later of the two. BK_NEVER: nobody can tell. */
static bk_time peer_open_from(const struct bk_method_opts *opts, bk_time now)
{
	int64_t own = opts->pair->own->start, peer = opts->pair->peer->start;

	if (!(opts->pair->peer->capabilities & BK_INTRO_COUNTED))
		return BK_NEVER;
	if (opts->is_controlling && !opts->pair->is_again)
		return now;
	return own > 0 && peer > own ? opts->start - (peer - own) : opts->start;
}

static int new_of(const struct bk_method_opts *opts, bk_time now, void **ret_engine)
{
	const struct bk_pair *pair = opts->pair;
	const bk_time open_from = peer_open_from(opts, now);
	struct bk_punch_udp_opts udp = {
		.own = pair->own,
		.peer = pair->peer,
		.plan = opts->plan,
		.is_controlling = opts->is_controlling,
		.has_socket6 = opts->has_socket6,
		.opener_ttl = bk_method_opener_ttl(opts),
		.start = opts->start,
		.is_first_to_know = !opts->is_controlling,
		.is_peer_open = open_from < opts->start,
		.peer_open_from = open_from,
		.budget = opts->plan->budget,
		.seed = opts->seed,
	};
	struct bk_punch_udp *e;
	int err;

	memcpy(udp.own_key, pair->own->probe_key, sizeof(udp.own_key));
	memcpy(udp.peer_key, pair->peer->probe_key, sizeof(udp.peer_key));
	err = bk_punch_udp_new(&udp, now, &e);
	if (!err)
		*ret_engine = e;
	return err;
}

static void free_of(void *engine)
{
	bk_punch_udp_free(engine);
}

const char *bk_punch_udp_target_to_str(const struct bk_punch_udp *e, size_t i, char out[BK_PLAN_TEXT_MAX])
{
	const struct bk_udp_targets *targets = bk_punch_udp_targets(e);

	if (i < targets->len)
		return bk_udp_target_to_str(&targets->list[i], out);
	snprintf(out, BK_PLAN_TEXT_MAX, "none");
	return out;
}

static const struct bk_technique *technique(const void *engine, const struct bk_way *way)
{
	const struct bk_udp_targets *targets = bk_punch_udp_targets(engine);

	for (size_t i = 0; i < targets->len; i++) {
		if (bk_way_equal(&targets->list[i].way, way))
			return targets->list[i].technique;
	}
	return NULL;
}

static bk_dur rtt(const void *engine)
{
	struct bk_punch_udp_stats stats;

	bk_punch_udp_stats(engine, &stats);
	return stats.rtt;
}

static struct bk_addr forbidden_by(const void *engine)
{
	struct bk_punch_udp_stats stats;

	bk_punch_udp_stats(engine, &stats);
	return stats.forbidden_by;
}

static int saw(const void *engine, size_t i, char out[BK_PLAN_TEXT_MAX])
{
	struct bk_punch_udp_stats stats;
	char line[BK_PLAN_TEXT_MAX];

	bk_punch_udp_stats(engine, &stats);
	if (i == stats.targets && stats.forbidden_by.family) {
		snprintf(out, BK_PLAN_TEXT_MAX, "saw: %s forbids to send there: no more ports are guessed",
			bk_addr_ip_to_str(&stats.forbidden_by, line));
		return 1;
	}
	if (i >= stats.targets)
		return 0;
	snprintf(out, BK_PLAN_TEXT_MAX, "saw: %.500s", bk_punch_udp_target_to_str(engine, i, line));
	return 2;
}

const struct bk_method bk_method_udp = {
	.transport = BK_TRANSPORT_UDP,
	.prefix = "over UDP: ",
	.ops = &bk_punch_udp_ops,
	.new = new_of,
	.free = free_of,
	.rtt = rtt,
	.technique = technique,
	.forbidden_by = forbidden_by,
	.saw = saw,
	.explain = bk_explain_udp,
};

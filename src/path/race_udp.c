/* SPDX-License-Identifier: Apache-2.0 */
/* The race over UDP: probes find a way on the session's sockets, QUIC on that path is a contender like any
 * other. */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "link/quic.h"
#include "path/contender.h"

#define IDLE_TIMEOUT (4 * BK_SEC) /* then the path is dead, and another one is looked for */

static enum bk_technique technique_to(const struct bk_addr *remote)
{
	if (bk_addr_is_private(remote) || bk_addr_is_loopback(remote) || bk_addr_is_link_local(remote))
		return BK_TECHNIQUE_LAN;
	return remote->family == 6 ? BK_TECHNIQUE_IPV6 : BK_TECHNIQUE_PUNCH;
}

/* A path over UDP answers: QUIC on it. */
static int enter_udp(struct bk_race *r, const struct bk_way *way)
{
	struct bk_punch_udp_stats stats;
	struct bk_link_quic_opts opts = {
		.is_server = !r->opts.is_controlling,
		.identity = r->opts.identity,
		.peer_pin = r->peer_pin,
		.use_bbr = true,
		.idle_timeout_ns = IDLE_TIMEOUT,
		.handshake_timeout_ns = DIRECT_HANDSHAKE_TIMEOUT,
	};
	struct bk_contender *c = calloc(1, sizeof(*c));
	int err;

	if (!c)
		return BK_E_NOMEM;
	bk_punch_udp_stats(r->udp, &stats);
	opts.rtt_ns = stats.rtt / 2; /* a lost first packet is repeated after one and a half of them */
	c->race = r;
	c->result = (struct bk_race_result){.technique = technique_to(&way->remote),
		.transport = BK_TRANSPORT_UDP,
		.local = bk_ways_local(r->udp_run, way->socket),
		.remote = way->remote};
	err = bk_ways_link_new(r->udp_run, way, &opts, &bk_contender_events, c, &c->link);
	if (err < 0) {
		free(c);
		return err;
	}
	bk_list_append(&r->contenders, &c->link_in_race);
	r->contenders_len++;
	return 0;
}

static void on_udp_report(void *arg, const struct bk_action *a)
{
	struct bk_race *r = arg;
	struct bk_contender *before = bk_race_find_udp(r);
	char line[BK_PLAN_TEXT_MAX];

	for (size_t i = 0; strcmp(bk_punch_udp_target_to_str(r->udp, i, line), "none") != 0; i++)
		bk_race_note(r, 2, "saw: %s", line);
	if (r->over || (before && bk_addr_equal(&before->result.remote, &a->remote)))
		return;
	if (a->report == BK_REPORT_DONE) {
		r->udp_is_over = true;
	} else {
		if (before)
			bk_contender_forget(before); /* the controlling side chose anew */
		r->udp_is_over = enter_udp(r, &(struct bk_way){a->id, a->remote}) < 0;
	}
	bk_race_reconsider(r);
}

/* An opener passes every router of this side and is used up by the next one. */
static uint8_t opener_ttl(unsigned hops)
{
	return hops ? (uint8_t)(hops + 1) : 0;
}

int bk_race_start_udp(struct bk_race *r)
{
	struct bk_punch_udp_opts opts = {
		.own = r->opts.own,
		.peer = r->opts.peer,
		.is_controlling = r->opts.is_controlling,
		.has_socket6 = r->opts.ways && bk_ways_view(r->opts.ways)->port6,
		.start = r->opts.start,
		.knew_first = !r->opts.is_controlling,
		.seed = ((uint64_t)randombytes_random() << 32) | randombytes_random(),
	};
	struct bk_plan plan;
	char line[BK_PLAN_TEXT_MAX];
	int err;

	r->udp_is_over = true;
	if (!r->opts.ways || sodium_is_zero(r->opts.peer->probe_key, sizeof(r->opts.peer->probe_key)))
		return 0;
	bk_plan_make_udp(r->opts.own, r->opts.peer, &plan);
	for (size_t i = 0; i < plan.attempts_len; i++)
		bk_race_note(r, 1, "plan: over UDP: %s", bk_plan_attempt_to_str(&plan, i, line));
	memcpy(opts.own_key, r->opts.own->probe_key, sizeof(opts.own_key));
	memcpy(opts.peer_key, r->opts.peer->probe_key, sizeof(opts.peer_key));
	opts.budget = plan.budget + r->opts.delay;
	opts.opener_ttl = opener_ttl(bk_ways_hops(r->opts.ways));
	bk_race_note(r, 2, "plan: over UDP: %u routers to our public address", bk_ways_hops(r->opts.ways));
	err = bk_punch_udp_new(&opts, bk_loop_now(r->opts.loop), &r->udp);
	if (err < 0)
		return err == BK_E_INVALID ? 0 : err; /* keys that are none: no UDP */
	r->udp_is_over = false;
	return bk_ways_run_new(r->opts.ways, r->udp, &bk_punch_udp_ops, on_udp_report, r, &r->udp_run);
}

void bk_race_stop_udp(struct bk_race *r)
{
	bk_ways_run_free(r->udp_run);
	r->udp_run = NULL;
	bk_punch_udp_free(r->udp);
	r->udp = NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Ways for datagrams: an engine on the sockets whose mapped addresses were told; QUIC proves the peer. Costs
 * twice the processor time of TLS over TCP. */
#include <stdio.h>
#include <string.h>

#include "path/lane.h"
#include "path/ways.h"

/* Of silence in which not even a keep-alive came. These go after 20 s of it (25 s from the server's side): most
 * routers keep a mapping for 30 s. A path that dies while something is under way is noticed by its pulse. */
#define IDLE_TIMEOUT      (60 * BK_SEC)
#define HANDSHAKE_TIMEOUT (5 * BK_SEC)
#define WAY_MAX           (600 * BK_MS) /* more is not believed */

enum { BLIND_MAX = 10 }; /* packets to where nothing has come from yet */

static bool describe(struct bk_lane *lane, struct bk_method_opts *opts)
{
	struct bk_ways *ways = lane->opts->ways;
	char line[128], where[80] = "it is not known how many routers away our public address is";

	if (!ways)
		return false;
	opts->has_socket6 = bk_ways_view(ways)->port6;
	opts->hops = bk_ways_hops(ways);
	if (opts->hops)
		snprintf(where, sizeof(where), "our public address is %u router%s away", opts->hops,
			opts->hops == 1 ? "" : "s");
	snprintf(line, sizeof(line), "plan: %s%s", lane->method->prefix, where);
	lane->events->note(lane->arg, 2, line);
	return true;
}

static int start(struct bk_lane *lane)
{
	return bk_ways_run_new(lane->opts->ways, lane->drive, &lane->run);
}

static void stop(struct bk_lane *lane)
{
	bk_ways_run_free(lane->run);
}

static void listen_on_the_way(struct bk_lane *lane, bool is_wanted)
{
	if (lane->run)
		bk_ways_run_want_icmp(lane->run, is_wanted);
}

/* As it was measured, or else over the server, which is seldom shorter. */
static bk_dur first_rtt(const struct bk_lane *lane, const struct bk_found *found)
{
	bk_dur way = lane->opts->own->server_rtt + lane->opts->peer->server_rtt;

	if (found->is_likely)
		return bk_time_max(0, bk_time_min(way, WAY_MAX));
	return lane->method->rtt ? lane->method->rtt(lane->engine) : 0;
}

static int secure(struct bk_lane *lane, const struct bk_found *found, struct bk_contender *c)
{
	const struct bk_way way = {found->id, found->remote};
	struct bk_link_quic_opts opts = {
		.is_server = !lane->opts->is_controlling,
		.identity = lane->opts->identity,
		.wants_bbr = true,
		.idle_timeout_ns = IDLE_TIMEOUT,
		.handshake_timeout_ns = HANDSHAKE_TIMEOUT,
	};
	int err;

	memcpy(opts.peer_pin.bytes, lane->opts->peer->pin, sizeof(opts.peer_pin.bytes));
	opts.rtt_ns =
		first_rtt(lane, found) / 2; /* a lost first packet is repeated after one and a half of them */
	err = bk_ways_link_new(lane->run, &way, &opts, &bk_contender_link_events, c, &c->link);
	if (err < 0)
		return err;
	if (found->is_likely)
		bk_ways_link_limit(lane->run, c->link, BLIND_MAX);
	c->result.local = bk_ways_local(lane->run, found->id); /* from now on the ways have the socket */
	return 0;
}

static void repeat(struct bk_lane *lane, struct bk_contender *c)
{
	bk_ways_link_repeat(lane->run, c->link);
}

static void trust(struct bk_lane *lane, struct bk_contender *c)
{
	bk_ways_link_limit(lane->run, c->link, 0);
}

/* It is a socket of the engine's or of everybody's. */
static void refuse(struct bk_lane *lane, const struct bk_found *found)
{
	(void)lane;
	(void)found;
}

const struct bk_carriage bk_carriage_udp = {
	.cost = 2,
	.describe = describe,
	.start = start,
	.stop = stop,
	.listen = listen_on_the_way,
	.secure = secure,
	.repeat = repeat,
	.trust = trust,
	.refuse = refuse,
};

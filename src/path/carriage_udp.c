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

static bool describe(struct bk_lane *lane, struct bk_method_opts *opts)
{
	struct bk_ways *ways = lane->opts->ways;
	char line[128];

	if (!ways)
		return false;
	opts->has_socket6 = bk_ways_view(ways)->port6;
	opts->hops = bk_ways_hops(ways);
	snprintf(line, sizeof(line), "plan: %s%u routers to our public address", lane->method->prefix,
		opts->hops);
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
	if (lane->method->rtt) /* a lost first packet is repeated after one and a half of them */
		opts.rtt_ns = lane->method->rtt(lane->engine) / 2;
	err = bk_ways_link_new(lane->run, &way, &opts, &bk_contender_link_events, c, &c->link);
	if (!err) /* from now on the ways have the socket */
		c->result.local = bk_ways_local(lane->run, found->id);
	return err;
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
	.secure = secure,
	.refuse = refuse,
};

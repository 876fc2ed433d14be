/* SPDX-License-Identifier: Apache-2.0 */
/* Connections: an engine with sockets of its own; TLS proves the peer. On a connection to the relay the
 * server learns first whose leg it is. */
#include <string.h>

#include "base/error.h"
#include "link/tls.h"
#include "net/sock.h"
#include "path/lane.h"
#include "wire/preface.h"

#define HANDSHAKE_TIMEOUT       (5 * BK_SEC)
#define RELAY_HANDSHAKE_TIMEOUT (30 * BK_SEC) /* the peer's leg may be late */

static bool describe(struct bk_lane *lane, struct bk_method_opts *opts)
{
	opts->hops = lane->opts->hops;
	return true;
}

static int link_of(struct bk_lane *lane, int fd, struct bk_contender *c)
{
	const struct bk_race_opts *race = lane->opts;
	struct bk_link_tls_opts opts = {
		.is_server = !race->is_controlling,
		.identity = race->identity,
		.handshake_timeout_ns = HANDSHAKE_TIMEOUT,
	};
	struct bk_preface preface = {.kind = BK_PREFACE_RELAY, .side = race->is_controlling ? 1 : 0};
	uint8_t preface_bytes[BK_PREFACE_LEN];

	memcpy(opts.peer_pin.bytes, race->peer->pin, sizeof(opts.peer_pin.bytes));
	if (lane->method->is_relay) {
		memcpy(preface.secret, race->relay_token, sizeof(preface.secret));
		bk_preface_encode(&preface, preface_bytes);
		opts.preface = preface_bytes;
		opts.preface_len = sizeof(preface_bytes);
		opts.handshake_timeout_ns = RELAY_HANDSHAKE_TIMEOUT;
	}
	return bk_link_tls_new(race->loop, fd, &opts, &bk_contender_link_events, c, &c->link);
}

static int take(struct bk_lane *lane, const struct bk_found *found)
{
	return found->id ? bk_drive_take(lane->drive, found->id) : found->fd;
}

static void refuse(struct bk_lane *lane, const struct bk_found *found)
{
	int fd = take(lane, found);

	if (fd >= 0)
		bk_sock_abort(fd);
}

static int secure(struct bk_lane *lane, const struct bk_found *found, struct bk_contender *c)
{
	int fd = take(lane, found), err;

	if (fd < 0)
		return BK_E_NOT_FOUND;
	bk_sock_local(fd, &c->result.local);
	err = bk_sock_peer(fd, &c->result.remote);
	if (!err)
		err = link_of(lane, fd, c);
	if (err < 0)
		bk_sock_abort(fd);
	return err;
}

const struct bk_carriage bk_carriage_tcp = {
	.cost = 1,
	.has_doors = true,
	.describe = describe,
	.secure = secure,
	.refuse = refuse,
};

/* SPDX-License-Identifier: Apache-2.0 */
/* The client of the plain dialect, from the server's name to a connected socket
 * (docs/protocol/rendezvous.md). The control connection's local port is the one whose mapping the peer is
 * told, so every attempt is made from it and the connection stays open meanwhile; only TryAndReport has a
 * port of its own. The server is believed in what it says about the peer, for the dialect has nothing to
 * check it with; it gets no more than one connection to an address of its choice. */
#include <bodkin/plain.h>
#include <bodkin/server.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/opts.h"
#include "base/place.h"
#include "base/text.h"
#include "base/time.h"
#include "net/drive.h"
#include "net/ending.h"
#include "net/random.h"
#include "net/resolve.h"
#include "net/sock.h"
#include "net/udp.h"
#include "plain/classify.h"
#include "plain/control.h"
#include "plain/port_report.h"
#include "plain/strategy.h"

#define ANSWER_PATIENCE (10 * BK_SEC) /* of a server, to a hello */
#define MATCH_PATIENCE  (30 * BK_SEC) /* of a server, to a hello that names a peer */
#define PUNCH_BUDGET    (20 * BK_SEC)

enum { TEXT_MAX = 512, ID_BYTES = 4, STREAM_PATIENCE_MS = 30000 };

enum state {
	STATE_CONNECTING, /* the name, the server, and what our NAT is called */
	STATE_GREETING,   /* the hello is sent */
	STATE_WAITING,    /* registered */
	STATE_PUNCHING,
	STATE_OVER, /* the ending will tell */
};

static const char *const state_names[] = {
	[STATE_CONNECTING] = "connecting",
	[STATE_GREETING] = "greeting",
	[STATE_WAITING] = "waiting",
	[STATE_PUNCHING] = "punching",
	[STATE_OVER] = "over",
};

struct bk_plain_client {
	struct bk_loop *loop;
	struct bk_plain_client_events events;
	void *arg;
	struct bk_place place;
	char id[BK_RDV_ID_MAX + 1], peer_id[BK_RDV_ID_MAX + 1], nat_type[BK_RDV_WORD_MAX + 1];
	int64_t wait, punch;

	enum state state;
	struct bk_resolve *resolve;
	struct bk_addr servers[BK_RESOLVE_MAX];
	size_t servers_len, server_at;
	struct bk_plain_classify *classify;
	struct bk_plain_control *control;
	bool is_connected;
	struct bk_timer *patience;
	struct bk_ending ending;

	struct bk_addr seen, peer; /* we and the peer, as the server sees us */
	char action[BK_RDV_WORD_MAX + 1];
	enum bk_plain_action todo;
	bool has_port; /* the port that a standby waits for has come */
	bk_time since; /* the peer is known */
	struct bk_strategy *strategy;
	struct bk_drive *drive;
	struct bk_port_report *report;

	int fd;
};

/* --- saying --- */

static void note(struct bk_plain_client *c, int verbosity, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static void note(struct bk_plain_client *c, int verbosity, const char *fmt, ...)
{
	char text[TEXT_MAX];
	va_list ap;

	if (!c->events.on_note)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	c->events.on_note(c, c->arg, verbosity, text);
}

static void set_state(struct bk_plain_client *c, enum state state)
{
	note(c, 2, "plain client: %s -> %s", state_names[c->state], state_names[state]);
	bk_assert(c->state != STATE_OVER);
	c->state = state;
}

static void on_ended(void *arg)
{
	struct bk_plain_client *c = arg;

	set_state(c, STATE_OVER);
	bk_text_sanitize(c->ending.text);
	bk_timer_stop(c->patience);
}

/* The side that says number 1: by the action, so that both know it also after a simultaneous open. Without
 * actions it is the one that named the other. */
static bool is_connector(const struct bk_plain_client *c)
{
	if (c->todo == BK_PLAIN_NO_STRATEGY)
		return *c->peer_id;
	return c->todo == BK_PLAIN_CONNECT || c->todo == BK_PLAIN_DELAY_CONNECT ||
	       c->todo == BK_PLAIN_STANDBY;
}

static void tell_end(void *arg)
{
	struct bk_plain_client *c = arg;
	char local[BK_ADDR_STR_MAX], remote[BK_ADDR_STR_MAX];
	struct bk_addr here = {0}, there = {0};
	struct bk_plain_link link = {
		.fd = c->fd, .is_connector = is_connector(c), .local = local, .remote = remote};

	if (c->ending.error) {
		c->events.on_end(c, c->arg, NULL, c->ending.error, c->ending.text);
		return;
	}
	(void)bk_sock_local(c->fd, &here);
	(void)bk_sock_peer(c->fd, &there);
	bk_addr_to_str(&here, local);
	bk_addr_to_str(&there, remote);
	link.elapsed_ms = bk_dur_to_ms(bk_loop_now(c->loop) - c->since);
	c->fd = -1;
	c->events.on_end(c, c->arg, &link, 0, c->ending.text);
}

/* --- the peer --- */

static void on_strategy(void *arg, const struct bk_action *a)
{
	struct bk_plain_client *c = arg;

	if (c->state != STATE_PUNCHING)
		return;
	if (a->report == BK_REPORT_DONE) {
		bk_ending_set(&c->ending, BK_E_NO_PATH,
			"no connection to '%s' could be made (%s as %s) within the time; try again, or "
			"without --plain, where a relay can help",
			*c->peer_id ? c->peer_id : "the peer", *c->action ? c->action : "no strategy",
			c->nat_type);
		return;
	}
	c->fd = bk_drive_take(c->drive, a->id);
	bk_sock_tune_stream(c->fd, STREAM_PATIENCE_MS);
	bk_ending_set(
		&c->ending, 0, "direct over TCP, not encrypted (%s)", *c->action ? c->action : "no strategy");
}

static void on_report(void *arg, int error, uint16_t port)
{
	struct bk_plain_client *c = arg;

	if (error)
		bk_ending_set(&c->ending, BK_E_SERVER_GONE,
			"cannot report the opened port to server '%s': %s", c->place.host,
			bk_error_text(error));
	else
		note(c, 2, "reported port %u", port);
}

static int start_report(struct bk_plain_client *c, struct bk_addr *local)
{
	const struct bk_port_report_opts opts = {
		.local = *local,
		.server = c->servers[c->server_at],
		.id = c->id,
		.is_preserved = c->seen.port == local->port,
	};
	int err = bk_port_report_new(c->loop, &opts, on_report, c, &c->report);

	if (!err)
		*local = bk_port_report_local(c->report);
	return err;
}

static void start_punching(struct bk_plain_client *c)
{
	struct bk_strategy_opts opts = {
		.action = c->todo,
		.local = bk_plain_control_local(c->control),
		.peer = c->peer,
		.budget = c->punch,
	};
	int err = 0;

	randombytes_buf(&opts.seed, sizeof(opts.seed));
	if (c->todo == BK_PLAIN_TRY_AND_REPORT)
		err = start_report(c, &opts.local);
	if (!err)
		err = bk_strategy_new(&opts, bk_loop_now(c->loop), &c->strategy);
	if (!err)
		err = bk_drive_new(c->loop, c->strategy, &bk_strategy_ops, on_strategy, c, &c->drive);
	if (err < 0)
		bk_ending_set(&c->ending, err, "cannot connect to the peer: %s", bk_error_text(err));
}

static void on_peer_info(struct bk_plain_client *c, const struct bk_rdv_msg *m)
{
	char address[BK_ADDR_STR_MAX];
	struct bk_plain_peer peer = {
		.id = m->peer.client_id,
		.nat_type = *m->peer.nat_type ? m->peer.nat_type : "unknown",
		.address = address,
		.action = *m->action ? m->action : NULL,
	};

	if (bk_addr_from_ip(m->peer.public_ip, m->peer.public_port, &c->peer) < 0 || !c->peer.port ||
		c->peer.family != c->servers[c->server_at].family) {
		bk_ending_set(&c->ending, BK_E_NO_PATH, "the peer's address '%s' cannot be reached from here",
			m->peer.public_ip);
		return;
	}
	bk_addr_to_str(&c->peer, address);
	snprintf(c->action, sizeof(c->action), "%s", m->action);
	c->todo = bk_plain_action_from_str(m->action);
	c->since = bk_loop_now(c->loop);
	bk_timer_stop(c->patience);
	set_state(c, STATE_PUNCHING);
	note(c, 1, "peer %s at %s, %s: %s", peer.id, address, peer.nat_type,
		peer.action ? peer.action : "no strategy");
	if (c->events.on_peer)
		c->events.on_peer(c, c->arg, &peer);
	start_punching(c);
}

static void on_peer_port(struct bk_plain_client *c, const struct bk_rdv_msg *m)
{
	if (c->todo != BK_PLAIN_STANDBY || c->has_port || !m->port || !c->drive)
		return;
	c->has_port = true;
	note(c, 2, "the peer opened port %u", m->port);
	bk_strategy_set_port(c->strategy, m->port, bk_loop_now(c->loop));
	bk_drive_poke(c->drive);
}

/* --- the server --- */

static void on_server_hello(struct bk_plain_client *c, const struct bk_rdv_msg *m)
{
	char address[BK_ADDR_STR_MAX];

	if (bk_addr_from_ip(m->public_ip, m->public_port, &c->seen) < 0) {
		bk_ending_set(&c->ending, BK_E_MALFORMED,
			"server '%s' says we are at '%s', which is no address", c->place.host, m->public_ip);
		return;
	}
	set_state(c, STATE_WAITING);
	bk_timer_stop(c->patience);
	if (*c->peer_id)
		bk_timer_start(c->patience, c->wait && c->wait < MATCH_PATIENCE ? c->wait : MATCH_PATIENCE);
	else if (c->wait)
		bk_timer_start(c->patience, c->wait);
	if (c->events.on_registered)
		c->events.on_registered(c, c->arg, c->id, bk_addr_to_str(&c->seen, address), c->nat_type);
}

static void on_refuse(struct bk_plain_client *c, const struct bk_rdv_msg *m)
{
	int error = *m->code ? bk_error_from_name(m->code) : 0;

	if (!error)
		error = strstr(m->content, "in use") ? BK_E_ID_IN_USE : BK_E_REFUSED;
	bk_ending_set(&c->ending, error, "server '%s' refuses '%s': %s", c->place.host, c->id, m->content);
}

static void on_not_found(struct bk_plain_client *c, const struct bk_rdv_msg *m)
{
	if (c->state == STATE_WAITING)
		bk_ending_set(&c->ending, BK_E_NO_SUCH_PEER,
			"nobody waits as '%s' at server '%s'; the other side has to come first",
			*m->peer_id ? m->peer_id : c->peer_id, c->place.host);
	else if (c->todo == BK_PLAIN_STANDBY && !c->has_port)
		bk_ending_set(
			&c->ending, BK_E_PEER_VANISHED, "the peer went away before it told where to connect");
}

/* What is out of place is ignored: other servers may say more than ours. */
static void on_message(void *arg, const struct bk_rdv_msg *m)
{
	struct bk_plain_client *c = arg;

	if (m->type == BK_RDV_SERVER_HELLO && c->state == STATE_GREETING)
		on_server_hello(c, m);
	else if (m->type == BK_RDV_SERVER_REFUSE && c->state <= STATE_WAITING)
		on_refuse(c, m);
	else if (m->type == BK_RDV_PEER_NOT_FOUND && c->state >= STATE_WAITING)
		on_not_found(c, m);
	else if (m->type == BK_RDV_PEER_INFO && c->state == STATE_WAITING)
		on_peer_info(c, m);
	else if (m->type == BK_RDV_PEER_PORT && c->state == STATE_PUNCHING)
		on_peer_port(c, m);
}

static void greet(struct bk_plain_client *c)
{
	struct bk_addr local = bk_plain_control_local(c->control);
	struct bk_rdv_msg m = {.type = BK_RDV_CLIENT_HELLO, .private_port = local.port};
	char ip[BK_ADDR_STR_MAX];

	if (!c->is_connected || !*c->nat_type || c->state != STATE_CONNECTING)
		return;
	snprintf(m.client_id, sizeof(m.client_id), "%s", c->id);
	snprintf(m.peer_id, sizeof(m.peer_id), "%s", c->peer_id);
	snprintf(m.nat_type, sizeof(m.nat_type), "%s", c->nat_type);
	snprintf(m.private_ip, sizeof(m.private_ip), "%.*s", BK_RDV_IP_MAX, bk_addr_ip_to_str(&local, ip));
	set_state(c, STATE_GREETING);
	bk_timer_start(c->patience, ANSWER_PATIENCE);
	(void)bk_plain_control_send(c->control, &m); /* its end tells */
}

static void on_classified(void *arg, const char *nat_type)
{
	struct bk_plain_client *c = arg;

	snprintf(c->nat_type, sizeof(c->nat_type), "%s", nat_type);
	note(c, 1, "our NAT is called: %s", c->nat_type);
	greet(c);
}

static void on_connected(void *arg)
{
	struct bk_plain_client *c = arg;

	c->is_connected = true;
	greet(c);
}

static int connect_to_server(struct bk_plain_client *c);

static void on_control_end(void *arg, int error)
{
	struct bk_plain_client *c = arg;

	switch (c->state) {
	case STATE_CONNECTING:
		if (!c->is_connected && c->server_at + 1 < c->servers_len) {
			c->server_at++;
			error = connect_to_server(c);
			if (!error)
				return;
		}
		bk_ending_set(&c->ending, error == BK_E_EOF ? BK_E_SERVER_GONE : error,
			"cannot reach server '%s:%u': %s", c->place.host, c->place.port,
			bk_error_text(error));
		break;
	case STATE_GREETING:
	case STATE_WAITING:
		bk_ending_set(&c->ending, BK_E_SERVER_GONE,
			"server '%s:%u' ended the connection: %s; does it speak the plain dialect (bodkin "
			"serve --plain)?",
			c->place.host, c->place.port, bk_error_text(error));
		break;
	case STATE_PUNCHING:
		if (c->todo == BK_PLAIN_STANDBY && !c->has_port)
			bk_ending_set(&c->ending, BK_E_SERVER_GONE,
				"server '%s' ended before the peer's port was known", c->place.host);
		break;
	case STATE_OVER:
		break;
	}
}

static const struct bk_plain_control_events control_events = {
	.on_connected = on_connected, .on_message = on_message, .on_end = on_control_end};

static int connect_to_server(struct bk_plain_client *c)
{
	const struct bk_addr *server = &c->servers[c->server_at];
	struct bk_addr local;
	int err = bk_udp_route(server, &local);

	bk_plain_control_free(c->control);
	c->control = NULL;
	if (!err)
		err = bk_plain_control_new(c->loop, &local, server, &control_events, c, &c->control);
	return err;
}

static void on_resolved(void *arg, int err, const struct bk_addr *addrs, size_t len)
{
	struct bk_plain_client *c = arg;

	if (err < 0) {
		bk_ending_set(
			&c->ending, err, "cannot resolve server '%s': %s", c->place.host, bk_error_text(err));
		return;
	}
	c->servers_len = len < BK_RESOLVE_MAX ? len : BK_RESOLVE_MAX;
	memcpy(c->servers, addrs, c->servers_len * sizeof(*addrs));
	do
		err = connect_to_server(c);
	while (err < 0 && c->server_at + 1 < c->servers_len && ++c->server_at);
	if (!err && !*c->nat_type)
		err = bk_plain_classify_new(
			c->loop, &c->servers[c->server_at], on_classified, c, &c->classify);
	if (err < 0)
		bk_ending_set(&c->ending, err, "cannot reach server '%s:%u': %s", c->place.host,
			c->place.port, bk_error_text(err));
}

static void on_patience(void *arg)
{
	struct bk_plain_client *c = arg;

	if (c->state == STATE_WAITING && !*c->peer_id)
		bk_ending_set(&c->ending, BK_E_TIMEOUT, "nobody came to '%s' within the time", c->id);
	else
		bk_ending_set(&c->ending, BK_E_TIMEOUT, "server '%s:%u' does not answer", c->place.host,
			c->place.port);
}

/* --- life --- */

static int copy_id(char out[BK_RDV_ID_MAX + 1], const char *id)
{
	size_t n = id ? strlen(id) : 0;

	if (id && (!n || n > BK_RDV_ID_MAX || !bk_text_is_plain(id)))
		return BK_E_INVALID;
	snprintf(out, BK_RDV_ID_MAX + 1, "%s", id ? id : "");
	return 0;
}

static int read_opts(struct bk_plain_client *c, const struct bk_plain_client_opts *o)
{
	if (!o->server || bk_place_from_str(o->server, strlen(o->server), BK_SERVER_PORT, &c->place) < 0 ||
		copy_id(c->id, o->id) < 0 || copy_id(c->peer_id, o->peer_id) < 0)
		return BK_E_INVALID;
	if (o->nat_type && (!*o->nat_type || strlen(o->nat_type) > BK_RDV_WORD_MAX))
		return BK_E_INVALID;
	if (o->nat_type)
		snprintf(c->nat_type, sizeof(c->nat_type), "%s", o->nat_type);
	if (!*c->id)
		bk_random_name(ID_BYTES, c->id);
	c->wait = o->wait_ns;
	c->punch = o->punch_ns ? o->punch_ns : PUNCH_BUDGET;
	return 0;
}

int bk_plain_client_new(struct bk_loop *loop, const struct bk_plain_client_opts *opts,
	const struct bk_plain_client_events *events, void *arg, struct bk_plain_client **ret_client)
{
	struct bk_plain_client *c = sodium_init() < 0 ? NULL : calloc(1, sizeof(*c));
	struct bk_plain_client_opts o;
	int err;

	if (!c)
		return BK_E_NOMEM;
	*c = (struct bk_plain_client){.loop = loop, .arg = arg, .fd = -1};
	bk_ending_init(&c->ending, loop, tell_end, c);
	c->ending.at_once = on_ended;
	err = bk_opts_read(&o, opts, punch_ns);
	if (!err)
		err = bk_opts_read(&c->events, events, on_end);
	if (!err)
		err = c->events.on_end ? read_opts(c, &o) : BK_E_INVALID;
	if (!err)
		err = bk_timer_new(loop, on_patience, c, &c->patience);
	if (!err)
		err = bk_resolve_new(loop, c->place.host, c->place.port, on_resolved, c, &c->resolve);
	if (err < 0) {
		bk_plain_client_free(c);
		return err;
	}
	*ret_client = c;
	return 0;
}

void bk_plain_client_free(struct bk_plain_client *c)
{
	if (!c)
		return;
	bk_resolve_free(c->resolve);
	bk_drive_free(c->drive);
	bk_strategy_free(c->strategy);
	bk_port_report_free(c->report);
	bk_plain_classify_free(c->classify);
	bk_plain_control_free(c->control);
	bk_timer_free(c->patience);
	bk_ending_done(&c->ending);
	if (c->fd >= 0)
		bk_sock_abort(c->fd);
	free(c);
}

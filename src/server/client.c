/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a control connection: hello within its deadline, then requests at a bounded rate, then silence
 * or an end. What its messages mean is its dialect's business. What hostile bytes do here is end their own
 * connection, with a name for it.
 *
 * Nobody is freed under its own feet: whoever must go is doomed, and the reaper frees it at the end of the
 * turn. In between it can no longer be found: at the moment of dooming its number dies, its id is free, and
 * its dialect takes it from every list that others search. What it owes to others (they are told that it
 * left) is settled by the reaper, because that sends. */
#include "server/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/log.h"
#include "net/sock.h"
#include "server/config.h"
#include "server/crowd.h"
#include "server/dialect.h"
#include "server/limits.h"
#include "service/service.h"

enum { PATIENCE_MS = 30000 };

/* There is no way back. */
static void set_state(struct bk_client *c, enum bk_client_state state)
{
	bk_assert(state > c->state);
	bk_guest_set_keeper(c->from.guest, NULL, NULL);
	if (state == BK_CLIENT_READY)
		++*c->server->clients->here;
	if (c->state == BK_CLIENT_READY)
		--*c->server->clients->here;
	c->state = state;
}

/* What was said to it so far may still leave; it is not listened to any more. */
static void silence(struct bk_client *c)
{
	if (!c->conn)
		return;
	bk_conn_flush(c->conn);
	bk_conn_pause(c->conn);
}

/* A handshake that leads to nothing costs its address more than the next one. */
static void charge_failure(const struct bk_client *c, int error)
{
	const struct bk_server *s = c->server;

	if (c->state == BK_CLIENT_GREETING && c->dialect->is_secured && error != BK_E_SHUTDOWN)
		bk_crowd_borrow(s->crowd, c->from.guest->circle, BK_RATION_ARRIVALS, BK_LIMIT_ARRIVAL_FAILED,
			bk_loop_now(s->loop));
}

/* From here on nobody finds it any more. */
static void leave_lists(struct bk_client *c)
{
	if (c->dialect->forget)
		c->dialect->forget(c);
	bk_client_forget_id(c);
	bk_map_take(c->server->clients->by_who, &c->who, sizeof(c->who));
}

void bk_client_doom(struct bk_client *c, int error, const char *detail)
{
	struct bk_clients *cs = c->server->clients;

	if (c->state == BK_CLIENT_DOOMED)
		return;
	if (c->state != BK_CLIENT_LEAVING)
		bk_arrival_log(c->server, &c->from, error, detail);
	charge_failure(c, error);
	leave_lists(c);
	set_state(c, BK_CLIENT_DOOMED);
	c->error = error;
	silence(c);
	bk_list_remove(&c->link);
	bk_list_append(&cs->doomed, &c->link);
	bk_turn_ask(&cs->reaper);
}

void bk_client_finish(struct bk_client *c, int error, const char *detail)
{
	if (c->state >= BK_CLIENT_LEAVING)
		return;
	bk_arrival_log(c->server, &c->from, error, detail);
	charge_failure(c, error);
	leave_lists(c);
	set_state(c, BK_CLIENT_LEAVING);
	bk_conn_close_at(c->conn, error, bk_loop_now(c->server->loop) + BK_LIMIT_FLUSH);
}

/* --- finding --- */

struct bk_client *bk_client_find(const struct bk_server *s, uint64_t who)
{
	struct bk_client *c = bk_map_get(s->clients->by_who, &who, sizeof(who));

	bk_assert(!c || c->state < BK_CLIENT_LEAVING);
	return c;
}

struct bk_client *bk_client_find_id(const struct bk_server *s, const char *id)
{
	struct bk_client *c = bk_map_get(s->clients->by_id, id, strlen(id));

	bk_assert(!c || c->state < BK_CLIENT_LEAVING);
	return c;
}

int bk_client_take_id(struct bk_client *c, const char *id)
{
	int err;

	bk_assert(!*c->id);
	err = *id ? bk_map_put(c->server->clients->by_id, id, strlen(id), c) : BK_E_INVALID;

	if (!err)
		snprintf(c->id, sizeof(c->id), "%s", id);
	return err == BK_E_EXISTS ? BK_E_ID_IN_USE : err;
}

void bk_client_forget_id(struct bk_client *c)
{
	if (*c->id)
		bk_map_take(c->server->clients->by_id, c->id, strlen(c->id));
	c->id[0] = 0;
}

/* --- speaking --- */

size_t bk_client_waiting(const struct bk_client *c)
{
	return bk_conn_waiting(c->conn);
}

static void on_sent(struct bk_client *c, int err)
{
	if (err < 0)
		bk_client_doom(c, err == BK_E_AGAIN ? BK_E_TOO_SLOW : err, NULL);
	else if (bk_client_waiting(c) > BK_LIMIT_OUT_READY)
		bk_conn_want_room(c->conn);
}

static void send_framed(struct bk_client *c, const void *data, size_t n)
{
	if (c->state < BK_CLIENT_LEAVING)
		on_sent(c, bk_conn_send_framed(c->conn, data, n));
}

void bk_client_send_shared(struct bk_client *c, struct bk_chunk *framed)
{
	if (c->state < BK_CLIENT_LEAVING)
		on_sent(c, bk_conn_send_shared(c->conn, framed));
}

void bk_client_send(struct bk_client *c, const struct bk_rdv_msg *m)
{
	struct bk_buf framed;
	int err;

	if (c->state >= BK_CLIENT_LEAVING)
		return;
	bk_buf_init(&framed, BK_RDV_MESSAGE_MAX + sizeof(uint32_t));
	err = bk_rdv_append(&framed, m);
	if (err < 0)
		bk_client_doom(c, err, NULL);
	else
		send_framed(c, bk_buf_head(&framed), framed.len);
	bk_buf_done(&framed);
}

void bk_client_send_error(struct bk_client *c, int error, bk_dur wait)
{
	struct bk_rdv_msg m = {
		.type = BK_RDV_SERVER_ERROR, .wait_ms = (uint32_t)((wait + BK_MS - 1) / BK_MS)};

	snprintf(m.code, sizeof(m.code), "%s", bk_error_name(error));
	snprintf(m.content, sizeof(m.content), "%s", bk_error_text(error));
	bk_client_send(c, &m);
}

void bk_client_set_patience(struct bk_client *c, bk_dur patience)
{
	if (c->state >= BK_CLIENT_LEAVING)
		return;
	c->patience = patience;
	bk_conn_set_deadline(c->conn, bk_loop_now(c->server->loop) + patience, BK_E_IDLE);
}

void bk_client_settle(struct bk_client *c, bk_dur patience)
{
	set_state(c, BK_CLIENT_READY);
	bk_conn_set_message_max(c->conn, BK_RDV_MESSAGE_MAX);
	bk_conn_set_audience(c->conn, c->dialect->is_secured);
	bk_client_set_patience(c, patience);
}

/* --- listening --- */

static void dispatch(struct bk_client *c, struct bk_rdv_msg *m)
{
	if (m->type == BK_RDV_UNKNOWN && c->state == BK_CLIENT_READY)
		++*c->server->clients->dropped;
	else
		c->dialect->on_message(c, m);
}

static void on_message(struct bk_conn *conn, void *arg, const struct bk_message *message)
{
	struct bk_client *c = bk_conn_get_data(conn);
	bk_time now = bk_loop_now(c->server->loop);
	struct bk_rdv_msg m;
	int err;

	(void)arg;
	if (c->state >= BK_CLIENT_LEAVING)
		return;
	++*c->server->clients->messages;
	if (c->state == BK_CLIENT_READY)
		bk_client_set_patience(c, c->patience);
	if (!bk_rate_take(&c->messages, 1, now)) {
		bk_client_doom(c, BK_E_RATE_LIMITED, NULL);
		return;
	}
	err = bk_rdv_decode(message->content, message->content_len, &m);
	if (err < 0) {
		bk_client_doom(c, err, NULL);
		return;
	}
	dispatch(c, &m);
	bk_rdv_done(&m);
}

static void on_writable(struct bk_conn *conn, void *arg)
{
	struct bk_client *c = bk_conn_get_data(conn);

	(void)arg;
	if (c->state == BK_CLIENT_READY && c->dialect->on_room)
		c->dialect->on_room(c);
}

static void on_left(struct bk_conn *conn, void *arg, int error, const char *text)
{
	struct bk_client *c = bk_conn_get_data(conn);

	(void)arg;
	c->conn = NULL;
	bk_client_doom(c, error, error == BK_E_TLS ? text : NULL);
}

/* --- coming and going --- */

static int open_conn(struct bk_client *c)
{
	struct bk_server *s = c->server;
	const struct bk_conn_opts opts = {
		.service = s->clients->service,
		.identity = c->dialect->is_secured ? s->identity : NULL,
		.alpn = BK_RDV_ALPN,
	};
	int err = bk_conn_new(s->loop, c->from.fd, &opts, &c->conn);

	if (err < 0)
		return err;
	bk_conn_set_data(c->conn, c);
	bk_conn_set_audience(c->conn, false);
	bk_conn_set_message_max(c->conn, BK_RDV_HELLO_MAX);
	bk_conn_set_deadline(c->conn, c->from.since + s->config.hello_timeout, BK_E_TIMEOUT);
	return 0;
}

static void send_away(void *arg)
{
	bk_client_doom(arg, BK_E_FULL, "too many connections have not said who they are");
}

int bk_client_new(struct bk_server *s, const struct bk_arrival *from, const struct bk_dialect *dialect,
	void *own, struct bk_client **ret_client)
{
	struct bk_client *c = calloc(1, sizeof(*c));
	double rate = s->config.messages_per_second;
	int err;

	if (!c)
		return BK_E_NOMEM;
	c->server = s;
	c->from = *from;
	c->dialect = dialect;
	c->own = own;
	bk_rate_init(&c->messages, rate, rate * BK_LIMIT_MESSAGES_BURST_FACTOR, bk_loop_now(s->loop));
	c->who = ++s->clients->last_who;
	err = bk_map_put(s->clients->by_who, &c->who, sizeof(c->who), c);
	if (!err)
		err = open_conn(c);
	if (err < 0) {
		bk_map_take(s->clients->by_who, &c->who, sizeof(c->who));
		free(c);
		return err;
	}
	bk_sock_tune_stream(c->from.fd, PATIENCE_MS);
	c->from.fd = -1;
	bk_list_append(&s->clients->all, &c->link);
	bk_guest_set_keeper(from->guest, send_away, c);
	if (ret_client)
		*ret_client = c;
	return 0;
}

static void free_client(struct bk_client *c)
{
	bk_assert(c->state == BK_CLIENT_DOOMED && !*c->id && !c->probes && !c->is_reaching);
	if (c->dialect->done)
		c->dialect->done(c);
	bk_arrival_done(c->server, &c->from);
	bk_list_remove(&c->link);
	bk_conn_free(c->conn);
	free(c);
}

/* Who is doomed by the last words of another (he did not take them) has asked for a turn of his own. */
static void reap(void *arg)
{
	struct bk_clients *cs = arg;

	bk_list_each(it, tmp, &cs->doomed) free_client(bk_container_of(it, struct bk_client, link));
}

/* --- all of them --- */

static void end_all(struct bk_server *s)
{
	if (!s->clients)
		return;
	bk_list_each(it, tmp, &s->clients->all)
		bk_client_doom(bk_container_of(it, struct bk_client, link), BK_E_SHUTDOWN, NULL);
	reap(s->clients);
}

static void on_stopped(struct bk_service *service, void *arg)
{
	struct bk_server *s = arg;

	(void)service;
	end_all(s);
	s->clients->on_stopped(s);
}

static int open_service(struct bk_server *s, struct bk_service **ret_service)
{
	static const struct bk_message_events events = {.on_message = on_message,
		.on_writable = on_writable,
		.on_left = on_left,
		.on_stopped = on_stopped};
	const struct bk_message_opts opts = {
		.framing = BK_FRAMING_LENGTH,
		.message_max = BK_RDV_MESSAGE_MAX,
		.queue_max = BK_LIMIT_OUT_BYTES,
		.header_timeout_ns = -1, /* a client's own deadlines are stricter */
		.write_timeout_ns = -1,
	};
	int err = bk_service_new_bare(s->loop, &opts, &events, s, ret_service);

	if (!err)
		(*ret_service)->profile.room = BK_LIMIT_OUT_READY;
	return err;
}

static void count(struct bk_clients *cs, struct bk_counters *counters)
{
	cs->here = bk_counters_register(counters, "clients");
	cs->refused = bk_counters_register(counters, "refused");
	cs->messages = bk_counters_register(counters, "messages");
	cs->dropped = bk_counters_register(counters, "dropped");
}

int bk_clients_open(struct bk_server *s, void (*on_drained)(struct bk_server *s))
{
	struct bk_clients *cs = s->clients = calloc(1, sizeof(*cs));
	uint64_t seed;

	if (!cs)
		return BK_E_NOMEM;
	randombytes_buf(&seed, sizeof(seed));
	bk_list_init(&cs->all);
	bk_list_init(&cs->doomed);
	bk_turn_init(&cs->reaper, s->loop, reap, cs);
	count(cs, &s->counters);
	cs->on_stopped = on_drained;
	cs->by_who = bk_map_new(bk_server_config_connections(&s->config), seed);
	cs->by_id = bk_map_new(s->config.clients_max, seed);
	return cs->by_who && cs->by_id ? open_service(s, &cs->service) : BK_E_NOMEM;
}

static void say_stop(struct bk_clients *cs)
{
	const struct bk_rdv_msg m = {.type = BK_RDV_SERVER_STOP, .content = "the server is shutting down"};
	struct bk_buf framed;

	bk_buf_init(&framed, BK_RDV_MESSAGE_MAX);
	if (bk_rdv_append(&framed, &m) >= 0)
		bk_service_broadcast_framed(cs->service, bk_buf_head(&framed), framed.len);
	bk_buf_done(&framed);
}

void bk_clients_stop(struct bk_server *s)
{
	say_stop(s->clients);
	bk_list_each(it, tmp, &s->clients->all)
	{
		struct bk_client *c = bk_container_of(it, struct bk_client, link);

		if (c->state == BK_CLIENT_GREETING)
			bk_client_doom(c, BK_E_SHUTDOWN, NULL);
		else
			bk_client_finish(c, BK_E_SHUTDOWN, NULL);
	}
	bk_service_stop(s->clients->service, BK_LIMIT_FLUSH);
}

void bk_clients_free(struct bk_server *s)
{
	struct bk_clients *cs = s->clients;

	if (!cs)
		return;
	end_all(s);
	bk_turn_done(&cs->reaper);
	bk_service_free(cs->service);
	bk_map_free(cs->by_who);
	bk_map_free(cs->by_id);
	free(cs);
	s->clients = NULL;
}

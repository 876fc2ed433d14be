/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a control connection: hello within its deadline, then requests at a bounded rate, then silence
 * or an end. The first message must be a hello. What hostile bytes do here is end their own connection, with
 * a name for it. Nobody is freed under its own feet: whoever must go is doomed, and the reaper frees it from
 * the loop. */
#include "server/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/error.h"
#include "base/log.h"
#include "net/sock.h"
#include "server/limits.h"
#include "server/plain.h"
#include "server/probe.h"
#include "server/reach.h"
#include "server/registry.h"
#include "server/request.h"
#include "service/service.h"

enum { VERSION = 1, PATIENCE_MS = 30000 };

static void set_state(struct bk_client *c, enum bk_client_state state)
{
	if (c->state == BK_CLIENT_GREETING && state != BK_CLIENT_GREETING)
		c->server->strangers--;
	if (state == BK_CLIENT_READY)
		c->server->stats.clients++;
	if (c->state == BK_CLIENT_READY && state != BK_CLIENT_READY)
		c->server->stats.clients--;
	c->state = state;
}

/* What was said to it so far may still leave; it is not listened to any more. */
static void silence(struct bk_client *c)
{
	if (!c->conn)
		return;
	bk_msgconn_flush(c->conn);
	bk_conn_pause(c->conn);
}

/* From here on nobody finds it any more: it is in no list that others search. What it still owes to others (its
 * nameplates) is settled by the reaper, because that sends. */
static void leave_lists(struct bk_client *c)
{
	bk_registry_remove(c->server->registry, c->id, c);
	bk_plain_leave(c->plain);
	bk_probes_forget(c->server->probes, c);
	bk_reaches_forget(c->server->reaches, c);
}

void bk_client_doom(struct bk_client *c, int error, const char *detail)
{
	if (c->state == BK_CLIENT_DOOMED)
		return;
	if (c->state != BK_CLIENT_LEAVING)
		bk_arrival_log(c->server, &c->from, error, detail);
	set_state(c, BK_CLIENT_DOOMED);
	c->error = error;
	leave_lists(c);
	silence(c);
	bk_list_remove(&c->link);
	bk_list_append(&c->server->doomed, &c->link);
	bk_server_reap_soon(c->server);
}

void bk_client_finish(struct bk_client *c, int error, const char *detail)
{
	if (c->state >= BK_CLIENT_LEAVING)
		return;
	bk_arrival_log(c->server, &c->from, error, detail);
	set_state(c, BK_CLIENT_LEAVING);
	leave_lists(c);
	bk_msgconn_close(c->conn, error, bk_loop_now(c->server->loop) + BK_LIMIT_FLUSH);
}

size_t bk_client_waiting(const struct bk_client *c)
{
	return bk_msgconn_waiting(c->conn);
}

static int send_to(struct bk_conn *conn, const struct bk_rdv_msg *m)
{
	struct bk_buf framed;
	int err;

	bk_buf_init(&framed, BK_RDV_MESSAGE_MAX + sizeof(uint32_t));
	err = bk_rdv_append(&framed, m);
	if (err >= 0)
		err = bk_msgconn_send_framed(conn, bk_buf_head(&framed), framed.len);
	bk_buf_done(&framed);
	return err == BK_E_AGAIN ? BK_E_TOO_SLOW : err;
}

void bk_client_send(struct bk_client *c, const struct bk_rdv_msg *m)
{
	int err;

	if (c->state >= BK_CLIENT_LEAVING)
		return;
	err = send_to(c->conn, m);
	if (err < 0)
		bk_client_doom(c, err, NULL);
	else if (bk_client_waiting(c) > BK_LIMIT_OUT_READY)
		bk_msgconn_want_room(c->conn);
}

void bk_client_send_error(struct bk_client *c, int error)
{
	struct bk_rdv_msg m = {.type = BK_RDV_SERVER_ERROR};

	snprintf(m.code, sizeof(m.code), "%s", bk_error_name(error));
	snprintf(m.content, sizeof(m.content), "%s", bk_error_text(error));
	bk_client_send(c, &m);
}

void bk_client_refuse(struct bk_client *c, const char *id, int error)
{
	struct bk_rdv_msg m = {.type = BK_RDV_SERVER_REFUSE};

	snprintf(m.client_id, sizeof(m.client_id), "%s", id);
	snprintf(m.content, sizeof(m.content), "%s", bk_error_text(error));
	if (!c->plain)
		snprintf(m.code, sizeof(m.code), "%s", bk_error_name(error));
	c->server->stats.refused++;
	bk_client_send(c, &m);
	bk_client_finish(c, error, NULL);
}

void bk_client_set_patience(struct bk_client *c, bk_dur patience)
{
	if (c->state >= BK_CLIENT_LEAVING)
		return;
	c->patience = patience;
	bk_msgconn_set_deadline(c->conn, bk_loop_now(c->server->loop) + patience, BK_E_IDLE);
}

void bk_client_forget_id(struct bk_client *c)
{
	if (*c->id)
		bk_registry_remove(c->server->registry, c->id, c);
	c->id[0] = 0;
}

void bk_client_welcome(struct bk_client *c, const char *id)
{
	struct bk_server *s = c->server;
	struct bk_rdv_msg m = {.type = BK_RDV_SERVER_HELLO, .public_port = c->from.peer.port};
	char ip[BK_ADDR_STR_MAX];

	snprintf(c->id, sizeof(c->id), "%s", id);
	snprintf(m.client_id, sizeof(m.client_id), "%s", id);
	snprintf(m.public_ip, sizeof(m.public_ip), "%.*s", BK_RDV_IP_MAX,
		bk_addr_ip_to_str(&c->from.peer, ip));
	if (!c->plain) {
		m.version = VERSION;
		m.ping_ms = (uint32_t)(s->config.ping_interval / BK_MS);
		m.alt_port = c->from.local.port == s->port ? s->alt_port : s->port;
		if (s->config.alt.family)
			snprintf(m.alt_ip, sizeof(m.alt_ip), "%.*s", BK_RDV_IP_MAX,
				bk_addr_ip_to_str(&s->config.alt, ip));
		m.time = bk_loop_now(s->loop);
	}
	set_state(c, BK_CLIENT_READY);
	bk_msgconn_set_message_max(c->conn, BK_RDV_MESSAGE_MAX);
	bk_conn_set_audience(c->conn, !c->plain);
	bk_client_set_patience(c, c->plain ? BK_LIMIT_PLAIN_WAIT : 2 * s->config.ping_interval);
	bk_client_send(c, &m);
}

static bool is_authorized(const struct bk_server *s, const char *token)
{
	uint8_t hash[sizeof(s->config.token_hash)];

	if (!s->config.has_token)
		return true;
	crypto_generichash(hash, sizeof(hash), (const uint8_t *)token, strlen(token), NULL, 0);
	return sodium_memcmp(hash, s->config.token_hash, sizeof(hash)) == 0;
}

static void on_hello(struct bk_client *c, const struct bk_rdv_msg *m)
{
	struct bk_server *s = c->server;
	int err = 0;

	if (!c->plain && m->version != VERSION)
		err = BK_E_VERSION;
	else if (!is_authorized(s, m->token))
		err = BK_E_UNAUTHORIZED;
	else
		err = bk_registry_add(s->registry, m->client_id, c);
	if (err < 0) {
		bk_client_refuse(c, m->client_id, err);
		return;
	}
	bk_client_welcome(c, m->client_id);
	if (c->plain && c->state == BK_CLIENT_READY)
		bk_plain_on_hello(c, m);
}

static void dispatch(struct bk_client *c, struct bk_rdv_msg *m)
{
	if (c->state == BK_CLIENT_GREETING) {
		if (m->type == BK_RDV_CLIENT_HELLO)
			on_hello(c, m);
		else if (c->plain && m->type == BK_RDV_PEER_PORT)
			bk_plain_on_port(c, m);
		else
			bk_client_doom(c, BK_E_PROTOCOL, "the first message is not a hello");
	} else if (c->plain) {
		bk_plain_on_message(c, m);
	} else {
		bk_request_handle(c, m);
	}
}

static void on_message(void *arg, struct bk_conn *conn, const struct bk_message *message)
{
	struct bk_client *c = bk_conn_get_data(conn);
	bk_time now = bk_loop_now(c->server->loop);
	struct bk_rdv_msg m;
	int err;

	(void)arg;
	if (c->state >= BK_CLIENT_LEAVING)
		return;
	c->server->stats.messages++;
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

static void on_writable(void *arg, struct bk_conn *conn)
{
	struct bk_client *c = bk_conn_get_data(conn);

	(void)arg;
	if (c->state == BK_CLIENT_READY)
		bk_request_deliver(c);
}

static void on_left(void *arg, struct bk_conn *conn, int error, const char *text)
{
	struct bk_client *c = bk_conn_get_data(conn);

	(void)arg;
	c->conn = NULL;
	bk_client_doom(c, error, error == BK_E_TLS ? text : NULL);
}

static void on_stopped(void *arg)
{
	bk_server_on_stopped(arg);
}

int bk_clients_open(struct bk_server *s)
{
	static const struct bk_message_events events = {NULL, on_message, on_writable, on_left, on_stopped};
	const struct bk_message_opts opts = {
		.framing = BK_FRAMED_LENGTH,
		.message_max = BK_RDV_MESSAGE_MAX,
		.queue_max = BK_LIMIT_OUT_BYTES,
		.header_timeout_ns = -1, /* a client's own deadlines are stricter */
		.write_timeout_ns = -1,
	};
	int err = bk_msgservice_new(s->loop, &opts, &events, s, &s->service);

	if (err == 0)
		s->service->profile.room = BK_LIMIT_OUT_READY;
	return err;
}

static int open_conn(struct bk_client *c)
{
	struct bk_server *s = c->server;
	const struct bk_msgconn_opts opts = {
		.service = s->service,
		.identity = c->plain ? NULL : s->identity,
		.alpn = "bodkin/1",
	};
	int err = bk_msgconn_new(s->loop, c->from.fd, &opts, &c->conn);

	if (err < 0)
		return err;
	bk_conn_set_data(c->conn, c);
	bk_conn_set_audience(c->conn, false);
	bk_msgconn_set_message_max(c->conn, BK_RDV_HELLO_MAX);
	bk_msgconn_set_deadline(c->conn, c->from.since + s->config.hello_timeout, BK_E_TIMEOUT);
	return 0;
}

/* The arrival stays as it is where the client never came to be. */
static void free_client(struct bk_client *c)
{
	bk_client_forget_id(c);
	bk_list_remove(&c->link);
	bk_plain_free(c->plain);
	bk_conn_free(c->conn);
	free(c);
}

int bk_client_new(struct bk_server *s, const struct bk_arrival *from, bool plain)
{
	struct bk_client *c = calloc(1, sizeof(*c));
	bk_time now = bk_loop_now(s->loop);
	double rate = s->config.messages_per_second;
	int err = 0;

	if (!c)
		return BK_E_NOMEM;
	c->server = s;
	c->from = *from;
	bk_list_init(&c->link);
	bk_nameplate_holder_init(&c->holder);
	bk_rate_init(&c->messages, rate, rate * BK_LIMIT_MESSAGES_BURST_FACTOR, now);
	if (plain)
		err = bk_plain_new(&c->plain);
	if (err == 0)
		err = open_conn(c);
	if (err < 0) {
		free_client(c);
		return err;
	}
	bk_sock_tune_stream(c->from.fd, PATIENCE_MS);
	c->from.fd = -1;
	bk_list_append(&s->clients, &c->link);
	s->strangers++;
	return 0;
}

void bk_clients_reap(struct bk_server *s)
{
	while (!bk_list_empty(&s->doomed)) {
		struct bk_client *c = bk_container_of(s->doomed.next, struct bk_client, link);

		bk_client_forget_id(c);
		bk_request_withdraw(c);
		bk_arrival_done(s, &c->from);
		free_client(c);
	}
}

void bk_clients_free(struct bk_server *s)
{
	bk_list_each(it, tmp, &s->clients)
		bk_client_doom(bk_container_of(it, struct bk_client, link), BK_E_SHUTDOWN, NULL);
	bk_clients_reap(s);
}

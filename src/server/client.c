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

void bk_client_doom(struct bk_client *c, int error, const char *detail)
{
	if (c->state == BK_CLIENT_DOOMED)
		return;
	if (c->state != BK_CLIENT_LEAVING)
		bk_arrival_log(c->server, &c->from, error, detail);
	set_state(c, BK_CLIENT_DOOMED);
	bk_registry_remove(c->server->registry, c->id, c);
	bk_timer_stop(c->timer);
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
	bk_timer_start(c->timer, BK_LIMIT_FLUSH);
	bk_outlet_finish(c->outlet);
}

void bk_client_send(struct bk_client *c, const struct bk_rdv_msg *m)
{
	int err;

	if (c->state >= BK_CLIENT_LEAVING)
		return;
	err = bk_outlet_send(c->outlet, m);
	if (err < 0)
		bk_client_doom(c, err, NULL);
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
	c->heard = bk_loop_now(c->server->loop);
	c->patience = patience;
	bk_timer_start(c->timer, patience);
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
	bk_outlet_set_message_max(c->outlet, BK_RDV_MESSAGE_MAX);
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

static int on_message(void *arg, const void *json, size_t len)
{
	struct bk_client *c = arg;
	bk_time now = bk_loop_now(c->server->loop);
	struct bk_rdv_msg m;
	int err;

	if (c->state >= BK_CLIENT_LEAVING)
		return BK_E_CANCELLED;
	c->server->stats.messages++;
	c->heard = now;
	if (!bk_rate_take(&c->messages, 1, now)) {
		bk_client_doom(c, BK_E_RATE_LIMITED, NULL);
		return BK_E_CANCELLED;
	}
	err = bk_rdv_decode(json, len, &m);
	if (err < 0) {
		bk_client_doom(c, err, NULL);
		return BK_E_CANCELLED;
	}
	dispatch(c, &m);
	bk_rdv_done(&m);
	return c->state >= BK_CLIENT_LEAVING ? BK_E_CANCELLED : 0;
}

static void on_drained(void *arg)
{
	struct bk_client *c = arg;

	if (c->state == BK_CLIENT_READY)
		bk_request_deliver(c);
}

static void on_end(void *arg, int error, const char *detail)
{
	bk_client_doom(arg, error, detail);
}

static void on_silence(struct bk_client *c)
{
	bk_time until = bk_time_add(c->heard, c->patience), now = bk_loop_now(c->server->loop);

	if (now < until)
		bk_timer_start(c->timer, until - now);
	else
		bk_client_doom(c, BK_E_IDLE, NULL);
}

static void on_timer(void *arg)
{
	struct bk_client *c = arg;

	if (c->state == BK_CLIENT_READY)
		on_silence(c);
	else
		bk_client_doom(c, BK_E_TIMEOUT, NULL);
}

static int open_outlet(struct bk_client *c)
{
	static const struct bk_outlet_events events = {on_message, on_drained, on_end};
	struct bk_server *s = c->server;
	struct bk_outlet_opts opts = {
		.identity = c->plain ? NULL : s->identity,
		.scratch = s->scratch,
		.scratch_len = sizeof(s->scratch),
		.out_max = BK_LIMIT_OUT_BYTES,
		.message_max = BK_RDV_HELLO_MAX,
	};

	return bk_outlet_new(s->loop, c->from.fd, &opts, &events, c, &c->outlet);
}

/* The arrival stays as it is where the client never came to be. */
static void free_client(struct bk_client *c)
{
	bk_client_forget_id(c);
	bk_list_remove(&c->link);
	bk_plain_free(c->plain);
	bk_outlet_free(c->outlet);
	bk_timer_free(c->timer);
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
		err = bk_timer_new(s->loop, on_timer, c, &c->timer);
	if (err == 0)
		err = open_outlet(c);
	if (err < 0) {
		free_client(c);
		return err;
	}
	bk_sock_tune_stream(c->from.fd, PATIENCE_MS);
	c->from.fd = -1;
	bk_timer_start(c->timer, from->since + s->config.hello_timeout - now);
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
		bk_probes_forget(s->probes, c);
		bk_reaches_forget(s->reaches, c);
		bk_arrival_done(s, &c->from);
		free_client(c);
		bk_server_on_client_gone(s);
	}
}

void bk_clients_free(struct bk_server *s)
{
	bk_list_each(it, tmp, &s->clients)
		bk_client_doom(bk_container_of(it, struct bk_client, link), BK_E_SHUTDOWN, NULL);
	bk_clients_reap(s);
}

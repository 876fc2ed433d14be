/* SPDX-License-Identifier: Apache-2.0 */
/* Hello messages over a connection that the plain dialect made, with a peer of any implementation. */
#include <bodkin/plain.h>
#include <bodkin/service.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "apps/ping_way.h"
#include "base/error.h"
#include "call/call.h"
#include "net/turn.h"
#include "wire/hello.h"

struct way {
	struct bk_loop *loop;
	struct bk_plain_client_opts opts; /* strings are the caller's */
	const struct bk_call_news *news;
	void *arg;
	const struct bk_ping_way_events *events;
	void *owner;
	struct bk_plain_client *client;
	struct bk_conn *conn;
	struct bk_turn closer; /* an end while there is no connection yet, from the loop */
	int64_t since;
	bool has_code, has_peer;
};

static void end(struct way *w, int error, const char *text)
{
	const struct bk_call_failure failure = {
		.error = error,
		.text = text,
		.who = error == BK_E_CANCELLED ? BK_CALL_WHO_HERE
		       : w->has_peer           ? BK_CALL_WHO_BETWEEN
					       : BK_CALL_WHO_SERVER,
		.has_code = w->has_code,
		.has_peer = w->has_peer,
	};

	w->events->on_end(w->owner, &failure);
}

/* --- the connection --- */

static void on_message(struct bk_conn *c, void *arg, const struct bk_message *m)
{
	struct way *w = arg;

	(void)c;
	w->events->on_message(w->owner, m->content, m->content_len);
}

static void on_left(struct bk_conn *c, void *arg, int error, const char *text)
{
	struct way *w = arg;
	char sentence[BK_PING_TEXT_MAX];

	(void)c;
	w->conn = NULL;
	snprintf(sentence, sizeof(sentence), "the connection to the other side ended: %s", text);
	end(w, error == BK_E_EOF ? 0 : error, sentence);
}

static int adopt(struct way *w, const struct bk_plain_link *link)
{
	static const struct bk_message_events events = {.on_message = on_message, .on_left = on_left};
	const struct bk_message_opts opts = {
		.framing = BK_FRAMING_LENGTH, .message_max = BK_HELLO_MESSAGE_MAX};
	int err = bk_conn_adopt(w->loop, link->fd, &opts, &events, w, &w->conn);

	if (err < 0)
		close(link->fd);
	return err;
}

/* --- the dialect --- */

static void on_registered(struct bk_plain_client *client, void *arg, const char *id,
	const char *public_address, const char *nat_type)
{
	struct way *w = arg;

	(void)client;
	(void)public_address;
	(void)nat_type;
	if (w->opts.peer_id)
		return;
	w->has_code = true;
	w->news->on_code(NULL, w->arg, id);
}

static void on_peer(struct bk_plain_client *client, void *arg, const struct bk_plain_peer *peer)
{
	struct way *w = arg;
	char id[BK_CALL_NAME_MAX], nat[BK_CALL_NAME_MAX];
	const struct bk_peer p = {.id = bk_call_harmless(id, sizeof(id), peer->id),
		.name = id,
		.nat = bk_call_harmless(nat, sizeof(nat), peer->nat_type)};

	(void)client;
	w->has_peer = true;
	w->news->on_peer(NULL, w->arg, &p);
}

static void on_note(struct bk_plain_client *client, void *arg, int verbosity, const char *text)
{
	struct way *w = arg;

	(void)client;
	w->news->on_note(NULL, w->arg, verbosity, text);
}

static void tell_path(struct way *w, const struct bk_plain_link *link, const char *text)
{
	const struct bk_path path = {
		.kind = BK_PATH_KIND_DIRECT,
		.transport = BK_TRANSPORT_TCP,
		.technique = "punch",
		.local = link->local,
		.remote = link->remote,
		.elapsed_ms = link->elapsed_ms,
		.total_ms = (double)(bk_loop_now(w->loop) - w->since) / 1e6,
		.text = text,
		.chance = -1,
	};

	w->news->on_path(NULL, w->arg, &path);
}

static void on_end(struct bk_plain_client *client, void *arg, const struct bk_plain_link *link, int error,
	const char *text)
{
	struct way *w = arg;
	int err;

	(void)client;
	if (!link) {
		end(w, error, text);
		return;
	}
	tell_path(w, link, text);
	err = adopt(w, link);
	if (err < 0) {
		end(w, err, bk_error_text(err));
		return;
	}
	w->events->on_open(w->owner, link->is_connector);
	/* The server has done its part. */
	bk_plain_client_free(w->client);
	w->client = NULL;
}

static const struct bk_plain_client_events client_events = {
	.on_registered = on_registered, .on_peer = on_peer, .on_note = on_note, .on_end = on_end};

/* --- the way --- */

static int start(void *way)
{
	struct way *w = way;

	w->since = bk_loop_now(w->loop);
	return bk_plain_client_new(w->loop, &w->opts, &client_events, w, &w->client);
}

static int send_json(void *way, const void *json, size_t n)
{
	const struct bk_message m = {.content = json, .content_len = n};
	struct way *w = way;

	return w->conn ? bk_conn_send(w->conn, &m) : BK_E_EOF;
}

static void on_closer(void *arg)
{
	struct way *w = arg;

	end(w, BK_E_CANCELLED, bk_error_text(BK_E_CANCELLED));
}

static void close_way(void *way, int error)
{
	struct way *w = way;

	(void)error;
	if (w->conn) {
		bk_conn_close(w->conn);
		return;
	}
	bk_plain_client_free(w->client);
	w->client = NULL;
	bk_turn_ask(&w->closer);
}

static void free_way(void *way)
{
	struct way *w = way;

	if (!w)
		return;
	bk_plain_client_free(w->client);
	bk_conn_free(w->conn);
	bk_turn_done(&w->closer);
	free(w);
}

static int create(const struct bk_ping_way_opts *o, void **ret_way)
{
	struct way *w = calloc(1, sizeof(*w));

	if (!w)
		return BK_E_NOMEM;
	*w = (struct way){.loop = o->loop,
		.opts = *o->ping->plain,
		.news = o->news,
		.arg = o->arg,
		.events = o->events,
		.owner = o->owner};
	bk_turn_init(&w->closer, o->loop, on_closer, w);
	*ret_way = w;
	return 0;
}

const struct bk_ping_way_ops bk_ping_plain_ops = {
	.create = create, .start = start, .send = send_json, .close = close_way, .free = free_way};

/* SPDX-License-Identifier: Apache-2.0 */
/* Hello messages over a connection that the plain dialect made, with a peer of any implementation. */
#include <bodkin/plain.h>
#include <bodkin/service.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "apps/ping_way.h"
#include "base/error.h"
#include "wire/hello.h"

struct way {
	struct bk_ping *ping;
	struct bk_plain_client *client;
	struct bk_conn *conn;
	struct bk_timer *closer; /* an end while there is no connection yet, from the loop */
	int64_t since;
};

/* --- the connection --- */

static void on_message(void *arg, struct bk_conn *c, const struct bk_message *m)
{
	struct way *w = arg;

	(void)c;
	bk_ping_on_message(w->ping, m->content, m->content_len);
}

static void on_left(void *arg, struct bk_conn *c, int error, const char *text)
{
	struct way *w = arg;
	char sentence[BK_TRANSFER_TEXT_MAX];

	(void)c;
	w->conn = NULL;
	snprintf(sentence, sizeof(sentence), "the connection to the other side ended: %s", text);
	bk_ping_end(w->ping, error == BK_E_EOF ? 0 : error, sentence);
}

static int adopt(struct way *w, const struct bk_plain_link *link)
{
	static const struct bk_message_events events = {.on_message = on_message, .on_left = on_left};
	const struct bk_message_opts opts = {
		.framing = BK_FRAMED_LENGTH, .message_max = BK_HELLO_MESSAGE_MAX};
	int err = bk_conn_adopt(w->ping->loop, link->fd, &opts, &events, w, &w->conn);

	if (err < 0)
		close(link->fd);
	return err;
}

/* --- the dialect --- */

static void on_registered(void *arg, const char *id, const char *public_address, const char *nat_type)
{
	struct way *w = arg;

	(void)public_address;
	(void)nat_type;
	if (!w->ping->opts.plain->peer_id)
		bk_ping_on_code(w->ping, id);
}

static void on_peer(void *arg, const struct bk_plain_peer *peer)
{
	struct way *w = arg;
	const struct bk_peer p = {.id = peer->id, .name = peer->id, .nat = peer->nat_type};

	bk_ping_on_peer(w->ping, &p);
}

static void on_note(void *arg, int verbosity, const char *text)
{
	struct way *w = arg;

	w->ping->events.on_note(w->ping->arg, verbosity, text);
}

static void tell_path(struct way *w, const struct bk_plain_link *link, const char *text)
{
	const struct bk_path path = {
		.kind = BK_PATH_KIND_DIRECT,
		.transport = "tcp",
		.technique = "punch",
		.local = link->local,
		.remote = link->remote,
		.elapsed_ms = link->elapsed_ms,
		.total_ms = (double)(bk_loop_now(w->ping->loop) - w->since) / 1e6,
		.text = text,
	};

	w->ping->events.on_path(w->ping->arg, &path);
}

static void on_end(void *arg, const struct bk_plain_link *link, int error, const char *text)
{
	struct way *w = arg;
	int err;

	if (!link) {
		bk_ping_end(w->ping, error, text);
		return;
	}
	tell_path(w, link, text);
	err = adopt(w, link);
	if (err < 0) {
		bk_ping_end(w->ping, err, bk_error_text(err));
		return;
	}
	bk_ping_on_open(w->ping, link->is_connector);
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

	w->since = bk_loop_now(w->ping->loop);
	return bk_plain_client_new(w->ping->loop, w->ping->opts.plain, &client_events, w, &w->client);
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

	bk_ping_end(w->ping, BK_E_CANCELLED, bk_error_text(BK_E_CANCELLED));
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
	bk_timer_start(w->closer, 0);
}

static void free_way(void *way)
{
	struct way *w = way;

	if (!w)
		return;
	bk_plain_client_free(w->client);
	bk_conn_free(w->conn);
	bk_timer_free(w->closer);
	free(w);
}

const struct bk_ping_way_ops bk_ping_plain_ops = {
	.start = start, .send = send_json, .close = close_way, .free = free_way};

int bk_ping_plain_new(struct bk_ping *p, void **ret_way)
{
	struct way *w = calloc(1, sizeof(*w));
	int err = w ? bk_timer_new(p->loop, on_closer, w, &w->closer) : BK_E_NOMEM;

	if (err < 0) {
		free(w);
		return err;
	}
	w->ping = p;
	*ret_way = w;
	return 0;
}

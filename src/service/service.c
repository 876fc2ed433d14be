/* SPDX-License-Identifier: Apache-2.0 */
/* Many connections under one roof. A broadcast is framed and written once, and every receiver's queue gets a
 * reference to it; who cannot take it is dropped, so that nobody waits for anybody. A stop comes by a
 * post, which another thread and a signal handler may ask for. */
#include "service/service.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/error.h"
#include "base/log.h"
#include "base/opts.h"
#include "net/sock.h"
#include "service/acceptor.h"
#include "service/compose.h"

enum {
	CHUNK = 64 * 1024,
	CHUNK_MESSAGE_MAX = CHUNK / 4, /* a larger message gets a chunk of its own */
	SELECT_SPARE = 24,             /* descriptors of select that are not connections */
	SELECT_MAX = FD_SETSIZE - SELECT_SPARE,
};

/* --- broadcasting --- */

static struct bk_chunk *broadcast_chunk(size_t size)
{
	struct bk_chunk *c = bk_chunk_new(size);

	if (c)
		c->is_broadcast = true;
	return c;
}

/* Where n bytes may be written: a chunk that stays the service's, or one for this message alone. */
static struct bk_chunk *chunk_for(struct bk_service *s, size_t n)
{
	struct bk_chunk *c = s->chunk;

	if (n > CHUNK_MESSAGE_MAX)
		return broadcast_chunk(n);
	if (c && !bk_chunk_is_shared(c))
		c->len = 0;
	if (!c || bk_chunk_room(c) < n) {
		c = broadcast_chunk(CHUNK);
		if (!c)
			return NULL;
		bk_chunk_unref(s->chunk);
		s->chunk = c;
	}
	return bk_chunk_ref(c);
}

static bool can_hear(const struct bk_conn *c)
{
	return c->state == BK_CONN_OPEN && !c->broken && (!c->tls || bk_tls_is_secure(c->tls));
}

static int send_to_audience(
	struct bk_service *s, struct bk_chunk *chunk, size_t start, size_t n, const struct bk_conn *except)
{
	int reached = 0;

	bk_list_each(it, tmp, &s->audience)
	{
		struct bk_conn *c = bk_container_of(it, struct bk_conn, in_audience);
		int err;

		if (c == except || !can_hear(c))
			continue;
		err = bk_conn_queue_shared(c, chunk, start, n);
		if (!err) {
			reached++;
		} else if (err != BK_E_AGAIN && err != BK_E_TOO_SLOW) {
			bk_conn_end(c, err, NULL);
		} else if (can_hear(c) || err == BK_E_TOO_SLOW) {
			s->stats.dropped_slow++;
			bk_conn_end(c, BK_E_TOO_SLOW, "it did not read as fast as was sent to it");
		}
	}
	return reached;
}

/* `head` and `body` together are what goes on the wire. */
static int broadcast(struct bk_service *s, const struct bk_buf *head, const void *body, size_t body_len,
	const struct bk_conn *except)
{
	size_t max = s->profile.opts.queue_max, n = head->len + body_len, start;
	struct bk_chunk *chunk;
	int reached;

	if (n > max || n > BK_QUEUE_MESSAGE_MAX)
		return BK_E_TOO_BIG;
	if (!n)
		return 0;
	chunk = chunk_for(s, n);
	if (!chunk)
		return BK_E_NOMEM;
	start = chunk->len;
	bk_chunk_append(chunk, bk_buf_head(head), head->len);
	bk_chunk_append(chunk, body, body_len);
	reached = send_to_audience(s, chunk, start, n, except);
	s->stats.broadcasts++;
	s->stats.deliveries += (uint64_t)reached;
	bk_chunk_unref(chunk);
	return reached;
}

int bk_service_broadcast(struct bk_service *s, const struct bk_message *m, const struct bk_conn *except)
{
	struct bk_buf *head = &s->hub->head;
	int err;

	bk_buf_consume(head, head->len);
	err = bk_compose_head(head, s->profile.opts.framing, m);
	return err < 0 ? err : broadcast(s, head, m->content, m->content_len, except);
}

int bk_service_broadcast_framed(struct bk_service *s, const void *data, size_t n)
{
	static const struct bk_buf no_head;

	return broadcast(s, &no_head, data, n, NULL);
}

/* --- arriving --- */

static void on_accept(void *arg, int fd, const struct bk_addr *peer)
{
	struct bk_service *s = arg;
	const struct bk_conn_opts opts = {.service = s};
	struct bk_conn *c;
	char where[BK_ADDR_STR_MAX];
	int err = s->count < s->profile.opts.connections_max ? 0 : BK_E_FULL;

	if (!err)
		err = bk_conn_new(s->hub->loop, fd, &opts, &c);
	if (err < 0) {
		s->stats.refused++;
		bk_log_debug(
			"service", "turned away %s: %s", bk_addr_to_str(peer, where), bk_error_text(err));
		close(fd);
		return;
	}
	s->stats.accepted++;
	bk_hold_enter(&s->hold);
	bk_hold_enter(&c->hold);
	if (s->profile.events.on_joined)
		s->profile.events.on_joined(c, s->profile.arg);
	bk_conn_idle(c);
	bk_service_idle(s);
}

static void on_trouble(void *arg, int error, unsigned closed)
{
	struct bk_service *s = arg;

	s->stats.refused += closed;
	bk_log_warn("service", "cannot accept a connection: %s", bk_error_text(error));
}

/* --- stopping --- */

static void on_last(void *arg)
{
	struct bk_service *s = arg;

	if (s->is_stop_told || s->count)
		return;
	s->is_stop_told = true;
	bk_hold_enter(&s->hold);
	if (s->profile.events.on_stopped)
		s->profile.events.on_stopped(s, s->profile.arg);
	bk_service_idle(s);
}

/* A second stop can only make it shorter. */
static void on_stop(void *arg)
{
	struct bk_service *s = arg;
	int64_t drain = atomic_load(&s->drain);
	bk_time until = bk_time_add(bk_loop_now(s->hub->loop), drain > 0 ? drain : BK_CONN_DRAIN);

	s->is_stopping = true;
	bk_acceptor_free(s->acceptor);
	s->acceptor = NULL;
	bk_list_each(it, tmp, &s->conns)
		bk_conn_close_at(bk_container_of(it, struct bk_conn, in_service), BK_E_SHUTDOWN, until);
	if (!s->count)
		bk_turn_ask(&s->last);
}

void bk_service_stop(struct bk_service *s, int64_t drain_ns)
{
	atomic_store(&s->drain, drain_ns);
	bk_post_ask(&s->stop);
}

void bk_service_free(struct bk_service *s)
{
	bool last;

	if (!s || s->hold.is_dead)
		return;
	last = bk_hold_end(&s->hold);
	bk_acceptor_free(s->acceptor);
	while (!bk_list_empty(&s->conns))
		bk_conn_free(bk_container_of(s->conns.next, struct bk_conn, in_service));
	bk_post_done(&s->stop);
	bk_turn_done(&s->last);
	if (last)
		bk_service_release(s);
}

/* --- beginning --- */

int bk_service_new_bare(struct bk_loop *loop, const struct bk_message_opts *opts,
	const struct bk_message_events *events, void *arg, struct bk_service **ret_service)
{
	struct bk_service *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return BK_E_NOMEM;
	bk_post_init(&s->stop, loop, on_stop, s);
	bk_turn_init(&s->last, loop, on_last, s);
	bk_list_init(&s->conns);
	bk_list_init(&s->audience);
	err = bk_conn_profile_init(&s->profile, opts, events, arg);
	if (!err)
		err = bk_msghub_hold(loop, &s->hub);
	if (err < 0) {
		bk_service_free(s);
		return err;
	}
	*ret_service = s;
	return 0;
}

static int listen_at(struct bk_service *s, const struct bk_addr *local)
{
	static const struct bk_acceptor_events events = {on_accept, on_trouble};

	return bk_acceptor_new(s->hub->loop, local, s->profile.opts.backlog, &events, s, &s->acceptor);
}

/* ":PORT" is every address: one socket for both families, or IPv4 alone where the system has no IPv6. */
static int open_up(struct bk_service *s, const char *listen)
{
	struct bk_addr local;
	bool is_every;
	int err;

	if (!strchr(listen, ':') || bk_addr_from_listen(listen, &local) < 0)
		return BK_E_INVALID;
	is_every = !local.family;
	if (is_every)
		local.family = 6;
	err = listen_at(s, &local);
	if (is_every && (err == BK_E_ADDRESS || err == BK_E_UNREACHABLE)) {
		local = bk_addr_v4(0, 0, 0, 0, local.port);
		err = listen_at(s, &local);
	}
	if (!err)
		s->port = bk_acceptor_port(s->acceptor);
	return err;
}

static int check_limit(const struct bk_loop *loop, const struct bk_message_opts *asked,
	struct bk_message_opts *o, char text[BK_SERVICE_TEXT_MAX])
{
	int err = asked ? bk_opts_read(o, asked, backlog) : 0;

	if (err < 0) {
		snprintf(text, BK_SERVICE_TEXT_MAX, "options that this version does not know");
		return err;
	}
	if (strcmp(bk_loop_backend_name(loop), "select") != 0)
		return 0;
	if (o->connections_max > SELECT_MAX) {
		snprintf(text, BK_SERVICE_TEXT_MAX,
			"select holds at most %d connections, not %u: use epoll or poll", SELECT_MAX,
			o->connections_max);
		return BK_E_FULL;
	}
	o->connections_max = o->connections_max ? o->connections_max : SELECT_MAX;
	return 0;
}

static void explain(char text[BK_SERVICE_TEXT_MAX], const char *listen, int error)
{
	const char *why = error == BK_E_INVALID
				  ? "not an address and a port, like 127.0.0.1:5000, [::1]:5000 or :5000"
				  : bk_error_text(error);

	snprintf(text, BK_SERVICE_TEXT_MAX, "cannot listen on '%.100s': %s", listen, why);
}

int bk_service_new(struct bk_loop *loop, const char *listen, const struct bk_message_opts *opts,
	const struct bk_message_events *events, void *arg, struct bk_service **ret_service,
	char ret_text[BK_SERVICE_TEXT_MAX])
{
	char text[BK_SERVICE_TEXT_MAX] = "";
	struct bk_message_opts o = {0};
	struct bk_service *s = NULL;
	int err = 0;

	if (!events || !events->on_message) {
		snprintf(text, sizeof(text), "cannot listen on '%.100s': on_message is missing", listen);
		err = BK_E_INVALID;
	}
	if (!err)
		err = check_limit(loop, opts, &o, text);
	if (!err)
		err = bk_service_new_bare(loop, &o, events, arg, &s);
	if (!err)
		err = open_up(s, listen);
	if (err < 0) {
		if (!*text)
			explain(text, listen, err);
		if (ret_text)
			memcpy(ret_text, text, sizeof(text));
		bk_service_free(s);
		return err;
	}
	*ret_service = s;
	return 0;
}

/* --- looking --- */

uint16_t bk_service_port(const struct bk_service *s)
{
	return s->port;
}

void bk_service_get_stats(const struct bk_service *s, struct bk_service_stats *ret_stats)
{
	struct bk_service_stats stats = s->stats;

	stats.messages = s->profile.messages;
	bk_opts_give(ret_stats, &stats, dropped_slow);
}

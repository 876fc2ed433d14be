/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a message connection: it dials or is accepted, is open, says its last words, lingers until the
 * peer has had the chance to read them, and ends once (state.c says how far it is). Whatever goes wrong ends
 * this connection with a name and touches no other. Nobody is called from inside his own call: sending and
 * ending happen in a turn of its own. */
#include "service/conn.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/opts.h"
#include "net/sock.h"
#include "service/msgdial.h"
#include "service/service.h"

enum {
	MESSAGE_MAX = 1 << 20,
	QUEUE_MAX = 1 << 20,
	CONNECTIONS_MAX = 10000,
	BACKLOG = 511,
	PATIENCE_MIN_MS = 120000, /* of the kernel, for a peer that has vanished */
};

/* --- options --- */

static int64_t time_or(int64_t asked, int64_t otherwise)
{
	return asked < 0 ? BK_NEVER : asked ? asked : otherwise;
}

static void fill_in(struct bk_message_opts *o)
{
	o->message_max = o->message_max ? o->message_max : MESSAGE_MAX;
	o->queue_max = o->queue_max ? o->queue_max : QUEUE_MAX;
	o->connections_max = o->connections_max ? o->connections_max : CONNECTIONS_MAX;
	o->backlog = o->backlog ? o->backlog : BACKLOG;
	o->idle_timeout_ns = time_or(o->idle_timeout_ns, BK_NEVER);
	o->header_timeout_ns = time_or(o->header_timeout_ns, 30 * BK_SEC);
	o->write_timeout_ns = time_or(o->write_timeout_ns, 30 * BK_SEC);
	o->connect_timeout_ns = time_or(o->connect_timeout_ns, 10 * BK_SEC);
}

int bk_conn_profile_init(struct bk_conn_profile *p, const struct bk_message_opts *opts,
	const struct bk_message_events *events, void *arg)
{
	int err;

	*p = (struct bk_conn_profile){.arg = arg};
	err = bk_opts_read(&p->events, events, on_stopped);
	if (!err && opts)
		err = bk_opts_read(&p->opts, opts, backlog);
	if (!err && !p->events.on_message)
		err = BK_E_INVALID;
	fill_in(&p->opts);
	p->room = p->opts.queue_max / 2;
	return err;
}

/* --- memory --- */

static void release(struct bk_conn *c)
{
	if (c->profile && !c->service)
		free(c->profile);
	bk_tls_free(c->tls);
	bk_frame_decoder_done(&c->decoder);
	bk_buf_done(&c->content);
	bk_buf_done(&c->held);
	bk_queue_done(&c->queue);
	bk_msghub_release(c->hub);
	free(c->names);
	if (c->owns_text)
		free((char *)(uintptr_t)c->text);
	free(c);
}

void bk_conn_idle(struct bk_conn *c)
{
	if (bk_hold_leave(&c->hold))
		release(c);
}

void bk_conn_free(struct bk_conn *c)
{
	if (!c || c->hold.is_dead)
		return;
	if (c->service)
		bk_service_leave(c->service, c);
	bk_msghub_leave(c->hub, c);
	bk_turn_done(&c->turn);
	bk_watch_free(c->watch);
	bk_msgdial_free(c->dial);
	if (c->fd >= 0)
		close(c->fd);
	if (bk_hold_end(&c->hold))
		release(c);
}

/* --- what the loop and the hub say --- */

static void report(struct bk_conn *c)
{
	struct bk_service *s = c->service;
	const struct bk_conn_profile *p = c->profile;

	if (s) {
		bk_hold_enter(&s->hold);
		bk_service_leave(s, c);
	}
	if (p->events.on_left)
		p->events.on_left(c, p->arg, c->error, c->text ? c->text : bk_error_text(c->error));
	bk_conn_free(c);
	if (s)
		bk_service_idle(s);
}

static void tell_room(struct bk_conn *c)
{
	if (!c->owes_room || c->state != BK_CONN_OPEN || (c->tls && !bk_tls_is_secure(c->tls)) ||
		bk_conn_waiting(c) > c->profile->room)
		return;
	c->owes_room = false;
	if (c->profile->events.on_writable)
		c->profile->events.on_writable(c, c->profile->arg);
}

static void on_event(void *arg, int fd, int events)
{
	struct bk_conn *c = arg;

	(void)fd;
	bk_hold_enter(&c->hold);
	if (events & BK_WRITABLE) {
		bk_conn_flush(c);
		tell_room(c);
	}
	if (!c->hold.is_dead && (events & BK_READABLE) && (c->interest & BK_READABLE)) {
		bk_conn_read(c, bk_loop_now(c->hub->loop));
		if (!c->hold.is_dead)
			bk_conn_arm(c);
	}
	bk_conn_idle(c);
}

static void on_turn(void *arg)
{
	struct bk_conn *c = arg;
	unsigned todo = c->todo;

	c->todo = 0;
	bk_hold_enter(&c->hold);
	if (todo & BK_CONN_END) {
		report(c);
		bk_conn_idle(c); /* NOLINT(clang-analyzer-unix.Malloc): it is held */
		return;
	}
	if ((todo & BK_CONN_RESUME) && !c->is_paused && c->state == BK_CONN_OPEN)
		bk_conn_read_held(c, bk_loop_now(c->hub->loop));
	if (!c->hold.is_dead && c->stuck_since == BK_NEVER)
		bk_conn_flush(c);
	if (!c->hold.is_dead)
		tell_room(c);
	if (!c->hold.is_dead) {
		bk_conn_set_interest(c);
		bk_conn_arm(c);
	}
	bk_conn_idle(c);
}

/* --- beginning --- */

static void tune(const struct bk_conn *c)
{
	int64_t patience = c->profile->opts.write_timeout_ns, ms = patience / BK_MS;
	int one = 1;

	if (patience == BK_NEVER)
		setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	else
		bk_sock_tune_stream(c->fd, ms < PATIENCE_MIN_MS ? PATIENCE_MIN_MS
					   : ms > INT32_MAX     ? INT32_MAX
								: (unsigned)ms);
}

static int set_names(struct bk_conn *c, const char *peer, const char *local)
{
	size_t n = strlen(peer) + 1, m = strlen(local) + 1;
	char *names = malloc(n + m);

	if (!names)
		return BK_E_NOMEM;
	memcpy(names, peer, n);
	memcpy(names + n, local, m);
	free(c->names);
	c->names = names;
	return 0;
}

static int read_names(struct bk_conn *c, int fd)
{
	struct bk_addr peer, local;
	char there[BK_ADDR_STR_MAX], here[BK_ADDR_STR_MAX];
	int err = bk_sock_peer(fd, &peer);

	if (!err)
		err = bk_sock_local(fd, &local);
	if (err < 0)
		return err;
	return set_names(c, bk_addr_to_str(&peer, there), bk_addr_to_str(&local, here));
}

/* The socket is connected: watches it. It stays the caller's on failure. */
static int open_up(struct bk_conn *c, int fd)
{
	int err;

	if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0)
		return bk_error_from_errno(errno);
	err = read_names(c, fd);
	if (!err)
		err = bk_watch_new(c->hub->loop, fd, on_event, c, &c->watch);
	if (!err)
		err = bk_watch_set(c->watch, BK_READABLE);
	if (err < 0)
		return err;
	c->interest = BK_READABLE;
	c->fd = fd;
	bk_conn_set_state(c, BK_CONN_OPEN);
	c->heard = bk_loop_now(c->hub->loop);
	tune(c);
	bk_conn_arm(c);
	return 0;
}

static int set_up_tls(struct bk_conn *c, const struct bk_conn_opts *opts)
{
	struct bk_tls_opts tls = {.is_server = true,
		.identity = opts->identity,
		.alpn = opts->alpn,
		.buffer_max = c->profile->opts.queue_max};

	return bk_tls_new(&tls, &c->tls);
}

static int own_profile(struct bk_conn *c, const struct bk_conn_opts *opts)
{
	c->profile = malloc(sizeof(*c->profile));
	if (!c->profile)
		return BK_E_NOMEM;
	return bk_conn_profile_init(c->profile, opts->opts, opts->events, opts->arg);
}

static void init(struct bk_conn *c)
{
	struct bk_frame_limits limits = {.content_max = c->profile->opts.message_max};

	bk_frame_decoder_init(&c->decoder, c->profile->opts.framing, &limits);
	bk_buf_init(&c->content, c->profile->opts.message_max);
	bk_buf_init(&c->held, BK_MSGHUB_SCRATCH);
	if (c->service)
		bk_service_enter(c->service, c);
}

/* Neither dialing nor open. */
static int conn_new(struct bk_loop *loop, const struct bk_conn_opts *opts, struct bk_conn **ret_conn)
{
	struct bk_conn *c = calloc(1, sizeof(*c));
	int err;

	if (!c)
		return BK_E_NOMEM;
	c->fd = -1;
	c->service = opts->service;
	c->heard = c->message_since = c->stuck_since = c->close_at = c->owner_at = BK_NEVER;
	bk_turn_init(&c->turn, loop, on_turn, c);
	bk_list_init(&c->in_service);
	bk_list_init(&c->in_audience);
	if (c->service)
		c->profile = &c->service->profile;
	err = c->service ? 0 : own_profile(c, opts);
	if (!err)
		err = bk_msghub_hold(loop, &c->hub);
	if (!err)
		err = bk_msghub_enter(c->hub, bk_conn_wake);
	if (err < 0) {
		release(c);
		return err;
	}
	init(c);
	*ret_conn = c;
	return 0;
}

int bk_conn_new(struct bk_loop *loop, int fd, const struct bk_conn_opts *opts, struct bk_conn **ret_conn)
{
	struct bk_conn *c;
	int err = conn_new(loop, opts, &c);

	if (err < 0)
		return err;
	if (opts->identity)
		err = set_up_tls(c, opts);
	if (!err)
		err = open_up(c, fd);
	if (err < 0) {
		bk_conn_free(c);
		return err;
	}
	*ret_conn = c;
	return 0;
}

int bk_conn_adopt(struct bk_loop *loop, int fd, const struct bk_message_opts *opts,
	const struct bk_message_events *events, void *arg, struct bk_conn **ret_conn)
{
	const struct bk_conn_opts o = {.opts = opts, .events = events, .arg = arg};

	if (!events || !events->on_message)
		return BK_E_INVALID;
	return bk_conn_new(loop, fd, &o, ret_conn);
}

static void on_dialed(void *arg, int error, int fd)
{
	struct bk_conn *c = arg;
	const struct bk_message_events *e = &c->profile->events;
	char *text;

	bk_hold_enter(&c->hold);
	if (error == 0)
		error = open_up(c, fd);
	if (error < 0) {
		if (fd >= 0)
			close(fd);
		if (asprintf(&text, "cannot connect to '%s': %s", c->names, bk_error_text(error)) < 0)
			text = NULL;
		bk_conn_end_saying(c, error, text);
	} else {
		bk_msgdial_free(c->dial);
		c->dial = NULL;
		bk_conn_pend(c, BK_CONN_FLUSH);
		bk_conn_set_interest(c);
		if (c->close_at != BK_NEVER)
			bk_conn_close_at(c, c->error, c->close_at);
		else if (e->on_joined)
			e->on_joined(c, c->profile->arg);
	}
	bk_conn_idle(c);
}

int bk_conn_connect(struct bk_loop *loop, const char *address, const struct bk_message_opts *opts,
	const struct bk_message_events *events, void *arg, struct bk_conn **ret_conn)
{
	const struct bk_conn_opts o = {.opts = opts, .events = events, .arg = arg};
	struct bk_conn *c;
	int err;

	if (!events || !events->on_message || !events->on_left)
		return BK_E_INVALID;
	err = conn_new(loop, &o, &c);
	if (err < 0)
		return err;
	err = set_names(c, address, ""); /* until it is connected */
	if (!err)
		err = bk_msgdial_new(
			loop, address, c->profile->opts.connect_timeout_ns, on_dialed, c, &c->dial);
	if (err < 0) {
		bk_conn_free(c);
		return err;
	}
	*ret_conn = c;
	return 0;
}

/* --- what its owner may ask --- */

void bk_conn_set_message_max(struct bk_conn *c, size_t max)
{
	c->decoder.limits.content_max = max;
}

void bk_conn_pause(struct bk_conn *c)
{
	c->is_paused = true;
	bk_conn_set_interest(c);
}

/* The time it was paused is not the peer's fault. */
void bk_conn_resume(struct bk_conn *c)
{
	bk_time now = bk_loop_now(c->hub->loop);

	if (!c->is_paused)
		return;
	c->is_paused = false;
	if (c->state != BK_CONN_OPEN)
		return;
	c->heard = now;
	if (c->message_since != BK_NEVER)
		c->message_since = now;
	bk_conn_pend(c, BK_CONN_RESUME);
	bk_conn_set_interest(c);
	bk_conn_arm(c);
}

void bk_conn_close(struct bk_conn *c)
{
	bk_conn_close_at(c, 0, bk_loop_now(c->hub->loop) + BK_CONN_DRAIN);
}

const char *bk_conn_peer(const struct bk_conn *c)
{
	return c->names;
}

const char *bk_conn_local(const struct bk_conn *c)
{
	return c->names + strlen(c->names) + 1;
}

void bk_conn_set_data(struct bk_conn *c, void *data)
{
	c->data = data;
}

void *bk_conn_get_data(const struct bk_conn *c)
{
	return c->data;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What a connection is follows from its first byte, by the table of dialects. The byte is only looked at, so
 * that the room that takes over finds the stream whole; a head is read here, never a byte beyond it, because
 * what follows may go to somebody else through the kernel. Whoever takes longer than the hello may take is
 * closed, no matter how many bytes come. */
#include "server/visitor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "server/crowd.h"
#include "server/dialect.h"
#include "server/limits.h"

#define NOT_SPOKEN "not a protocol spoken here"

struct visitor {
	struct bk_server *server;
	struct bk_list link;
	struct bk_arrival from;
	struct bk_watch *watch;
	struct bk_timer *timer; /* until it is listened to; then until it must have said something */
	bool is_waiting;
	const struct bk_dialect *dialect; /* NULL: not known yet */
	uint8_t head[BK_DIALECT_HEAD_MAX];
	size_t have;
};

static void free_visitor(struct visitor *v)
{
	bk_watch_free(v->watch);
	bk_timer_free(v->timer);
	bk_list_remove(&v->link);
	free(v);
}

static void end(struct visitor *v, int error, const char *detail)
{
	bk_arrival_end(v->server, &v->from, error, detail);
	free_visitor(v);
}

static void hand_over(struct visitor *v)
{
	const struct bk_dialect *d = v->dialect;
	struct bk_server *s = v->server;
	struct bk_arrival from = v->from;
	uint8_t head[BK_DIALECT_HEAD_MAX];
	int err;

	memcpy(head, v->head, sizeof(head));
	bk_guest_set_keeper(from.guest, NULL, NULL);
	free_visitor(v);
	err = d->new (s, &from, head);
	if (err < 0)
		bk_arrival_end(s, &from, err, d->not_taken);
}

static void read_head(struct visitor *v)
{
	ssize_t n = recv(v->from.fd, v->head + v->have, v->dialect->head_len - v->have, MSG_DONTWAIT);
	int err;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		end(v, n ? bk_error_from_errno(errno) : BK_E_EOF, NULL);
		return;
	}
	v->have += (size_t)n;
	err = v->dialect->check_head(v->head, v->have);
	if (!err)
		hand_over(v);
	else if (err != BK_E_TRUNCATED)
		end(v, err, err == BK_E_MALFORMED ? NOT_SPOKEN : NULL);
}

/* A handshake costs more than anything else that a stranger can ask for: so many in a turn, and in between the
 * others have theirs. Where many come from they wait for one another, and nobody else for them. */
static bool may_greet(struct bk_server *s, const struct bk_guest *g)
{
	bool is_calm = bk_crowd_is_calm(g, bk_loop_now(s->loop));

	bk_turn_ask(&s->greeted);
	return s->greetings[is_calm]++ < (is_calm ? BK_LIMIT_GREETINGS : BK_LIMIT_GREETINGS_CROWDED);
}

static void choose(struct visitor *v, uint8_t first)
{
	const struct bk_dialect *d = bk_dialect_of(first);
	const char *why_not = d && d->why_not ? d->why_not(v->server) : NULL;

	/* whoever is left over is asked again in the next turn: the byte is still there */
	if (d && d->is_secured && !may_greet(v->server, v->from.guest))
		return;
	v->dialect = d;
	if (!d)
		end(v, BK_E_MALFORMED, NOT_SPOKEN);
	else if (why_not)
		end(v, BK_E_UNSUPPORTED, why_not);
	else if (d->check_head)
		read_head(v);
	else
		hand_over(v);
}

static void look_at_first_byte(struct visitor *v)
{
	uint8_t byte;
	ssize_t n = recv(v->from.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0)
		end(v, n ? bk_error_from_errno(errno) : BK_E_EOF, NULL);
	else
		choose(v, byte);
}

static void on_readable(void *arg, int fd, int events)
{
	struct visitor *v = arg;

	(void)fd;
	(void)events;
	if (v->dialect)
		read_head(v);
	else
		look_at_first_byte(v);
}

static void listen_to(struct visitor *v)
{
	v->is_waiting = false;
	bk_watch_set(v->watch, BK_READABLE);
	bk_timer_start(v->timer, v->server->config.hello_timeout);
}

static void on_timer(void *arg)
{
	struct visitor *v = arg;

	if (v->is_waiting)
		listen_to(v);
	else
		end(v, BK_E_TIMEOUT, NULL);
}

static void send_away(void *arg)
{
	end(arg, BK_E_FULL, "too many connections have not said who they are");
}

int bk_visitor_new(struct bk_server *s, const struct bk_arrival *from, bk_dur wait)
{
	struct visitor *v = calloc(1, sizeof(*v));
	int err;

	if (!v)
		return BK_E_NOMEM;
	v->server = s;
	v->from = *from;
	bk_list_init(&v->link);
	err = bk_timer_new(s->loop, on_timer, v, &v->timer);
	if (!err)
		err = bk_watch_new(s->loop, from->fd, on_readable, v, &v->watch);
	if (err < 0) {
		free_visitor(v);
		return err;
	}
	v->from.since = bk_time_add(from->since, wait);
	v->is_waiting = wait > 0;
	bk_list_append(&s->visitors, &v->link);
	bk_guest_set_keeper(from->guest, send_away, v);
	if (wait > 0)
		bk_timer_start(v->timer, wait);
	else
		listen_to(v);
	return 0;
}

static void on_greeted(void *arg)
{
	struct bk_server *s = arg;

	s->greetings[0] = s->greetings[1] = 0;
}

void bk_visitors_init(struct bk_server *s)
{
	bk_turn_init(&s->greeted, s->loop, on_greeted, s);
}

void bk_visitors_end(struct bk_server *s, int error)
{
	bk_list_each(it, tmp, &s->visitors) end(bk_container_of(it, struct visitor, link), error, NULL);
}

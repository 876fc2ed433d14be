/* SPDX-License-Identifier: Apache-2.0 */
/* What a connection is follows from its first byte: TLS, a preface, the plain dialect. The byte is only
 * looked at, so that the room that takes over finds the stream whole; a preface is read here, never a byte
 * beyond it, because what follows goes to the relay's other side through the kernel. Whoever takes longer
 * than the hello may take is closed, no matter how many bytes come. */
#include "server/visitor.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "server/client.h"
#include "server/probe.h"
#include "server/relay.h"
#include "wire/preface.h"

struct visitor {
	struct bk_server *server;
	struct bk_list link;
	struct bk_arrival from;
	struct bk_watch *watch;
	struct bk_timer *deadline;
	uint8_t preface[BK_PREFACE_LEN];
	size_t have;
};

static void free_visitor(struct visitor *v)
{
	bk_watch_free(v->watch);
	bk_timer_free(v->deadline);
	if (!bk_list_empty(&v->link)) {
		bk_list_remove(&v->link);
		v->server->strangers--;
	}
	free(v);
}

static void end(struct visitor *v, int error, const char *detail)
{
	bk_arrival_end(v->server, &v->from, error, detail);
	free_visitor(v);
}

static void hand_over_client(struct visitor *v, bool plain)
{
	struct bk_server *s = v->server;
	struct bk_arrival from = v->from;
	int err;

	free_visitor(v);
	err = bk_client_new(s, &from, plain);
	if (err < 0)
		bk_arrival_end(s, &from, err, NULL);
}

static void hand_over_preface(struct visitor *v, const struct bk_preface *p)
{
	struct bk_server *s = v->server;
	struct bk_arrival from = v->from;
	int err;

	free_visitor(v);
	if (p->kind == BK_PREFACE_RELAY) {
		err = bk_relays_arrive(s->relays, &from, p->secret, p->side);
		if (err < 0)
			bk_arrival_end(s, &from, err, "relay leg not taken");
		return;
	}
	err = bk_probes_arrive(s->probes, &from, p->secret);
	if (err < 0)
		bk_arrival_end(s, &from, err, "probe not taken");
}

static void read_preface(struct visitor *v)
{
	struct bk_preface p;
	ssize_t n = recv(v->from.fd, v->preface + v->have, sizeof(v->preface) - v->have, MSG_DONTWAIT);
	int err;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		end(v, n ? bk_error_from_errno(errno) : BK_E_EOF, NULL);
		return;
	}
	v->have += (size_t)n;
	err = bk_preface_decode(v->preface, v->have, &p);
	if (err == 0)
		hand_over_preface(v, &p);
	else if (err != BK_E_TRUNCATED)
		end(v, err, err == BK_E_MALFORMED ? "not a protocol spoken here" : NULL);
}

static void look_at_first_byte(struct visitor *v)
{
	uint8_t byte;
	ssize_t n = recv(v->from.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		end(v, n ? bk_error_from_errno(errno) : BK_E_EOF, NULL);
		return;
	}
	if (byte == BK_FIRST_TLS)
		hand_over_client(v, false);
	else if (byte == BK_FIRST_PLAIN && v->server->config.plain)
		hand_over_client(v, true);
	else if (byte == BK_FIRST_PLAIN)
		end(v, BK_E_UNSUPPORTED, "the plain dialect is not spoken here");
	else if (byte == 'R' || byte == 'P')
		read_preface(v);
	else
		end(v, BK_E_MALFORMED, "not a protocol spoken here");
}

static void on_readable(void *arg, int fd, int events)
{
	struct visitor *v = arg;

	(void)fd;
	(void)events;
	if (v->have)
		read_preface(v);
	else
		look_at_first_byte(v);
}

static void on_deadline(void *arg)
{
	end(arg, BK_E_TIMEOUT, NULL);
}

int bk_visitor_new(struct bk_server *s, const struct bk_arrival *from)
{
	struct visitor *v = calloc(1, sizeof(*v));
	int err;

	if (!v)
		return BK_E_NOMEM;
	v->server = s;
	v->from = *from;
	bk_list_init(&v->link);
	err = bk_timer_new(s->loop, on_deadline, v, &v->deadline);
	if (err == 0)
		err = bk_watch_new(s->loop, from->fd, on_readable, v, &v->watch);
	if (err == 0)
		err = bk_watch_set(v->watch, BK_READABLE);
	if (err < 0) {
		free_visitor(v);
		return err;
	}
	bk_timer_start(v->deadline, s->config.hello_timeout);
	bk_list_append(&s->visitors, &v->link);
	s->strangers++;
	return 0;
}

bool bk_visitors_end_oldest(struct bk_server *s)
{
	if (bk_list_empty(&s->visitors))
		return false;
	end(bk_container_of(s->visitors.next, struct visitor, link), BK_E_FULL,
		"too many connections have not said who they are");
	return true;
}

void bk_visitors_end(struct bk_server *s, int error)
{
	bk_list_each(it, tmp, &s->visitors) end(bk_container_of(it, struct visitor, link), error, NULL);
}

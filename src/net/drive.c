/* SPDX-License-Identifier: Apache-2.0 */
/* The bridge between pure engines and the kernel: opens, watches and closes the sockets that an engine
 * asks for, by id. One pass: event in, actions out, timer armed. An engine may have many sockets, and a
 * datagram must not cost more for it: nothing here walks all of them but the end. */
#include "net/drive.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/hold.h"
#include "base/list.h"
#include "base/log.h"
#include "net/sock.h"
#include "net/turn.h"
#include "net/udp.h"

enum {
	SOCKETS_MAX = 1024,
	BUCKETS = 256, /* engines count their ids up, so a bucket holds 4 at most */
	BACKLOG = 8,
	DATAGRAMS_PER_EVENT = 64,
	DATAGRAM_MAX = 2048
};

enum kind { KIND_CONNECTION, KIND_LISTENER, KIND_DATAGRAM, KIND_LENT };

struct drive_socket {
	struct bk_list link;
	struct bk_drive *drive;
	struct bk_watch *watch; /* NULL: lent */
	uint32_t id;
	int fd;
	enum kind kind;
};

struct bk_drive {
	struct bk_loop *loop;
	struct bk_timer *timer; /* wakes the engine */
	struct bk_turn turn;    /* drains actions outside of callers */
	void *engine;
	const struct bk_engine_ops *ops;
	bk_drive_report_fn report;
	bk_drive_stray_fn stray; /* NULL: dropped */
	void *stray_arg;
	void *arg;
	struct bk_list buckets[BUCKETS]; /* of sockets, by id */
	size_t sockets_len;
	struct bk_hold hold; /* reports and strays call the owner */
};

/* --- sockets --- */

static struct drive_socket *find(struct bk_drive *d, uint32_t id)
{
	bk_list_each(it, tmp, &d->buckets[id % BUCKETS])
	{
		struct drive_socket *s = bk_container_of(it, struct drive_socket, link);
		if (s->id == id)
			return s;
	}
	return NULL;
}

static void forget(struct drive_socket *s)
{
	bk_list_remove(&s->link);
	s->drive->sockets_len--;
	bk_watch_free(s->watch);
	free(s);
}

static void drop(struct drive_socket *s)
{
	if (s->kind == KIND_CONNECTION)
		bk_sock_abort(s->fd);
	else if (s->kind != KIND_LENT)
		close(s->fd);
	forget(s);
}

static void on_socket(void *arg, int fd, int events);

static int add(struct bk_drive *d, uint32_t id, int fd, enum kind kind, struct drive_socket **ret_socket)
{
	struct drive_socket *s;

	bk_assert(id && !find(d, id));
	if (d->sockets_len >= SOCKETS_MAX)
		return BK_E_FULL;
	s = calloc(1, sizeof(*s));
	if (!s)
		return BK_E_NOMEM;
	*s = (struct drive_socket){.drive = d, .id = id, .fd = fd, .kind = kind};
	bk_list_append(&d->buckets[id % BUCKETS], &s->link);
	d->sockets_len++;
	*ret_socket = s;
	return 0;
}

/* The descriptor is the drive's from here on, or closed. */
static int adopt(struct bk_drive *d, uint32_t id, int fd, enum kind kind, int interest)
{
	struct drive_socket *s;
	int err = add(d, id, fd, kind, &s);

	if (err < 0) {
		close(fd);
		return err;
	}
	err = bk_watch_new(d->loop, fd, on_socket, s, &s->watch);
	if (!err)
		err = bk_watch_set(s->watch, interest);
	if (err < 0)
		drop(s);
	return err;
}

/* --- actions --- */

static void open_for(struct bk_drive *d, const struct bk_action *a)
{
	bool listener = a->type == BK_ACT_TCP_LISTEN;
	char name[BK_ADDR_STR_MAX];
	int fd, err;

	if (listener)
		err = bk_sock_listen(&a->local, true, BACKLOG, &fd);
	else if (a->ttl)
		err = bk_sock_connect_short(&a->local, &a->remote, a->ttl, &fd);
	else
		err = bk_sock_connect(&a->local, &a->remote, &fd);
	if (!err)
		err = adopt(d, a->id, fd, listener ? KIND_LISTENER : KIND_CONNECTION,
			listener ? BK_READABLE : BK_WRITABLE);
	if (err < 0) {
		bk_log_debug("drive", "%s %s: %s", listener ? "listen on" : "connect to",
			bk_addr_to_str(listener ? &a->local : &a->remote, name), bk_error_text(err));
		d->ops->on_failed(d->engine, a->id, err, bk_loop_now(d->loop));
	}
}

static void open_datagram(struct bk_drive *d, const struct bk_action *a)
{
	struct bk_addr local = a->local;
	char name[BK_ADDR_STR_MAX];
	int fd, err = bk_udp_open(&a->local, false, &fd);

	if (!err && d->ops->on_icmp)
		bk_udp_want_icmp(fd, true);
	if (!err)
		err = adopt(d, a->id, fd, KIND_DATAGRAM, BK_READABLE);
	if (err < 0) {
		bk_log_debug("drive", "UDP on %s: %s", bk_addr_to_str(&a->local, name), bk_error_text(err));
		d->ops->on_failed(d->engine, a->id, err, bk_loop_now(d->loop));
		return;
	}
	bk_sock_local(fd, &local);
	if (d->ops->on_opened)
		d->ops->on_opened(d->engine, a->id, &local, bk_loop_now(d->loop));
}

/* What cannot be sent is lost, as on any line: the engine's schedule is its answer to that. */
static void send_datagram(struct bk_drive *d, const struct bk_action *a)
{
	struct drive_socket *s = find(d, a->id);
	char name[BK_ADDR_STR_MAX];
	int err = s ? bk_udp_send(s->fd, &a->remote, a->ttl, a->data, a->len) : BK_E_NOT_FOUND;

	if (err < 0)
		bk_log_debug("drive", "send to %s: %s", bk_addr_to_str(&a->remote, name), bk_error_text(err));
}

static void close_socket(struct bk_drive *d, uint32_t id)
{
	struct drive_socket *s = find(d, id);

	if (s)
		drop(s);
}

static void perform(struct bk_drive *d, const struct bk_action *a)
{
	switch (a->type) {
	case BK_ACT_TCP_LISTEN:
	case BK_ACT_TCP_CONNECT:
		open_for(d, a);
		break;
	case BK_ACT_UDP_OPEN:
		open_datagram(d, a);
		break;
	case BK_ACT_DATAGRAM:
		send_datagram(d, a);
		break;
	case BK_ACT_UDP_CLOSE:
	case BK_ACT_TCP_CLOSE:
		close_socket(d, a->id);
		break;
	case BK_ACT_REPORT:
		d->report(d->arg, a);
		break;
	}
}

static void arm(struct bk_drive *d)
{
	bk_time wake = d->ops->next_wake ? d->ops->next_wake(d->engine) : BK_NEVER;

	if (wake == BK_NEVER)
		bk_timer_stop(d->timer);
	else
		bk_timer_start(d->timer, wake - bk_loop_now(d->loop));
}

/* The engine was told something, within a hold: what does it want? */
static void settle(struct bk_drive *d)
{
	struct bk_action a;

	while (!d->hold.is_dead && d->ops->next_action(d->engine, &a))
		perform(d, &a);
	if (!d->hold.is_dead)
		arm(d);
}

static void leave(struct bk_drive *d)
{
	if (bk_hold_leave(&d->hold))
		free(d);
}

/* --- events --- */

static void accept_on(struct drive_socket *listener)
{
	struct bk_drive *d = listener->drive;
	struct bk_addr from;
	uint32_t id;
	int fd;

	if (bk_sock_accept(listener->fd, &from, &fd) < 0)
		return;
	id = d->ops->on_accepted(d->engine, listener->id, &from, bk_loop_now(d->loop));
	if (!id) {
		bk_sock_abort(fd);
		return;
	}
	if (adopt(d, id, fd, KIND_CONNECTION, 0) < 0)
		d->ops->on_failed(d->engine, id, BK_E_FULL, bk_loop_now(d->loop));
}

static void finish_connect(struct drive_socket *s)
{
	struct bk_drive *d = s->drive;
	uint32_t id = s->id;
	int err = bk_sock_error(s->fd);

	if (err < 0) {
		drop(s);
		d->ops->on_failed(d->engine, id, err, bk_loop_now(d->loop));
		return;
	}
	bk_watch_set(s->watch, 0);
	d->ops->on_connected(d->engine, id, bk_loop_now(d->loop));
}

static void take_icmp(struct drive_socket *s)
{
	struct bk_drive *d = s->drive;
	struct bk_addr remote;
	struct bk_icmp icmp;

	for (int i = 0; i < DATAGRAMS_PER_EVENT && bk_udp_receive_icmp(s->fd, &remote, &icmp) == 0; i++)
		d->ops->on_icmp(d->engine, s->id, &remote, &icmp, bk_loop_now(d->loop));
}

static bool tell_engine(struct bk_drive *d, const struct bk_way *way, const uint8_t *data, size_t len)
{
	return d->ops->on_datagram &&
	       d->ops->on_datagram(d->engine, way->socket, &way->remote, data, len, bk_loop_now(d->loop));
}

/* A bounded number at a time. The engine's actions wait until all are handed over, so it closes nothing under
 * our feet; who gets the strays may. */
static void take_datagrams(struct bk_drive *d, uint32_t id)
{
	struct bk_way way = {.socket = id};
	uint8_t data[DATAGRAM_MAX];

	for (int i = 0; i < DATAGRAMS_PER_EVENT && !d->hold.is_dead; i++) {
		struct drive_socket *s = find(d, id);
		int n = s ? bk_udp_receive(s->fd, &way.remote, data, sizeof(data)) : BK_E_AGAIN;

		if (n == BK_E_AGAIN)
			break;
		if (n >= 0 && !tell_engine(d, &way, data, (size_t)n) && d->stray)
			d->stray(d->stray_arg, &way, data, (size_t)n);
	}
}

static void on_socket(void *arg, int fd, int events)
{
	struct drive_socket *s = arg;
	struct bk_drive *d = s->drive;

	(void)fd;
	(void)events;
	bk_hold_enter(&d->hold);
	switch (s->kind) {
	case KIND_LISTENER:
		accept_on(s);
		break;
	case KIND_CONNECTION:
		finish_connect(s);
		break;
	case KIND_DATAGRAM:
		if (d->ops->on_icmp)
			take_icmp(s);
		take_datagrams(d, s->id);
		break;
	case KIND_LENT: /* its owner watches it */
		break;
	}
	settle(d);
	leave(d);
}

static void on_timer(void *arg)
{
	struct bk_drive *d = arg;

	bk_hold_enter(&d->hold);
	d->ops->on_time(d->engine, bk_loop_now(d->loop));
	settle(d);
	leave(d);
}

static void on_turn(void *arg)
{
	struct bk_drive *d = arg;

	bk_hold_enter(&d->hold);
	settle(d);
	leave(d);
}

/* --- the owner's side --- */

int bk_drive_new(struct bk_loop *loop, void *engine, const struct bk_engine_ops *ops, bk_drive_report_fn fn,
	void *arg, struct bk_drive **ret_drive)
{
	struct bk_drive *d = calloc(1, sizeof(*d));
	int err;

	if (!d)
		return BK_E_NOMEM;
	*d = (struct bk_drive){.loop = loop, .engine = engine, .ops = ops, .report = fn, .arg = arg};
	for (size_t i = 0; i < BUCKETS; i++)
		bk_list_init(&d->buckets[i]);
	err = bk_timer_new(loop, on_timer, d, &d->timer);
	if (err < 0) {
		free(d);
		return err;
	}
	bk_turn_init(&d->turn, loop, on_turn, d);
	bk_drive_poke(d);
	*ret_drive = d;
	return 0;
}

void bk_drive_free(struct bk_drive *d)
{
	if (!d || d->hold.is_dead)
		return;
	for (size_t i = 0; i < BUCKETS; i++)
		bk_list_each(it, tmp, &d->buckets[i]) drop(bk_container_of(it, struct drive_socket, link));
	bk_assert(!d->sockets_len);
	bk_timer_free(d->timer);
	bk_turn_done(&d->turn);
	if (bk_hold_end(&d->hold))
		free(d);
}

void bk_drive_set_stray(struct bk_drive *d, bk_drive_stray_fn fn, void *arg)
{
	d->stray = fn;
	d->stray_arg = arg;
}

int bk_drive_take(struct bk_drive *d, uint32_t id)
{
	struct drive_socket *s = find(d, id);
	int fd = -1;

	if (s && (s->kind == KIND_CONNECTION || s->kind == KIND_DATAGRAM)) {
		fd = s->fd;
		if (s->kind == KIND_DATAGRAM && d->ops->on_icmp)
			bk_udp_want_icmp(fd, false);
		forget(s);
	}
	return fd;
}

int bk_drive_lend(struct bk_drive *d, uint32_t id, int fd)
{
	struct drive_socket *s;

	return add(d, id, fd, KIND_LENT, &s);
}

bool bk_drive_hear(struct bk_drive *d, const struct bk_way *way, const uint8_t *data, size_t len)
{
	struct drive_socket *s = find(d, way->socket); /* the engine may have closed it */

	if (!s || s->kind != KIND_LENT || !tell_engine(d, way, data, len))
		return false;
	bk_turn_ask(&d->turn);
	return true;
}

void bk_drive_hear_icmp(struct bk_drive *d, const struct bk_way *way, const struct bk_icmp *icmp)
{
	struct drive_socket *s = find(d, way->socket);

	if (!s || s->kind != KIND_LENT || !d->ops->on_icmp)
		return;
	d->ops->on_icmp(d->engine, way->socket, &way->remote, icmp, bk_loop_now(d->loop));
	bk_turn_ask(&d->turn);
}

void bk_drive_poke(struct bk_drive *d)
{
	bk_turn_ask(&d->turn);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Datagrams come in large pieces (UDP_GRO) and are told apart one by one: first a link on this very way that
 * has the connection id they are for, then the engines, each of which knows its own, then the few that may
 * begin a connection whose way we have not proven yet. A link never follows its peer to another way: that is
 * the session's business. A socket that an engine has opened becomes ours with the first link on it, and the
 * engine goes on by it as by the first two. Nothing here walks over all sockets but the end. */
#include "path/ways.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/hold.h"
#include "base/list.h"
#include "base/log.h"
#include "net/hops.h"
#include "net/sock.h"
#include "net/turn.h"
#include "net/udp.h"
#include "path/early.h"

enum {
	FIRST_SOCKETS = 2,
	LINKS_MAX = 32,
	PIECES_PER_EVENT = 32,
	TWICE = 10, /* the first datagrams of a link: its handshake and the race's nomination */
};

struct ways_socket {
	struct bk_list link_in_ways;
	struct bk_ways *ways;
	struct bk_ways_run *run; /* whose engine opened it; NULL: one of the first two, or the run is over */
	unsigned run_number;     /* 0: one of the first two, which every engine has */
	uint32_t id;             /* the engine's name for it */
	struct bk_watch *watch;
	int fd, interest;
	bool is_uncut; /* UDP_SEGMENT was refused */
	struct bk_list links;
};

struct way_link {
	struct bk_list link_in_socket;
	struct ways_socket *socket;
	struct bk_addr remote;
	struct bk_link *quic;
	unsigned twice; /* so many more of its datagrams go in two copies */
	bool is_fed;    /* datagrams were handed over and not flushed */
	bool is_full;   /* the socket took nothing more */
};

struct bk_ways_run {
	struct bk_list link_in_ways;
	struct bk_ways *ways;
	struct bk_drive *drive;
	unsigned number;
	bk_drive_report_fn fn;
	void *arg;
};

struct bk_ways {
	struct bk_loop *loop;
	void (*on_view)(void *arg);
	void *arg;
	struct bk_list sockets, runs;
	struct ways_socket first[FIRST_SOCKETS];
	size_t links_len;
	unsigned runs_begun, runs_len; /* without the gathering */
	struct bk_stun_gather *gather;
	struct bk_ways_run *gathering;
	struct bk_ways_view view;
	struct bk_hops hops;
	struct bk_early early;
	struct bk_turn turn; /* early datagrams are handed out, sockets that nobody needs closed */
	struct bk_hold hold;
	uint8_t buffer[BK_UDP_PIECE_MAX];
};

static void leave(struct bk_ways *w)
{
	if (bk_hold_leave(&w->hold))
		free(w);
}

/* ---- sockets ---- */

static void set_interest(struct ways_socket *s, int interest)
{
	if (s->interest == interest)
		return;
	s->interest = interest;
	bk_watch_set(s->watch, interest);
}

static void socket_done(struct ways_socket *s)
{
	bk_assert(bk_list_empty(&s->links)); /* a link says goodbye from its socket */
	bk_watch_free(s->watch);
	if (s->fd >= 0)
		close(s->fd);
	s->watch = NULL;
	s->fd = -1;
}

static void socket_free(struct ways_socket *s)
{
	bk_list_remove(&s->link_in_ways);
	socket_done(s);
	free(s);
}

static void on_socket(void *arg, int fd, int events);

/* Begins to read it. On errors the descriptor is closed with socket_done. */
static int watch(struct ways_socket *s, uint8_t family)
{
	int err = bk_watch_new(s->ways->loop, s->fd, on_socket, s, &s->watch);

	if (err < 0)
		return err;
	bk_udp_tune_stream(s->fd, family);
	set_interest(s, BK_READABLE);
	return 0;
}

static bool is_of(const struct ways_socket *s, const struct bk_ways_run *r)
{
	return !s->run_number || s->run == r;
}

static struct ways_socket *find_socket(struct bk_ways_run *r, uint32_t id)
{
	struct bk_ways *w = r->ways;

	for (size_t i = 0; i < FIRST_SOCKETS; i++)
		if (w->first[i].id == id && w->first[i].fd >= 0)
			return &w->first[i];
	bk_list_each(it, tmp, &w->sockets)
	{
		struct ways_socket *s = bk_container_of(it, struct ways_socket, link_in_ways);
		if (s->run == r && s->id == id)
			return s;
	}
	return NULL;
}

/* The engine's socket becomes ours, and the engine has it lent. */
static int take_over(struct bk_ways_run *r, uint32_t id, struct ways_socket **ret_socket)
{
	struct bk_ways *w = r->ways;
	struct ways_socket *s = calloc(1, sizeof(*s));
	struct bk_addr local;
	int err;

	if (!s)
		return BK_E_NOMEM;
	*s = (struct ways_socket){.ways = w, .run = r, .run_number = r->number, .id = id};
	bk_list_init(&s->links);
	bk_list_append(&w->sockets, &s->link_in_ways);
	s->fd = bk_drive_take(r->drive, id);
	err = s->fd < 0 ? BK_E_NOT_FOUND : bk_sock_local(s->fd, &local);
	if (!err)
		err = watch(s, local.family);
	if (!err)
		err = bk_drive_lend(r->drive, id, s->fd);
	if (err < 0) {
		socket_free(s);
		return err;
	}
	*ret_socket = s;
	return 0;
}

static struct bk_addr local_of(const struct ways_socket *s)
{
	struct bk_addr bound = {0};

	if (bk_sock_local(s->fd, &bound) == 0 && bound.family == 4)
		return bk_addr_with_port(s->ways->view.local, bound.port);
	return bound;
}

/* ---- links ---- */

static struct way_link *find_link(
	struct ways_socket *s, const struct bk_addr *from, const uint8_t *data, size_t len)
{
	bk_list_each(it, tmp, &s->links)
	{
		struct way_link *l = bk_container_of(it, struct way_link, link_in_socket);
		if (bk_addr_equal(&l->remote, from) && bk_link_quic_wants(l->quic, data, len))
			return l;
	}
	return NULL;
}

static int on_send(void *arg, const struct bk_addr *remote, const uint8_t *data, size_t len, size_t segment)
{
	struct way_link *l = arg;
	struct ways_socket *s = l->socket;
	int err = bk_udp_send_piece(s->fd, remote, data, len, segment, &s->is_uncut);

	/* A lost packet of a handshake costs up to three round trips, a copy a few microseconds. */
	if (!err && l->twice > 0) {
		l->twice--;
		bk_udp_send_piece(s->fd, remote, data, len, segment, &s->is_uncut);
	}
	if (err == BK_E_AGAIN) {
		l->is_full = true;
		set_interest(s, BK_READABLE | BK_WRITABLE);
	}
	if (!err || err == BK_E_AGAIN || err == BK_E_TOO_BIG)
		return err;
	/* A route that is gone for a moment is a lost packet; the link's own timers judge. */
	bk_log_debug("ways", "send: %s", bk_error_text(err));
	return 0;
}

static void link_forget(struct way_link *l)
{
	bk_list_remove(&l->link_in_socket);
	l->socket->ways->links_len--;
	free(l);
}

static void on_freed(void *arg)
{
	struct way_link *l = arg;
	struct bk_ways *w = l->socket->ways;

	link_forget(l);
	bk_turn_ask(&w->turn);
}

int bk_ways_link_new(struct bk_ways_run *r, const struct bk_way *way, const struct bk_link_quic_opts *opts,
	const struct bk_link_events *events, void *arg, struct bk_link **ret_link)
{
	struct bk_ways *w = r->ways;
	struct ways_socket *s = find_socket(r, way->socket);
	struct bk_link_quic_opts full = *opts;
	struct way_link *l;
	int err = w->links_len < LINKS_MAX ? 0 : BK_E_FULL;

	if (!err && !s)
		err = take_over(r, way->socket, &s);
	if (err < 0)
		return err;
	l = calloc(1, sizeof(*l));
	if (!l)
		return BK_E_NOMEM;
	*l = (struct way_link){.socket = s, .remote = way->remote, .twice = TWICE};
	full.local = local_of(s);
	full.remote = way->remote;
	full.send = on_send;
	full.on_freed = on_freed;
	full.arg = l;
	bk_list_append(&s->links, &l->link_in_socket);
	w->links_len++;
	err = bk_link_quic_new(w->loop, &full, events, arg, &l->quic);
	if (err < 0) {
		link_forget(l);
		return err;
	}
	bk_turn_ask(&w->turn);
	*ret_link = l->quic;
	return 0;
}

/* Datagrams of its way; flush follows. */
static void feed(struct way_link *l, const uint8_t *data, size_t n, size_t segment)
{
	l->is_fed = true;
	bk_link_quic_input(l->quic, &l->remote, data, n, segment);
}

static struct way_link *next_fed(struct ways_socket *s)
{
	bk_list_each(it, tmp, &s->links)
	{
		struct way_link *l = bk_container_of(it, struct way_link, link_in_socket);
		if (l->is_fed)
			return l;
	}
	return NULL;
}

/* Whatever a link calls may free links, this one too, and the ways. */
static void flush(struct ways_socket *s)
{
	struct bk_ways *w = s->ways;
	struct way_link *l;

	while (!w->hold.is_dead && (l = next_fed(s))) {
		l->is_fed = false;
		bk_link_quic_flush(l->quic);
	}
}

/* The socket takes datagrams again. */
static void let_write(struct ways_socket *s)
{
	set_interest(s, BK_READABLE);
	bk_list_each(it, tmp, &s->links)
	{
		struct way_link *l = bk_container_of(it, struct way_link, link_in_socket);
		l->is_fed |= l->is_full;
		l->is_full = false;
	}
	flush(s);
}

/* ---- datagrams in ---- */

static void keep_early(
	struct bk_ways *w, unsigned run, const struct bk_way *way, const uint8_t *data, size_t len)
{
	if (w->runs_len && bk_link_quic_is_first(data, len))
		bk_early_keep(&w->early, &(struct bk_early_place){run, *way}, data, len);
}

/* No link's: an engine's, or nobody's yet. Engines answer at the end of the turn: nothing is freed here. */
static void hear(struct ways_socket *s, const struct bk_addr *from, const uint8_t *data, size_t len)
{
	const struct bk_way way = {s->id, *from};

	bk_list_each(it, tmp, &s->ways->runs)
	{
		struct bk_ways_run *r = bk_container_of(it, struct bk_ways_run, link_in_ways);
		if (is_of(s, r) && bk_drive_hear(r->drive, &way, data, len))
			return;
	}
	keep_early(s->ways, s->run_number, &way, data, len);
}

/* How many bytes from the first datagram on are for the same link. */
static size_t stretch(const struct way_link *l, const uint8_t *data, size_t n, size_t segment)
{
	size_t at = segment < n ? segment : n;

	while (at < n) {
		size_t len = n - at < segment ? n - at : segment;

		if (!bk_link_quic_wants(l->quic, data + at, len))
			break;
		at += len;
	}
	return at;
}

static void hand_out(
	struct ways_socket *s, const struct bk_addr *from, const uint8_t *data, size_t n, size_t segment)
{
	while (n) {
		size_t take = segment < n ? segment : n;
		struct way_link *l = find_link(s, from, data, take);

		if (l) {
			take = stretch(l, data, n, segment);
			feed(l, data, take, segment);
		} else {
			hear(s, from, data, take);
		}
		data += take;
		n -= take;
	}
}

static void receive(struct ways_socket *s)
{
	struct bk_ways *w = s->ways;

	for (int i = 0; i < PIECES_PER_EVENT; i++) {
		struct bk_addr from;
		size_t segment;
		int n = bk_udp_receive_piece(s->fd, &from, w->buffer, sizeof(w->buffer), &segment);

		if (n == BK_E_AGAIN)
			break;
		if (n > 0)
			hand_out(s, &from, w->buffer, (size_t)n, segment);
	}
	flush(s);
}

static void on_socket(void *arg, int fd, int events)
{
	struct ways_socket *s = arg;
	struct bk_ways *w = s->ways;

	(void)fd;
	bk_hold_enter(&w->hold);
	if (events & BK_WRITABLE)
		let_write(s);
	if (!w->hold.is_dead && (events & BK_READABLE))
		receive(s);
	leave(w);
}

/* On a socket that is the drive's still: it has no link. */
static void on_stray(void *arg, const struct bk_way *way, const uint8_t *data, size_t len)
{
	struct bk_ways_run *r = arg;

	keep_early(r->ways, r->number, way, data, len);
}

/* ---- the end of a turn ---- */

static void hand_out_early(struct ways_socket *s)
{
	uint8_t bytes[BK_EARLY_LEN];
	size_t n;

	bk_list_each(it, tmp, &s->links)
	{
		struct way_link *l = bk_container_of(it, struct way_link, link_in_socket);
		struct bk_early_place at = {s->run_number, {s->id, l->remote}};

		while ((n = bk_early_take(&s->ways->early, &at, bytes)) > 0) {
			struct way_link *wants = find_link(s, &l->remote, bytes, n);

			if (wants)
				feed(wants, bytes, n, n);
		}
	}
	flush(s);
}

static void on_turn(void *arg)
{
	struct bk_ways *w = arg;

	bk_hold_enter(&w->hold);
	for (size_t i = 0; i < FIRST_SOCKETS && !w->hold.is_dead; i++)
		hand_out_early(&w->first[i]);
	for (struct bk_list *it = w->sockets.next, *next; !w->hold.is_dead && it != &w->sockets; it = next) {
		struct ways_socket *s = bk_container_of(it, struct ways_socket, link_in_ways);

		hand_out_early(s);
		if (w->hold.is_dead)
			break;
		next = it->next;
		if (!s->run && bk_list_empty(&s->links))
			socket_free(s);
	}
	leave(w);
}

/* ---- engines ---- */

static void on_report(void *arg, const struct bk_action *report)
{
	struct bk_ways_run *r = arg;

	r->fn(r->arg, report);
}

static int lend_first(struct bk_ways_run *r)
{
	int err = 0;

	for (size_t i = 0; i < FIRST_SOCKETS && !err; i++)
		if (r->ways->first[i].fd >= 0)
			err = bk_drive_lend(r->drive, r->ways->first[i].id, r->ways->first[i].fd);
	return err;
}

static int run_new(struct bk_ways *w, void *engine, const struct bk_engine_ops *ops, bk_drive_report_fn fn,
	void *arg, struct bk_ways_run **ret_run)
{
	struct bk_ways_run *r = calloc(1, sizeof(*r));
	int err;

	if (!r)
		return BK_E_NOMEM;
	*r = (struct bk_ways_run){.ways = w, .number = ++w->runs_begun, .fn = fn, .arg = arg};
	err = bk_drive_new(w->loop, engine, ops, on_report, r, &r->drive);
	if (!err)
		err = lend_first(r);
	if (err < 0) {
		bk_drive_free(r->drive);
		free(r);
		return err;
	}
	bk_drive_set_stray(r->drive, on_stray);
	bk_list_append(&w->runs, &r->link_in_ways);
	*ret_run = r;
	return 0;
}

int bk_ways_run_new(struct bk_ways *w, void *engine, const struct bk_engine_ops *ops, bk_drive_report_fn fn,
	void *arg, struct bk_ways_run **ret_run)
{
	int err = run_new(w, engine, ops, fn, arg, ret_run);

	if (!err && !w->runs_len++)
		w->early = (struct bk_early){0}; /* of another time */
	return err;
}

static void run_free(struct bk_ways_run *r)
{
	bk_list_each(it, tmp, &r->ways->sockets)
	{
		struct ways_socket *s = bk_container_of(it, struct ways_socket, link_in_ways);
		if (s->run == r)
			s->run = NULL;
	}
	bk_turn_ask(&r->ways->turn);
	bk_early_forget(&r->ways->early, r->number);
	bk_list_remove(&r->link_in_ways);
	bk_drive_free(r->drive);
	free(r);
}

void bk_ways_run_free(struct bk_ways_run *r)
{
	if (!r)
		return;
	bk_assert(r->ways->runs_len > 0);
	r->ways->runs_len--;
	run_free(r);
}

void bk_ways_run_poke(struct bk_ways_run *r)
{
	bk_drive_poke(r->drive);
}

int bk_ways_run_take(struct bk_ways_run *r, uint32_t id)
{
	return bk_drive_take(r->drive, id);
}

struct bk_addr bk_ways_local(struct bk_ways_run *r, uint32_t socket)
{
	struct ways_socket *s = find_socket(r, socket);

	return s ? local_of(s) : (struct bk_addr){0};
}

/* ---- what the IPv4 socket looks like from outside ---- */

static void on_gathered(void *arg, const struct bk_action *report)
{
	struct bk_ways *w = arg;

	if (report->local.family && !bk_addr_equal_ip(&report->local, &w->view.local))
		bk_hops_ask(&w->hops, &report->local);
	bk_ways_view(w);
	w->on_view(w->arg);
}

static int start_gathering(struct bk_ways *w)
{
	uint8_t key[BK_STUN_GATHER_KEY_LEN];
	int err;

	randombytes_buf(key, sizeof(key));
	err = bk_stun_gather_new(BK_WAYS_SOCKET4, key, &w->gather);
	sodium_memzero(key, sizeof(key));
	return err < 0 ? err : run_new(w, w->gather, &bk_stun_gather_ops, on_gathered, w, &w->gathering);
}

void bk_ways_gather(struct bk_ways *w, const struct bk_addr *servers, size_t len)
{
	struct bk_addr local;

	if (!len || bk_udp_route(&servers[0], &local) < 0)
		return;
	w->view.local = bk_addr_with_port(local, w->view.local.port);
	bk_stun_gather_begin(w->gather, servers, len, bk_loop_now(w->loop));
	bk_drive_poke(w->gathering->drive);
	bk_ways_view(w);
}

const struct bk_ways_view *bk_ways_view(struct bk_ways *w)
{
	const struct bk_stun_sample *samples = bk_stun_gather_samples(w->gather, &w->view.samples_len);

	memcpy(w->view.samples, samples, w->view.samples_len * sizeof(*samples));
	w->view.awaited = bk_stun_gather_awaited(w->gather);
	return &w->view;
}

unsigned bk_ways_hops(struct bk_ways *w)
{
	return bk_hops_count(&w->hops);
}

/* ---- the beginning and the end ---- */

static int open_first(struct bk_ways *w, size_t i)
{
	struct ways_socket *s = &w->first[i];
	const struct bk_addr any = {.family = i ? 6 : 4};
	struct bk_addr bound;
	int err = bk_udp_open(&any, false, &s->fd);

	if (err < 0) {
		s->fd = -1;
		return i ? 0 : err; /* a machine without IPv6 is no trouble */
	}
	err = watch(s, any.family);
	if (!err)
		err = bk_sock_local(s->fd, &bound);
	if (err < 0)
		return err;
	if (i)
		w->view.port6 = bound.port;
	else
		w->view.local = bound;
	return 0;
}

int bk_ways_new(struct bk_loop *loop, void (*on_view)(void *arg), void *arg, struct bk_ways **ret_ways)
{
	struct bk_ways *w = calloc(1, sizeof(*w));
	int err = 0;

	if (!w)
		return BK_E_NOMEM;
	w->loop = loop;
	w->on_view = on_view;
	w->arg = arg;
	bk_hops_init(&w->hops);
	bk_list_init(&w->sockets);
	bk_list_init(&w->runs);
	bk_turn_init(&w->turn, loop, on_turn, w);
	for (size_t i = 0; i < FIRST_SOCKETS; i++) {
		w->first[i] = (struct ways_socket){
			.ways = w, .fd = -1, .id = i ? BK_WAYS_SOCKET6 : BK_WAYS_SOCKET4};
		bk_list_init(&w->first[i].links);
	}
	for (size_t i = 0; i < FIRST_SOCKETS && !err; i++)
		err = open_first(w, i);
	if (!err)
		err = start_gathering(w);
	if (err < 0) {
		bk_ways_free(w);
		return err;
	}
	*ret_ways = w;
	return 0;
}

void bk_ways_free(struct bk_ways *w)
{
	if (!w || w->hold.is_dead)
		return;
	bk_assert(!w->runs_len && !w->links_len);
	if (w->gathering)
		run_free(w->gathering);
	bk_stun_gather_free(w->gather);
	for (size_t i = 0; i < FIRST_SOCKETS; i++)
		socket_done(&w->first[i]);
	bk_list_each(it, tmp, &w->sockets) socket_free(bk_container_of(it, struct ways_socket, link_in_ways));
	bk_hops_done(&w->hops);
	bk_turn_done(&w->turn);
	if (bk_hold_end(&w->hold))
		free(w);
}

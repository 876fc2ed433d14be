/* SPDX-License-Identifier: Apache-2.0 */
/* Datagrams come in large pieces (UDP_GRO) and are told apart one by one: those of a link in a row go to it
 * together. A link never follows its peer to another way: that is the session's business. */
#include "path/quic_socket.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/log.h"

enum {
	TWICE = 10, /* the first datagrams of a link: its handshake and the race's nomination */
	ICMP_PER_EVENT = 64,
	FIRST_MAX = 1452, /* 1500 less the headers: what QUIC begins with */
};

struct way_link {
	struct bk_list link_in_socket;
	struct bk_quic_socket *socket;
	struct bk_addr remote;
	struct bk_link *quic;
	unsigned twice; /* so many more of its datagrams go in two copies */
	bool is_fed;    /* datagrams were handed over and not flushed */
	bool is_full;   /* the socket took nothing more */
	bool is_heard;
	unsigned blind; /* until then so many more datagrams go out; 0: any number */
	uint8_t first[FIRST_MAX];
	size_t first_len;
};

static void set_interest(struct bk_quic_socket *s, int interest)
{
	if (s->interest == interest)
		return;
	s->interest = interest;
	bk_watch_set(s->watch, interest);
}

/* --- out --- */

static void keep_first(struct way_link *l, const uint8_t *data, size_t len, size_t segment)
{
	size_t n = segment && segment < len ? segment : len;

	if (l->first_len || n > FIRST_MAX)
		return;
	memcpy(l->first, data, n);
	l->first_len = n;
}

/* One more datagram, if it may go out. What does not is lost, as on any path: the link repeats it in its own time. */
static bool take_leave(struct way_link *l)
{
	if (l->is_heard || !l->blind)
		return true;
	if (l->blind == 1)
		return false;
	l->blind--;
	return true;
}

static int on_send(void *arg, const struct bk_addr *remote, const uint8_t *data, size_t len, size_t segment)
{
	struct way_link *l = arg;
	struct bk_quic_socket *s = l->socket;
	int err;

	keep_first(l, data, len, segment);
	if (!take_leave(l))
		return 0;
	err = bk_udp_send_piece(s->fd, remote, data, len, segment, &s->is_uncut);

	/* A lost packet of a handshake costs up to three round trips, a copy a few microseconds. */
	if (!err && l->twice > 0 && take_leave(l)) {
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
	bk_log_debug("path", "send: %s", bk_error_text(err));
	return 0;
}

static void link_forget(struct way_link *l)
{
	bk_list_remove(&l->link_in_socket);
	l->socket->all->links_len--;
	free(l);
}

static void on_freed(void *arg)
{
	struct way_link *l = arg;
	struct bk_quic_sockets *all = l->socket->all;

	link_forget(l);
	all->on_link_freed(all->arg);
}

int bk_quic_socket_link_new(struct bk_quic_socket *s, const struct bk_link_quic_opts *opts,
	const struct bk_link_events *events, void *arg, struct bk_link **ret_link)
{
	struct way_link *l = s->all->links_len < BK_QUIC_LINKS_MAX ? calloc(1, sizeof(*l)) : NULL;
	struct bk_link_quic_opts full = *opts;
	int err;

	if (!l)
		return s->all->links_len < BK_QUIC_LINKS_MAX ? BK_E_NOMEM : BK_E_FULL;
	*l = (struct way_link){.socket = s, .remote = opts->remote, .twice = TWICE};
	full.send = on_send;
	full.on_freed = on_freed;
	full.arg = l;
	bk_list_append(&s->links, &l->link_in_socket);
	s->all->links_len++;
	err = bk_link_quic_new(s->all->loop, &full, events, arg, &l->quic);
	if (err < 0) {
		link_forget(l);
		return err;
	}
	*ret_link = l->quic;
	return 0;
}

static struct way_link *way_of(struct bk_quic_socket *s, const struct bk_link *link)
{
	bk_list_each(it, tmp, &s->links)
	{
		struct way_link *l = bk_container_of(it, struct way_link, link_in_socket);
		if (l->quic == link)
			return l;
	}
	return NULL;
}

bool bk_quic_socket_has(struct bk_quic_socket *s, const struct bk_link *link)
{
	return way_of(s, link);
}

void bk_quic_socket_limit(struct bk_quic_socket *s, const struct bk_link *link, unsigned datagrams)
{
	struct way_link *l = way_of(s, link);

	bk_assert(l);
	l->blind = datagrams ? datagrams + 1 : 0;
}

void bk_quic_socket_repeat(struct bk_quic_socket *s, const struct bk_link *link)
{
	struct way_link *l = way_of(s, link);

	bk_assert(l);
	if (!l->is_heard && l->first_len && take_leave(l))
		bk_udp_send_piece(s->fd, &l->remote, l->first, l->first_len, 0, &s->is_uncut);
}

/* --- in --- */

static struct way_link *find_link(
	struct bk_quic_socket *s, const struct bk_addr *from, const uint8_t *data, size_t len)
{
	bk_list_each(it, tmp, &s->links)
	{
		struct way_link *l = bk_container_of(it, struct way_link, link_in_socket);
		if (bk_addr_equal(&l->remote, from) && bk_link_quic_wants(l->quic, data, len))
			return l;
	}
	return NULL;
}

/* Datagrams of its way; flush follows. */
static void feed(struct way_link *l, const uint8_t *data, size_t n, size_t segment)
{
	l->is_fed = l->is_heard = true;
	bk_link_quic_input(l->quic, &l->remote, data, n, segment);
}

bool bk_quic_socket_feed(
	struct bk_quic_socket *s, const struct bk_addr *from, const uint8_t *data, size_t len)
{
	struct way_link *l = find_link(s, from, data, len);

	if (l)
		feed(l, data, len, len);
	return l;
}

static struct way_link *next_fed(struct bk_quic_socket *s)
{
	bk_list_each(it, tmp, &s->links)
	{
		struct way_link *l = bk_container_of(it, struct way_link, link_in_socket);
		if (l->is_fed)
			return l;
	}
	return NULL;
}

void bk_quic_socket_flush(struct bk_quic_socket *s)
{
	struct bk_quic_sockets *all = s->all;
	struct way_link *l;

	while (!all->hold.is_dead && (l = next_fed(s))) {
		l->is_fed = false;
		bk_link_quic_flush(l->quic);
	}
}

/* The socket takes datagrams again. */
static void let_write(struct bk_quic_socket *s)
{
	set_interest(s, BK_READABLE);
	bk_list_each(it, tmp, &s->links)
	{
		struct way_link *l = bk_container_of(it, struct way_link, link_in_socket);
		l->is_fed |= l->is_full;
		l->is_full = false;
	}
	bk_quic_socket_flush(s);
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
	struct bk_quic_socket *s, const struct bk_addr *from, const uint8_t *data, size_t n, size_t segment)
{
	while (n) {
		size_t take = segment < n ? segment : n;
		struct way_link *l = find_link(s, from, data, take);

		if (l) {
			take = stretch(l, data, n, segment);
			feed(l, data, take, segment);
		} else {
			s->all->on_other(s->all->arg, s, from, data, take);
		}
		data += take;
		n -= take;
	}
}

/* What is there at one moment is answered before more is read: while it is deciphered the peer sends on, and ACKs
 * that waited for the end of that would come late. */
static void receive(struct bk_quic_socket *s)
{
	int got = bk_udp_batch_receive(s->all->in, s->fd);

	for (int i = 0; i < got; i++) {
		const struct bk_udp_packet *p = bk_udp_batch_at(s->all->in, (size_t)i);

		hand_out(s, &p->peer, p->data, p->len, p->segment);
	}
	bk_quic_socket_flush(s);
}

static void receive_icmp(struct bk_quic_socket *s)
{
	struct bk_addr remote;
	struct bk_icmp icmp;

	for (int i = 0; i < ICMP_PER_EVENT && bk_udp_receive_icmp(s->fd, &remote, &icmp) == 0; i++)
		s->all->on_icmp(s->all->arg, s, &remote, &icmp);
}

static void on_socket(void *arg, int fd, int events)
{
	struct bk_quic_socket *s = arg;
	struct bk_quic_sockets *all = s->all;

	(void)fd;
	bk_hold_enter(&all->hold);
	if (s->wants_icmp)
		receive_icmp(s);
	if (events & BK_WRITABLE)
		let_write(s);
	if (!all->hold.is_dead && (events & BK_READABLE))
		receive(s);
	if (bk_hold_leave(&all->hold))
		all->release(all->arg);
}

/* --- the socket --- */

void bk_quic_socket_init(struct bk_quic_socket *s, struct bk_quic_sockets *all)
{
	*s = (struct bk_quic_socket){.all = all, .fd = -1};
	bk_list_init(&s->links);
}

int bk_quic_socket_start(struct bk_quic_socket *s, int fd, uint8_t family)
{
	int err = bk_watch_new(s->all->loop, fd, on_socket, s, &s->watch);

	if (err < 0) {
		close(fd);
		return err;
	}
	s->fd = fd;
	bk_udp_tune_stream(fd, family);
	set_interest(s, BK_READABLE);
	return 0;
}

void bk_quic_socket_want_icmp(struct bk_quic_socket *s, bool is_wanted)
{
	if (s->wants_icmp == is_wanted)
		return;
	s->wants_icmp = is_wanted;
	bk_udp_want_icmp(s->fd, is_wanted);
}

void bk_quic_socket_done(struct bk_quic_socket *s)
{
	bk_assert(!bk_quic_socket_has_links(s)); /* a link says goodbye from its socket */
	bk_watch_free(s->watch);
	if (s->fd >= 0)
		close(s->fd);
	s->watch = NULL;
	s->fd = -1;
}

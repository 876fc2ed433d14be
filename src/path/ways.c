/* SPDX-License-Identifier: Apache-2.0 */
/* Who a datagram is for: first a link on this very way, then the engines, each of which knows its own, then
 * the few that may begin a connection whose way we have not proven yet. A socket that an engine has opened
 * becomes ours with the first link on it, and the engine goes on by it as by the first two. For
 * a datagram nothing walks over sockets but those that have, or had, a link. */
#include "path/ways.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/list.h"
#include "net/hops.h"
#include "net/sock.h"
#include "net/turn.h"
#include "net/udp.h"
#include "path/early.h"
#include "path/quic_socket.h"

enum { FIRST_SOCKETS = 2, FRESH = 5, CHECKS = 2 };

struct ways_socket {
	struct bk_quic_socket quic;
	struct bk_list link_in_ways;
	struct bk_ways_run *run; /* whose engine opened it; NULL: one of the first two, or the run is over */
	unsigned run_number;     /* 0: one of the first two, which every engine has */
	uint32_t id;             /* the engine's name for it */
};

struct bk_ways_run {
	struct bk_list link_in_ways;
	struct bk_ways *ways;
	struct bk_drive *drive;
	unsigned number;
	bool wants_icmp;
};

struct bk_ways {
	struct bk_loop *loop;
	void (*on_view)(void *arg);
	void *arg;
	struct bk_list sockets, runs;
	struct ways_socket first[FIRST_SOCKETS];
	unsigned runs_begun, runs_len; /* without the gathering */
	struct bk_stun_gather *gather;
	struct bk_drive *gather_drive;
	struct bk_ways_run *gathering;
	struct bk_ways_view view;
	bool has_looked, has_checked; /* closer, since it was begun */
	struct bk_hops hops;
	struct bk_early early;
	struct bk_turn turn; /* early datagrams are handed out, sockets that nobody needs closed */
	struct bk_quic_sockets quic;
};

/* --- sockets --- */

static void socket_free(struct ways_socket *s)
{
	bk_list_remove(&s->link_in_ways);
	bk_quic_socket_done(&s->quic);
	free(s);
}

static bool is_of(const struct ways_socket *s, const struct bk_ways_run *r)
{
	return !s->run_number || s->run == r;
}

static struct ways_socket *find_socket(struct bk_ways_run *r, uint32_t id)
{
	struct bk_ways *w = r->ways;

	for (size_t i = 0; i < FIRST_SOCKETS; i++)
		if (w->first[i].id == id && bk_quic_socket_is_open(&w->first[i].quic))
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
	int err, fd = s ? bk_drive_take(r->drive, id) : -1;
	struct bk_addr local;

	if (fd < 0) {
		free(s);
		return s ? BK_E_NOT_FOUND : BK_E_NOMEM;
	}
	s->run = r;
	s->run_number = r->number;
	s->id = id;
	bk_quic_socket_init(&s->quic, &w->quic);
	bk_list_append(&w->sockets, &s->link_in_ways);
	err = bk_sock_local(fd, &local);
	err = bk_quic_socket_start(&s->quic, fd, err < 0 ? 4 : local.family);
	if (!err)
		err = bk_drive_lend(r->drive, id, fd);
	if (err < 0) {
		socket_free(s);
		return err;
	}
	*ret_socket = s;
	return 0;
}

static struct bk_addr local_of(const struct bk_ways *w, const struct ways_socket *s)
{
	struct bk_addr bound = {0};

	if (bk_sock_local(s->quic.fd, &bound) == 0 && bound.family == 4)
		return bk_addr_with_port(w->view.local, bound.port);
	return bound;
}

/* --- links --- */

int bk_ways_link_new(struct bk_ways_run *r, const struct bk_way *way, const struct bk_link_quic_opts *opts,
	const struct bk_link_events *events, void *arg, struct bk_link **ret_link)
{
	struct bk_ways *w = r->ways;
	struct ways_socket *s = find_socket(r, way->socket);
	struct bk_link_quic_opts full = *opts;
	int err = s ? 0 : take_over(r, way->socket, &s);

	if (err < 0)
		return err;
	full.local = local_of(w, s);
	full.remote = way->remote;
	bk_turn_ask(&w->turn); /* what came early, or the socket that nobody needs */
	return bk_quic_socket_link_new(&s->quic, &full, events, arg, ret_link);
}

static struct bk_quic_socket *socket_of(struct bk_ways *w, const struct bk_link *link)
{
	struct bk_quic_socket *found = NULL;

	for (size_t i = 0; i < FIRST_SOCKETS; i++) {
		if (bk_quic_socket_has(&w->first[i].quic, link))
			found = &w->first[i].quic;
	}
	bk_list_each(it, tmp, &w->sockets)
	{
		struct ways_socket *s = bk_container_of(it, struct ways_socket, link_in_ways);
		if (bk_quic_socket_has(&s->quic, link))
			found = &s->quic;
	}
	bk_assert(found);
	return found;
}

void bk_ways_link_limit(struct bk_ways_run *r, const struct bk_link *link, unsigned datagrams)
{
	bk_quic_socket_limit(socket_of(r->ways, link), link, datagrams);
}

void bk_ways_link_repeat(struct bk_ways_run *r, const struct bk_link *link)
{
	bk_quic_socket_repeat(socket_of(r->ways, link), link);
}

static void on_link_freed(void *arg)
{
	struct bk_ways *w = arg;

	bk_turn_ask(&w->turn);
}

/* --- datagrams in --- */

static void keep_early(
	struct bk_ways *w, unsigned run, const struct bk_way *way, const uint8_t *data, size_t len)
{
	if (w->runs_len && bk_link_quic_is_first(data, len))
		bk_early_keep(&w->early, &(struct bk_early_place){run, *way}, data, len);
}

/* No link's: an engine's, or nobody's yet. Engines answer at the end of the turn: nothing is freed here. */
static void on_other(
	void *arg, struct bk_quic_socket *quic, const struct bk_addr *from, const uint8_t *data, size_t len)
{
	struct ways_socket *s = bk_container_of(quic, struct ways_socket, quic);
	const struct bk_way way = {s->id, *from};
	struct bk_ways *w = arg;

	bk_list_each(it, tmp, &w->runs)
	{
		struct bk_ways_run *r = bk_container_of(it, struct bk_ways_run, link_in_ways);
		if (is_of(s, r) && bk_drive_hear(r->drive, &way, data, len))
			return;
	}
	keep_early(w, s->run_number, &way, data, len);
}

static void on_icmp(
	void *arg, struct bk_quic_socket *quic, const struct bk_addr *remote, const struct bk_icmp *icmp)
{
	struct ways_socket *s = bk_container_of(quic, struct ways_socket, quic);
	const struct bk_way way = {s->id, *remote};
	struct bk_ways *w = arg;

	bk_list_each(it, tmp, &w->runs)
	{
		struct bk_ways_run *r = bk_container_of(it, struct bk_ways_run, link_in_ways);
		if (r->wants_icmp && is_of(s, r))
			bk_drive_hear_icmp(r->drive, &way, icmp);
	}
}

/* On a socket that is the drive's still: it has no link. */
static void on_stray(void *arg, const struct bk_way *way, const uint8_t *data, size_t len)
{
	struct bk_ways_run *r = arg;

	keep_early(r->ways, r->number, way, data, len);
}

/* --- the end of a turn --- */

static bool take_early(void *arg, const struct bk_addr *from, const uint8_t *data, size_t len)
{
	return bk_quic_socket_feed(arg, from, data, len);
}

static void hand_out_early(struct bk_ways *w, struct ways_socket *s)
{
	bk_early_hand_out(&w->early, s->run_number, s->id, take_early, &s->quic);
	bk_quic_socket_flush(&s->quic);
}

static void release(void *arg)
{
	struct bk_ways *w = arg;

	bk_udp_batch_free(w->quic.in);
	free(w);
}

static void on_turn(void *arg)
{
	struct bk_ways *w = arg;
	const struct bk_hold *hold = &w->quic.hold;

	bk_hold_enter(&w->quic.hold);
	for (size_t i = 0; i < FIRST_SOCKETS && !hold->is_dead; i++)
		hand_out_early(w, &w->first[i]);
	for (struct bk_list *it = w->sockets.next, *next; !hold->is_dead && it != &w->sockets; it = next) {
		struct ways_socket *s = bk_container_of(it, struct ways_socket, link_in_ways);

		hand_out_early(w, s);
		if (hold->is_dead)
			break;
		next = it->next;
		if (!s->run && !bk_quic_socket_has_links(&s->quic))
			socket_free(s);
	}
	if (bk_hold_leave(&w->quic.hold))
		release(w);
}

/* --- engines --- */

static int lend_first(struct bk_ways_run *r)
{
	int err = 0;

	for (size_t i = 0; i < FIRST_SOCKETS && !err; i++)
		if (bk_quic_socket_is_open(&r->ways->first[i].quic))
			err = bk_drive_lend(r->drive, r->ways->first[i].id, r->ways->first[i].quic.fd);
	return err;
}

static int run_new(struct bk_ways *w, struct bk_drive *drive, struct bk_ways_run **ret_run)
{
	struct bk_ways_run *r = calloc(1, sizeof(*r));
	int err;

	if (!r)
		return BK_E_NOMEM;
	*r = (struct bk_ways_run){.ways = w, .drive = drive, .number = ++w->runs_begun};
	err = lend_first(r);
	if (err < 0) {
		free(r);
		return err;
	}
	bk_drive_set_stray(drive, on_stray, r);
	bk_list_append(&w->runs, &r->link_in_ways);
	*ret_run = r;
	return 0;
}

int bk_ways_run_new(struct bk_ways *w, struct bk_drive *drive, struct bk_ways_run **ret_run)
{
	int err = run_new(w, drive, ret_run);

	if (!err && !w->runs_len++)
		w->early = (struct bk_early){0}; /* of another time */
	return err;
}

void bk_ways_run_want_icmp(struct bk_ways_run *r, bool is_wanted)
{
	struct bk_ways *w = r->ways;
	bool does_any = false;

	r->wants_icmp = is_wanted;
	bk_list_each(it, tmp, &w->runs) does_any |=
		bk_container_of(it, struct bk_ways_run, link_in_ways)->wants_icmp;
	bk_quic_socket_want_icmp(&w->first[0].quic, does_any);
}

static void run_free(struct bk_ways_run *r)
{
	bk_ways_run_want_icmp(r, false);
	bk_list_each(it, tmp, &r->ways->sockets)
	{
		struct ways_socket *s = bk_container_of(it, struct ways_socket, link_in_ways);
		if (s->run == r)
			s->run = NULL;
	}
	bk_turn_ask(&r->ways->turn);
	bk_early_forget(&r->ways->early, r->number);
	bk_list_remove(&r->link_in_ways);
	bk_drive_set_stray(r->drive, NULL, NULL);
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

struct bk_addr bk_ways_local(struct bk_ways_run *r, uint32_t socket)
{
	struct ways_socket *s = find_socket(r, socket);

	return s ? local_of(r->ways, s) : (struct bk_addr){0};
}

/* --- what the IPv4 socket looks like from outside --- */

/* Towards two places it has two ports, or another socket has. */
static bool is_seen_apart(const struct bk_ways_view *v)
{
	bool is_apart = !bk_addr_equal(&v->samples[0].mapped, &v->samples[1].mapped);

	for (size_t i = 0; i < BK_STUN_FRESH_MAX && !is_apart; i++)
		is_apart =
			v->fresh[i].other.family && !bk_addr_equal(&v->fresh[i].mapped, &v->fresh[i].other);
	return is_apart;
}

/* Which ports do others get, where they get new ones? Of a small block two are the same by chance: a few more tell,
 * where the port is not our own. */
static void look_closer(struct bk_ways *w)
{
	const struct bk_ways_view *v = bk_ways_view(w);

	if (v->samples_len < 2)
		return;
	if (is_seen_apart(v) && !w->has_looked) {
		w->has_looked = w->has_checked = true;
		bk_stun_gather_freshen(w->gather, FRESH);
		bk_drive_poke(w->gather_drive);
	} else if (!w->has_checked && v->samples[0].mapped.port != v->local.port) {
		w->has_checked = true;
		bk_stun_gather_check(w->gather, CHECKS);
		bk_drive_poke(w->gather_drive);
	}
}

static void on_gathered(void *arg, const struct bk_action *report)
{
	struct bk_ways *w = arg;

	if (report->local.family && !bk_addr_equal_ip(&report->local, &w->view.local))
		bk_hops_ask(&w->hops, &report->local);
	look_closer(w);
	bk_ways_view(w);
	w->on_view(w->arg);
}

static int start_gathering(struct bk_ways *w)
{
	uint8_t key[BK_STUN_GATHER_KEY_LEN];
	int err;

	randombytes_buf(key, sizeof(key));
	err = bk_stun_gather_new(BK_WAYS_SOCKET4, w->view.local.port, key, &w->gather);
	sodium_memzero(key, sizeof(key));
	if (!err)
		err = bk_drive_new(w->loop, w->gather, &bk_stun_gather_ops, on_gathered, w, &w->gather_drive);
	return err < 0 ? err : run_new(w, w->gather_drive, &w->gathering);
}

void bk_ways_gather(struct bk_ways *w, const struct bk_addr *servers, size_t len)
{
	struct bk_addr local;

	if (len && bk_udp_route(&servers[0], &local) < 0)
		return;
	if (len)
		w->view.local = bk_addr_with_port(local, w->view.local.port);
	bk_stun_gather_begin(w->gather, servers, len, bk_loop_now(w->loop));
	w->has_looked = w->has_checked = false;
	if (w->view.asked) /* these flows are there already, as a rule */
		bk_stun_gather_freshen(w->gather, 1);
	w->view.asked = bk_loop_now(w->loop);
	bk_drive_poke(w->gather_drive);
	bk_ways_view(w);
}

void bk_ways_gather_more(struct bk_ways *w, const struct bk_addr *servers, size_t len)
{
	size_t asked, known = bk_stun_gather_known(w->gather, servers, len, &asked);

	if (known == len)
		return;
	if (!known || known < asked) {
		bk_ways_gather(w, servers, len);
		return;
	}
	bk_stun_gather_add(w->gather, servers + known, len - known, bk_loop_now(w->loop));
	w->view.asked = bk_loop_now(w->loop);
	bk_drive_poke(w->gather_drive);
	bk_ways_view(w);
}

void bk_ways_freshen(struct bk_ways *w)
{
	bk_stun_gather_freshen(w->gather, 1);
	bk_drive_poke(w->gather_drive);
}

void bk_ways_rest(struct bk_ways *w)
{
	bk_stun_gather_rest(w->gather);
}

const struct bk_ways_view *bk_ways_view(struct bk_ways *w)
{
	const struct bk_stun_sample *samples = bk_stun_gather_samples(w->gather, &w->view.samples_len);

	memcpy(w->view.samples, samples, w->view.samples_len * sizeof(*samples));
	memcpy(w->view.fresh, bk_stun_gather_fresh(w->gather), sizeof(w->view.fresh));
	w->view.fresh_awaited = bk_stun_gather_fresh_awaited(w->gather);
	w->view.awaited = bk_stun_gather_awaited(w->gather);
	return &w->view;
}

unsigned bk_ways_hops(struct bk_ways *w)
{
	return bk_hops_count(&w->hops);
}

/* --- the beginning and the end --- */

static int open_first(struct bk_ways *w, size_t i)
{
	const struct bk_addr any = {.family = i ? 6 : 4};
	struct bk_addr bound = {0};
	int fd, err = bk_udp_open(&any, false, &fd);

	if (err < 0)
		return i ? 0 : err; /* a machine without IPv6 is no trouble */
	err = bk_quic_socket_start(&w->first[i].quic, fd, any.family);
	if (!err)
		err = bk_sock_local(fd, &bound);
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
	int err;

	if (!w)
		return BK_E_NOMEM;
	w->loop = loop;
	w->on_view = on_view;
	w->arg = arg;
	bk_hops_init(&w->hops);
	bk_list_init(&w->sockets);
	bk_list_init(&w->runs);
	bk_turn_init(&w->turn, loop, on_turn, w);
	w->quic.loop = loop;
	w->quic.on_other = on_other;
	w->quic.on_icmp = on_icmp;
	w->quic.on_link_freed = on_link_freed;
	w->quic.release = release;
	w->quic.arg = w;
	for (size_t i = 0; i < FIRST_SOCKETS; i++) {
		w->first[i].id = i ? BK_WAYS_SOCKET6 : BK_WAYS_SOCKET4;
		bk_quic_socket_init(&w->first[i].quic, &w->quic);
	}
	err = bk_udp_batch_new(BK_UDP_PIECES, BK_UDP_PIECE_MAX, &w->quic.in);
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
	if (!w || w->quic.hold.is_dead)
		return;
	bk_assert(!w->runs_len && !w->quic.links_len);
	if (w->gathering)
		run_free(w->gathering);
	bk_drive_free(w->gather_drive);
	bk_stun_gather_free(w->gather);
	for (size_t i = 0; i < FIRST_SOCKETS; i++)
		bk_quic_socket_done(&w->first[i].quic);
	bk_list_each(it, tmp, &w->sockets) socket_free(bk_container_of(it, struct ways_socket, link_in_ways));
	bk_hops_done(&w->hops);
	bk_turn_done(&w->turn);
	if (bk_hold_end(&w->quic.hold))
		release(w);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Two sockets, or four with a second address: RFC 5780 section 6. A batch comes in, its answers go out as a
 * batch; nothing is allocated or logged for a datagram. What an answer says is stun/responder's business.
 *
 * On the any-address there is one socket for each port. Which of our addresses was asked stands beside each
 * datagram, so the responder is made up for each one: the address asked and, for clients that want to be
 * answered from elsewhere, the second address. */
#include "server/stun.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "net/udp.h"
#include "server/limits.h"
#include "server/throttle.h"
#include "stun/responder.h"

enum {
	PORTS = 2,
	ROUNDS = 8,          /* batches in one go before others get their turn */
	QUEUE = 1024 * 1024, /* bytes that the kernel keeps of a burst */
};

struct port {
	struct bk_stun_service *service;
	struct bk_watch *watch;
	int fd;
	int index; /* of BK_STUN_SOCKETS */
	struct bk_udp_batch *out;
	size_t out_len;
};

struct bk_stun_service {
	struct bk_loop *loop;
	struct bk_addr alt;
	uint16_t numbers[PORTS];
	bool is_any;
	struct port ports[BK_STUN_SOCKETS];
	struct bk_stun_responder responder; /* unless is_any */
	struct bk_udp_batch *in;
	struct bk_throttle *throttle;
};

/* Asked at the second address the first is not known, so that one then offers nothing but its other port. */
static void make_responder(
	const struct bk_stun_service *s, const struct bk_addr *asked, struct bk_stun_responder *r)
{
	bool is_alt = s->alt.family && bk_addr_equal_ip(asked, &s->alt);

	*r = (struct bk_stun_responder){0};
	for (int i = 0; i < PORTS; i++) {
		r->addrs[i] = bk_addr_with_port(*asked, s->numbers[i]);
		if (s->alt.family == asked->family && !is_alt)
			r->addrs[i | BK_STUN_OTHER_IP] = bk_addr_with_port(s->alt, s->numbers[i]);
	}
}

/* Each port's answers leave together. There is always room: one batch of questions has as many answers. */
static void put_answer(
	struct bk_stun_service *s, const struct bk_stun_answer *answer, const struct bk_stun_responder *r)
{
	struct port *p = &s->ports[s->is_any ? answer->socket & BK_STUN_OTHER_PORT : answer->socket];
	struct bk_udp_packet *place = bk_udp_batch_at(p->out, p->out_len++);

	memcpy(place->data, answer->bytes, answer->len);
	place->len = answer->len;
	place->peer = answer->to;
	place->local = (struct bk_addr){0};
	if (s->is_any)
		place->local = bk_addr_with_port(r->addrs[answer->socket], 0);
}

static void answer_one(struct port *p, const struct bk_udp_packet *q, bk_time now)
{
	struct bk_stun_service *s = p->service;
	const struct bk_stun_responder *r = &s->responder;
	struct bk_stun_responder asked;
	struct bk_stun_answer answer;

	if (!bk_throttle_take(s->throttle, &q->peer, now))
		return;
	if (s->is_any) {
		make_responder(s, &q->local, &asked);
		r = &asked;
	}
	if (bk_stun_respond(r, p->index, &q->peer, q->data, q->len, &answer) >= 0)
		put_answer(s, &answer, r);
}

static void flush(struct bk_stun_service *s)
{
	for (int i = 0; i < BK_STUN_SOCKETS; i++) {
		struct port *p = &s->ports[i];

		if (p->out_len)
			bk_udp_batch_send(p->out, p->fd, p->out_len);
		p->out_len = 0;
	}
}

static void on_readable(void *arg, int fd, int events)
{
	struct port *p = arg;
	struct bk_stun_service *s = p->service;
	bk_time now = bk_loop_now(s->loop);
	int got = BK_UDP_BATCH;

	(void)events;
	for (int round = 0; round < ROUNDS && got == BK_UDP_BATCH; round++) {
		got = bk_udp_batch_receive(s->in, fd);
		for (int i = 0; i < got; i++)
			answer_one(p, bk_udp_batch_at(s->in, (size_t)i), now);
		flush(s);
	}
}

static int open_port(struct bk_stun_service *s, int index, const struct bk_addr *at)
{
	struct port *p = &s->ports[index];
	int err = bk_udp_open(at, s->is_any, &p->fd);

	if (err < 0) {
		p->fd = -1;
		return err;
	}
	bk_udp_set_buffer(p->fd, QUEUE);
	err = bk_udp_batch_new(BK_UDP_BATCH, BK_STUN_MESSAGE_MAX, &p->out);
	if (!err)
		err = bk_watch_new(s->loop, p->fd, on_readable, p, &p->watch);
	if (!err)
		err = bk_watch_set(p->watch, BK_READABLE);
	return err;
}

static int open_ports(
	struct bk_stun_service *s, const struct bk_stun_service_opts *opts, struct bk_addr *ret_at)
{
	int n = s->is_any || !s->alt.family ? PORTS : BK_STUN_SOCKETS, err = 0;

	for (int i = 0; i < n && !err; i++) {
		*ret_at = bk_addr_with_port(
			i & BK_STUN_OTHER_IP ? opts->alt : opts->listen, s->numbers[i & BK_STUN_OTHER_PORT]);
		s->responder.addrs[i] = *ret_at;
		err = open_port(s, i, ret_at);
	}
	return err;
}

int bk_stun_service_new(struct bk_loop *loop, const struct bk_stun_service_opts *opts, struct bk_addr *ret_at,
	struct bk_stun_service **ret_service)
{
	struct bk_stun_service *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return BK_E_NOMEM;
	*s = (struct bk_stun_service){
		.loop = loop,
		.alt = opts->alt,
		.numbers = {opts->listen.port, opts->alt_port},
		.is_any = bk_addr_is_any(&opts->listen),
		.throttle = bk_throttle_new(BK_LIMIT_STUN_PER_SECOND, BK_LIMIT_STUN_BURST, opts->seed),
	};
	for (int i = 0; i < BK_STUN_SOCKETS; i++)
		s->ports[i] = (struct port){.service = s, .fd = -1, .index = i};
	*ret_at = opts->listen;
	err = s->throttle ? bk_udp_batch_new(BK_UDP_BATCH, BK_STUN_MESSAGE_MAX, &s->in) : BK_E_NOMEM;
	if (!err)
		err = open_ports(s, opts, ret_at);
	if (err < 0) {
		bk_stun_service_free(s);
		return err;
	}
	*ret_service = s;
	return 0;
}

void bk_stun_service_free(struct bk_stun_service *s)
{
	if (!s)
		return;
	for (int i = 0; i < BK_STUN_SOCKETS; i++) {
		bk_watch_free(s->ports[i].watch);
		bk_udp_batch_free(s->ports[i].out);
		if (s->ports[i].fd >= 0)
			close(s->ports[i].fd);
	}
	bk_udp_batch_free(s->in);
	bk_throttle_free(s->throttle);
	free(s);
}

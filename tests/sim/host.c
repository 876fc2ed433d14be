/* SPDX-License-Identifier: Apache-2.0 */

/* TCP connection set-up after RFC 9293 section 3.10.7 with Linux's choices: initial sequence numbers grow
 * with time; the exact four-tuple is looked up before listeners; a half-open child of a listener holds its
 * four-tuple; an ICMP port unreachable kills a socket that is not established; a retransmission comes after
 * 1, 3, 7 s. */

#include "host.h"

#include <assert.h>
#include <string.h>

#include "base/error.h"

static void send_flags(
	struct sim_host *h, const struct sim_sock *s, unsigned flags, uint32_t seq, uint32_t ack)
{
	struct sim_packet p = {.src = s->local, .dst = s->remote, .flags = flags, .seq = seq, .ack = ack};

	h->syns_sent += flags == SIM_SYN;
	h->resets_sent += (flags & SIM_RST) != 0;
	h->send(h->net, &p);
}

static uint32_t new_isn(const struct sim_host *h)
{
	return h->isn_base + (uint32_t)(h->clock->now / 64);
}

static struct sim_sock *find_id(struct sim_host *h, uint32_t id)
{
	for (size_t i = 0; id != 0 && i < SIM_SOCKS_MAX; i++) {
		if (h->socks[i].state != SIM_SOCK_FREE && h->socks[i].id == id)
			return &h->socks[i];
	}
	return NULL;
}

static struct sim_sock *find_tuple(
	struct sim_host *h, const struct bk_addr *local, const struct bk_addr *remote)
{
	for (size_t i = 0; i < SIM_SOCKS_MAX; i++) {
		struct sim_sock *s = &h->socks[i];

		if (s->state > SIM_SOCK_LISTEN && bk_addr_equal(&s->local, local) &&
			bk_addr_equal(&s->remote, remote))
			return s;
	}
	return NULL;
}

static struct sim_sock *find_listener(struct sim_host *h, const struct bk_addr *local)
{
	for (size_t i = 0; i < SIM_SOCKS_MAX; i++) {
		if (h->socks[i].state == SIM_SOCK_LISTEN && h->socks[i].local.port == local->port)
			return &h->socks[i];
	}
	return NULL;
}

static struct sim_sock *new_sock(struct sim_host *h)
{
	for (size_t i = 0; i < SIM_SOCKS_MAX; i++) {
		if (h->socks[i].state == SIM_SOCK_FREE)
			return &h->socks[i];
	}
	assert(!"sockets");
	return NULL;
}

static void on_resend(void *self, const struct sim_packet *p, int arg);

static void arm_resend(struct sim_host *h, struct sim_sock *s)
{
	struct sim_packet who = {.src = s->local, .dst = s->remote, .seq = s->iss};

	sim_at(h->clock, h->clock->now + (BK_SEC << s->resends), on_resend, h, &who, s->resends);
}

static void send_opening(struct sim_host *h, struct sim_sock *s)
{
	if (s->state == SIM_SOCK_SYN_SENT)
		send_flags(h, s, SIM_SYN, s->iss, 0);
	else
		send_flags(h, s, SIM_SYN | SIM_ACK, s->iss, s->irs + 1);
}

static void on_resend(void *self, const struct sim_packet *p, int arg)
{
	struct sim_host *h = self;
	struct sim_sock *s = find_tuple(h, &p->src, &p->dst);

	if (!s || s->iss != p->seq || s->resends != arg || s->state == SIM_SOCK_ESTABLISHED || arg >= 3)
		return;
	s->resends++;
	send_opening(h, s);
	arm_resend(h, s);
}

void sim_host_listen(struct sim_host *h, uint32_t id, const struct bk_addr *local)
{
	struct sim_sock *s = new_sock(h);

	*s = (struct sim_sock){.state = SIM_SOCK_LISTEN, .id = id, .local = *local};
}

static void on_address_taken(void *self, const struct sim_packet *p, int arg)
{
	struct sim_host *h = self;

	(void)p;
	h->events->on_failed(h->owner, (uint32_t)arg, BK_E_ADDRESS);
}

void sim_host_connect(struct sim_host *h, uint32_t id, const struct bk_addr *local,
	const struct bk_addr *remote, uint8_t ttl)
{
	struct sim_packet syn = {.flags = SIM_SYN, .ttl = ttl};
	struct bk_addr from = *local;
	struct sim_sock *s;

	if (from.family == 0)
		from = bk_addr_with_port(h->ip, (uint16_t)bk_rng_range(&h->clock->rng, 32768, 60999));
	if (find_tuple(h, &from, remote)) {
		sim_at(h->clock, h->clock->now + 1 * BK_US, on_address_taken, h, NULL, (int)id);
		return;
	}
	s = new_sock(h);
	*s = (struct sim_sock){
		.state = SIM_SOCK_SYN_SENT, .id = id, .local = from, .remote = *remote, .iss = new_isn(h)};
	syn.src = s->local;
	syn.dst = s->remote;
	syn.seq = s->iss;
	h->syns_sent++;
	h->send(h->net, &syn);
	arm_resend(h, s);
}

void sim_host_close(struct sim_host *h, uint32_t id)
{
	struct sim_sock *s = find_id(h, id);

	if (!s)
		return;
	if (s->state > SIM_SOCK_SYN_SENT)
		send_flags(h, s, SIM_RST | SIM_ACK, s->iss + 1, s->irs + 1);
	s->state = SIM_SOCK_FREE;
}

void sim_host_say(struct sim_host *h, uint32_t id, int data)
{
	struct sim_sock *s = find_id(h, id);
	struct sim_packet p;

	if (!s || s->state != SIM_SOCK_ESTABLISHED)
		return;
	p = (struct sim_packet){.src = s->local, .dst = s->remote, .flags = SIM_ACK | SIM_DATA, .data = data};
	p.seq = s->iss + 1;
	p.ack = s->irs + 1;
	h->send(h->net, &p);
}

static void fail(struct sim_host *h, struct sim_sock *s, int error)
{
	s->state = SIM_SOCK_FREE;
	h->events->on_failed(h->owner, s->id, error);
}

static void reset_stranger(struct sim_host *h, const struct sim_packet *p)
{
	struct sim_sock s = {.local = p->dst, .remote = p->src};

	if (p->flags & (SIM_RST | SIM_ICMP))
		return;
	if (p->flags & SIM_ACK)
		send_flags(h, &s, SIM_RST, p->ack, 0);
	else
		send_flags(h, &s, SIM_RST | SIM_ACK, 0, p->seq + 1);
}

static void receive_syn_sent(struct sim_host *h, struct sim_sock *s, const struct sim_packet *p)
{
	if (p->flags & SIM_ICMP) {
		if (p->seq == s->iss)
			fail(h, s, BK_E_REFUSED);
	} else if ((p->flags & SIM_ACK) && p->ack != s->iss + 1) {
		reset_stranger(h, p);
	} else if (p->flags & SIM_RST) {
		if (p->flags & SIM_ACK)
			fail(h, s, BK_E_REFUSED);
	} else if (p->flags & SIM_SYN) {
		s->irs = p->seq;
		s->resends = 0;
		if (p->flags & SIM_ACK) {
			s->state = SIM_SOCK_ESTABLISHED;
			send_flags(h, s, SIM_ACK, s->iss + 1, s->irs + 1);
			h->events->on_connected(h->owner, s->id);
			return;
		}
		s->state = SIM_SOCK_SYN_RECV;
		send_opening(h, s);
		arm_resend(h, s);
	}
}

static void establish(struct sim_host *h, struct sim_sock *s)
{
	bool is_child = s->state == SIM_SOCK_CHILD;

	s->state = SIM_SOCK_ESTABLISHED;
	if (!is_child) {
		h->events->on_connected(h->owner, s->id);
		return;
	}
	s->id = h->events->on_accepted(h->owner, s->listener, &s->remote);
	if (s->id == 0) {
		send_flags(h, s, SIM_RST | SIM_ACK, s->iss + 1, s->irs + 1);
		s->state = SIM_SOCK_FREE;
	}
}

/* Half open, by a crossing SYN or as a listener's child. */
static void receive_half_open(struct sim_host *h, struct sim_sock *s, const struct sim_packet *p)
{
	if (p->flags & SIM_ICMP) {
		if (p->seq == s->iss && s->state == SIM_SOCK_SYN_RECV)
			fail(h, s, BK_E_REFUSED);
	} else if (p->flags & SIM_RST) {
		if (p->seq != s->irs + 1)
			return;
		if (s->state == SIM_SOCK_SYN_RECV)
			fail(h, s, BK_E_RESET);
		else
			s->state = SIM_SOCK_FREE;
	} else if ((p->flags & SIM_SYN) && p->seq != s->irs) {
		send_flags(h, s, SIM_ACK, s->iss + 1, s->irs + 1);
	} else if (!(p->flags & SIM_ACK)) {
		send_opening(h, s);
	} else if (p->ack != s->iss + 1) {
		reset_stranger(h, p);
	} else {
		if (p->flags & SIM_SYN)
			send_flags(h, s, SIM_ACK, s->iss + 1, s->irs + 1);
		establish(h, s);
	}
}

static void receive_established(struct sim_host *h, struct sim_sock *s, const struct sim_packet *p)
{
	if (p->flags & SIM_ICMP)
		return;
	if (p->flags & SIM_RST) {
		if (p->seq != s->irs + 1)
			return;
		s->state = SIM_SOCK_FREE;
		h->events->on_lost(h->owner, s->id);
	} else if (p->flags & SIM_SYN) {
		send_flags(h, s, SIM_ACK, s->iss + 1, s->irs + 1);
	}
}

static void receive_listener(struct sim_host *h, const struct sim_sock *listener, const struct sim_packet *p)
{
	struct sim_sock *s = new_sock(h);

	*s = (struct sim_sock){
		.state = SIM_SOCK_CHILD,
		.listener = listener->id,
		.local = p->dst,
		.remote = p->src,
		.iss = new_isn(h),
		.irs = p->seq,
	};
	send_opening(h, s);
	arm_resend(h, s);
}

void sim_host_send(struct sim_host *h, const struct bk_addr *local, const struct bk_addr *remote, uint8_t ttl,
	const uint8_t *bytes, size_t len)
{
	struct sim_packet p = {.src = *local, .dst = *remote, .flags = SIM_UDP, .ttl = ttl ? ttl : SIM_TTL};

	assert(len <= sizeof(p.bytes));
	p.len = (uint16_t)len;
	memcpy(p.bytes, bytes, len);
	h->send(h->net, &p);
}

void sim_host_receive(struct sim_host *h, const struct sim_packet *p)
{
	struct sim_sock *s = find_tuple(h, &p->dst, &p->src), *listener;

	if (p->flags & SIM_UDP) {
		h->events->on_datagram(h->owner, p);
		return;
	}
	if (!s) {
		listener = find_listener(h, &p->dst);
		if (listener && p->flags == SIM_SYN)
			receive_listener(h, listener, p);
		else
			reset_stranger(h, p);
		return;
	}
	if (s->state == SIM_SOCK_SYN_SENT)
		receive_syn_sent(h, s, p);
	else if (s->state != SIM_SOCK_ESTABLISHED)
		receive_half_open(h, s, p);
	else
		receive_established(h, s, p);
	if (s->state == SIM_SOCK_ESTABLISHED && (p->flags & SIM_DATA))
		h->events->on_data(h->owner, s->id, p->data);
}

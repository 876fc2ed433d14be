/* SPDX-License-Identifier: Apache-2.0 */
#include "punch/udp_guess.h"

#include <string.h>

#include "punch/udp.h"

#define REST          (100 * BK_MS)
#define REQUEST_AHEAD (2 * BK_MS) /* of the instant */

/* RFC 792, RFC 1812 section 5.2.7.1: destination unreachable, and of its codes those that say "administratively
 * prohibited": the network, the host, this kind of packet. */
enum { UNREACHABLE = 3, NETWORK_PROHIBITED = 9, HOST_PROHIBITED = 10, FILTERED = 13 };

void bk_udp_guess_init(struct bk_udp_guess *g)
{
	g->spray.wake = g->fan.wake = g->request_wake = BK_NEVER;
}

void bk_udp_guess_done(struct bk_udp_guess *g)
{
	bk_udp_spray_done(&g->spray);
}

int bk_udp_guess_add(struct bk_udp_guess *g, const struct bk_attempt *a, bk_time full_from, bk_time now)
{
	if (a->is_request) {
		g->request_to = a->remote;
		g->request_wake = now;
		g->request_again = bk_time_max(now + 1, full_from - REQUEST_AHEAD);
		return 0;
	}
	g->is_on = true;
	if (a->sockets) {
		if (!g->fan.attempt.sockets)
			bk_udp_fan_init(&g->fan, a, full_from, now);
		return 0;
	}
	return g->spray.shots ? 0 : bk_udp_spray_init(&g->spray, a, full_from, now);
}

/* A read request of TFTP: its number, a name, the mode. Twice, in case one is lost on the way to the own router. */
static void request(struct bk_udp_guess *g, struct bk_udp_mouth *m, uint8_t ttl, bk_time now)
{
	static const uint8_t words[] = {0, 1, 'b', 'o', 'd', 'k', 'i', 'n', 0, 'o', 'c', 't', 'e', 't', 0};
	struct bk_action a = {.type = BK_ACT_DATAGRAM,
		.id = BK_PUNCH_UDP_SOCKET4,
		.remote = g->request_to,
		.ttl = ttl,
		.len = sizeof(words)};

	memcpy(a.data, words, sizeof(words));
	bk_udp_mouth_push(m, &a);
	g->request_wake = now < g->request_again ? g->request_again : BK_NEVER;
}

unsigned bk_udp_guess_run(struct bk_udp_guess *g, struct bk_udp_mouth *m, const struct bk_probe *like,
	uint8_t opener_ttl, const struct bk_udp_targets *targets, bk_time now)
{
	unsigned sent = bk_udp_spray_run(&g->spray, m, like, opener_ttl, now);

	if (now >= g->request_wake)
		request(g, m, opener_ttl, now);
	return sent + bk_udp_fan_run(&g->fan, m, like, opener_ttl, targets, now);
}

bk_time bk_udp_guess_wake(const struct bk_udp_guess *g)
{
	return bk_time_min(g->request_wake, bk_time_min(g->spray.wake, g->fan.wake));
}

void bk_udp_guess_rest(struct bk_udp_guess *g, bk_time now)
{
	bk_udp_spray_rest(&g->spray, now + REST);
	bk_udp_fan_rest(&g->fan);
}

void bk_udp_guess_stop(struct bk_udp_guess *g, bk_time now)
{
	g->request_wake = BK_NEVER;
	bk_udp_spray_stop(&g->spray);
	bk_udp_fan_close(&g->fan, now);
}

/* --- forbidden --- */

static bool is_prohibition(const struct bk_icmp *icmp)
{
	return icmp->from.family == 4 && icmp->type == UNREACHABLE &&
	       (icmp->code == NETWORK_PROHIBITED || icmp->code == HOST_PROHIBITED || icmp->code == FILTERED);
}

/* The kernel has found the socket by the own address and port that the message embeds, and its protocol; the
 * other end is whatever it says. A host that is not on the way knows the addresses of the two, and would have
 * to guess both ports. */
static bool has_sent(const struct bk_udp_guess *g, const struct bk_way *to)
{
	if (to->socket == BK_PUNCH_UDP_SOCKET4)
		return bk_udp_spray_has(&g->spray, &to->remote);
	return bk_udp_fan_has(&g->fan, to->socket) && bk_addr_equal(&g->fan.attempt.remote, &to->remote);
}

bool bk_udp_guess_forbid(
	struct bk_udp_guess *g, const struct bk_way *to, const struct bk_icmp *icmp, bk_time now)
{
	if (!is_prohibition(icmp) || !has_sent(g, to) || bk_addr_equal_ip(&icmp->from, &to->remote))
		return false;
	g->forbidden_by = icmp->from;
	bk_udp_guess_stop(g, now);
	return true;
}

/* --- who comes --- */

const struct bk_technique *bk_udp_guess_technique(const struct bk_udp_guess *g, const struct bk_way *from)
{
	if (bk_udp_fan_has(&g->fan, from->socket))
		return g->fan.attempt.technique;
	return bk_udp_spray_has(&g->spray, &from->remote) ? g->spray.attempt.technique : NULL;
}

bool bk_udp_guess_may_come(const struct bk_udp_guess *g, const struct bk_way *from)
{
	return from->remote.family == g->fan.attempt.remote.family && bk_udp_fan_has(&g->fan, from->socket);
}

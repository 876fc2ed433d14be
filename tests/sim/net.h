/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_NET_H
#define SIM_NET_H

#include "host.h"
#include "nat.h"

/* Two machines, each behind no, one or two NATs, and the internet between them: one router, as in the
 * laboratory. Beside that each may have a public IPv6 address behind a firewall. */

enum { SIM_NATS_MAX = 2 };

struct sim_net;

struct sim_side {
	struct sim_net *net;
	int index; /* 0 or 1 */
	struct sim_host host;
	struct sim_nat *nats[SIM_NATS_MAX]; /* from the machine outwards */
	size_t nats_len;
	struct bk_addr ip6;                /* beside host.ip; port 0; family 0: none */
	struct sim_nat *wall6;             /* in front of it */
	bool is_udp_blocked;               /* no datagram leaves the network */
	unsigned sent;                     /* packets, by the machine */
	bk_time last[2][SIM_NATS_MAX + 1]; /* a link does not reorder, unless it has jitter */
};

struct sim_net {
	struct sim_clock clock;
	struct sim_side sides[2];
	bk_dur delay, jitter; /* one way between the outermost boxes */
	double loss;
};

/* Never NULL. A type's name, or SIM_FW6: a public IPv6 address behind a firewall that lets answers in. */
#define SIM_FW6 "fw6"
struct sim_net *sim_net_new(const char *type_a, const char *type_b, enum sim_answer answer, uint64_t seed);
void sim_net_free(struct sim_net *n);
/* An IPv6 address as SIM_FW6 has it, for a machine that has an IPv4 one. */
void sim_net_add_ip6(struct sim_side *s, enum sim_answer answer);

/* A connection from `local` to a server has been made before the story begins: what the server sees. */
struct bk_addr sim_net_map(struct sim_side *s, const struct bk_addr *local, const struct bk_addr *server);
/* The same over UDP. */
struct bk_addr sim_net_map_udp(struct sim_side *s, const struct bk_addr *local, const struct bk_addr *server);
/* Would what that server sends to the mapped address come in? */
bool sim_net_lets_in(
	const struct sim_side *s, enum bk_transport t, const struct bk_addr *from, struct bk_addr to);

#endif

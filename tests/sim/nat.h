/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_NAT_H
#define SIM_NAT_H

#include <bodkin/path.h>

#include "event.h"
#include "lab/nat_types.h"

/* A router with a NAT, as Linux's connection tracking behaves: a flow for each four-tuple, with the sequence
 * numbers of both SYNs. */

/* To a packet that nobody asked for; "drop", "reset", "reject", "accept" in the list of scenarios. */
enum sim_answer { SIM_DROP, SIM_RESET, SIM_REJECT, SIM_ACCEPT };

const char *sim_answer_name(enum sim_answer answer);
enum sim_answer sim_answer_from_name(const char *name); /* of those four */

enum sim_flow_state {
	SIM_FLOW_FREE,
	SIM_FLOW_SYN_SENT,
	SIM_FLOW_SYN_SENT2,
	SIM_FLOW_SYN_RECV,
	SIM_FLOW_ESTABLISHED,
	SIM_FLOW_CLOSE
};

struct sim_flow {
	enum sim_flow_state state;
	struct bk_addr inside, remote;
	uint16_t port;     /* outside */
	bool from_outside; /* who opened it */
	bool has_reply;
	bool has_isn[2]; /* [0] of the opener */
	uint32_t isn[2];
	int reset_dir;    /* in SIM_FLOW_CLOSE: who reset it */
	bool has_ignored; /* in SIM_FLOW_CLOSE: a SYN of the opener went by without being noted */
	uint32_t ignored;
};

struct sim_open {
	uint16_t port;
	struct bk_addr inside, remote; /* remote as it was sent to */
};

/* A UDP flow lives longer than any story. */
struct sim_udp_flow {
	struct bk_addr inside, remote; /* inside has family 0: the router itself took the first packet */
	uint16_t port;                 /* outside */
};

enum { SIM_FLOWS_MAX = 2048, SIM_OPEN_MAX = 2048, SIM_UDP_FLOWS_MAX = 4096 };

struct sim_nat {
	const struct bk_lab_nat_type *type;
	enum sim_answer answer;
	struct bk_addr wan; /* port 0 */
	struct bk_rng *rng;
	unsigned sequence[2]; /* [1]: of odd ports, where those have their own */
	const struct sim_clock *clock;
	bool has_helper;         /* it looks into TFTP */
	struct sim_open answers; /* that it lets in; remote's family 0: none */
	double noise; /* other users' flows a second, which take ports of a sequence, at random times */
	bk_time noise_next;
	struct sim_flow flows[SIM_FLOWS_MAX];
	size_t flows_len;                   /* behind the last one ever used */
	struct sim_open open[SIM_OPEN_MAX]; /* what was sent from where to whom: the filter's memory */
	size_t open_len;
	struct sim_udp_flow udp[SIM_UDP_FLOWS_MAX];
	size_t udp_len;
	struct sim_open udp_open[SIM_UDP_FLOWS_MAX]; /* the same memory for UDP, by inside port */
	size_t udp_open_len;
	struct sim_open
		given[2]; /* by enum bk_transport: a port that it has opened when asked; port 0: none */
};

/* Does it choose them so? And the next port for that inside one, in its direction, behind what others
 * took by now. */
bool sim_nat_is_sequence(const struct bk_lab_nat_type *t);
uint16_t sim_nat_next_in_sequence(struct sim_nat *n, uint16_t inside);

/* May anybody come in there? */
bool sim_nat_has_given(
	const struct sim_nat *n, enum bk_transport t, const struct bk_addr *to, struct bk_addr *ret_inside);

enum sim_verdict { SIM_PASS, SIM_LOST, SIM_ANSWER };

/* A packet from inside: its source is translated. */
enum sim_verdict sim_nat_outbound(struct sim_nat *n, struct sim_packet *p);
/* A packet from outside: its destination is translated; SIM_ANSWER: ret_answer goes back where it came
 * from. */
enum sim_verdict sim_nat_inbound(struct sim_nat *n, struct sim_packet *p, struct sim_packet *ret_answer);
/* The same for datagrams (nat_udp.c). */
enum sim_verdict sim_nat_udp_outbound(struct sim_nat *n, struct sim_packet *p);
enum sim_verdict sim_nat_udp_inbound(struct sim_nat *n, struct sim_packet *p);

/* Would a SYN, or a datagram, from there come in that belongs to no flow, were it sent now? Changes nothing. */
bool sim_nat_lets_in(const struct sim_nat *n, enum bk_transport t, const struct bk_addr *from,
	const struct bk_addr *to, struct bk_addr *ret_inside);

#endif

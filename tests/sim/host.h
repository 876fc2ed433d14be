/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_HOST_H
#define SIM_HOST_H

#include "event.h"

/* A machine's TCP, as Linux opens and refuses connections, and datagrams. */

enum sim_sock_state {
	SIM_SOCK_FREE,
	SIM_SOCK_LISTEN,
	SIM_SOCK_SYN_SENT,
	SIM_SOCK_SYN_RECV,
	SIM_SOCK_CHILD,
	SIM_SOCK_ESTABLISHED
};

struct sim_sock {
	enum sim_sock_state state;
	uint32_t id; /* of the owner; a half-open child has none yet */
	uint32_t listener;
	struct bk_addr local, remote;
	uint32_t iss, irs;
	bk_time sent; /* tells a stale retransmission timer */
	int resends;
};

/* What the machine tells its owner. */
struct sim_host_events {
	void (*on_connected)(void *owner, uint32_t id);
	void (*on_failed)(void *owner, uint32_t id, int error);
	uint32_t (*on_accepted)(void *owner, uint32_t listener, const struct bk_addr *from);
	void (*on_data)(void *owner, uint32_t id, int data);
	void (*on_lost)(void *owner, uint32_t id); /* an established connection was reset */
	void (*on_datagram)(void *owner, const struct sim_packet *p);
};

enum { SIM_SOCKS_MAX = 128 };

struct sim_host {
	struct sim_clock *clock;
	struct bk_addr ip; /* port 0 */
	uint32_t isn_base;
	struct sim_sock socks[SIM_SOCKS_MAX];
	const struct sim_host_events *events;
	void *owner;
	void (*send)(void *net, const struct sim_packet *p);
	void *net;
	unsigned syns_sent, resets_sent;
};

void sim_host_listen(struct sim_host *h, uint32_t id, const struct bk_addr *local);
/* ttl: of the first SYN alone; 0: the system's. */
void sim_host_connect(struct sim_host *h, uint32_t id, const struct bk_addr *local,
	const struct bk_addr *remote, uint8_t ttl);
void sim_host_close(struct sim_host *h, uint32_t id); /* with SO_LINGER 0: no orphan keeps the four-tuple */
void sim_host_say(struct sim_host *h, uint32_t id, int data);
/* ttl 0: the system's. */
void sim_host_send(struct sim_host *h, const struct bk_addr *local, const struct bk_addr *remote, uint8_t ttl,
	const uint8_t *bytes, size_t len);
void sim_host_receive(struct sim_host *h, const struct sim_packet *p);

#endif

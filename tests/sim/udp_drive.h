/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_UDP_DRIVE_H
#define SIM_UDP_DRIVE_H

#include "base/engine.h"
#include "base/way.h"
#include "net.h"

/* Performs an engine's actions on a simulated machine, as net/drive does on a real one: datagram sockets that
 * it opens, and one that its owner lends. */
enum { SIM_UDP_IDS = 1100, SIM_UDP_LENT_PORT = 41000, SIM_UDP_FIRST_PORT = 42000 };

struct sim_udp_drive {
	struct sim_side *side;
	void *engine;
	const struct bk_engine_ops *ops;
	void (*on_report)(struct sim_udp_drive *d, const struct bk_action *report);
	/* May be NULL: what the engine does not want. */
	void (*on_stray)(struct sim_udp_drive *d, const struct bk_way *way, const uint8_t *data, size_t len);
	void *arg; /* the owner's */
	bool open[SIM_UDP_IDS];
	bk_time armed;
};

/* The first four members are filled by the owner, who then lends what it has, and starts. */
void sim_udp_drive_lend(struct sim_udp_drive *d, uint32_t id); /* id's port is SIM_UDP_LENT_PORT + id */
void sim_udp_drive_start(struct sim_udp_drive *d);
void sim_udp_drive_send(struct sim_udp_drive *d, const struct bk_way *way, const uint8_t *data, size_t len);
struct bk_addr sim_udp_drive_local(const struct sim_udp_drive *d, uint32_t id);

#endif

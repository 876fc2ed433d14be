/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_UDP_DRIVE_H
#define SIM_UDP_DRIVE_H

#include "base/engine.h"
#include "base/way.h"
#include "net.h"

/* Performs an engine's actions on a simulated machine, as net/drive does on a real one: datagram sockets that
 * it opens, and those that its owner lends. */
enum { SIM_UDP_IDS = 1100, SIM_UDP_LENT_MAX = 2, SIM_UDP_FIRST_PORT = 42000 };

struct sim_udp_drive {
	struct sim_side *side;
	void *engine; /* NULL: still to come, and nothing is heard */
	const struct bk_engine_ops *ops;
	void (*on_report)(void *arg, const struct bk_action *report);
	/* What the engine does not want. */
	void (*on_stray)(void *arg, const struct bk_way *way, const uint8_t *data, size_t len);
	void *arg;
	bk_dur clock_offset; /* this machine's clock zero */
	bk_dur timer_slack;  /* timers are late by up to this */

	struct bk_addr sockets[SIM_UDP_IDS]; /* by id; family 0: closed */
	bk_time armed;
};

/* The members above are filled by the owner; the engine may follow until it is first poked. */
void sim_udp_drive_init(struct sim_udp_drive *d);
void sim_udp_drive_lend(struct sim_udp_drive *d, uint32_t id, const struct bk_addr *local);
void sim_udp_drive_poke(struct sim_udp_drive *d); /* looks for actions */
bk_time sim_udp_drive_now(const struct sim_udp_drive *d);
/* As the owner of a link does. */
void sim_udp_drive_send(struct sim_udp_drive *d, const struct bk_way *way, const uint8_t *data, size_t len);

#endif

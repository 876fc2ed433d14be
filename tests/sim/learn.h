/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_LEARN_H
#define SIM_LEARN_H

#include "net.h"
#include "wire/intro.h"

/* What a simulated machine finds out about itself and tells the other one. */

enum { SIM_SHARED_PORT = 41000, SIM_HOST_PORT = 41001 };

/* Over TCP: from a server of two ports and another one that connects back (filtering_unknown: none did). Adds
 * profile and candidates. */
void sim_learn_tcp(struct sim_side *side, bool filtering_unknown, struct bk_intro *in);
/* Over UDP: the same by STUN; where it is blocked, nothing. Behind SIM_FW6 the address alone, which is a candidate
 * behind a firewall, and so is a second one. */
void sim_learn_udp(struct sim_side *side, bool filtering_unknown, struct bk_intro *in);

/* The server's clock is so far ahead of virtual time. */
#define SIM_SERVER_CLOCK (100 * BK_SEC)
/* Its router opens a port for each transport. After the other two; not behind two routers. */
void sim_learn_opened(struct sim_side *side, struct bk_intro *in);

#endif

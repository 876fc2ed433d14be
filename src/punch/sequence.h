/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_PUNCH_SEQUENCE_H
#define BK_PUNCH_SEQUENCE_H

#include "punch/technique.h"

/* Inside punch: a NAT that gives its ports one after the other, to everybody behind it. Which one the next flow gets is
 * known as far as nobody takes ports between the observation and the instant. */

/* Is it one, as far as was seen? */
bool bk_sequence_is(const struct bk_nat_profile *p);
/* From one port to the next; 0: it is none. */
int bk_sequence_step(const struct bk_nat_profile *p);
/* The next `len` ports, or every second one (stride 2), from where others will probably have got to. */
struct bk_ports bk_sequence_window(
	const struct bk_pair *pair, const struct bk_nat_profile *p, unsigned len, int stride);
/* That the port is among the next `len`. own_flows: of the hard machine's own, which take some before. */
double bk_sequence_chance(
	const struct bk_pair *pair, const struct bk_nat_profile *p, unsigned own_flows, unsigned len);
/* How many steps that port is behind the one that was seen; 0: none of the next `ports_max`. */
uint16_t bk_sequence_steps_to(const struct bk_nat_profile *p, uint16_t port, int ports_max);

#endif

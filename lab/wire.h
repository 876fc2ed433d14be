/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_LAB_WIRE_H
#define BK_LAB_WIRE_H

#include "lab/options.h"

/* What one access link does to frames in one direction, see lab.h. */
struct bk_lab_wire_shape {
	double delay_ms, jitter_ms, loss, mbit; /* loss is a chance from 0 to 1 */
};

struct bk_lab_wire_shape bk_lab_wire_shape_of(const struct bk_lab_options *o);

/* Carries frames between two interfaces of the caller's namespace, until killed. Writes an int of zero to
 * ready_fd and closes it when it is ready. Comes back only with an error. */
int bk_lab_wire_run(
	const char *ifname_a, const char *ifname_b, const struct bk_lab_wire_shape *shape, int ready_fd);

#endif

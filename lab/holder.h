/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_LAB_HOLDER_H
#define BK_LAB_HOLDER_H

#include "lab/plan.h"

#include <sys/types.h>

/* Starts the process that raises the lab and holds it until bk_lab_holder_stop, and waits until it is ready.
 * BK_E_EXISTS (not said) while a lab of that name is up; every other failure is said. */
int bk_lab_holder_start(const struct bk_lab_plan *p);

/* Ends a holder and the commands that still run in its lab; comes back when they are gone. ret_commands is
 * how many there were. BK_E_TIMEOUT when something would not end. */
int bk_lab_holder_stop(pid_t holder, int *ret_commands);

/* Runs the probe in a child. */
int bk_lab_holder_probe(void);

#endif

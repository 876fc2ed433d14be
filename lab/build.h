/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_LAB_BUILD_H
#define BK_LAB_BUILD_H

#include "lab/plan.h"

#include <sys/types.h>

/* Raises the lab of a plan in the calling process, which thereby becomes its holder: namespaces, links,
 * addresses, rules, wires, and waits until every link carries frames. All failures are said. */
int bk_lab_build(const struct bk_lab_plan *p);

/* Kills the wires, the routers that give ports and the noise; they are children of the caller. */
void bk_lab_build_stop(void);

/* Tries everything that a lab needs of a machine, in the calling process (which should be a child for it).
 * BK_E_UNSUPPORTED with one line on what is missing. */
int bk_lab_build_probe(void);

#endif

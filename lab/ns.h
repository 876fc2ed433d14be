/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_LAB_NS_H
#define BK_LAB_NS_H

#include "lab/plan.h"

#include <sys/types.h>

/* Namespaces without names: the calling process keeps each one open as descriptor BK_LAB_FD(node). */

/* Makes the caller able to create network namespaces: nothing to do for a root that may, else a user
 * namespace of its own in which it is root. BK_E_UNSUPPORTED, said, where that is forbidden. */
int bk_lab_ns_become_able(void);

/* Creates the namespaces of all used nodes, with their sysctls. The caller ends in the last one. */
int bk_lab_ns_create(const struct bk_lab_plan *p);

/* Moves the caller into the namespace of a node that it holds itself. */
int bk_lab_ns_enter(enum bk_lab_node node);

/* Moves the caller into a node of the lab that process `holder` holds. */
int bk_lab_ns_join(pid_t holder, enum bk_lab_node node);

/* Opens what `ret_fd` is to compare a process's network namespace with; BK_E_NOT_FOUND when not held. */
int bk_lab_ns_open(pid_t holder, enum bk_lab_node node, int *ret_fd);

#endif

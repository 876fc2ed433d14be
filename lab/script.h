/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_LAB_SCRIPT_H
#define BK_LAB_SCRIPT_H

#include "base/buf.h"
#include "lab/plan.h"

/* Scripts for `ip -batch -`. The namespace of node n must be open as descriptor BK_LAB_FD(n) in the process
 * that runs them. */
#define BK_LAB_FD(node)     (100 + (int)(node))
#define BK_LAB_SCRIPT_MAX   (256 * 1024)
#define BK_LAB_WIRE_END_MAX 16

/* printf at the end of a buffer. */
int bk_lab_printf(struct bk_buf *out, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* All pairs of interfaces, each end made in its own namespace. */
int bk_lab_script_links(const struct bk_lab_plan *p, struct bk_buf *out);

/* Addresses, routes and neighbours of one node, its interfaces up. */
int bk_lab_script_node(const struct bk_lab_plan *p, enum bk_lab_node node, struct bk_buf *out);

/* The interface in the wire's namespace beside end `end` of link `link`. */
void bk_lab_script_wire_end(size_t link, int end, char ret_ifname[BK_LAB_WIRE_END_MAX]);

#endif

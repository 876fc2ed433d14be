/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_LAB_GIVER_H
#define BK_LAB_GIVER_H

#include "base/buf.h"
#include "lab/plan.h"

#include <sys/types.h>

/* A home router that gives ports to whoever asks: Debian's miniupnpd over nftables, in the router's node. */

/* Appends the rules that it wants to find, and those that silence the dialects it shall not speak; a firewall for IPv6
 * (BK_LAB_FW6) stands behind what it lets in. */
int bk_lab_giver_rules(const struct bk_lab_with *w, struct bk_buf *out);

/* Starts it as a child of the caller, and waits until it listens. BK_E_UNSUPPORTED, said, where it is missing. */
int bk_lab_giver_start(enum bk_lab_node node, unsigned services, pid_t *ret_pid);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_NET_MIRROR_H
#define BK_NET_MIRROR_H

/* One descriptor that is readable when any of many is ready: what a loop watches, for a loop around it. */
int bk_mirror_new(void); /* the descriptor, or an error */

/* Enters `fd` with a set of BK_READABLE and BK_WRITABLE, changes it, or takes it out (0). *held is the
 * caller's place for the name under which it was entered; -1: it is not in. */
int bk_mirror_set(int mirror, int fd, int events, int *held);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_NET_SPAWN_H
#define BK_NET_SPAWN_H

/* A thread that nobody joins, with a small stack, which takes no signals: they are the program's. BK_E_NOMEM. */
int bk_spawn(void *(*run)(void *arg), void *arg);

#endif

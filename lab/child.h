/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_LAB_CHILD_H
#define BK_LAB_CHILD_H

#include <sys/types.h>

/* A process that stands in the lab beside its holder, and ends with it. */

/* Runs `be` in a new process of that name, as a child of the caller, and waits until it has written an int to ready_fd:
 * 0, or why it does not run, which is returned. `be` has the namespaces open that the caller has. */
int bk_lab_child_start(
	const char *name, void (*be)(const void *arg, int ready_fd), const void *arg, pid_t *ret_pid);

/* In the child: it ends when `holder` does, and no signal is blocked. */
void bk_lab_child_begin(pid_t holder);

/* Likewise: keeps nothing of the holder's open, so that nothing of the lab depends on its life. Those of `keep`, in
 * ascending order, become descriptor 3 and the next ones. */
void bk_lab_child_close_all_but(const int *keep, int n);

/* Likewise: tells the holder that it runs (0), or why not and ends. */
void bk_lab_child_report(int ready_fd, int rc);

#endif

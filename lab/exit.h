/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_LAB_EXIT_H
#define BK_LAB_EXIT_H

/* What the lab's commands end with; the lower ones are those of the other commands (cli/exit.h). */
enum {
	BK_LAB_EXIT_USAGE = 2,
	BK_LAB_EXIT_FORBIDDEN = 3,
	BK_LAB_EXIT_FILE = 7,
	BK_LAB_EXIT_LAB = 125, /* exec could not even try, as with env(1) and chroot(1) */
	BK_LAB_EXIT_CANNOT_RUN = 126,
	BK_LAB_EXIT_NOT_THERE = 127,
	BK_LAB_EXIT_INTERRUPTED = 130,
};

int bk_lab_exit_of(int error); /* 0, BK_E_...; what has no code of its own is 1 */

#endif

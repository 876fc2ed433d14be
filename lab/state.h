/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_LAB_STATE_H
#define BK_LAB_STATE_H

#include "lab/options.h"

#include <sys/types.h>

/* The one file a lab has. Its holder keeps it locked for as long as it lives, so whether a lab is up is asked
 * of the kernel and a process id is never mistaken for another's. */
struct bk_lab_state {
	pid_t holder;
	struct bk_lab_options options;
};

/* $BODKIN_LAB_DIR or the usual place, made (mode 0700) where it is missing. BK_E_*, said. The text is
 * static. */
int bk_lab_state_dir(const char **ret_dir);

/* For the holder: makes the file, locked and empty. BK_E_EXISTS (not said) while another lab of that name is
 * up; every other failure is said. The descriptor is the lock. */
int bk_lab_state_claim(const char *name, int *ret_fd);

/* For the holder: fills it in once the lab is ready; removes it. */
int bk_lab_state_write(int fd, const struct bk_lab_options *o);
void bk_lab_state_remove(const char *name);

/* For everybody else: BK_E_NOT_FOUND when no such lab is up (a left-over file counts for nothing), BK_E_AGAIN
 * while it is being raised. Not said. */
int bk_lab_state_read(const char *name, struct bk_lab_state *ret_state);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_TRANSFER_SYNC_H
#define BK_TRANSFER_SYNC_H

#include "net/job.h"

/* fsync(2) as a job: on a slow disk it takes longer than the other side waits for a sign of life. fd stays the
 * caller's and may be closed at any time; from fn on bk_sync_error says how it went. */
int bk_sync_new(struct bk_loop *loop, int fd, void (*fn)(void *arg), void *arg, struct bk_job **ret_job);
int bk_sync_error(const struct bk_job *j); /* 0, or a BK_E_ code */

#endif

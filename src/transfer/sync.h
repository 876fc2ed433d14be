/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_TRANSFER_SYNC_H
#define BK_TRANSFER_SYNC_H

#include <bodkin/loop.h>

/* fsync(2) beside the loop: on a slow disk it takes longer than the other side waits for a sign of life. */
struct bk_sync;

/* fd stays the caller's and may be closed at any time. fn comes once with 0 or a BK_E_ code; the sync may be
 * freed from inside. */
int bk_sync_new(
	struct bk_loop *loop, int fd, void (*fn)(void *arg, int error), void *arg, struct bk_sync **ret_sync);
/* Does not wait for the disk; after it fn never comes. NULL is fine. */
void bk_sync_free(struct bk_sync *s);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_NET_DRIVE_H
#define BK_NET_DRIVE_H

#include <bodkin/loop.h>

#include "base/engine.h"

/* Performs a pure engine's actions on real sockets and tells it what happened. The engine stays the caller's
 * and must outlive the drive. */
struct bk_drive;

/* Called from the loop for each BK_ACT_REPORT. The drive may be freed from inside. */
typedef void (*bk_drive_report_fn)(void *arg, const struct bk_action *report);

int bk_drive_new(struct bk_loop *loop, void *engine, const struct bk_engine_ops *ops, bk_drive_report_fn fn,
	void *arg, struct bk_drive **ret_drive);
/* Closes every socket that was not taken. NULL is fine. */
void bk_drive_free(struct bk_drive *d);

/* Gives a connected or datagram socket away; the engine hears no more of it. -1 when there is none of that
 * id. */
int bk_drive_take(struct bk_drive *d, uint32_t id);

/* The owner changed the engine (a verdict): look for actions, from the loop. */
void bk_drive_poke(struct bk_drive *d);

#endif

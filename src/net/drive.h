/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_NET_DRIVE_H
#define BK_NET_DRIVE_H

#include <bodkin/loop.h>

#include "base/engine.h"
#include "base/way.h"

/* Performs a pure engine's actions on real sockets and tells it what happened. The engine stays the caller's
 * and must outlive the drive.
 *
 * Sockets go by the engine's ids. Those that the engine has opened are watched, read and in the end closed
 * here. A datagram socket that the owner lends is only sent from: its owner goes on reading it and lets the
 * drive hear what may be the engine's, so that one socket serves several engines. */
struct bk_drive;

/* Called from the loop for each BK_ACT_REPORT. The drive may be freed from inside, and sockets taken. */
typedef void (*bk_drive_report_fn)(void *arg, const struct bk_action *report);
/* A datagram on a socket that the engine has opened, and does not want. The same rule. */
typedef void (*bk_drive_stray_fn)(void *arg, const struct bk_way *way, const uint8_t *data, size_t len);

int bk_drive_new(struct bk_loop *loop, void *engine, const struct bk_engine_ops *ops, bk_drive_report_fn fn,
	void *arg, struct bk_drive **ret_drive);
/* Closes every socket that was neither taken nor lent. NULL is fine. */
void bk_drive_free(struct bk_drive *d);

/* Where strays go; else they are dropped. */
void bk_drive_set_stray(struct bk_drive *d, bk_drive_stray_fn fn, void *arg);

/* Gives a connected or datagram socket away; the engine hears no more of it. -1 when the drive has none of
 * that id to give. */
int bk_drive_take(struct bk_drive *d, uint32_t id);

/* The engine may send from `fd` as `id`, until the engine closes it or the drive is freed. The descriptor
 * stays the owner's. The engine is not told: it is born knowing. BK_E_FULL, BK_E_NOMEM. */
int bk_drive_lend(struct bk_drive *d, uint32_t id, int fd);
/* A datagram on a lent socket. Returns whether it was the engine's; its answer leaves at the end of this turn
 * of the loop. */
bool bk_drive_hear(struct bk_drive *d, const struct bk_way *way, const uint8_t *data, size_t len);
/* The same of what somebody on the way has answered to a datagram from there. */
void bk_drive_hear_icmp(struct bk_drive *d, const struct bk_way *way, const struct bk_icmp *icmp);

/* The owner changed the engine (a verdict): look for actions, from the loop. */
void bk_drive_poke(struct bk_drive *d);

#endif

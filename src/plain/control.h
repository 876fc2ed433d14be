/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_PLAIN_CONTROL_H
#define BK_PLAIN_CONTROL_H

#include <bodkin/loop.h>

#include "base/addr.h"
#include "wire/rdv.h"

/* One connection to a server of the plain dialect: whole messages in and out. Its local port is shared, for
 * it is the one that peers are told about. */
struct bk_plain_control;

struct bk_plain_control_events {
	void (*on_connected)(void *arg);
	void (*on_message)(void *arg, const struct bk_rdv_msg *m);
	/* Once, last, also when it could not connect. No callback comes from inside a call; the control may
	 * be freed from inside any. */
	void (*on_end)(void *arg, int error);
};

/* Starts connecting, from `local` (port 0: a fresh one). */
int bk_plain_control_new(struct bk_loop *loop, const struct bk_addr *local, const struct bk_addr *server,
	const struct bk_plain_control_events *events, void *arg, struct bk_plain_control **ret_control);
void bk_plain_control_free(struct bk_plain_control *c); /* closes; NULL is fine */

struct bk_addr bk_plain_control_local(const struct bk_plain_control *c);
int bk_plain_control_send(struct bk_plain_control *c, const struct bk_rdv_msg *m);

#endif

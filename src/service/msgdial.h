/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_SERVICE_MSGDIAL_H
#define BK_SERVICE_MSGDIAL_H

#include <bodkin/loop.h>

#include "base/time.h"

/* From "HOST:PORT" to a connected socket: every address of the name in turn, each with its own time. */
struct bk_msgdial;

/* Once, from the loop. fd is the owner's, or -1 with the error of the last address tried (BK_E_RESOLVE,
 * BK_E_REFUSED, BK_E_TIMEOUT, ...). The dial may be freed from inside. */
typedef void (*bk_msgdial_fn)(void *arg, int error, int fd);

/* BK_E_INVALID for an address that cannot be read. */
int bk_msgdial_new(struct bk_loop *loop, const char *address, bk_dur timeout, bk_msgdial_fn fn, void *arg,
	struct bk_msgdial **ret_dial);
void bk_msgdial_free(struct bk_msgdial *d); /* cancels; NULL is fine */

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_TRANSFER_TEST_FAKE_H
#define BK_TRANSFER_TEST_FAKE_H

#include <bodkin/session.h>

#include "base/buf.h"

/* bk_session_* and bk_channel_* without a network, for tests: two sessions of one process are each other's
 * peer; one alone talks to a script. Everything happens in the loop, in slices that end inside messages. */

/* Before the first session: what the peer of a lone session will send. NULL: the next two sessions are a
 * pair. */
void bk_fake_reset(const struct bk_buf *script);
/* The peer's session ends with this error when its script is used up; 0: it goes on waiting. */
void bk_fake_end_with(int error);
/* Called between two slices. */
void bk_fake_on_step(void (*fn)(void *arg), void *arg);
/* The lone session's channel takes nothing any more. */
void bk_fake_block(bool is_blocked);
size_t bk_fake_refused(void); /* so many writes, since it was blocked */
/* After its script was added to. */
void bk_fake_wake(void);
/* What the lone session has written. */
const struct bk_buf *bk_fake_written(void);

#endif

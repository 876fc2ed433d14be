/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_TESTS_CONFORM_MAILROOM_H
#define BK_TESTS_CONFORM_MAILROOM_H

#include <bodkin/mailbox.h>

/* A mailbox in memory, for any number of people in one loop. A bare one has none of what may be missing: no
 * clock, no token, no release, nobody meets again; only that 127.0.0.1 is a way to reach us. */
struct mailroom;

struct mailroom *mailroom_new(struct bk_loop *loop, bool is_bare);
void mailroom_free(struct mailroom *r); /* after its boxes */
struct bk_mailbox mailroom_as_mailbox(struct mailroom *r);

#endif

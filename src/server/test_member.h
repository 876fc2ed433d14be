/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_SERVER_TEST_MEMBER_H
#define BK_SERVER_TEST_MEMBER_H

#include "server/test_kit.h"
#include "wire/group.h"

/* Peers as members of one group: what they say and what they hear. */
void member_say(struct peer *p, struct bk_group_msg m);
void member_join(struct peer *p, const char *card);
void member_post(struct peer *p, uint32_t ticket, const void *bytes, size_t len);

/* The next message is of that type. Its bytes stay in `in` until that is released. */
struct bk_group_msg member_hear(struct peer *p, uint8_t type, struct bk_rdv_msg *in);
struct bk_group_msg member_hear_briefly(struct peer *p, uint8_t type); /* and are not needed */
void member_expect_said(struct peer *p, uint64_t number, const void *bytes, size_t len);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "server/test_member.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

void member_say(struct peer *p, struct bk_group_msg m)
{
	struct bk_buf body;

	bk_buf_init(&body, BK_RDV_BODY_MAX);
	assert_int_equal(bk_group_encode(&body, &m), 0);
	peer_send(p, (struct bk_rdv_msg){
			     .type = BK_RDV_CLIENT_GROUP, .body = bk_buf_head(&body), .body_len = body.len});
	bk_buf_done(&body);
}

void member_join(struct peer *p, const char *card)
{
	struct bk_group_msg m = {
		.type = BK_GROUP_JOIN, .id = {7}, .bytes = (const uint8_t *)card, .len = strlen(card)};

	member_say(p, m);
}

void member_post(struct peer *p, uint32_t ticket, const void *bytes, size_t len)
{
	member_say(p,
		(struct bk_group_msg){.type = BK_GROUP_POST, .ticket = ticket, .bytes = bytes, .len = len});
}

/* Its bytes stay in `in` until that is released. */
struct bk_group_msg member_hear(struct peer *p, uint8_t type, struct bk_rdv_msg *in)
{
	struct bk_group_msg m;

	peer_recv(p, BK_RDV_SERVER_GROUP, in);
	assert_int_equal(bk_group_decode(in->body, in->body_len, &m), 0);
	assert_int_equal(m.type, type);
	return m;
}

struct bk_group_msg member_hear_briefly(struct peer *p, uint8_t type)
{
	struct bk_rdv_msg in;
	struct bk_group_msg m = member_hear(p, type, &in);

	bk_rdv_done(&in);
	return m;
}

void member_expect_said(struct peer *p, uint64_t number, const void *bytes, size_t len)
{
	struct bk_rdv_msg in;
	struct bk_group_msg m = member_hear(p, BK_GROUP_SAID, &in);

	assert_int_equal(m.number, number);
	assert_int_equal(m.len, len);
	assert_memory_equal(m.bytes, bytes, len);
	bk_rdv_done(&in);
}

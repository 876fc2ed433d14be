/* SPDX-License-Identifier: Apache-2.0 */
/* Groups over the wire: what the board's suite proves without one reaches the members as it should. */
#include "server/test_kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "server/limits.h"
#include "wire/group.h"

static const uint8_t id[BK_GROUP_ID_LEN] = {7};

static void say(struct peer *p, struct bk_group_msg m)
{
	struct bk_buf body;

	bk_buf_init(&body, BK_RDV_BODY_MAX);
	assert_int_equal(bk_group_encode(&body, &m), 0);
	peer_send(p, (struct bk_rdv_msg){
			     .type = BK_RDV_CLIENT_GROUP, .body = bk_buf_head(&body), .body_len = body.len});
	bk_buf_done(&body);
}

static void join(struct peer *p, const char *card)
{
	struct bk_group_msg m = {.type = BK_GROUP_JOIN, .bytes = (const uint8_t *)card, .len = strlen(card)};

	memcpy(m.id, id, sizeof(m.id));
	say(p, m);
}

static void post(struct peer *p, uint32_t ticket, const void *bytes, size_t len)
{
	say(p, (struct bk_group_msg){.type = BK_GROUP_POST, .ticket = ticket, .bytes = bytes, .len = len});
}

/* Its bytes stay in `in` until that is released. */
static struct bk_group_msg hear(struct peer *p, uint8_t type, struct bk_rdv_msg *in)
{
	struct bk_group_msg m;

	peer_recv(p, BK_RDV_SERVER_GROUP, in);
	assert_int_equal(bk_group_decode(in->body, in->body_len, &m), 0);
	assert_int_equal(m.type, type);
	return m;
}

static struct bk_group_msg hear_briefly(struct peer *p, uint8_t type)
{
	struct bk_rdv_msg in;
	struct bk_group_msg m = hear(p, type, &in);

	bk_rdv_done(&in);
	return m;
}

static void expect_said(struct peer *p, uint64_t number, const void *bytes, size_t len)
{
	struct bk_rdv_msg in;
	struct bk_group_msg m = hear(p, BK_GROUP_SAID, &in);

	assert_int_equal(m.number, number);
	assert_int_equal(m.len, len);
	assert_memory_equal(m.bytes, bytes, len);
	bk_rdv_done(&in);
}

static void two_hear_each_other_and_who_goes_is_told_to_the_other(void **state)
{
	static uint8_t large[BK_GROUP_POST_MAX] = {1};
	struct kit *k = kit_start((struct bk_server_opts){0}, NULL);
	struct bk_group_msg m;
	struct bk_rdv_msg in;
	struct peer a, b;
	uint64_t first;

	(void)state;
	peer_join(&a, k, "a");
	peer_join(&b, k, "b");
	join(&a, "card a");
	first = hear_briefly(&a, BK_GROUP_JOINED).member;
	hear_briefly(&a, BK_GROUP_ROSTER);
	join(&b, "card b");
	m = hear(&a, BK_GROUP_CAME, &in);
	assert_true(m.len == 6 && !memcmp(m.bytes, "card b", 6) && m.member != first);
	bk_rdv_done(&in);
	assert_true(hear_briefly(&b, BK_GROUP_JOINED).member == m.member);
	assert_true(hear_briefly(&b, BK_GROUP_ROSTER).is_last);
	post(&a, 1, large, sizeof(large));
	expect_said(&a, 1, large, sizeof(large));
	expect_said(&b, 1, large, sizeof(large));
	peer_close(&a);
	m = hear_briefly(&b, BK_GROUP_GONE);
	assert_true(m.member == first);
	assert_string_equal(m.code, "peer-vanished");
	peer_close(&b);
	kit_stop(k);
}

static void who_floods_is_told_to_wait_and_the_others_hear_the_rest(void **state)
{
	struct kit *k = kit_start((struct bk_server_opts){.messages_per_second = 100}, NULL);
	struct bk_group_msg m;
	struct peer a, b;
	uint32_t n = 0;

	(void)state;
	peer_join(&a, k, "a");
	peer_join(&b, k, "b");
	join(&a, "a");
	hear_briefly(&a, BK_GROUP_JOINED);
	hear_briefly(&a, BK_GROUP_ROSTER);
	join(&b, "b");
	hear_briefly(&a, BK_GROUP_CAME);
	for (uint32_t i = 1; i <= 100; i++)
		post(&a, i, "x", 1);
	for (;;) {
		struct bk_rdv_msg in;

		peer_recv(&a, BK_RDV_SERVER_GROUP, &in);
		assert_int_equal(bk_group_decode(in.body, in.body_len, &m), 0);
		bk_rdv_done(&in);
		if (m.type != BK_GROUP_SAID)
			break;
		n++;
	}
	assert_int_equal(m.type, BK_GROUP_DENIED);
	assert_string_equal(m.code, "rate-limited");
	assert_true(m.ticket == n + 1 && m.type_denied == BK_GROUP_POST);
	assert_in_range(m.wait_ms, 1, 1000);
	assert_in_range(n, BK_LIMIT_MEMBER_POSTS_BURST, 99);
	hear_briefly(&b, BK_GROUP_JOINED);
	hear_briefly(&b, BK_GROUP_ROSTER);
	for (uint32_t i = 1; i <= n; i++)
		expect_said(&b, i, "x", 1);
	peer_close(&a);
	peer_close(&b);
	kit_stop(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_hear_each_other_and_who_goes_is_told_to_the_other),
		cmocka_unit_test(who_floods_is_told_to_wait_and_the_others_hear_the_rest),
	};

	return cmocka_run_group_tests_name("groups", tests, NULL, NULL);
}

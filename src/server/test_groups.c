/* SPDX-License-Identifier: Apache-2.0 */
/* Groups over the wire: what the board's suite proves without one reaches the members as it should. */
#include "server/test_member.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "server/limits.h"

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
	member_join(&a, "card a");
	first = member_hear_briefly(&a, BK_GROUP_JOINED).member;
	member_hear_briefly(&a, BK_GROUP_ROSTER);
	member_join(&b, "card b");
	m = member_hear(&a, BK_GROUP_CAME, &in);
	assert_true(m.len == 6 && !memcmp(m.bytes, "card b", 6) && m.member != first);
	bk_rdv_done(&in);
	assert_true(member_hear_briefly(&b, BK_GROUP_JOINED).member == m.member);
	assert_true(member_hear_briefly(&b, BK_GROUP_ROSTER).is_last);
	member_post(&a, 1, large, sizeof(large));
	member_expect_said(&a, 1, large, sizeof(large));
	member_expect_said(&b, 1, large, sizeof(large));
	peer_close(&a);
	m = member_hear_briefly(&b, BK_GROUP_GONE);
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
	member_join(&a, "a");
	member_hear_briefly(&a, BK_GROUP_JOINED);
	member_hear_briefly(&a, BK_GROUP_ROSTER);
	member_join(&b, "b");
	member_hear_briefly(&a, BK_GROUP_CAME);
	for (uint32_t i = 1; i <= 100; i++)
		member_post(&a, i, "x", 1);
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
	member_hear_briefly(&b, BK_GROUP_JOINED);
	member_hear_briefly(&b, BK_GROUP_ROSTER);
	for (uint32_t i = 1; i <= n; i++)
		member_expect_said(&b, i, "x", 1);
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

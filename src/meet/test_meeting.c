/* SPDX-License-Identifier: Apache-2.0 */
/* When the two begin: on the clock in common where there is one, at once where there is none, and never late
 * because somebody's clock is wrong. */
#include "meet/meeting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define NOW (1000 * BK_SEC)

static bk_time start_of(int64_t own, int64_t peer, bk_dur rtt, int64_t offset)
{
	const struct bk_mailbox_view view = {.rtt_ns = rtt, .clock_offset_ns = offset};
	struct bk_meeting g = {.own.start = own, .peer.start = peer};

	bk_meeting_complete(&g, &view, NOW);
	assert_true(g.introduced == NOW);
	return g.start;
}

static void the_later_instant_counts_on_our_own_clock_and_within_limits(void **state)
{
	static const struct {
		int64_t own, peer;
		bk_dur rtt;
		int64_t offset;
		bk_dur in; /* from now */
	} rows[] = {
		{0, 5050 * BK_SEC, BK_MS, 4049 * BK_SEC, BK_SEC},
		{5051 * BK_SEC, 5050 * BK_SEC, BK_MS, 4049 * BK_SEC, 2 * BK_SEC},
		{5000 * BK_SEC, 0, BK_MS, 4049 * BK_SEC, 0},          /* gone by */
		{5999 * BK_SEC, 0, BK_MS, 4049 * BK_SEC, 5 * BK_SEC}, /* beyond belief */
		{INT64_MAX, INT64_MAX, BK_MS, 0, 5 * BK_SEC}, {INT64_MAX, 0, BK_MS, -5, 0}, /* overflows */
		{INT64_MIN, INT64_MIN, BK_MS, 5, 0}, {0, 0, BK_MS, -4049 * BK_SEC, 0},
		{0, 5050 * BK_SEC, 0, 4049 * BK_SEC, 0}, /* no clock */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (start_of(rows[i].own, rows[i].peer, rows[i].rtt, rows[i].offset) != NOW + rows[i].in)
			fail_msg("row %zu", i);
}

static void without_a_clock_no_instant_is_named(void **state)
{
	const struct bk_mailbox_view none = {0}, clock = {.rtt_ns = BK_MS, .clock_offset_ns = 7 * BK_SEC};
	int64_t start = bk_meeting_choose_start(&clock, NOW, BK_MS);

	(void)state;
	assert_int_equal(bk_meeting_choose_start(&none, NOW, BK_MS), 0);
	assert_in_range(start, NOW + 7 * BK_SEC, NOW + 7 * BK_SEC + 100 * BK_MS);
}

static void no_instant_is_named_on_a_clock_that_cannot_be(void **state)
{
	static const int64_t offsets[] = {INT64_MAX, INT64_MAX - NOW, INT64_MAX - NOW - BK_SEC};

	(void)state;
	for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
		const struct bk_mailbox_view view = {.rtt_ns = BK_MS, .clock_offset_ns = offsets[i]};

		assert_true(bk_meeting_choose_start(&view, NOW, INT64_MAX) == 0);
	}
}

static void a_slow_mailbox_is_waited_for_within_limits(void **state)
{
	static const bk_dur said[] = {-BK_SEC, 0, 30 * BK_SEC, INT64_MAX},
			    meant[] = {0, 0, 30 * BK_SEC, 600 * BK_SEC};

	(void)state;
	for (int i = 0; i < 4; i++) {
		const struct bk_mailbox_view view = {.mail_delay_ns = said[i]};
		struct bk_meeting g = {0};

		bk_meeting_complete(&g, &view, NOW);
		assert_true(g.delay == meant[i]);
		assert_int_equal(g.relay.family, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_later_instant_counts_on_our_own_clock_and_within_limits),
		cmocka_unit_test(without_a_clock_no_instant_is_named),
		cmocka_unit_test(no_instant_is_named_on_a_clock_that_cannot_be),
		cmocka_unit_test(a_slow_mailbox_is_waited_for_within_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "transfer/pace.h"

/* Whoever sleeps as long as is said, and `late` longer: bytes in so many seconds. */
static uint64_t run(uint64_t rate, uint64_t piece, bk_dur late, bk_dur time)
{
	struct bk_pace p;
	const bk_time begun = 5 * BK_SEC;
	uint64_t sent = 0;

	bk_pace_init(&p, rate);
	for (bk_time now = begun; now < begun + time;) {
		bk_dur wait = bk_pace_wait(&p, now);

		if (wait) {
			now += wait + late;
			continue;
		}
		bk_pace_take(&p, piece, now);
		sent += piece;
	}
	return sent;
}

static void it_is_exact_whoever_wakes_late(void **state)
{
	static const struct {
		uint64_t rate;
		bk_dur late;
	} rows[] = {{1000, 0}, {100000, 0}, {512000, 3 * BK_MS}, {2 << 20, BK_MS}, {2 << 20, 40 * BK_MS},
		{100 << 20, BK_MS}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bk_pace p;
		double want = (double)rows[i].rate * 5, got;
		uint64_t piece;

		bk_pace_init(&p, rows[i].rate);
		piece = bk_pace_piece(&p);
		got = (double)run(rows[i].rate, piece, rows[i].late, 5 * BK_SEC);
		assert_true(got > want * 0.98 - (double)piece && got < want * 1.02 + (double)piece);
	}
}

static void a_pause_is_not_caught_up_with(void **state)
{
	struct bk_pace p;
	bk_time now = BK_SEC;
	uint64_t at_once = 0;

	(void)state;
	bk_pace_init(&p, 1000000);
	bk_pace_take(&p, 1000, now);
	now += 60 * BK_SEC;
	while (!bk_pace_wait(&p, now) && at_once < 10000000) {
		bk_pace_take(&p, 1000, now);
		at_once += 1000;
	}
	assert_true(at_once <= 201000);
}

static void without_a_rate_nobody_waits(void **state)
{
	struct bk_pace p;

	(void)state;
	bk_pace_init(&p, 0);
	bk_pace_take(&p, UINT64_MAX, 1);
	assert_int_equal(bk_pace_wait(&p, 1), 0);
	assert_true(bk_pace_piece(&p) == UINT64_MAX);
}

/* Whoever is due is woken in the same order each time; the last has pieces of half the size. */
static void of_several_who_book_each_gets_as_many_pieces(void **state)
{
	enum { N = 5, PIECE = 1000 };
	bk_time at[N] = {0};
	unsigned sent[N] = {0};
	uint64_t bytes = 0;
	struct bk_pace p;

	(void)state;
	bk_pace_init(&p, 1000000);
	for (bk_time now = BK_SEC; now < 3 * BK_SEC; now += BK_MS / 2)
		for (unsigned i = 0; i < N; i++) {
			uint64_t piece = i == N - 1 ? PIECE / 2 : PIECE;

			while (!at[i] || at[i] <= now) {
				sent[i] += at[i] != 0;
				bytes += at[i] ? piece : 0;
				at[i] = bk_pace_book(&p, piece, now);
			}
		}
	for (unsigned i = 1; i < N; i++)
		assert_in_range(sent[i], sent[0] - 2, sent[0] + 2);
	assert_in_range(bytes, 1990000, 2010000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_exact_whoever_wakes_late),
		cmocka_unit_test(a_pause_is_not_caught_up_with),
		cmocka_unit_test(of_several_who_book_each_gets_as_many_pieces),
		cmocka_unit_test(without_a_rate_nobody_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

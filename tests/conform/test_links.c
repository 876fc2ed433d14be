/* SPDX-License-Identifier: Apache-2.0 */
/* What every link must do, whatever carries it. A link that passes is finished. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/time.h"
#include "tests/conform/pair.h"
#include "tests/conform/test_support.h"

#define MIB ((uint64_t)1 << 20)

#define PATIENCE (20 * BK_SEC)

static void run_until_ended(struct pair *p)
{
	for (int i = 0; i < 2; i++)
		p->ends[i].stop_at_end = p->ends[i].link != NULL;
	while ((p->ends[0].stop_at_end && !p->ends[0].ends) || (p->ends[1].stop_at_end && !p->ends[1].ends)) {
		pair_run(p, PATIENCE);
		assert_false(p->late);
	}
}

static void expect_ends(struct pair *p, int first, int second)
{
	run_until_ended(p);
	assert_string_equal(bk_error_name(p->ends[0].end_error), bk_error_name(first));
	assert_string_equal(bk_error_name(p->ends[1].end_error), bk_error_name(second));
}

static void run_until_received(struct pair *p, uint64_t at_0, uint64_t at_1)
{
	p->ends[0].stop_at = at_0;
	p->ends[1].stop_at = at_1;
	while (p->ends[0].received < at_0 || p->ends[1].received < at_1) {
		pair_run(p, PATIENCE * 3);
		assert_false(p->late);
	}
	p->ends[0].stop_at = p->ends[1].stop_at = 0;
}

static void start_secure(struct pair *p, const struct kind *k)
{
	pair_init(p, k);
	pair_start(p);
	pair_run_secure(p);
}

/* Nothing may be heard any more, for a while. */
static void run_quiet(struct pair *p)
{
	pair_run(p, 50 * BK_MS);
	assert_true(p->late);
}

static void bytes_go_both_ways(void **arg)
{
	struct pair p;

	start_secure(&p, *arg);
	for (int i = 0; i < 2; i++) {
		p.ends[i].to_write = 100000 + (uint64_t)i;
		end_pour(&p.ends[i]);
	}
	run_until_received(&p, 100001, 100000);
	assert_int_equal(p.ends[0].secure, 1);
	assert_int_equal(p.ends[1].secure, 1);
	pair_done(&p);
}

static void either_side_may_speak_first_from_on_secure(void **arg)
{
	for (int i = 0; i < 2; i++) {
		struct pair p;

		pair_init(&p, *arg);
		p.ends[i].to_write = 5;
		pair_start(&p);
		run_until_received(&p, i == 1 ? 5 : 0, i == 0 ? 5 : 0);
		pair_done(&p);
	}
}

static void a_wrong_pin_is_refused_by_name_on_both_sides(void **arg)
{
	const struct kind *k = *arg;

	for (int i = 0; i < 2 && k->has_pins; i++) {
		struct pair p;

		pair_init(&p, k);
		p.pins[i].bytes[7] ^= 1;
		pair_start(&p);
		expect_ends(&p, i == 0 ? BK_E_PIN_MISMATCH : BK_E_UNAUTHORIZED,
			i == 1 ? BK_E_PIN_MISMATCH : BK_E_UNAUTHORIZED);
		assert_int_equal(p.ends[i].secure, 0);
		pair_done(&p);
	}
}

static void freed_before_it_is_secure_it_is_silent(void **arg)
{
	for (int i = 0; i < 2; i++) {
		struct pair p;

		pair_init(&p, *arg);
		pair_start(&p);
		end_free(&p.ends[i]);
		end_free(&p.ends[1 - i]);
		run_quiet(&p);
		assert_int_equal(p.ends[0].secure + p.ends[1].secure + p.ends[0].ends + p.ends[1].ends, 0);
		pair_done(&p);
	}
}

static void a_peer_that_never_answers_is_a_timeout(void **arg)
{
	const struct kind *k = *arg;
	struct pair p;

	if (!k->has_pins)
		return;
	pair_init(&p, k);
	p.handshake_timeout_ns = 100 * BK_MS;
	pair_start(&p);
	/* The server stands, but nobody moves its bytes: the client alone is looked at. */
	end_free(&p.ends[1]);
	p.ends[0].stop_at_end = true;
	pair_run(&p, PATIENCE);
	assert_false(p.late);
	assert_int_equal(p.ends[0].ends, 1);
	assert_true(p.ends[0].end_error == BK_E_TIMEOUT || p.ends[0].end_error == BK_E_RESET);
	pair_done(&p);
}

static void writing_before_secure_and_after_close_is_refused(void **arg)
{
	struct pair p;

	pair_init(&p, *arg);
	pair_start(&p);
	assert_int_equal(end_write(&p.ends[0], "x", 1, false), BK_E_EOF);
	pair_run_secure(&p);
	end_close(&p.ends[0]);
	assert_int_equal(end_write(&p.ends[0], "x", 1, false), BK_E_EOF);
	pair_done(&p);
}

static void close_delivers_everything_and_both_see_the_end(void **arg)
{
	for (int i = 0; i < 2; i++) {
		struct pair p;

		start_secure(&p, *arg);
		p.ends[i].to_write = 3 * MIB + 7;
		p.ends[i].close_after = true;
		p.ends[1 - i].free_in = FREE_IN_END;
		end_pour(&p.ends[i]);
		p.ends[i].stop_at_end = true;
		while (!p.ends[i].ends) {
			pair_run(&p, PATIENCE);
			assert_false(p.late);
		}
		assert_int_equal(p.ends[1 - i].received, 3 * MIB + 7);
		assert_int_equal(p.ends[1 - i].end_error, BK_E_EOF);
		assert_int_equal(p.ends[i].end_error, BK_E_EOF);
		pair_done(&p);
	}
}

static void close_ends_even_when_the_peer_keeps_quiet(void **arg)
{
	struct pair p;

	start_secure(&p, *arg);
	end_close(&p.ends[0]);
	expect_ends(&p, BK_E_EOF, BK_E_EOF);
	pair_done(&p);
}

static void both_may_close_at_once(void **arg)
{
	struct pair p;

	start_secure(&p, *arg);
	for (int i = 0; i < 2; i++) {
		p.ends[i].to_write = 200000;
		p.ends[i].close_after = true;
		end_pour(&p.ends[i]);
	}
	expect_ends(&p, BK_E_EOF, BK_E_EOF);
	assert_int_equal(p.ends[0].received, 200000);
	assert_int_equal(p.ends[1].received, 200000);
	pair_done(&p);
}

static void a_writer_is_told_not_now_and_when_to_go_on(void **arg)
{
	const struct kind *k = *arg;

	for (int i = 0; i < 2; i++) {
		struct pair p;

		start_secure(&p, k);
		p.ends[i].to_write = 64 * MIB;
		end_pour(&p.ends[i]);
		assert_true(p.ends[i].written < k->held_max);
		run_until_received(&p, i == 1 ? 64 * MIB : 0, i == 0 ? 64 * MIB : 0);
		assert_true(p.ends[i].writable > 0);
		pair_done(&p);
	}
}

static void large_messages_go_both_ways_at_once(void **arg)
{
	struct pair p;

	start_secure(&p, *arg);
	for (int i = 0; i < 2; i++) {
		p.ends[i].to_write = 64 * MIB;
		p.ends[i].piece = 1 << 20;
		end_pour(&p.ends[i]);
	}
	run_until_received(&p, 64 * MIB, 64 * MIB);
	pair_done(&p);
}

static void many_small_messages_keep_their_order(void **arg)
{
	struct pair p;

	start_secure(&p, *arg);
	for (int i = 0; i < 2; i++) {
		p.ends[i].to_write = 1000000;
		p.ends[i].piece = 17;
		end_pour(&p.ends[i]);
	}
	run_until_received(&p, 1000000, 1000000);
	pair_done(&p);
}

static void a_message_over_the_ceiling_is_refused(void **arg)
{
	char *big = calloc(1, BK_LINK_WRITE_MAX + 1);
	struct pair p;

	assert_non_null(big);
	start_secure(&p, *arg);
	assert_int_equal(end_write(&p.ends[0], big, BK_LINK_WRITE_MAX + 1, false), BK_E_TOO_BIG);
	assert_int_equal(p.ends[0].ends, 0);
	free(big);
	p.ends[0].to_write = BK_LINK_WRITE_MAX;
	p.ends[0].piece = BK_LINK_WRITE_MAX;
	end_pour(&p.ends[0]);
	run_until_received(&p, 0, BK_LINK_WRITE_MAX);
	pair_done(&p);
}

static void urgent_writes_pass_above_the_mark(void **arg)
{
	struct pair p;
	struct end *e;

	start_secure(&p, *arg);
	e = &p.ends[0];
	e->to_write = 64 * MIB;
	end_pour(e);
	e->to_write = e->written; /* the pattern goes on with what is urgent */
	for (int i = 0; i < 100; i++) {
		static uint8_t bytes[100];

		pattern_at(e->written, bytes, sizeof(bytes));
		assert_int_equal(end_write(e, bytes, sizeof(bytes), true), 0);
		e->written += sizeof(bytes);
	}
	run_until_received(&p, 0, e->written);
	pair_done(&p);
}

static void urgent_writes_have_a_ceiling_too(void **arg)
{
	static uint8_t zeroes[65536];
	struct pair p;
	int err = 0;

	start_secure(&p, *arg);
	for (int i = 0; i < 1024 && !err; i++)
		err = end_write(&p.ends[0], zeroes, sizeof(zeroes), true);
	assert_int_equal(err, BK_E_FULL);
	pair_done(&p);
}

static void a_path_that_dies_is_a_peer_that_vanished(void **arg)
{
	struct pair p;

	pair_init(&p, *arg);
	p.idle_timeout_ns = 300 * BK_MS;
	pair_start(&p);
	pair_run_secure(&p);
	p.ends[0].to_write = 10000;
	end_pour(&p.ends[0]);
	run_until_received(&p, 0, 10000);
	p.kind->cut(p.state);
	expect_ends(&p, BK_E_PEER_VANISHED, BK_E_PEER_VANISHED);
	pair_done(&p);
}

static void a_path_that_dies_under_load_is_noticed(void **arg)
{
	struct pair p;

	pair_init(&p, *arg);
	p.idle_timeout_ns = 300 * BK_MS;
	pair_start(&p);
	pair_run_secure(&p);
	p.ends[0].to_write = p.ends[1].to_write = 64 * MIB;
	end_pour(&p.ends[0]);
	end_pour(&p.ends[1]);
	run_until_received(&p, MIB, MIB);
	p.kind->cut(p.state);
	run_until_ended(&p);
	for (int i = 0; i < 2; i++) /* a kernel that still has bytes may say it with a reset */
		assert_true(p.ends[i].end_error == BK_E_PEER_VANISHED || p.ends[i].end_error == BK_E_RESET);
	pair_done(&p);
}

static void a_peer_freed_without_close_has_vanished(void **arg)
{
	for (int i = 0; i < 2; i++) {
		struct pair p;

		start_secure(&p, *arg);
		pair_run(&p, 20 * BK_MS); /* nothing under way */
		end_free(&p.ends[i]);
		p.ends[1 - i].stop_at_end = true;
		pair_run(&p, PATIENCE);
		assert_false(p.late);
		assert_string_equal(bk_error_name(p.ends[1 - i].end_error), "peer-vanished");
		pair_done(&p);
	}
}

static void an_idle_link_stays(void **arg)
{
	struct pair p;

	pair_init(&p, *arg);
	p.idle_timeout_ns = 150 * BK_MS;
	pair_start(&p);
	pair_run_secure(&p);
	pair_run(&p, 700 * BK_MS);
	assert_int_equal(p.ends[0].ends + p.ends[1].ends, 0);
	p.ends[1].to_write = 10;
	end_pour(&p.ends[1]);
	run_until_received(&p, 10, 0);
	pair_done(&p);
}

static void freed_in(void **arg, int where)
{
	for (int i = 0; i < 2; i++) {
		struct end *e, *other;
		struct pair p;

		pair_init(&p, *arg);
		e = &p.ends[i];
		other = e->other;
		e->free_in = where;
		other->stop_at_end = true;
		if (where == FREE_IN_WRITABLE)
			e->to_write = 16 * MIB;
		if (where == FREE_IN_DATA || where == FREE_IN_END) {
			other->to_write = 16 * MIB;
			other->close_after = true;
		}
		pair_start(&p);
		while (e->link || !other->ends) {
			pair_run(&p, PATIENCE);
			assert_false(p.late);
		}
		run_quiet(&p);
		pair_done(&p);
	}
}

static void it_may_be_freed_in_on_secure(void **arg)
{
	freed_in(arg, FREE_IN_SECURE);
}

static void it_may_be_freed_in_on_data(void **arg)
{
	freed_in(arg, FREE_IN_DATA);
}

static void it_may_be_freed_in_on_writable(void **arg)
{
	freed_in(arg, FREE_IN_WRITABLE);
}

static void it_may_be_freed_in_on_end(void **arg)
{
	freed_in(arg, FREE_IN_END);
}

#define CASE(name)                                                                                           \
	{                                                                                                    \
#name, name                                                                                  \
	}

static const struct {
	const char *name;
	void (*run)(void **arg);
} cases[] = {
	CASE(bytes_go_both_ways),
	CASE(either_side_may_speak_first_from_on_secure),
	CASE(a_wrong_pin_is_refused_by_name_on_both_sides),
	CASE(freed_before_it_is_secure_it_is_silent),
	CASE(a_peer_that_never_answers_is_a_timeout),
	CASE(writing_before_secure_and_after_close_is_refused),
	CASE(close_delivers_everything_and_both_see_the_end),
	CASE(close_ends_even_when_the_peer_keeps_quiet),
	CASE(both_may_close_at_once),
	CASE(a_writer_is_told_not_now_and_when_to_go_on),
	CASE(large_messages_go_both_ways_at_once),
	CASE(many_small_messages_keep_their_order),
	CASE(a_message_over_the_ceiling_is_refused),
	CASE(urgent_writes_pass_above_the_mark),
	CASE(urgent_writes_have_a_ceiling_too),
	CASE(a_path_that_dies_is_a_peer_that_vanished),
	CASE(a_path_that_dies_under_load_is_noticed),
	CASE(a_peer_freed_without_close_has_vanished),
	CASE(an_idle_link_stays),
	CASE(it_may_be_freed_in_on_secure),
	CASE(it_may_be_freed_in_on_data),
	CASE(it_may_be_freed_in_on_writable),
	CASE(it_may_be_freed_in_on_end),
};

enum { CASES = sizeof(cases) / sizeof(cases[0]), KINDS_MAX = 8 };

/* Arguments: a part of the names of the kinds and the cases to run; none: all. */
int main(int argc, char **argv)
{
	static struct CMUnitTest tests[CASES * KINDS_MAX];
	static char names[CASES * KINDS_MAX][128];
	size_t n = 0;

	for (int k = 0; kinds[k] && k < KINDS_MAX; k++) {
		for (size_t c = 0; c < CASES; c++) {
			snprintf(names[n], sizeof(names[n]), "%s: %s", kinds[k]->name, cases[c].name);
			if (argc > 1 && !strstr(names[n], argv[1]))
				continue;
			tests[n] = (struct CMUnitTest){
				.name = names[n],
				.test_func = cases[c].run,
				.initial_state = (void *)(uintptr_t)kinds[k],
			};
			n++;
		}
	}
	return _cmocka_run_group_tests("conform", tests, n, NULL, NULL);
}

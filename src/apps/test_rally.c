/* SPDX-License-Identifier: Apache-2.0 */
#include "apps/rally.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "net/test_clock.h"
#include "wire/hello.h"

enum { SAID_MAX = 64 };

/* One rally; what it says is kept, and the test answers. */
struct side {
	struct bk_rally rally;
	struct bk_loop *loop;
	uint64_t said[SAID_MAX], pongs[SAID_MAX];
	char content[SAID_MAX][BK_HELLO_CONTENT_MAX + 1];
	double rtt[SAID_MAX];
	size_t said_len, pongs_len, stop_after;
	int refuse, silences;
	bool is_enough;
};

static struct test_clock fast;

static void say(struct bk_rally *r, uint64_t number, const char *content)
{
	struct bk_hello h = {.number = number};
	struct bk_buf out;

	snprintf(h.content, sizeof(h.content), "%s", content);
	bk_buf_init(&out, BK_HELLO_MESSAGE_MAX);
	assert_int_equal(bk_hello_encode(&out, &h), 0);
	assert_int_equal(bk_rally_take(r, bk_buf_head(&out), out.len), 0);
	bk_buf_done(&out);
}

static int on_send(void *owner, const void *json, size_t n)
{
	struct side *s = owner;
	struct bk_hello h;

	if (s->refuse)
		return s->refuse--, BK_E_AGAIN;
	assert_int_equal(bk_hello_decode(json, n, &h), 0);
	assert_true(s->said_len < SAID_MAX);
	s->said[s->said_len] = h.number;
	memcpy(s->content[s->said_len++], h.content, sizeof(h.content));
	if (s->said_len == s->stop_after)
		bk_loop_stop(s->loop);
	return 0;
}

static void on_pong(void *owner, uint64_t number, double rtt_ms)
{
	struct side *s = owner;

	s->pongs[s->pongs_len] = number;
	s->rtt[s->pongs_len++] = rtt_ms;
}

static void on_enough(void *owner)
{
	struct side *s = owner;

	s->is_enough = true;
}

static void on_silence(void *owner)
{
	struct side *s = owner;

	s->silences++;
	bk_loop_stop(s->loop);
}

static const struct bk_rally_ops ops = {
	.send = on_send, .on_pong = on_pong, .on_enough = on_enough, .on_silence = on_silence};

static void start(struct side *s, bool is_first)
{
	*s = (struct side){0};
	assert_int_equal(bk_loop_new(BK_LOOP_AUTO, &s->loop), 0);
	assert_int_equal(test_clock_init(&fast, s->loop), 0);
	assert_int_equal(bk_rally_init(&s->rally, s->loop, &ops, s), 0);
	bk_rally_start(&s->rally, is_first);
}

/* Until it has said so many in all; time flies. */
static void run(struct side *s, size_t said)
{
	s->stop_after = said;
	test_clock_fly(&fast, 60 * BK_SEC);
	bk_loop_run(s->loop);
	fast.left = 0;
	assert_int_equal(s->said_len, said);
}

static void stop(struct side *s)
{
	bk_rally_done(&s->rally);
	test_clock_done(&fast);
	bk_loop_free(s->loop);
}

static void who_begins_says_one_and_paces_itself(void **state)
{
	struct side s;
	int64_t began;

	(void)state;
	start(&s, true);
	run(&s, 1);
	began = bk_loop_now(s.loop);
	for (unsigned i = 1; i < 5; i++) {
		say(&s.rally, 2 * i, "hi");
		run(&s, i + 1);
		assert_int_equal(s.said[i], 2 * i + 1);
		assert_int_equal(s.pongs[i - 1], 2 * i);
	}
	assert_in_range(bk_loop_now(s.loop) - began, 4 * BK_SEC - 200 * BK_MS, 10 * BK_SEC);
	stop(&s);
}

static void who_answers_does_so_at_once_but_is_not_driven(void **state)
{
	struct side s;
	int64_t began;

	(void)state;
	start(&s, false);
	began = bk_loop_now(s.loop);
	say(&s.rally, 1, "hi");
	run(&s, 1);
	assert_int_equal(s.said[0], 2);
	assert_in_range(bk_loop_now(s.loop) - began, 0, 900 * BK_MS);
	for (unsigned i = 1; i < 6; i++) { /* a peer that knows no pause */
		say(&s.rally, 2 * i + 1, "hi");
		run(&s, i + 1);
		assert_int_equal(s.said[i], 2 * i + 2);
	}
	assert_true(bk_loop_now(s.loop) - began >= 5 * 200 * BK_MS);
	stop(&s);
}

static void time_held_is_told_and_taken_off(void **state)
{
	struct side s;

	(void)state;
	start(&s, true);
	run(&s, 1);
	assert_string_equal(s.content[0], "hello");
	test_clock_push(30 * BK_SEC);
	say(&s.rally, 2, "hello, held 29000000 us");
	assert_in_range((uint64_t)s.rtt[0], 1000, 15000);
	run(&s, 2);
	assert_non_null(strstr(s.content[1], "hello, held "));
	stop(&s);
}

static void a_lie_about_time_held_makes_nothing_negative(void **state)
{
	static const char *const lies[] = {", held 99999999999999999999 us", ", held -5 us",
		", held 3600000000 us", ", held 1 us and more", ", held us"};
	struct side s;

	(void)state;
	start(&s, true);
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		run(&s, i + 1);
		say(&s.rally, 2 * i + 2, lies[i]);
		assert_true(s.rtt[i] >= 0);
	}
	stop(&s);
}

static void numbers_that_nobody_waits_for_are_ignored(void **state)
{
	struct side s;

	(void)state;
	start(&s, true);
	say(&s.rally, 1, "both begin");
	run(&s, 1);
	say(&s.rally, 1, "");
	say(&s.rally, 3, "");
	say(&s.rally, 0, "");
	say(&s.rally, INT64_MAX, "");
	assert_int_equal(s.pongs_len, 0);
	say(&s.rally, 2, "");
	say(&s.rally, 2, "twice");
	assert_int_equal(s.pongs_len, 1);
	assert_int_equal(bk_rally_take(&s.rally, "x", 1), BK_E_MALFORMED);
	assert_int_equal(bk_rally_take(&s.rally, "{\"type\":\"Other\"}", 16), 0);
	stop(&s);
}

static void it_ends_with_as_many_answers_as_were_wanted(void **state)
{
	struct bk_rally_result r;
	struct side s;

	(void)state;
	start(&s, true);
	s.rally.count = 2;
	run(&s, 1);
	say(&s.rally, 2, "");
	run(&s, 2);
	say(&s.rally, 4, "");
	assert_true(s.is_enough);
	bk_rally_stop(&s.rally, false);
	bk_rally_get(&s.rally, &r);
	assert_int_equal(r.sent, 2);
	assert_int_equal(r.answered, 2);
	assert_true(r.min_ms <= r.avg_ms && r.avg_ms <= r.max_ms && r.mdev_ms >= 0);
	stop(&s);
}

static void only_a_path_that_failed_loses_a_message(void **state)
{
	struct bk_rally_result r;
	struct side s;

	(void)state;
	for (int failed = 0; failed < 2; failed++) {
		start(&s, true);
		run(&s, 1);
		bk_rally_stop(&s.rally, failed);
		bk_rally_get(&s.rally, &r);
		assert_int_equal(r.sent, failed);
		assert_int_equal(r.answered, 0);
		stop(&s);
	}
}

static void a_full_carrier_is_tried_again(void **state)
{
	struct side s;

	(void)state;
	start(&s, true);
	s.refuse = 3;
	run(&s, 1);
	assert_int_equal(s.said[0], 1);
	assert_int_equal(s.refuse, 0);
	stop(&s);
}

/* Nothing before that time. */
static void expect_silence(struct side *s, bk_dur after)
{
	bk_time began = bk_loop_now(s->loop);

	s->stop_after = SIZE_MAX;
	test_clock_fly(&fast, after + 10 * BK_SEC);
	bk_loop_run(s->loop);
	fast.left = 0;
	assert_int_equal(s->silences, 1);
	assert_in_range((uint64_t)(bk_loop_now(s->loop) - began), (uint64_t)(after - BK_SEC),
		(uint64_t)(after + BK_SEC));
}

static void a_peer_that_is_there_and_says_nothing_is_told(void **state)
{
	struct side s;

	(void)state;
	for (int is_first = 0; is_first < 2; is_first++) {
		start(&s, is_first);
		expect_silence(&s, 120 * BK_SEC);
		stop(&s);
	}
	start(&s, true); /* it falls silent later */
	run(&s, 1);
	say(&s.rally, 2, "hi");
	run(&s, 2);
	expect_silence(&s, 120 * BK_SEC);
	stop(&s);
	start(&s, false); /* it may keep an interval of an hour */
	say(&s.rally, 1, "hi");
	run(&s, 1);
	expect_silence(&s, 3720 * BK_SEC);
	stop(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_begins_says_one_and_paces_itself),
		cmocka_unit_test(who_answers_does_so_at_once_but_is_not_driven),
		cmocka_unit_test(time_held_is_told_and_taken_off),
		cmocka_unit_test(a_lie_about_time_held_makes_nothing_negative),
		cmocka_unit_test(numbers_that_nobody_waits_for_are_ignored),
		cmocka_unit_test(it_ends_with_as_many_answers_as_were_wanted),
		cmocka_unit_test(only_a_path_that_failed_loses_a_message),
		cmocka_unit_test(a_full_carrier_is_tried_again),
		cmocka_unit_test(a_peer_that_is_there_and_says_nothing_is_told),
	};

	return cmocka_run_group_tests_name("rally", tests, NULL, NULL);
}

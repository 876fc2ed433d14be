/* SPDX-License-Identifier: Apache-2.0 */
/* A peer that is there and does nothing: each wait for it has an end with a sentence, and each wait for a person
 * or for a stream has none. The clock is pushed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <bodkin/transfer.h>

#include "base/error.h"
#include "net/test_clock.h"
#include "transfer/test_fake.h"
#include "wire/file.h"

enum { FILE_LEN = 100 };

#define STEP   (10 * BK_SEC)
#define MINUTE (60 * BK_SEC)
#define HOUR   (60 * MINUTE)

struct stage {
	char root[64], path[80];
	struct bk_loop *loop;
	struct bk_timer *pusher;
	bk_dur left;
	bool (*until)(void); /* no time passes before that */
	struct bk_buf script;
	struct bk_send *send;
	struct bk_recv *recv;
	bool has_ended;
	int error;
	char text[BK_TRANSFER_TEXT_MAX];
};

static void on_pusher(void *arg)
{
	struct stage *st = arg;

	if (st->until && !st->until()) {
		bk_timer_start(st->pusher, 0);
		return;
	}
	st->until = NULL;
	if (st->left <= 0) {
		bk_loop_stop(st->loop);
		return;
	}
	st->left -= STEP;
	test_clock_push(STEP);
	bk_timer_start(st->pusher, 0);
}

static void pass(struct stage *st, bk_dur d)
{
	st->left = d;
	bk_timer_start(st->pusher, 0);
	assert_int_equal(bk_loop_run(st->loop), 0);
}

/* Files are read beside the loop, in a time that nobody pushes. */
static void pass_until(struct stage *st, bool (*until)(void))
{
	st->until = until;
	pass(st, 0);
}

static bool is_refused(void)
{
	return bk_fake_refused();
}

static bool is_all_written(void)
{
	const struct bk_buf *b = bk_fake_written();

	return memmem(bk_buf_head(b), b->len, "\"digest\"", 8);
}

static void on_done(struct bk_call *call, void *arg, const struct bk_transfer_result *result)
{
	(void)call, (void)arg, (void)result;
	fail();
}

static void on_error(struct bk_call *call, void *arg, const struct bk_call_failure *failure)
{
	struct stage *st = arg;

	(void)call;
	st->has_ended = true;
	st->error = failure->error;
	snprintf(st->text, sizeof(st->text), "%s", failure->text);
}

static void on_ask(struct bk_call *call, void *arg, enum bk_transfer_question question,
	const struct bk_transfer_offer *offer)
{
	(void)call, (void)arg, (void)question, (void)offer;
}

static const struct bk_transfer_events events = {.on_ask = on_ask, .on_done = on_done, .on_error = on_error};
static const struct bk_session_opts session = {.server = "none"};

static void put(struct stage *st, const char *header_fields, const char *content)
{
	char header[512];
	int n = snprintf(
		header, sizeof(header), "{%s,\"content-length\":%zu}", header_fields, strlen(content));
	const uint8_t prefix[2] = {(uint8_t)(n >> 8), (uint8_t)n};

	assert_int_equal(bk_buf_append(&st->script, prefix, 2), 0);
	assert_int_equal(bk_buf_append(&st->script, header, (size_t)n), 0);
	assert_int_equal(bk_buf_append(&st->script, content, strlen(content)), 0);
}

static int set_up(void **state)
{
	struct stage *st = calloc(1, sizeof(*st));
	int fd;

	snprintf(st->root, sizeof(st->root), "/tmp/bodkin-test-XXXXXX");
	if (!mkdtemp(st->root) || bk_loop_new(BK_LOOP_AUTO, &st->loop) < 0)
		return -1;
	snprintf(st->path, sizeof(st->path), "%s/a", st->root);
	fd = open(st->path, O_CREAT | O_WRONLY, 0600);
	if (fd < 0 || ftruncate(fd, FILE_LEN) < 0 || close(fd) < 0)
		return -1;
	bk_buf_init(&st->script, 1 << 16);
	bk_fake_reset(&st->script);
	*state = st;
	return bk_timer_new(st->loop, on_pusher, st, &st->pusher);
}

static int tear_down(void **state)
{
	struct stage *st = *state;

	bk_send_free(st->send);
	bk_recv_free(st->recv);
	bk_timer_free(st->pusher);
	bk_loop_free(st->loop);
	bk_buf_done(&st->script);
	unlink(st->path);
	while (rmdir(st->root) < 0 && errno == ENOTEMPTY) /* what is unfinished goes when the disk has time */
		sched_yield();
	free(st);
	return 0;
}

static void receive(struct stage *st, bool asks)
{
	const struct bk_recv_opts opts = {.session = &session, .folder = st->root, .asks_accept = asks};

	assert_int_equal(bk_recv_new(st->loop, &opts, &events, st, &st->recv, NULL), 0);
}

static void send_file(struct stage *st)
{
	const char *path = st->path;
	const struct bk_send_opts opts = {.session = &session, .paths = &path, .paths_len = 1};

	assert_int_equal(bk_send_new(st->loop, &opts, &events, st, &st->send, NULL), 0);
}

/* Nothing before that time, and right after it the end. */
static void expect_end(struct stage *st, bk_dur after, const char *words)
{
	pass(st, after - 2 * STEP);
	assert_false(st->has_ended);
	pass(st, 4 * STEP);
	assert_true(st->has_ended);
	assert_int_equal(st->error, BK_E_TIMEOUT);
	assert_non_null(strstr(st->text, words));
}

static void expect_none(struct stage *st)
{
	pass(st, 10 * HOUR);
	assert_false(st->has_ended);
}

static const char offer_b[] = "{\"entries\":[{\"path\":\"b\",\"size\":5,\"kind\":\"file\"}]}";
static const char offer_stream[] = "{\"entries\":[{\"path\":\"b\",\"size\":0,\"kind\":\"stream\"}]}";
static const char offer[] = "\"type\":\"offer\",\"entries\":1,\"bytes\":5";
static const char offer_none[] = "\"type\":\"offer\",\"entries\":1,\"bytes\":0";
static const char take[] = "{\"entries\":[{\"entry\":0,\"action\":\"take\"}]}";

static void a_sender_that_opens_nothing_is_left_after_a_minute(void **state)
{
	struct stage *st = *state;

	bk_fake_reset(NULL);
	receive(st, false);
	expect_end(st, MINUTE, "runs another command");
}

static void a_sender_that_offers_nothing_is_left_after_five(void **state)
{
	struct stage *st = *state;

	receive(st, false);
	expect_end(st, 5 * MINUTE, "offered nothing");
}

static void talk_of_other_things_is_no_offer(void **state)
{
	struct stage *st = *state;

	receive(st, false);
	for (int i = 0; i < 28; i++) {
		put(st, "\"type\":\"weather\"", "fine");
		bk_fake_wake();
		pass(st, STEP);
	}
	assert_false(st->has_ended);
	expect_end(st, 3 * STEP, "offered nothing");
}

static void count(struct stage *st)
{
	put(st, "\"type\":\"counting\",\"entries\":7", "");
	bk_fake_wake();
	pass(st, MINUTE);
}

static void a_sender_that_counts_is_waited_for_an_hour_whatever_it_says(void **state)
{
	struct stage *st = *state;

	receive(st, false);
	for (int i = 0; i < 55; i++)
		count(st);
	assert_false(st->has_ended);
	for (int i = 0; i < 10; i++)
		count(st);
	assert_true(st->has_ended);
	assert_int_equal(st->error, BK_E_TIMEOUT);
	assert_non_null(strstr(st->text, "had not counted its files"));
}

static void who_counts_has_not_offered_yet(void **state)
{
	struct stage *st = *state;

	put(st, offer, offer_b);
	put(st, "\"type\":\"counting\",\"entries\":7", "");
	receive(st, true);
	pass(st, MINUTE);
	assert_true(st->has_ended);
	assert_int_equal(st->error, BK_E_PROTOCOL);
}

static void a_person_may_take_all_day_to_answer(void **state)
{
	struct stage *st = *state;

	put(st, offer, offer_b);
	receive(st, true);
	expect_none(st);
}

static void a_sender_that_stops_in_a_file_is_left_after_an_hour(void **state)
{
	struct stage *st = *state;

	put(st, offer, offer_b);
	receive(st, false);
	pass(st, HOUR / 2);
	put(st, "\"type\":\"content\",\"entry\":0,\"offset\":0", "hel");
	bk_fake_wake();
	expect_end(st, HOUR, "sent nothing more");
}

static void a_stream_may_pause_as_long_as_it_likes(void **state)
{
	struct stage *st = *state;

	put(st, offer_none, offer_stream);
	receive(st, false);
	expect_none(st);
	bk_recv_cancel(st->recv);
	pass(st, STEP);
	assert_int_equal(st->error, BK_E_CANCELLED);
}

static void a_receiver_that_never_answers_is_left_after_an_hour(void **state)
{
	struct stage *st = *state;

	send_file(st);
	expect_end(st, HOUR, "did not answer the offer");
}

static void a_receiver_that_takes_nothing_is_left_after_an_hour(void **state)
{
	struct stage *st = *state;

	send_file(st);
	pass(st, STEP);
	bk_fake_block(true);
	put(st, "\"type\":\"accept\"", take);
	bk_fake_wake();
	pass_until(st, is_refused);
	pass(st, HOUR + 3 * STEP); /* its last word is not taken either */
	pass(st, MINUTE);
	assert_true(st->has_ended);
	assert_int_equal(st->error, BK_E_TIMEOUT);
	assert_non_null(strstr(st->text, "took nothing more"));
}

static void a_receiver_that_never_confirms_is_left_after_an_hour(void **state)
{
	struct stage *st = *state;

	put(st, "\"type\":\"accept\"", take);
	send_file(st);
	pass_until(st, is_all_written);
	expect_end(st, HOUR, "that everything arrived");
}

static void the_last_word_waits_for_no_reader(void **state)
{
	struct stage *st = *state;

	receive(st, false);
	pass(st, STEP);
	bk_fake_block(true);
	put(st, "\"type\":\"accept\"", take);
	bk_fake_wake();
	pass(st, MINUTE);
	assert_true(st->has_ended);
	assert_int_equal(st->error, BK_E_PROTOCOL);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(a_sender_that_opens_nothing_is_left_after_a_minute),
		T(a_sender_that_offers_nothing_is_left_after_five),
		T(talk_of_other_things_is_no_offer),
		T(a_sender_that_counts_is_waited_for_an_hour_whatever_it_says),
		T(who_counts_has_not_offered_yet),
		T(a_person_may_take_all_day_to_answer),
		T(a_sender_that_stops_in_a_file_is_left_after_an_hour),
		T(a_stream_may_pause_as_long_as_it_likes),
		T(a_receiver_that_never_answers_is_left_after_an_hour),
		T(a_receiver_that_takes_nothing_is_left_after_an_hour),
		T(a_receiver_that_never_confirms_is_left_after_an_hour),
		T(the_last_word_waits_for_no_reader),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

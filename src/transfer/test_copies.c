/* SPDX-License-Identifier: Apache-2.0 */
/* A sender to as many as come, whose places are all held by people with the right code. Their sessions are made here:
 * each meets somebody who opens and says nothing, for as long as nobody ends it. The clock is pushed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <unistd.h>

#include <bodkin/transfer.h>

#include "base/error.h"
#include "net/test_clock.h"

enum { FULL = BK_SEND_RECEIVERS_MAX };

/* --- sessions --- */

struct bk_channel {
	int nothing;
};

struct bk_session {
	struct bk_loop *loop;
	const struct bk_session_events *events;
	void *arg;
	struct bk_timer *step;
	unsigned number; /* from 1 */
	bool is_open, is_closing;
	int error;
	struct bk_channel channel;
};

static unsigned made, open_now, coming; /* so many of those that are made have somebody who comes */

static void on_step(void *arg)
{
	struct bk_session *s = arg;
	const struct bk_peer peer = {.id = "id", .name = "bert", .nat = ""};
	const struct bk_path path = {.remote = s->number == 2 ? "192.0.2.1:5" : "198.51.100.1:5", .text = ""};

	if (s->is_closing) {
		s->events->on_closed(s, s->arg, s->error, "the session's own sentence");
		return;
	}
	s->is_open = true;
	s->events->on_peer(s, s->arg, &peer);
	s->events->on_path(s, s->arg, &path);
	s->events->on_open(s, s->arg);
}

int bk_session_new(struct bk_loop *loop, const struct bk_session_opts *opts,
	const struct bk_session_events *events, void *arg, struct bk_session **ret_session)
{
	struct bk_session *s = calloc(1, sizeof(*s));

	(void)opts;
	*s = (struct bk_session){.loop = loop, .events = events, .arg = arg, .number = ++made};
	assert_int_equal(bk_timer_new(loop, on_step, s, &s->step), 0);
	if (s->number <= coming)
		bk_timer_start(s->step, 0);
	open_now++;
	*ret_session = s;
	return 0;
}

void bk_session_close(struct bk_session *s, int error)
{
	if (s->is_closing)
		return;
	s->is_closing = true;
	s->error = error;
	bk_timer_start(s->step, 0);
}

bool bk_session_is_peers_word(const struct bk_session *s)
{
	(void)s;
	return false;
}

const char *bk_session_server_pin(struct bk_session *s)
{
	(void)s;
	return NULL;
}

void bk_session_free(struct bk_session *s)
{
	if (!s)
		return;
	open_now--;
	bk_timer_free(s->step);
	free(s);
}

int bk_channel_open(struct bk_session *s, const char *kind, const struct bk_channel_events *events, void *arg,
	struct bk_channel **ret_channel)
{
	(void)kind;
	(void)events;
	(void)arg;
	*ret_channel = &s->channel;
	return 0;
}

int bk_channel_listen(struct bk_channel *c, const struct bk_channel_events *events, void *arg)
{
	(void)c;
	(void)events;
	(void)arg;
	return 0;
}

int bk_channel_write(struct bk_channel *c, const void *data, size_t n)
{
	(void)c;
	(void)data;
	(void)n;
	return 0;
}

void bk_channel_pause(struct bk_channel *c)
{
	(void)c;
}

void bk_channel_resume(struct bk_channel *c)
{
	(void)c;
}

void bk_channel_finish(struct bk_channel *c)
{
	(void)c;
}

void bk_channel_free(struct bk_channel *c, int error)
{
	(void)c;
	(void)error;
}

/* --- the sender --- */

struct stage {
	char path[64];
	struct bk_loop *loop;
	struct test_clock clock;
	struct bk_timer *end;
	struct bk_send *send;
	unsigned joined, failed, first;
	int error;
	char text[BK_TRANSFER_TEXT_MAX];
};

static void on_receiver(struct bk_call *call, void *arg, const struct bk_transfer_receiver *r)
{
	struct stage *st = arg;

	(void)call;
	st->joined += r->state == BK_TRANSFER_RECEIVER_JOINED;
	if (r->state != BK_TRANSFER_RECEIVER_FAILED)
		return;
	if (!st->failed++) {
		st->first = r->number;
		st->error = r->error;
		snprintf(st->text, sizeof(st->text), "%s", r->text);
	}
}

static void on_done(struct bk_call *call, void *arg, const struct bk_transfer_result *result)
{
	(void)call;
	(void)arg;
	(void)result;
	fail();
}

static void on_error(struct bk_call *call, void *arg, const struct bk_call_failure *failure)
{
	(void)call;
	(void)arg;
	fail_msg("%s", failure->text);
}

static void on_end(void *arg)
{
	bk_loop_stop(((struct stage *)arg)->loop);
}

static void live(struct stage *st, bk_dur d)
{
	bk_timer_start(st->end, d);
	test_clock_fly(&st->clock, d);
	assert_int_equal(bk_loop_run(st->loop), 0);
}

static int set_up(void **state)
{
	static const struct bk_session_opts session = {.server = "none"};
	static const struct bk_transfer_events events = {
		.size = sizeof(events), .on_receiver = on_receiver, .on_done = on_done, .on_error = on_error};
	struct stage *st = calloc(1, sizeof(*st));
	const char *paths[] = {st->path};
	const struct bk_send_opts opts = {.size = sizeof(opts),
		.session = &session,
		.paths = paths,
		.paths_len = 1,
		.copies = BK_SEND_KEEP};
	int fd;

	snprintf(st->path, sizeof(st->path), "/tmp/bodkin-copies-XXXXXX");
	fd = mkstemp(st->path);
	if (fd < 0 || close(fd) < 0 || bk_loop_new(BK_LOOP_AUTO, &st->loop) < 0 ||
		test_clock_init(&st->clock, st->loop) < 0 || bk_timer_new(st->loop, on_end, st, &st->end) < 0)
		return -1;
	made = open_now = 0;
	coming = FULL;
	*state = st;
	return bk_send_new(st->loop, &opts, &events, st, &st->send, st->text);
}

static int tear_down(void **state)
{
	struct stage *st = *state;

	bk_send_free(st->send);
	bk_timer_free(st->end);
	test_clock_done(&st->clock);
	bk_loop_free(st->loop);
	unlink(st->path);
	free(st);
	return open_now ? -1 : 0;
}

static void who_holds_a_place_and_does_nothing_makes_room_for_the_next(void **state)
{
	struct stage *st = *state;

	live(st, 50 * BK_SEC);
	assert_int_equal(st->joined, FULL);
	assert_int_equal(made, FULL);
	assert_int_equal(st->failed, 0);
	live(st, 15 * BK_SEC);
	assert_int_equal(st->failed, 1);
	assert_int_equal(st->error, BK_E_FULL);
	assert_string_equal(st->text,
		"all places were taken, and this one did nothing with its own for a minute; "
		"the code is good still");
	assert_int_equal(made, FULL + 1); /* one waits again, and nobody comes */
	live(st, 100 * BK_SEC);
	assert_int_equal(st->failed, 1);
	assert_int_equal(open_now, FULL);
}

static void where_there_is_room_nobody_has_to_go(void **state)
{
	struct stage *st = *state;

	coming = FULL - 1;
	live(st, 200 * BK_SEC);
	assert_int_equal(st->joined, FULL - 1);
	assert_int_equal(st->failed, 0);
	assert_int_equal(made, FULL);
}

static void who_has_none_of_his_neighbours_there_stays_longest(void **state)
{
	struct stage *st = *state;

	coming = 2 * FULL;
	live(st, 65 * BK_SEC);
	assert_true(st->failed >= 1 && st->first == 1); /* and not the second, who is alone in his network */
	live(st, 5 * BK_SEC);
	assert_true(st->failed >= 3);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(who_holds_a_place_and_does_nothing_makes_room_for_the_next),
		T(where_there_is_room_nobody_has_to_go),
		T(who_has_none_of_his_neighbours_there_stays_longest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

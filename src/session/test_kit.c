/* SPDX-License-Identifier: Apache-2.0 */
/* Everything in a story is real but the clock, which can be pushed, and what the server's board lies. */
#include "session/test_kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bodkin/log.h>

#include "net/test_clock.h"

enum { PIECE = 200 * 1000, WATCHDOG_SECONDS = 60 };

#define STORY_TIMEOUT (600 * BK_SEC) /* on the pushed clock; the watchdog is on the real one */

static struct test_clock fast_clock;

static void stop_when_over(struct story *st)
{
	if (st->a.closed && st->b.closed)
		bk_loop_stop(st->loop);
}

static uint8_t byte_at(size_t i)
{
	return (uint8_t)(i * 31 + (i >> 8));
}

static void send_bulk(struct side *me)
{
	static uint8_t piece[PIECE];

	while (me->sent < STORY_BULK) {
		size_t n = STORY_BULK - me->sent < PIECE ? STORY_BULK - me->sent : PIECE;

		for (size_t i = 0; i < n; i++)
			piece[i] = byte_at(me->sent + i);
		if (bk_channel_write(me->channel, piece, n) < 0)
			return;
		me->sent += n;
	}
	bk_channel_finish(me->channel);
}

static void on_data(struct bk_channel *channel, void *arg, const uint8_t *data, size_t n)
{
	struct side *me = arg;

	(void)channel;
	for (size_t i = 0; i < n; i++)
		assert_int_equal(data[i], byte_at(me->received + i));
	me->received += n;
}

static void on_finished(struct bk_channel *channel, void *arg)
{
	struct side *me = arg;

	(void)channel;
	me->finished = true;
	bk_session_close(me->session, 0);
}

static void on_writable(struct bk_channel *channel, void *arg)
{
	(void)channel;
	send_bulk(arg);
}

static const struct bk_channel_events channel_events = {
	.on_data = on_data, .on_finished = on_finished, .on_writable = on_writable};

static void on_channel(struct bk_session *session, void *arg, struct bk_channel *c, const char *kind)
{
	struct side *me = arg;

	(void)session;
	assert_string_equal(kind, "bulk/1");
	me->channel = c;
	bk_channel_listen(c, &channel_events, me);
}

static void on_open(struct bk_session *session, void *arg)
{
	struct side *me = arg;
	struct story *st = me->story;

	(void)session;
	me->opened = true;
	if (st->a.opened && st->b.opened && st->kill_server_when_open) {
		bk_server_free(st->server);
		st->server = NULL;
	}
	if (st->bulk && me == &st->a) {
		assert_int_equal(
			bk_channel_open(me->session, "bulk/1", &channel_events, me, &me->channel), 0);
		send_bulk(me);
	} else if (!st->bulk && st->a.opened && st->b.opened) {
		bk_session_close(me->session, 0);
	}
}

static void on_path(struct bk_session *session, void *arg, const struct bk_path *p)
{
	struct side *me = arg;

	(void)session;
	me->paths++;
	me->kind = p->kind;
	snprintf(me->technique, sizeof(me->technique), "%s", p->technique);
}

static void on_closed(struct bk_session *session, void *arg, int error, const char *text)
{
	struct side *me = arg;

	(void)session;
	assert_false(me->closed);
	me->closed = true;
	me->error = error;
	snprintf(me->text, sizeof(me->text), "%s", text);
	stop_when_over(me->story);
}

static void on_peer(struct bk_session *session, void *arg, const struct bk_peer *peer)
{
	struct side *me = arg;

	(void)session;
	assert_non_null(peer->name);
	if (me->story->joiner_dies)
		bk_timer_start(me->story->killer, 0);
}

static void on_killer(void *arg)
{
	struct story *st = arg;

	bk_session_free(st->b.session);
	st->b.session = NULL;
	st->b.closed = true;
	stop_when_over(st);
}

static const struct bk_session_events joiner_events = {.on_peer = on_peer,
	.on_path = on_path,
	.on_open = on_open,
	.on_channel = on_channel,
	.on_closed = on_closed};

void story_join(struct story *st, const char *code)
{
	struct bk_session_opts opts = {
		.server = st->target, .code = code, .name = "b", .path = st->b.path_choice};

	assert_int_equal(bk_session_new(st->loop, &opts, &joiner_events, &st->b, &st->b.session), 0);
}

static void on_code(struct bk_session *session, void *arg, const char *code)
{
	struct side *me = arg;
	struct story *st = me->story;
	char wrong[STORY_CODE_MAX];

	if (me->codes++) {
		bk_session_close(session, BK_E_WRONG_CODE);
		return;
	}
	snprintf(me->code, sizeof(me->code), "%s", code);
	if (st->before_join)
		st->before_join(st);
	if (st->nobody_joins)
		return;
	if (st->join_with) {
		snprintf(wrong, sizeof(wrong), "%u%s", (unsigned)strtoul(code, NULL, 10), st->join_with);
		code = wrong;
	}
	story_join(st, code);
}

static const struct bk_session_events maker_events = {.on_code = on_code,
	.on_path = on_path,
	.on_open = on_open,
	.on_channel = on_channel,
	.on_closed = on_closed};

static void on_timeout(void *arg)
{
	struct story *st = arg;

	st->timed_out = true;
	bk_loop_stop(st->loop);
}

static void print_log(void *arg, enum bk_log_level level, const char *module, const char *line)
{
	fprintf(arg, "%s %s: %s\n", bk_log_level_name(level), module, line);
}

/* Its board may lie. */
static void serve(struct story *st, const struct bk_server_opts *opts)
{
	struct bk_server_config config;
	char why[BK_SERVER_TEXT_MAX] = "";
	int err = bk_server_config_init(&config, opts, why);

	config.board = (struct bk_board_kind){lying_board_new, &st->lies};
	if (!err)
		err = bk_server_open(st->loop, &config, st->state_dir, &st->server, why);
	if (err < 0)
		fail_msg("%s", why);
	snprintf(st->target, sizeof(st->target), "127.0.0.1:%u#%s", bk_server_port(st->server),
		bk_server_pin(st->server));
}

void story_set_up_with(struct story *st, struct bk_server_opts opts)
{

	if (getenv("BK_TEST_LOG"))
		bk_log_set(print_log, stderr, BK_LOG_TRACE);
	memset(st, 0, sizeof(*st));
	st->a.story = st->b.story = st;
	strcpy(st->state_dir, "/tmp/bodkin-test-XXXXXX");
	assert_non_null(mkdtemp(st->state_dir));
	opts.listen_ip = "127.0.0.1";
	opts.port = kit_quiet_port(); /* it may come back there */
	opts.alt_port = kit_quiet_port();
	opts.state_dir = st->state_dir;
	assert_int_equal(bk_loop_new(BK_LOOP_AUTO, &st->loop), 0);
	serve(st, &opts);
	assert_int_equal(bk_timer_new(st->loop, on_timeout, st, &st->timeout), 0);
	assert_int_equal(bk_timer_new(st->loop, on_killer, st, &st->killer), 0);
	assert_int_equal(test_clock_init(&fast_clock, st->loop), 0);
	bk_timer_start(st->timeout, STORY_TIMEOUT);
}

void story_set_up(struct story *st)
{
	story_set_up_with(st, (struct bk_server_opts){0});
}

void story_begin(struct story *st)
{
	struct bk_session_opts opts = {
		.server = st->target, .name = "a", .path = st->a.path_choice, .wait_ns = st->wait};

	assert_int_equal(bk_session_new(st->loop, &opts, &maker_events, &st->a, &st->a.session), 0);
}

void story_run(struct story *st)
{
	alarm(WATCHDOG_SECONDS);
	if (!st->a.closed)
		story_begin(st);
	assert_int_equal(bk_loop_run(st->loop), 0);
	alarm(0);
	assert_false(st->timed_out);
}

void story_let_time_fly(bk_dur d)
{
	test_clock_fly(&fast_clock, d);
}

void story_jump(bk_dur d)
{
	test_clock_push(d);
}

void story_clock_init(struct bk_loop *loop)
{
	assert_int_equal(test_clock_init(&fast_clock, loop), 0);
}

void story_clock_done(void)
{
	test_clock_done(&fast_clock);
}

void story_tear_down(struct story *st)
{
	char command[128];

	bk_session_free(st->a.session);
	bk_session_free(st->b.session);
	bk_server_free(st->server);
	bk_timer_free(st->timeout);
	bk_timer_free(st->killer);
	test_clock_done(&fast_clock);
	bk_loop_free(st->loop);
	snprintf(command, sizeof(command), "rm -rf '%s'", st->state_dir);
	assert_int_equal(system(command), 0);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Two sessions and a server in one loop on loopback: the whole way from a code to a channel. The lying-server
 * cases use the server's own hooks, so everything but the lie is the real thing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <bodkin/log.h>
#include <bodkin/loop.h>
#include <bodkin/server.h>
#include <bodkin/session.h>

#include "base/time.h"
#include "server/server.h"

enum { TARGET_MAX = 128, CODE_MAX = 128, BULK = 3 * 1024 * 1024, PIECE = 200 * 1000 };

#define STORY_TIMEOUT (20 * BK_SEC)

struct story;

struct side {
	struct story *story;
	struct bk_session *session;
	struct bk_channel *channel;
	char code[CODE_MAX];
	char technique[16], text[512];
	enum bk_path_kind kind;
	int paths;
	bool opened, closed, finished;
	int error;
	size_t received, sent;
	uint64_t sum;
};

struct story {
	char state_dir[64];
	char target[TARGET_MAX];
	struct bk_loop *loop;
	struct bk_server *server;
	struct bk_timer *timeout;
	struct side a, b;
	enum bk_path_choice path;
	const char *join_with; /* NULL: the right code */
	bool bulk;             /* a sends BULK bytes, b closes when it has them */
	bool kill_server_when_open;
	bool timed_out;
};

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

	while (me->sent < BULK) {
		size_t n = BULK - me->sent < PIECE ? BULK - me->sent : PIECE;

		for (size_t i = 0; i < n; i++)
			piece[i] = byte_at(me->sent + i);
		if (bk_channel_write(me->channel, piece, n) < 0)
			return;
		me->sent += n;
	}
	bk_channel_finish(me->channel);
}

static void on_data(void *arg, const uint8_t *data, size_t n)
{
	struct side *me = arg;

	for (size_t i = 0; i < n; i++)
		assert_int_equal(data[i], byte_at(me->received + i));
	me->received += n;
}

static void on_finished(void *arg)
{
	struct side *me = arg;

	me->finished = true;
	bk_session_close(me->session, 0);
}

static void on_writable(void *arg)
{
	send_bulk(arg);
}

static void on_reset(void *arg, int error)
{
	(void)arg;
	(void)error;
}

static const struct bk_channel_events channel_events = {
	.on_data = on_data, .on_finished = on_finished, .on_writable = on_writable, .on_reset = on_reset};

static void on_channel(void *arg, struct bk_channel *c, const char *kind)
{
	struct side *me = arg;

	assert_string_equal(kind, "bulk/1");
	me->channel = c;
	bk_channel_listen(c, &channel_events, me);
}

static void on_open(void *arg)
{
	struct side *me = arg;
	struct story *st = me->story;

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

static void on_path(void *arg, const struct bk_path *p)
{
	struct side *me = arg;

	me->paths++;
	me->kind = p->kind;
	snprintf(me->technique, sizeof(me->technique), "%s", p->technique);
}

static void on_closed(void *arg, int error, const char *text)
{
	struct side *me = arg;

	me->closed = true;
	me->error = error;
	snprintf(me->text, sizeof(me->text), "%s", text);
	stop_when_over(me->story);
}

static const struct bk_session_events joiner_events = {
	.on_path = on_path, .on_open = on_open, .on_channel = on_channel, .on_closed = on_closed};

static void join(struct story *st, const char *code)
{
	struct bk_session_opts opts = {.server = st->target, .code = code, .name = "b", .path = st->path};

	assert_int_equal(bk_session_new(st->loop, &opts, &joiner_events, &st->b, &st->b.session), 0);
}

static void on_code(void *arg, const char *code)
{
	struct side *me = arg;
	struct story *st = me->story;
	char wrong[CODE_MAX];

	snprintf(me->code, sizeof(me->code), "%s", code);
	if (st->join_with) {
		snprintf(wrong, sizeof(wrong), "%u%s", (unsigned)strtoul(code, NULL, 10), st->join_with);
		code = wrong;
	}
	join(st, code);
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

static void set_up(struct story *st)
{
	struct bk_server_opts opts = {.listen_ip = "127.0.0.1", .port = -1, .alt_port = -1};
	char why[BK_SERVER_TEXT_MAX] = "";

	memset(st, 0, sizeof(*st));
	st->a.story = st->b.story = st;
	strcpy(st->state_dir, "/tmp/bodkin-test-XXXXXX");
	assert_non_null(mkdtemp(st->state_dir));
	opts.state_dir = st->state_dir;
	assert_int_equal(bk_loop_new(BK_LOOP_AUTO, &st->loop), 0);
	if (bk_server_new(st->loop, &opts, &st->server, why) < 0)
		fail_msg("%s", why);
	snprintf(st->target, sizeof(st->target), "127.0.0.1:%u#%s", bk_server_port(st->server),
		bk_server_pin(st->server));
	assert_int_equal(bk_timer_new(st->loop, on_timeout, st, &st->timeout), 0);
	bk_timer_start(st->timeout, STORY_TIMEOUT);
}

static void run(struct story *st)
{
	struct bk_session_opts opts = {.server = st->target, .name = "a", .path = st->path};

	assert_int_equal(bk_session_new(st->loop, &opts, &maker_events, &st->a, &st->a.session), 0);
	assert_int_equal(bk_loop_run(st->loop), 0);
	assert_false(st->timed_out);
}

static void tear_down(struct story *st)
{
	char command[128];

	bk_session_free(st->a.session);
	bk_session_free(st->b.session);
	bk_server_free(st->server);
	bk_timer_free(st->timeout);
	bk_loop_free(st->loop);
	snprintf(command, sizeof(command), "rm -rf '%s'", st->state_dir);
	assert_int_equal(system(command), 0);
}

static void two_sides_meet_by_code_on_a_direct_path(void **state)
{
	struct story st;

	(void)state;
	set_up(&st);
	run(&st);
	assert_int_equal(st.a.error, 0);
	assert_int_equal(st.b.error, 0);
	assert_int_equal(st.a.kind, BK_PATH_KIND_DIRECT);
	assert_int_equal(st.b.kind, BK_PATH_KIND_DIRECT);
	assert_int_equal(st.a.paths, 1);
	assert_int_equal(st.b.paths, 1);
	tear_down(&st);
}

static void two_sides_meet_over_the_relay_when_asked(void **state)
{
	struct story st;

	(void)state;
	set_up(&st);
	st.path = BK_PATH_CHOICE_RELAY;
	st.bulk = true;
	run(&st);
	assert_int_equal(st.a.error, 0);
	assert_int_equal(st.a.kind, BK_PATH_KIND_RELAY);
	assert_string_equal(st.b.technique, "relay");
	assert_int_equal(st.b.received, BULK);
	tear_down(&st);
}

static void bulk_arrives_whole_and_in_order(void **state)
{
	struct story st;

	(void)state;
	set_up(&st);
	st.bulk = true;
	run(&st);
	assert_int_equal(st.b.received, BULK);
	assert_true(st.b.finished);
	assert_int_equal(st.a.error, 0);
	assert_int_equal(st.b.error, 0);
	tear_down(&st);
}

static void a_direct_path_outlives_the_server(void **state)
{
	struct story st;

	(void)state;
	set_up(&st);
	st.bulk = true;
	st.kill_server_when_open = true;
	run(&st);
	assert_null(st.server);
	assert_int_equal(st.b.received, BULK);
	assert_int_equal(st.a.error, 0);
	tear_down(&st);
}

static void a_wrong_code_ends_both_after_one_guess(void **state)
{
	struct story st;

	(void)state;
	set_up(&st);
	st.join_with = "-wrong-guess";
	run(&st);
	assert_int_equal(st.a.error, BK_E_WRONG_CODE);
	assert_int_equal(st.b.error, BK_E_WRONG_CODE);
	assert_false(st.a.opened || st.b.opened);
	tear_down(&st);
}

static void a_code_nobody_made_is_no_such_peer(void **state)
{
	struct story st;

	(void)state;
	set_up(&st);
	st.a.closed = true;
	join(&st, "9999-tulip-anchor");
	assert_int_equal(bk_loop_run(st.loop), 0);
	assert_false(st.timed_out);
	assert_int_equal(st.b.error, BK_E_NO_SUCH_PEER);
	tear_down(&st);
}

static void another_key_than_the_pinned_one_is_refused(void **state)
{
	struct story st;
	char *pin;

	(void)state;
	set_up(&st);
	pin = strchr(st.target, '#') + 1;
	pin[0] = pin[0] == 'A' ? 'B' : 'A';
	st.b.closed = true;
	run(&st);
	assert_int_equal(st.a.error, BK_E_PIN_MISMATCH);
	tear_down(&st);
}

static void no_server_is_one_clear_sentence(void **state)
{
	struct story st;

	(void)state;
	set_up(&st);
	bk_server_free(st.server);
	st.server = NULL;
	st.b.closed = true;
	run(&st);
	assert_int_equal(st.a.error, BK_E_REFUSED);
	assert_non_null(strstr(st.a.text, "cannot connect to server '127.0.0.1"));
	tear_down(&st);
}

static void print_log(void *arg, enum bk_log_level level, const char *module, const char *line)
{
	fprintf(arg, "%s %s: %s\n", bk_log_level_name(level), module, line);
}

int main(void)
{
	if (getenv("BK_TEST_LOG"))
		bk_log_set(print_log, stderr, BK_LOG_TRACE);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_sides_meet_by_code_on_a_direct_path),
		cmocka_unit_test(two_sides_meet_over_the_relay_when_asked),
		cmocka_unit_test(bulk_arrives_whole_and_in_order),
		cmocka_unit_test(a_direct_path_outlives_the_server),
		cmocka_unit_test(a_wrong_code_ends_both_after_one_guess),
		cmocka_unit_test(a_code_nobody_made_is_no_such_peer),
		cmocka_unit_test(another_key_than_the_pinned_one_is_refused),
		cmocka_unit_test(no_server_is_one_clear_sentence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

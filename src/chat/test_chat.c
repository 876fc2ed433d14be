/* SPDX-License-Identifier: Apache-2.0 */
/* Two people, or one and a liar, and a server in one loop; everything is real but the clock, which can be pushed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <unistd.h>

#include <bodkin/bodkin.h>

#include "base/time.h"
#include "net/test_clock.h"
#include "wire/chat.h"

enum { HEARD_MAX = 4096 };

struct scene;

struct person {
	struct scene *scene;
	struct bk_chat *chat;
	uint64_t heard, delivered, to_say;
	size_t say_len; /* of each; 0: of every length in turn */
	char last[64];  /* of what was heard */
	size_t last_len;
	bool pauses; /* when it hears something */
	bool leaves; /* when it has said all, else it finishes */
	bool stays;  /* neither */
	bool is_open, is_other_finished, is_over, is_inside;
	int error;
	enum bk_call_who who;
	char text[BK_CHAT_SENTENCE_MAX];
	struct bk_chat_result result;
	void (*on_heard)(struct person *p);
};

struct scene {
	char root[64], server_name[128], text[BK_CHAT_SENTENCE_MAX];
	struct bk_loop *loop;
	struct test_clock clock;
	struct bk_server *server;
	struct person anna, bert; /* anna makes the code */
	/* bert as a liar */
	struct bk_session *liar;
	struct bk_channel *channel;
	const char *kind; /* NULL: opens none */
	const uint8_t *script;
	size_t script_len;
	bool finishes, is_liar_over;
};

static char words[BK_CHAT_TEXT_MAX];

static size_t length_of(const struct person *p, uint64_t number)
{
	return p->say_len ? p->say_len : number % 7 * number % 8000;
}

/* What number n sounds like; all letters, so that nothing in it is made harmless. */
static const char *text_of(uint64_t number, size_t len)
{
	for (size_t i = 0; i < len; i++)
		words[i] = (char)('a' + (i * 31 + number) % 26);
	return words;
}

static void say_more(struct person *p)
{
	uint64_t number = 0;
	int err = 0;

	for (uint64_t n = 1; p->to_say && err >= 0; p->to_say--) {
		p->is_inside = true;
		n = number + 1;
		err = bk_chat_say(p->chat, text_of(p->to_say, length_of(p, p->to_say)),
			length_of(p, p->to_say), &number);
		p->is_inside = false;
		assert_true(err == BK_E_AGAIN || number >= n);
		if (err < 0)
			return;
	}
	if (p->leaves)
		bk_chat_leave(p->chat);
	else if (!p->stays)
		bk_chat_finish(p->chat);
}

static void on_open(struct bk_chat *chat, void *arg)
{
	struct person *p = arg;

	(void)chat;
	p->is_open = true;
	say_more(p);
}

static void on_writable(struct bk_chat *chat, void *arg)
{
	struct person *p = arg;

	(void)chat;
	assert_false(p->is_inside);
	say_more(p);
}

static void on_message(struct bk_chat *chat, void *arg, const struct bk_chat_message *m)
{
	struct person *p = arg;

	assert_int_equal(m->number, ++p->heard);
	assert_int_equal(strlen(m->text), m->len);
	snprintf(p->last, sizeof(p->last), "%s", m->text);
	p->last_len = m->len;
	if (p->pauses)
		bk_chat_pause(chat);
	if (p->on_heard)
		p->on_heard(p);
}

static void on_delivered(struct bk_chat *chat, void *arg, uint64_t number)
{
	struct person *p = arg;

	(void)chat;
	assert_true(number > p->delivered);
	p->delivered = number;
}

static void on_finished(struct bk_chat *chat, void *arg)
{
	struct person *p = arg;

	(void)chat;
	p->is_other_finished = true;
}

static void stop_when_over(struct scene *s)
{
	if (s->anna.is_over && (s->bert.is_over || s->is_liar_over))
		bk_loop_stop(s->loop);
}

static void on_end(struct bk_chat *chat, void *arg, const struct bk_chat_result *result,
	const struct bk_call_failure *failure)
{
	struct person *p = arg;

	(void)chat;
	assert_false(p->is_over || p->is_inside);
	p->is_over = true;
	p->result = *result;
	if (failure) {
		p->error = failure->error;
		p->who = failure->who;
		snprintf(p->text, sizeof(p->text), "%s", failure->text);
	}
	stop_when_over(p->scene);
}

static void on_code(struct bk_call *call, void *arg, const char *code);

static const struct bk_call_news news = {.on_code = on_code};
static const struct bk_chat_events events = {
	.news = &news,
	.on_open = on_open,
	.on_message = on_message,
	.on_delivered = on_delivered,
	.on_writable = on_writable,
	.on_finished = on_finished,
	.on_end = on_end,
};

/* --- a liar --- */

static void on_liar_data(struct bk_channel *channel, void *arg, const uint8_t *data, size_t n)
{
	(void)channel;
	(void)arg;
	(void)data;
	(void)n;
}

static void on_liar_open(struct bk_session *session, void *arg)
{
	static const struct bk_channel_events ears = {.on_data = on_liar_data};
	struct scene *s = arg;

	if (!s->kind)
		return;
	assert_int_equal(bk_channel_open(session, s->kind, &ears, s, &s->channel), 0);
	if (s->script_len)
		assert_int_equal(bk_channel_write(s->channel, s->script, s->script_len), 0);
	if (s->finishes)
		bk_channel_finish(s->channel);
}

static void on_liar_closed(struct bk_session *session, void *arg, int error, const char *text)
{
	struct scene *s = arg;

	(void)session;
	(void)error;
	(void)text;
	s->is_liar_over = true;
	stop_when_over(s);
}

static void join_as_liar(struct scene *s, const char *code)
{
	static const struct bk_session_events lies = {.on_open = on_liar_open, .on_closed = on_liar_closed};
	const struct bk_session_opts opts = {.server = s->server_name, .code = code, .name = "bert"};

	assert_int_equal(bk_session_new(s->loop, &opts, &lies, s, &s->liar), 0);
}

/* The other person types it. */
static void on_code(struct bk_call *call, void *arg, const char *code)
{
	struct scene *s = ((struct person *)arg)->scene;
	const struct bk_session_opts session = {
		.server = s->server_name, .code = code, .name = "bert\033[2J"};
	const struct bk_chat_opts opts = {.session = &session};

	(void)call;
	if (s->is_liar_over) {
		s->is_liar_over = false;
		join_as_liar(s, code);
		return;
	}
	assert_int_equal(bk_chat_new(s->loop, &opts, &events, &s->bert, &s->bert.chat, s->text), 0);
}

/* --- the scene --- */

static void set_up(struct scene *s)
{
	struct bk_server_opts server = {.listen_ip = "127.0.0.1", .port = -1, .alt_port = -1};
	const struct bk_session_opts session = {.server = s->server_name, .name = "anna"};
	const struct bk_chat_opts opts = {.session = &session};

	snprintf(s->root, sizeof(s->root), "/tmp/bodkin-test-XXXXXX");
	assert_non_null(mkdtemp(s->root));
	server.state_dir = s->root;
	s->anna.scene = s->bert.scene = s;
	assert_int_equal(bk_loop_new(BK_LOOP_AUTO, &s->loop), 0);
	test_clock_init(&s->clock, s->loop);
	assert_int_equal(bk_server_new(s->loop, &server, &s->server, NULL), 0);
	snprintf(s->server_name, sizeof(s->server_name), "127.0.0.1:%u#%s", bk_server_port(s->server),
		bk_server_pin(s->server));
	assert_int_equal(bk_chat_new(s->loop, &opts, &events, &s->anna, &s->anna.chat, s->text), 0);
}

static void run(struct scene *s)
{
	assert_int_equal(bk_loop_run(s->loop), 0);
}

static void run_until(struct scene *s, const bool *flag)
{
	while (!*flag)
		assert_int_equal(bk_loop_turn(s->loop, BK_SEC), 0);
}

/* Until nothing is under way any more, on loopback. */
static void idle(struct scene *s)
{
	for (int i = 0; i < 200; i++)
		assert_int_equal(bk_loop_turn(s->loop, BK_MS), 0);
}

static void tear_down(struct scene *s)
{
	char command[128];

	bk_chat_free(s->anna.chat);
	bk_chat_free(s->bert.chat);
	bk_session_free(s->liar);
	bk_server_free(s->server);
	test_clock_done(&s->clock);
	bk_loop_free(s->loop);
	snprintf(command, sizeof(command), "rm -r '%s'", s->root);
	assert_int_equal(system(command), 0);
}

/* --- claims --- */

static void both_talk_at_once_and_everything_is_delivered_in_order(void **state)
{
	struct scene s = {.anna.to_say = 500, .bert.to_say = 300};

	(void)state;
	set_up(&s);
	run(&s);
	assert_int_equal(s.anna.error, 0);
	assert_int_equal(s.bert.error, 0);
	assert_int_equal(s.anna.heard, 300);
	assert_int_equal(s.bert.heard, 500);
	assert_int_equal(s.anna.result.delivered, 500);
	assert_int_equal(s.bert.result.delivered, 300);
	assert_true(s.anna.is_other_finished && s.bert.is_other_finished);
	assert_int_equal(s.bert.last_len, length_of(&s.anna, 1));
	tear_down(&s);
}

static void who_is_not_heard_waits_and_goes_on_when_there_is_room(void **state)
{
	struct scene s = {.anna = {.to_say = 800, .say_len = BK_CHAT_TEXT_MAX}, .bert.pauses = true};

	(void)state;
	set_up(&s);
	run_until(&s, &s.bert.is_open);
	while (!s.bert.heard)
		assert_int_equal(bk_loop_turn(s.loop, BK_SEC), 0);
	idle(&s);
	assert_in_range(s.anna.to_say, 300, 799);
	assert_int_equal(s.bert.heard, 1);
	s.bert.pauses = false;
	bk_chat_resume(s.bert.chat);
	run(&s);
	assert_int_equal(s.bert.heard, 800);
	assert_int_equal(s.anna.result.delivered, 800);
	assert_int_equal(s.anna.error, 0);
	tear_down(&s);
}

static void what_was_not_handed_on_is_not_acknowledged(void **state)
{
	struct scene s = {.anna = {.to_say = 5, .say_len = 3}, .bert.pauses = true};

	(void)state;
	set_up(&s);
	while (!s.bert.heard)
		assert_int_equal(bk_loop_turn(s.loop, BK_SEC), 0);
	idle(&s);
	assert_int_equal(s.anna.delivered, 1);
	for (uint64_t n = 2; n <= 5; n++) {
		bk_chat_resume(s.bert.chat);
		idle(&s);
		assert_int_equal(s.bert.heard, n);
		assert_int_equal(s.anna.delivered, n);
	}
	bk_chat_resume(s.bert.chat);
	run(&s);
	assert_int_equal(s.anna.error, 0);
	tear_down(&s);
}

static void who_leaves_says_its_last_words_and_ends_it_for_both(void **state)
{
	struct scene s = {.anna = {.to_say = 50, .leaves = true}, .bert.stays = true};

	(void)state;
	set_up(&s);
	run(&s);
	assert_int_equal(s.anna.error, 0);
	assert_int_equal(s.bert.error, 0);
	assert_int_equal(s.bert.heard, 50);
	assert_true(s.bert.is_other_finished);
	assert_int_equal(bk_chat_say(s.bert.chat, "x", 1, NULL), BK_E_EOF);
	tear_down(&s);
}

static void what_could_not_be_delivered_is_said(void **state)
{
	struct scene s = {
		.anna = {.to_say = 4, .say_len = 3, .stays = true}, .bert = {.pauses = true, .stays = true}};

	(void)state;
	set_up(&s);
	while (!s.bert.heard)
		assert_int_equal(bk_loop_turn(s.loop, BK_SEC), 0);
	idle(&s);
	bk_chat_leave(s.bert.chat);
	run(&s);
	assert_int_equal(s.bert.error, 0);
	assert_int_equal(s.anna.error, BK_E_PEER_VANISHED);
	assert_int_equal(s.anna.who, BK_CALL_WHO_PEER);
	assert_string_equal(s.anna.text, "bert?[2J left before 3 messages of ours reached it");
	assert_int_equal(s.anna.result.said, 4);
	assert_int_equal(s.anna.result.delivered, 1);
	tear_down(&s);
}

static void cancelling_is_told_to_the_other_side(void **state)
{
	struct scene s = {.anna.stays = true, .bert.stays = true};

	(void)state;
	set_up(&s);
	run_until(&s, &s.anna.is_open);
	bk_chat_cancel(s.bert.chat);
	run(&s);
	assert_int_equal(s.bert.error, BK_E_CANCELLED);
	assert_int_equal(s.anna.error, BK_E_PEER_CANCELLED);
	tear_down(&s);
}

static void leaving_before_anybody_came_is_cancelling(void **state)
{
	struct scene s = {.bert.is_over = true};

	(void)state;
	set_up(&s);
	assert_int_equal(bk_chat_say(s.anna.chat, "x", 1, NULL), BK_E_AGAIN);
	bk_chat_leave(s.anna.chat);
	run(&s);
	assert_int_equal(s.anna.error, BK_E_CANCELLED);
	tear_down(&s);
}

static void say_rude(struct person *p)
{
	static const char text[] = "a\tb\nc\033[2J\xc2\x9b\xe2\x80\xae";

	if (!p->is_over)
		assert_int_equal(bk_chat_say(p->chat, text, strlen(text), NULL), 0);
	assert_int_equal(bk_chat_say(p->chat, "\xff", 1, NULL), BK_E_INVALID);
	assert_int_equal(bk_chat_say(p->chat, "", 1, NULL), BK_E_INVALID);
	assert_int_equal(bk_chat_say(p->chat, words, BK_CHAT_TEXT_MAX + 1, NULL), BK_E_TOO_BIG);
	bk_chat_leave(p->chat);
}

static void what_is_heard_drives_no_terminal(void **state)
{
	struct scene s = {.anna = {.to_say = 1, .say_len = 1, .stays = true},
		.bert = {.stays = true, .on_heard = say_rude}};

	(void)state;
	set_up(&s);
	run(&s);
	assert_string_equal(s.anna.last, "a\tb\nc?[2J??");
	assert_int_equal(s.anna.error, 0);
	tear_down(&s);
}

/* --- lies --- */

#define TEXT(n)    "\0\0\0\xc\1\0\0\0\0\0\0\0" n "abc"
#define MARK(n)    "\0\0\0\x9\2\0\0\0\0\0\0\0" n
#define END(n)     "\0\0\0\x9\3\0\0\0\0\0\0\0" n
#define ROW(bytes) bytes, sizeof(bytes) - 1

static void a_lie_ends_it_with_its_name(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		int error;
		uint64_t heard;
		bool finishes;
	} rows[] = {
		{ROW(TEXT("\2")), BK_E_PROTOCOL, 0, false},
		{ROW(TEXT("\0")), BK_E_PROTOCOL, 0, false},
		{ROW(TEXT("\1") TEXT("\1")), BK_E_PROTOCOL, 1, false},
		{ROW(TEXT("\1") TEXT("\3")), BK_E_PROTOCOL, 1, false},
		{ROW(TEXT("\1") END("\1") TEXT("\2")), BK_E_PROTOCOL, 1, false},
		{ROW(TEXT("\1") END("\2")), BK_E_PROTOCOL, 1, false},
		{ROW(END("\0") END("\0")), BK_E_PROTOCOL, 0, false},
		{ROW(MARK("\3")), BK_E_PROTOCOL, 0, false}, /* two were said */
		{ROW(MARK("\1") MARK("\1")), BK_E_PROTOCOL, 0, false},
		{ROW(MARK("\2") MARK("\1")), BK_E_PROTOCOL, 0, false},
		{ROW(MARK("\0")), BK_E_PROTOCOL, 0, false},
		{ROW("\0\1\0\xa\1"), BK_E_TOO_BIG, 0, false},
		{ROW("\xff\xff\xff\xff"), BK_E_TOO_BIG, 0, false},
		{ROW("\0\0\0\0"), BK_E_TRUNCATED, 0, false},
		{ROW("\0\0\0\xa\1\0\0\0\0\0\0\0\1\xff"), BK_E_MALFORMED, 0, false},
		{ROW("\0\0\0\x9\7\0\0\0\0\0\0\0\1" TEXT("\1") TEXT("\1")), BK_E_PROTOCOL, 1,
			false}, /* unknown: skipped */
		{ROW(TEXT("\1")), BK_E_PROTOCOL, 1, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct scene s = {.anna = {.to_say = 2, .say_len = 3, .stays = true},
			.is_liar_over = true,
			.kind = "chat/1",
			.script = (const uint8_t *)rows[i].bytes,
			.script_len = rows[i].len,
			.finishes = rows[i].finishes};

		set_up(&s);
		run(&s);
		if (s.anna.error != rows[i].error || s.anna.heard != rows[i].heard ||
			s.anna.who != BK_CALL_WHO_HERE)
			fail_msg("row %zu: %d %llu", i, s.anna.error, (unsigned long long)s.anna.heard);
		tear_down(&s);
	}
}

static void who_runs_something_else_is_told_so(void **state)
{
	struct scene s = {.is_liar_over = true, .kind = "files/1"};

	(void)state;
	set_up(&s);
	run(&s);
	assert_int_equal(s.anna.error, BK_E_PEER_REFUSED);
	assert_non_null(strstr(s.anna.text, "runs another command"));
	tear_down(&s);
}

static void who_has_said_all_and_does_not_go_is_not_waited_for(void **state)
{
	struct scene s = {.is_liar_over = true,
		.kind = "chat/1",
		.script = (const uint8_t *)TEXT("\1") END("\1"),
		.script_len = 29};

	(void)state;
	set_up(&s);
	run_until(&s, &s.anna.is_other_finished);
	idle(&s);
	assert_false(s.anna.is_over);
	test_clock_fly(&s.clock, 11 * BK_SEC);
	run(&s);
	assert_int_equal(s.anna.error, 0);
	assert_int_equal(s.anna.heard, 1);
	tear_down(&s);
}

static void who_opens_nothing_is_waited_for_a_minute(void **state)
{
	struct scene s = {.is_liar_over = true};

	(void)state;
	set_up(&s);
	idle(&s);
	idle(&s);
	assert_false(s.anna.is_over);
	test_clock_fly(&s.clock, 61 * BK_SEC);
	run(&s);
	assert_int_equal(s.anna.error, BK_E_PEER_REFUSED);
	tear_down(&s);
}

static void options_that_cannot_work_are_a_sentence(void **state)
{
	const struct bk_session_opts session = {.server = "h", .code = "no code"};
	const struct bk_chat_opts opts = {.session = &session};
	const struct bk_chat_events deaf = {.on_end = on_end};
	struct bk_loop *loop;
	struct bk_chat *chat;
	char text[BK_CHAT_SENTENCE_MAX] = "";

	(void)state;
	assert_int_equal(bk_loop_new(BK_LOOP_AUTO, &loop), 0);
	assert_int_equal(bk_chat_new(loop, &opts, &events, NULL, &chat, text), BK_E_INVALID);
	assert_non_null(strstr(text, "cannot chat: server 'h' or code 'no code'"));
	assert_int_equal(bk_chat_new(loop, &opts, &deaf, NULL, &chat, NULL), BK_E_INVALID);
	bk_chat_free(NULL);
	bk_loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_talk_at_once_and_everything_is_delivered_in_order),
		cmocka_unit_test(who_is_not_heard_waits_and_goes_on_when_there_is_room),
		cmocka_unit_test(what_was_not_handed_on_is_not_acknowledged),
		cmocka_unit_test(who_leaves_says_its_last_words_and_ends_it_for_both),
		cmocka_unit_test(what_could_not_be_delivered_is_said),
		cmocka_unit_test(cancelling_is_told_to_the_other_side),
		cmocka_unit_test(leaving_before_anybody_came_is_cancelling),
		cmocka_unit_test(what_is_heard_drives_no_terminal),
		cmocka_unit_test(a_lie_ends_it_with_its_name),
		cmocka_unit_test(who_runs_something_else_is_told_so),
		cmocka_unit_test(who_has_said_all_and_does_not_go_is_not_waited_for),
		cmocka_unit_test(who_opens_nothing_is_waited_for_a_minute),
		cmocka_unit_test(options_that_cannot_work_are_a_sentence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

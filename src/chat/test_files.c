/* SPDX-License-Identifier: Apache-2.0 */
/* Files that travel beside the talk, in the same session; with the public headers alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <bodkin/bodkin.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SIZE = 3000000 };

enum answer { TAKES, DECLINES, IS_DEAF, CANCELS };

struct scene;

struct person {
	struct scene *scene;
	const char *name;
	struct bk_chat *chat;
	struct bk_send *send;
	struct bk_recv *recv;
	enum answer answer; /* to what is offered */
	bool sends;
	char folder[96], file[128], from[64];
	uint64_t heard;
	int send_error, recv_error, chat_error;
	unsigned sent, received; /* ends of either kind */
	bool has_left, is_over;
	char text[BK_TRANSFER_TEXT_MAX];
};

struct scene {
	char root[64], server_name[128];
	struct bk_loop *loop;
	struct bk_server *server;
	struct person anna, bert;
	unsigned ends_wanted, ends;
};

static void end_transfer(struct person *p)
{
	struct scene *s = p->scene;

	if (++s->ends < s->ends_wanted)
		return;
	/* The talk goes on after it. */
	assert_int_equal(bk_chat_say(s->anna.chat, "still here", 10, NULL), 0);
	bk_chat_leave(s->anna.chat);
}

/* --- sending --- */

static void on_sent(struct bk_call *call, void *arg, const struct bk_transfer_result *result)
{
	struct person *p = arg;

	(void)call;
	assert_int_equal(result->bytes, SIZE);
	p->sent++;
	end_transfer(p);
}

static void on_send_error(struct bk_call *call, void *arg, const struct bk_call_failure *failure)
{
	struct person *p = arg;

	(void)call;
	assert_int_equal(failure->who, BK_CALL_WHO_PEER);
	p->send_error = failure->error;
	snprintf(p->text, sizeof(p->text), "%s", failure->text);
	p->sent++;
	end_transfer(p);
}

static void send_file(struct person *p)
{
	static const struct bk_transfer_events events = {.on_done = on_sent, .on_error = on_send_error};
	const char *paths[] = {p->file};
	const struct bk_send_opts opts = {.size = sizeof(opts),
		.paths = paths,
		.paths_len = 1,
		.within = bk_chat_session(p->chat),
		.peer = "the other"};

	assert_int_equal(bk_send_new(p->scene->loop, &opts, &events, p, &p->send, p->text), 0);
}

/* --- receiving --- */

static void on_ask(struct bk_call *call, void *arg, enum bk_transfer_question question,
	const struct bk_transfer_offer *offer)
{
	struct person *p = arg;

	(void)call;
	assert_int_equal(question, BK_TRANSFER_ASK_ACCEPT);
	snprintf(p->from, sizeof(p->from), "%s", offer->from);
	if (p->answer == CANCELS)
		bk_recv_cancel(p->recv);
	else
		bk_recv_answer(p->recv, p->answer == TAKES);
}

static void on_received(struct bk_call *call, void *arg, const struct bk_transfer_result *result)
{
	struct person *p = arg;

	(void)call;
	assert_int_equal(result->bytes, SIZE);
	p->received++;
	end_transfer(p);
}

static void on_recv_error(struct bk_call *call, void *arg, const struct bk_call_failure *failure)
{
	struct person *p = arg;

	(void)call;
	p->recv_error = failure->error;
	p->received++;
	end_transfer(p);
}

static void on_channel(struct bk_chat *chat, void *arg, struct bk_channel *channel, const char *kind)
{
	static const struct bk_transfer_events events = {
		.on_ask = on_ask, .on_done = on_received, .on_error = on_recv_error};
	struct person *p = arg;
	const struct bk_recv_opts opts = {.size = sizeof(opts),
		.folder = p->folder,
		.asks_accept = true,
		.channel = channel,
		.peer = "the\033other"};

	(void)chat;
	assert_string_equal(kind, BK_TRANSFER_CHANNEL_KIND);
	if (p->answer != IS_DEAF)
		assert_int_equal(bk_recv_new(p->scene->loop, &opts, &events, p, &p->recv, p->text), 0);
}

/* --- talking --- */

static void on_open(struct bk_chat *chat, void *arg)
{
	struct person *p = arg;

	(void)chat;
	if (p->sends)
		send_file(p);
}

static void on_message(struct bk_chat *chat, void *arg, const struct bk_chat_message *m)
{
	struct person *p = arg;

	(void)chat;
	assert_string_equal(m->text, "still here");
	p->heard++;
}

static void on_end(struct bk_chat *chat, void *arg, const struct bk_chat_result *result,
	const struct bk_call_failure *failure)
{
	struct person *p = arg;

	(void)chat;
	(void)result;
	p->is_over = true;
	p->chat_error = failure ? failure->error : 0;
	if (p->scene->anna.is_over && p->scene->bert.is_over)
		bk_loop_stop(p->scene->loop);
}

static void start(struct person *p, const char *code);

/* The other person types it. */
static void on_code(struct bk_call *call, void *arg, const char *code)
{
	(void)call;
	start(&((struct person *)arg)->scene->bert, code);
}

static void start(struct person *p, const char *code)
{
	static const struct bk_call_news news = {.on_code = on_code};
	static const struct bk_chat_events events = {.news = &news,
		.on_open = on_open,
		.on_message = on_message,
		.on_channel = on_channel,
		.on_end = on_end};
	const struct bk_session_opts session = {
		.server = p->scene->server_name, .code = code, .name = p->name};
	const struct bk_chat_opts opts = {.session = &session};

	assert_int_equal(bk_chat_new(p->scene->loop, &opts, &events, p, &p->chat, p->text), 0);
}

static void furnish(struct scene *s, struct person *p, const char *name)
{
	FILE *f;

	p->scene = s;
	p->name = name;
	snprintf(p->folder, sizeof(p->folder), "%s/%s", s->root, name);
	snprintf(p->file, sizeof(p->file), "%s/of-%s", s->root, name);
	assert_int_equal(mkdir(p->folder, 0700), 0);
	f = fopen(p->file, "w");
	assert_non_null(f);
	for (int i = 0; i < SIZE; i++)
		fputc((i * 7 + name[0]) & 255, f);
	fclose(f);
}

static void play(struct scene *s)
{
	struct bk_server_opts server = {.listen_ip = "127.0.0.1", .port = -1, .alt_port = -1};

	snprintf(s->root, sizeof(s->root), "/tmp/bodkin-test-XXXXXX");
	assert_non_null(mkdtemp(s->root));
	server.state_dir = s->root;
	furnish(s, &s->anna, "anna");
	furnish(s, &s->bert, "bert");
	assert_int_equal(bk_loop_new(BK_LOOP_AUTO, &s->loop), 0);
	assert_int_equal(bk_server_new(s->loop, &server, &s->server, NULL), 0);
	snprintf(s->server_name, sizeof(s->server_name), "127.0.0.1:%u#%s", bk_server_port(s->server),
		bk_server_pin(s->server));
	start(&s->anna, NULL);
	assert_int_equal(bk_loop_run(s->loop), 0);
	assert_int_equal(s->anna.chat_error, 0);
	assert_int_equal(s->bert.chat_error, 0);
	assert_int_equal(s->bert.heard, 1);
}

static void leave(struct person *p)
{
	bk_send_free(p->send);
	bk_recv_free(p->recv);
	bk_chat_free(p->chat);
}

static void tear_down(struct scene *s)
{
	char command[128];

	leave(&s->anna);
	leave(&s->bert);
	bk_server_free(s->server);
	bk_loop_free(s->loop);
	snprintf(command, sizeof(command), "rm -r '%s'", s->root);
	assert_int_equal(system(command), 0);
}

static void both_send_a_file_at_once_and_talk_on(void **state)
{
	struct scene s = {.ends_wanted = 4, .anna.sends = true, .bert.sends = true};
	char path[512];

	(void)state;
	play(&s);
	assert_int_equal(s.anna.send_error, 0);
	assert_int_equal(s.bert.send_error, 0);
	assert_int_equal(s.anna.received, 1);
	assert_int_equal(s.bert.received, 1);
	assert_string_equal(s.anna.from, "the?other");
	snprintf(path, sizeof(path), "cmp %s %s/of-anna && cmp %s %s/of-bert", s.anna.file, s.bert.folder,
		s.bert.file, s.anna.folder);
	assert_int_equal(system(path), 0);
	tear_down(&s);
}

static void a_refusal_ends_the_transfer_and_not_the_talk(void **state)
{
	static const struct {
		enum answer answer;
		unsigned ends;
		int error;
		const char *text;
	} rows[] = {
		{DECLINES, 2, BK_E_PEER_REFUSED, "the other declined what was offered; nothing was sent"},
		{IS_DEAF, 1, BK_E_PEER_REFUSED, "the other takes no files now"},
		{CANCELS, 2, BK_E_PEER_CANCELLED, "the other ended the transfer before it was complete"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct scene s = {
			.ends_wanted = rows[i].ends, .anna.sends = true, .bert.answer = rows[i].answer};

		play(&s);
		assert_int_equal(s.anna.send_error, rows[i].error);
		assert_string_equal(s.anna.text, rows[i].text);
		tear_down(&s);
	}
}

static void a_place_is_one_of_two(void **state)
{
	const struct bk_session_opts session = {.server = "127.0.0.1:1"};
	const char *paths[] = {"/etc/passwd"};
	const struct bk_transfer_events events = {.on_done = on_sent, .on_error = on_send_error};
	struct bk_send_opts opts = {.size = sizeof(opts), .paths = paths, .paths_len = 1};
	struct bk_loop *loop;
	struct bk_send *send;

	(void)state;
	assert_int_equal(bk_loop_new(BK_LOOP_AUTO, &loop), 0);
	assert_int_equal(bk_send_new(loop, &opts, &events, NULL, &send, NULL), BK_E_INVALID);
	opts.session = &session;
	opts.within = (struct bk_session *)loop; /* not looked into */
	assert_int_equal(bk_send_new(loop, &opts, &events, NULL, &send, NULL), BK_E_INVALID);
	bk_loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_send_a_file_at_once_and_talk_on),
		cmocka_unit_test(a_refusal_ends_the_transfer_and_not_the_talk),
		cmocka_unit_test(a_place_is_one_of_two),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

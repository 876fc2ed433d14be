/* SPDX-License-Identifier: Apache-2.0 */
/* A program that has a server, a sender and a receiver in one loop, and the public headers alone. */
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

enum { SIZE = 300000 };

struct party {
	struct program *program;
	struct bk_recv *recv;
	char digest[64], peer[64], question[64];
	size_t questions;
	uint64_t bytes;
	int error;
	enum bk_call_who who;
	bool is_over, answer, is_inside;
};

struct program {
	char root[64], file[96], folder[96], server_name[128], text[BK_TRANSFER_TEXT_MAX];
	struct bk_loop *loop;
	struct bk_server *server;
	struct bk_send *send;
	struct party sender, receiver;
	bool is_name_taken;
};

static void on_code(struct bk_call *call, void *arg, const char *code);

static void on_peer(struct bk_call *call, void *arg, const struct bk_peer *peer)
{
	struct party *p = arg;

	(void)call;
	(void)call;
	snprintf(p->peer, sizeof(p->peer), "%s", peer->name);
}

static void on_path(struct bk_call *call, void *arg, const struct bk_path *path)
{
	(void)call;
	(void)arg;
	assert_non_null(path->text);
}

static void on_note(struct bk_call *call, void *arg, int verbosity, const char *text)
{
	(void)call;
	(void)arg;
	(void)verbosity;
	(void)text;
}

static void on_offer(struct bk_call *call, void *arg, const struct bk_transfer_offer *offer)
{
	(void)call;
	(void)arg;
	assert_string_equal(offer->first, "data");
	assert_int_equal(offer->bytes, SIZE);
}

static void on_ask(struct bk_call *call, void *arg, enum bk_transfer_question question,
	const struct bk_transfer_offer *offer)
{
	struct party *p = arg;

	(void)call;
	assert_false(p->is_inside); /* of a call of ours */
	assert_int_equal(question, p->questions++ ? BK_TRANSFER_ASK_CONFLICT : BK_TRANSFER_ASK_ACCEPT);
	snprintf(p->question, sizeof(p->question), "%s from %s", offer->first, offer->from);
	p->is_inside = true;
	if (question == BK_TRANSFER_ASK_ACCEPT)
		bk_recv_answer(p->recv, p->answer);
	else
		bk_recv_resolve(p->recv, BK_TRANSFER_CONFLICT_OVERWRITE, false);
	p->is_inside = false;
}

static void on_progress(struct bk_call *call, void *arg, uint64_t bytes, uint64_t total, double rate)
{
	(void)call;
	(void)arg;
	assert_true(bytes <= total && rate >= 0);
}

static void end(struct party *p)
{
	struct program *g = p->program;

	p->is_over = true;
	if (g->sender.is_over && g->receiver.is_over)
		bk_loop_stop(g->loop);
}

static void on_done(struct bk_call *call, void *arg, const struct bk_transfer_result *result)
{
	struct party *p = arg;

	(void)call;
	p->bytes = result->bytes;
	snprintf(p->digest, sizeof(p->digest), "%s", result->digest);
	end(p);
}

static void on_error(struct bk_call *call, void *arg, const struct bk_call_failure *failure)
{
	struct party *p = arg;

	(void)call;
	p->error = failure->error;
	p->who = failure->who;
	end(p);
}

static const struct bk_call_news news = {
	.on_code = on_code, .on_peer = on_peer, .on_path = on_path, .on_note = on_note};

static const struct bk_transfer_events events = {
	.news = &news,
	.on_offer = on_offer,
	.on_ask = on_ask,
	.on_progress = on_progress,
	.on_done = on_done,
	.on_error = on_error,
};

/* The other person types it. */
static void on_code(struct bk_call *call, void *arg, const char *code)
{
	struct program *g = ((struct party *)arg)->program;
	const struct bk_session_opts session = {.server = g->server_name, .code = code, .name = "bert"};
	const struct bk_recv_opts opts = {.session = &session,
		.folder = g->folder,
		.asks_accept = true,
		.conflict = BK_TRANSFER_CONFLICT_ASK};

	(void)call;
	assert_int_equal(bk_recv_new(g->loop, &opts, &events, &g->receiver, &g->receiver.recv, g->text), 0);
}

static void take_name(const struct program *g)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/data", g->folder);
	f = fopen(path, "w");
	assert_non_null(f);
	fclose(f);
}

static void set_up(struct program *g, bool answer)
{
	struct bk_server_opts server = {.listen_ip = "127.0.0.1", .port = -1, .alt_port = -1};
	const struct bk_session_opts session = {.server = g->server_name, .name = "anna"};
	const char *paths[] = {g->file};
	const struct bk_send_opts opts = {.session = &session, .paths = paths, .paths_len = 1};
	FILE *f;

	*g = (struct program){.root = "/tmp/bodkin-test-XXXXXX", .is_name_taken = g->is_name_taken};
	g->sender.program = g->receiver.program = g;
	g->receiver.answer = answer;
	assert_non_null(mkdtemp(g->root));
	server.state_dir = g->root;
	snprintf(g->file, sizeof(g->file), "%s/data", g->root);
	snprintf(g->folder, sizeof(g->folder), "%s/in", g->root);
	assert_int_equal(mkdir(g->folder, 0700), 0);
	if (g->is_name_taken)
		take_name(g);
	f = fopen(g->file, "w");
	for (int i = 0; i < SIZE; i++)
		fputc(i * 7 & 255, f);
	fclose(f);
	assert_int_equal(bk_loop_new(BK_LOOP_AUTO, &g->loop), 0);
	assert_int_equal(bk_server_new(g->loop, &server, &g->server, NULL), 0);
	snprintf(g->server_name, sizeof(g->server_name), "127.0.0.1:%u#%s", bk_server_port(g->server),
		bk_server_pin(g->server));
	assert_int_equal(bk_send_new(g->loop, &opts, &events, &g->sender, &g->send, g->text), 0);
	assert_int_equal(bk_send_offer(g->send)->entries, 1);
	assert_int_equal(bk_loop_run(g->loop), 0);
}

static void tear_down(struct program *g)
{
	char command[128];

	bk_send_free(g->send);
	bk_recv_free(g->receiver.recv);
	bk_server_free(g->server);
	bk_loop_free(g->loop);
	snprintf(command, sizeof(command), "rm -r '%s'", g->root);
	assert_int_equal(system(command), 0);
}

static void a_program_sends_asks_receives_and_compares(void **state)
{
	struct program g = {0};
	char path[128];
	struct stat st;

	(void)state;
	set_up(&g, true);
	assert_int_equal(g.sender.error, 0);
	assert_int_equal(g.receiver.error, 0);
	assert_string_equal(g.receiver.question, "data from anna");
	assert_string_equal(g.sender.peer, "bert");
	assert_int_equal(g.receiver.bytes, SIZE);
	assert_string_equal(g.sender.digest, g.receiver.digest);
	snprintf(path, sizeof(path), "%s/data", g.folder);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, SIZE);
	tear_down(&g);
}

static void a_second_question_does_not_come_from_inside_the_answer_to_the_first(void **state)
{
	struct program g = {.is_name_taken = true};

	(void)state;
	set_up(&g, true);
	assert_int_equal(g.receiver.error, 0);
	assert_int_equal(g.receiver.questions, 2);
	assert_int_equal(g.receiver.bytes, SIZE);
	tear_down(&g);
}

static void a_no_is_told_with_who_said_it(void **state)
{
	struct program g = {0};

	(void)state;
	set_up(&g, false);
	assert_int_equal(g.sender.error, BK_E_PEER_REFUSED);
	assert_int_equal(g.sender.who, BK_CALL_WHO_PEER);
	assert_int_equal(g.receiver.error, BK_E_DECLINED);
	assert_int_equal(g.receiver.who, BK_CALL_WHO_HERE);
	tear_down(&g);
}

static void what_fails_at_the_server_says_so(void **state)
{
	struct program g = {.receiver.is_over = true, .file = "/dev/null"};
	const struct bk_session_opts session = {.server = "127.0.0.1:1"};
	const struct bk_recv_opts opts = {.session = &session, .folder = "/tmp"};

	(void)state;
	g.sender.program = g.receiver.program = &g;
	assert_int_equal(bk_loop_new(BK_LOOP_AUTO, &g.loop), 0);
	assert_int_equal(bk_recv_new(g.loop, &opts, &events, &g.sender, &g.receiver.recv, g.text), 0);
	assert_int_equal(bk_loop_run(g.loop), 0);
	assert_true(g.sender.error < 0);
	assert_int_equal(g.sender.who, BK_CALL_WHO_SERVER);
	bk_recv_free(g.receiver.recv);
	bk_loop_free(g.loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_program_sends_asks_receives_and_compares),
		cmocka_unit_test(a_second_question_does_not_come_from_inside_the_answer_to_the_first),
		cmocka_unit_test(a_no_is_told_with_who_said_it),
		cmocka_unit_test(what_fails_at_the_server_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A walk that stands, as on a disk that does not answer: the code is there, whoever comes waits and is told, and what
 * comes of the walk comes in the order in which it always came. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bodkin/transfer.h>

#include "base/buf.h"
#include "base/error.h"
#include "transfer/test_fake.h"
#include "transfer/test_kit.h"

enum { FILES = 20 };

/* --- a folder that is read no further than the gate lets it --- */

static struct {
	pthread_mutex_t lock;
	pthread_cond_t moved;
	bool is_shut, is_stood_at;
} gate = {.lock = PTHREAD_MUTEX_INITIALIZER, .moved = PTHREAD_COND_INITIALIZER};

static void shut_gate(bool is_shut)
{
	pthread_mutex_lock(&gate.lock);
	gate.is_shut = is_shut;
	pthread_cond_broadcast(&gate.moved);
	pthread_mutex_unlock(&gate.lock);
}

/* The library's own, which takes this one's place where it is linked. */
struct dirent *readdir(DIR *d)
{
	static struct dirent *(*real)(DIR *);

	pthread_mutex_lock(&gate.lock);
	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "readdir64");
	while (gate.is_shut) {
		gate.is_stood_at = true;
		pthread_cond_broadcast(&gate.moved);
		pthread_cond_wait(&gate.moved, &gate.lock);
	}
	pthread_mutex_unlock(&gate.lock);
	return real(d);
}

/* --- both ends --- */

struct stage {
	char root[64], in[80], out[80], other[80];
	struct bk_loop *loop;
	struct bk_send *send;
	struct bk_recv *recv;
	struct bk_buf script;
	bool opens_gate; /* when the other side has heard that it is counted */
	int running;
	size_t counted, heard, found, offered; /* what on_counting said here, there, at its end; on_offer */
	size_t left_out, ends, done;
	int error;
	char text[BK_TRANSFER_TEXT_MAX];
};

static void over(struct stage *st)
{
	st->ends++;
	if (!--st->running)
		bk_loop_stop(st->loop);
}

static void on_done(struct bk_call *call, void *arg, const struct bk_transfer_result *result)
{
	struct stage *st = arg;

	(void)call;
	assert_int_equal(result->entries, FILES);
	st->done++;
	over(st);
}

static void on_error(struct bk_call *call, void *arg, const struct bk_call_failure *failure)
{
	struct stage *st = arg;

	(void)call;
	st->error = failure->error;
	snprintf(st->text, sizeof(st->text), "%s", failure->text);
	over(st);
}

static void on_send_counting(
	struct bk_call *call, void *arg, size_t entries, const struct bk_transfer_offer *offer)
{
	struct stage *st = arg;

	(void)call;
	assert_int_equal(st->found, 0);
	assert_int_equal(st->offered, 0); /* it is counted before it is offered */
	st->counted++;
	st->found = offer ? entries : 0;
	st->left_out = offer ? offer->left_out_all : 0;
	assert_ptr_equal(bk_send_offer(st->send), offer);
}

static void on_recv_counting(
	struct bk_call *call, void *arg, size_t entries, const struct bk_transfer_offer *offer)
{
	struct stage *st = arg;

	(void)call;
	(void)entries;
	assert_null(offer);
	assert_null(bk_recv_offer(st->recv));
	st->heard++;
	if (st->opens_gate)
		shut_gate(false);
}

static void on_offer(struct bk_call *call, void *arg, const struct bk_transfer_offer *offer)
{
	struct stage *st = arg;

	(void)call;
	st->offered = offer->entries;
}

static const struct bk_session_opts session = {.server = "none"};
static const struct bk_transfer_events sending = {.size = sizeof(sending),
	.on_offer = on_offer,
	.on_done = on_done,
	.on_error = on_error,
	.on_counting = on_send_counting};
static const struct bk_transfer_events receiving = {
	.size = sizeof(receiving), .on_done = on_done, .on_error = on_error, .on_counting = on_recv_counting};

static int set_up(void **state)
{
	struct stage *st = calloc(1, sizeof(*st));

	snprintf(st->root, sizeof(st->root), "/tmp/bodkin-test-XXXXXX");
	if (!mkdtemp(st->root) || bk_loop_new(BK_LOOP_AUTO, &st->loop) < 0)
		return -1;
	snprintf(st->in, sizeof(st->in), "%s/in", st->root);
	snprintf(st->out, sizeof(st->out), "%s/out", st->root);
	snprintf(st->other, sizeof(st->other), "%s/other", st->root);
	mkdir(st->in, 0700);
	mkdir(st->out, 0700);
	mkdir(st->other, 0700);
	for (int i = 0; i < FILES; i++) {
		char name[16];
		FILE *f;

		snprintf(name, sizeof(name), "%d", i);
		f = fopen(kit_path_in(st->in, name), "w");
		fprintf(f, "file %d", i);
		fclose(f);
	}
	mkfifo(kit_path_in(st->in, "pipe"), 0600);
	bk_buf_init(&st->script, 1 << 16);
	bk_fake_reset(NULL);
	gate.is_stood_at = false;
	*state = st;
	return 0;
}

static int tear_down(void **state)
{
	struct stage *st = *state;

	shut_gate(false);
	bk_send_free(st->send);
	bk_recv_free(st->recv);
	bk_loop_free(st->loop);
	bk_buf_done(&st->script);
	kit_remove(st->root);
	free(st);
	return 0;
}

/* The walk stands when it comes back. */
static void send_it(struct stage *st, const char *const *paths, size_t n)
{
	const struct bk_send_opts opts = {
		.size = sizeof(opts), .session = &session, .paths = paths, .paths_len = n};

	shut_gate(true);
	assert_int_equal(bk_send_new(st->loop, &opts, &sending, st, &st->send, st->text), 0);
	pthread_mutex_lock(&gate.lock);
	while (!gate.is_stood_at)
		pthread_cond_wait(&gate.moved, &gate.lock);
	pthread_mutex_unlock(&gate.lock);
	assert_null(bk_send_offer(st->send));
	st->running++;
}

static void send_folder(struct stage *st)
{
	const char *path = st->in;

	send_it(st, &path, 1);
}

static void receive(struct stage *st)
{
	const struct bk_recv_opts opts = {.size = sizeof(opts), .session = &session, .folder = st->out};

	assert_int_equal(bk_recv_new(st->loop, &opts, &receiving, st, &st->recv, st->text), 0);
	st->running++;
}

static void run(struct stage *st)
{
	assert_int_equal(bk_loop_run(st->loop), 0);
}

/* --- claims --- */

static void who_comes_while_the_walk_stands_is_told_and_has_all_in_the_end(void **state)
{
	struct stage *st = *state;

	send_folder(st);
	receive(st);
	st->opens_gate = true;
	run(st);
	assert_int_equal(st->done, 2);
	assert_true(st->heard >= 1);
	assert_true(st->counted >= 2);
	assert_int_equal(st->found, FILES + 1);
	assert_int_equal(st->offered, FILES + 1);
	assert_int_equal(st->left_out, 1);
	assert_true(kit_is_same_file(kit_path_in(st->in, "7"), kit_path_in(st->out, "in/7")));
}

static void a_walk_that_stands_keeps_nobody_from_leaving(void **state)
{
	struct stage *st = *state;

	send_folder(st);
	receive(st);
	bk_send_cancel(st->send);
	run(st);
	assert_int_equal(st->ends, 2);
	assert_true(st->error == BK_E_CANCELLED || st->error == BK_E_PEER_CANCELLED);
	bk_send_free(st->send); /* and waits for no thread */
	st->send = NULL;
}

static void what_is_wrong_with_it_ends_it_though_nobody_has_come(void **state)
{
	struct stage *st = *state;
	const char *paths[] = {st->in, kit_path_in(st->other, "in")};

	bk_fake_reset(&st->script);
	mkdir(paths[1], 0700);
	send_it(st, paths, 2);
	shut_gate(false);
	run(st);
	assert_int_equal(st->error, BK_E_INVALID);
	assert_non_null(strstr(st->text, "two of the files have this name"));
	assert_int_equal(st->offered, 0);
}

static void what_is_not_there_is_said_before_a_tree_is_walked(void **state)
{
	struct stage *st = *state;
	const char *paths[] = {st->in, "/nonexistent/file"};
	const struct bk_send_opts opts = {
		.size = sizeof(opts), .session = &session, .paths = paths, .paths_len = 2};

	shut_gate(true);
	assert_int_equal(bk_send_new(st->loop, &opts, &sending, st, &st->send, st->text), BK_E_FILE);
	assert_non_null(strstr(st->text, "/nonexistent/file"));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(who_comes_while_the_walk_stands_is_told_and_has_all_in_the_end),
		T(a_walk_that_stands_keeps_nobody_from_leaving),
		T(what_is_wrong_with_it_ends_it_though_nobody_has_come),
		T(what_is_not_there_is_said_before_a_tree_is_walked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "net/post.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/test_kit.h"

enum { THREADS = 4, POSTS = 2000 };

struct crowd;

struct member {
	struct crowd *crowd;
	pthread_t thread;
	int posted, arrived;
	struct job {
		struct member *member;
		int number;
	} jobs[POSTS];
};

struct crowd {
	struct bk_loop *loop;
	struct bk_post post;
	int arrived, asked, seen, runs;
	pthread_mutex_t lock;
	struct member members[THREADS];
};

static struct crowd crowd;

static void crowd_begin(void)
{
	memset(&crowd, 0, sizeof(crowd));
	crowd.loop = kit_loop_new();
	pthread_mutex_init(&crowd.lock, NULL);
	for (int i = 0; i < THREADS; i++)
		crowd.members[i].crowd = &crowd;
}

static void crowd_run(void *(*fn)(void *))
{
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&crowd.members[i].thread, NULL, fn, &crowd.members[i]), 0);
	kit_run(crowd.loop);
	for (int i = 0; i < THREADS; i++)
		pthread_join(crowd.members[i].thread, NULL);
}

static void on_job(void *arg)
{
	const struct job *job = arg;
	struct crowd *c = job->member->crowd;

	assert_int_equal(job->number, job->member->arrived);
	job->member->arrived++;
	if (++c->arrived == THREADS * POSTS)
		bk_loop_stop(c->loop);
}

static void *post_many(void *arg)
{
	struct member *m = arg;

	for (int i = 0; i < POSTS; i++) {
		m->jobs[i] = (struct job){m, i};
		if (bk_loop_post(m->crowd->loop, on_job, &m->jobs[i]) < 0)
			abort();
	}
	return NULL;
}

static void what_many_threads_post_arrives_whole_and_in_their_order(void **state)
{
	(void)state;
	crowd_begin();
	crowd_run(post_many);
	assert_int_equal(crowd.arrived, THREADS * POSTS);
	bk_loop_free(crowd.loop);
}

static void on_asked(void *arg)
{
	struct crowd *c = arg;

	c->runs++;
	pthread_mutex_lock(&c->lock);
	c->seen = c->asked;
	pthread_mutex_unlock(&c->lock);
	if (c->seen == THREADS * POSTS)
		bk_loop_stop(c->loop);
}

static void *ask_often(void *arg)
{
	struct member *m = arg;

	for (int i = 0; i < POSTS; i++) {
		pthread_mutex_lock(&m->crowd->lock);
		m->crowd->asked++;
		pthread_mutex_unlock(&m->crowd->lock);
		bk_post_ask(&m->crowd->post);
	}
	return NULL;
}

static void the_last_that_was_asked_for_is_never_missed(void **state)
{
	(void)state;
	crowd_begin();
	bk_post_init(&crowd.post, crowd.loop, on_asked, &crowd);
	crowd_run(ask_often);
	assert_int_equal(crowd.seen, THREADS * POSTS);
	assert_in_range(crowd.runs, 1, THREADS * POSTS);
	bk_post_done(&crowd.post);
	bk_loop_free(crowd.loop);
}

static void on_signal_asked(void *arg)
{
	bk_loop_stop(arg);
}

static void on_signal(int signo)
{
	(void)signo;
	errno = ENOENT;
	bk_post_ask(&crowd.post);
	if (errno != ENOENT)
		abort();
}

static void a_signal_handler_may_ask(void **state)
{
	const struct sigaction act = {.sa_handler = on_signal};
	struct sigaction before;

	(void)state;
	crowd_begin();
	bk_post_init(&crowd.post, crowd.loop, on_signal_asked, crowd.loop);
	assert_int_equal(sigaction(SIGUSR2, &act, &before), 0);
	raise(SIGUSR2);
	raise(SIGUSR2);
	kit_run(crowd.loop);
	sigaction(SIGUSR2, &before, NULL);
	bk_post_done(&crowd.post);
	bk_loop_free(crowd.loop);
}

static void on_never(void *arg)
{
	(void)arg;
	fail();
}

static void who_is_done_is_not_called(void **state)
{
	struct bk_post zeroed = {0};

	(void)state;
	crowd_begin();
	bk_post_done(&zeroed);
	bk_post_init(&crowd.post, crowd.loop, on_never, NULL);
	bk_post_ask(&crowd.post);
	bk_post_done(&crowd.post);
	bk_post_done(&crowd.post);
	kit_run_idle(crowd.loop, 3);
	bk_loop_free(crowd.loop);
}

static void on_done_inside(void *arg)
{
	struct crowd *c = arg;

	c->runs++;
	bk_post_ask(&c->post);
	bk_post_done(&c->post);
}

static void done_inside_its_own_call_is_the_end(void **state)
{
	(void)state;
	crowd_begin();
	bk_post_init(&crowd.post, crowd.loop, on_done_inside, &crowd);
	bk_post_ask(&crowd.post);
	kit_run_idle(crowd.loop, 3);
	assert_int_equal(crowd.runs, 1);
	bk_loop_free(crowd.loop);
}

static void what_waits_when_the_loop_is_freed_is_dropped(void **state)
{
	(void)state;
	crowd_begin();
	for (int i = 0; i < 3; i++)
		assert_int_equal(bk_loop_post(crowd.loop, on_never, NULL), 0);
	bk_loop_free(crowd.loop);
}

static void on_stop(void *arg)
{
	bk_loop_stop(arg);
}

static void on_count(void *arg)
{
	struct crowd *c = arg;

	c->runs++;
}

static void what_a_stop_leaves_waits_for_the_next_run(void **state)
{
	(void)state;
	crowd_begin();
	assert_int_equal(bk_loop_post(crowd.loop, on_stop, crowd.loop), 0);
	assert_int_equal(bk_loop_post(crowd.loop, on_count, &crowd), 0);
	kit_run(crowd.loop);
	assert_int_equal(crowd.runs, 0);
	kit_run_idle(crowd.loop, 1);
	assert_int_equal(crowd.runs, 1);
	bk_loop_free(crowd.loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_many_threads_post_arrives_whole_and_in_their_order),
		cmocka_unit_test(the_last_that_was_asked_for_is_never_missed),
		cmocka_unit_test(a_signal_handler_may_ask),
		cmocka_unit_test(who_is_done_is_not_called),
		cmocka_unit_test(done_inside_its_own_call_is_the_end),
		cmocka_unit_test(what_waits_when_the_loop_is_freed_is_dropped),
		cmocka_unit_test(what_a_stop_leaves_waits_for_the_next_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

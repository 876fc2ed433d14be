/* SPDX-License-Identifier: Apache-2.0 */
/* The thread and the owner hold one job, and whoever lets go last frees it, so that freeing never waits. The
 * thread touches the work, the bell and the count, and nothing else. */
#include "net/job.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "net/bell.h"
#include "net/spawn.h"

struct bk_job {
	atomic_int holders;
	struct bk_bell bell; /* the work is done; the loop may be gone before that */
	void (*run)(void *work);
	struct bk_watch *watch;
	void (*fn)(void *arg);
	void *arg;
	_Alignas(max_align_t) uint8_t work[];
};

static void let_go(struct bk_job *j)
{
	int before = atomic_fetch_sub(&j->holders, 1);

	bk_assert(before > 0);
	if (before > 1)
		return;
	bk_bell_done(&j->bell);
	free(j);
}

static void *run_thread(void *arg)
{
	struct bk_job *j = arg;

	j->run(j->work);
	bk_bell_ring(&j->bell);
	let_go(j);
	return NULL;
}

static void on_bell(void *arg, int fd, int events)
{
	struct bk_job *j = arg;

	(void)fd;
	(void)events;
	bk_bell_answer(&j->bell); /* what the thread wrote before it rang is seen from here on */
	bk_watch_set(j->watch, 0);
	j->fn(j->arg);
}

static int start_thread(struct bk_job *j)
{
	int err;

	atomic_fetch_add(&j->holders, 1);
	err = bk_spawn(run_thread, j);
	if (err < 0)
		atomic_fetch_sub(&j->holders, 1);
	return err;
}

static int start(struct bk_loop *loop, struct bk_job *j)
{
	int err = bk_bell_init(&j->bell);

	if (!err)
		err = bk_watch_new(loop, j->bell.fd, on_bell, j, &j->watch);
	if (!err)
		err = bk_watch_set(j->watch, BK_READABLE);
	if (!err && j->run)
		return start_thread(j);
	if (!err)
		bk_bell_ring(&j->bell);
	return err;
}

int bk_job_new(struct bk_loop *loop, void (*run)(void *work), const void *work, size_t work_len,
	void (*fn)(void *arg), void *arg, struct bk_job **ret_job)
{
	struct bk_job *j = calloc(1, sizeof(*j) + work_len);
	int err;

	if (!j)
		return BK_E_NOMEM;
	j->bell.fd = -1;
	j->run = run;
	j->fn = fn;
	j->arg = arg;
	memcpy(j->work, work, work_len);
	atomic_init(&j->holders, 1);
	err = start(loop, j);
	if (err < 0) {
		bk_job_free(j);
		return err;
	}
	*ret_job = j;
	return 0;
}

void bk_job_free(struct bk_job *j)
{
	if (!j)
		return;
	bk_watch_free(j->watch);
	let_go(j);
}

const void *bk_job_work(const struct bk_job *j)
{
	return j->work;
}

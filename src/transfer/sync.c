/* SPDX-License-Identifier: Apache-2.0 */
/* One thread for one fsync. It shares nothing with the loop's thread but a socket pair: the descriptor it
 * syncs is its own duplicate, and the outcome is four bytes in the socket, so that freeing never waits for a
 * disk. */
#include "transfer/sync.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"

struct bk_sync {
	struct bk_watch *watch;
	int fd;
	void (*fn)(void *arg, int error);
	void *arg;
};

struct job {
	int file, answer;
};

static void *run_job(void *arg)
{
	struct job *job = arg;
	int error = fsync(job->file) < 0 && errno != EINVAL && errno != EROFS ? errno : 0;

	/* EINVAL: this file system cannot sync, so there is nothing to wait for. Nobody listens when
	 * freed. */
	(void)send(job->answer, &error, sizeof(error), MSG_NOSIGNAL);
	close(job->file);
	close(job->answer);
	free(job);
	return NULL;
}

static void on_answer(void *arg, int fd, int events)
{
	struct bk_sync *s = arg;
	int error = EIO;

	(void)events;
	if (recv(fd, &error, sizeof(error), 0) != (ssize_t)sizeof(error))
		error = EIO;
	bk_watch_set(s->watch, 0);
	s->fn(s->arg, bk_error_from_errno(error));
}

/* The thread takes no signals: they belong to the loop. */
static int start_thread(struct job *job)
{
	sigset_t all, old;
	pthread_attr_t attr;
	pthread_t thread;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	err = pthread_create(&thread, &attr, run_job, job);
	pthread_attr_destroy(&attr);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return err ? BK_E_NOMEM : 0;
}

static int start_job(int file, int answer)
{
	struct job *job = malloc(sizeof(*job));
	int err = BK_E_NOMEM;

	if (job) {
		job->file = fcntl(file, F_DUPFD_CLOEXEC, 0);
		job->answer = answer;
		err = job->file < 0 ? bk_error_from_errno(errno) : start_thread(job);
	}
	if (err < 0) {
		if (job && job->file >= 0)
			close(job->file);
		free(job);
		close(answer);
	}
	return err; /* NOLINT(clang-analyzer-unix.Malloc): the thread frees the job */
}

int bk_sync_new(
	struct bk_loop *loop, int fd, void (*fn)(void *arg, int error), void *arg, struct bk_sync **ret_sync)
{
	struct bk_sync *s = calloc(1, sizeof(*s));
	int ends[2], err;

	if (!s)
		return BK_E_NOMEM;
	s->fn = fn;
	s->arg = arg;
	s->fd = -1;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
		err = bk_error_from_errno(errno);
		bk_sync_free(s);
		return err;
	}
	s->fd = ends[0];
	err = bk_watch_new(loop, s->fd, on_answer, s, &s->watch);
	if (err >= 0)
		err = bk_watch_set(s->watch, BK_READABLE);
	if (err < 0)
		close(ends[1]);
	else
		err = start_job(fd, ends[1]);
	if (err < 0) {
		bk_sync_free(s);
		return err;
	}
	*ret_sync = s;
	return 0;
}

void bk_sync_free(struct bk_sync *s)
{
	if (!s)
		return;
	bk_watch_free(s->watch);
	if (s->fd >= 0)
		close(s->fd);
	free(s);
}

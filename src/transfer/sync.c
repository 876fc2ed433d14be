/* SPDX-License-Identifier: Apache-2.0 */
/* The descriptor that is synced is a duplicate, so that the caller's may go. */
#include "transfer/sync.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/error.h"

struct work {
	int file, error;
};

/* EINVAL: this file system cannot sync, so there is nothing to wait for. */
static void run(void *arg)
{
	struct work *w = arg;

	w->error = fsync(w->file) < 0 && errno != EINVAL && errno != EROFS ? bk_error_from_errno(errno) : 0;
	close(w->file);
}

int bk_sync_new(struct bk_loop *loop, int fd, void (*fn)(void *arg), void *arg, struct bk_job **ret_job)
{
	const struct work work = {.file = fcntl(fd, F_DUPFD_CLOEXEC, 0)};

	int err = work.file < 0 ? bk_error_from_errno(errno)
				: bk_job_new(loop, run, &work, sizeof(work), fn, arg, ret_job);

	if (err < 0 && work.file >= 0)
		close(work.file);
	return err;
}

int bk_sync_error(const struct bk_job *j)
{
	return ((const struct work *)bk_job_work(j))->error;
}

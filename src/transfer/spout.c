/* SPDX-License-Identifier: Apache-2.0 */
/* Two buffers, as a writer has them. A pipe that says that it has room has it for a page; O_NONBLOCK is not an option
 * on a descriptor that others share, so a pipe is opened once more, for ourselves. */
#include "transfer/spout.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "net/thread.h"

enum {
	FULL = 1 << 20,
	WAITING_MAX = 32 << 20, /* one delivery of the channel may come on top of what is full */
	PAGE = 4096,
};

struct work {
	struct bk_buf waiting; /* under the lock, like the flags */
	bool is_ended, is_stopping, is_waited_for, is_over;
	uint8_t wanted[BK_DIGEST_LEN];
	/* the thread's, until it is over */
	struct bk_buf at_hand;
	struct bk_digest *digest;
	int fd;
	size_t piece_max; /* so much is written at once */
	char *name;
	int error;
	char text[BK_TRANSFER_TEXT_MAX];
};

struct bk_spout {
	struct bk_thread *thread;
	struct work *work;
};

/* --- on the thread --- */

static int fail(struct work *w, int err, const char *why)
{
	w->error = err;
	snprintf(w->text, sizeof(w->text), "cannot pass on '%.300s': %s", w->name, why);
	return err;
}

static int fail_errno(struct work *w, int code)
{
	if (code == EPIPE)
		return fail(w, BK_E_FILE, "nobody reads it any more");
	if (code == ENOSPC || code == EDQUOT)
		return fail(w, BK_E_NO_SPACE, "no space left");
	return fail(w, BK_E_FILE, strerror(code));
}

/* False: it is to stop. */
static bool wait_for_room(struct bk_thread *t, const struct work *w)
{
	bool has_room = false;

	bk_thread_lock(t);
	while (!has_room && !w->is_stopping && !bk_thread_is_left(t))
		has_room = bk_thread_wait_room(t, w->fd);
	bk_thread_unlock(t);
	return has_room;
}

static int pass_on(struct bk_thread *t, struct work *w)
{
	while (w->at_hand.len) {
		size_t n = w->at_hand.len < w->piece_max ? w->at_hand.len : w->piece_max;
		ssize_t put;

		if (!wait_for_room(t, w))
			return fail(w, BK_E_CANCELLED, bk_error_text(BK_E_CANCELLED));
		put = write(w->fd, bk_buf_head(&w->at_hand), n);
		if (put < 0 && errno != EAGAIN && errno != EINTR)
			return fail_errno(w, errno);
		bk_buf_consume(&w->at_hand, put > 0 ? (size_t)put : 0);
	}
	return 0;
}

static void compare(struct work *w)
{
	uint8_t got[BK_DIGEST_LEN];

	bk_digest_get(w->digest, got);
	if (memcmp(got, w->wanted, sizeof(got)) != 0)
		(void)fail(w, BK_E_DIGEST, "it arrived damaged; do not use what came");
}

static void swap(struct bk_thread *t, struct work *w)
{
	struct bk_buf waiting = w->waiting;

	w->waiting = w->at_hand;
	w->at_hand = waiting;
	if (w->is_waited_for)
		bk_thread_ring(t);
	w->is_waited_for = false;
}

/* With the lock held, which it lets go of meanwhile. */
static void work_on(struct bk_thread *t, struct work *w)
{
	if (!w->waiting.len) {
		(void)bk_thread_wait(t, -1, 0);
		return;
	}
	swap(t, w);
	bk_thread_unlock(t);
	bk_digest_update(w->digest, bk_buf_head(&w->at_hand), w->at_hand.len);
	(void)pass_on(t, w);
	bk_thread_lock(t);
}

static void run(struct bk_thread *t, void *arg)
{
	struct work *w = arg;

	bk_thread_lock(t);
	while (!w->error && !w->is_stopping && !bk_thread_is_left(t) && (w->waiting.len || !w->is_ended))
		work_on(t, w);
	if (!w->error && !w->waiting.len && w->is_ended)
		compare(w);
	else if (!w->error)
		(void)fail(w, BK_E_CANCELLED, bk_error_text(BK_E_CANCELLED));
	w->is_over = true;
	bk_thread_ring(t);
	bk_thread_unlock(t);
}

static void free_work(void *arg)
{
	struct work *w = arg;

	if (w->fd >= 0)
		close(w->fd);
	bk_digest_free(w->digest);
	bk_buf_done(&w->waiting);
	bk_buf_done(&w->at_hand);
	free(w->name);
	free(w);
}

static const struct bk_thread_ops ops = {.run = run, .free = free_work};

/* --- on the loop --- */

/* A pipe of another user's cannot be opened again: then in pieces that do not block. */
static int open_own(struct work *w, int fd)
{
	struct stat st = {0};
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	w->piece_max = FULL;
	if (fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode))
		w->fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	if (w->fd >= 0)
		return 0;
	w->piece_max = S_ISREG(st.st_mode) ? FULL : PAGE;
	w->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return w->fd < 0 ? BK_E_FILE : 0;
}

static struct work *work_new(const char *name)
{
	struct work *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	*w = (struct work){.fd = -1, .digest = bk_digest_new(), .name = strdup(name)};
	bk_buf_init(&w->waiting, WAITING_MAX);
	bk_buf_init(&w->at_hand, WAITING_MAX);
	return w;
}

int bk_spout_new(struct bk_loop *loop, int fd, const char *name, void (*fn)(void *arg), void *arg,
	struct bk_spout **ret_spout)
{
	struct bk_spout *s = calloc(1, sizeof(*s));
	int err = BK_E_NOMEM;

	if (s)
		s->work = work_new(name);
	if (s && s->work && s->work->digest && s->work->name)
		err = open_own(s->work, fd);
	if (err >= 0)
		err = bk_thread_new(loop, &ops, s->work, fn, arg, &s->thread);
	if (err >= 0) {
		*ret_spout = s;
		return 0;
	}
	if (s && s->work)
		free_work(s->work);
	free(s);
	return err;
}

void bk_spout_free(struct bk_spout *s)
{
	if (!s)
		return;
	bk_thread_free(s->thread);
	free(s);
}

int bk_spout_write(struct bk_spout *s, const void *data, size_t n)
{
	int err;

	bk_thread_lock(s->thread);
	err = bk_buf_append(&s->work->waiting, data, n);
	bk_thread_nudge(s->thread);
	bk_thread_unlock(s->thread);
	return err;
}

void bk_spout_end(struct bk_spout *s, const uint8_t digest[BK_DIGEST_LEN])
{
	bk_thread_lock(s->thread);
	memcpy(s->work->wanted, digest, BK_DIGEST_LEN);
	s->work->is_ended = true;
	bk_thread_nudge(s->thread);
	bk_thread_unlock(s->thread);
}

void bk_spout_stop(struct bk_spout *s)
{
	bk_thread_lock(s->thread);
	s->work->is_stopping = true;
	bk_thread_nudge(s->thread);
	bk_thread_unlock(s->thread);
}

bool bk_spout_is_full(struct bk_spout *s)
{
	bool is_full;

	bk_thread_lock(s->thread);
	is_full = s->work->waiting.len >= FULL;
	s->work->is_waited_for |= is_full;
	bk_thread_unlock(s->thread);
	return is_full;
}

bool bk_spout_is_over(struct bk_spout *s)
{
	bool is_over;

	bk_thread_lock(s->thread);
	is_over = s->work->is_over;
	bk_thread_unlock(s->thread);
	return is_over;
}

int bk_spout_error(const struct bk_spout *s, const char **ret_text)
{
	*ret_text = s->work->text;
	return s->work->error;
}

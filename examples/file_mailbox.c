/* SPDX-License-Identifier: Apache-2.0 */
/* Own signalling in a page: what a mailbox has to do, done with files. A box looks into the folder now and
 * then and says what it found, one thing at a time, because it may be closed from inside what it says. A file
 * gets its name when it is complete. */
#include "file_mailbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOOK_INTERVAL (50 * 1000000LL) /* nanoseconds; a network folder tells nobody what happens in it */

enum { NUMBERS = 999, MAILS = 8, NAME_LEN = 4096, HEAD_LEN = 3 };

struct file_mailbox {
	const char *folder;
	struct bk_mailbox_view view;
};

struct box {
	const struct file_mailbox *mailbox;
	const struct bk_mailbox_events *events;
	void *arg;
	struct bk_timer *timer;
	uint32_t number;
	char us, them; /* 'a' left it, 'b' claims it */
	unsigned sent, seen;
	int error; /* of the last call; told from the loop */
	bool is_ready, has_nameplate, is_claimed, is_gone;
	uint8_t *left; /* what the other side left, until it is told */
	size_t left_len;
};

/* --- files --- */

static const char *path_of(const struct box *b, const char *suffix, char out[NAME_LEN])
{
	snprintf(out, NAME_LEN, "%s/%u.%s", b->mailbox->folder, b->number, suffix);
	return out;
}

static const char *path_of_mail(const struct box *b, char side, unsigned i, char out[NAME_LEN])
{
	snprintf(out, NAME_LEN, "%s/%u.%c%u", b->mailbox->folder, b->number, side, i);
	return out;
}

static bool is_there(const char *path)
{
	return access(path, F_OK) == 0;
}

static int error_of(int number)
{
	return number == EEXIST ? BK_E_EXISTS : number == EACCES ? BK_E_ACCESS : BK_E_FILE;
}

/* 0, BK_E_EXISTS or another error. The length comes first: a copy that somebody is still making is no
 * mail. */
static int write_file(const char *path, const void *bytes, size_t n)
{
	const uint8_t head[HEAD_LEN] = {(uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};
	char draft[NAME_LEN + 8];
	int fd, err = 0;

	snprintf(draft, sizeof(draft), "%s.draft", path);
	unlink(draft);
	fd = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_of(errno);
	if (write(fd, head, HEAD_LEN) != HEAD_LEN || write(fd, bytes, n) != (ssize_t)n)
		err = BK_E_FILE;
	if (close(fd) < 0)
		err = BK_E_FILE;
	if (!err && link(draft, path) < 0)
		err = error_of(errno);
	unlink(draft);
	return err;
}

/* The bytes behind the head of a regular file; BK_E_AGAIN: they are not all there. */
static ssize_t read_whole(int fd, uint8_t out[BK_MAILBOX_MAIL_MAX])
{
	uint8_t head[HEAD_LEN];
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return BK_E_FILE;
	if (read(fd, head, HEAD_LEN) != HEAD_LEN)
		return BK_E_AGAIN;
	n = (ssize_t)head[0] << 16 | (ssize_t)head[1] << 8 | head[2];
	if (n > BK_MAILBOX_MAIL_MAX)
		return BK_E_TOO_BIG;
	return read(fd, out, (size_t)n) == n ? n : BK_E_AGAIN;
}

static ssize_t read_file(const char *path, uint8_t out[BK_MAILBOX_MAIL_MAX])
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return errno == ENOENT ? BK_E_AGAIN : error_of(errno);
	n = read_whole(fd, out);
	close(fd);
	return n;
}

/* What an earlier meeting may have forgotten under that number. */
static void sweep(const struct box *b)
{
	char path[NAME_LEN];

	for (unsigned i = 0; i < MAILS; i++) {
		unlink(path_of_mail(b, 'a', i, path));
		unlink(path_of_mail(b, 'b', i, path));
	}
	unlink(path_of(b, "abye", path));
	unlink(path_of(b, "bbye", path));
}

/* --- what the session asks for --- */

static int leave(void *box, uint32_t wish, const void *body, size_t n)
{
	struct box *b = box;
	char path[NAME_LEN];

	b->us = 'a';
	b->them = 'b';
	b->number = wish ? wish : 1;
	do {
		b->error = is_there(path_of(b, "taken", path))
				   ? BK_E_EXISTS
				   : write_file(path_of(b, "left", path), body, n);
	} while (b->error == BK_E_EXISTS && !wish && b->number++ < NUMBERS);
	if (!b->error)
		sweep(b);
	bk_timer_start(b->timer, 0);
	return 0;
}

/* Of two who claim it at once one gets it. */
static int take_left(struct box *b)
{
	char left[NAME_LEN], taken[NAME_LEN];
	ssize_t n;

	if (rename(path_of(b, "left", left), path_of(b, "taken", taken)) < 0)
		return errno != ENOENT   ? error_of(errno)
		       : is_there(taken) ? BK_E_CODE_USED
					 : BK_E_NO_SUCH_PEER;
	free(b->left);
	b->left = malloc(BK_MAILBOX_MAIL_MAX);
	if (!b->left)
		return BK_E_NOMEM;
	n = read_file(taken, b->left);
	b->left_len = n < 0 ? 0 : (size_t)n;
	return n < 0 ? (int)n : 0;
}

static int claim(void *box, uint32_t nameplate)
{
	struct box *b = box;

	b->us = 'b';
	b->them = 'a';
	b->number = nameplate;
	b->error = take_left(b);
	bk_timer_start(b->timer, 0);
	return 0;
}

static int mail(void *box, const void *body, size_t n)
{
	struct box *b = box;
	char path[NAME_LEN];

	if (n > BK_MAILBOX_MAIL_MAX)
		return BK_E_TOO_BIG;
	return write_file(path_of_mail(b, b->us, b->sent++, path), body, n);
}

static void release(void *box)
{
	struct box *b = box;
	char path[NAME_LEN];

	if (b->is_claimed && !b->is_gone)
		write_file(path_of(b, b->us == 'a' ? "abye" : "bbye", path), "", 0);
}

static void view(void *box, struct bk_mailbox_view *ret_view)
{
	struct box *b = box;

	*ret_view = b->mailbox->view;
}

/* --- what is found in the folder: at most one thing at a time, and the box may be gone after it --- */

static void say_nameplate(struct box *b)
{
	b->has_nameplate = true;
	b->events->on_nameplate(b->arg, b->number);
}

static void say_error(struct box *b)
{
	int error = b->error;

	b->error = 0;
	b->number = 0;
	b->events->on_error(b->arg, error, "");
}

static void say_claimed(struct box *b)
{
	uint8_t *left = b->left;

	b->left = NULL;
	b->is_claimed = true;
	b->events->on_claimed(b->arg, b->number, NULL, left, b->left_len);
	free(left);
}

static bool was_claimed(const struct box *b)
{
	char taken[NAME_LEN], answer[NAME_LEN];

	return b->us == 'b' || is_there(path_of(b, "taken", taken)) ||
	       is_there(path_of_mail(b, 'b', 0, answer));
}

/* Mail, or a farewell; false: there is none. */
static bool say_news(struct box *b)
{
	uint8_t body[BK_MAILBOX_MAIL_MAX];
	char path[NAME_LEN];
	ssize_t n = read_file(path_of_mail(b, b->them, b->seen, path), body);

	if (n >= 0) {
		b->seen++;
		unlink(path);
		b->events->on_mail(b->arg, body, (size_t)n);
	} else if (n != BK_E_AGAIN) {
		b->events->on_end(b->arg, (int)n, "cannot read the other side's mail");
	} else if (!b->is_gone && is_there(path_of(b, b->them == 'a' ? "abye" : "bbye", path))) {
		b->is_gone = true;
		unlink(path);
		b->events->on_released(b->arg, 0);
	} else {
		return false;
	}
	return true;
}

static bool say_next(struct box *b)
{
	if (!b->is_ready) {
		b->is_ready = true;
		b->events->on_ready(b->arg);
	} else if (b->error) {
		say_error(b);
	} else if (!b->number) {
		return false;
	} else if (b->us == 'a' && !b->has_nameplate) {
		say_nameplate(b);
	} else if (!b->is_claimed && was_claimed(b)) {
		say_claimed(b);
	} else {
		return b->is_claimed && say_news(b);
	}
	return true;
}

static void on_look(void *arg)
{
	struct box *b = arg;
	struct bk_timer *timer = b->timer;

	bk_timer_start(timer, 0);
	if (!say_next(b))
		bk_timer_start(timer, LOOK_INTERVAL);
}

/* --- life --- */

static int open_box(void *arg, struct bk_loop *loop, const struct bk_mailbox_events *events, void *events_arg,
	void **ret_box)
{
	struct box *b = calloc(1, sizeof(*b));

	if (!b)
		return BK_E_NOMEM;
	*b = (struct box){.mailbox = arg, .events = events, .arg = events_arg};
	if (bk_timer_new(loop, on_look, b, &b->timer) < 0) {
		free(b);
		return BK_E_NOMEM;
	}
	bk_timer_start(b->timer, 0);
	*ret_box = b;
	return 0;
}

static void close_box(void *box)
{
	struct box *b = box;
	char path[NAME_LEN];

	if (b->number && b->us == 'a') {
		unlink(path_of(b, "left", path));
		unlink(path_of(b, "taken", path));
	}
	bk_timer_free(b->timer);
	free(b->left);
	free(b);
}

static const struct bk_mailbox_ops ops = {
	.size = sizeof(ops),
	.open = open_box,
	.close = close_box,
	.view = view,
	.leave = leave,
	.claim = claim,
	.mail = mail,
	.release = release,
};

int file_mailbox_new(
	const char *folder, const struct bk_mailbox_view *view, struct file_mailbox **ret_mailbox)
{
	struct file_mailbox *m = calloc(1, sizeof(*m));

	if (!m)
		return BK_E_NOMEM;
	m->folder = folder;
	m->view = *view;
	*ret_mailbox = m;
	return 0;
}

void file_mailbox_free(struct file_mailbox *m)
{
	free(m);
}

struct bk_mailbox file_mailbox_as_mailbox(struct file_mailbox *m)
{
	return (struct bk_mailbox){&ops, m};
}

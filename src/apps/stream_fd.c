/* SPDX-License-Identifier: Apache-2.0 */
/* Two pumps, one for each direction, that share nothing but their end. A blocking pipe that poll(2) calls
 * writable still blocks a write that is larger than its room, so pipes and terminals are opened anew through
 * /proc/self/fd; where that cannot be, at most PIPE_BUF bytes are written at a time, for which poll's word
 * counts. */
#include "apps/stream_fd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "net/turn.h"

enum { READ_MAX = 64 << 10, HELD_MAX = 4 << 20 };

struct end {
	int fd;
	bool is_socket;
	bool is_file; /* always ready */
	bool is_ours; /* an open file of our own, so O_NONBLOCK is */
	bool is_over;
	struct bk_watch *watch; /* NULL: a regular file is always ready */
};

struct bk_stream_fd {
	struct bk_loop *loop;
	struct bk_channel *channel;
	struct end in, out;
	struct bk_turn more, ending; /* the next piece of a regular file; the end, told from the loop */
	uint8_t *piece;              /* read, and not taken by the channel yet */
	size_t piece_len;
	struct bk_buf held; /* came, and not written yet; the channel is paused while there is some */
	bool has_fin, is_paused;
	int error;
	void (*on_end)(void *arg, int error);
	void *arg;
};

/* --- the end --- */

static void settle(struct bk_stream_fd *s)
{
	if (s->error || (s->in.is_over && s->out.is_over))
		bk_turn_ask(&s->ending);
}

static void stop(struct end *e)
{
	e->is_over = true;
	if (e->watch)
		bk_watch_set(e->watch, 0);
}

/* RST is RST: who reads a socket here must not take what was cut off for all there was. */
static void reset_socket(const struct end *e)
{
	const struct linger now = {.l_onoff = 1};

	if (e->is_socket)
		setsockopt(e->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

static void break_off(struct bk_stream_fd *s, int error)
{
	if (s->error)
		return;
	s->error = error;
	stop(&s->in);
	stop(&s->out);
	reset_socket(&s->out);
	bk_channel_free(s->channel, error);
	s->channel = NULL;
	settle(s);
}

static void on_ending(void *arg)
{
	struct bk_stream_fd *s = arg;

	s->on_end(s->arg, s->error);
}

/* --- from the descriptor to the channel --- */

/* Hands on what was read. False: the channel has enough, or broke. */
static bool hand_on(struct bk_stream_fd *s)
{
	int err = s->piece_len ? bk_channel_write(s->channel, s->piece, s->piece_len) : 0;

	if (err >= 0)
		s->piece_len = 0;
	else if (err != BK_E_AGAIN)
		break_off(s, err);
	return err >= 0;
}

static void finish_reading(struct bk_stream_fd *s)
{
	stop(&s->in);
	bk_channel_finish(s->channel);
	settle(s);
}

static void read_more(struct bk_stream_fd *s)
{
	if (s->in.watch)
		bk_watch_set(s->in.watch, BK_READABLE);
	else
		bk_turn_ask(&s->more);
}

static void read_piece(struct bk_stream_fd *s)
{
	ssize_t n;

	if (s->in.is_over || s->piece_len)
		return;
	n = s->in.is_socket ? recv(s->in.fd, s->piece, READ_MAX, MSG_DONTWAIT)
			    : read(s->in.fd, s->piece, READ_MAX);
	/* EIO: the other side of a terminal is gone, which is its end of file. */
	if (n == 0 || (n < 0 && errno == EIO && !s->in.is_file)) {
		finish_reading(s);
		return;
	}
	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		break_off(s, bk_error_from_errno(errno));
		return;
	}
	s->piece_len = n > 0 ? (size_t)n : 0;
	if (hand_on(s))
		read_more(s);
	else if (s->in.watch)
		bk_watch_set(s->in.watch, 0);
}

static void on_readable(void *arg, int fd, int events)
{
	(void)fd;
	(void)events;
	read_piece(arg);
}

static void on_writable(struct bk_channel *channel, void *arg)
{
	struct bk_stream_fd *s = arg;

	(void)channel;
	if (!s->in.is_over && hand_on(s))
		read_more(s);
}

/* --- from the channel to the descriptor --- */

static ssize_t write_some(const struct end *e, const void *data, size_t n)
{
	if (e->is_socket)
		return send(e->fd, data, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	return write(e->fd, data, e->is_ours || e->is_file || n < PIPE_BUF ? n : PIPE_BUF);
}

static void finish_writing(struct bk_stream_fd *s)
{
	stop(&s->out);
	if (s->out.is_socket) {
		shutdown(s->out.fd, SHUT_WR);
	} else {
		bk_watch_free(s->out.watch);
		s->out.watch = NULL;
		close(s->out.fd);
		s->out.fd = -1;
	}
	settle(s);
}

/* Nothing more comes while something is held. */
static void await_room(struct bk_stream_fd *s, bool is_full)
{
	if (is_full == s->is_paused)
		return;
	s->is_paused = is_full;
	if (s->out.watch)
		bk_watch_set(s->out.watch, is_full ? BK_WRITABLE : 0);
	if (is_full)
		bk_channel_pause(s->channel);
	else
		bk_channel_resume(s->channel);
}

/* Writes what is held until the descriptor has enough. */
static void write_held(struct bk_stream_fd *s)
{
	while (s->held.len && !s->out.is_over) {
		ssize_t n = write_some(&s->out, bk_buf_head(&s->held), s->held.len);

		if (n >= 0)
			bk_buf_consume(&s->held, (size_t)n);
		else if (errno == EAGAIN)
			break;
		else if (errno != EINTR)
			break_off(s, bk_error_from_errno(errno));
		if (n >= 0 && !s->out.is_ours && !s->out.is_socket && !s->out.is_file)
			break; /* poll's word was for that much */
	}
	if (s->out.is_over)
		return;
	await_room(s, s->held.len > 0);
	if (!s->held.len && s->has_fin)
		finish_writing(s);
}

static void on_room(void *arg, int fd, int events)
{
	(void)fd;
	(void)events;
	write_held(arg);
}

static void on_data(struct bk_channel *channel, void *arg, const uint8_t *data, size_t n)
{
	struct bk_stream_fd *s = arg;

	(void)channel;
	if (s->out.is_over)
		return;
	if (bk_buf_append(&s->held, data, n) < 0)
		break_off(s, BK_E_FULL);
	else if (s->out.is_ours || s->out.is_socket || s->out.is_file)
		write_held(s);
	else
		await_room(s, true); /* not before poll says so */
}

static void on_finished(struct bk_channel *channel, void *arg)
{
	struct bk_stream_fd *s = arg;

	(void)channel;
	s->has_fin = true;
	if (!s->held.len && !s->out.is_over)
		finish_writing(s);
}

static void on_reset(struct bk_channel *channel, void *arg, int error)
{
	(void)channel;
	break_off(arg, error ? error : BK_E_RESET);
}

const struct bk_channel_events bk_stream_fd_events = {
	.on_data = on_data, .on_writable = on_writable, .on_finished = on_finished, .on_reset = on_reset};

/* --- life --- */

/* Takes fd over; e->fd may be another one afterwards. */
static void open_own(struct end *e, int flags)
{
	char path[64];
	struct stat st;
	int own;

	if (fstat(e->fd, &st) < 0)
		return;
	e->is_socket = S_ISSOCK(st.st_mode);
	/* Epoll refuses files on disks, and devices such as /dev/null, which never wait. */
	e->is_file = S_ISREG(st.st_mode) || S_ISBLK(st.st_mode) || (S_ISCHR(st.st_mode) && !isatty(e->fd));
	if (e->is_socket || e->is_file)
		return;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", e->fd);
	own = open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (own < 0)
		return;
	close(e->fd);
	e->fd = own;
	e->is_ours = true;
}

static void on_more(void *arg)
{
	read_piece(arg);
}

static int watch(struct bk_stream_fd *s)
{
	int err = 0;

	if (!s->in.is_file)
		err = bk_watch_new(s->loop, s->in.fd, on_readable, s, &s->in.watch);
	if (err >= 0 && !s->out.is_file)
		err = bk_watch_new(s->loop, s->out.fd, on_room, s, &s->out.watch);
	return err;
}

int bk_stream_fd_new(struct bk_loop *loop, int in, int out, void (*on_end)(void *arg, int error), void *arg,
	struct bk_stream_fd **ret_stream)
{
	struct bk_stream_fd *s = calloc(1, sizeof(*s));
	int err = s ? 0 : BK_E_NOMEM;

	if (!s) {
		close(in);
		if (out != in)
			close(out);
		return err;
	}
	/* Two descriptors, so that each direction ends and is watched by itself. */
	*s = (struct bk_stream_fd){.loop = loop,
		.in.fd = in,
		.out.fd = in == out ? fcntl(in, F_DUPFD_CLOEXEC, 0) : out,
		.on_end = on_end,
		.arg = arg};
	bk_buf_init(&s->held, HELD_MAX);
	bk_turn_init(&s->more, loop, on_more, s);
	bk_turn_init(&s->ending, loop, on_ending, s);
	s->piece = malloc(READ_MAX);
	if (s->out.fd < 0)
		err = bk_error_from_errno(errno);
	else if (!s->piece)
		err = BK_E_NOMEM;
	open_own(&s->in, O_RDONLY);
	open_own(&s->out, O_WRONLY);
	if (err >= 0)
		err = watch(s);
	if (err < 0)
		bk_stream_fd_free(s);
	else
		*ret_stream = s;
	return err;
}

void bk_stream_fd_start(struct bk_stream_fd *s, struct bk_channel *channel)
{
	s->channel = channel;
	read_more(s);
}

static void release_end(struct end *e)
{
	bk_watch_free(e->watch);
	if (e->fd >= 0)
		close(e->fd);
}

void bk_stream_fd_free(struct bk_stream_fd *s)
{
	if (!s)
		return;
	bk_channel_free(s->channel, BK_E_CANCELLED);
	bk_turn_done(&s->more);
	bk_turn_done(&s->ending);
	release_end(&s->in);
	release_end(&s->out);
	bk_buf_done(&s->held);
	free(s->piece);
	free(s);
}

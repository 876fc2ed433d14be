/* SPDX-License-Identifier: Apache-2.0 */
/* A pipe takes references to the pages that came in from one socket and gives them to another, so a relayed
 * byte is never copied into this process. The end of the source is passed on as a half-close, after the last
 * byte. */
#include "server/splice.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "server/limits.h"

enum { FLAGS = SPLICE_F_MOVE | SPLICE_F_NONBLOCK };

/* The system may grant no more than its default to a user who has many large pipes; then that has to do. */
int bk_splice_init(struct bk_splice *s)
{
	*s = (struct bk_splice)BK_SPLICE_NONE;
	if (pipe2(s->pipe, O_NONBLOCK | O_CLOEXEC) < 0)
		return bk_error_from_errno(errno);
	if (fcntl(s->pipe[1], F_SETPIPE_SZ, BK_LIMIT_RELAY_PIPE) < 0)
		fcntl(s->pipe[1], F_SETPIPE_SZ, BK_LIMIT_RELAY_PIPE_SMALL);
	return 0;
}

void bk_splice_done(struct bk_splice *s)
{
	for (int i = 0; i < 2; i++) {
		if (s->pipe[i] >= 0)
			close(s->pipe[i]);
		s->pipe[i] = -1;
	}
}

/* More than 0: bytes; 0: the end; BK_E_AGAIN; or an error. */
static ssize_t move(int from, int to, size_t n)
{
	ssize_t moved;

	do
		moved = splice(from, NULL, to, NULL, n, FLAGS);
	while (moved < 0 && errno == EINTR);
	return moved < 0 ? bk_error_from_errno(errno) : moved;
}

static ssize_t take_in(struct bk_splice *s, int from)
{
	ssize_t n = s->has_ended ? 0 : move(from, s->pipe[1], BK_LIMIT_RELAY_PIPE);

	if (n == 0)
		s->has_ended = true;
	if (n > 0)
		s->held += (size_t)n;
	return n;
}

static ssize_t give_out(struct bk_splice *s, int to)
{
	ssize_t n = s->held ? move(s->pipe[0], to, s->held) : 0;

	if (n > 0) {
		s->held -= (size_t)n;
		s->moved += (uint64_t)n;
	}
	return n;
}

int bk_splice_run(struct bk_splice *s, int from, int to, int rounds)
{
	for (int i = 0; i < rounds && !s->has_told_end; i++) {
		ssize_t in = take_in(s, from);
		ssize_t out = give_out(s, to);

		if (in < 0 && in != BK_E_AGAIN)
			return (int)in;
		if (out < 0 && out != BK_E_AGAIN)
			return (int)out;
		if (s->has_ended && !s->held) {
			s->has_told_end = true;
			if (shutdown(to, SHUT_WR) < 0)
				return bk_error_from_errno(errno);
		}
		if (in <= 0 && out <= 0)
			break;
	}
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a byte at a time, so that what follows a line stays in the pipe until somebody asks for it, and a
 * pause needs no buffer. People type slower than this. */
#include "lines.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

struct lines {
	struct bk_watch *watch;
	const struct lines_events *events;
	void *arg;
	size_t n;
	char line[LINE_BYTES_MAX + 1];
};

static void give_line(struct lines *l)
{
	size_t n = l->n;

	l->line[n] = '\0';
	l->n = 0;
	l->events->on_line(l->arg, l->line, n);
}

static void on_end_of_input(struct lines *l)
{
	lines_pause(l);
	if (l->n) /* a last line without a newline */
		give_line(l);
	l->events->on_end(l->arg);
}

static void on_readable(void *arg, int fd, int events)
{
	struct lines *l = arg;
	char byte;
	ssize_t n = read(fd, &byte, 1);

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		on_end_of_input(l);
		return;
	}
	if (byte != '\n')
		l->line[l->n++] = byte;
	if (byte == '\n' || l->n == LINE_BYTES_MAX)
		give_line(l);
}

int lines_new(struct bk_loop *loop, const struct lines_events *events, void *arg, struct lines **ret_lines)
{
	struct lines *l = calloc(1, sizeof(*l));
	int err = l ? 0 : BK_E_NOMEM;

	if (err >= 0) {
		l->events = events;
		l->arg = arg;
		err = bk_watch_new(loop, STDIN_FILENO, on_readable, l, &l->watch);
	}
	if (err < 0) {
		lines_free(l);
		return err;
	}
	*ret_lines = l;
	return 0;
}

void lines_pause(struct lines *l)
{
	bk_watch_set(l->watch, 0);
}

void lines_resume(struct lines *l)
{
	bk_watch_set(l->watch, BK_READABLE);
}

void lines_free(struct lines *l)
{
	if (!l)
		return;
	bk_watch_free(l->watch);
	free(l);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A buffer with room for two lines; what is handed on makes room by moving the rest down. */
#include "cli/lines.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bodkin/error.h>

#include "base/text.h"

enum { ROOM = 2 * (BK_CLI_LINES_MAX + 2) };

static void stop(struct bk_cli_lines *l)
{
	l->is_running = false;
	bk_watch_set(l->watch, 0);
	bk_timer_stop(l->timer);
}

static void end(struct bk_cli_lines *l, int error)
{
	stop(l);
	l->is_over = true;
	l->events->on_end(l->arg, error);
}

/* The line of n bytes at the start; `more` of its end are skipped. False: it is not wanted now. */
static bool give(struct bk_cli_lines *l, size_t n, size_t more)
{
	char *line = l->buffer + l->start;
	size_t shown = n && line[n - 1] == '\r' ? n - 1 : n;
	char kept = line[shown];

	line[shown] = 0;
	if (!l->events->on_line(l->arg, line, shown)) {
		line[shown] = kept;
		stop(l);
		return false;
	}
	l->start += n + more;
	l->len -= n + more;
	return true;
}

static void hand_on(struct bk_cli_lines *l)
{
	char *newline;

	while (l->is_running && l->len && (newline = memchr(l->buffer + l->start, '\n', l->len))) {
		size_t n = (size_t)(newline - l->buffer) - l->start;

		if (n > BK_CLI_LINES_MAX + 1) /* perhaps a return */
			break;
		if (!give(l, n, 1))
			return;
	}
	if (!l->is_running)
		return;
	if (l->len > BK_CLI_LINES_MAX + 1)
		end(l, BK_E_TOO_BIG);
	else if (l->has_ended && (!l->len || give(l, l->len, 0)) && !l->is_over)
		end(l, 0);
}

static void fill(struct bk_cli_lines *l)
{
	ssize_t n;

	memmove(l->buffer, l->buffer + l->start, l->len);
	l->start = 0;
	n = read(STDIN_FILENO, l->buffer + l->len, ROOM - 1 - l->len);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	/* A terminal that is gone is an end like another. */
	if (n < 0 && errno != EIO) {
		end(l, BK_E_IO);
		return;
	}
	l->has_ended = n <= 0;
	l->len += n > 0 ? (size_t)n : 0;
	hand_on(l);
}

static void on_readable(void *arg, int fd, int events)
{
	(void)fd;
	(void)events;
	fill(arg);
}

static void on_timer(void *arg)
{
	struct bk_cli_lines *l = arg;

	hand_on(l);
	if (!l->is_running || l->is_over)
		return;
	if (!l->is_file && bk_watch_set(l->watch, BK_READABLE) < 0)
		l->is_file = true;
	if (!l->is_file)
		return;
	fill(l);
	if (l->is_running)
		bk_timer_start(l->timer, 0);
}

/* What a loop cannot watch: it is always readable, or pretends to be. */
static bool is_unwatched(void)
{
	struct stat st;

	return fstat(STDIN_FILENO, &st) == 0 && !S_ISFIFO(st.st_mode) && !S_ISSOCK(st.st_mode) &&
	       !isatty(STDIN_FILENO);
}

int bk_cli_lines_init(
	struct bk_cli_lines *l, struct bk_loop *loop, const struct bk_cli_lines_events *events, void *arg)
{
	int err;

	*l = (struct bk_cli_lines){.loop = loop, .events = events, .arg = arg};
	l->is_file = is_unwatched();
	l->buffer = malloc(ROOM);
	err = l->buffer ? bk_timer_new(loop, on_timer, l, &l->timer) : BK_E_NOMEM;
	return err < 0 ? err : bk_watch_new(loop, STDIN_FILENO, on_readable, l, &l->watch);
}

void bk_cli_lines_resume(struct bk_cli_lines *l)
{
	if (l->is_running || l->is_over)
		return;
	l->is_running = true;
	bk_timer_start(l->timer, 0);
}

static size_t mend(struct bk_cli_lines *l, struct bk_cli_report *r, char *line, size_t n)
{
	for (size_t i = 0; i < n; i++)
		line[i] = line[i] ? line[i] : '?';
	bk_text_sanitize_lines(line);
	if (!l->was_mended)
		bk_cli_report_warning(r, "what is no UTF-8 in the input is sent as '?'");
	l->was_mended = true;
	return strlen(line);
}

bool bk_cli_lines_say(struct bk_cli_lines *l, struct bk_cli_report *r, char *line, size_t n,
	int (*say)(void *arg, const char *text, size_t n))
{
	int err = say(l->arg, line, n);

	if (err == BK_E_INVALID)
		err = say(l->arg, line, mend(l, r, line, n));
	if (err == BK_E_AGAIN)
		return false;
	if (err == BK_E_TOO_BIG || err == BK_E_NOMEM) {
		end(l, err);
		return true;
	}
	l->number++;
	l->said += err >= 0;
	return true;
}

void bk_cli_lines_why(const struct bk_cli_lines *l, int error, const char *where, size_t max,
	char ret_text[BK_CLI_TEXT_MAX])
{
	const char *cause = error == BK_E_IO ? strerror(errno) : bk_error_text(error);
	char too_big[96];

	snprintf(too_big, sizeof(too_big), "%sa message has at most %zu bytes, and it is longer", where, max);
	snprintf(ret_text, BK_CLI_TEXT_MAX, "cannot say line %zu: %s", l->number + 1,
		error == BK_E_TOO_BIG ? too_big : cause);
}

void bk_cli_lines_done(struct bk_cli_lines *l)
{
	if (!l->loop)
		return;
	bk_watch_free(l->watch);
	bk_timer_free(l->timer);
	free(l->buffer);
	*l = (struct bk_cli_lines){0};
}

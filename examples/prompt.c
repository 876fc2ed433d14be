/* SPDX-License-Identifier: Apache-2.0 */
/* Line editing is libedit's. Its callback interface takes keys when the loop says there are some, so nothing
 * waits for the keyboard; only after a lone Escape does libedit wait for the key that completes it. A line
 * that appears erases what is being typed from the screen, takes its place, and has libedit draw it again
 * below. */
#include "prompt.h"

#include <editline/readline.h>
#include <locale.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "common.h"

static const char prompt[] = "> ";

/* libedit has one of everything, so there is one of these. */
static struct {
	const struct lines_events *events;
	void *arg;
	struct lines *lines; /* without a terminal */
	struct bk_watch *keys;
	struct bk_signal *resized;
	bool is_editing;
} the;

static void on_end(void)
{
	bk_watch_set(the.keys, 0);
	the.events->on_end(the.arg);
}

static void on_edited(char *line)
{
	if (!line) { /* Ctrl-D */
		on_end();
		return;
	}
	rl_callback_handler_install(prompt, on_edited); /* before somebody wants to print above it */
	if (*line)
		add_history(line);
	the.events->on_line(the.arg, line, strlen(line));
	free(line);
}

static void on_keys(void *arg, int fd, int events)
{
	int n = 0;

	(void)arg;
	(void)events;
	if (ioctl(fd, FIONREAD, &n) < 0 || n == 0) /* the terminal is gone */
		on_end();
	else
		rl_callback_read_char();
}

static void on_resized(void *arg, int signo)
{
	(void)arg;
	(void)signo;
	rl_resize_terminal();
}

static int start_editing(struct bk_loop *loop)
{
	int err = bk_watch_new(loop, STDIN_FILENO, on_keys, NULL, &the.keys);

	if (err >= 0)
		err = bk_signal_new(loop, SIGWINCH, on_resized, NULL, &the.resized);
	if (err < 0)
		return err;
	setlocale(LC_CTYPE, "");
	rl_catch_signals = 0; /* the loop's business */
	stifle_history(100);
	rl_callback_handler_install(prompt, on_edited);
	the.is_editing = true;
	return bk_watch_set(the.keys, BK_READABLE);
}

int prompt_new(struct bk_loop *loop, const struct lines_events *events, void *arg)
{
	int err;

	the.events = events;
	the.arg = arg;
	if (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO))
		return start_editing(loop);
	err = lines_new(loop, events, arg, &the.lines);
	if (err >= 0)
		lines_resume(the.lines);
	return err;
}

/* Columns that the typed line takes up to the cursor. */
static int columns_to_cursor(void)
{
	int columns = (int)strlen(prompt), used = 0;
	wchar_t wide;

	while (used < rl_point) {
		int n = mbtowc(&wide, rl_line_buffer + used, (size_t)(rl_point - used));
		int width = n > 0 ? wcwidth(wide) : 1;

		used += n > 0 ? n : 1;
		columns += width < 0 ? 2 : width; /* control characters are shown as ^X */
	}
	return columns;
}

static void erase_typed(void)
{
	int rows = 0, columns = 0;

	rl_get_screen_size(&rows, &columns);
	if (columns > 0 && columns_to_cursor() >= columns)
		printf("\033[%dA", columns_to_cursor() / columns);
	fputs("\r\033[J", stdout);
}

void prompt_say(const char *text, size_t n)
{
	if (the.is_editing)
		erase_typed();
	print_clean(stdout, text, n);
	putchar('\n');
	fflush(stdout);
	if (the.is_editing)
		rl_forced_update_display();
}

void prompt_free(void)
{
	if (the.is_editing) {
		erase_typed();
		fflush(stdout);
		rl_callback_handler_remove();
		the.is_editing = false;
	}
	bk_signal_free(the.resized);
	bk_watch_free(the.keys);
	lines_free(the.lines);
}

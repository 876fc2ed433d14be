/* SPDX-License-Identifier: Apache-2.0 */
/* Everything goes through the one door (cli/output.h), so a terminal that takes nothing stops nobody; while it takes
 * nothing the sheet is not drawn anew. */
#include "cli/screen.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bodkin/error.h>

enum { KEYS_MAX = 4096, ROWS_OTHER = 4 };

#define LATER INT64_C(50000000) /* the terminal has enough to show */

#define PASTE_ON  "\033[?2004h"
#define PASTE_OFF "\033[?2004l"

bool bk_cli_screen_is_possible(void)
{
	const char *term = getenv("TERM");

	return term && strcmp(term, "dumb") != 0 && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
}

/* --- drawing --- */

static void paint(void *arg)
{
	struct bk_cli_screen *s = arg;
	unsigned rows = bk_cli_report_window().rows;
	struct bk_cli_sheet *sheet;

	if (!s->is_raw || !s->is_shown)
		return;
	if (bk_cli_drawing_is_crowded()) {
		bk_timer_start(s->painter, LATER);
		return;
	}
	sheet = bk_cli_drawing_begin(&s->drawing);
	s->events->fill(s->arg, sheet);
	bk_cli_sheet_add_text(sheet, "> ", &s->editor, rows > 2 * ROWS_OTHER ? rows - ROWS_OTHER : 1);
	bk_cli_drawing_put(&s->drawing);
}

void bk_cli_screen_touch(struct bk_cli_screen *s)
{
	if (s->is_shown)
		bk_timer_start(s->painter, 0);
}

void bk_cli_screen_show(struct bk_cli_screen *s)
{
	s->is_shown = s->is_raw;
	bk_cli_screen_touch(s);
}

/* Something is about to be said. */
static void on_wipe(void *arg)
{
	struct bk_cli_screen *s = arg;

	bk_cli_drawing_erase(&s->drawing);
	bk_cli_screen_touch(s);
}

/* --- the terminal's ways --- */

static int make_raw(struct bk_cli_screen *s)
{
	struct termios raw = s->before;

	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | IEXTEN);
	raw.c_iflag &= ~(tcflag_t)IXON;
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	if (tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) < 0)
		return BK_E_IO;
	s->is_raw = true;
	bk_cli_output_draw(PASTE_ON);
	return 0;
}

static void put_back(struct bk_cli_screen *s)
{
	if (!s->is_raw)
		return;
	bk_cli_drawing_erase(&s->drawing);
	bk_cli_output_draw(PASTE_OFF);
	s->is_raw = false;
	(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &s->before);
}

static void on_resized(void *arg, int signo)
{
	(void)signo;
	bk_cli_screen_touch(arg);
}

/* Ctrl-Z. */
static void on_stopped(void *arg, int signo)
{
	struct bk_cli_screen *s = arg;

	(void)signo;
	put_back(s);
	bk_cli_output_end();
	(void)raise(SIGSTOP);
	(void)make_raw(s);
	bk_cli_screen_touch(s);
}

/* --- keys --- */

static void clear_screen(struct bk_cli_screen *s)
{
	bk_cli_drawing_erase(&s->drawing);
	bk_cli_output_draw("\033[H\033[2J");
}

/* What nobody could see while it was typed is not sent: the lines stand in the sheet when it is shown. */
static void enter(struct bk_cli_screen *s)
{
	char *line = s->is_shown && s->editor.len ? bk_cli_editor_take(&s->editor) : NULL;

	if (!s->is_shown && s->editor.len)
		bk_cli_editor_insert(&s->editor, "\n");
	if (line)
		s->events->on_line(s->arg, line);
	free(line);
}

static void take_key(struct bk_cli_screen *s, char byte)
{
	switch (bk_cli_editor_key(&s->editor, byte)) {
	case BK_CLI_EDITOR_ENTER:
		enter(s);
		break;
	case BK_CLI_EDITOR_TAB:
		s->events->on_tab(s->arg);
		break;
	case BK_CLI_EDITOR_END:
		s->events->on_end(s->arg);
		break;
	case BK_CLI_EDITOR_REDRAW:
		clear_screen(s);
		break;
	case BK_CLI_EDITOR_CHANGED:
	case BK_CLI_EDITOR_NOTHING:
		break;
	}
}

static void on_keys(void *arg, int fd, int events)
{
	struct bk_cli_screen *s = arg;
	char keys[KEYS_MAX];
	ssize_t n = read(fd, keys, sizeof(keys));

	(void)events;
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		bk_watch_set(s->keys, 0);
		s->events->on_gone(s->arg);
		return;
	}
	for (ssize_t i = 0; i < n; i++)
		take_key(s, keys[i]);
	bk_cli_screen_touch(s);
}

/* --- life --- */

int bk_cli_screen_init(struct bk_cli_screen *s, struct bk_loop *loop, struct bk_cli_report *r,
	const struct bk_cli_screen_events *events, void *arg)
{
	int err = 0;

	*s = (struct bk_cli_screen){.loop = loop, .report = r, .events = events, .arg = arg};
	bk_cli_editor_init(&s->editor);
	if (tcgetattr(STDIN_FILENO, &s->before) < 0)
		err = BK_E_IO;
	if (!err)
		err = bk_timer_new(loop, paint, s, &s->painter);
	if (!err)
		err = bk_watch_new(loop, STDIN_FILENO, on_keys, s, &s->keys);
	if (!err)
		err = bk_watch_set(s->keys, BK_READABLE);
	if (!err)
		err = bk_signal_new(loop, SIGWINCH, on_resized, s, &s->resized);
	if (!err)
		err = bk_signal_new(loop, SIGTSTP, on_stopped, s, &s->stopped);
	if (!err)
		err = make_raw(s);
	r->on_wipe = on_wipe;
	r->wipe_arg = s;
	return err;
}

void bk_cli_screen_done(struct bk_cli_screen *s)
{
	if (!s->loop)
		return;
	put_back(s);
	s->report->on_wipe = NULL;
	bk_watch_free(s->keys);
	bk_timer_free(s->painter);
	bk_signal_free(s->resized);
	bk_signal_free(s->stopped);
	bk_cli_drawing_done(&s->drawing);
	bk_cli_editor_done(&s->editor);
	*s = (struct bk_cli_screen){0};
}

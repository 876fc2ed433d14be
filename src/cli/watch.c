/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/watch.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <bodkin/error.h>

#include "base/time.h"

enum { WAITING_MAX = 32 << 10, LINE_LEN_MAX = 128 };

/* Many come at once; nobody reads faster. */
#define PAUSE (50 * BK_MS)

static void put(char *drawing)
{
	if (drawing)
		bk_cli_output_draw(drawing);
	free(drawing);
}

static void erase(struct bk_cli_watch *w)
{
	if (w->is_drawn)
		put(bk_cli_sheet_erase(&w->sheet, bk_cli_report_window().columns));
	w->is_drawn = false;
}

/* What does not fit below each other is counted. */
static void fill(struct bk_cli_watch *w, struct bk_cli_window window)
{
	size_t n, max = window.rows > 3 ? window.rows - 2 : 1;
	char **lines = bk_cli_device_list_lines(w->devices, window.columns - 1, &n), more[LINE_LEN_MAX];

	if (max > BK_CLI_SHEET_ROWS_MAX)
		max = BK_CLI_SHEET_ROWS_MAX;
	for (size_t i = 0; i < n && (i + 1 < max || n == max); i++)
		if (lines[i])
			bk_cli_sheet_add(&w->sheet, lines[i]);
	if (n > max) {
		snprintf(more, sizeof(more), "... and %zu more", n - max + 1);
		bk_cli_sheet_add(&w->sheet, more);
	}
	if (!n)
		bk_cli_sheet_add(&w->sheet, "None of your other devices is here. Ctrl-C ends.");
	bk_cli_device_list_free(lines, n);
}

static void paint(void *arg)
{
	struct bk_cli_watch *w = arg;
	struct bk_cli_window window = bk_cli_report_window();

	if (bk_cli_output_waiting(BK_CLI_STDOUT) > WAITING_MAX) {
		bk_timer_start(w->painter, PAUSE);
		return;
	}
	erase(w);
	bk_cli_sheet_done(&w->sheet);
	bk_cli_sheet_begin(&w->sheet, window.columns);
	fill(w, window);
	put(bk_cli_sheet_draw(&w->sheet));
	w->is_drawn = true;
}

/* Something is about to be said. */
static void on_wipe(void *arg)
{
	struct bk_cli_watch *w = arg;

	erase(w);
	bk_timer_start(w->painter, 0);
}

static void on_resized(void *arg, int signo)
{
	struct bk_cli_watch *w = arg;

	(void)signo;
	bk_timer_start(w->painter, 0);
}

static bool is_screen(const struct bk_cli_report *r)
{
	return !r->is_json && !r->is_quiet && r->is_smart && isatty(STDOUT_FILENO);
}

int bk_cli_watch_init(struct bk_cli_watch *w, struct bk_loop *loop, struct bk_cli_report *r,
	const struct bk_cli_devices *devices)
{
	int err = 0;

	*w = (struct bk_cli_watch){.devices = devices, .report = r, .is_screen = is_screen(r)};
	if (w->is_screen)
		err = bk_timer_new(loop, paint, w, &w->painter);
	if (!err && w->is_screen)
		err = bk_signal_new(loop, SIGWINCH, on_resized, w, &w->resized);
	return err;
}

void bk_cli_watch_show(struct bk_cli_watch *w)
{
	if (!w->is_screen)
		return;
	w->report->on_wipe = on_wipe;
	w->report->wipe_arg = w;
	bk_timer_start(w->painter, 0);
}

void bk_cli_watch_touch(struct bk_cli_watch *w, const struct bk_cli_device *device)
{
	if (w->is_screen && w->report->on_wipe)
		bk_timer_start(w->painter, PAUSE);
	if (w->is_screen || !device->is_news ||
		!(device->was_present || device->about.flags & BK_DEVICE_PRESENT))
		return;
	bk_cli_device_list_tell(w->report, device);
	bk_cli_device_list_say(w->report, device);
}

void bk_cli_watch_done(struct bk_cli_watch *w)
{
	char **lines;
	size_t n;

	if (w->painter && w->report->on_wipe) {
		erase(w);
		w->report->on_wipe = NULL;
		lines = bk_cli_device_list_lines(w->devices, bk_cli_report_window().columns - 1, &n);
		for (size_t i = 0; i < n; i++)
			bk_cli_report_say(w->report, BK_CLI_VERDICT, "%s", lines[i] ? lines[i] : "");
		bk_cli_device_list_free(lines, n);
	}
	bk_cli_sheet_done(&w->sheet);
	bk_timer_free(w->painter);
	bk_signal_free(w->resized);
	*w = (struct bk_cli_watch){0};
}

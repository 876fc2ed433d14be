/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/watch.h"

#include <stdio.h>
#include <unistd.h>

#include <bodkin/error.h>

#include "base/time.h"

enum { LINE_LEN_MAX = 128 };

/* Many come at once; nobody reads faster. */
#define PAUSE (50 * BK_MS)

/* What does not fit below each other is counted. */
static void fill(void *arg, struct bk_cli_sheet *sheet, struct bk_cli_window window)
{
	const struct bk_cli_watch *w = arg;
	size_t n, max = window.rows > 3 ? window.rows - 2 : 1;
	char **lines = bk_cli_device_list_lines(w->devices, window.columns - 1, &n), more[LINE_LEN_MAX];

	if (max > BK_CLI_SHEET_ROWS_MAX)
		max = BK_CLI_SHEET_ROWS_MAX;
	for (size_t i = 0; i < n && (i + 1 < max || n == max); i++)
		if (lines[i])
			bk_cli_sheet_add(sheet, lines[i]);
	if (n > max) {
		snprintf(more, sizeof(more), "... and %zu more", n - max + 1);
		bk_cli_sheet_add(sheet, more);
	}
	if (!n)
		bk_cli_sheet_add(sheet, "None of your other devices is here. Ctrl-C ends.");
	bk_cli_device_list_free(lines, n);
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
	w->painter = (struct bk_cli_painter){.report = r, .fill = fill, .arg = w, .pause = PAUSE};
	if (w->is_screen)
		err = bk_cli_painter_init(&w->painter, loop);
	return err;
}

void bk_cli_watch_show(struct bk_cli_watch *w)
{
	if (w->is_screen)
		bk_cli_painter_show(&w->painter);
}

void bk_cli_watch_touch(struct bk_cli_watch *w, const struct bk_cli_device *device)
{
	if (bk_cli_painter_is_shown(&w->painter))
		bk_cli_painter_touch(&w->painter);
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

	if (bk_cli_painter_hide(&w->painter)) {
		lines = bk_cli_device_list_lines(w->devices, bk_cli_report_window().columns - 1, &n);
		for (size_t i = 0; i < n; i++)
			bk_cli_report_say(w->report, BK_CLI_VERDICT, "%s", lines[i] ? lines[i] : "");
		bk_cli_device_list_free(lines, n);
	}
	bk_cli_painter_done(&w->painter);
	*w = (struct bk_cli_watch){0};
}

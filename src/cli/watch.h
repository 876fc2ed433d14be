/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_CLI_WATCH_H
#define BK_CLI_WATCH_H

#include "cli/device_list.h"
#include "cli/painter.h"

/* `devices --watch`: on a terminal a list that is drawn anew in place, below whatever is said; else a line, or an
 * event, for each that comes, leaves, or says something else of itself. */
struct bk_cli_watch {
	const struct bk_cli_devices *devices;
	struct bk_cli_report *report;
	bool is_screen;
	struct bk_cli_painter painter;
};

int bk_cli_watch_init(struct bk_cli_watch *w, struct bk_loop *loop, struct bk_cli_report *r,
	const struct bk_cli_devices *devices);
void bk_cli_watch_touch(struct bk_cli_watch *w, const struct bk_cli_device *device);
void bk_cli_watch_show(struct bk_cli_watch *w); /* at the beginning, when nobody may be there */
/* The list stays as it was last. Fine on a zeroed one, and twice. */
void bk_cli_watch_done(struct bk_cli_watch *w);

#endif

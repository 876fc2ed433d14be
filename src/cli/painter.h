/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_CLI_PAINTER_H
#define BK_CLI_PAINTER_H

#include "cli/drawing.h"
#include "cli/report.h"

/* A sheet that is drawn anew in place on standard output, below whatever is said: at once where something was said or
 * the window changed, soon where what it shows did. While a terminal does not read it is not drawn. Embedded. */
struct bk_cli_painter {
	/* whose it is fills these in before init */
	struct bk_cli_report *report;
	void (*fill)(void *arg, struct bk_cli_sheet *sheet, struct bk_cli_window window);
	void *arg;
	int64_t pause; /* ns: so long what changes is gathered; nobody reads faster */
	/* the painter's own */
	bool is_due;
	struct bk_cli_drawing drawing;
	struct bk_timer *timer;
	struct bk_signal *resized;
};

int bk_cli_painter_init(struct bk_cli_painter *p, struct bk_loop *loop); /* BK_E_NOMEM */
/* From now on it is there; the report's on_wipe is its own. */
void bk_cli_painter_show(struct bk_cli_painter *p);
bool bk_cli_painter_is_shown(const struct bk_cli_painter *p);
void bk_cli_painter_touch(struct bk_cli_painter *p); /* what it shows has changed */
/* Takes it away. False: it was not there. */
bool bk_cli_painter_hide(struct bk_cli_painter *p);
/* What is drawn stays. Fine on a zeroed one, and twice. */
void bk_cli_painter_done(struct bk_cli_painter *p);

#endif

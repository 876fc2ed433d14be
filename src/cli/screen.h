/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_CLI_SCREEN_H
#define BK_CLI_SCREEN_H

#include <termios.h>

#include <bodkin/loop.h>

#include "cli/drawing.h"
#include "cli/report.h"

/* A terminal on which a person types while things are said: the sheet (cli/sheet.h) stands below everything
 * that the report says, goes before anything is said, and comes back at the end of the turn. For as long as
 * it is there the terminal hands over every key; how it was before is put back at the end, and while the
 * program is stopped (Ctrl-Z). */
struct bk_cli_screen_events {
	void (*on_line)(void *arg, const char *text); /* not empty */
	void (*on_tab)(void *arg);
	void (*on_end)(void *arg);                           /* Ctrl-D */
	void (*on_gone)(void *arg);                          /* the terminal is; no key comes any more */
	void (*fill)(void *arg, struct bk_cli_sheet *sheet); /* the rows above the text */
};

struct bk_cli_screen {
	struct bk_loop *loop;
	struct bk_cli_report *report;
	const struct bk_cli_screen_events *events;
	void *arg;
	struct bk_cli_editor editor;
	struct bk_cli_drawing drawing;
	bool is_shown, is_raw;
	struct termios before;
	struct bk_watch *keys;
	struct bk_timer *painter;
	struct bk_signal *resized, *stopped;
};

/* Standard input and output are terminals that can move their cursor. */
bool bk_cli_screen_is_possible(void);

/* Keys are taken from now on, and shown after bk_cli_screen_show. BK_E_NOMEM, BK_E_IO. */
int bk_cli_screen_init(struct bk_cli_screen *s, struct bk_loop *loop, struct bk_cli_report *r,
	const struct bk_cli_screen_events *events, void *arg);
/* Both do nothing on a zeroed one. touch: what fill says has changed. */
void bk_cli_screen_show(struct bk_cli_screen *s);
void bk_cli_screen_touch(struct bk_cli_screen *s);
/* Takes the sheet away and puts the terminal back as it was. Fine on a zeroed one, and twice. */
void bk_cli_screen_done(struct bk_cli_screen *s);

#endif

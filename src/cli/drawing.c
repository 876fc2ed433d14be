/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/drawing.h"

#include <stdlib.h>

#include "cli/output.h"
#include "cli/report.h"

enum { WAITING_MAX = 32 << 10 };

bool bk_cli_drawing_is_crowded(void)
{
	return bk_cli_output_waiting(BK_CLI_STDOUT) > WAITING_MAX;
}

static void draw(char *text)
{
	if (text)
		bk_cli_output_draw(text);
	free(text);
}

struct bk_cli_sheet *bk_cli_drawing_begin(struct bk_cli_drawing *d)
{
	bk_cli_drawing_erase(d);
	bk_cli_sheet_done(&d->sheet);
	bk_cli_sheet_begin(&d->sheet, bk_cli_report_window().columns);
	return &d->sheet;
}

void bk_cli_drawing_put(struct bk_cli_drawing *d)
{
	draw(bk_cli_sheet_draw(&d->sheet));
	d->is_there = true;
}

void bk_cli_drawing_erase(struct bk_cli_drawing *d)
{
	if (d->is_there)
		draw(bk_cli_sheet_erase(&d->sheet, bk_cli_report_window().columns));
	d->is_there = false;
}

void bk_cli_drawing_done(struct bk_cli_drawing *d)
{
	bk_cli_sheet_done(&d->sheet);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/counting.h"

#include <jansson.h>
#include <stdio.h>

#include "cli/bar.h"
#include "cli/human.h"

void bk_cli_counting_tell(struct bk_cli_report *r, size_t entries, bool is_there)
{
	char text[256], line[4 * BK_CLI_BAR_COLUMNS_MAX];

	bk_cli_report_event(
		r, BK_CLI_CHATTER, "counting", json_pack("{s:I}", "entries", (json_int_t)entries));
	if (!r->has_bar || r->on_wipe) /* who draws has the line */
		return;
	if (is_there)
		snprintf(text, sizeof(text), "%s is counting: %zu so far",
			r->peer[0] ? r->peer : "The other side", entries);
	else
		snprintf(text, sizeof(text), "Counting: %zu so far", entries);
	bk_cli_human_fit(text, bk_cli_bar_width(bk_cli_report_window().columns), line, sizeof(line));
	bk_cli_report_draw(r, line);
}

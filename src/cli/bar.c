/* SPDX-License-Identifier: Apache-2.0 */
/* The progress line: percent, bar, amount, rate, time left. Its parts have a fixed place and width wherever
 * there is room, because a line that jumps cannot be read. */
#include "cli/bar.h"

#include <stdio.h>
#include <string.h>

#include "cli/human.h"

enum { BAR_MIN = 6, BAR_MOST = 40, SPARE = 3, RATE_MAX = BK_CLI_HUMAN_MAX + 8 };

static double share_of(const struct bk_cli_bar *bar)
{
	if (!bar->total)
		return 1;
	return bar->bytes >= bar->total ? 1 : (double)bar->bytes / (double)bar->total;
}

/* Of one that is held down it is said, so that nobody looks for the fault elsewhere. */
static void format_rate(const struct bk_cli_bar *bar, char out[RATE_MAX])
{
	char rate[BK_CLI_HUMAN_MAX];

	snprintf(
		out, RATE_MAX, "%s%s", bk_cli_human_rate(bar->rate, rate), bar->is_limited ? " (limit)" : "");
}

/* What stands behind the bar, in as much detail as asked for (3: all, 0: nothing). */
static void format_tail(const struct bk_cli_bar *bar, int detail, char *out, size_t max)
{
	char done[BK_CLI_HUMAN_MAX], total[BK_CLI_HUMAN_MAX], rate[RATE_MAX], left[BK_CLI_HUMAN_MAX],
		amount[80];

	bk_cli_human_bytes(bar->bytes, done);
	bk_cli_human_bytes(bar->total, total);
	format_rate(bar, rate);
	if (bar->rate >= 1)
		bk_cli_human_left((double)(bar->total - (bar->bytes < bar->total ? bar->bytes : bar->total)) /
					  bar->rate,
			left);
	else
		snprintf(left, sizeof(left), "-:--");
	out[0] = 0;
	snprintf(amount, sizeof(amount), "%s of %s", done, total);
	if (detail == 3)
		snprintf(out, max, "  %18s  %9s  %5s left", amount, rate, left);
	else if (detail == 2)
		snprintf(out, max, "  %9s  %5s left", rate, left);
	else if (detail == 1)
		snprintf(out, max, " %9s", rate);
}

/* `cells` columns, filled to an eighth of a column where the terminal can show it. */
static size_t format_cells(const struct bk_cli_bar *bar, size_t cells, char *out, size_t max)
{
	static const char *const eighths[] = {" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
	size_t filled = (size_t)(share_of(bar) * (double)cells * 8), n = 0;

	for (size_t i = 0; i < cells && n + 4 < max; i++) {
		const char *cell = bar->is_utf8 ? "█" : "#";

		if (filled < 8 * (i + 1))
			cell = !bar->is_utf8 ? "-" : filled > 8 * i ? eighths[filled - 8 * i] : " ";
		n += (size_t)snprintf(out + n, max - n, "%s", cell);
	}
	out[n] = 0;
	return n;
}

/* Of what has no end that is known. */
static size_t format_endless(const struct bk_cli_bar *bar, size_t width, char *out)
{
	char done[BK_CLI_HUMAN_MAX], rate[RATE_MAX];
	int n;

	bk_cli_human_bytes(bar->bytes, done);
	format_rate(bar, rate);
	n = snprintf(out, BK_CLI_BAR_MAX, "%9s  %9s", done, rate);
	if ((size_t)n > width)
		n = snprintf(out, BK_CLI_BAR_MAX, "%.*s", (int)width, done);
	return (size_t)n;
}

size_t bk_cli_bar_format(const struct bk_cli_bar *bar, char out[BK_CLI_BAR_MAX])
{
	size_t width = bar->columns > SPARE ? bar->columns - SPARE : 1, cells = 0, tail_len = 0;
	char percent[8], tail[192], middle[4 * BK_CLI_BAR_COLUMNS_MAX];
	int detail = 3;

	if (width > BK_CLI_BAR_COLUMNS_MAX)
		width = BK_CLI_BAR_COLUMNS_MAX;
	if (bar->is_endless)
		return format_endless(bar, width, out);
	snprintf(percent, sizeof(percent), "%3u%%", (unsigned)(100 * share_of(bar) + 1e-9));
	for (; detail >= 0; detail--) {
		format_tail(bar, detail, tail, sizeof(tail));
		tail_len = strlen(tail);
		if (strlen(percent) + 3 + BAR_MIN + tail_len <= width)
			break;
	}
	if (detail < 0) {
		snprintf(out, BK_CLI_BAR_MAX, "%.*s", (int)width, percent);
		return strlen(out);
	}
	cells = width - strlen(percent) - 3 - tail_len;
	if (cells > BAR_MOST)
		cells = BAR_MOST;
	format_cells(bar, cells, middle, sizeof(middle));
	snprintf(out, BK_CLI_BAR_MAX, "%s %s%s%s%s", percent, bar->is_utf8 ? "▕" : "[", middle,
		bar->is_utf8 ? "▏" : "]", tail);
	return strlen(percent) + 3 + cells + tail_len;
}

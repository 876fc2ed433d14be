/* SPDX-License-Identifier: Apache-2.0 */
/* The progress line: percent, bar, amount, rate, time left, and of several files which. Its parts have a fixed place
 * and width wherever there is room, because a line that jumps cannot be read. */
#include "cli/bar.h"

#include <stdio.h>
#include <string.h>

#include "cli/human.h"

enum {
	BAR_MIN = 6,
	BAR_MOST = 40,
	SPARE = 3,
	NAME_MIN = 12,
	PERCENT = 4,
	RATE_MAX = BK_CLI_HUMAN_MAX + 8,
	AMOUNT_MAX = 2 * BK_CLI_HUMAN_MAX + 8,
	FILE_MAX = 5 * BK_CLI_BAR_COLUMNS_MAX
};

static const char lost[] = "path lost, looking for another", lost_short[] = "path lost";

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

	snprintf(out, RATE_MAX, "%9s%s", bk_cli_human_rate(bar->rate, rate),
		bar->is_limited ? " (limit)" : "");
}

static void format_left(const struct bk_cli_bar *bar, char out[BK_CLI_HUMAN_MAX])
{
	uint64_t bytes = bar->bytes < bar->total ? bar->bytes : bar->total;

	if (bar->rate >= 1)
		bk_cli_human_left((double)(bar->total - bytes) / bar->rate, out);
	else
		snprintf(out, BK_CLI_HUMAN_MAX, "-:--");
}

static void format_amount(const struct bk_cli_bar *bar, char out[AMOUNT_MAX])
{
	char done[BK_CLI_HUMAN_MAX], total[BK_CLI_HUMAN_MAX];

	bk_cli_human_bytes(bar->bytes, done);
	bk_cli_human_bytes(bar->total, total);
	snprintf(out, AMOUNT_MAX, "%s of %s", done, total);
}

/* What stands behind the bar, in as much detail as asked for (3: all, 0: nothing). */
static void format_tail(const struct bk_cli_bar *bar, int detail, char *out, size_t max)
{
	char amount[AMOUNT_MAX], rate[RATE_MAX], left[BK_CLI_HUMAN_MAX];

	format_amount(bar, amount);
	format_rate(bar, rate);
	format_left(bar, left);
	out[0] = 0;
	if (detail == 3 && bar->is_lost)
		snprintf(out, max, "  %18s  %s", amount, lost);
	else if (detail == 3)
		snprintf(out, max, "  %18s  %s  %5s left", amount, rate, left);
	else if (detail == 2 && bar->is_lost)
		snprintf(out, max, "  %s", lost);
	else if (detail == 2)
		snprintf(out, max, "  %s  %5s left", rate, left);
	else if (detail == 1)
		snprintf(out, max, " %s", bar->is_lost ? lost_short : rate);
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

/* "  17/200" */
static size_t format_count(const struct bk_cli_bar *bar, char *out, size_t max)
{
	char all[24];

	snprintf(all, sizeof(all), "%zu", bar->files);
	return (size_t)snprintf(out, max, "  %*zu/%s", (int)strlen(all), bar->number, all);
}

/* Which of several is under way, in at most so many columns: "  17/200 photos/IMG_0017.jpg", or without the name, or
 * nothing. Returns its columns. */
static size_t format_file(const struct bk_cli_bar *bar, size_t room, char out[FILE_MAX])
{
	char count[64], name[4 * BK_CLI_BAR_COLUMNS_MAX] = "";
	size_t n = format_count(bar, count, sizeof(count));

	out[0] = 0;
	if (bar->files < 2 || n > room)
		return 0;
	if (n + 1 + NAME_MIN <= room)
		bk_cli_human_fit(bar->file, (unsigned)(room - n) - 1, name, sizeof(name));
	snprintf(out, FILE_MAX, "%s%s%s", count, *name ? " " : "", name);
	return n + (*name ? 1 + bk_cli_human_width(name) : 0);
}

/* Of what has no end that is known. */
static size_t format_endless(const struct bk_cli_bar *bar, size_t width, char *out)
{
	char done[BK_CLI_HUMAN_MAX], rate[RATE_MAX], file[FILE_MAX];
	size_t n;

	bk_cli_human_bytes(bar->bytes, done);
	format_rate(bar, rate);
	n = (size_t)snprintf(out, BK_CLI_BAR_MAX, "%9s  %s", done, bar->is_lost ? lost : rate);
	if (n > width && bar->is_lost)
		n = (size_t)snprintf(out, BK_CLI_BAR_MAX, "%9s  %s", done, lost_short);
	if (n > width)
		return (size_t)snprintf(out, BK_CLI_BAR_MAX, "%.*s", (int)width, done);
	n += format_file(bar, width - n, file);
	strcat(out, file);
	return n;
}

/* Of what is left beside the rest the bar has a third where a name is to stand behind. */
static size_t cells_of(const struct bk_cli_bar *bar, size_t room)
{
	char count[64];
	size_t named = bar->files > 1 ? format_count(bar, count, sizeof(count)) : 0, cells = room;

	if (named)
		cells = room > named + 3 * NAME_MIN / 2 ? room / 3 : room > named ? room - named : room;

	if (cells < BAR_MIN)
		cells = BAR_MIN;
	return cells < BAR_MOST ? cells : BAR_MOST;
}

/* As much detail as leaves room for a bar, and for which file it is: the name of it is worth more than the amount. -1:
 * there is none even for the bar. Returns the columns that are used. */
static size_t choose_tail(const struct bk_cli_bar *bar, size_t width, int *ret_detail, char *tail, size_t max)
{
	size_t count = bar->files > 1 ? format_count(bar, tail, max) : 0, used = 0;
	const size_t wanted[] = {0, bar->is_lost ? 0 : count, count, count ? count + 1 + NAME_MIN : 0};

	for (*ret_detail = 3; *ret_detail >= 0; --*ret_detail) {
		format_tail(bar, *ret_detail, tail, max);
		used = PERCENT + 3 + strlen(tail);
		if (used + BAR_MIN + wanted[*ret_detail] <= width)
			break;
	}
	return used;
}

unsigned bk_cli_bar_width(unsigned columns)
{
	return columns > SPARE ? columns - SPARE : 1;
}

size_t bk_cli_bar_format(const struct bk_cli_bar *bar, char out[BK_CLI_BAR_MAX])
{
	size_t width = bk_cli_bar_width(bar->columns), cells, used;
	char percent[8], tail[192], middle[4 * BK_CLI_BAR_COLUMNS_MAX], file[FILE_MAX];
	int detail;

	if (width > BK_CLI_BAR_COLUMNS_MAX)
		width = BK_CLI_BAR_COLUMNS_MAX;
	if (bar->is_endless)
		return format_endless(bar, width, out);
	snprintf(percent, sizeof(percent), "%3u%%", (unsigned)(100 * share_of(bar) + 1e-9));
	used = choose_tail(bar, width, &detail, tail, sizeof(tail));
	if (detail < 0) {
		snprintf(out, BK_CLI_BAR_MAX, "%.*s", (int)width, percent);
		return strlen(out);
	}
	cells = cells_of(bar, width - used);
	format_cells(bar, cells, middle, sizeof(middle));
	used += cells + format_file(bar, width - used - cells, file);
	snprintf(out, BK_CLI_BAR_MAX, "%s %s%s%s%s%s", percent, bar->is_utf8 ? "▕" : "[", middle,
		bar->is_utf8 ? "▏" : "]", tail, file);
	return used;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Three significant digits are what a person reads; a unit is never 1000 of the smaller one. */
#include "cli/human.h"

#include <stdio.h>

static const char *scaled(double value, const char *suffix, char out[BK_CLI_HUMAN_MAX])
{
	static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
	size_t i = 0;

	while (value >= 999.5 && i + 1 < sizeof(units) / sizeof(units[0])) {
		value /= 1000;
		i++;
	}
	if (i == 0 || value >= 99.95)
		snprintf(out, BK_CLI_HUMAN_MAX, "%.0f %s%s", value, units[i], suffix);
	else if (value >= 9.995)
		snprintf(out, BK_CLI_HUMAN_MAX, "%.1f %s%s", value, units[i], suffix);
	else
		snprintf(out, BK_CLI_HUMAN_MAX, "%.2f %s%s", value, units[i], suffix);
	return out;
}

const char *bk_cli_human_bytes(uint64_t bytes, char out[BK_CLI_HUMAN_MAX])
{
	if (bytes < 1000)
		snprintf(out, BK_CLI_HUMAN_MAX, "%u byte%s", (unsigned)bytes, bytes == 1 ? "" : "s");
	else
		scaled((double)bytes, "", out);
	return out;
}

const char *bk_cli_human_rate(double rate, char out[BK_CLI_HUMAN_MAX])
{
	return scaled(rate < 0 ? 0 : rate, "/s", out);
}

const char *bk_cli_human_seconds(double seconds, char out[BK_CLI_HUMAN_MAX])
{
	unsigned long long whole = (unsigned long long)(seconds + 0.5);

	if (seconds < 0.0095)
		snprintf(out, BK_CLI_HUMAN_MAX, "%.1f ms", seconds < 0 ? 0 : seconds * 1000);
	else if (seconds < 0.095)
		snprintf(out, BK_CLI_HUMAN_MAX, "%.0f ms", seconds * 1000);
	else if (seconds < 9.95)
		snprintf(out, BK_CLI_HUMAN_MAX, "%.1f s", seconds);
	else if (whole < 60)
		snprintf(out, BK_CLI_HUMAN_MAX, "%llu s", whole);
	else if (whole < 3600)
		snprintf(out, BK_CLI_HUMAN_MAX, "%llu min %llu s", whole / 60, whole % 60);
	else
		snprintf(out, BK_CLI_HUMAN_MAX, "%llu h %llu min", whole / 3600, whole / 60 % 60);
	return out;
}

const char *bk_cli_human_left(double seconds, char out[BK_CLI_HUMAN_MAX])
{
	const double most = 99 * 3600 + 3599;
	unsigned long whole = (unsigned long)((seconds < most ? seconds : most) + 0.5);

	if (whole < 3600)
		snprintf(out, BK_CLI_HUMAN_MAX, "%lu:%02lu", whole / 60, whole % 60);
	else
		snprintf(out, BK_CLI_HUMAN_MAX, "%lu:%02lu:%02lu", whole / 3600, whole / 60 % 60, whole % 60);
	return out;
}

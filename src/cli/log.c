/* SPDX-License-Identifier: Apache-2.0 */
/* Where log lines go. They are free of control characters already. */
#include "cli/log.h"

#include <time.h>

#include "cli/output.h"

static void write_log(void *arg, enum bk_log_level level, const char *module, const char *line)
{
	struct timespec now;
	struct tm tm;
	char stamp[32];

	(void)arg;
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &tm);
	bk_cli_output_put(BK_CLI_STDERR, BK_CLI_CHATTER, "%s.%03ldZ %s %s: %s\n", stamp,
		now.tv_nsec / 1000000, bk_log_level_name(level), module, line);
}

void bk_cli_log_start(enum bk_log_level max)
{
	bk_log_set(write_log, NULL, max);
}

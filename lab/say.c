/* SPDX-License-Identifier: Apache-2.0 */
/* How the lab speaks to a person. It quotes what was typed, and what a file system is called. */
#include "lab/say.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/text.h"
#include "lab/window.h"

int bk_lab_say(int code, const char *fmt, ...)
{
	char line[512], said[sizeof(line) + 16];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	bk_text_localize(line);
	snprintf(said, sizeof(said), "bodkin lab: %s", line);
	if (isatty(STDERR_FILENO))
		bk_lab_window_fold(said, bk_lab_window_columns(STDERR_FILENO), 0, stderr);
	else
		fprintf(stderr, "%s\n", said);
	return code;
}

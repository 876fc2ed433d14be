/* SPDX-License-Identifier: Apache-2.0 */
/* How the lab speaks to a person. It quotes what was typed, and what a file system is called. */
#include "lab/say.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/text.h"

int bk_lab_say(int code, const char *fmt, ...)
{
	char line[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	bk_text_localize(line);
	fprintf(stderr, "bodkin lab: %s\n", line);
	return code;
}

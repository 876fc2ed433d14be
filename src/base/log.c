/* SPDX-License-Identifier: Apache-2.0 */
/* One sink for the whole library. The library itself never writes to a stream: who installs the
 * sink decides where a line goes and adds the time. */
#include "base/log.h"

#include <stdio.h>

#include "base/text.h"

enum { LINE_MAX_BYTES = 1024 };

static struct {
	bk_log_fn fn;
	void *arg;
	enum bk_log_level max;
} sink;

void bk_log_set(bk_log_fn fn, void *arg, enum bk_log_level max)
{
	sink.fn = fn;
	sink.arg = arg;
	sink.max = max;
}

const char *bk_log_level_name(enum bk_log_level level)
{
	static const char *const names[] = {"error", "warn", "info", "debug", "trace"};
	return (unsigned)level < sizeof(names) / sizeof(names[0]) ? names[level] : "unknown";
}

void bk_log(enum bk_log_level level, const char *module, const char *fmt, ...)
{
	char line[LINE_MAX_BYTES];
	va_list args;

	if (!sink.fn || level > sink.max)
		return;
	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	bk_text_sanitize(line);
	sink.fn(sink.arg, level, module, line);
}

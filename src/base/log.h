/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_BASE_LOG_H
#define BK_BASE_LOG_H

#include <bodkin/log.h>

/* Formats one line (cut at 1 KiB) and hands it to the installed sink. What
 * base/text.h calls harmful or unseen becomes '?', so that peer bytes cannot forge lines or drive a terminal. */
void bk_log(enum bk_log_level level, const char *module, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#define bk_log_error(module, ...) bk_log(BK_LOG_ERROR, module, __VA_ARGS__)
#define bk_log_warn(module, ...)  bk_log(BK_LOG_WARN, module, __VA_ARGS__)
#define bk_log_info(module, ...)  bk_log(BK_LOG_INFO, module, __VA_ARGS__)
#define bk_log_debug(module, ...) bk_log(BK_LOG_DEBUG, module, __VA_ARGS__)
#define bk_log_trace(module, ...) bk_log(BK_LOG_TRACE, module, __VA_ARGS__)

#endif

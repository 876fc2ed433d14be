/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BODKIN_LOG_H
#define BODKIN_LOG_H

#include <stdarg.h>

#include <bodkin/error.h>

#ifdef __cplusplus
extern "C" {
#endif

enum bk_log_level { BK_LOG_ERROR, BK_LOG_WARN, BK_LOG_INFO, BK_LOG_DEBUG, BK_LOG_TRACE };

/* Receives one finished line without newline, borrowed for the call. `module` is a short static name such as
 * "punch". Called on the thread that logs, so from several; it must not call back into the library. */
typedef void (*bk_log_fn)(void *arg, enum bk_log_level level, const char *module, const char *line);

/* Installs the sink, one for the process, and the most detailed level that reaches it; `arg` must stay until another
 * one is installed. Before the first call nothing is logged. fn NULL turns logging off. Thread rule: call
 * before other threads use the library; bk_log_level_name from any. */
BK_API void bk_log_set(bk_log_fn fn, void *arg, enum bk_log_level max);

/* "error", "warn", "info", "debug", "trace"; static, never NULL. */
BK_API const char *bk_log_level_name(enum bk_log_level level);

#ifdef __cplusplus
}
#endif
#endif

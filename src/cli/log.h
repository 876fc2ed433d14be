/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_CLI_LOG_H
#define BK_CLI_LOG_H

#include <bodkin/log.h>

/* The library's log goes to standard error, a line each: time (UTC), level, module, what. */
void bk_cli_log_start(enum bk_log_level max);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_CLI_NOTIFY_H
#define BK_CLI_NOTIFY_H

/* Tells a service manager how we are ("READY=1", "STOPPING=1"), where one has asked by $NOTIFY_SOCKET; else,
 * and where it does not listen, nothing happens. Never blocks. */
void bk_cli_notify(const char *state);

#endif

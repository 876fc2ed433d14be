/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_CLI_WHY_H
#define BK_CLI_WHY_H

/* What is wrong with what a person typed, for a sentence; NULL: nothing that is seen here. Static, or in out. */
enum { BK_CLI_WHY_MAX = 160 };

/* Of "[ADDR]:PORT". */
const char *bk_cli_why_listen(const char *s, char out[BK_CLI_WHY_MAX]);
/* Of a server, HOST[:PORT][#PIN], without "stun:". */
const char *bk_cli_why_server(const char *s, char out[BK_CLI_WHY_MAX]);

#endif

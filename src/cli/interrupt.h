/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_CLI_INTERRUPT_H
#define BK_CLI_INTERRUPT_H

#include <bodkin/loop.h>
#include <stdbool.h>

/* Ctrl-C and its relatives: the first asks for a clean end, the second ends the loop at once. */
enum { BK_CLI_INTERRUPT_SIGNALS = 3 };

struct bk_cli_interrupt {
	struct bk_loop *loop;
	struct bk_signal *signals[BK_CLI_INTERRUPT_SIGNALS];
	void (*fn)(void *arg);
	void *arg;
	bool has_come;
};

int bk_cli_interrupt_init(struct bk_cli_interrupt *i, struct bk_loop *loop, void (*fn)(void *arg), void *arg);
void bk_cli_interrupt_done(struct bk_cli_interrupt *i);

#endif

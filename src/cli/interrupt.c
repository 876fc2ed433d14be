/* SPDX-License-Identifier: Apache-2.0 */
/* SIGINT, SIGTERM and SIGHUP mean the same to a command: stop. Those that were ignored at the start stay so. */
#include "cli/interrupt.h"

#include <signal.h>

#include "cli/output.h"

static void on_signal(void *arg, int signo)
{
	struct bk_cli_interrupt *i = arg;

	(void)signo;
	if (i->has_come) {
		bk_loop_stop(i->loop);
		return;
	}
	i->has_come = true;
	bk_cli_output_hurry();
	i->fn(i->arg);
}

int bk_cli_interrupt_init(struct bk_cli_interrupt *i, struct bk_loop *loop, void (*fn)(void *arg), void *arg)
{
	static const int numbers[BK_CLI_INTERRUPT_SIGNALS] = {SIGINT, SIGTERM, SIGHUP};
	int err = 0;

	*i = (struct bk_cli_interrupt){.loop = loop, .fn = fn, .arg = arg};
	for (int k = 0; k < BK_CLI_INTERRUPT_SIGNALS && err >= 0; k++)
		err = bk_signal_new(loop, numbers[k], on_signal, i, &i->signals[k]);
	return err;
}

void bk_cli_interrupt_done(struct bk_cli_interrupt *i)
{
	for (int k = 0; k < BK_CLI_INTERRUPT_SIGNALS; k++) {
		bk_signal_free(i->signals[k]);
		i->signals[k] = NULL;
	}
}

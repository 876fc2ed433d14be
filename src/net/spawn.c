/* SPDX-License-Identifier: Apache-2.0 */
#include "net/spawn.h"

#include <pthread.h>
#include <signal.h>
#include <stddef.h>

#include "base/error.h"

enum { STACK = 256 * 1024 };

int bk_spawn(void *(*run)(void *arg), void *arg)
{
	sigset_t all, old;
	pthread_attr_t attr;
	pthread_t thread;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, STACK);
	err = pthread_create(&thread, &attr, run, arg);
	pthread_attr_destroy(&attr);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return err ? BK_E_NOMEM : 0;
}

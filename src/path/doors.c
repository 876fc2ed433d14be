/* SPDX-License-Identifier: Apache-2.0 */
/* Anybody may come to a listener. One at a time is taken, so that others have their turn. */
#include "path/doors.h"

#include <unistd.h>

#include "base/error.h"
#include "net/sock.h"

static void on_listener(void *arg, int fd, int events)
{
	struct bk_doors *d = arg;
	struct bk_addr from;
	int conn;

	(void)events;
	if (bk_sock_accept(fd, &from, &conn) == 0)
		d->fn(d->arg, conn, &from);
}

int bk_doors_open(struct bk_doors *d, struct bk_loop *loop, const int fds[BK_DOORS_MAX],
	void (*fn)(void *arg, int fd, const struct bk_addr *from), void *arg)
{
	int err = 0;

	*d = (struct bk_doors){.fn = fn, .arg = arg};
	for (int i = 0; i < BK_DOORS_MAX && !err; i++) {
		if (fds[i] < 0)
			continue;
		err = bk_watch_new(loop, fds[i], on_listener, d, &d->watches[i]);
		if (!err)
			err = bk_watch_set(d->watches[i], BK_READABLE);
	}
	if (err < 0) {
		bk_doors_close(d);
		return err;
	}
	for (int i = 0; i < BK_DOORS_MAX; i++)
		d->fds[i] = fds[i];
	return 0;
}

void bk_doors_close(struct bk_doors *d)
{
	for (int i = 0; i < BK_DOORS_MAX; i++) {
		bk_watch_free(d->watches[i]);
		d->watches[i] = NULL;
		if (d->fn && d->fds[i] > 0)
			close(d->fds[i]);
		d->fds[i] = 0;
	}
}

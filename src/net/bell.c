/* SPDX-License-Identifier: Apache-2.0 */
#include "net/bell.h"

#include <errno.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/error.h"

int bk_bell_init(struct bk_bell *b)
{
	b->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return b->fd < 0 ? bk_error_from_errno(errno) : 0;
}

void bk_bell_ring(struct bk_bell *b)
{
	const uint64_t one = 1;
	int before = errno;
	ssize_t n = write(b->fd, &one, sizeof(one));

	(void)n; /* it is full only when it was rung and not answered */
	errno = before;
}

void bk_bell_answer(struct bk_bell *b)
{
	uint64_t rings;
	ssize_t n = read(b->fd, &rings, sizeof(rings));

	(void)n;
}

void bk_bell_done(struct bk_bell *b)
{
	if (b->fd >= 0)
		close(b->fd);
	b->fd = -1;
}

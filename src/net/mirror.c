/* SPDX-License-Identifier: Apache-2.0 */
/* An epoll of its own, whatever the loop itself waits with: the library below does not show its multiplexer,
 * and poll and select have no descriptor at all. */
#include "net/mirror.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <bodkin/loop.h>

#include "base/error.h"

int bk_mirror_new(void)
{
	int fd = epoll_create1(EPOLL_CLOEXEC);

	return fd < 0 ? bk_error_from_errno(errno) : fd;
}

static void take_out(int mirror, int fd, int *held)
{
	if (*held < 0)
		return;
	epoll_ctl(mirror, EPOLL_CTL_DEL, *held, NULL); /* it is gone already when its owner closed it */
	if (*held != fd)
		close(*held);
	*held = -1;
}

/* A descriptor that somebody else watches too is in already; it enters once more by a twin. */
static int add_twin(int mirror, int fd, struct epoll_event *e, int *held)
{
	int twin = dup(fd);

	if (twin < 0)
		return bk_error_from_errno(errno);
	if (epoll_ctl(mirror, EPOLL_CTL_ADD, twin, e) < 0) {
		close(twin);
		return BK_E_IO;
	}
	*held = twin;
	return 0;
}

int bk_mirror_set(int mirror, int fd, int events, int *held)
{
	struct epoll_event e = {
		.events = (events & BK_READABLE ? EPOLLIN : 0u) | (events & BK_WRITABLE ? EPOLLOUT : 0u)};

	if (!events) {
		take_out(mirror, fd, held);
		return 0;
	}
	if (*held >= 0 && epoll_ctl(mirror, EPOLL_CTL_MOD, *held, &e) == 0)
		return 0;
	take_out(mirror, fd, held);
	if (epoll_ctl(mirror, EPOLL_CTL_ADD, fd, &e) == 0) {
		*held = fd;
		return 0;
	}
	return errno == EEXIST ? add_twin(mirror, fd, &e, held) : BK_E_IO;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "lab/child.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

void bk_lab_child_begin(pid_t holder)
{
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != holder)
		_exit(1);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

void bk_lab_child_close_all_but(const int *keep, int n)
{
	for (int fd = 0; fd <= STDERR_FILENO; fd++)
		close(fd);
	if (open("/dev/null", O_RDWR) != 0 || dup2(0, 1) < 0 || dup2(0, 2) < 0)
		_exit(1);
	for (int i = 0; i < n; i++)
		if (dup2(keep[i], STDERR_FILENO + 1 + i) < 0)
			_exit(1);
	close_range((unsigned)(STDERR_FILENO + 1 + n), ~0u, 0);
}

void bk_lab_child_report(int ready_fd, int rc)
{
	if (write(ready_fd, &rc, sizeof(rc)) != sizeof(rc) || rc < 0)
		_exit(1);
	close(ready_fd);
}

int bk_lab_child_start(
	const char *name, void (*be)(const void *arg, int ready_fd), const void *arg, pid_t *ret_pid)
{
	int ready[2], rc = BK_E_IO;
	pid_t holder = getpid();
	ssize_t n;

	if (pipe2(ready, O_CLOEXEC) < 0)
		return bk_error_from_errno(errno);
	*ret_pid = fork();
	if (*ret_pid == 0) {
		bk_lab_child_begin(holder);
		prctl(PR_SET_NAME, name);
		be(arg, ready[1]);
		_exit(1);
	}
	close(ready[1]);
	n = *ret_pid < 0 ? -1 : read(ready[0], &rc, sizeof(rc));
	close(ready[0]);
	return n == sizeof(rc) ? rc : BK_E_IO;
}

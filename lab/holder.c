/* SPDX-License-Identifier: Apache-2.0 */
/* The holder's life. It is a daemon of its own session with nothing of its starter's open, and keeps the
 * state file locked. It ends on SIGTERM, or when one of its children dies (wires, routers that give ports, noise): half
 * a lab would only mislead. */
#include "lab/holder.h"

#include "base/error.h"
#include "lab/build.h"
#include "lab/say.h"
#include "lab/state.h"
#include "lab/sweep.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define STOP_MS 5000

static void detach_output(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int i = 0; fd >= 0 && i <= STDERR_FILENO; i++)
		dup2(fd, i);
	if (fd > STDERR_FILENO)
		close(fd);
}

static void block_signals(sigset_t *ret_set)
{
	sigemptyset(ret_set);
	sigaddset(ret_set, SIGTERM);
	sigaddset(ret_set, SIGINT);
	sigaddset(ret_set, SIGCHLD);
	sigprocmask(SIG_BLOCK, ret_set, NULL);
	/* A starter that ignores children would make their end invisible. */
	signal(SIGCHLD, SIG_DFL);
}

/* It stays unreaped, so that its number is still its own when all wires are killed. */
static bool has_ended_child(void)
{
	siginfo_t info = {0};

	return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid > 0;
}

/* A SIGCHLD may still be pending from a tool that has been waited for; only the end of a wire counts. */
static void wait_for_end(const sigset_t *set)
{
	for (;;) {
		int number = sigwaitinfo(set, NULL);

		if (number == SIGTERM || number == SIGINT)
			return;
		if (number == SIGCHLD && has_ended_child())
			return;
	}
}

static void end_children(void)
{
	bk_lab_build_stop();
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
		continue;
}

static int raise_lab(const struct bk_lab_plan *p, int *ret_state_fd)
{
	int fd = -1;
	int rc = bk_lab_state_claim(p->options.name, &fd);

	if (rc < 0)
		return rc;
	rc = bk_lab_build(p);
	if (rc == 0)
		rc = bk_lab_state_write(fd, &p->options);
	if (rc < 0)
		bk_lab_state_remove(p->options.name);
	*ret_state_fd = fd;
	return rc;
}

/* Tells the starter how it went; what it prints meanwhile goes to the starter's standard error. */
static void be_holder(const struct bk_lab_plan *p, int report_fd)
{
	sigset_t set;
	int state_fd = -1, rc;

	setsid();
	prctl(PR_SET_NAME, "bodkin-lab");
	if (chdir("/") < 0 || dup2(report_fd, 3) < 0)
		_exit(1);
	close_range(4, ~0u, 0);
	block_signals(&set);
	rc = raise_lab(p, &state_fd);
	detach_output();
	if (write(3, &rc, sizeof(rc)) != sizeof(rc) || rc < 0)
		_exit(1);
	close(3);
	wait_for_end(&set);
	end_children();
	bk_lab_state_remove(p->options.name);
	_exit(0);
}

int bk_lab_holder_start(const struct bk_lab_plan *p)
{
	int report[2], rc = BK_E_IO;
	pid_t pid;

	if (pipe2(report, O_CLOEXEC) < 0)
		return bk_lab_say(bk_error_from_errno(errno), "cannot make a pipe");
	fflush(NULL);
	pid = fork();
	if (pid == 0)
		be_holder(p, report[1]);
	close(report[1]);
	if (pid < 0 || read(report[0], &rc, sizeof(rc)) != sizeof(rc))
		rc = bk_lab_say(BK_E_IO, "the lab's process ended before it was ready");
	close(report[0]);
	if (pid > 0 && rc < 0)
		waitpid(pid, NULL, 0);
	return rc;
}

static int wait_gone(int pidfd)
{
	struct pollfd p = {.fd = pidfd, .events = POLLIN};

	return poll(&p, 1, STOP_MS) == 1 ? 0 : BK_E_TIMEOUT;
}

int bk_lab_holder_stop(pid_t holder, int *ret_commands)
{
	int pidfd = pidfd_open(holder, 0);
	int rc;

	if (pidfd < 0)
		return errno == ESRCH ? BK_E_NOT_FOUND : bk_error_from_errno(errno);
	/* While it lives its descriptors say which processes are in the lab. */
	rc = bk_lab_sweep(holder, ret_commands);
	if (pidfd_send_signal(pidfd, SIGTERM, NULL, 0) < 0 && errno != ESRCH)
		rc = bk_error_from_errno(errno);
	else if (wait_gone(pidfd) < 0)
		rc = BK_E_TIMEOUT;
	close(pidfd);
	return rc;
}

int bk_lab_holder_probe(void)
{
	int status = -1;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		int rc = bk_lab_build_probe();

		_exit(rc == 0 ? 0 : rc == BK_E_UNSUPPORTED ? 3 : 1);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return bk_lab_say(BK_E_IO, "cannot start a process");
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return WIFEXITED(status) && WEXITSTATUS(status) == 3 ? BK_E_UNSUPPORTED : BK_E_IO;
}

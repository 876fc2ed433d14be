/* SPDX-License-Identifier: Apache-2.0 */
/* Running ip(8) and nft(8). Script and complaint are files in memory, so neither side can block the other. */
#include "lab/tool.h"

#include "base/error.h"
#include "lab/ns.h"
#include "lab/say.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct {
	const char *name, *package, *option;
} programs[] = {
	[BK_LAB_IP] = {"ip", "iproute2", "-batch"},
	[BK_LAB_NFT] = {"nft", "nftables", "-f"},
};

bool bk_lab_tool_find(const char *name, char ret_path[BK_LAB_PATH_MAX])
{
	const char *path = getenv("PATH");
	char all[4096];

	snprintf(all, sizeof(all), "%s:/usr/sbin:/sbin:/usr/local/sbin", path ? path : "/usr/bin:/bin");
	for (char *save, *dir = strtok_r(all, ":", &save); dir; dir = strtok_r(NULL, ":", &save)) {
		snprintf(ret_path, BK_LAB_PATH_MAX, "%s/%s", dir, name);
		if (access(ret_path, X_OK) == 0)
			return true;
	}
	return false;
}

int bk_lab_tool_check(void)
{
	char path[BK_LAB_PATH_MAX];

	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++)
		if (!bk_lab_tool_find(programs[i].name, path))
			return bk_lab_say(BK_E_UNSUPPORTED,
				"the program '%s' is missing; install the package %s", programs[i].name,
				programs[i].package);
	return 0;
}

static int script_fd(const struct bk_buf *script)
{
	int fd = memfd_create("script", MFD_CLOEXEC);
	size_t done = 0;

	while (fd >= 0 && done < script->len) {
		ssize_t n = write(fd, bk_buf_head(script) + done, script->len - done);

		if (n < 0) {
			close(fd);
			return -1;
		}
		done += (size_t)n;
	}
	if (fd >= 0)
		lseek(fd, 0, SEEK_SET);
	return fd;
}

static void run(enum bk_lab_program program, enum bk_lab_node node, int in_fd, int err_fd)
{
	char path[BK_LAB_PATH_MAX];
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (bk_lab_ns_enter(node) < 0 || !bk_lab_tool_find(programs[program].name, path))
		_exit(127);
	dup2(in_fd, STDIN_FILENO);
	dup2(err_fd, STDOUT_FILENO);
	dup2(err_fd, STDERR_FILENO);
	execl(path, programs[program].name, programs[program].option, "-", (char *)NULL);
	_exit(127);
}

int bk_lab_tool_start(struct bk_lab_tool *t, enum bk_lab_program program, enum bk_lab_node node,
	const struct bk_buf *script)
{
	int in_fd = script_fd(script);
	int err_fd = memfd_create("complaint", MFD_CLOEXEC);
	pid_t pid = in_fd < 0 || err_fd < 0 ? -1 : fork();

	if (pid == 0)
		run(program, node, in_fd, err_fd);
	if (pid < 0) {
		int rc = bk_error_from_errno(errno);

		if (in_fd >= 0)
			close(in_fd);
		if (err_fd >= 0)
			close(err_fd);
		return bk_lab_say(rc, "cannot start %s: %s", programs[program].name, bk_error_text(rc));
	}
	close(in_fd);
	*t = (struct bk_lab_tool){pid, err_fd, program, node};
	return 0;
}

static void say_complaint(const struct bk_lab_tool *t)
{
	char text[256] = "";
	ssize_t n = pread(t->err_fd, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	bk_lab_say(0, "%s failed in node %s: %s", programs[t->program].name, bk_lab_node_name(t->node),
		*text ? text : "it said nothing");
}

int bk_lab_tool_wait(struct bk_lab_tool *t, bool quiet)
{
	int status = -1;

	if (t->pid == 0)
		return 0;
	while (waitpid(t->pid, &status, 0) < 0 && errno == EINTR)
		continue;
	if (status != 0 && !quiet)
		say_complaint(t);
	close(t->err_fd);
	t->pid = 0;
	return status == 0 ? 0 : BK_E_IO;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "lab/speaker.h"

#include "base/error.h"
#include "lab/child.h"
#include "lab/ns.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARGS_MAX 24
/* Nothing of an earlier run, and nothing of the user's, is known there, and nothing is kept. */
#define NOWHERE "/dev/null/none"

static bool set_environment(void)
{
	static const char *const names[] = {"HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME"};
	bool ok = clearenv() == 0 && setenv("LC_ALL", "C.UTF-8", 1) == 0;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		ok = ok && setenv(names[i], NOWHERE, 1) == 0;
	return ok;
}

static void be_speaker(enum bk_lab_node node, const char *const *argv, int out, pid_t starter)
{
	char *args[ARGS_MAX] = {strdup("bodkin")};
	int nothing = open("/dev/null", O_RDWR);

	for (size_t i = 0; argv[i] && i + 2 < ARGS_MAX; i++)
		args[i + 1] = strdup(argv[i]);
	bk_lab_child_begin(starter);
	if (bk_lab_ns_enter(node) < 0 || dup2(nothing, 0) < 0 || dup2(out, 1) < 0 || dup2(nothing, 2) < 0 ||
		!set_environment())
		_exit(1);
	close_range(3, ~0u, 0);
	execv("/proc/self/exe", args);
	_exit(1);
}

int bk_lab_speaker_start(struct bk_lab_speaker *s, enum bk_lab_node node, const char *const *argv)
{
	int ends[2];
	pid_t starter = getpid();

	s->pid = 0;
	s->len = 0;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return bk_error_from_errno(errno);
	s->fd = ends[0];
	fcntl(s->fd, F_SETFL, O_NONBLOCK);
	s->pid = fork();
	if (s->pid == 0)
		be_speaker(node, argv, ends[1], starter);
	close(ends[1]);
	if (s->pid > 0)
		return 0;
	s->pid = 0;
	close(s->fd);
	return BK_E_IO;
}

/* A line that is too long, or no object, is nothing of interest. */
static json_t *take_line(struct bk_lab_speaker *s)
{
	char *end;

	while ((end = memchr(s->line, '\n', s->len))) {
		size_t n = (size_t)(end - s->line);
		json_t *event = json_loadb(s->line, n, 0, NULL);

		s->len -= n + 1;
		memmove(s->line, end + 1, s->len);
		if (event)
			return event;
	}
	if (s->len == sizeof(s->line))
		s->len = 0;
	return NULL;
}

json_t *bk_lab_speaker_next(struct bk_lab_speaker *s, bool *ret_over)
{
	json_t *event = take_line(s);
	ssize_t n;

	*ret_over = false;
	while (!event) {
		n = read(s->fd, s->line + s->len, sizeof(s->line) - s->len);
		if (n <= 0) {
			*ret_over = n == 0 || (errno != EAGAIN && errno != EINTR);
			return NULL;
		}
		s->len += (size_t)n;
		event = take_line(s);
	}
	return event;
}

void bk_lab_speaker_end(struct bk_lab_speaker *s)
{
	if (s->pid == 0)
		return;
	kill(s->pid, SIGKILL);
	waitpid(s->pid, NULL, 0);
	close(s->fd);
	s->pid = 0;
}

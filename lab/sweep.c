/* SPDX-License-Identifier: Apache-2.0 */
/* A process belongs to a lab when /proc/PID/ns/net is one of the lab's namespaces: that identity is the
 * kernel's, so nothing else is ever hit. Each is held by a pidfd before it is looked at, so that its number
 * cannot be somebody else's in between. */
#include "lab/sweep.h"

#include "base/error.h"
#include "lab/ns.h"

#include <ctype.h>
#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOUND_MAX 1024

struct sweep {
	struct stat space[BK_LAB_NODES];
	int spaces;
	struct pollfd found[FOUND_MAX];
	nfds_t count;
};

static void learn_spaces(struct sweep *s, pid_t holder)
{
	for (int n = 0; n < BK_LAB_NODES; n++) {
		int fd;

		if (bk_lab_ns_open(holder, (enum bk_lab_node)n, &fd) < 0)
			continue;
		if (fstat(fd, &s->space[s->spaces]) == 0)
			s->spaces++;
		close(fd);
	}
}

static bool is_inside(const struct sweep *s, pid_t pid)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
	if (stat(path, &st) < 0)
		return false;
	for (int i = 0; i < s->spaces; i++)
		if (s->space[i].st_ino == st.st_ino && s->space[i].st_dev == st.st_dev)
			return true;
	return false;
}

static pid_t parent_of(pid_t pid)
{
	char path[64], text[512];
	FILE *f;
	const char *p;
	size_t n;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "re");
	if (!f)
		return 0;
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = '\0';
	/* "pid (name) state ppid": the name may hold anything, even a bracket. */
	p = strrchr(text, ')');
	return p && strlen(p) > 4 ? (pid_t)atoi(p + 4) : 0;
}

static void consider(struct sweep *s, pid_t pid, pid_t holder)
{
	int fd;

	if (pid == holder || pid == getpid() || s->count == FOUND_MAX)
		return;
	fd = pidfd_open(pid, 0);
	if (fd < 0)
		return;
	if (is_inside(s, pid) && parent_of(pid) != holder)
		s->found[s->count++] = (struct pollfd){.fd = fd, .events = POLLIN};
	else
		close(fd);
}

static void find_processes(struct sweep *s, pid_t holder)
{
	DIR *proc = opendir("/proc");
	const struct dirent *e;

	while (proc && (e = readdir(proc)))
		if (isdigit((unsigned char)e->d_name[0]))
			consider(s, (pid_t)atoi(e->d_name), holder);
	if (proc)
		closedir(proc);
}

/* Sends a signal to all that are left and waits up to `ms` for each; whether none is left. */
static bool end_all(struct sweep *s, int signal_number, int ms)
{
	bool none_left = true;

	for (nfds_t i = 0; i < s->count; i++)
		pidfd_send_signal(s->found[i].fd, signal_number, NULL, 0);
	for (nfds_t i = 0; i < s->count; i++)
		if (poll(&s->found[i], 1, none_left ? ms : 0) != 1)
			none_left = false;
	return none_left;
}

int bk_lab_sweep(pid_t holder, int *ret_count)
{
	struct sweep *s = calloc(1, sizeof(*s));
	int rc = 0;

	if (!s)
		return BK_E_NOMEM;
	learn_spaces(s, holder);
	find_processes(s, holder);
	if (s->count > 0 && !end_all(s, SIGTERM, 1000) && !end_all(s, SIGKILL, 1000))
		rc = BK_E_TIMEOUT;
	*ret_count = (int)s->count;
	for (nfds_t i = 0; i < s->count; i++)
		close(s->found[i].fd);
	free(s);
	return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Network namespaces held by descriptors, user_namespaces(7), setns(2). Nothing is mounted and nothing gets a
 * name, so nothing can be left behind. */
#include "lab/ns.h"

#include "base/error.h"
#include "lab/say.h"
#include "lab/script.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : write(fd, text, strlen(text));
	int err = errno;

	if (fd >= 0)
		close(fd);
	errno = err;
	return n < 0 ? bk_error_from_errno(err) : 0;
}

static int forbidden(const char *what)
{
	int err = errno;
	const char *hint =
		err == ENOSPC
			? "the limit /proc/sys/user/max_user_namespaces or max_net_namespaces is reached"
			: "run it as root, or allow user namespaces (sysctl "
			  "kernel.unprivileged_userns_clone=1, "
			  "kernel.apparmor_restrict_unprivileged_userns=0, a container needs --privileged)";

	return bk_lab_say(
		BK_E_UNSUPPORTED, "namespaces are forbidden here: %s: %s; %s", what, strerror(err), hint);
}

static int map_root(uid_t uid, gid_t gid)
{
	char text[64];

	/* Kernels before 3.19 have no such file; all others insist on it (user_namespaces(7)). */
	if (write_file("/proc/self/setgroups", "deny") < 0 && errno != ENOENT)
		return forbidden("cannot write /proc/self/setgroups");
	snprintf(text, sizeof(text), "0 %u 1", (unsigned)uid);
	if (write_file("/proc/self/uid_map", text) < 0)
		return forbidden("cannot write /proc/self/uid_map");
	snprintf(text, sizeof(text), "0 %u 1", (unsigned)gid);
	if (write_file("/proc/self/gid_map", text) < 0)
		return forbidden("cannot write /proc/self/gid_map");
	return 0;
}

int bk_lab_ns_become_able(void)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();

	if (unshare(CLONE_NEWNET) == 0)
		return 0;
	if (errno != EPERM || unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return forbidden("unshare");
	/* So that our own user may look into /proc/PID/ns and /proc/PID/fd later. */
	prctl(PR_SET_DUMPABLE, 1);
	return map_root(uid, gid);
}

struct setting {
	const char *path, *value;
	bool required;
};

static int apply(const struct setting *s)
{
	if (write_file(s->path, s->value) == 0 || !s->required)
		return 0;
	return bk_lab_say(BK_E_UNSUPPORTED, "cannot write %s: %s; a container needs a writable /proc/sys",
		s->path, strerror(errno));
}

static int apply_settings(bool ipv6, bool forwards)
{
	const struct setting settings[] = {
		{"/proc/sys/net/ipv6/conf/default/disable_ipv6", ipv6 ? "0" : "1", false},
		{"/proc/sys/net/ipv6/conf/all/disable_ipv6", ipv6 ? "0" : "1", false},
		/* Nothing but what a test sends shall be on the links. */
		{"/proc/sys/net/ipv6/conf/default/accept_dad", "0", false},
		{"/proc/sys/net/ipv6/conf/default/router_solicitations", "0", false},
		{"/proc/sys/net/ipv6/conf/default/autoconf", "0", false},
		/* A new namespace takes some of these from the machine's own. */
		{"/proc/sys/net/ipv4/conf/all/rp_filter", "0", false},
		{"/proc/sys/net/ipv4/conf/default/rp_filter", "0", false},
		/* A suite of many runs asks for more ICMP than the one a second that a host is given. */
		{"/proc/sys/net/ipv4/icmp_ratemask", "0", false},
		{"/proc/sys/net/bridge/bridge-nf-call-iptables", "0", false},
		{"/proc/sys/net/ipv4/ip_forward", forwards ? "1" : "0", true},
		{"/proc/sys/net/ipv6/conf/all/forwarding", forwards && ipv6 ? "1" : "0", false},
	};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < sizeof(settings) / sizeof(settings[0]); i++)
		rc = apply(&settings[i]);
	return rc;
}

static int create_one(const struct bk_lab_plan *p, enum bk_lab_node node)
{
	int fd, rc;

	if (unshare(CLONE_NEWNET) < 0)
		return forbidden("unshare");
	fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return bk_lab_say(BK_E_UNSUPPORTED, "cannot open /proc/self/ns/net: %s", strerror(errno));
	/* The child `ip` needs it, so it is not closed on exec. */
	rc = dup2(fd, BK_LAB_FD(node)) < 0 ? bk_error_from_errno(errno) : 0;
	close(fd);
	return rc == 0 ? apply_settings(p->ipv6[node], p->forwards[node]) : rc;
}

int bk_lab_ns_create(const struct bk_lab_plan *p)
{
	int rc = 0;

	for (int n = 0; rc == 0 && n < BK_LAB_NODES; n++)
		if (p->used[n])
			rc = create_one(p, (enum bk_lab_node)n);
	return rc;
}

int bk_lab_ns_enter(enum bk_lab_node node)
{
	return setns(BK_LAB_FD(node), CLONE_NEWNET) < 0 ? bk_error_from_errno(errno) : 0;
}

int bk_lab_ns_open(pid_t holder, enum bk_lab_node node, int *ret_fd)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)holder, BK_LAB_FD(node));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? BK_E_NOT_FOUND : bk_error_from_errno(errno);
	*ret_fd = fd;
	return 0;
}

static bool same_file(const char *path, int fd)
{
	struct stat a, b;

	return stat(path, &a) == 0 && fstat(fd, &b) == 0 && a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

int bk_lab_ns_join(pid_t holder, enum bk_lab_node node)
{
	char path[64];
	int user_fd, net_fd = -1;
	int rc = bk_lab_ns_open(holder, node, &net_fd);

	if (rc < 0)
		return rc;
	snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)holder);
	user_fd = open(path, O_RDONLY | O_CLOEXEC);
	if (user_fd < 0)
		rc = bk_error_from_errno(errno);
	/* Joining the user namespace one is in already is an error, not a no-op. */
	else if (!same_file("/proc/self/ns/user", user_fd) && setns(user_fd, CLONE_NEWUSER) < 0)
		rc = bk_error_from_errno(errno);
	if (rc == 0 && setns(net_fd, CLONE_NEWNET) < 0)
		rc = bk_error_from_errno(errno);
	if (user_fd >= 0)
		close(user_fd);
	close(net_fd);
	return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Its configuration and its pid are files in memory: a lab leaves nothing in the file system. It believes in
 * its address outside only where that looks public, see plan.c. */
#include "lab/giver.h"

#include "base/error.h"
#include "lab/child.h"
#include "lab/ns.h"
#include "lab/say.h"
#include "lab/script.h"
#include "lab/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PROGRAM     "miniupnpd"
#define CONFIG_MAX  1024
#define LISTENS_MS  5000
#define LOOK_MS     5
#define PCP_SOCKET  ":14E7 " /* port 5351, as /proc/net/udp has it; PCP and NAT-PMP share it */
#define SSDP_SOCKET ":076C " /* 1900, of UPnP */
#define SOCKETS_MAX 4096
#define FIREWALL_6  "meta nfproto ipv6 iifname wan ct state != { established, related } drop; "

int bk_lab_giver_rules(const struct bk_lab_with *w, struct bk_buf *out)
{
	static const struct {
		unsigned service;
		int version; /* the first byte of its questions */
	} dialects[] = {{BK_LAB_PCP, 2}, {BK_LAB_NATPMP, 0}};
	int rc = bk_lab_printf(out,
		"table inet filter {\n"
		"chain miniupnpd { }\nchain prerouting_miniupnpd { }\nchain postrouting_miniupnpd { }\n"
		"chain forward { type filter hook forward priority 0; jump miniupnpd; %s}\n"
		"chain prerouting { type nat hook prerouting priority -100; jump prerouting_miniupnpd; }\n"
		"chain postrouting { type nat hook postrouting priority 99; jump postrouting_miniupnpd; }\n"
		"chain mute { type filter hook input priority 0;\n",
		w->habits & BK_LAB_FW6 ? FIREWALL_6 : "");

	for (size_t i = 0; rc == 0 && i < sizeof(dialects) / sizeof(dialects[0]); i++)
		if (!(w->services & dialects[i].service))
			rc = bk_lab_printf(out, "udp dport 5351 @th,64,8 %d drop\n", dialects[i].version);
	return rc == 0 ? bk_lab_printf(out, "}\n}\n") : rc;
}

static int write_config(unsigned services, struct bk_buf *out)
{
	return bk_lab_printf(out,
		"ext_ifname=wan\nlistening_ip=lan\nenable_natpmp=%s\nenable_upnp=%s\n"
		"min_lifetime=120\nmax_lifetime=86400\nsecure_mode=yes\nuuid=00000000-0000-0000-0000-000000000001\n"
		"allow 1024-65535 10.0.0.0/8 1024-65535\ndeny 0-65535 0.0.0.0/0 0-65535\n",
		services & (BK_LAB_PCP | BK_LAB_NATPMP) ? "yes" : "no",
		services & BK_LAB_UPNP ? "yes" : "no");
}

/* --- in its own process --- */

static void be_giver(enum bk_lab_node node, const struct bk_buf *config, pid_t holder)
{
	int fds[2] = {memfd_create("config", 0), memfd_create("pid", 0)};
	char path[BK_LAB_PATH_MAX];

	bk_lab_child_begin(holder);
	if (fds[0] < 0 || fds[1] < 0 || bk_lab_ns_enter(node) < 0)
		_exit(1);
	if (write(fds[0], bk_buf_head(config), config->len) != (ssize_t)config->len)
		_exit(1);
	bk_lab_child_close_all_but(fds, 2); /* which the words below name */
	if (bk_lab_tool_find(PROGRAM, path))
		execl(path, PROGRAM, "-d", "-f", "/proc/self/fd/3", "-P", "/proc/self/fd/4", (char *)NULL);
	_exit(1);
}

/* --- the holder's side --- */

/* The kernel knows when it listens. */
static bool listens(unsigned services)
{
	bool has_pcp = !(services & (BK_LAB_PCP | BK_LAB_NATPMP)), has_ssdp = !(services & BK_LAB_UPNP);
	char text[SOCKETS_MAX];
	int fd = open("/proc/thread-self/net/udp", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	if (n < 0)
		return false;
	text[n] = '\0';
	return (has_pcp || strstr(text, PCP_SOCKET)) && (has_ssdp || strstr(text, SSDP_SOCKET));
}

static bool is_alive(pid_t pid)
{
	siginfo_t info = {0};

	return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0;
}

static int wait_listening(pid_t pid, unsigned services)
{
	const struct timespec moment = {0, LOOK_MS * 1000000L};
	int left = LISTENS_MS / LOOK_MS;

	while (left-- > 0 && is_alive(pid)) {
		if (listens(services))
			return 0;
		nanosleep(&moment, NULL);
	}
	return BK_E_IO;
}

int bk_lab_giver_start(enum bk_lab_node node, unsigned services, pid_t *ret_pid)
{
	char path[BK_LAB_PATH_MAX];
	pid_t holder = getpid();
	struct bk_buf config;
	int rc;

	if (!bk_lab_tool_find(PROGRAM, path))
		return bk_lab_say(BK_E_UNSUPPORTED,
			"the program '" PROGRAM "' is missing; install the package miniupnpd-nftables");
	bk_buf_init(&config, CONFIG_MAX);
	rc = write_config(services, &config);
	if (rc == 0)
		rc = bk_lab_ns_enter(node);
	if (rc == 0) {
		*ret_pid = fork();
		if (*ret_pid == 0)
			be_giver(node, &config, holder);
		rc = *ret_pid < 0 ? bk_error_from_errno(errno) : wait_listening(*ret_pid, services);
	}
	bk_buf_done(&config);
	return rc < 0 ? bk_lab_say(rc, PROGRAM " does not start in node %s", bk_lab_node_name(node)) : 0;
}

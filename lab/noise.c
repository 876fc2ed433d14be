/* SPDX-License-Identifier: Apache-2.0 */
/* From the router's own address inside, since the NAT then takes it for one more host. The server has somebody who
 * hears and says nothing: its kernel would tell each of them that nobody is there. */
#include "lab/noise.h"

#include "base/error.h"
#include "lab/child.h"
#include "lab/ns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define DISCARD_PORT 9

struct noise {
	enum bk_lab_node router;
	struct sockaddr_in from, to;
	double rate;
};

/* A socket that nobody reads fills, and then its kernel drops what comes. */
static int open_sink(const struct noise *n)
{
	static const int yes = 1;
	int fd, rc = bk_lab_ns_enter(BK_LAB_S);

	if (rc < 0)
		return rc;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return bk_error_from_errno(errno);
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) < 0 ||
		bind(fd, (const struct sockaddr *)&n->to, sizeof(n->to)) < 0) {
		rc = bk_error_from_errno(errno);
		close(fd);
		return rc;
	}
	return fd;
}

static int begin_flow(const struct noise *n)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), rc = 0;

	if (fd < 0)
		return bk_error_from_errno(errno);
	if (bind(fd, (const struct sockaddr *)&n->from, sizeof(n->from)) < 0 ||
		sendto(fd, "", 1, 0, (const struct sockaddr *)&n->to, sizeof(n->to)) < 0)
		rc = bk_error_from_errno(errno);
	close(fd);
	return rc;
}

/* Arrivals that know nothing of each other: the gaps between them are distributed so. */
static void add_gap(struct timespec *io_when, double rate)
{
	double gap = -log1p(-drand48()) / rate + (double)io_when->tv_nsec / 1e9;

	io_when->tv_sec += (time_t)gap;
	io_when->tv_nsec = (long)((gap - floor(gap)) * 1e9);
}

static void be_noise(const void *arg, int ready_fd)
{
	const struct noise *n = arg;
	int keep[2] = {ready_fd, open_sink(n)}, rc;
	struct timespec when;

	rc = keep[1] < 0 ? keep[1] : bk_lab_ns_enter(n->router);
	if (rc == 0)
		rc = begin_flow(n);
	bk_lab_child_report(ready_fd, rc);
	bk_lab_child_close_all_but(&keep[1], 1);
	prctl(PR_SET_TIMERSLACK, 1);
	srand48(getpid());
	clock_gettime(CLOCK_MONOTONIC, &when);
	for (;;) {
		add_gap(&when, n->rate);
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, NULL);
		/* What the kernel has no room for at the moment is one flow less. */
		begin_flow(n);
	}
}

int bk_lab_noise_start(const struct bk_lab_plan *p, int side, pid_t *ret_pid)
{
	struct noise n = {
		.router = side ? BK_LAB_RB : BK_LAB_RA,
		.from.sin_family = AF_INET,
		.to = {.sin_family = AF_INET, .sin_port = htons(DISCARD_PORT)},
		.rate = p->options.with[side].noise,
	};

	inet_pton(AF_INET, bk_lab_plan_gateway(side), &n.from.sin_addr);
	inet_pton(AF_INET, BK_LAB_SERVER_1, &n.to.sin_addr);
	return bk_lab_child_start("bodkin-noise", be_noise, &n, ret_pid);
}

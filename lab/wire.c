/* SPDX-License-Identifier: Apache-2.0 */
/* A cable with bad manners: frames that come in at one port wait their time and leave at the other. It stands
 * in for the kernel's netem, which many kernels lack. One process a wire, asleep until a frame comes or is
 * due. */
#include "lab/wire.h"

#include "base/error.h"
#include "lab/clock.h"
#include "lab/line.h"
#include "lab/port.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

/* What one direction holds at most; 64 MB are 20 ms at 25 Gbit/s. */
#define HELD_MAX  (64u << 20)
#define READ_MAX  256 /* frames taken from one port before the other one and the due ones get their turn */
#define FLUSH_MAX 64

struct frame {
	struct frame *next;
	bk_time due;
	size_t len;
	uint8_t bytes[];
};

/* One direction: from one port, through the line, to the other port. Frames are due in their order. */
struct way {
	struct bk_lab_port *from, *to;
	struct bk_lab_line line;
	struct frame *first, **end;
	size_t held;
};

struct wire {
	struct bk_lab_port port[2];
	struct way way[2];
};

struct bk_lab_wire_shape bk_lab_wire_shape_of(const struct bk_lab_options *o)
{
	return (struct bk_lab_wire_shape){
		.delay_ms = o->delay_ms / 2,
		.jitter_ms = o->jitter_ms / 2,
		/* Two links in a row lose what was asked for. */
		.loss = 1 - sqrt(1 - o->loss_percent / 100),
		.mbit = o->rate_mbit,
	};
}

static void take_frame(struct way *w, const uint8_t *bytes, size_t len, bk_time now)
{
	bk_time due = bk_lab_line_pass(&w->line, len - BK_LAB_PORT_HEAD, now);
	struct frame *f = due == BK_NEVER || w->held + len > HELD_MAX ? NULL : malloc(sizeof(*f) + len);

	if (!f)
		return;
	*f = (struct frame){.due = due, .len = len};
	memcpy(f->bytes, bytes, len);
	*w->end = f;
	w->end = &f->next;
	w->held += len;
}

static void take_frames(struct way *w, bk_time now)
{
	const uint8_t *bytes;
	size_t len;

	for (int i = 0; i < READ_MAX && (bytes = bk_lab_port_peek(w->from, &len)); i++) {
		take_frame(w, bytes, len, now);
		bk_lab_port_release(w->from);
	}
}

static void send_due(struct way *w, bk_time now)
{
	while (w->first && w->first->due <= now) {
		struct iovec out[FLUSH_MAX];
		size_t n = 0;

		for (struct frame *f = w->first; f && f->due <= now && n < FLUSH_MAX; f = f->next)
			out[n++] = (struct iovec){f->bytes, f->len};
		bk_lab_port_send(w->to, out, n);
		while (n-- > 0) {
			struct frame *f = w->first;

			w->first = f->next;
			w->held -= f->len;
			free(f);
		}
		if (!w->first)
			w->end = &w->first;
	}
}

static bk_time next_wake(const struct wire *w)
{
	bk_time t = BK_NEVER;

	for (int i = 0; i < 2; i++)
		if (w->way[i].first)
			t = bk_time_min(t, w->way[i].first->due);
	return t;
}

static int wait_for_work(const struct wire *w)
{
	struct pollfd fds[2] = {{w->port[0].fd, POLLIN, 0}, {w->port[1].fd, POLLIN, 0}};
	bk_time wake = next_wake(w);
	bk_dur left = wake == BK_NEVER ? 0 : bk_time_max(0, wake - bk_lab_clock());
	struct timespec timeout = {left / BK_SEC, left % BK_SEC};

	if (ppoll(fds, 2, wake == BK_NEVER ? NULL : &timeout, NULL) < 0 && errno != EINTR)
		return bk_error_from_errno(errno);
	return (fds[0].revents | fds[1].revents) & (POLLERR | POLLNVAL) ? BK_E_IO : 0;
}

static void init_way(struct wire *w, int i, const struct bk_lab_wire_shape *s)
{
	struct way *way = &w->way[i];
	uint64_t seed = (uint64_t)bk_lab_clock();

	if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) < 0)
		seed += (uint64_t)i; /* a clock is chance enough for a wire */
	way->from = &w->port[i];
	way->to = &w->port[!i];
	way->end = &way->first;
	bk_lab_line_init(&way->line, (bk_dur)(s->delay_ms * (double)BK_MS),
		(bk_dur)(s->jitter_ms * (double)BK_MS), s->loss, s->mbit, seed);
}

static int carry(struct wire *w)
{
	int rc;

	while ((rc = wait_for_work(w)) == 0) {
		bk_time now = bk_lab_clock();

		for (int i = 0; i < 2; i++)
			take_frames(&w->way[i], now);
		for (int i = 0; i < 2; i++)
			send_due(&w->way[i], now);
	}
	return rc;
}

int bk_lab_wire_run(
	const char *ifname_a, const char *ifname_b, const struct bk_lab_wire_shape *shape, int ready_fd)
{
	struct wire w = {0};
	int rc = bk_lab_port_init(&w.port[0], ifname_a);

	if (rc < 0)
		return rc;
	rc = bk_lab_port_init(&w.port[1], ifname_b);
	if (rc < 0) {
		bk_lab_port_done(&w.port[0]);
		return rc;
	}
	for (int i = 0; i < 2; i++)
		init_way(&w, i, shape);
	/* The default slack of 50 us is more than a short wire's whole delay. */
	prctl(PR_SET_TIMERSLACK, 1);
	rc = 0;
	if (write(ready_fd, &rc, sizeof(rc)) != sizeof(rc))
		rc = BK_E_IO;
	close(ready_fd);
	if (rc == 0)
		rc = carry(&w);
	bk_lab_port_done(&w.port[0]);
	bk_lab_port_done(&w.port[1]);
	return rc;
}

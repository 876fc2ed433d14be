/* SPDX-License-Identifier: Apache-2.0 */
/* A socket between two buffers. Reading takes large pieces and goes on only while the owner makes
 * room; writing tries at once and leaves the rest to the loop. It refuses to interpret anything. */
#include "net/pump.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/hold.h"
#include "net/turn.h"

enum {
	READ_CHUNK_MIN = 4096,      /* while a connection says little */
	READ_CHUNK_MAX = 512 << 10, /* once it is bulk: few large reads cost both sides least */
};

struct bk_pump {
	struct bk_watch *watch;
	struct bk_turn later; /* for what must not be reported from inside the owner's call */
	struct bk_buf *in, *out;
	const struct bk_pump_events *events;
	void *arg;
	uint64_t received;
	size_t chunk;
	int fd;
	int interest;
	int pending_error;
	bool is_deaf;
	bool was_high;
	bool owes_output; /* bytes had to wait, so the owner may be waiting too */
	bool has_ended;   /* on_end was called */
	struct bk_hold hold;
};

static void set_interest(struct bk_pump *p)
{
	bool can_read = !p->is_deaf && bk_buf_room(p->in) > 0 && !p->pending_error;
	bool can_write = (p->out->len || p->owes_output) && !p->pending_error;
	int want = (can_read ? BK_READABLE : 0) | (can_write ? BK_WRITABLE : 0);

	if (want == p->interest)
		return;
	p->interest = want;
	bk_watch_set(p->watch, want);
}

static void end_later(struct bk_pump *p, int error)
{
	bk_assert(error < 0);
	p->pending_error = error;
	bk_turn_ask(&p->later);
}

static void write_some(struct bk_pump *p)
{
	while (p->out->len && !p->pending_error) {
		ssize_t n = send(p->fd, bk_buf_head(p->out), p->out->len, MSG_NOSIGNAL);

		if (n > 0) {
			bk_buf_consume(p->out, (size_t)n);
		} else if (errno == EAGAIN) {
			p->owes_output = true;
			break;
		} else if (errno != EINTR) {
			end_later(p, bk_error_from_errno(errno));
		}
	}
	if (p->out->len > p->out->max / 2)
		p->was_high = true;
}

/* One read for each wake-up: a fast sender cannot starve the others. Returns an error, or 0. */
static int read_some(struct bk_pump *p)
{
	size_t want = bk_buf_room(p->in) < p->chunk ? bk_buf_room(p->in) : p->chunk;
	uint8_t *at = want ? bk_buf_reserve(p->in, want) : NULL;
	ssize_t n;

	if (!want)
		return 0;
	if (!at)
		return BK_E_NOMEM;
	n = recv(p->fd, at, want, 0);
	if (n == 0)
		return BK_E_EOF;
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : bk_error_from_errno(errno);
	bk_buf_commit(p->in, (size_t)n);
	p->received += (uint64_t)n;
	if ((size_t)n == want && p->chunk < READ_CHUNK_MAX)
		p->chunk *= 2;
	return 0;
}

/* A kick can empty the queue that the owner waits for, and must not call back: the flag keeps the loop
 * waiting for a writable socket until this has been said. */
static void tell_output(struct bk_pump *p)
{
	if (p->out->len && !(p->was_high && p->out->len < p->out->max / 2))
		return;
	p->was_high = false;
	p->owes_output = p->out->len > 0;
	if (p->events->on_output)
		p->events->on_output(p->arg);
}

/* The end of a function that called back: what was freed meanwhile goes now. */
static void leave(struct bk_pump *p)
{
	if (!p->hold.is_dead)
		set_interest(p);
	if (bk_hold_leave(&p->hold))
		free(p);
}

static void on_event(void *arg, int fd, int events)
{
	struct bk_pump *p = arg;
	int err = 0;

	(void)fd;
	bk_hold_enter(&p->hold);
	if (events & BK_WRITABLE) {
		write_some(p);
		tell_output(p);
	}
	if (!p->hold.is_dead && (events & BK_READABLE) && !p->is_deaf) {
		uint64_t had = p->received;

		err = read_some(p);
		if (p->received > had)
			p->events->on_input(p->arg);
	}
	if (!p->hold.is_dead && err < 0 && !p->pending_error)
		end_later(p, err);
	leave(p);
}

static void on_later(void *arg)
{
	struct bk_pump *p = arg;

	if (p->has_ended)
		return;
	bk_hold_enter(&p->hold);
	if (p->in->len && !p->is_deaf)
		p->events->on_input(p->arg);
	if (!p->hold.is_dead && p->pending_error) {
		p->has_ended = true;
		p->events->on_end(p->arg, p->pending_error);
	}
	leave(p);
}

int bk_pump_new(struct bk_loop *loop, int fd, struct bk_buf *in, struct bk_buf *out,
	const struct bk_pump_events *events, void *arg, struct bk_pump **ret_pump)
{
	struct bk_pump *p = calloc(1, sizeof(*p));
	int err;

	if (!p)
		return BK_E_NOMEM;
	*p = (struct bk_pump){
		.in = in, .out = out, .events = events, .arg = arg, .chunk = READ_CHUNK_MIN, .fd = fd};
	bk_turn_init(&p->later, loop, on_later, p);
	err = bk_watch_new(loop, fd, on_event, p, &p->watch);
	if (err < 0) {
		p->fd = -1;
		bk_pump_free(p);
		return err;
	}
	set_interest(p);
	*ret_pump = p;
	return 0;
}

void bk_pump_free(struct bk_pump *p)
{
	if (!p)
		return;
	bk_watch_free(p->watch);
	bk_turn_done(&p->later);
	if (p->fd >= 0)
		close(p->fd);
	if (bk_hold_end(&p->hold))
		free(p);
}

void bk_pump_kick(struct bk_pump *p)
{
	write_some(p);
	set_interest(p);
}

void bk_pump_deafen(struct bk_pump *p)
{
	p->is_deaf = true;
	set_interest(p);
}

int bk_pump_fd(const struct bk_pump *p)
{
	return p->fd;
}

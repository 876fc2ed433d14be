/* SPDX-License-Identifier: Apache-2.0 */
/* The carrier. Session frames go to the link below as they are; RESUME and ACK stand between them, only at
 * frame boundaries, so both directions keep track of where in a frame they are, across links. Received is
 * counted in whole delivered bytes: half a header that was on its way when a link died is asked for again. */
#include "session/carrier.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/list.h"
#include "base/log.h"
#include "session/retain.h"
#include "wire/cursor.h"
#include "wire/frame.h"

enum {
	UNSENT_HIGH = 512 * 1024, /* above it write says "not now" */
	URGENT_SLACK = 64 * 1024, /* of the ceiling, kept for control frames */
	ACK_EVERY = 512 * 1024,
	PIECES_MAX = 8,
	CONTROL_PAYLOAD_MAX = 64,
	RESUME_LEN = BK_CARRIER_ID_LEN + 8,
	ACK_LEN = 8,
};

#define ACK_DELAY (20 * BK_MS)

struct bk_carrier {
	struct bk_link upper; /* first: what the mux sees */
	const struct bk_carrier_events *events;
	void *arg;
	uint8_t id[BK_CARRIER_ID_LEN];
	struct bk_link *below;
	unsigned links;
	/* out */
	struct bk_retain *retain;
	uint64_t next;     /* the position to send from */
	size_t next_left;  /* of the frame that `next` stands in; 0: at a boundary */
	size_t start_left; /* the same for the oldest byte kept */
	uint64_t resent;
	bool may_send; /* the peer's RESUME came, or it is the first link */
	bool wants_write, paused, closing;
	/* in */
	uint64_t received, told; /* told: what the peer knows of it */
	bool ack_due, await_resume;
	uint8_t head[BK_SFRAME_HEADER_LEN];
	size_t head_len;
	uint32_t session_left; /* of the session frame being read */
	struct bk_sframe control;
	uint8_t control_payload[CONTROL_PAYLOAD_MAX];
	size_t control_len;
	bool in_control;
	struct bk_timer *ack_timer;
	struct bk_timer *ender; /* closing without a link below */
	bool busy, dead;
};

static struct bk_carrier *of(struct bk_link *l)
{
	return bk_container_of(l, struct bk_carrier, upper);
}

static void release(struct bk_carrier *c)
{
	bk_retain_free(c->retain);
	free(c);
}

static size_t frame_len_at(const struct bk_carrier *c, uint64_t at)
{
	uint8_t head[BK_SFRAME_HEADER_LEN];
	struct bk_sframe f = {0};

	bk_retain_copy(c->retain, at, head, sizeof(head));
	bk_sframe_decode(head, sizeof(head), &f); /* our own frames: they decode */
	return BK_SFRAME_HEADER_LEN + f.length;
}

/* How much is left of the frame at `to`, coming from `at` where `left` was left. */
static size_t walk(const struct bk_carrier *c, uint64_t at, size_t left, uint64_t to)
{
	while (at < to) {
		size_t step;

		if (!left)
			left = frame_len_at(c, at);
		step = to - at < left ? (size_t)(to - at) : left;
		at += step;
		left -= step;
	}
	return left;
}

static void acknowledged(struct bk_carrier *c, uint64_t to)
{
	uint64_t start = bk_retain_start(c->retain);

	if (to <= start)
		return;
	c->start_left = walk(c, start, c->start_left, to);
	bk_retain_release(c->retain, to);
}

static int send_control(struct bk_carrier *c, uint8_t type, const uint8_t *payload, size_t n)
{
	const struct bk_sframe f = {.type = type, .length = (uint32_t)n};
	uint8_t bytes[BK_SFRAME_HEADER_LEN + CONTROL_PAYLOAD_MAX];

	bk_sframe_encode(&f, bytes);
	memcpy(bytes + BK_SFRAME_HEADER_LEN, payload, n);
	return bk_link_write(c->below, &(struct iovec){bytes, BK_SFRAME_HEADER_LEN + n}, 1, true);
}

static void send_ack(struct bk_carrier *c)
{
	uint8_t payload[ACK_LEN];
	struct bk_writer w;

	bk_writer_init(&w, payload, sizeof(payload));
	bk_write_u64(&w, c->received);
	if (send_control(c, BK_SFRAME_ACK, payload, sizeof(payload)) < 0)
		return;
	c->told = c->received;
	c->ack_due = false;
	bk_timer_stop(c->ack_timer);
}

static void send_resume(struct bk_carrier *c)
{
	uint8_t payload[RESUME_LEN];
	struct bk_writer w;

	bk_writer_init(&w, payload, sizeof(payload));
	bk_write_bytes(&w, c->id, sizeof(c->id));
	bk_write_u64(&w, c->received);
	send_control(c, BK_SFRAME_RESUME, payload, sizeof(payload));
	c->told = c->received;
}

/* Gives the link below what it takes, frame by frame, with an ACK between two where one is due. */
static void pump(struct bk_carrier *c)
{
	uint64_t end = bk_retain_end(c->retain);
	struct iovec pieces[PIECES_MAX];

	while (c->below && c->may_send) {
		size_t take = 0;
		int n, err;

		if (!c->next_left && c->ack_due)
			send_ack(c);
		if (c->next == end)
			break;
		if (!c->next_left)
			c->next_left = frame_len_at(c, c->next);
		n = bk_retain_view(c->retain, c->next, c->next_left, pieces, PIECES_MAX);
		for (int i = 0; i < n; i++)
			take += pieces[i].iov_len;
		err = bk_link_write(c->below, pieces, n, false);
		if (err < 0)
			break;
		c->next += take;
		c->next_left -= take;
	}
	if (c->closing && c->below && c->next == end)
		bk_link_close(c->below);
}

static void on_ack_timer(void *arg)
{
	struct bk_carrier *c = arg;

	c->ack_due = c->received != c->told;
	if (c->below && c->ack_due)
		pump(c);
}

static void count_received(struct bk_carrier *c, size_t n)
{
	c->received += n;
	if (c->received - c->told >= ACK_EVERY)
		c->ack_due = true;
	else if (c->received - c->told == n)
		bk_timer_start(c->ack_timer, ACK_DELAY);
}

static int on_resume(struct bk_carrier *c)
{
	struct bk_reader r;
	uint8_t id[BK_CARRIER_ID_LEN];
	uint64_t received, resent = 0;

	bk_reader_init(&r, c->control_payload, c->control_len);
	bk_read_bytes(&r, id, sizeof(id));
	received = bk_read_u64(&r);
	if (r.error || !c->await_resume || memcmp(id, c->id, sizeof(id)) != 0 ||
		received < bk_retain_start(c->retain) || received > bk_retain_end(c->retain))
		return BK_E_PROTOCOL;
	c->await_resume = false;
	acknowledged(c, received);
	if (!c->may_send) {
		resent = c->next > received ? c->next - received : 0;
		c->next = received;
		c->next_left = c->start_left;
		c->resent += resent;
		c->may_send = true;
	}
	c->events->on_resumed(c->arg, resent);
	return 0;
}

static int on_control(struct bk_carrier *c)
{
	struct bk_reader r;
	uint64_t to;

	c->in_control = false;
	c->head_len = 0;
	if (c->control.type == BK_SFRAME_RESUME)
		return on_resume(c);
	if (c->control.type != BK_SFRAME_ACK)
		return 0;
	bk_reader_init(&r, c->control_payload, c->control_len);
	to = bk_read_u64(&r);
	if (r.error || to > c->next)
		return BK_E_PROTOCOL;
	acknowledged(c, to);
	return 0;
}

static bool is_control(uint8_t type)
{
	return type == BK_SFRAME_RESUME || type == BK_SFRAME_ACK || type == BK_SFRAME_NOMINATE;
}

/* A header is complete: one of ours, or one to hand up. */
static int on_head(struct bk_carrier *c)
{
	struct bk_sframe f;
	int err = bk_sframe_decode(c->head, c->head_len, &f);

	if (err < 0)
		return err;
	if (is_control(f.type)) {
		if (f.length > CONTROL_PAYLOAD_MAX)
			return BK_E_TOO_BIG;
		c->control = f;
		c->control_len = 0;
		c->in_control = true;
		return f.length ? 0 : on_control(c);
	}
	if (c->await_resume)
		return BK_E_PROTOCOL;
	c->head_len = 0;
	c->session_left = f.length;
	count_received(c, BK_SFRAME_HEADER_LEN);
	c->upper.events->on_data(c->upper.arg, c->head, BK_SFRAME_HEADER_LEN);
	return 0;
}

static int take_control(struct bk_carrier *c, const uint8_t **data, size_t *n)
{
	size_t take = c->control.length - c->control_len;

	take = take < *n ? take : *n;
	memcpy(c->control_payload + c->control_len, *data, take);
	c->control_len += take;
	*data += take;
	*n -= take;
	return c->control_len == c->control.length ? on_control(c) : 0;
}

static int take_head(struct bk_carrier *c, const uint8_t **data, size_t *n)
{
	size_t take = BK_SFRAME_HEADER_LEN - c->head_len;

	take = take < *n ? take : *n;
	memcpy(c->head + c->head_len, *data, take);
	c->head_len += take;
	*data += take;
	*n -= take;
	return c->head_len == BK_SFRAME_HEADER_LEN ? on_head(c) : 0;
}

static void tell_writable(struct bk_carrier *c)
{
	uint64_t end = bk_retain_end(c->retain);

	if (!c->wants_write || c->closing || end - c->next >= UNSENT_HIGH / 2 ||
		end - bk_retain_start(c->retain) > BK_CARRIER_RETAIN_MAX / 2)
		return;
	c->wants_write = false;
	c->busy = true;
	if (c->upper.events->on_writable)
		c->upper.events->on_writable(c->upper.arg);
	c->busy = false;
	if (c->dead)
		release(c);
}

static void lose(struct bk_carrier *c, int error, const char *text)
{
	bk_link_free(c->below);
	c->below = NULL;
	c->may_send = false;
	if (c->closing)
		bk_timer_start(c->ender, 0);
	else
		c->events->on_lost(c->arg, error, text);
}

static void on_below_writable(void *arg)
{
	struct bk_carrier *c = arg;

	pump(c);
	tell_writable(c);
}

void bk_carrier_input(struct bk_carrier *c, const uint8_t *data, size_t n)
{
	struct bk_link *below = c->below;
	int err = 0;

	c->busy = true;
	while (n && !err && !c->dead && c->below == below) {
		size_t take;

		if (c->in_control) {
			err = take_control(c, &data, &n);
		} else if (c->await_resume || !c->session_left) {
			err = take_head(c, &data, &n);
		} else {
			take = c->session_left < n ? c->session_left : n;
			c->session_left -= (uint32_t)take;
			count_received(c, take);
			c->upper.events->on_data(c->upper.arg, data, take);
			data += take;
			n -= take;
		}
	}
	c->busy = false;
	if (c->dead)
		release(c);
	else if (err < 0)
		lose(c, err, bk_error_text(err));
	else
		on_below_writable(c); /* an ACK may have made room */
}

static void on_below_data(void *arg, const uint8_t *data, size_t n)
{
	bk_carrier_input(arg, data, n);
}

static void on_below_end(void *arg, int error, const char *text)
{
	lose(arg, error, text);
}

static void on_ender(void *arg)
{
	struct bk_carrier *c = arg;

	c->upper.events->on_end(c->upper.arg, BK_E_EOF, bk_error_text(BK_E_EOF));
}

static int upper_write(struct bk_link *l, const struct iovec *pieces, int pieces_len, bool urgent)
{
	struct bk_carrier *c = of(l);
	uint64_t kept = bk_retain_end(c->retain) - bk_retain_start(c->retain);
	size_t total = 0;
	int err;

	for (int i = 0; i < pieces_len; i++)
		total += pieces[i].iov_len;
	if (c->closing)
		return BK_E_EOF;
	if (!urgent && (bk_retain_end(c->retain) - c->next >= UNSENT_HIGH ||
			       kept + total > BK_CARRIER_RETAIN_MAX - URGENT_SLACK)) {
		c->wants_write = true;
		return BK_E_AGAIN;
	}
	err = bk_retain_append(c->retain, pieces, pieces_len);
	if (err < 0)
		return err;
	pump(c);
	return 0;
}

static void upper_pause(struct bk_link *l)
{
	struct bk_carrier *c = of(l);

	c->paused = true;
	if (c->below)
		bk_link_pause(c->below);
}

static void upper_resume(struct bk_link *l)
{
	struct bk_carrier *c = of(l);

	c->paused = false;
	if (c->below)
		bk_link_resume(c->below);
}

static void upper_close(struct bk_link *l)
{
	struct bk_carrier *c = of(l);

	if (c->closing)
		return;
	c->closing = true;
	if (c->below)
		pump(c);
	else
		bk_timer_start(c->ender, 0);
}

static size_t upper_queued(const struct bk_link *l)
{
	const struct bk_carrier *c = of((struct bk_link *)(uintptr_t)l);

	return (size_t)(bk_retain_end(c->retain) - c->next) + (c->below ? bk_link_queued(c->below) : 0);
}

static void upper_free(struct bk_link *l)
{
	(void)l; /* bk_carrier_free does it */
}

static const struct bk_link_ops ops = {
	.write = upper_write,
	.pause = upper_pause,
	.resume = upper_resume,
	.close = upper_close,
	.queued = upper_queued,
	.free = upper_free,
};

int bk_carrier_new(struct bk_loop *loop, const uint8_t id[BK_CARRIER_ID_LEN],
	const struct bk_carrier_events *events, void *arg, struct bk_carrier **ret_carrier)
{
	struct bk_carrier *c = calloc(1, sizeof(*c));
	int err;

	if (!c)
		return BK_E_NOMEM;
	c->upper.ops = &ops;
	c->events = events;
	c->arg = arg;
	memcpy(c->id, id, sizeof(c->id));
	err = bk_retain_new(BK_CARRIER_RETAIN_MAX, &c->retain);
	if (!err)
		err = bk_timer_new(loop, on_ack_timer, c, &c->ack_timer);
	if (!err)
		err = bk_timer_new(loop, on_ender, c, &c->ender);
	if (err < 0) {
		bk_carrier_free(c);
		return err;
	}
	*ret_carrier = c;
	return 0;
}

void bk_carrier_free(struct bk_carrier *c)
{
	if (!c)
		return;
	bk_link_free(c->below);
	c->below = NULL;
	bk_timer_free(c->ack_timer);
	bk_timer_free(c->ender);
	c->dead = true;
	if (!c->busy)
		release(c);
}

struct bk_link *bk_carrier_link(struct bk_carrier *c)
{
	return &c->upper;
}

void bk_carrier_attach(struct bk_carrier *c, struct bk_link *link)
{
	static const struct bk_link_events events = {
		.on_data = on_below_data, .on_writable = on_below_writable, .on_end = on_below_end};

	bk_link_free(c->below);
	c->below = link;
	bk_link_set_events(link, &events, c);
	c->may_send = c->links++ == 0; /* at the beginning both sides know where they are */
	c->await_resume = true;
	c->in_control = false;
	c->head_len = 0;
	send_resume(c);
	if (c->paused)
		bk_link_pause(link);
	pump(c);
}

bool bk_carrier_is_attached(const struct bk_carrier *c)
{
	return c->below != NULL;
}

void bk_carrier_get_stats(const struct bk_carrier *c, struct bk_carrier_stats *ret_stats)
{
	*ret_stats = (struct bk_carrier_stats){
		.sent = c->next,
		.acked = bk_retain_start(c->retain),
		.received = c->received,
		.resent = c->resent,
		.links = c->links,
	};
}

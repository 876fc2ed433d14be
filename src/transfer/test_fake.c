/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/test_fake.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

enum { SLICE = 100003, QUEUE_MAX = 600000, BUF_MAX = 64 << 20 };

struct bk_channel {
	struct bk_session *session;
	const struct bk_channel_events *events;
	void *arg;
	bool is_paused, is_blocked;
};

struct bk_session {
	struct bk_loop *loop;
	const struct bk_session_events *events;
	void *arg;
	struct bk_timer *step;
	struct bk_channel channel;
	struct bk_buf out; /* on the way to the peer */
	bool is_open, has_channel, is_closing, is_closed;
	int close_error;
};

static struct {
	struct bk_session *ends[2];
	const struct bk_buf *script;
	size_t script_at;
	int end_error;
	bool is_blocked;
	size_t refused; /* writes, while blocked */
	void (*on_step)(void *arg);
	void *step_arg;
} fake;

void bk_fake_reset(const struct bk_buf *script)
{
	fake.ends[0] = fake.ends[1] = NULL;
	fake.script = script;
	fake.script_at = 0;
	fake.end_error = 0;
	fake.is_blocked = false;
	fake.refused = 0;
	fake.on_step = NULL;
}

void bk_fake_block(bool is_blocked)
{
	fake.is_blocked = is_blocked;
}

size_t bk_fake_refused(void)
{
	return fake.refused;
}

void bk_fake_end_with(int error)
{
	fake.end_error = error;
}

void bk_fake_on_step(void (*fn)(void *arg), void *arg)
{
	fake.on_step = fn;
	fake.step_arg = arg;
}

const struct bk_buf *bk_fake_written(void)
{
	return &fake.ends[0]->out;
}

static struct bk_session *peer_of(const struct bk_session *s)
{
	return s == fake.ends[0] ? fake.ends[1] : fake.ends[0];
}

static void wake(struct bk_session *s)
{
	if (s)
		bk_timer_start(s->step, 0);
}

void bk_fake_wake(void)
{
	wake(fake.ends[0]);
}

static void end(struct bk_session *s, int error)
{
	s->is_closing = true;
	s->close_error = error;
	wake(s);
}

/* Next bytes for s: from its peer, or from the script. */
static const uint8_t *incoming(struct bk_session *s, size_t *ret_n)
{
	struct bk_session *peer = peer_of(s);
	size_t n = fake.script ? fake.script->len - fake.script_at : peer ? peer->out.len : 0;

	*ret_n = n < SLICE ? n : SLICE;
	if (!n)
		return NULL;
	return fake.script ? bk_buf_head(fake.script) + fake.script_at : bk_buf_head(&peer->out);
}

static void taken(struct bk_session *s, size_t n)
{
	struct bk_session *peer = peer_of(s);

	if (fake.script) {
		fake.script_at += n;
		return;
	}
	if (!peer)
		return;
	bk_buf_consume(&peer->out, n);
	wake(peer);
}

static void deliver(struct bk_session *s)
{
	size_t n;
	const uint8_t *data = incoming(s, &n), *copy;
	static uint8_t slice[SLICE];

	if (!data) {
		if (fake.script && fake.end_error)
			end(s, fake.end_error);
		return;
	}
	for (size_t i = 0; i < n; i++)
		slice[i] = data[i];
	copy = slice;
	taken(s, n);
	s->channel.events->on_data(&s->channel, s->channel.arg, copy, n);
	wake(s);
}

static void open_session(struct bk_session *s)
{
	const struct bk_peer peer = {.id = "id", .name = "a\033[2Jb", .nat = "Open Internet"};

	s->is_open = true;
	if (s->events->on_peer)
		s->events->on_peer(s, s->arg, &peer);
	if (s->events->on_open)
		s->events->on_open(s, s->arg);
	wake(s);
	wake(peer_of(s));
}

static void on_step(void *arg)
{
	struct bk_session *s = arg, *peer = peer_of(s);

	if (fake.on_step)
		fake.on_step(fake.step_arg);
	if (s->is_closed)
		return;
	if (s->is_closing) {
		s->is_closed = true;
		if (s->has_channel && s->channel.events->on_reset && s->close_error)
			s->channel.events->on_reset(&s->channel, s->channel.arg, s->close_error);
		s->events->on_closed(s, s->arg, s->close_error, "the session's own sentence");
		return;
	}
	if (!s->is_open) {
		open_session(s);
		return;
	}
	if (!s->has_channel && (fake.script || (peer && peer->has_channel))) {
		s->has_channel = true;
		s->channel.session = s;
		s->events->on_channel(s, s->arg, &s->channel, "files/1");
		wake(s);
		return;
	}
	if (s->channel.is_blocked && s->out.len < QUEUE_MAX) {
		s->channel.is_blocked = false;
		s->channel.events->on_writable(&s->channel, s->channel.arg);
	}
	if (s->has_channel && !s->channel.is_paused)
		deliver(s);
}

int bk_session_new(struct bk_loop *loop, const struct bk_session_opts *opts,
	const struct bk_session_events *events, void *arg, struct bk_session **ret_session)
{
	struct bk_session *s = calloc(1, sizeof(*s));

	(void)opts;
	assert(s);
	*s = (struct bk_session){.loop = loop, .events = events, .arg = arg};
	bk_buf_init(&s->out, BUF_MAX);
	if (bk_timer_new(loop, on_step, s, &s->step) < 0)
		abort();
	fake.ends[fake.ends[0] ? 1 : 0] = s;
	wake(s);
	*ret_session = s;
	return 0;
}

bool bk_session_is_peers_word(const struct bk_session *s)
{
	(void)s;
	return false;
}

const char *bk_session_server_pin(struct bk_session *s)
{
	(void)s;
	return NULL;
}

void bk_session_close(struct bk_session *s, int error)
{
	struct bk_session *peer = peer_of(s);

	if (s->is_closing)
		return;
	end(s, error);
	/* The peer reads what is on the way to it first: closing only counts here once its queue is empty. */
	if (peer && !peer->is_closing && error)
		while (s->out.len && peer->has_channel)
			deliver(peer);
	if (peer && !peer->is_closing && error)
		end(peer, error == BK_E_CANCELLED ? BK_E_PEER_CANCELLED : error);
}

void bk_session_free(struct bk_session *s)
{
	if (!s)
		return;
	for (int i = 0; i < 2; i++)
		if (fake.ends[i] == s)
			fake.ends[i] = NULL;
	bk_timer_free(s->step);
	bk_buf_done(&s->out);
	free(s);
}

int bk_channel_open(struct bk_session *s, const char *kind, const struct bk_channel_events *events, void *arg,
	struct bk_channel **ret_channel)
{
	static struct bk_channel sign; /* a receiver's: the other side passes it over */

	if (strcmp(kind, "files/1") != 0) {
		*ret_channel = &sign;
		return 0;
	}
	s->has_channel = true;
	s->channel = (struct bk_channel){.session = s, .events = events, .arg = arg};
	*ret_channel = &s->channel;
	wake(peer_of(s));
	return 0;
}

int bk_channel_listen(struct bk_channel *c, const struct bk_channel_events *events, void *arg)
{
	c->events = events;
	c->arg = arg;
	return 0;
}

int bk_channel_write(struct bk_channel *c, const void *data, size_t n)
{
	assert(n <= BK_CHANNEL_WRITE_MAX);
	if (fake.is_blocked) {
		fake.refused++;
		return BK_E_AGAIN;
	}
	if (c->session->out.len >= QUEUE_MAX && !fake.script) {
		c->is_blocked = true;
		return BK_E_AGAIN;
	}
	if (bk_buf_append(&c->session->out, data, n) < 0)
		abort();
	wake(peer_of(c->session));
	return 0;
}

void bk_channel_pause(struct bk_channel *c)
{
	c->is_paused = true;
}

void bk_channel_resume(struct bk_channel *c)
{
	c->is_paused = false;
	wake(c->session);
}

void bk_channel_finish(struct bk_channel *c)
{
	(void)c;
}

void bk_channel_free(struct bk_channel *c, int error)
{
	(void)c;
	(void)error;
}

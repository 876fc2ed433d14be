/* SPDX-License-Identifier: Apache-2.0 */
/* Channels over one way of sending: the frames and the list; what a frame does to a channel is channel.c's
 * business. Payload of DATA is handed on in the pieces in which it arrives and is never collected here; only
 * the short payloads of control frames are. */
#include "stream/channel.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"

void bk_mux_forget(struct bk_channel *c)
{
	struct bk_mux *m = c->mux;

	bk_assert(m->channels_len > 0);
	bk_list_remove(&c->link);
	m->channels_len--;
	m->spare += c->in.window - BK_INBOX_WINDOW;
	if (m->current == c)
		m->current = NULL;
	if (m->reader == c)
		m->reader = NULL;
	if (m->owes_bye)
		bk_turn_ask(&m->due);
	bk_inbox_done(&c->in);
	free(c);
}

static struct bk_channel *find(struct bk_mux *m, uint32_t number)
{
	bk_list_each(it, tmp, &m->channels)
	{
		struct bk_channel *c = bk_container_of(it, struct bk_channel, link);
		if (c->number == number)
			return c;
	}
	return NULL;
}

static struct bk_channel *add(struct bk_mux *m, uint32_t number)
{
	struct bk_channel *c = m->channels_len < BK_CHANNELS_MAX ? calloc(1, sizeof(*c)) : NULL;

	if (!c)
		return NULL;
	c->mux = m;
	c->number = number;
	c->credit = BK_INBOX_WINDOW;
	bk_inbox_init(&c->in);
	bk_list_append(&m->channels, &c->link);
	m->channels_len++;
	return c;
}

int bk_mux_say(struct bk_mux *m, uint8_t type, uint32_t channel, const void *payload, size_t n)
{
	const struct bk_sframe f = {.type = type, .channel = channel, .length = (uint32_t)n};
	uint8_t bytes[BK_SFRAME_HEADER_LEN + BK_MUX_CONTROL_MAX];

	bk_assert(n <= BK_MUX_CONTROL_MAX);
	if (!m->send)
		return BK_E_EOF;
	bk_sframe_encode(&f, bytes);
	if (n)
		memcpy(bytes + BK_SFRAME_HEADER_LEN, payload, n);
	return m->send(m->send_arg, &(struct iovec){bytes, BK_SFRAME_HEADER_LEN + n}, 1, true);
}

/* Callbacks may free any channel, so walks start again from the front and mark whom they have seen. */
static struct bk_channel *next_untold(struct bk_mux *m)
{
	bk_list_each(it, tmp, &m->channels)
	{
		struct bk_channel *c = bk_container_of(it, struct bk_channel, link);
		if (!c->is_told) {
			c->is_told = true;
			return c;
		}
	}
	return NULL;
}

static void begin_walk(struct bk_mux *m)
{
	bk_list_each(it, tmp, &m->channels) bk_container_of(it, struct bk_channel, link)->is_told = false;
	bk_hold_enter(&m->hold);
}

static void leave(struct bk_mux *m)
{
	if (bk_hold_leave(&m->hold))
		free(m);
}

int bk_mux_say_error(struct bk_mux *m, uint8_t type, uint32_t channel, int error)
{
	const char *name = error < 0 ? bk_error_name(error) : "";

	return bk_mux_say(m, type, channel, name, strlen(name));
}

static bool any_waits(const struct bk_mux *m, bool even_paused)
{
	bk_list_each(it, tmp, &m->channels)
	{
		const struct bk_channel *c = bk_container_of(it, struct bk_channel, link);
		if (bk_channel_is_waiting(c) && (even_paused || !c->is_paused))
			return true;
	}
	return false;
}

/* What channels kept and may hand on. */
static void on_due(void *arg)
{
	struct bk_mux *m = arg;
	struct bk_channel *c;

	begin_walk(m);
	while (!m->hold.is_dead && (c = next_untold(m)))
		bk_channel_hand_on(c);
	if (!m->hold.is_dead && any_waits(m, false)) {
		bk_turn_ask(&m->due);
	} else if (!m->hold.is_dead && m->owes_bye && !any_waits(m, true)) {
		m->owes_bye = false;
		m->events->on_bye(m->arg, 0);
	}
	leave(m);
}

int bk_mux_new(struct bk_loop *loop, bool is_leading, bk_mux_send_fn *send, void *send_arg,
	const struct bk_stream_events *events, void *arg, struct bk_mux **ret_mux)
{
	struct bk_mux *m = calloc(1, sizeof(*m));

	if (!m)
		return BK_E_NOMEM;
	*m = (struct bk_mux){.send = send,
		.send_arg = send_arg,
		.events = events,
		.arg = arg,
		.next_number = is_leading ? 1 : 2,
		.spare = BK_MUX_SPARE};
	bk_list_init(&m->channels);
	bk_turn_init(&m->due, loop, on_due, m);
	*ret_mux = m;
	return 0;
}

void bk_mux_free(struct bk_mux *m)
{
	if (!m)
		return;
	m->send = NULL;
	m->owes_bye = false;
	bk_turn_done(&m->due);
	bk_list_each(it, tmp, &m->channels) bk_mux_forget(bk_container_of(it, struct bk_channel, link));
	if (bk_hold_end(&m->hold))
		free(m);
}

void bk_mux_end(struct bk_mux *m, int error)
{
	struct bk_channel *c;

	m->send = NULL;
	m->owes_bye = false;
	begin_walk(m);
	while (!m->hold.is_dead && (c = next_untold(m)))
		bk_channel_on_reset(c, error);
	leave(m);
}

static int on_open(struct bk_mux *m)
{
	char kind[BK_CHANNEL_KIND_MAX + 1];
	struct bk_channel *c;

	if (!m->control_len || m->control_len > BK_CHANNEL_KIND_MAX ||
		m->frame.channel % 2 == m->next_number % 2 || !m->frame.channel || find(m, m->frame.channel))
		return BK_E_PROTOCOL;
	memcpy(kind, m->control, m->control_len);
	kind[m->control_len] = 0;
	if (strlen(kind) != m->control_len || !bk_text_is_plain(kind))
		return BK_E_PROTOCOL;
	c = add(m, m->frame.channel);
	if (!c) { /* both sides count together, so one that keeps the limit may still meet it */
		bk_mux_say_error(m, BK_SFRAME_RESET, m->frame.channel, BK_E_FULL);
		return 0;
	}
	m->events->on_channel(m->arg, c, kind);
	if (m->hold.is_dead || find(m, m->frame.channel) != c)
		return 0;
	if (!bk_channel_is_listened(c))
		bk_channel_free(c, BK_E_UNSUPPORTED);
	return 0;
}

static int error_of_payload(const struct bk_mux *m)
{
	char name[BK_MUX_CONTROL_MAX + 1];

	if (!m->control_len)
		return 0;
	memcpy(name, m->control, m->control_len);
	name[m->control_len] = 0;
	return bk_error_from_name(name);
}

static void on_bye(struct bk_mux *m)
{
	int error = error_of_payload(m);

	m->owes_bye = !error && any_waits(m, true);
	if (!m->owes_bye)
		m->events->on_bye(m->arg, error);
}

/* A whole frame has been read (of DATA the payload went on its way already). */
static int on_frame(struct bk_mux *m)
{
	struct bk_channel *c = find(m, m->frame.channel);
	int error;

	switch (m->frame.type) {
	case BK_SFRAME_OPEN:
		return on_open(m);
	case BK_SFRAME_FIN:
		bk_channel_on_fin(c);
		return 0;
	case BK_SFRAME_RESET:
		error = error_of_payload(m);
		bk_channel_on_reset(c, error < 0 ? error : BK_E_CANCELLED); /* a reset is never a good end */
		return 0;
	case BK_SFRAME_BYE:
		on_bye(m);
		return 0;
	case BK_SFRAME_WINDOW:
		return bk_channel_on_window(c, m->control, m->control_len);
	default: /* DATA is done; types that are not known mean nothing */
		return 0;
	}
}

static int read_head(struct bk_mux *m, const struct bk_sframe *f)
{
	int err;

	m->frame = *f;
	m->control_len = 0;
	m->current = f->type == BK_SFRAME_DATA ? find(m, f->channel) : NULL;
	err = bk_channel_on_head(m->current, f->length);
	return err || f->length ? err : on_frame(m);
}

static int read_payload(struct bk_mux *m, const uint8_t *data, size_t n)
{
	if (m->frame.type == BK_SFRAME_DATA)
		return bk_channel_on_payload(m->current, data, n);
	if (n > sizeof(m->control) - m->control_len)
		n = sizeof(m->control) - m->control_len; /* no control frame means anything beyond this */
	memcpy(m->control + m->control_len, data, n);
	m->control_len += n;
	return 0;
}

int bk_mux_head(struct bk_mux *m, const struct bk_sframe *f)
{
	int err;

	bk_hold_enter(&m->hold);
	err = read_head(m, f);
	leave(m);
	return err;
}

int bk_mux_payload(struct bk_mux *m, const uint8_t *data, size_t n, uint32_t left)
{
	int err;

	bk_hold_enter(&m->hold);
	err = read_payload(m, data, n);
	if (!err && !left && !m->hold.is_dead)
		err = on_frame(m);
	leave(m);
	return err;
}

/* The first that waits, moved behind the others. */
static struct bk_channel *next_writer(struct bk_mux *m)
{
	bk_list_each(it, tmp, &m->channels)
	{
		struct bk_channel *c = bk_container_of(it, struct bk_channel, link);
		if (!c->wants_write || c->has_ended)
			continue;
		c->wants_write = false;
		bk_list_remove(&c->link);
		bk_list_append(&m->channels, &c->link);
		return c;
	}
	return NULL;
}

/* In turn: who fills the link again waits behind those who have not had theirs. */
void bk_mux_writable(struct bk_mux *m)
{
	struct bk_channel *c;

	m->is_blocked = false;
	bk_hold_enter(&m->hold);
	bk_list_each(it, tmp, &m->channels)
		bk_channel_return_credit(bk_container_of(it, struct bk_channel, link), false);
	while (!m->hold.is_dead && !m->is_blocked && (c = next_writer(m)))
		if (c->events.on_writable)
			c->events.on_writable(c, c->arg);
	leave(m);
}

int bk_mux_open(struct bk_mux *m, const char *kind, const struct bk_channel_events *events, void *arg,
	struct bk_channel **ret_channel)
{
	size_t n = strlen(kind);
	struct bk_channel *c;
	int err;

	if (!n || n > BK_CHANNEL_KIND_MAX)
		return BK_E_INVALID;
	c = add(m, m->next_number);
	if (!c)
		return BK_E_FULL;
	err = bk_channel_listen(c, events, arg);
	if (!err)
		err = bk_mux_say(m, BK_SFRAME_OPEN, c->number, kind, n);
	if (err < 0) {
		bk_mux_forget(c);
		return err;
	}
	m->next_number += 2;
	*ret_channel = c;
	return 0;
}

bool bk_mux_owes_bye(const struct bk_mux *m)
{
	return m->owes_bye;
}

int bk_mux_say_bye(struct bk_mux *m, int error)
{
	return bk_mux_say_error(m, BK_SFRAME_BYE, 0, error);
}

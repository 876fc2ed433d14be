/* SPDX-License-Identifier: Apache-2.0 */
/* Channels over one link: the frames and the list; what a frame does to a channel is channel.c's business.
 * Payload of DATA is handed on in the pieces in which it arrives and is never collected here; only the short
 * payloads of control frames are. */
#include "stream/channel.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "wire/text.h"

void bk_mux_forget(struct bk_channel *c)
{
	struct bk_mux *m = c->mux;

	bk_list_remove(&c->link);
	m->channels_len--;
	m->spare += c->in.window - BK_INBOX_WINDOW;
	if (m->current == c)
		m->current = NULL;
	if (m->reader == c)
		m->reader = NULL;
	if (m->owes_bye)
		bk_timer_start(m->due, 0);
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

int bk_mux_send(struct bk_mux *m, uint8_t type, uint32_t channel, const void *payload, size_t n)
{
	const struct bk_sframe f = {.type = type, .channel = channel, .length = (uint32_t)n};
	uint8_t bytes[BK_SFRAME_HEADER_LEN + BK_MUX_CONTROL_MAX];

	if (!m->link || n > BK_MUX_CONTROL_MAX)
		return BK_E_EOF;
	bk_sframe_encode(&f, bytes);
	if (n)
		memcpy(bytes + BK_SFRAME_HEADER_LEN, payload, n);
	return bk_link_write(m->link, &(struct iovec){bytes, BK_SFRAME_HEADER_LEN + n}, 1, true);
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
	m->busy = true;
}

/* False: it was freed meanwhile. */
static bool end_walk(struct bk_mux *m)
{
	bool dead = m->dead;

	m->busy = false;
	if (dead)
		free(m);
	return !dead;
}

int bk_mux_send_error(struct bk_mux *m, uint8_t type, uint32_t channel, int error)
{
	const char *name = error < 0 ? bk_error_name(error) : "";

	return bk_mux_send(m, type, channel, name, strlen(name));
}

static bool any_waits(const struct bk_mux *m, bool even_paused)
{
	bk_list_each(it, tmp, &m->channels)
	{
		const struct bk_channel *c = bk_container_of(it, struct bk_channel, link);
		if (bk_channel_is_waiting(c) && (even_paused || !c->paused))
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
	while (!m->dead && (c = next_untold(m)))
		bk_channel_hand_on(c);
	if (!m->dead && any_waits(m, false)) {
		bk_timer_start(m->due, 0);
	} else if (!m->dead && m->owes_bye && !any_waits(m, true)) {
		m->owes_bye = false;
		m->events->on_bye(m->arg, 0);
	}
	end_walk(m);
}

int bk_mux_new(struct bk_loop *loop, bool is_controlling, const struct bk_mux_events *events, void *arg,
	struct bk_mux **ret_mux)
{
	struct bk_mux *m = calloc(1, sizeof(*m));
	int err;

	if (!m)
		return BK_E_NOMEM;
	*m = (struct bk_mux){
		.events = events, .arg = arg, .next_number = is_controlling ? 1 : 2, .spare = BK_MUX_SPARE};
	bk_list_init(&m->channels);
	err = bk_timer_new(loop, on_due, m, &m->due);
	if (err < 0) {
		free(m);
		return err;
	}
	*ret_mux = m;
	return 0;
}

void bk_mux_free(struct bk_mux *m)
{
	if (!m)
		return;
	m->link = NULL;
	m->owes_bye = false;
	bk_timer_free(m->due);
	bk_list_each(it, tmp, &m->channels) bk_mux_forget(bk_container_of(it, struct bk_channel, link));
	m->dead = true;
	if (!m->busy)
		free(m);
}

void bk_mux_attach(struct bk_mux *m, struct bk_link *link)
{
	m->link = link;
}

void bk_mux_detach(struct bk_mux *m, int error)
{
	struct bk_channel *c;

	m->link = NULL;
	m->owes_bye = false;
	begin_walk(m);
	while (!m->dead && (c = next_untold(m)))
		bk_channel_on_reset(c, error);
	end_walk(m);
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
		bk_mux_send_error(m, BK_SFRAME_RESET, m->frame.channel, BK_E_FULL);
		return 0;
	}
	m->events->on_channel(m->arg, c, kind);
	if (m->dead || find(m, m->frame.channel) != c)
		return 0;
	if (!c->events)
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
	case BK_SFRAME_PING:
		bk_mux_send(m, BK_SFRAME_PONG, 0, m->control, m->control_len);
		return 0;
	case BK_SFRAME_BYE:
		on_bye(m);
		return 0;
	case BK_SFRAME_WINDOW:
		return bk_channel_on_window(c, m->control, m->control_len);
	default: /* DATA is done; a second NOMINATE and unknown types mean nothing */
		return 0;
	}
}

static int read_head(struct bk_mux *m, const uint8_t **data, size_t *n)
{
	size_t take = BK_SFRAME_HEADER_LEN - m->head_len;
	int err;

	take = take < *n ? take : *n;
	memcpy(m->head + m->head_len, *data, take);
	m->head_len += take;
	*data += take;
	*n -= take;
	if (m->head_len < BK_SFRAME_HEADER_LEN)
		return 0;
	err = bk_sframe_decode(m->head, m->head_len, &m->frame);
	if (err < 0)
		return err;
	m->payload_left = m->frame.length;
	m->control_len = 0;
	m->current = m->frame.type == BK_SFRAME_DATA ? find(m, m->frame.channel) : NULL;
	return bk_channel_on_head(m->current, m->frame.length);
}

static int take_payload(struct bk_mux *m, const uint8_t *data, size_t n)
{
	if (m->frame.type == BK_SFRAME_DATA)
		return bk_channel_on_payload(m->current, data, n);
	if (n > sizeof(m->control) - m->control_len)
		n = sizeof(m->control) - m->control_len; /* no control frame means anything beyond this */
	memcpy(m->control + m->control_len, data, n);
	m->control_len += n;
	return 0;
}

static int read_frames(struct bk_mux *m, const uint8_t *data, size_t n)
{
	int err = 0;

	while (n && !err && !m->dead) {
		size_t take;

		if (m->head_len < BK_SFRAME_HEADER_LEN) {
			err = read_head(m, &data, &n);
			if (err < 0 || m->head_len < BK_SFRAME_HEADER_LEN)
				break;
		}
		take = m->payload_left < n ? m->payload_left : n;
		if (take) {
			err = take_payload(m, data, take);
			data += take;
			n -= take;
			m->payload_left -= (uint32_t)take;
		}
		if (!m->payload_left && !m->dead && !err) {
			m->head_len = 0;
			err = on_frame(m);
		}
	}
	return err;
}

int bk_mux_input(struct bk_mux *m, const uint8_t *data, size_t n)
{
	int err;

	m->busy = true;
	err = read_frames(m, data, n);
	return end_walk(m) ? err : 0;
}

/* The first that waits, moved behind the others. */
static struct bk_channel *next_writer(struct bk_mux *m)
{
	bk_list_each(it, tmp, &m->channels)
	{
		struct bk_channel *c = bk_container_of(it, struct bk_channel, link);
		if (!c->wants_write || c->ended)
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

	m->blocked = false;
	m->busy = true;
	bk_list_each(it, tmp, &m->channels)
		bk_channel_return_credit(bk_container_of(it, struct bk_channel, link), false);
	while (!m->dead && !m->blocked && (c = next_writer(m)))
		if (c->events && c->events->on_writable)
			c->events->on_writable(c->arg);
	end_walk(m);
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
	err = bk_mux_send(m, BK_SFRAME_OPEN, c->number, kind, n);
	if (err < 0) {
		bk_mux_forget(c);
		return err;
	}
	m->next_number += 2;
	bk_channel_listen(c, events, arg);
	*ret_channel = c;
	return 0;
}

bool bk_mux_owes_bye(const struct bk_mux *m)
{
	return m->owes_bye;
}

int bk_mux_say_bye(struct bk_mux *m, int error)
{
	return bk_mux_send_error(m, BK_SFRAME_BYE, 0, error);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Channels over one link. Payload of DATA is handed on in the pieces in which it arrives and is never
 * collected; only the short payloads of control frames are. */
#include "session/mux.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/list.h"
#include "base/log.h"
#include "wire/frame.h"
#include "wire/text.h"

enum { CONTROL_PAYLOAD_MAX = 256 };

struct bk_channel {
	struct bk_list link;
	struct bk_mux *mux;
	uint32_t number;
	const struct bk_channel_events *events; /* NULL: nobody listens yet */
	void *arg;
	bool paused, wants_write, is_told, finished_out, finished_in, ended;
};

struct bk_mux {
	struct bk_link *link;
	const struct bk_mux_events *events;
	void *arg;
	struct bk_list channels;
	size_t channels_len;
	uint32_t next_number; /* odd on the controlling side, even on the other */
	unsigned paused_len;
	/* the frame being read */
	uint8_t head[BK_SFRAME_HEADER_LEN];
	size_t head_len;
	struct bk_sframe frame;
	uint32_t payload_left;
	uint8_t control[CONTROL_PAYLOAD_MAX];
	size_t control_len;
	struct bk_channel *current; /* of the DATA frame being read; NULL: dropped */
	bool blocked;               /* the link took no more */
	bool busy, dead;
};

static void forget(struct bk_channel *c)
{
	struct bk_mux *m = c->mux;

	bk_list_remove(&c->link);
	m->channels_len--;
	if (m->current == c)
		m->current = NULL;
	if (c->paused && --m->paused_len == 0 && m->link)
		bk_link_resume(m->link);
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
	bk_list_append(&m->channels, &c->link);
	m->channels_len++;
	return c;
}

static int send_frame(struct bk_mux *m, uint8_t type, uint32_t channel, const void *payload, size_t n)
{
	const struct bk_sframe f = {.type = type, .channel = channel, .length = (uint32_t)n};
	uint8_t bytes[BK_SFRAME_HEADER_LEN + CONTROL_PAYLOAD_MAX];

	if (!m->link || n > CONTROL_PAYLOAD_MAX)
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

static void end_walk(struct bk_mux *m)
{
	m->busy = false;
	if (m->dead)
		free(m);
}

static int send_error(struct bk_mux *m, uint8_t type, uint32_t channel, int error)
{
	const char *name = error < 0 ? bk_error_name(error) : "";

	return send_frame(m, type, channel, name, strlen(name));
}

static void on_reset(struct bk_channel *c, int error)
{
	if (!c || c->ended)
		return;
	c->ended = true;
	if (c->events && c->events->on_reset)
		c->events->on_reset(c->arg, error);
}

int bk_mux_new(bool is_controlling, const struct bk_mux_events *events, void *arg, struct bk_mux **ret_mux)
{
	struct bk_mux *m = calloc(1, sizeof(*m));

	if (!m)
		return BK_E_NOMEM;
	*m = (struct bk_mux){.events = events, .arg = arg, .next_number = is_controlling ? 1 : 2};
	bk_list_init(&m->channels);
	*ret_mux = m;
	return 0;
}

void bk_mux_free(struct bk_mux *m)
{
	if (!m)
		return;
	m->link = NULL;
	bk_list_each(it, tmp, &m->channels) forget(bk_container_of(it, struct bk_channel, link));
	m->dead = true;
	if (!m->busy)
		free(m);
}

void bk_mux_attach(struct bk_mux *m, struct bk_link *link)
{
	m->link = link;
	if (m->paused_len)
		bk_link_pause(link);
}

void bk_mux_detach(struct bk_mux *m, int error)
{
	struct bk_channel *c;

	m->link = NULL;
	begin_walk(m);
	while (!m->dead && (c = next_untold(m)))
		on_reset(c, error);
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
		send_error(m, BK_SFRAME_RESET, m->frame.channel, BK_E_FULL);
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
	char name[CONTROL_PAYLOAD_MAX + 1];

	if (!m->control_len)
		return 0;
	memcpy(name, m->control, m->control_len);
	name[m->control_len] = 0;
	return bk_error_from_name(name);
}

static void on_fin(struct bk_channel *c)
{
	if (!c || c->finished_in || c->ended)
		return;
	c->finished_in = true;
	if (c->events && c->events->on_finished)
		c->events->on_finished(c->arg);
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
		on_fin(c);
		return 0;
	case BK_SFRAME_RESET:
		error = error_of_payload(m);
		on_reset(c, error < 0 ? error : BK_E_CANCELLED); /* a reset is never a good end */
		return 0;
	case BK_SFRAME_PING:
		send_frame(m, BK_SFRAME_PONG, 0, m->control, m->control_len);
		return 0;
	case BK_SFRAME_BYE:
		m->events->on_bye(m->arg, error_of_payload(m));
		return 0;
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
	return 0;
}

static void take_payload(struct bk_mux *m, const uint8_t *data, size_t n)
{
	struct bk_channel *c = m->current;

	if (m->frame.type == BK_SFRAME_DATA) {
		if (c && !c->ended && !c->finished_in && c->events)
			c->events->on_data(c->arg, data, n);
		return;
	}
	if (n > sizeof(m->control) - m->control_len)
		n = sizeof(m->control) - m->control_len; /* no control frame means anything beyond this */
	memcpy(m->control + m->control_len, data, n);
	m->control_len += n;
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
			take_payload(m, data, take);
			data += take;
			n -= take;
			m->payload_left -= (uint32_t)take;
		}
		if (!m->payload_left && !m->dead) {
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
	err = m->dead ? 0 : err;
	end_walk(m);
	return err;
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
	err = send_frame(m, BK_SFRAME_OPEN, c->number, kind, n);
	if (err < 0) {
		forget(c);
		return err;
	}
	m->next_number += 2;
	bk_channel_listen(c, events, arg);
	*ret_channel = c;
	return 0;
}

int bk_mux_say_bye(struct bk_mux *m, int error)
{
	return send_error(m, BK_SFRAME_BYE, 0, error);
}

void bk_channel_listen(struct bk_channel *c, const struct bk_channel_events *events, void *arg)
{
	c->events = events;
	c->arg = arg;
}

int bk_channel_write(struct bk_channel *c, const void *data, size_t n)
{
	const struct bk_sframe f = {.type = BK_SFRAME_DATA, .channel = c->number, .length = (uint32_t)n};
	uint8_t head[BK_SFRAME_HEADER_LEN];
	struct iovec pieces[2];
	int err;

	if (n > BK_CHANNEL_WRITE_MAX)
		return BK_E_TOO_BIG;
	if (c->ended || c->finished_out || !c->mux->link)
		return BK_E_EOF;
	if (!n)
		return 0;
	bk_sframe_encode(&f, head);
	pieces[0] = (struct iovec){head, sizeof(head)};
	pieces[1] = (struct iovec){(void *)(uintptr_t)data, n};
	err = bk_link_write(c->mux->link, pieces, 2, false);
	if (err == BK_E_AGAIN)
		c->wants_write = c->mux->blocked = true;
	return err;
}

void bk_channel_finish(struct bk_channel *c)
{
	if (c->finished_out || c->ended)
		return;
	c->finished_out = true;
	send_frame(c->mux, BK_SFRAME_FIN, c->number, NULL, 0);
}

void bk_channel_pause(struct bk_channel *c)
{
	if (c->paused)
		return;
	c->paused = true;
	if (c->mux->paused_len++ == 0 && c->mux->link)
		bk_link_pause(c->mux->link);
}

void bk_channel_resume(struct bk_channel *c)
{
	if (!c->paused)
		return;
	c->paused = false;
	if (--c->mux->paused_len == 0 && c->mux->link)
		bk_link_resume(c->mux->link);
}

void bk_channel_free(struct bk_channel *c, int error)
{
	if (!c)
		return;
	if (!c->ended && !(c->finished_in && c->finished_out))
		send_error(c->mux, BK_SFRAME_RESET, c->number, error < 0 ? error : BK_E_CANCELLED);
	forget(c);
}

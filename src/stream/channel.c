/* SPDX-License-Identifier: Apache-2.0 */
/* One channel: its writer's credit and its reader. Bytes go straight to the reader unless it is paused; then
 * they are kept, within the window. Credit returns in batches as the reader consumes, and the window of a
 * reader that keeps up doubles with each, out of a common reserve, until a long fast path is full: no clock
 * is asked. A peer that sends beyond its credit breaks the protocol. */
#include "stream/channel.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/opts.h"
#include "wire/cursor.h"

enum {
	TURN_MAX = 1 << 20, /* of kept bytes that a channel hands on before the others have their turn */
};

_Static_assert(BK_INBOX_BATCH + BK_CHANNEL_WRITE_MAX <= BK_INBOX_WINDOW, "a write could wait for ever");

/* --- the reader --- */

static void send_window(struct bk_channel *c, uint32_t credit)
{
	uint8_t payload[4];
	struct bk_writer w;

	bk_writer_init(&w, payload, sizeof(payload));
	bk_write_u32(&w, credit);
	if (bk_mux_say(c->mux, BK_SFRAME_WINDOW, c->number, payload, sizeof(payload)) == 0)
		bk_inbox_grant(&c->in, credit); /* else it stays due */
}

void bk_channel_return_credit(struct bk_channel *c, bool keeps_up)
{
	struct bk_mux *m = c->mux;
	uint32_t step = c->in.window;

	if (!bk_inbox_due(&c->in) || c->has_peer_finished || c->has_ended)
		return;
	/* Half of the reserve stays for those who come later. */
	if (keeps_up && step < BK_INBOX_WINDOW_MAX && step <= m->spare / 2) {
		m->spare -= step;
		c->in.window += step;
	}
	send_window(c, bk_inbox_due(&c->in));
}

/* The credit goes out before the reader has the bytes: afterwards the channel may be gone. */
static void hand(struct bk_channel *c, const uint8_t *data, size_t n, bool keeps_up)
{
	c->in.consumed += n;
	bk_channel_return_credit(c, keeps_up);
	c->events.on_data(c, c->arg, data, n);
}

bool bk_channel_is_listened(const struct bk_channel *c)
{
	return c->events.on_data;
}

static bool is_heard(const struct bk_channel *c)
{
	return c && !c->has_ended && !c->has_peer_finished && bk_channel_is_listened(c);
}

int bk_channel_on_head(struct bk_channel *c, uint32_t n)
{
	return is_heard(c) ? bk_inbox_expect(&c->in, n) : 0;
}

int bk_channel_on_payload(struct bk_channel *c, const uint8_t *data, size_t n)
{
	if (!is_heard(c))
		return 0;
	if (c->is_paused || c->in.kept)
		return bk_inbox_keep(&c->in, data, n);
	hand(c, data, n, true);
	return 0;
}

bool bk_channel_is_waiting(const struct bk_channel *c)
{
	return c->in.kept || c->owes_fin;
}

static void tell_finished(struct bk_channel *c)
{
	c->owes_fin = false;
	if (c->events.on_finished)
		c->events.on_finished(c, c->arg);
}

/* Its bytes until it is paused or others want their turn, then its end. */
void bk_channel_hand_on(struct bk_channel *c)
{
	struct bk_mux *m = c->mux;
	struct bk_inbox_piece *piece;
	size_t done = 0;

	m->reader = c;
	while (m->reader && !c->is_paused && done < TURN_MAX && (piece = bk_inbox_take(&c->in))) {
		struct bk_loan *before = bk_loan_begin(piece->loan);

		done += piece->len;
		hand(c, piece->data, piece->len, false);
		bk_loan_end(before);
		bk_inbox_piece_free(piece);
	}
	if (!m->reader)
		return;
	m->reader = NULL;
	if (c->owes_fin && !c->is_paused && !c->in.kept)
		tell_finished(c);
}

void bk_channel_on_fin(struct bk_channel *c)
{
	if (!c || c->has_peer_finished || c->has_ended)
		return;
	c->has_peer_finished = true;
	if (c->is_paused || c->in.kept)
		c->owes_fin = true;
	else
		tell_finished(c);
}

void bk_channel_on_reset(struct bk_channel *c, int error)
{
	if (!c || c->has_ended)
		return;
	c->has_ended = true;
	c->owes_fin = false;
	bk_inbox_done(&c->in);
	if (c->events.on_reset)
		c->events.on_reset(c, c->arg, error);
}

int bk_channel_listen(struct bk_channel *c, const struct bk_channel_events *events, void *arg)
{
	struct bk_channel_events ours;
	int err = bk_opts_read(&ours, events, on_reset);

	if (err < 0 || !ours.on_data)
		return err < 0 ? err : BK_E_INVALID;
	c->events = ours;
	c->arg = arg;
	return 0;
}

void bk_channel_pause(struct bk_channel *c)
{
	c->is_paused = true;
}

void bk_channel_resume(struct bk_channel *c)
{
	if (!c->is_paused)
		return;
	c->is_paused = false;
	if (bk_channel_is_waiting(c))
		bk_turn_ask(&c->mux->due);
}

/* --- the writer --- */

int bk_channel_on_window(struct bk_channel *c, const uint8_t *payload, size_t n)
{
	struct bk_reader r;
	uint32_t credit;

	bk_reader_init(&r, payload, n);
	credit = bk_read_u32(&r);
	if (r.error)
		return BK_E_PROTOCOL;
	if (!c || c->has_ended)
		return 0;
	if (credit > BK_MUX_CREDIT_MAX - c->credit)
		return BK_E_PROTOCOL;
	c->credit += credit;
	if (!c->wanted || c->credit < c->wanted)
		return 0;
	c->wanted = 0;
	if (c->mux->is_blocked)
		c->wants_write = true;
	else if (c->events.on_writable)
		c->events.on_writable(c, c->arg);
	return 0;
}

int bk_channel_write(struct bk_channel *c, const void *data, size_t n)
{
	const struct bk_sframe f = {.type = BK_SFRAME_DATA, .channel = c->number, .length = (uint32_t)n};
	uint8_t head[BK_SFRAME_HEADER_LEN];
	struct iovec pieces[2];
	int err;

	if (n > BK_CHANNEL_WRITE_MAX)
		return BK_E_TOO_BIG;
	if (c->has_ended || c->has_finished || !c->mux->send)
		return BK_E_EOF;
	if (!n)
		return 0;
	if (n > c->credit) {
		c->wanted = f.length;
		return BK_E_AGAIN;
	}
	bk_sframe_encode(&f, head);
	pieces[0] = (struct iovec){head, sizeof(head)};
	pieces[1] = (struct iovec){(void *)(uintptr_t)data, n};
	err = c->mux->send(c->mux->send_arg, pieces, 2, false);
	if (err == BK_E_AGAIN)
		c->wants_write = c->mux->is_blocked = true;
	else if (!err)
		c->credit -= f.length;
	return err;
}

void bk_channel_finish(struct bk_channel *c)
{
	if (c->has_finished || c->has_ended)
		return;
	c->has_finished = true;
	bk_mux_say(c->mux, BK_SFRAME_FIN, c->number, NULL, 0);
}

void bk_channel_free(struct bk_channel *c, int error)
{
	if (!c)
		return;
	if (!c->has_ended && !(c->has_peer_finished && c->has_finished))
		bk_mux_say_error(c->mux, BK_SFRAME_RESET, c->number, error < 0 ? error : BK_E_CANCELLED);
	bk_mux_forget(c);
}

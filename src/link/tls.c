/* SPDX-License-Identifier: Apache-2.0 */
/* The TLS link: a pump moves cipher bytes between the socket and a TLS engine; this file joins the two,
 * bounds the handshake in time, and ends in order. It refuses to send a byte before both
 * certificates are proven. */
#include "link/tls.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/error.h"
#include "base/hold.h"
#include "base/list.h"
#include "base/loan.h"
#include "base/time.h"
#include "net/pump.h"
#include "net/sock.h"
#include "net/tcp_info.h"
#include "net/turn.h"
#include "secure/stream.h"

enum {
	PATIENCE_MS = 40000, /* the kernel's own: for a peer whose window stays closed, or a silent one. Its
				questions begin after four fifths of it, when those of who owns the link should
				have come */
	REPEATS_DEAD = 2,    /* so many timeouts in a row without an answer, and the time below */
	PROBES_DEAD = 4,     /* the same at a closed window, where they are further apart */
	QUEUE_HIGH = 256 * 1024, /* above it write says "not now" */
	BUFFER_MAX = 2 * 1024 * 1024,
	SCRATCH_LEN = 256 * 1024 + BK_TLS_READ_ROOM - BK_TLS_RECORD_MAX, /* whole records */
	SCRATCHES = 8, /* so many of them are used again when those who kept what is in them are done */
	BUFFER_SLACK = 64 * 1024, /* record overhead of the largest write, and the engine's margin */
};

#define HANDSHAKE_TIMEOUT (10 * BK_SEC)
#define CLOSE_TIMEOUT     (2 * BK_SEC)
#define LOOK_EVERY        (150 * BK_MS) /* while something is in flight */
#define NEAR              (100 * BK_US)
#define NEAR_NO_MORE      (5 * BK_MS)   /* however near it was: the same addresses may get another path */
#define SILENCE_DEAD      (750 * BK_MS) /* then the path is dead, and another one is looked for */

struct tls_link {
	struct bk_link link; /* first */
	struct bk_tls *tls;
	struct bk_pump *pump;
	struct bk_timer *timer; /* handshake deadline, then the deadline of closing */
	struct bk_turn failer;  /* delivers on_end outside of callers */
	struct bk_timer *look;  /* runs while something is in flight */
	bk_time began;          /* to shake hands */
	bk_time since;          /* something is in flight without an answer */
	struct bk_loop *loop;
	struct bk_loan *scratches[SCRATCHES];
	struct bk_loan *scratch; /* of these, the one that is lent */
	bool has_lent;           /* and was kept */
	int end_error;
	bool is_closing, has_said_close, has_ended, is_looking;
	bool is_short; /* what may be on its way */
	struct bk_hold hold;
};

static struct tls_link *of(struct bk_link *l)
{
	return bk_container_of(l, struct tls_link, link);
}

static void end_later(struct tls_link *t, int error)
{
	bk_assert(error < 0);
	if (t->end_error)
		return;
	t->end_error = error;
	bk_turn_ask(&t->failer);
}

static void on_failer(void *arg)
{
	struct tls_link *t = arg;

	if (t->has_ended)
		return;
	t->has_ended = true;
	bk_pump_deafen(t->pump);
	t->link.events->on_end(t->link.arg, t->end_error,
		t->end_error == BK_E_TLS ? bk_tls_error_text(t->tls) : bk_error_text(t->end_error));
}

static void on_deadline(void *arg)
{
	struct tls_link *t = arg;

	end_later(t, t->is_closing ? BK_E_EOF : BK_E_TIMEOUT);
}

/* The next machine, or this one. There the copies in the kernel are what takes the time, and those of little stay in
 * the cache: while what is on its way is short, a gigabyte costs both sides a fifth less. Shorter than what the path
 * holds it is never: 300 KB in 100 us. */
static bool is_near(const struct bk_tcp_info *info)
{
	return info->least_rtt && info->least_rtt < NEAR && info->rtt < NEAR_NO_MORE;
}

static void fit_queue(struct tls_link *t, const struct bk_tcp_info *info)
{
	if (is_near(info) != t->is_short && bk_sock_shorten(bk_pump_fd(t->pump), !t->is_short))
		t->is_short = !t->is_short;
}

static void on_secure(void *arg)
{
	struct tls_link *t = arg;
	struct bk_tcp_info info;

	if (bk_tcp_info_get(bk_pump_fd(t->pump), &info) == 0)
		fit_queue(t, &info);

	if (!t->is_closing)
		bk_timer_stop(t->timer);
	t->link.rtt_ns = bk_loop_now(t->loop) - t->began;
	if (t->link.events->on_secure)
		t->link.events->on_secure(t->link.arg);
}

static int on_plain(void *arg, const uint8_t *data, size_t n)
{
	struct tls_link *t = arg;

	if (t->hold.is_dead)
		return BK_E_CANCELLED;
	t->link.events->on_data(t->link.arg, data, n);
	t->has_lent = bk_loan_is_shared(t->scratch);
	return t->hold.is_dead ? BK_E_CANCELLED : t->has_lent ? BK_E_AGAIN : 0;
}

/* --- is the path alive? --- */

/* The kernel repeats what is not acknowledged; when it did so twice for nothing, the path is dead. How soon
 * that is grows with the round trip by itself. */
static bool is_dead(struct tls_link *t, const struct bk_tcp_info *info, bk_time now)
{
	bk_dur waited = now - t->since;

	if (waited < SILENCE_DEAD || info->silent < SILENCE_DEAD)
		return false;
	return info->repeats >= (info->is_at_closed_window ? PROBES_DEAD : REPEATS_DEAD);
}

static void on_look(void *arg)
{
	struct tls_link *t = arg;
	bk_time now = bk_loop_now(t->loop);
	struct bk_tcp_info info;

	t->is_looking = false;
	if (t->end_error || bk_tcp_info_get(bk_pump_fd(t->pump), &info) < 0)
		return;
	fit_queue(t, &info);
	if (!info.is_in_flight || info.silent < now - t->since)
		t->since = now;
	if (is_dead(t, &info, now)) {
		end_later(t, BK_E_TIMEOUT);
	} else if (info.is_in_flight || bk_tls_out(t->tls)->len) {
		t->is_looking = true;
		bk_timer_start(t->look, LOOK_EVERY);
	}
}

static void start_looking(struct tls_link *t)
{
	if (t->is_looking)
		return;
	t->is_looking = true;
	t->since = bk_loop_now(t->loop);
	bk_timer_start(t->look, LOOK_EVERY);
}

/* All queued bytes are out and close was asked for: say so to the peer, once. */
static void finish_close(struct tls_link *t)
{
	if (!t->is_closing || bk_tls_out(t->tls)->len)
		return;
	if (!t->has_said_close) {
		t->has_said_close = true;
		bk_tls_close(t->tls);
		bk_pump_kick(t->pump);
	}
	if (!bk_tls_out(t->tls)->len)
		shutdown(bk_pump_fd(t->pump), SHUT_WR);
}

static void release(struct tls_link *t)
{
	bk_tls_free(t->tls);
	for (size_t i = 0; i < SCRATCHES; i++)
		bk_loan_unref(t->scratches[i]);
	free(t);
}

static void leave(struct tls_link *t)
{
	if (bk_hold_leave(&t->hold))
		release(t);
}

static int take_scratch(struct tls_link *t)
{
	struct bk_loan **place = bk_loan_pick(t->scratches, SCRATCHES);

	if (!*place)
		*place = bk_loan_new(SCRATCH_LEN);
	t->scratch = *place;
	return t->scratch ? 0 : BK_E_NOMEM;
}

/* Decrypts into memory that is lent, until whoever has what was in it keeps some of it. */
static int advance(struct tls_link *t)
{
	static const struct bk_tls_events events = {.on_secure = on_secure, .on_data = on_plain};
	struct bk_loan *before;
	int err = take_scratch(t);

	if (err < 0)
		return err;
	t->has_lent = false;
	before = bk_loan_begin(t->scratch);
	err = bk_tls_advance(t->tls, &events, t, t->scratch->bytes, SCRATCH_LEN);
	bk_loan_end(before);
	return err;
}

static void on_input(void *arg)
{
	struct tls_link *t = arg;
	int err;

	if (t->has_ended)
		return;
	bk_hold_enter(&t->hold);
	do
		err = advance(t);
	while (err == BK_E_AGAIN && t->has_lent);
	if (!t->hold.is_dead) {
		if (bk_tls_out(t->tls)->len)
			bk_pump_kick(t->pump);
		if (err < 0 && err != BK_E_AGAIN)
			end_later(t, err);
	}
	leave(t);
}

static void on_output(void *arg)
{
	struct tls_link *t = arg;

	bk_hold_enter(&t->hold);
	if (bk_tls_is_secure(t->tls) && !t->is_closing && t->link.events->on_writable)
		t->link.events->on_writable(t->link.arg);
	if (!t->hold.is_dead)
		finish_close(t);
	leave(t);
}

static void on_pump_end(void *arg, int error)
{
	struct tls_link *t = arg;

	/* A stream that just stops, without close_notify, is a peer that vanished (RFC 8446 section 6.1). */
	if (error == BK_E_EOF && !t->is_closing)
		error = bk_tls_is_secure(t->tls) ? BK_E_PEER_VANISHED : BK_E_RESET;
	end_later(t, error);
}

/* All of it, or an error that ends the link. The TLS engine refuses where making room would move much
 * memory; after sending what the socket takes there is little left to move, and it is moved. */
static int encrypt(struct tls_link *t, const uint8_t *at, size_t n)
{
	while (n) {
		ssize_t took = bk_tls_write(t->tls, at, n);

		if (took == BK_E_AGAIN) {
			bk_pump_kick(t->pump);
			if (!bk_buf_reserve(bk_tls_out(t->tls), n + BUFFER_SLACK))
				return BK_E_FULL;
			took = bk_tls_write(t->tls, at, n);
		}
		if (took < 0)
			return took == BK_E_AGAIN ? BK_E_FULL : (int)took;
		at += took;
		n -= (size_t)took;
	}
	return 0;
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* What does not fill a record of its own is put together in one, so that a short header has none to itself and all
 * but the last are full: of the next piece as much is copied as is missing. */
static int encrypt_pieces(struct tls_link *t, const struct iovec *pieces, int pieces_len)
{
	uint8_t record[BK_TLS_RECORD_MAX];
	size_t have = 0;
	int err = 0;

	for (int i = 0; i < pieces_len && !err; i++) {
		const uint8_t *at = pieces[i].iov_base;
		size_t n = pieces[i].iov_len, part = have ? least(n, BK_TLS_RECORD_MAX - have) : 0;
		size_t whole =
			i + 1 < pieces_len ? (n - part) / BK_TLS_RECORD_MAX * BK_TLS_RECORD_MAX : n - part;

		memcpy(record + have, at, part);
		have += part;
		if (have == BK_TLS_RECORD_MAX || (have && i + 1 == pieces_len)) {
			err = encrypt(t, record, have);
			have = 0;
		}
		if (!err && whole)
			err = encrypt(t, at + part, whole);
		n -= part + whole;
		memcpy(record + have, at + part + whole, n);
		have += n;
	}
	return err;
}

static int link_write(struct bk_link *l, const struct iovec *pieces, int pieces_len, bool urgent)
{
	struct tls_link *t = of(l);
	size_t total = 0;
	int err;

	if (t->end_error || t->is_closing || !bk_tls_is_secure(t->tls))
		return BK_E_EOF;
	for (int i = 0; i < pieces_len; i++)
		total += pieces[i].iov_len;
	if (total > BK_LINK_WRITE_MAX)
		return BK_E_TOO_BIG;
	if (!urgent && bk_tls_out(t->tls)->len >= QUEUE_HIGH)
		return BK_E_AGAIN;
	err = encrypt_pieces(t, pieces, pieces_len);
	if (err < 0)
		end_later(t, err);
	else
		bk_pump_kick(t->pump);
	start_looking(t);
	return err;
}

static void link_close(struct bk_link *l)
{
	struct tls_link *t = of(l);

	if (t->is_closing)
		return;
	t->is_closing = true;
	bk_timer_start(t->timer, CLOSE_TIMEOUT);
	if (!bk_tls_is_secure(t->tls))
		end_later(t, BK_E_EOF);
	else
		finish_close(t);
}

static void link_free(struct bk_link *l)
{
	struct tls_link *t = of(l);

	bk_pump_free(t->pump);
	t->pump = NULL;
	bk_timer_free(t->timer);
	bk_turn_done(&t->failer);
	bk_timer_free(t->look);
	if (bk_hold_end(&t->hold))
		release(t);
}

static const struct bk_link_ops ops = {
	.write = link_write,
	.close = link_close,
	.free = link_free,
};

static const struct bk_pump_events pump_events = {
	.on_input = on_input,
	.on_output = on_output,
	.on_end = on_pump_end,
};

static int start_tls(struct tls_link *t, const struct bk_link_tls_opts *o)
{
	const struct bk_tls_opts opts = {
		.is_server = o->is_server,
		.identity = o->identity,
		.alpn = BK_LINK_ALPN,
		.peer_pin = &o->peer_pin,
		.wants_peer_certificate = true,
		.buffer_max = BUFFER_MAX,
	};
	int err = bk_tls_new(&opts, &t->tls);

	if (!err && o->preface_len)
		err = bk_buf_append(bk_tls_out(t->tls), o->preface, o->preface_len);
	if (!err) {
		err = bk_tls_handshake(t->tls); /* a client speaks first */
		err = err == BK_E_AGAIN ? 0 : err;
	}
	return err;
}

int bk_link_tls_new(struct bk_loop *loop, int fd, const struct bk_link_tls_opts *opts,
	const struct bk_link_events *events, void *arg, struct bk_link **ret_link)
{
	struct tls_link *t = calloc(1, sizeof(*t));
	int err;

	if (!t)
		return BK_E_NOMEM;
	t->link = (struct bk_link){.ops = &ops, .events = events, .arg = arg};
	t->loop = loop;
	t->began = bk_loop_now(loop);
	bk_turn_init(&t->failer, loop, on_failer, t);
	err = take_scratch(t);
	if (!err)
		err = start_tls(t, opts);
	if (!err)
		err = bk_timer_new(loop, on_deadline, t, &t->timer);
	if (!err)
		err = bk_timer_new(loop, on_look, t, &t->look);
	if (!err)
		err = bk_pump_new(loop, fd, bk_tls_in(t->tls), bk_tls_out(t->tls), &pump_events, t, &t->pump);
	if (err < 0) {
		link_free(&t->link);
		return err; /* NOLINT(clang-analyzer-unix.Malloc): link_free frees what the link is a part of
			     */
	}
	bk_sock_tune_stream(fd, PATIENCE_MS);
	bk_timer_start(t->timer, opts->handshake_timeout_ns ? opts->handshake_timeout_ns : HANDSHAKE_TIMEOUT);
	bk_pump_kick(t->pump);
	*ret_link = &t->link;
	return 0;
}

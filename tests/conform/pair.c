/* SPDX-License-Identifier: Apache-2.0 */
/* The two owners. What is written is a pattern that does not repeat at powers of two, so that a byte lost,
 * doubled or moved shows. */
#include "tests/conform/pair.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/time.h"
#include "tests/conform/test_support.h"

enum { PATTERN = 65521, SPARE = BK_LINK_WRITE_MAX };

static uint8_t pattern[PATTERN + SPARE];

void pattern_at(uint64_t offset, uint8_t *out, size_t n)
{
	memcpy(out, pattern + offset % PATTERN, n);
}

static void stop_if(struct end *e, bool stop)
{
	if (stop)
		bk_loop_stop(e->pair->loop);
}

static void note_callback(struct end *e)
{
	if (e->in_call || e->ends || !e->link)
		e->garbled = true;
}

static bool free_if(struct end *e, int where)
{
	if ((int)e->free_in != where)
		return false;
	end_free(e);
	bk_loop_stop(e->pair->loop);
	return true;
}

static void on_secure(void *arg)
{
	struct end *e = arg;

	note_callback(e);
	e->secure++;
	if (free_if(e, FREE_IN_SECURE))
		return;
	end_pour(e);
	stop_if(e, e->stop_at_secure);
}

static void on_data(void *arg, const uint8_t *data, size_t n)
{
	struct end *e = arg;

	note_callback(e);
	for (size_t at = 0; at < n;) {
		size_t part = n - at < SPARE ? n - at : SPARE;

		if (memcmp(data + at, pattern + e->received % PATTERN, part))
			e->garbled = true;
		e->received += part;
		at += part;
	}
	if (free_if(e, FREE_IN_DATA))
		return;
	stop_if(e, e->stop_at && e->received >= e->stop_at);
}

static void on_writable(void *arg)
{
	struct end *e = arg;

	note_callback(e);
	e->writable++;
	if (free_if(e, FREE_IN_WRITABLE))
		return;
	end_pour(e);
	stop_if(e, e->stop_at_writable);
}

static void on_end(void *arg, int error, const char *text)
{
	struct end *e = arg;

	note_callback(e);
	if (!text || !*text)
		e->garbled = true;
	e->ends++;
	e->end_error = error;
	if (free_if(e, FREE_IN_END))
		return;
	stop_if(e, e->stop_at_end);
}

const struct bk_link_events pair_events = {
	.on_secure = on_secure,
	.on_data = on_data,
	.on_writable = on_writable,
	.on_end = on_end,
};

/* The body stands in a chunk that the link alone has from then on. */
static int lend(struct bk_link *l, const struct iovec pieces[2])
{
	struct bk_chunk *c = bk_chunk_new(pieces[1].iov_len);
	int err;

	if (!c)
		abort();
	memcpy(c->bytes, pieces[1].iov_base, pieces[1].iov_len);
	err = bk_link_lend(l,
		(struct bk_slice[]){
			{NULL, pieces[0].iov_base, pieces[0].iov_len}, {c, c->bytes, pieces[1].iov_len}},
		2);
	bk_chunk_unref(c);
	return err;
}

int end_write(struct end *e, const void *data, size_t n, bool urgent)
{
	/* In two pieces, because writers have a header and a body. */
	struct iovec pieces[2] = {
		{(void *)(uintptr_t)data, n / 3}, {(uint8_t *)(uintptr_t)data + n / 3, n - n / 3}};
	int err;

	e->in_call = true;
	if (!urgent && e->writes++ % 2)
		err = lend(e->link, pieces);
	else
		err = bk_link_write(e->link, pieces, 2, urgent);
	e->in_call = false;
	return err;
}

void end_pour(struct end *e)
{
	while (e->link && e->written < e->to_write) {
		size_t n = e->piece ? e->piece : 65536;
		int err;

		if (n > e->to_write - e->written)
			n = (size_t)(e->to_write - e->written);
		err = end_write(e, pattern + e->written % PATTERN, n, false);
		if (err < 0)
			return;
		e->written += n;
	}
	if (e->link && e->close_after)
		end_close(e);
}

void end_close(struct end *e)
{
	e->in_call = true;
	bk_link_close(e->link);
	e->in_call = false;
}

void end_free(struct end *e)
{
	struct bk_link *l = e->link;

	e->link = NULL;
	if (e->pair->kind->freed)
		e->pair->kind->freed(e->pair->state, (int)(e - e->pair->ends));
	bk_link_free(l);
}

static void on_watchdog(void *arg)
{
	struct pair *p = arg;

	p->late = true;
	bk_loop_stop(p->loop);
}

void pair_init(struct pair *p, const struct kind *kind)
{
	for (size_t i = 0; i < sizeof(pattern); i++)
		pattern[i] = (uint8_t)((i % PATTERN) * 2654435761u >> 13);
	*p = (struct pair){.kind = kind, .idle_timeout_ns = 2 * BK_SEC};
	assert_int_equal(bk_loop_new(BK_LOOP_AUTO, &p->loop), 0);
	assert_int_equal(bk_timer_new(p->loop, on_watchdog, p, &p->watchdog), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(bk_identity_new(&p->ids[i]), 0);
		p->ends[i] = (struct end){.pair = p, .other = &p->ends[1 - i]};
	}
	for (int i = 0; i < 2; i++)
		p->pins[i] = bk_identity_pin(p->ids[1 - i]);
	p->state = calloc(1, kind->state_len);
	assert_non_null(p->state);
}

void pair_start(struct pair *p)
{
	struct bk_link *links[2];

	assert_int_equal(p->kind->make(p, p->state, links), 0);
	p->ends[0].link = links[0];
	p->ends[1].link = links[1];
}

void pair_done(struct pair *p)
{
	for (int i = 0; i < 2; i++)
		if (p->ends[i].link)
			end_free(&p->ends[i]);
	p->kind->done(p->state);
	bk_timer_free(p->watchdog);
	bk_loop_free(p->loop);
	bk_identity_free(p->ids[0]);
	bk_identity_free(p->ids[1]);
	free(p->state);
	assert_false(p->ends[0].garbled);
	assert_false(p->ends[1].garbled);
}

void pair_run(struct pair *p, int64_t at_most_ns)
{
	p->late = false;
	bk_timer_start(p->watchdog, at_most_ns);
	assert_int_equal(bk_loop_run(p->loop), 0);
	bk_timer_stop(p->watchdog);
}

void pair_run_secure(struct pair *p)
{
	p->ends[0].stop_at_secure = p->ends[1].stop_at_secure = true;
	while ((!p->ends[0].secure || !p->ends[1].secure) && !p->late)
		pair_run(p, 10 * BK_SEC);
	assert_false(p->late);
	p->ends[0].stop_at_secure = p->ends[1].stop_at_secure = false;
}

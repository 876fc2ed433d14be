/* SPDX-License-Identifier: Apache-2.0 */
/* A few slots go round: the thread fills one while the loop sends another. What a slot is filled with is lent: where it
 * was kept until it has arrived, the slot goes on with other memory. Of a file whose size is known the header
 * stands before its bytes are read; of a stream it is put right in front of them. */
#include "transfer/reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/loan.h"
#include "net/loop.h"
#include "net/thread.h"
#include "transfer/squeeze.h"
#include "wire/packed.h"

enum {
	SLOTS = 8,
	SPARES = 32,           /* so much that was lent is used again when whoever kept it is done */
	PIECE_MAX = 252 << 10, /* with all headers in sixteen records of TLS, and whole pages */
	HEADROOM = 512,        /* for the header of a content message */
	SMALL = 32 << 10,      /* less room than this is not worth a beginning */
	HOLES_MAX = 64 << 20,  /* of one slot: nobody waits long for it */
	TINY = 1 << 10,        /* and less than this is not worth packing */
};

struct slot {
	struct bk_loan *loan;
	uint8_t *bytes;                                 /* of it */
	size_t size, start, len, content, fresh, holes; /* content: also what is only said to be there */
	size_t entry, number; /* what it has something of last, and which of those that are taken that is */
	uint8_t *packed;      /* of its own, once something was packed in it; HEADROOM and then the content */
	size_t packed_start, packed_len; /* 0: it goes as it is */
};

struct work {
	struct bk_source *source;
	struct bk_file_choice *choices;
	struct slot slots[SLOTS];
	struct bk_loan *spares[SPARES]; /* the thread's */
	bool has_holes;                 /* the other side understands them */
	size_t filled, sent;            /* counted on, under the lock; slot = count % SLOTS */
	bool is_waited_for, is_over;
	/* the thread's, until it is over */
	struct bk_source_reader reader;
	struct bk_digest *file_digest, *all_digest;
	struct bk_known *known; /* of the other side */
	struct bk_digest *block_digest;
	uint8_t *block; /* one that differs there, to be sent: it was read already */
	size_t block_len, block_at;
	struct bk_buf header;
	size_t current, taken;
	uint64_t offset;
	bool is_open;
	bool may_pack;
	struct bk_packer *packer; /* once something was packed */
	struct bk_squeeze squeeze;
	uint8_t digest[BK_DIGEST_LEN];
	int error;
	char text[BK_TRANSFER_TEXT_MAX];
};

struct bk_reader {
	struct bk_thread *thread;
	struct work *work;
};

/* --- on the thread --- */

static int fail(struct work *w, int err, const char *text)
{
	w->error = err;
	snprintf(w->text, sizeof(w->text), "%s", text);
	return err;
}

static size_t room(const struct slot *s)
{
	return s->size - s->start - s->len;
}

/* Past what is not taken, and folders and links, which have no content. */
static bool is_all_read(struct work *w)
{
	const struct bk_file_list *list = bk_source_list(w->source);

	while (w->current < list->len &&
		(!w->choices[w->current].is_taken || !list->entries[w->current].is_file))
		w->current++;
	return w->current == list->len;
}

static int open_next(struct work *w)
{
	if (bk_source_open(&w->reader, w->current) < 0)
		return fail(w, BK_E_FILE, w->reader.text);
	w->is_open = true;
	w->offset = 0;
	bk_digest_reset(w->file_digest);
	return 0;
}

static int encode(struct work *w, const struct bk_file_msg *msg, size_t content)
{
	int err;

	bk_buf_consume(&w->header, w->header.len);
	err = bk_file_msg_encode(&w->header, msg, content);
	return err < 0 ? fail(w, err, bk_error_text(err)) : 0;
}

static void mark(const struct work *w, struct slot *s)
{
	s->entry = w->current;
	s->number = w->taken + 1;
}

static int put_digest(struct work *w, struct slot *s)
{
	struct bk_file_msg msg = {.type = BK_FILE_DIGEST, .entry = (uint32_t)w->current};
	int err;

	bk_digest_get(w->file_digest, msg.digest);
	memcpy(w->digest, msg.digest, sizeof(msg.digest));
	bk_digest_update(w->all_digest, msg.digest, sizeof(msg.digest));
	err = encode(w, &msg, 0);
	if (err < 0)
		return err;
	memcpy(s->bytes + s->start + s->len, bk_buf_head(&w->header), w->header.len);
	s->len += w->header.len;
	bk_source_close(&w->reader);
	mark(w, s);
	w->current++;
	w->taken++;
	w->is_open = false;
	return 0;
}

static int encode_content(struct work *w, size_t n)
{
	const struct bk_file_msg msg = {
		.type = BK_FILE_CONTENT, .entry = (uint32_t)w->current, .offset = w->offset};

	return encode(w, &msg, n);
}

static void count_content(struct work *w, struct slot *s, const uint8_t *at, size_t n)
{
	bk_digest_update(w->file_digest, at, n);
	w->offset += n;
	mark(w, s);
	s->content += n;
	s->fresh += w->offset > w->choices[w->current].offset ? n : 0;
}

/* All n bytes, or the file has changed. */
static int read_file(struct work *w, uint8_t *at, size_t n)
{
	for (size_t have = 0; have < n;) {
		int got = bk_source_read(&w->reader, at + have, n - have);

		if (got < 0)
			return fail(w, got, w->reader.text);
		have += (size_t)got;
	}
	return 0;
}

/* Where there is one; 0: none. */
static int fill_of_hole(struct work *w, struct slot *s)
{
	static const uint8_t zeros[64 << 10];
	struct bk_file_msg msg = {
		.type = BK_FILE_CONTENT, .entry = (uint32_t)w->current, .offset = w->offset};
	size_t n = w->has_holes ? bk_source_hole(&w->reader, BK_FILE_CONTENT_MAX) : 0;
	int err;

	if (!n)
		return 0;
	msg.hole = n;
	err = encode(w, &msg, 0);
	if (err < 0)
		return err;
	memcpy(s->bytes + s->start + s->len, bk_buf_head(&w->header), w->header.len);
	s->len += w->header.len;
	s->holes += n;
	for (size_t part; n; n -= part) {
		part = n < sizeof(zeros) ? n : sizeof(zeros);
		count_content(w, s, zeros, part);
	}
	return 1;
}

/* The same, where a block may be at hand. */
static int read_whole(struct work *w, uint8_t *at, size_t n)
{
	if (w->block_at == w->block_len)
		return read_file(w, at, n);
	memcpy(at, w->block + w->block_at, n);
	w->block_at += n;
	return 0;
}

/* So much can be read now for one message. */
static uint64_t readable(const struct work *w)
{
	if (w->block_at < w->block_len)
		return w->block_len - w->block_at;
	return bk_source_list(w->source)->entries[w->current].size - w->offset;
}

/* The next block that the other side says it has: whether it is the same here, and passed over; else it is at hand. */
static int compare_block(struct work *w)
{
	uint64_t left = w->choices[w->current].offset - w->offset;
	size_t n = left < BK_HAVE_BLOCK ? (size_t)left : BK_HAVE_BLOCK;
	const uint8_t *theirs = bk_known_block(w->known, w->current, w->offset / BK_HAVE_BLOCK);
	uint8_t ours[BK_DIGEST_LEN];
	int err = read_file(w, w->block, n);

	if (err < 0)
		return err;
	bk_digest_reset(w->block_digest);
	bk_digest_update(w->block_digest, w->block, n);
	bk_digest_get(w->block_digest, ours);
	w->block_at = w->block_len = 0;
	if (memcmp(ours, theirs, sizeof(ours)) != 0) {
		w->block_len = n;
	} else {
		bk_digest_update(w->file_digest, w->block, n);
		w->offset += n;
	}
	return 0;
}

static bool is_to_be_compared(const struct work *w)
{
	return w->block_at == w->block_len && w->offset < w->choices[w->current].offset;
}

/* Of a file whose size is known: a message, or its digest. */
static int fill_of_file(struct work *w, struct slot *s)
{
	uint64_t left = readable(w);
	size_t most = room(s) - 2 * (size_t)HEADROOM, n = left < most ? (size_t)left : most;
	uint8_t *at = s->bytes + s->start + s->len, beyond;
	int err;

	if (!left) {
		err = bk_source_read(&w->reader, &beyond, 1);
		return err < 0 ? fail(w, err, w->reader.text) : put_digest(w, s);
	}
	if (w->block_at == w->block_len) {
		err = fill_of_hole(w, s);
		if (err)
			return err < 0 ? err : 0;
		n = bk_source_until_hole(&w->reader, n);
	}
	err = encode_content(w, n);
	if (err < 0)
		return err;
	memcpy(at, bk_buf_head(&w->header), w->header.len);
	err = read_whole(w, at + w->header.len, n);
	if (err < 0)
		return err;
	s->len += w->header.len + n;
	count_content(w, s, at + w->header.len, n);
	return 0;
}

/* In an empty slot: whatever there is now, or the digest at its end. BK_E_AGAIN: nothing. */
static int fill_of_stream(struct work *w, struct slot *s)
{
	int n = bk_source_read(&w->reader, s->bytes + HEADROOM, s->size - 2 * HEADROOM), err;

	if (n <= 0 && n != BK_E_AGAIN)
		return n < 0 ? fail(w, n, w->reader.text) : put_digest(w, s);
	if (n < 0)
		return n;
	err = encode_content(w, (size_t)n);
	if (err < 0)
		return err;
	s->start = HEADROOM - w->header.len;
	s->len = w->header.len + (size_t)n;
	memcpy(s->bytes + s->start, bk_buf_head(&w->header), w->header.len);
	count_content(w, s, s->bytes + HEADROOM, (size_t)n);
	return 0;
}

static bool is_stream(const struct work *w)
{
	return bk_source_list(w->source)->entries[w->current].is_stream;
}

static size_t small(const struct slot *s)
{
	return s->size / 8 < SMALL ? s->size / 8 : SMALL;
}

/* 0 or an error; BK_E_AGAIN: a stream has nothing now, or only in a slot of its own. */
static int fill_some(struct work *w, struct slot *s)
{
	int err = w->is_open ? 0 : open_next(w);

	if (err < 0)
		return err;
	if (is_stream(w))
		return s->len ? BK_E_AGAIN : fill_of_stream(w, s);
	return is_to_be_compared(w) ? compare_block(w) : fill_of_file(w, s);
}

/* As much as makes one write, or nothing yet, so that whoever left is noticed in between. BK_E_AGAIN: a stream has
 * nothing now. */
static int fill(struct work *w, struct slot *s)
{
	int err = 0;

	s->start = s->len = s->content = s->fresh = s->holes = 0;
	do
		err = fill_some(w, s);
	while (err >= 0 && s->len && !is_all_read(w) && room(s) >= 2 * HEADROOM + small(s) &&
		s->content < HOLES_MAX);
	return s->len ? 0 : err;
}

/* --- packing --- */

static int prepare(struct work *w, struct slot *s)
{
	if (!w->packer && bk_packer_new(&w->packer) < 0)
		return BK_E_NOMEM;
	if (!s->packed)
		s->packed = malloc(HEADROOM + bk_packer_bound(s->size));
	return s->packed ? 0 : BK_E_NOMEM;
}

/* Where there is no memory it goes, like all that follow, as it is. */
static void pack(struct work *w, struct slot *s)
{
	struct bk_file_msg msg = {.type = BK_FILE_PACKED, .bytes = s->len, .encoding = BK_PACKED_NAME};
	int n = prepare(w, s);

	if (n >= 0)
		n = bk_packer_pack(w->packer, w->squeeze.effort, s->bytes + s->start, s->len,
			s->packed + HEADROOM, bk_packer_bound(s->size));
	if (n < 0 || encode(w, &msg, (size_t)n) < 0) {
		w->may_pack = false;
		return;
	}
	s->packed_start = HEADROOM - w->header.len;
	s->packed_len = w->header.len + (size_t)n;
	memcpy(s->packed + s->packed_start, bk_buf_head(&w->header), w->header.len);
}

/* --- memory --- */

static int fit(struct slot *s, struct bk_loan *loan)
{
	if (!loan)
		return BK_E_NOMEM;
	s->loan = loan;
	s->bytes = loan->bytes;
	return 0;
}

/* Memory that nobody else has: its own, or one that came back, in the place of which its own is kept. */
static int take_memory(struct work *w, struct slot *s)
{
	struct bk_loan **place, *found;

	if (s->loan && !bk_loan_is_shared(s->loan))
		return 0;
	place = bk_loan_pick(w->spares, SPARES);
	found = *place;
	*place = s->loan;
	s->loan = NULL;
	return fit(s, found ? found : bk_loan_new(s->size));
}

/* In an empty slot what makes one write, packed where that pays. BK_E_AGAIN: a stream has nothing now. */
static int make(struct work *w, struct slot *s, bk_dur waited)
{
	bk_time begun = bk_loop_clock();
	int err = take_memory(w, s);

	s->packed_len = 0;
	err = err < 0 ? fail(w, err, bk_error_text(err)) : fill(w, s);
	if (err < 0 || !w->may_pack || s->len < TINY)
		return err;
	if (bk_squeeze_is_due(&w->squeeze))
		pack(w, s);
	bk_squeeze_note(
		&w->squeeze, s->len, s->packed_len ? s->packed_len : s->len, waited, bk_loop_clock() - begun);
	return err;
}

/* --- slots --- */

/* Whether there is room, with the lock held. */
static bool has_slot(struct bk_thread *t, const struct work *w)
{
	while (w->filled - w->sent == SLOTS && !bk_thread_is_left(t))
		(void)bk_thread_wait(t, -1, 0);
	return !bk_thread_is_left(t);
}

static void publish(struct bk_thread *t, struct work *w)
{
	w->filled++;
	if (w->is_waited_for)
		bk_thread_ring(t);
	w->is_waited_for = false;
}

static void run(struct bk_thread *t, void *arg)
{
	struct work *w = arg;
	bk_time full = bk_loop_clock();

	bk_thread_lock(t);
	while (!w->error && !w->is_over && has_slot(t, w)) {
		int err;

		bk_thread_unlock(t);
		err = make(w, &w->slots[w->filled % SLOTS], bk_loop_clock() - full);
		bk_thread_lock(t);
		full = bk_loop_clock();
		w->is_over =
			is_all_read(w); /* said with the last piece: who has all of it may answer at once */
		if (err >= 0 && w->slots[w->filled % SLOTS].len)
			publish(t, w);
		else if (err == BK_E_AGAIN)
			(void)bk_thread_wait(t, w->reader.fd, 0);
	}
	w->is_over = true;
	bk_thread_ring(t);
	bk_thread_unlock(t);
	bk_source_reader_done(&w->reader);
}

static void free_work(void *arg)
{
	struct work *w = arg;

	bk_source_unref(w->source);
	free(w->choices);
	for (size_t i = 0; i < SLOTS; i++) {
		bk_loan_unref(w->slots[i].loan);
		free(w->slots[i].packed);
	}
	for (size_t i = 0; i < SPARES; i++)
		bk_loan_unref(w->spares[i]);
	bk_packer_free(w->packer);
	bk_digest_free(w->file_digest);
	bk_digest_free(w->all_digest);
	bk_digest_free(w->block_digest);
	free(w->block);
	bk_known_free(w->known);
	bk_buf_done(&w->header);
	free(w);
}

static const struct bk_thread_ops ops = {.run = run, .free = free_work};

/* --- on the loop --- */

static int allocate(struct work *w, const struct bk_reader_wish *wish)
{
	size_t piece = wish->piece_max < PIECE_MAX ? (size_t)wish->piece_max : PIECE_MAX;

	bk_buf_init(&w->header, HEADROOM);
	w->file_digest = bk_digest_new();
	w->all_digest = bk_digest_new();
	if (!w->file_digest || !w->all_digest)
		return BK_E_NOMEM;
	if (w->known) {
		w->block = malloc(BK_HAVE_BLOCK);
		w->block_digest = bk_digest_new();
	}
	if (w->known && (!w->block || !w->block_digest))
		return BK_E_NOMEM;
	w->is_over = is_all_read(w);
	for (size_t i = 0; i < SLOTS; i++) {
		w->slots[i].size = HEADROOM + piece + HEADROOM;
		if (take_memory(w, &w->slots[i]) < 0)
			return BK_E_NOMEM;
	}
	return 0;
}

int bk_reader_new(struct bk_loop *loop, struct bk_source *source, const struct bk_reader_wish *wish,
	void (*fn)(void *arg), void *arg, struct bk_reader **ret_reader)
{
	struct bk_reader *r = calloc(1, sizeof(*r));
	struct work *w = r ? calloc(1, sizeof(*w)) : NULL;
	int err = BK_E_NOMEM;

	if (w) {
		*w = (struct work){.source = bk_source_ref(source),
			.choices = wish->choices,
			.known = wish->known,
			.has_holes = wish->version >= 2,
			.may_pack = wish->may_pack,
			.is_waited_for = true};
		r->work = w;
		bk_source_reader_init(&w->reader, source);
		bk_squeeze_init(&w->squeeze);
		err = allocate(w, wish);
	}
	if (err >= 0)
		err = bk_thread_new(loop, &ops, w, fn, arg, &r->thread);
	if (err >= 0) {
		*ret_reader = r;
		return 0;
	}
	if (w) {
		w->choices = NULL;
		w->known = NULL;
		free_work(w);
	}
	free(r);
	return err;
}

void bk_reader_free(struct bk_reader *r)
{
	if (!r)
		return;
	bk_thread_free(r->thread);
	free(r);
}

static struct bk_reader_piece piece_of(const struct slot *s)
{
	struct bk_reader_piece piece = {.loan = s->loan,
		.bytes = s->bytes + s->start,
		.len = s->len,
		.content = s->content,
		.fresh = s->fresh,
		.sent = s->content - s->holes,
		.entry = s->entry,
		.number = s->number};

	if (s->packed_len) { /* not lent; from the headroom on it is content */
		piece.bytes = s->packed + s->packed_start;
		piece.len = s->packed_len;
		piece.sent = s->packed_start + s->packed_len - HEADROOM;
	}
	return piece;
}

int bk_reader_piece(struct bk_reader *r, struct bk_reader_piece *ret_piece, const char **ret_text)
{
	struct work *w = r->work;
	const struct slot *s = &w->slots[w->sent % SLOTS];
	int err = 0;

	bk_thread_lock(r->thread);
	if (w->filled == w->sent) {
		err = !w->is_over ? BK_E_AGAIN : w->error ? w->error : BK_E_EOF;
		w->is_waited_for = true;
	}
	bk_thread_unlock(r->thread);
	if (!err)
		*ret_piece = piece_of(s);
	*ret_text = w->text;
	return err;
}

void bk_reader_next(struct bk_reader *r)
{
	bk_thread_lock(r->thread);
	r->work->sent++;
	if (r->work->filled - r->work->sent <= SLOTS / 2) /* few wakes, each for much */
		bk_thread_nudge(r->thread);
	bk_thread_unlock(r->thread);
}

const uint8_t *bk_reader_digest(struct bk_reader *r)
{
	struct work *w = r->work;

	if (w->taken != 1)
		bk_digest_get(w->all_digest, w->digest);
	return w->digest;
}

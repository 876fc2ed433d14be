/* SPDX-License-Identifier: Apache-2.0 */
/* The order of messages at the sending end: offer, wait for the answer, then every file that was taken in order, each
 * with its digest, as the reader has made them ready. */
#include "transfer/delivery.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/loan.h"
#include "transfer/reader.h"

enum state { LOOKING, OFFERING, SENDING, WAITING };

struct bk_delivery {
	struct bk_talk talk;
	enum state state;
	struct bk_offering *offering;
	struct bk_offering_wait wait;
	bool is_started;                          /* the channel is there */
	struct bk_reader *reader;                 /* once something is taken */
	struct bk_file_choice *choices;           /* the reader's, once there is one; so is */
	struct bk_known *known;                   /* what is there already */
	const char *paths[BK_TRANSFER_PATHS_MAX]; /* of what was taken */
	size_t paths_len, taken, folders, links;
	bool has_stream;
	uint64_t sent;        /* for the content */
	size_t offered, said; /* entries that were sent, and that were chosen about */
	char digest_text[BK_DIGEST_STR_MAX];
};

/* As much of the offer as the channel takes; the rest when there is room again. */
static void put_offer(struct bk_delivery *d)
{
	const struct bk_file_list *list = bk_source_list(d->offering->source);
	int err = 0;

	while (d->offered < list->len && bk_talk_flush(&d->talk) >= 0 && err >= 0)
		err = bk_file_offer_encode(&d->talk.out, list, &d->offered);
	if (err < 0)
		bk_talk_fail(&d->talk, err, "cannot offer that many files: %s; send a tar of them",
			bk_error_text(err));
	else
		(void)bk_talk_flush(&d->talk);
	bk_talk_await(&d->talk, BK_TALK_BUSY_TIME, "the other side did not answer the offer within an hour");
}

static void offer(struct bk_delivery *d)
{
	d->state = OFFERING;
	d->choices = calloc(d->offering->offer.entries + 1, sizeof(*d->choices));
	if (!d->choices) {
		bk_talk_fail(&d->talk, BK_E_NOMEM, "cannot send: %s", bk_error_text(BK_E_NOMEM));
		return;
	}
	if (d->talk.events.on_offer)
		d->talk.events.on_offer(&d->talk.call, d->talk.arg, &d->offering->offer);
	put_offer(d);
}

/* It is still looked around: who has come may wait. */
static void say_counting(struct bk_delivery *d)
{
	const size_t entries = bk_offering_count(d->offering);
	const struct bk_file_msg msg = {.type = BK_FILE_COUNTING, .entries = (uint32_t)entries};

	/* One that has not gone yet says as much. */
	if (d->is_started && !d->talk.out.len)
		bk_talk_put(&d->talk, &msg);
	if (d->talk.events.on_counting)
		d->talk.events.on_counting(&d->talk.call, d->talk.arg, entries, NULL);
}

static void go_on(struct bk_delivery *d)
{
	if (d->offering->error < 0)
		bk_talk_fail(&d->talk, d->offering->error, "%s", d->offering->text);
	else if (d->is_started)
		offer(d);
}

static void on_offering(void *arg)
{
	struct bk_delivery *d = arg;
	const struct bk_offering *o = d->offering;

	if (bk_talk_is_over(&d->talk))
		return;
	if (!bk_offering_is_settled(o)) {
		say_counting(d);
		return;
	}
	if (o->error >= 0 && d->talk.events.on_counting)
		d->talk.events.on_counting(&d->talk.call, d->talk.arg, o->offer.entries, &o->offer);
	go_on(d);
}

static void on_start(void *owner)
{
	struct bk_delivery *d = owner;

	d->is_started = true;
	if (bk_offering_is_settled(d->offering)) {
		go_on(d);
		return;
	}
	bk_talk_await(&d->talk, 0, NULL);
	say_counting(d);
}

/* Nothing is ready: it failed, that was all, or we wait for ourselves. */
static void on_nothing(struct bk_delivery *d, int err, const char *text)
{
	if (err == BK_E_AGAIN) {
		bk_talk_await(&d->talk, 0, NULL);
	} else if (err == BK_E_EOF) {
		d->state = WAITING;
		bk_talk_await(&d->talk, BK_TALK_BUSY_TIME,
			"the other side did not say within an hour that everything arrived");
	} else {
		bk_talk_fail(&d->talk, err, "%s", text);
	}
}

static const char *shown(const struct bk_delivery *d, size_t entry)
{
	return bk_file_entry_shown(&bk_source_list(d->offering->source)->entries[entry]);
}

/* Whoever keeps it until it has arrived may keep it where it stands. */
static int write_piece(struct bk_delivery *d, const struct bk_reader_piece *piece)
{
	struct bk_loan *before;
	int err;

	if (!d->talk.channel || bk_talk_flush(&d->talk) < 0)
		return BK_E_AGAIN;
	before = bk_loan_begin(piece->loan);
	err = bk_channel_write(d->talk.channel, piece->bytes, piece->len);
	bk_loan_end(before);
	return err;
}

/* Feeds the channel until it has enough. */
static void pump(void *owner)
{
	struct bk_delivery *d = owner;
	struct bk_reader_piece piece;
	const char *text;

	while (d->state == SENDING && !bk_talk_is_over(&d->talk)) {
		int err = bk_reader_piece(d->reader, &piece, &text);

		if (err < 0) {
			on_nothing(d, err, text);
			return;
		}
		if (bk_talk_waits(&d->talk, piece.len)) {
			bk_talk_await(&d->talk, 0, NULL);
			return;
		}
		if (write_piece(d, &piece) < 0) {
			bk_talk_await(
				&d->talk, BK_TALK_BUSY_TIME, "the other side took nothing more for an hour");
			return;
		}
		d->talk.meter.bytes += piece.fresh;
		d->sent += piece.sent;
		bk_talk_paced(&d->talk);
		d->talk.now = (struct bk_talk_now){shown(d, piece.entry), piece.number, d->taken};
		bk_reader_next(d->reader);
	}
}

/* Of what is taken: bytes, how many, and what the first are called. */
static uint64_t count_taken(struct bk_delivery *d)
{
	const struct bk_file_list *list = bk_source_list(d->offering->source);
	uint64_t sum = 0;

	for (size_t i = 0; i < list->len; i++) {
		if (!d->choices[i].is_taken)
			continue;
		sum += list->entries[i].size;
		d->has_stream |= list->entries[i].is_stream;
		if (list->entries[i].is_folder)
			d->folders++;
		else if (list->entries[i].is_link)
			d->links++;
		else
			d->taken++;
		if (d->paths_len < BK_TRANSFER_PATHS_MAX && !strchr(list->entries[i].path, '/'))
			d->paths[d->paths_len++] = bk_file_entry_shown(&list->entries[i]);
	}
	return sum;
}

static bool may_pack(const struct bk_delivery *d, const struct bk_file_msg *accept)
{
	return !d->offering->is_never_packed && !strcmp(accept->encoding, BK_PACKED_NAME);
}

static void on_have(struct bk_delivery *d)
{
	const struct bk_buf *content = &d->talk.reader.list;
	int err = BK_E_NOMEM;

	if (!d->known)
		d->known = bk_known_new();
	if (d->known)
		err = bk_known_add(
			d->known, bk_source_list(d->offering->source), bk_buf_head(content), content->len);
	if (err < 0)
		bk_talk_fail(&d->talk, err, "what the other side says it has cannot be used: %s",
			bk_error_text(err));
}

/* What is there already, of what is taken. */
static uint64_t count_known(const struct bk_delivery *d)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < d->offering->offer.entries; i++)
		sum += d->choices[i].offset;
	return sum;
}

/* A part of the answer. */
static int read_choices(struct bk_delivery *d)
{
	const struct bk_buf *content = &d->talk.reader.list;

	return bk_file_accept_decode(bk_buf_head(content), content->len,
		bk_source_list(d->offering->source)->len, d->choices, &d->said);
}

static void on_choices(struct bk_delivery *d)
{
	int err = read_choices(d);

	if (err < 0)
		bk_talk_fail(&d->talk, err, "the other side's answer cannot be used: %s", bk_error_text(err));
}

/* The last part. */
static int read_accept(struct bk_delivery *d)
{
	const struct bk_file_list *list = bk_source_list(d->offering->source);
	int err = read_choices(d);

	if (err >= 0 && d->said < list->len)
		err = BK_E_MALFORMED;
	return err < 0 ? err : bk_known_check(d->known, list, d->choices);
}

static void on_accept(struct bk_delivery *d, const struct bk_file_msg *msg)
{
	const struct bk_reader_wish wish = {.choices = d->choices,
		.version = msg->version,
		.may_pack = may_pack(d, msg),
		.piece_max = bk_pace_piece(d->offering->pace),
		.known = d->known};
	struct bk_transfer_resume from;
	int err = read_accept(d);

	d->talk.peer_version = msg->version;
	if (err < 0) {
		bk_talk_fail(&d->talk, err, "the other side's answer cannot be used: %s", bk_error_text(err));
		return;
	}
	/* Which also finds out whether there is a stream: that has no beginning twice. */
	from = (struct bk_transfer_resume){.total = count_taken(d), .bytes = count_known(d)};
	err = bk_reader_new(d->talk.loop, d->offering->source, &wish, pump, d, &d->reader);
	if (err < 0) {
		bk_talk_fail(&d->talk, err, "cannot send: %s", bk_error_text(err));
		return;
	}
	d->choices = NULL;
	d->known = NULL;
	d->state = SENDING;
	d->talk.is_resumable = msg->version && !msg->passes && !d->has_stream;
	bk_talk_count(&d->talk, &from);
	/* It goes on from the loop: what came with the answer comes before all is sent, however quick the reader is.
	 * Where no file is taken all is sent now, and the other side may have said done with its answer. */
	if (d->taken)
		bk_talk_await(&d->talk, 0, NULL);
	else
		pump(d);
}

static void on_done(struct bk_delivery *d, const struct bk_file_msg *msg)
{
	struct bk_transfer_result result = {
		.entries = d->taken, .bytes = d->talk.meter.bytes, .sent = d->sent};
	const struct bk_transfer_offer *offer = &d->offering->offer;
	const uint8_t *digest = bk_reader_digest(d->reader);

	if (msg->entries != d->taken || msg->bytes != result.bytes ||
		memcmp(msg->digest, digest, BK_DIGEST_LEN) != 0) {
		bk_talk_fail(&d->talk, BK_E_DIGEST, "the other side did not get what was sent: %s",
			bk_error_text(BK_E_DIGEST));
		return;
	}
	result.digest = bk_digest_to_str(digest, d->digest_text);
	result.first = d->paths_len ? d->paths[0] : NULL;
	result.paths = d->paths;
	result.paths_len = d->paths_len;
	result.folders = d->folders;
	result.links = d->links;
	result.skipped = offer->entries - offer->folders - offer->links - d->taken;
	bk_talk_succeed(&d->talk, &result);
}

static void on_message(void *owner, const struct bk_file_msg *msg)
{
	struct bk_delivery *d = owner;

	const bool is_offered = d->state == OFFERING && d->offered == d->offering->offer.entries;

	if (msg->type == BK_FILE_HAVE && is_offered)
		on_have(d);
	else if (msg->type == BK_FILE_ACCEPT && is_offered)
		on_accept(d, msg);
	else if (msg->type == BK_FILE_CHOICES && is_offered)
		on_choices(d);
	else if (msg->type == BK_FILE_REFUSE && d->state == OFFERING)
		bk_talk_blame(&d->talk, msg);
	else if (msg->type == BK_FILE_DONE && d->state == WAITING)
		on_done(d, msg);
	else
		bk_talk_fail(&d->talk, BK_E_PROTOCOL, "the other side sent '%s' out of place",
			bk_file_type_name(msg->type));
}

static void on_writable(void *owner)
{
	struct bk_delivery *d = owner;

	if (d->state == OFFERING)
		put_offer(d);
	else if (d->state != LOOKING)
		pump(d);
}

/* A content message was refused above, so no piece follows. */
static void on_piece(void *owner, const uint8_t *data, size_t n)
{
	(void)owner;
	(void)data;
	(void)n;
}

static bool on_end(void *owner)
{
	(void)owner;
	return true;
}

static const struct bk_talk_ops ops = {
	.is_opener = true,
	.on_start = on_start,
	.on_message = on_message,
	.on_piece = on_piece,
	.on_writable = on_writable,
	.on_end = on_end,
};

int bk_delivery_new(struct bk_loop *loop, struct bk_offering *offering, const struct bk_talk_place *place,
	const struct bk_transfer_events *events, void *arg, struct bk_delivery **ret_delivery)
{
	struct bk_delivery *d = calloc(1, sizeof(*d));
	int err = d ? bk_talk_init(&d->talk, loop, place, events, arg) : BK_E_NOMEM;

	if (err >= 0) {
		d->offering = offering;
		d->wait = (struct bk_offering_wait){.fn = on_offering, .arg = d};
		d->talk.pace = offering->pace; /* one for all of them */
		if (!bk_offering_is_settled(offering))
			bk_offering_await(offering, &d->wait);
		err = bk_talk_start(&d->talk, &ops, d, NULL);
	}
	if (err < 0)
		bk_delivery_free(d);
	else
		*ret_delivery = d;
	return err;
}

void bk_delivery_cancel(struct bk_delivery *d)
{
	bk_talk_cancel(&d->talk);
}

void bk_delivery_turn_out(struct bk_delivery *d, const char *text)
{
	bk_talk_fail(&d->talk, BK_E_FULL, "%s", text);
}

void bk_delivery_free(struct bk_delivery *d)
{
	if (!d)
		return;
	bk_offering_leave(&d->wait);
	bk_talk_done(&d->talk);
	bk_reader_free(d->reader);
	bk_known_free(d->known);
	free(d->choices);
	free(d);
}

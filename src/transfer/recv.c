/* SPDX-License-Identifier: Apache-2.0 */
/* The receiving end: look at the offer, ask where asking is wanted, then take every file in order: content,
 * digest, sync, final name. Whatever the other side sends is held against what it offered: no byte beyond the
 * announced size, no file out of turn, no name that exists. It does not resume; what is unfinished is
 * removed. */
#include <bodkin/transfer.h>

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/opts.h"
#include "transfer/digest.h"
#include "transfer/sink.h"
#include "transfer/sync.h"
#include "transfer/talk.h"

enum recv_state { RECV_PAIRED, RECV_ASK_ACCEPT, RECV_ASK_OVERWRITE, RECV_RECEIVING, RECV_SYNCING };

struct bk_recv {
	struct bk_talk talk;
	enum recv_state state;
	bool asks_accept, asks_overwrite, may_overwrite;
	struct bk_sink *sink;
	struct bk_sync *sync;
	struct bk_file_list list;
	struct bk_transfer_offer offer;
	bool *existing; /* of each entry: its name is taken, and may be replaced once asked */
	size_t current;
	uint64_t offset; /* of the current entry: bytes written */
	bool is_begun;
	struct bk_digest *file_digest, *all_digest;
	uint8_t last_digest[BK_DIGEST_LEN];
	char digest_text[BK_DIGEST_STR_MAX];
};

static void on_start(void *owner)
{
	(void)owner; /* the other side speaks first */
}

static const struct bk_file_entry *current_entry(const struct bk_recv *r)
{
	return &r->list.entries[r->current];
}

static void fail_sink(struct bk_recv *r, int err)
{
	bk_talk_fail(&r->talk, err, "%s", bk_sink_text(r->sink));
	bk_sink_drop(r->sink);
}

static void finish(struct bk_recv *r)
{
	struct bk_file_msg msg = {
		.type = BK_FILE_DONE, .entries = (uint32_t)r->list.len, .bytes = r->talk.meter.bytes};
	struct bk_transfer_result result = {
		.entries = r->list.len, .bytes = r->talk.meter.bytes, .first = r->offer.first};

	if (r->list.len == 1)
		memcpy(msg.digest, r->last_digest, sizeof(msg.digest));
	else
		bk_digest_get(r->all_digest, msg.digest);
	result.digest = bk_digest_to_str(msg.digest, r->digest_text);
	bk_talk_put(&r->talk, &msg);
	bk_talk_succeed(&r->talk, &result);
}

static int begin_current(struct bk_recv *r)
{
	int err;

	if (r->is_begun)
		return 0;
	err = bk_sink_begin(r->sink, current_entry(r));
	if (err < 0) {
		fail_sink(r, err);
		return err;
	}
	r->is_begun = true;
	r->offset = 0;
	bk_digest_reset(r->file_digest);
	return 0;
}

static void on_synced(void *arg, int error)
{
	struct bk_recv *r = arg;
	int err;

	bk_sync_free(r->sync);
	r->sync = NULL;
	if (bk_talk_is_over(&r->talk))
		return;
	if (error < 0) {
		bk_talk_fail(&r->talk, error == BK_E_NO_SPACE ? error : BK_E_FILE,
			"cannot write '%s' to the disk: %s", current_entry(r)->path, bk_error_text(error));
		bk_sink_drop(r->sink);
		return;
	}
	err = bk_sink_commit(r->sink, r->existing[r->current]);
	if (err < 0) {
		fail_sink(r, err);
		return;
	}
	r->current++;
	r->is_begun = false;
	r->state = RECV_RECEIVING;
	if (r->current == r->list.len)
		finish(r);
	else
		bk_talk_release(&r->talk);
}

static void on_digest(struct bk_recv *r, const struct bk_file_msg *msg)
{
	int err;

	if (msg->entry != r->current || begin_current(r) < 0 ||
		(!current_entry(r)->is_stream && r->offset != current_entry(r)->size)) {
		bk_talk_fail(&r->talk, BK_E_PROTOCOL, "the other side ended '%s' before all of it was sent",
			current_entry(r)->path);
		return;
	}
	bk_digest_get(r->file_digest, r->last_digest);
	if (memcmp(r->last_digest, msg->digest, sizeof(r->last_digest)) != 0) {
		bk_talk_fail(&r->talk, BK_E_DIGEST, "'%s' arrived damaged: %s; try again",
			current_entry(r)->path, bk_error_text(BK_E_DIGEST));
		return;
	}
	bk_digest_update(r->all_digest, r->last_digest, sizeof(r->last_digest));
	r->state = RECV_SYNCING;
	bk_talk_hold(&r->talk);
	err = bk_sync_new(r->talk.loop, bk_sink_fd(r->sink), on_synced, r, &r->sync);
	if (err < 0)
		bk_talk_fail(&r->talk, err, "cannot write '%s' to the disk: %s", current_entry(r)->path,
			bk_error_text(err));
}

static uint64_t size_max(const struct bk_file_entry *e)
{
	return e->is_stream ? INT64_MAX : e->size;
}

static void on_content(struct bk_recv *r, const struct bk_file_msg *msg)
{
	if (msg->entry != r->current) {
		bk_talk_fail(&r->talk, BK_E_PROTOCOL, "the other side sent files out of order");
		return;
	}
	if (begin_current(r) < 0)
		return;
	if (msg->offset != r->offset)
		bk_talk_fail(&r->talk, BK_E_PROTOCOL, "the other side sent parts of '%s' out of order",
			current_entry(r)->path);
	else if (msg->content_len > size_max(current_entry(r)) - r->offset)
		bk_talk_fail(&r->talk, BK_E_TOO_BIG, "the other side sent more of '%s' than it offered",
			current_entry(r)->path);
}

static void on_piece(void *owner, const uint8_t *data, size_t n)
{
	struct bk_recv *r = owner;
	int err = bk_sink_write(r->sink, data, n);

	if (err < 0) {
		fail_sink(r, err);
		return;
	}
	bk_digest_update(r->file_digest, data, n);
	r->offset += n;
	r->talk.meter.bytes += n;
}

static void accept_offer(struct bk_recv *r)
{
	struct bk_file_choice *choices = calloc(r->list.len, sizeof(*choices));
	int err = choices ? 0 : BK_E_NOMEM;

	if (err >= 0) {
		for (size_t i = 0; i < r->list.len; i++)
			choices[i].is_taken = true;
		err = bk_file_accept_encode(&r->talk.out, choices, r->list.len);
	}
	free(choices);
	if (err < 0) {
		bk_talk_fail(&r->talk, err, "cannot answer the other side: %s", bk_error_text(err));
		return;
	}
	r->state = RECV_RECEIVING;
	bk_talk_count(&r->talk, r->list.bytes);
	(void)bk_talk_flush(&r->talk);
}

static void refuse_existing(struct bk_recv *r)
{
	for (size_t i = 0; i < r->list.len; i++)
		if (r->existing[i] && bk_sink_check(r->sink, &r->list.entries[i]) < 0)
			break;
	bk_talk_refuse(&r->talk, BK_E_EXISTS, "%s", bk_sink_text(r->sink));
}

/* The questions that are left, then yes. */
static void decide(struct bk_recv *r)
{
	const struct bk_transfer_events *events = &r->talk.events;

	if (r->state == RECV_PAIRED && r->asks_accept) {
		r->state = RECV_ASK_ACCEPT;
		events->on_ask(&r->talk.call, r->talk.arg, BK_TRANSFER_ASK_ACCEPT, &r->offer);
	} else if (r->state != RECV_ASK_OVERWRITE && r->offer.existing && !r->may_overwrite &&
		   r->asks_overwrite) {
		r->state = RECV_ASK_OVERWRITE;
		events->on_ask(&r->talk.call, r->talk.arg, BK_TRANSFER_ASK_OVERWRITE, &r->offer);
	} else if (r->state != RECV_ASK_OVERWRITE && r->offer.existing && !r->may_overwrite) {
		refuse_existing(r);
	} else {
		accept_offer(r);
	}
}

/* What this side has against the offer. Existing files are only noted. */
static int judge(struct bk_recv *r)
{
	int err;

	for (size_t i = 0; i < r->list.len; i++) {
		err = bk_sink_check(r->sink, &r->list.entries[i]);
		if (err < 0 && err != BK_E_EXISTS)
			return err;
		r->existing[i] = err == BK_E_EXISTS;
		if (r->existing[i] && !r->offer.existing++)
			r->offer.existing_first = r->list.entries[i].path;
	}
	return bk_sink_check_space(r->sink, r->list.bytes);
}

static void on_offer(struct bk_recv *r)
{
	const struct bk_buf *content = &r->talk.reader.list;
	int err = bk_file_offer_decode(bk_buf_head(content), content->len, &r->list);

	if (err < 0) {
		bk_talk_fail(&r->talk, err, "the other side's offer cannot be taken: %s", bk_error_text(err));
		return;
	}
	r->offer = (struct bk_transfer_offer){.entries = r->list.len,
		.bytes = r->list.bytes,
		.first = r->list.entries[0].path,
		.from = r->talk.call.peer_name};
	r->existing = calloc(r->list.len, sizeof(*r->existing));
	err = r->existing ? judge(r) : BK_E_NOMEM;
	if (err == BK_E_NOMEM) {
		bk_talk_fail(&r->talk, err, "cannot receive: %s", bk_error_text(err));
		return;
	}
	if (r->talk.events.on_offer)
		r->talk.events.on_offer(&r->talk.call, r->talk.arg, &r->offer);
	if (err < 0)
		bk_talk_refuse(&r->talk, err, "%s", bk_sink_text(r->sink));
	else
		decide(r);
}

static void on_message(void *owner, const struct bk_file_msg *msg)
{
	struct bk_recv *r = owner;

	if (msg->type == BK_FILE_OFFER && r->state == RECV_PAIRED && !r->list.len)
		on_offer(r);
	else if (msg->type == BK_FILE_CONTENT && r->state == RECV_RECEIVING)
		on_content(r, msg);
	else if (msg->type == BK_FILE_DIGEST && r->state == RECV_RECEIVING)
		on_digest(r, msg);
	else
		bk_talk_fail(&r->talk, BK_E_PROTOCOL, "the other side sent '%s' out of place",
			bk_file_type_name(msg->type));
}

static void on_end(void *owner)
{
	struct bk_recv *r = owner;

	bk_sync_free(r->sync);
	r->sync = NULL;
	bk_sink_drop(r->sink);
}

static const struct bk_talk_ops ops = {
	.on_start = on_start,
	.on_message = on_message,
	.on_piece = on_piece,
	.on_end = on_end,
};

void bk_recv_answer(struct bk_recv *r, bool yes)
{
	if ((r->state != RECV_ASK_ACCEPT && r->state != RECV_ASK_OVERWRITE) || bk_talk_is_over(&r->talk))
		return;
	if (yes)
		decide(r);
	else if (r->state == RECV_ASK_OVERWRITE)
		refuse_existing(r);
	else
		bk_talk_refuse(&r->talk, BK_E_CANCELLED, "the offer was declined");
}

static int allocate(struct bk_recv *r, const struct bk_recv_opts *opts)
{
	r->asks_accept = opts->asks_accept;
	r->asks_overwrite = opts->asks_overwrite;
	r->may_overwrite = opts->may_overwrite;
	r->file_digest = bk_digest_new();
	r->all_digest = bk_digest_new();
	return r->file_digest && r->all_digest ? 0 : BK_E_NOMEM;
}

static int start(struct bk_recv *r, const struct bk_recv_opts *o, char *ret_text)
{
	int err;

	if (!o->folder || ((o->asks_accept || o->asks_overwrite) && !r->talk.events.on_ask))
		return BK_E_INVALID;
	err = bk_sink_new(o->folder, &r->sink, ret_text);
	if (err >= 0)
		err = allocate(r, o);
	return err < 0 ? err : bk_talk_start(&r->talk, &ops, r);
}

int bk_recv_new(struct bk_loop *loop, const struct bk_recv_opts *opts,
	const struct bk_transfer_events *events, void *arg, struct bk_recv **ret_recv,
	char ret_text[BK_TRANSFER_TEXT_MAX])
{
	struct bk_recv *r = calloc(1, sizeof(*r));
	char text[BK_TRANSFER_TEXT_MAX] = "";
	struct bk_recv_opts o;
	int unread = bk_opts_read(&o, opts, may_overwrite);
	int err = r ? bk_talk_init(&r->talk, loop, o.session, events, arg) : BK_E_NOMEM;

	if (err >= 0)
		err = unread < 0 ? unread : start(r, &o, text);
	if (err < 0) {
		bk_call_explain(err, "receive", o.session, text);
		if (ret_text)
			memcpy(ret_text, text, sizeof(text));
		bk_recv_free(r);
		return err;
	}
	*ret_recv = r;
	return 0;
}

void bk_recv_cancel(struct bk_recv *r)
{
	bk_talk_cancel(&r->talk);
	bk_sink_drop(r->sink);
}

void bk_recv_free(struct bk_recv *r)
{
	if (!r)
		return;
	bk_talk_done(&r->talk);
	bk_sync_free(r->sync);
	bk_sink_free(r->sink);
	bk_file_list_done(&r->list);
	free(r->existing);
	bk_digest_free(r->file_digest);
	bk_digest_free(r->all_digest);
	free(r);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The receiving end: look at the offer, ask where asking is wanted, then take every file in order: content, then
 * digest. What becomes of each entry stands in its pick. Whatever the other side sends is held against what it
 * offered: no byte beyond the announced size, no file out of turn, no name that exists; what the writer gets is in
 * order. What is unfinished stays as a part, with a journal. */
#include <bodkin/transfer.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/opts.h"
#include "net/turn.h"
#include "transfer/answer.h"
#include "transfer/digest.h"
#include "transfer/intake.h"
#include "transfer/memo.h"
#include "transfer/outlet.h"
#include "transfer/taken.h"
#include "transfer/talk.h"

enum recv_state {
	RECV_PAIRED,
	RECV_OFFERED, /* a part of it */
	RECV_ASK_ACCEPT,
	RECV_ASK_CONFLICT,
	RECV_DECIDING,
	RECV_LOOKING, /* what is here already is read */
	RECV_ANSWERING,
	RECV_RECEIVING,
	RECV_FINISHING,
};

enum { MODES_ALL = 0777, MODES_NO_X = 0666 };
enum { LONG_TO_READ = 256 << 20 }; /* bytes: it is said that they are read */

struct bk_recv {
	struct bk_talk talk;
	struct bk_pace pace;
	enum recv_state state;
	struct bk_turn decider; /* after an answer: what comes next is said from the loop */
	bool asks_accept, takes_hidden, takes_executable;
	enum bk_transfer_conflict conflict;
	char *folder;
	bool has_stream; /* one file or stream goes to stream_fd, and no folder is there */
	int stream_fd;
	uint64_t bytes_max; /* no more is taken; 0: whatever there is */
	int memo;           /* what is offered is a text and comes here; -1: it is none */
	struct bk_store *store;
	struct bk_intake intake;
	struct bk_answer answer;
	struct bk_outlet outlet; /* a writer has the store, until it is over */
	struct bk_transfer_offer offer;
	struct bk_taken taken;
	size_t current;
	uint64_t offset; /* of the current entry: bytes that came, or are here and right */
	bool is_begun;
	bool has_amended; /* something differed from what was here, which is said once */
	struct bk_digest *all_digest;
	uint8_t last_digest[BK_DIGEST_LEN];
	char digest_text[BK_DIGEST_STR_MAX];
};

/* The other side speaks first. */
static void on_start(void *owner)
{
	struct bk_recv *r = owner;

	bk_talk_await(&r->talk, BK_TALK_OFFER_TIME, "the other side offered nothing within five minutes");
}

static const struct bk_file_entry *current_entry(const struct bk_recv *r)
{
	return &r->store->list.entries[r->current];
}

static bool is_kept(const struct bk_recv *r)
{
	return !r->has_stream && r->memo < 0;
}

/* False: it cannot be. */
static bool tell_text(struct bk_recv *r)
{
	size_t len;
	char *text = bk_memo_read(r->memo, &len);

	if (text)
		r->talk.events.on_text(&r->talk.call, r->talk.arg, text, len);
	else
		bk_talk_fail(&r->talk, BK_E_NOMEM, "cannot receive: %s", bk_error_text(BK_E_NOMEM));
	free(text);
	return text;
}

static void finish(struct bk_recv *r)
{
	struct bk_file_msg msg = {.type = BK_FILE_DONE, .bytes = r->talk.meter.bytes};
	struct bk_transfer_result result = {.bytes = r->talk.meter.bytes, .sent = r->talk.reader.travelled};

	bk_taken_tell(&r->taken, &r->store->picks, is_kept(r) ? r->folder : NULL, &result);
	msg.entries = (uint32_t)result.entries;
	if (result.entries == 1)
		memcpy(msg.digest, r->last_digest, sizeof(msg.digest));
	else
		bk_digest_get(r->all_digest, msg.digest);
	result.digest = bk_digest_to_str(msg.digest, r->digest_text);
	if (r->memo >= 0 && !tell_text(r))
		return;
	bk_talk_put(&r->talk, &msg);
	bk_talk_succeed(&r->talk, &result);
}

/* What the writer was told; while it has enough the other side waits. */
static bool is_told(struct bk_recv *r, int err)
{
	if (err < 0)
		bk_talk_fail(&r->talk, err, "cannot receive: %s", bk_error_text(err));
	else if (bk_outlet_is_full(&r->outlet))
		bk_talk_hold(&r->talk);
	return err >= 0;
}

/* Everything came: it is our turn. */
static void finish_writing(struct bk_recv *r)
{
	r->state = RECV_FINISHING;
	bk_talk_await(&r->talk, 0, NULL);
	bk_talk_hold(&r->talk);
	(void)is_told(r, bk_outlet_finish(&r->outlet));
}

static void tell_current(struct bk_recv *r)
{
	if (r->current == r->store->list.len)
		return;
	r->talk.now.path = bk_picks_shown(&r->store->picks, r->current);
	r->talk.now.number++;
}

/* Past what is not taken, and what has no content: folders, and links, which come last; and on to wait for it. */
static void find_current(struct bk_recv *r)
{
	for (; r->current < r->store->list.len; r->current++) {
		if (!r->store->picks.rows[r->current].is_taken)
			continue;
		if (current_entry(r)->is_file)
			break;
		if (current_entry(r)->is_folder && !is_told(r, bk_outlet_make_folder(&r->outlet, r->current)))
			return;
	}
	tell_current(r);
	if (r->current < r->store->list.len)
		bk_talk_await(&r->talk, current_entry(r)->is_stream ? 0 : BK_TALK_BUSY_TIME,
			"the other side sent nothing more for an hour");
	else if (bk_outlet_is_open(&r->outlet))
		finish_writing(r);
	else
		finish(r);
}

static bool begin_current(struct bk_recv *r)
{
	if (r->is_begun)
		return true;
	r->is_begun = true;
	r->offset = 0;
	return is_told(r, bk_outlet_begin(&r->outlet, r->current));
}

static void begin_answer(struct bk_recv *r);

static void tell_rest(struct bk_recv *r)
{
	const struct bk_writer_rest rest = bk_outlet_rest(&r->outlet);
	char text[BK_TRANSFER_TEXT_MAX];

	if (r->talk.is_done || (!rest.has_any && !rest.part))
		return;
	if (r->talk.peer_version && !rest.is_stream) {
		bk_talk_add_how_to_go_on(&r->talk);
	} else if (rest.part) {
		snprintf(text, sizeof(text), "; what came is kept as '%s'", rest.part);
		bk_call_add(&r->talk.call, text);
	}
}

static void on_writer_over(struct bk_recv *r)
{
	const char *text;
	int error = bk_outlet_error(&r->outlet, &text);

	if (r->talk.is_settling)
		tell_rest(r);
	if (r->talk.is_settling)
		bk_talk_settled(&r->talk);
	else if (!bk_talk_is_over(&r->talk) && error < 0)
		bk_talk_fail(&r->talk, error, "%s", text);
	else if (!bk_talk_is_over(&r->talk))
		finish(r);
}

static void on_writer(void *arg)
{
	struct bk_recv *r = arg;

	if (bk_outlet_is_over(&r->outlet))
		on_writer_over(r);
	else if (r->state == RECV_LOOKING && bk_writer_is_read(r->outlet.writer))
		begin_answer(r);
	else if (r->state == RECV_RECEIVING && r->talk.is_on_hold && !bk_outlet_is_full(&r->outlet))
		bk_talk_release(&r->talk);
}

/* What is not sent because it is here: only that may be left out. */
static bool pass_to(struct bk_recv *r, uint64_t offset)
{
	uint64_t n = offset - r->offset;

	if (offset == r->offset)
		return true;
	if (offset < r->offset || offset > bk_here_of(&r->store->here, r->current))
		return false;
	r->offset = offset;
	return is_told(r, bk_outlet_pass(&r->outlet, n));
}

static void on_digest(struct bk_recv *r, const struct bk_file_msg *msg)
{
	if (msg->entry != r->current || !begin_current(r) ||
		(!current_entry(r)->is_stream && !pass_to(r, current_entry(r)->size))) {
		bk_talk_fail(&r->talk, BK_E_PROTOCOL, "the other side ended '%s' before all of it was sent",
			bk_file_entry_shown(current_entry(r)));
		return;
	}
	/* The writer compares it with what came: where it is wrong, nothing is done at all. */
	memcpy(r->last_digest, msg->digest, sizeof(r->last_digest));
	bk_digest_update(r->all_digest, msg->digest, sizeof(msg->digest));
	if (!is_told(r, bk_outlet_end(&r->outlet, msg->digest)))
		return;
	r->current++;
	r->is_begun = false;
	find_current(r);
}

static uint64_t size_max(const struct bk_file_entry *e)
{
	return e->is_stream ? INT64_MAX : e->size;
}

static void count_content(struct bk_recv *r, size_t n)
{
	uint64_t here = bk_here_of(&r->store->here, r->current), fresh;
	char text[BK_TRANSFER_TEXT_MAX];

	if (r->offset < here && !r->has_amended && r->talk.call.news.on_note) {
		snprintf(text, sizeof(text),
			"'%s' is not what it was when it was begun: what differs comes again",
			bk_file_entry_shown(current_entry(r)));
		r->talk.call.news.on_note(&r->talk.call, r->talk.arg, -1, text);
	}
	r->has_amended |= r->offset < here;
	r->offset += n;
	fresh = r->offset > here ? r->offset - here : 0;
	r->talk.meter.bytes += fresh < n ? fresh : n;
	bk_talk_progress(&r->talk);
}

/* So many of the next n bytes are taken; of a stream, since the rest was offered with its size. */
static size_t room_for(const struct bk_recv *r, size_t n)
{
	uint64_t room = r->bytes_max ? r->bytes_max - r->talk.meter.bytes : n;

	return n < room ? n : (size_t)room;
}

static void cut_off(struct bk_recv *r)
{
	bk_talk_fail(&r->talk, BK_E_TOO_BIG, "'%s' was cut off: at most %llu bytes are taken here",
		bk_file_entry_shown(current_entry(r)), (unsigned long long)r->bytes_max);
}

static void on_content(struct bk_recv *r, const struct bk_file_msg *msg)
{
	if (msg->entry != r->current) {
		bk_talk_fail(&r->talk, BK_E_PROTOCOL, "the other side sent files out of order");
		return;
	}
	if (!begin_current(r))
		return;
	if (!pass_to(r, msg->offset))
		bk_talk_fail(&r->talk, BK_E_PROTOCOL, "the other side sent parts of '%s' out of order",
			bk_file_entry_shown(current_entry(r)));
	else if (msg->content_len + msg->hole > size_max(current_entry(r)) - r->offset)
		bk_talk_fail(&r->talk, BK_E_TOO_BIG, "the other side sent more of '%s' than it offered",
			bk_file_entry_shown(current_entry(r)));
	else if (room_for(r, (size_t)msg->hole) < msg->hole)
		cut_off(r);
	else if (msg->hole && is_told(r, bk_outlet_hole(&r->outlet, (size_t)msg->hole)))
		count_content(r, (size_t)msg->hole);
}

static void on_piece(void *owner, const uint8_t *data, size_t n)
{
	struct bk_recv *r = owner;

	size_t taken = room_for(r, n);

	if (is_told(r, bk_outlet_write(&r->outlet, data, taken)))
		count_content(r, taken);
	if (taken < n)
		cut_off(r);
}

static void tell_conflict(struct bk_recv *r, size_t i)
{
	const struct bk_pick *pick = &r->store->picks.rows[i];
	enum bk_transfer_conflict how = !pick->is_taken ? BK_TRANSFER_CONFLICT_SKIP
					: pick->as      ? BK_TRANSFER_CONFLICT_RENAME
							: BK_TRANSFER_CONFLICT_OVERWRITE;

	if (r->talk.events.on_conflict && (pick->is_existing || !pick->is_taken))
		r->talk.events.on_conflict(&r->talk.call, r->talk.arg, &r->store->picks.names[i], how,
			pick->as ? bk_picks_shown(&r->store->picks, i) : NULL);
}

static bool start_writing(struct bk_recv *r)
{
	int err;

	if (!is_kept(r))
		err = bk_spout_new(r->talk.loop, r->has_stream ? r->stream_fd : r->memo, r->offer.first,
			on_writer, r, &r->outlet.spout);
	else
		err = bk_writer_new(r->talk.loop, r->store, r->takes_executable ? MODES_ALL : MODES_NO_X,
			on_writer, r, &r->outlet.writer);

	if (err < 0)
		bk_talk_fail(&r->talk, err, "cannot receive: %s", bk_error_text(err));
	return err >= 0;
}

static void begin_receiving(struct bk_recv *r)
{
	struct bk_transfer_resume from;

	r->state = RECV_RECEIVING;
	r->talk.now.files = bk_picks_taken(&r->store->picks);
	bk_here_tell(&r->store->here, &r->store->picks, &from);
	bk_talk_count(&r->talk, &from);
	(void)bk_talk_flush(&r->talk);
	find_current(r);
}

/* As much of the answer as the channel takes; the rest when there is room again. Who said no version gets nothing that
 * is new. */
static void answer(void *owner)
{
	struct bk_recv *r = owner;
	struct bk_file_msg header = {.version = r->talk.peer_version ? BK_FILE_VERSION : 0};
	int err = BK_E_AGAIN;

	if (r->state != RECV_ANSWERING)
		return;
	if (header.version) {
		snprintf(header.encoding, sizeof(header.encoding), "%s", BK_PACKED_NAME);
		r->talk.reader.takes_packed = true;
	}
	while (err == BK_E_AGAIN && bk_talk_flush(&r->talk) >= 0)
		err = bk_answer_next(&r->answer, &header, &r->talk.out, &r->store->picks, &r->store->here);
	if (err == BK_E_AGAIN)
		return;
	if (err < 0)
		bk_talk_fail(&r->talk, err, "cannot answer the other side: %s", bk_error_text(err));
	else
		begin_receiving(r);
}

static void begin_answer(struct bk_recv *r)
{
	bk_picks_skip_strays(&r->store->picks);
	for (size_t i = 0; i < r->store->list.len; i++)
		tell_conflict(r, i);
	r->state = RECV_ANSWERING;
	answer(r);
}

/* What is here already is read before the answer, where something is. */
static void accept_offer(struct bk_recv *r)
{
	const struct bk_picks *p = &r->store->picks;

	if ((bk_picks_taken(p) || bk_picks_folders(p)) && !start_writing(r))
		return;
	r->state = RECV_LOOKING;
	if (!r->store->here.rows || !r->outlet.writer) {
		begin_answer(r);
		return;
	}
	if (bk_here_bytes(&r->store->here, p) >= LONG_TO_READ && r->talk.call.news.on_note)
		r->talk.call.news.on_note(&r->talk.call, r->talk.arg, 0, "reading what is here already");
	(void)is_told(r, bk_writer_read(r->outlet.writer));
}

/* The answer may come from inside; what follows from it does not. */
static void ask(struct bk_recv *r, enum recv_state state, enum bk_transfer_question question)
{
	r->state = state;
	r->talk.events.on_ask(&r->talk.call, r->talk.arg, question, &r->offer);
}

/* Nothing is left to take because every name exists, or is hidden, and nobody could be asked: that is a no. */
static bool is_refused(struct bk_recv *r)
{
	const char *first = NULL;
	size_t left = bk_picks_left(&r->store->picks, &first);

	if (bk_picks_taken(&r->store->picks) || (bk_picks_folders(&r->store->picks) && !left))
		return false;
	if (left) {
		bk_talk_refuse(&r->talk, BK_E_EXISTS, "cannot write '%s': it exists", first);
		return true;
	}
	for (size_t i = 0; i < r->store->list.len && !first; i++)
		if (!r->store->picks.rows[i].is_existing)
			first = bk_file_entry_shown(&r->store->list.entries[i]);
	if (first)
		bk_talk_refuse(&r->talk, BK_E_DECLINED,
			"'%s' was declined: its name is hidden, and nobody was asked", first);
	return first;
}

static void settle(struct bk_recv *r, enum bk_transfer_conflict how)
{
	int err = bk_picks_settle(&r->store->picks, how);

	if (err < 0)
		bk_talk_fail(&r->talk, err, "cannot find another name for '%s': %s", r->offer.asked->path,
			bk_error_text(err));
}

/* The questions that are left, then the answer. */
static void decide(struct bk_recv *r)
{
	while (!bk_talk_is_over(&r->talk) && (r->offer.asked = bk_picks_conflict(&r->store->picks))) {
		if (r->conflict == BK_TRANSFER_CONFLICT_ASK) {
			ask(r, RECV_ASK_CONFLICT, BK_TRANSFER_ASK_CONFLICT);
			return;
		}
		if (r->conflict == BK_TRANSFER_CONFLICT_FAIL)
			bk_talk_refuse(
				&r->talk, BK_E_EXISTS, "cannot write '%s': it exists", r->offer.asked->path);
		else
			settle(r, r->conflict);
	}
	if (!bk_talk_is_over(&r->talk) && !is_refused(r))
		accept_offer(r);
}

static void on_decider(void *arg)
{
	decide(arg);
}

static void begin(struct bk_recv *r)
{
	if (r->asks_accept) {
		ask(r, RECV_ASK_ACCEPT, BK_TRANSFER_ASK_ACCEPT);
		return;
	}
	if (!r->takes_hidden)
		bk_picks_skip_hidden(&r->store->picks);
	decide(r);
}

/* Nothing of a name or a mode is left of what is passed on, so nothing is asked. */
static void begin_stream(struct bk_recv *r)
{
	if (r->store->list.len == 1 && r->store->list.entries[0].is_file)
		accept_offer(r);
	else
		bk_talk_refuse(&r->talk, BK_E_UNSUPPORTED,
			"cannot pass on more than one file as a stream: send a tar of them, or receive into a folder");
}

/* A text alone, which somebody is there to be told. */
static bool is_text(const struct bk_recv *r)
{
	const struct bk_file_list *l = &r->store->list;

	return r->talk.events.on_text && !r->has_stream && l->len == 1 && l->entries[0].is_text &&
	       l->entries[0].size <= BK_TRANSFER_MESSAGE_MAX;
}

/* What came of it so far. What is not kept meets nothing that exists. */
static int look_at_entries(struct bk_recv *r)
{
	struct bk_store *s = r->store;

	if (is_text(r))
		r->memo = bk_memo_new(NULL, 0);
	if (!s->picks.list)
		bk_picks_init(&s->picks, &s->list, is_kept(r) ? s->sink : NULL);
	return bk_picks_look(&s->picks);
}

static void describe_offer(struct bk_recv *r)
{
	const struct bk_store *s = r->store;

	r->offer = (struct bk_transfer_offer){.entries = s->list.len,
		.bytes = s->list.bytes,
		.first = bk_file_entry_shown(&s->list.entries[0]),
		.existing = s->picks.existing,
		.from = r->talk.call.peer_name,
		.folders = s->list.folders,
		.links = s->list.links,
		.abandoned = s->here.abandoned,
		.abandoned_bytes = s->here.abandoned_bytes,
		.names = s->picks.names};
}

/* All of it is there. */
static void on_whole_offer(struct bk_recv *r)
{
	struct bk_store *s = r->store;
	int err = s->picks.error;

	if (err >= 0 && is_kept(r) && r->talk.peer_version)
		err = bk_here_find(&s->here, s->sink, &s->list, &s->picks);
	if (err == BK_E_NOMEM) {
		bk_talk_fail(&r->talk, err, "cannot receive: %s", bk_error_text(err));
		return;
	}
	if (err >= 0 && is_kept(r))
		err = bk_sink_check_space(s->sink, s->list.bytes - bk_here_bytes(&s->here, &s->picks));
	describe_offer(r);
	if (r->talk.events.on_offer)
		r->talk.events.on_offer(&r->talk.call, r->talk.arg, &r->offer);
	if (r->bytes_max && r->offer.bytes > r->bytes_max)
		bk_talk_refuse(&r->talk, BK_E_TOO_BIG,
			"cannot receive %llu bytes: at most %llu are taken here",
			(unsigned long long)r->offer.bytes, (unsigned long long)r->bytes_max);
	else if (err < 0)
		bk_talk_refuse(&r->talk, err, "%s", bk_sink_text(s->sink));
	else if (is_kept(r))
		begin(r);
	else
		begin_stream(r);
}

static void on_offer(struct bk_recv *r, const struct bk_file_msg *msg)
{
	int err = bk_intake_read(&r->intake, msg, &r->talk.reader.list), looked = 0;

	if (msg->type == BK_FILE_OFFER)
		r->talk.peer_version = msg->version;
	r->state = RECV_OFFERED;
	if (err >= 0 || err == BK_E_AGAIN)
		looked = look_at_entries(r);
	if (looked < 0)
		bk_talk_fail(&r->talk, looked, "cannot receive: %s", bk_error_text(looked));
	else if (err == BK_E_AGAIN)
		bk_talk_await(&r->talk, BK_TALK_OFFER_TIME,
			"the other side did not send the rest of its offer within five minutes");
	else if (err < 0)
		bk_talk_fail(&r->talk, err, "the other side's offer cannot be taken: %s", bk_error_text(err));
	else {
		bk_talk_await(&r->talk, 0, NULL); /* it is our turn */
		on_whole_offer(r);
	}
}

static void on_message(void *owner, const struct bk_file_msg *msg)
{
	struct bk_recv *r = owner;

	if (msg->type == (r->state == RECV_PAIRED ? BK_FILE_OFFER : BK_FILE_ENTRIES) &&
		r->state <= RECV_OFFERED)
		on_offer(r, msg);
	else if (msg->type == BK_FILE_CONTENT && r->state == RECV_RECEIVING)
		on_content(r, msg);
	else if (msg->type == BK_FILE_DIGEST && r->state == RECV_RECEIVING)
		on_digest(r, msg);
	else
		bk_talk_fail(&r->talk, BK_E_PROTOCOL, "the other side sent '%s' out of place",
			bk_file_type_name(msg->type));
}

static bool on_end(void *owner)
{
	struct bk_recv *r = owner;

	if (!bk_outlet_is_open(&r->outlet))
		return true;
	if (!bk_outlet_is_over(&r->outlet)) {
		bk_outlet_stop(&r->outlet);
		return false;
	}
	tell_rest(r);
	return true;
}

static const struct bk_talk_ops ops = {
	.on_start = on_start,
	.on_message = on_message,
	.on_piece = on_piece,
	.on_writable = answer,
	.on_end = on_end,
};

const struct bk_transfer_offer *bk_recv_offer(const struct bk_recv *r)
{
	return r->offer.entries ? &r->offer : NULL;
}

void bk_recv_answer(struct bk_recv *r, bool yes)
{
	if (r->state != RECV_ASK_ACCEPT || bk_talk_is_over(&r->talk))
		return;
	if (!yes) {
		bk_talk_refuse(&r->talk, BK_E_DECLINED, "the offer was declined; nothing was taken");
		return;
	}
	r->takes_executable = true;
	r->state = RECV_DECIDING;
	bk_turn_ask(&r->decider);
}

void bk_recv_resolve(struct bk_recv *r, enum bk_transfer_conflict how, bool for_all)
{
	if (r->state != RECV_ASK_CONFLICT || bk_talk_is_over(&r->talk))
		return;
	r->state = RECV_DECIDING;
	settle(r, how);
	if (for_all)
		r->conflict = how;
	bk_turn_ask(&r->decider);
}

static int allocate(struct bk_recv *r, const struct bk_recv_opts *opts)
{
	r->asks_accept = opts->asks_accept;
	r->takes_hidden = opts->takes_hidden;
	r->takes_executable = opts->takes_executable;
	r->conflict = opts->conflict;
	r->has_stream = opts->has_stream;
	r->stream_fd = opts->stream_fd;
	r->bytes_max = opts->bytes_max;
	if (opts->folder)
		r->folder = strdup(strcmp(opts->folder, ".") != 0 ? opts->folder : "");
	r->all_digest = bk_digest_new();
	r->store = calloc(1, sizeof(*r->store));
	if (r->store)
		r->intake = (struct bk_intake){.list = &r->store->list};
	return (r->folder || !opts->folder) && r->all_digest && r->store ? 0 : BK_E_NOMEM;
}

static int start(struct bk_recv *r, const struct bk_recv_opts *o, char *ret_text)
{
	int err;

	if (!o->folder == !o->has_stream ||
		((o->asks_accept || o->conflict == BK_TRANSFER_CONFLICT_ASK) && !r->talk.events.on_ask))
		return BK_E_INVALID;
	err = allocate(r, o);
	if (err >= 0 && o->folder)
		err = bk_sink_new(o->folder, &r->store->sink, ret_text);
	return err < 0 ? err : bk_talk_start(&r->talk, &ops, r, o->channel);
}

int bk_recv_new(struct bk_loop *loop, const struct bk_recv_opts *opts,
	const struct bk_transfer_events *events, void *arg, struct bk_recv **ret_recv,
	char ret_text[BK_TRANSFER_TEXT_MAX])
{
	struct bk_recv *r = calloc(1, sizeof(*r));
	char text[BK_TRANSFER_TEXT_MAX] = "";
	struct bk_recv_opts o;
	int unread = bk_opts_read(&o, opts, conflict);
	const struct bk_talk_place place = {
		.session = o.session, .channel = o.channel, .peer = o.peer, .pace = r ? &r->pace : NULL};
	int err = r ? bk_talk_init(&r->talk, loop, &place, events, arg) : BK_E_NOMEM;

	if (r) {
		r->memo = -1;
		bk_pace_init(&r->pace, o.limit);
		bk_turn_init(&r->decider, loop, on_decider, r);
	}
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
	bk_outlet_stop(&r->outlet);
}

void bk_recv_free(struct bk_recv *r)
{
	if (!r)
		return;
	bk_talk_done(&r->talk);
	bk_turn_done(&r->decider);
	bk_answer_done(&r->answer);
	if (!r->outlet.writer)
		bk_store_free(r->store);
	bk_outlet_done(&r->outlet);
	bk_taken_done(&r->taken);
	if (r->memo >= 0)
		close(r->memo);
	free(r->folder);
	bk_digest_free(r->all_digest);
	free(r);
}

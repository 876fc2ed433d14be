/* SPDX-License-Identifier: Apache-2.0 */
/* The receiving end: look at the offer, ask where asking is wanted, then take every file in order: content, then
 * digest (transfer/receiving.h). What becomes of each entry stands in its pick. No name that exists is taken unasked;
 * what the writer gets is in order. What is unfinished stays as a part, with a journal. */
#include <bodkin/transfer.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/opts.h"
#include "transfer/memo.h"
#include "transfer/receiving.h"

enum { MODES_ALL = 0777, MODES_NO_X = 0666 };
#define COUNTING_INTERVAL (200 * BK_MS)

enum { LONG_TO_READ = 256 << 20 }; /* bytes: it is said that they are read */

/* The other side speaks first. */
static void on_start(void *owner)
{
	struct bk_recv *r = owner;

	bk_talk_await(&r->talk, BK_TALK_OFFER_TIME, "the other side offered nothing within five minutes");
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
		bk_receiving_finish(r);
}

static void on_writer(void *arg)
{
	struct bk_recv *r = arg;

	if (bk_outlet_is_over(&r->outlet))
		on_writer_over(r);
	else if (r->state == BK_RECV_LOOKING && bk_writer_is_read(r->outlet.writer))
		begin_answer(r);
	else if (r->state == BK_RECV_RECEIVING && r->talk.is_on_hold && !bk_outlet_is_full(&r->outlet))
		bk_talk_release(&r->talk);
}

static bool start_writing(struct bk_recv *r)
{
	int err;

	if (!bk_receiving_is_kept(r))
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

	r->state = BK_RECV_RECEIVING;
	r->talk.now.files = bk_picks_taken(&r->store->picks);
	bk_here_tell(&r->store->here, &r->store->picks, &from);
	bk_talk_count(&r->talk, &from);
	(void)bk_talk_flush(&r->talk);
	bk_receiving_find_current(r);
}

/* As much of the answer as the channel takes; the rest when there is room again. Who said no version gets nothing that
 * is new. */
static void answer(void *owner)
{
	struct bk_recv *r = owner;
	struct bk_file_msg header = {.version = r->talk.peer_version ? BK_FILE_VERSION : 0};
	int err = BK_E_AGAIN;

	if (r->state != BK_RECV_ANSWERING)
		return;
	if (header.version) {
		header.passes = !bk_receiving_is_kept(r);
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
		bk_receiving_tell_conflict(r, i);
	bk_picks_let_go(&r->store->picks);
	r->offer.names = r->offer.asked = NULL;
	r->state = BK_RECV_ANSWERING;
	answer(r);
}

/* What is here already is read before the answer, where something is. */
static void accept_offer(struct bk_recv *r)
{
	struct bk_picks *p = &r->store->picks;

	p->may_replace_all = r->conflict == BK_TRANSFER_CONFLICT_OVERWRITE; /* which may have been answered */
	if ((bk_picks_taken(p) || bk_picks_folders(p)) && !start_writing(r))
		return;
	r->state = BK_RECV_LOOKING;
	if (!r->store->here.rows || !r->outlet.writer) {
		begin_answer(r);
		return;
	}
	if (bk_here_bytes(&r->store->here, p) >= LONG_TO_READ && r->talk.call.news.on_note)
		r->talk.call.news.on_note(&r->talk.call, r->talk.arg, 0, "reading what is here already");
	(void)bk_receiving_is_told(r, bk_writer_read(r->outlet.writer));
}

/* The answer may come from inside; what follows from it does not. */
static void ask(struct bk_recv *r, enum bk_recv_state state, enum bk_transfer_question question)
{
	r->state = state;
	r->talk.events.on_ask(&r->talk.call, r->talk.arg, question, &r->offer);
}

/* Nothing is left to take because every name exists, or is hidden, and nobody could be asked: that is a no. */
static bool is_refused(struct bk_recv *r)
{
	const struct bk_picks *picks = &r->store->picks;
	const char *first = NULL;
	size_t left = bk_picks_left(picks, &first);

	if (bk_picks_taken(picks) || (bk_picks_folders(picks) && !left))
		return false;
	if (left) {
		bk_talk_refuse(&r->talk, BK_E_EXISTS, "cannot write '%s': it exists", first);
		return true;
	}
	if (picks->unfit && !bk_picks_folders(picks)) {
		bk_talk_refuse(&r->talk, BK_E_FILE, "cannot write '%s': the file system here %s",
			bk_file_entry_shown(&picks->list->entries[picks->unfit_first]), picks->unfit_why);
		return true;
	}
	for (size_t i = 0; i < r->store->list.len && !first; i++)
		if (!picks->rows[i].is_existing)
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
			ask(r, BK_RECV_ASK_CONFLICT, BK_TRANSFER_ASK_CONFLICT);
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
		ask(r, BK_RECV_ASK_ACCEPT, BK_TRANSFER_ASK_ACCEPT);
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
		bk_picks_init(&s->picks, &s->list, bk_receiving_is_kept(r) ? s->sink : NULL);
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
		.names = s->picks.names,
		.list = &s->list};
}

/* Before anybody is asked: it does not come, whatever is answered. */
static void tell_unfit(struct bk_recv *r)
{
	const struct bk_picks *p = &r->store->picks;
	char name[BK_TRANSFER_TEXT_MAX / 3], others[32] = "", text[BK_TRANSFER_TEXT_MAX];

	if (!p->unfit || p->unfit == p->len || !r->talk.call.news.on_note)
		return;
	if (p->unfit > 1)
		snprintf(others, sizeof(others), " and %zu more", p->unfit - 1);
	snprintf(text, sizeof(text),
		"'%s'%s cannot come into this folder: the file system here %s; rename it over there, or receive "
		"into another folder",
		bk_file_path_show(p->list->entries[p->unfit_first].path, name, sizeof(name)), others,
		p->unfit_why);
	r->talk.call.news.on_note(&r->talk.call, r->talk.arg, -1, text);
}

/* What is here of it is known, or how that failed. */
static void meet_offer(struct bk_recv *r, int err)
{
	struct bk_store *s = r->store;

	if (err == BK_E_NOMEM) {
		bk_talk_fail(&r->talk, err, "cannot receive: %s", bk_error_text(err));
		return;
	}
	if (err >= 0 && bk_receiving_is_kept(r))
		err = bk_sink_check_space(s->sink, s->list.bytes - bk_here_bytes(&s->here, &s->picks));
	describe_offer(r);
	tell_unfit(r);
	if (r->talk.events.on_offer)
		r->talk.events.on_offer(&r->talk.call, r->talk.arg, &r->offer);
	if (r->bytes_max && r->offer.bytes > r->bytes_max)
		bk_talk_refuse(&r->talk, BK_E_TOO_BIG,
			"cannot receive %llu bytes: at most %llu are taken here",
			(unsigned long long)r->offer.bytes, (unsigned long long)r->bytes_max);
	else if (err < 0)
		bk_talk_refuse(&r->talk, err, "%s", bk_sink_text(s->sink));
	else if (bk_receiving_is_kept(r))
		begin(r);
	else
		begin_stream(r);
}

/* What it says is not known; what it names stays, and nobody else removes it. */
static void tell_too_long(struct bk_recv *r)
{
	char name[BK_TRANSFER_TEXT_MAX / 2], text[BK_TRANSFER_TEXT_MAX];

	if (!*r->store->here.too_long || !r->talk.call.news.on_note)
		return;
	snprintf(text, sizeof(text),
		"'%s' has more than the %d rows, or %d MiB, that are read of it: what it leads to comes anew; "
		"remove it where none of that is wanted",
		bk_file_path_show(r->store->here.too_long, name, sizeof(name)), BK_JOURNAL_ROWS_MAX,
		BK_JOURNAL_MIB_MAX);
	r->talk.call.news.on_note(&r->talk.call, r->talk.arg, -1, text);
}

static void on_found(void *arg)
{
	struct bk_recv *r = arg;
	int err = bk_finder_end(r->finder);

	bk_finder_free(r->finder);
	r->finder = NULL;
	if (bk_talk_is_over(&r->talk))
		return;
	tell_too_long(r);
	meet_offer(r, err);
	bk_talk_release(&r->talk);
}

/* All of it is there. What comes meanwhile waits: nobody touches what is looked for. */
static void on_whole_offer(struct bk_recv *r)
{
	struct bk_store *s = r->store;
	int err = s->picks.error;

	s->picks.may_replace_all = r->conflict == BK_TRANSFER_CONFLICT_OVERWRITE;
	if (err < 0 || !bk_receiving_is_kept(r) || !r->talk.peer_version) {
		meet_offer(r, err);
		return;
	}
	r->state = BK_RECV_FINDING;
	err = bk_finder_new(r->talk.loop, s, on_found, r, &r->finder);
	if (err < 0)
		meet_offer(r, err);
	else
		bk_talk_hold(&r->talk);
}

static void give_up_offer(struct bk_recv *r, int err)
{
	if (err == BK_E_FULL)
		bk_talk_refuse(&r->talk, err,
			"other transfers of this program hold lists of so many files that this one has no room: "
			"try again when they are through");
	else if (r->intake.is_too_long)
		bk_talk_refuse(&r->talk, err,
			"the list of what is offered takes more than %d MiB of memory here: send a tar of it",
			BK_BUDGET_ALL / 2 >> 20);
	else
		bk_talk_fail(&r->talk, err, "the other side's offer cannot be taken: %s", bk_error_text(err));
}

static void on_offer(struct bk_recv *r, const struct bk_file_msg *msg)
{
	int err = bk_intake_read(&r->intake, msg, &r->talk.reader.list), looked = 0;

	if (msg->type == BK_FILE_OFFER)
		r->talk.peer_version = msg->version;
	r->state = BK_RECV_OFFERED;
	if (err >= 0 || err == BK_E_AGAIN)
		looked = look_at_entries(r);
	if (looked < 0)
		bk_talk_fail(&r->talk, looked, "cannot receive: %s", bk_error_text(looked));
	else if (err == BK_E_AGAIN)
		bk_talk_await(&r->talk, BK_TALK_OFFER_TIME,
			"the other side did not send the rest of its offer within five minutes");
	else if (err < 0)
		give_up_offer(r, err);
	else {
		bk_talk_await(&r->talk, 0, NULL); /* it is our turn */
		on_whole_offer(r);
	}
}

/* Its offer is still being made. That takes an hour at most, whatever it says, which is told now and then. */
static void on_counting(struct bk_recv *r, const struct bk_file_msg *msg)
{
	bk_time now = bk_loop_now(r->talk.loop);

	if (!r->counted_at)
		bk_talk_await(&r->talk, BK_TALK_BUSY_TIME,
			"the other side had not counted its files within an hour");
	if (r->counted_at && now - r->counted_at < COUNTING_INTERVAL)
		return;
	r->counted_at = now;
	if (r->talk.events.on_counting)
		r->talk.events.on_counting(&r->talk.call, r->talk.arg, msg->entries, NULL);
}

static void on_message(void *owner, const struct bk_file_msg *msg)
{
	struct bk_recv *r = owner;

	if (msg->type == BK_FILE_COUNTING && r->state == BK_RECV_PAIRED)
		on_counting(r, msg);
	else if (msg->type == (r->state == BK_RECV_PAIRED ? BK_FILE_OFFER : BK_FILE_ENTRIES) &&
		 r->state <= BK_RECV_OFFERED)
		on_offer(r, msg);
	else if (msg->type == BK_FILE_CONTENT && r->state == BK_RECV_RECEIVING)
		bk_receiving_on_content(r, msg);
	else if (msg->type == BK_FILE_DIGEST && r->state == BK_RECV_RECEIVING)
		bk_receiving_on_digest(r, msg);
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
	.on_piece = bk_receiving_on_piece,
	.on_writable = answer,
	.on_end = on_end,
};

const struct bk_transfer_offer *bk_recv_offer(const struct bk_recv *r)
{
	return r->offer.entries ? &r->offer : NULL;
}

void bk_recv_answer(struct bk_recv *r, bool yes)
{
	if (r->state != BK_RECV_ASK_ACCEPT || bk_talk_is_over(&r->talk))
		return;
	if (!yes) {
		bk_talk_refuse(&r->talk, BK_E_DECLINED, "the offer was declined; nothing was taken");
		return;
	}
	r->takes_executable = true;
	r->state = BK_RECV_DECIDING;
	bk_turn_ask(&r->decider);
}

void bk_recv_resolve(struct bk_recv *r, enum bk_transfer_conflict how, bool for_all)
{
	if (r->state != BK_RECV_ASK_CONFLICT || bk_talk_is_over(&r->talk))
		return;
	r->state = BK_RECV_DECIDING;
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
		r->intake = (struct bk_intake){
			.list = &r->store->list, .each = BK_PICKS_EACH, .budget = &r->store->budget};
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
	if (!r->outlet.writer && !r->finder)
		bk_store_free(r->store);
	bk_finder_free(r->finder);
	bk_outlet_done(&r->outlet);
	bk_taken_done(&r->taken);
	if (r->memo >= 0)
		close(r->memo);
	free(r->folder);
	bk_digest_free(r->all_digest);
	free(r);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/receiving.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "transfer/memo.h"

static const struct bk_file_entry *current_entry(const struct bk_recv *r)
{
	return &r->store->list.entries[r->current];
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

void bk_receiving_tell_conflict(struct bk_recv *r, size_t entry)
{
	const struct bk_pick *pick = &r->store->picks.rows[entry];
	bool has_other = bk_picks_other(&r->store->picks, entry);
	enum bk_transfer_conflict how = !pick->is_taken ? BK_TRANSFER_CONFLICT_SKIP
					: has_other     ? BK_TRANSFER_CONFLICT_RENAME
							: BK_TRANSFER_CONFLICT_OVERWRITE;
	struct bk_transfer_entry e;

	if (!r->talk.events.on_conflict || (pick->is_taken && !pick->is_existing))
		return;
	e = bk_picks_entry(&r->store->picks, entry);
	r->talk.events.on_conflict(&r->talk.call, r->talk.arg, &e, how,
		has_other ? bk_picks_shown(&r->store->picks, entry) : NULL);
}

/* What got another name while it was written. */
static void tell_late_conflicts(struct bk_recv *r)
{
	for (size_t i = 0; i < r->store->list.len; i++)
		if (r->store->picks.rows[i].is_beside)
			bk_receiving_tell_conflict(r, i);
}

void bk_receiving_finish(struct bk_recv *r)
{
	struct bk_file_msg msg = {.type = BK_FILE_DONE, .bytes = r->talk.meter.bytes};
	struct bk_transfer_result result = {.bytes = r->talk.meter.bytes, .sent = r->talk.reader.travelled};

	tell_late_conflicts(r);
	bk_taken_tell(&r->taken, &r->store->picks, bk_receiving_is_kept(r) ? r->folder : NULL, &result);
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
bool bk_receiving_is_told(struct bk_recv *r, int err)
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
	r->state = BK_RECV_FINISHING;
	bk_talk_await(&r->talk, 0, NULL);
	bk_talk_hold(&r->talk);
	(void)bk_receiving_is_told(r, bk_outlet_finish(&r->outlet));
}

static void tell_current(struct bk_recv *r)
{
	if (r->current == r->store->list.len)
		return;
	r->talk.now.path = bk_picks_shown(&r->store->picks, r->current);
	r->talk.now.number++;
}

/* Past what is not taken, and what has no content: folders, and links, which come last; and on to wait for it. */
void bk_receiving_find_current(struct bk_recv *r)
{
	for (; r->current < r->store->list.len; r->current++) {
		if (!r->store->picks.rows[r->current].is_taken)
			continue;
		if (current_entry(r)->is_file)
			break;
		if (current_entry(r)->is_folder &&
			!bk_receiving_is_told(r, bk_outlet_make_folder(&r->outlet, r->current)))
			return;
	}
	tell_current(r);
	if (r->current < r->store->list.len)
		bk_talk_await(&r->talk, current_entry(r)->is_stream ? 0 : BK_TALK_BUSY_TIME,
			"the other side sent nothing more for an hour");
	else if (bk_outlet_is_open(&r->outlet))
		finish_writing(r);
	else
		bk_receiving_finish(r);
}

static bool begin_current(struct bk_recv *r)
{
	if (r->is_begun)
		return true;
	r->is_begun = true;
	r->offset = 0;
	return bk_receiving_is_told(r, bk_outlet_begin(&r->outlet, r->current));
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
	return bk_receiving_is_told(r, bk_outlet_pass(&r->outlet, n));
}

void bk_receiving_on_digest(struct bk_recv *r, const struct bk_file_msg *msg)
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
	if (!bk_receiving_is_told(r, bk_outlet_end(&r->outlet, msg->digest)))
		return;
	r->current++;
	r->is_begun = false;
	bk_receiving_find_current(r);
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

void bk_receiving_on_content(struct bk_recv *r, const struct bk_file_msg *msg)
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
	else if (msg->hole && current_entry(r)->is_stream) /* nothing would bound what a few bytes become */
		bk_talk_fail(&r->talk, BK_E_PROTOCOL, "the other side sent a hole in '%s', which is a stream",
			bk_file_entry_shown(current_entry(r)));
	else if (msg->content_len + msg->hole > size_max(current_entry(r)) - r->offset)
		bk_talk_fail(&r->talk, BK_E_TOO_BIG, "the other side sent more of '%s' than it offered",
			bk_file_entry_shown(current_entry(r)));
	else if (room_for(r, (size_t)msg->hole) < msg->hole)
		cut_off(r);
	else if (msg->hole && bk_receiving_is_told(r, bk_outlet_hole(&r->outlet, (size_t)msg->hole)))
		count_content(r, (size_t)msg->hole);
}

void bk_receiving_on_piece(void *owner, const uint8_t *data, size_t n)
{
	struct bk_recv *r = owner;

	size_t taken = room_for(r, n);

	if (bk_receiving_is_told(r, bk_outlet_write(&r->outlet, data, taken)))
		count_content(r, taken);
	if (taken < n)
		cut_off(r);
}

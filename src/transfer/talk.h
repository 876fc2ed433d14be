/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_TRANSFER_TALK_H
#define BK_TRANSFER_TALK_H

#include <bodkin/transfer.h>

#include "base/buf.h"
#include "call/call.h"
#include "transfer/meter.h"
#include "transfer/pace.h"
#include "wire/file_reader.h"

/* One end of a conversation about files: the call, its one channel, messages going out and coming in, and
 * how it ends. Sender and receiver embed one and say what the messages mean. */
struct bk_talk_ops {
	bool is_opener; /* opens the channel when the session is open; else takes the one the peer opens */
	void (*on_start)(void *owner); /* the channel is there */
	void (*on_message)(void *owner, const struct bk_file_msg *msg);
	void (*on_piece)(void *owner, const uint8_t *data, size_t n); /* of the content message seen last */
	void (*on_writable)(void *owner); /* all messages put so far are on their way */
	/* Nothing more will happen: release files. Once, before the verdict; false: the verdict waits for
	 * bk_talk_settled, but not long. */
	bool (*on_end)(void *owner);
};

/* How long the other side may take. Nothing here waits longer for a peer, but for a stream, which may pause as
 * long as it likes, and for the person at this side. */
#define BK_TALK_CHANNEL_TIME (60 * BK_SEC)  /* to open the channel: so long a session looks for a lost path */
#define BK_TALK_OFFER_TIME   (300 * BK_SEC) /* for each piece of an offer, 4 MiB at most; who counts says so */
#define BK_TALK_BUSY_TIME    (3600 * BK_SEC) /* where a person is asked, or a disk has to keep up */

/* PARTING: it is decided how it ends, and our last message is still to go out. */
enum bk_talk_state { BK_TALK_PAIRING, BK_TALK_TALKING, BK_TALK_PARTING, BK_TALK_ENDING };

/* Where: in a session of its own, or as a guest in one that is open, which the opener names, and of which the other
 * side has a channel that came. */
struct bk_talk_place {
	const struct bk_session_opts *session;
	struct bk_session *within;
	struct bk_channel *channel;
	const char *peer;     /* of a guest */
	struct bk_pace *pace; /* NULL: none; the owner's, and perhaps of several talks */
};

/* The file that content belongs to now; the path is the owner's. */
struct bk_talk_now {
	const char *path; /* NULL: none yet */
	size_t number, files;
};

struct bk_talk {
	struct bk_loop *loop;
	const struct bk_talk_ops *ops;
	void *owner;
	struct bk_transfer_events events;
	void *arg;
	struct bk_call call;
	struct bk_channel *channel;
	enum bk_talk_state state;
	unsigned
		peer_version; /* of these messages, once its offer or answer is here; 0: of before there were any */
	bool is_resumable; /* what came of it is of use another time */
	struct bk_file_reader reader;
	struct bk_buf out;  /* messages that the channel has not taken yet */
	struct bk_buf held; /* came while on hold */
	bool is_on_hold, is_paced;
	struct bk_pace *pace;
	bk_time booked; /* the next piece of content may go then; 0: it is not booked */
	struct bk_timer *pacer;
	struct bk_timer *ticker;
	struct bk_timer *patience; /* with the other side */
	bk_dur awaited_for;
	bk_time awaited_since;
	const char *if_not;
	struct bk_meter meter;
	struct bk_talk_now now;
	size_t told_number; /* of the file that was told last */
	bool is_done;
	bool is_settling; /* the session is over, the owner's files are not */
	struct bk_transfer_result result;
	int reset_error;
};

int bk_talk_init(struct bk_talk *t, struct bk_loop *loop, const struct bk_talk_place *place,
	const struct bk_transfer_events *events, void *arg);
/* Starts the session, or takes the channel of the place. BK_E_INVALID, BK_E_NOMEM. */
int bk_talk_start(struct bk_talk *t, const struct bk_talk_ops *ops, void *owner, struct bk_channel *channel);
void bk_talk_done(struct bk_talk *t);

/* Queues a message without content; queue lists with bk_file_..._encode(&t->out, ...) and bk_talk_flush. */
void bk_talk_put(struct bk_talk *t, const struct bk_file_msg *msg);
/* 0: everything is on its way; BK_E_AGAIN: on_writable will come. */
int bk_talk_flush(struct bk_talk *t);

/* Whether the next piece of content, of so many bytes, has to wait for the pace; on_writable will come then. paced: it
 * is on its way. What comes is held to the pace without being asked. */
bool bk_talk_waits(struct bk_talk *t, uint64_t bytes);
void bk_talk_paced(struct bk_talk *t);

/* Nothing comes in until released: what arrived is kept, and the peer is slowed down. */
void bk_talk_hold(struct bk_talk *t);
void bk_talk_release(struct bk_talk *t);

/* The other side has so long for what comes next (0: for ever), or else the talk fails with that sentence, which
 * stays the caller's. progress: it has done some of it, and the time begins anew. */
void bk_talk_await(struct bk_talk *t, bk_dur time, const char *if_not);
static inline void bk_talk_progress(struct bk_talk *t)
{
	t->awaited_since = bk_loop_now(t->loop);
}

/* Starts counting and progress events. from: what is there already, which is told where something is. */
void bk_talk_count(struct bk_talk *t, const struct bk_transfer_resume *from);

/* The first of these decides how it ends, the others do nothing. fail: our own trouble, told to the peer.
 * refuse: no to the offer. blame: the peer told us its trouble. succeed: all arrived; the result's strings
 * must live until on_done. cancel: the user wants out. */
void bk_talk_decide(struct bk_talk *t, enum bk_file_type type, int error, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
#define bk_talk_fail(t, ...)   bk_talk_decide(t, BK_FILE_ERROR, __VA_ARGS__)
#define bk_talk_refuse(t, ...) bk_talk_decide(t, BK_FILE_REFUSE, __VA_ARGS__)
void bk_talk_blame(struct bk_talk *t, const struct bk_file_msg *msg);
void bk_talk_succeed(struct bk_talk *t, const struct bk_transfer_result *result);
void bk_talk_cancel(struct bk_talk *t);
/* It broke off, and what came is of use another time: how it goes on, behind the verdict. */
void bk_talk_add_how_to_go_on(struct bk_talk *t);
/* After an on_end that said false. */
void bk_talk_settled(struct bk_talk *t);

static inline bool bk_talk_is_over(const struct bk_talk *t)
{
	return t->state == BK_TALK_PARTING || t->state == BK_TALK_ENDING;
}

#endif

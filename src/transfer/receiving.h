/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_TRANSFER_RECEIVING_H
#define BK_TRANSFER_RECEIVING_H

#include <bodkin/transfer.h>

#include "net/turn.h"
#include "transfer/answer.h"
#include "transfer/digest.h"
#include "transfer/finder.h"
#include "transfer/intake.h"
#include "transfer/outlet.h"
#include "transfer/taken.h"
#include "transfer/talk.h"

/* What comes after the answer: each entry that is taken, one after the other. What is sent is held against what was
 * offered: no byte beyond the announced size, no file out of turn. What came before it is in recv.c. */
enum bk_recv_state {
	BK_RECV_PAIRED,
	BK_RECV_OFFERED, /* a part of it */
	BK_RECV_FINDING, /* what is here of it */
	BK_RECV_ASK_ACCEPT,
	BK_RECV_ASK_CONFLICT,
	BK_RECV_DECIDING,
	BK_RECV_LOOKING, /* what is here already is read */
	BK_RECV_ANSWERING,
	BK_RECV_RECEIVING,
	BK_RECV_FINISHING,
};

struct bk_recv {
	struct bk_talk talk;
	struct bk_pace pace;
	enum bk_recv_state state;
	bk_time counted_at;     /* the other side said then that it counts; 0: it did not */
	struct bk_turn decider; /* after an answer: what comes next is said from the loop */
	bool asks_accept, takes_hidden, takes_executable;
	enum bk_transfer_conflict conflict;
	char *folder;
	bool has_stream; /* one file or stream goes to stream_fd, and no folder is there */
	int stream_fd;
	uint64_t bytes_max; /* no more is taken; 0: whatever there is */
	int memo;           /* what is offered is a text and comes here; -1: it is none */
	struct bk_store *store;
	struct bk_finder *finder; /* has the store while there is one */
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

/* It stands in a folder; no stream that is passed on, and no text. */
static inline bool bk_receiving_is_kept(const struct bk_recv *r)
{
	return !r->has_stream && r->memo < 0;
}

/* What the outlet was told, and what it said. False: it failed, and so has the whole. Where the outlet has enough the
 * other side waits. */
bool bk_receiving_is_told(struct bk_recv *r, int err);
/* On to the next entry that content is taken of, and to wait for it; or to the end. */
void bk_receiving_find_current(struct bk_recv *r);
/* What became of an entry whose name exists, or that is not taken. */
void bk_receiving_tell_conflict(struct bk_recv *r, size_t entry);
/* All of it came and stands: the other side is told, then the caller. */
void bk_receiving_finish(struct bk_recv *r);

void bk_receiving_on_content(struct bk_recv *r, const struct bk_file_msg *msg);
void bk_receiving_on_piece(void *owner, const uint8_t *data, size_t n);
void bk_receiving_on_digest(struct bk_recv *r, const struct bk_file_msg *msg);

#endif

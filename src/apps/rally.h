/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_APPS_RALLY_H
#define BK_APPS_RALLY_H

#include <bodkin/loop.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Two sides that say PeerHelloMessage to each other in turn, each with the other's number and one more. The
 * answer to ours tells the round trip. */
struct bk_rally_ops {
	/* The JSON text goes to the peer. BK_E_AGAIN: not now; other errors are the carrier's to report. */
	int (*send)(void *owner, const void *json, size_t n);
	void (*on_pong)(void *owner, uint64_t number, double rtt_ms);
	void (*on_enough)(void *owner);  /* as many answers came as were asked for */
	void (*on_silence)(void *owner); /* the peer is there, but its message is long overdue; once */
};

struct bk_rally_result {
	uint64_t sent, answered;
	double min_ms, avg_ms, max_ms, mdev_ms;
	double seconds; /* since the first message */
};

struct bk_rally {
	struct bk_loop *loop;
	const struct bk_rally_ops *ops;
	void *owner;
	struct bk_timer *timer; /* until the next message may go, or the peer's is overdue */
	int64_t interval;       /* between two of ours; 0: the default */
	uint64_t count;         /* answers wanted; 0: no end */
	bool is_running, is_first, is_awaiting;
	uint64_t number; /* to be sent next, or the one that is awaiting its answer */
	int64_t since, sent_at, received_at;
	uint64_t answered, lost;
	double min_ms, max_ms, sum_ms, sum_squares;
};

int bk_rally_init(struct bk_rally *r, struct bk_loop *loop, const struct bk_rally_ops *ops, void *owner);
void bk_rally_done(struct bk_rally *r);

/* The first side says number 1. */
void bk_rally_start(struct bk_rally *r, bool is_first);

/* What came from the peer. BK_E_MALFORMED and the like: it is no such message, and nothing has happened.
 * Other types of message and numbers that nobody waits for are ignored. */
int bk_rally_take(struct bk_rally *r, const void *json, size_t n);

/* No more messages. A message on its way counts as lost only if the path failed. */
void bk_rally_stop(struct bk_rally *r, bool has_failed);
void bk_rally_get(const struct bk_rally *r, struct bk_rally_result *ret_result);

#endif

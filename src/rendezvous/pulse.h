/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_RENDEZVOUS_PULSE_H
#define BK_RENDEZVOUS_PULSE_H

#include <bodkin/mailbox.h>

#include "base/time.h"
#include "rendezvous/control.h"

/* The pings of a control connection. Each answer tells three things: the server lives, what its clock says, and
 * that it has handled all that was sent before. Embedded in the client; the loop's thread only. */
enum { BK_PULSE_PINGS_MAX = 16 }; /* unanswered ones remembered */

struct bk_pulse {
	struct bk_loop *loop;
	struct bk_mailbox_view *view; /* borrowed: where the clock is written */
	struct bk_control *control;   /* borrowed; NULL while it does not beat */
	struct bk_timer *timer;
	bk_dur interval;
	bk_time clock_at; /* when the round trip that the clock stands on was taken */
	bk_time heard_at; /* the server's last message; the client's to set */
	uint64_t next, last_pong;
	uint64_t mail; /* its answer proves that the last mail was taken; 0: none was sent */
	bk_time sent_at[BK_PULSE_PINGS_MAX];
	int due; /* of a measurement */
	struct bk_timer *company;
	unsigned company_left; /* so many more of those that go along */
	bool is_hurried;       /* since the network changed: nothing was heard */
	uint64_t flush_at;
	void (*flush_fn)(void *arg);
	void *flush_arg;
};

int bk_pulse_init(struct bk_pulse *p, struct bk_loop *loop, struct bk_mailbox_view *view);
/* Forgets what is to be flushed. Fine on a zeroed one. */
void bk_pulse_done(struct bk_pulse *p);

/* The hello went out over it. */
void bk_pulse_attach(struct bk_pulse *p, struct bk_control *control);
/* From now on, every `interval` as far as that makes sense; 0: as we like. A server that says nothing more ends the
 * control connection with BK_E_IDLE. */
void bk_pulse_start(struct bk_pulse *p, bk_dur interval);
/* The connection is gone: no more of it, and whoever waits for a flush has waited long enough. */
void bk_pulse_stop(struct bk_pulse *p);
void bk_pulse_end_flush(struct bk_pulse *p);

/* The answer to ping `number`, with the server's clock. */
void bk_pulse_pong(struct bk_pulse *p, uint64_t number, int64_t server_time);
/* A question of ours that took rtt, and its answer, tell the round trip, and what the server's clock says now. */
void bk_pulse_learn_clock(struct bk_pulse *p, bk_dur rtt, int64_t server_time);

/* Something was sent that somebody waits for, or is about to come: a few pings go along, each answered, so that in
 * neither direction it is the last segment on its way. TCP notices within a round trip that a segment was lost when a
 * later one arrives (RACK, RFC 8985); of the last one it waits for two round trips and 200 ms. */
void bk_pulse_accompany(struct bk_pulse *p);
void bk_pulse_leave_alone(struct bk_pulse *p); /* it has come */

/* As struct bk_mailbox_ops has them. */
void bk_pulse_measure(struct bk_pulse *p);
/* The network has changed, and the connection is perhaps dead: a ping, with less patience for its answer. */
void bk_pulse_hurry(struct bk_pulse *p);
void bk_pulse_flush(struct bk_pulse *p, void (*fn)(void *arg), void *arg);
void bk_pulse_mail_sent(struct bk_pulse *p);
bool bk_pulse_is_mail_taken(const struct bk_pulse *p);

#endif

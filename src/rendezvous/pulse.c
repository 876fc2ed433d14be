/* SPDX-License-Identifier: Apache-2.0 */
#include "rendezvous/pulse.h"

#include "base/error.h"
#include "base/log.h"

enum { CLOCK_PINGS = 3 };

#define CLOCK_FRESH  (60 * BK_SEC)   /* a smaller round trip is believed this long */
#define CLOCK_MAX    (INT64_MAX / 4) /* a server's clock beyond it would only break our arithmetic */
#define PING_MIN     (10 * BK_MS)    /* whatever the server asks for */
#define PING_MAX     (60 * BK_SEC)
#define PING_DEFAULT (15 * BK_SEC)
#define SILENCE_MIN  (2 * BK_SEC)
#define SILENCE_MAX  (10 * BK_SEC) /* with a ping unanswered, the server is taken for gone; or two intervals */

static void send_ping(struct bk_pulse *p)
{
	struct bk_rdv_msg m = {.type = BK_RDV_CLIENT_PING, .number = p->next + 1};

	if (!p->control)
		return;
	p->next++;
	p->sent_at[p->next % BK_PULSE_PINGS_MAX] = bk_loop_now(p->loop);
	bk_control_send(p->control, &m);
	bk_timer_start(p->timer, p->interval);
}

/* The timer runs from the last ping. A server that has died with its machine is TCP's to notice; one that
 * lives and says nothing more is noticed here. */
static void on_timer(void *arg)
{
	struct bk_pulse *p = arg;
	bk_dur silence = p->is_hurried ? SILENCE_MIN
				       : bk_time_min(bk_time_max(2 * p->interval, SILENCE_MIN), SILENCE_MAX);

	p->is_hurried = false;
	if (p->last_pong < p->next && bk_loop_now(p->loop) - p->heard_at >= silence)
		bk_control_end(p->control, BK_E_IDLE);
	else
		send_ping(p);
}

int bk_pulse_init(struct bk_pulse *p, struct bk_loop *loop, struct bk_mailbox_view *view)
{
	p->loop = loop;
	p->view = view;
	return bk_timer_new(loop, on_timer, p, &p->timer);
}

void bk_pulse_done(struct bk_pulse *p)
{
	bk_timer_free(p->timer);
	p->timer = NULL;
	p->control = NULL;
}

void bk_pulse_start(struct bk_pulse *p, struct bk_control *control, bk_dur interval)
{
	p->control = control;
	p->interval = bk_time_min(bk_time_max(interval ? interval : PING_DEFAULT, PING_MIN), PING_MAX);
}

void bk_pulse_stop(struct bk_pulse *p)
{
	bk_timer_stop(p->timer);
	p->control = NULL;
}

void bk_pulse_end_flush(struct bk_pulse *p)
{
	void (*fn)(void *) = p->flush_fn;

	p->flush_fn = NULL;
	if (fn)
		fn(p->flush_arg);
}

void bk_pulse_learn_clock(struct bk_pulse *p, bk_dur rtt, int64_t server_time)
{
	bk_time now = bk_loop_now(p->loop);

	if (server_time < 0 || server_time > CLOCK_MAX) {
		bk_log_debug("rdv", "the server's clock is beyond belief");
	} else if (!p->view->rtt_ns || rtt <= p->view->rtt_ns || now - p->clock_at > CLOCK_FRESH) {
		p->view->rtt_ns = rtt > 0 ? rtt : 1;
		p->view->clock_offset_ns = server_time - (now - rtt / 2);
		p->clock_at = now;
	}
}

void bk_pulse_pong(struct bk_pulse *p, uint64_t number, int64_t server_time)
{
	if (!number || number > p->next || number + BK_PULSE_PINGS_MAX <= p->next)
		return;
	if (number > p->last_pong)
		p->last_pong = number;
	bk_pulse_learn_clock(p, bk_loop_now(p->loop) - p->sent_at[number % BK_PULSE_PINGS_MAX], server_time);
	if (p->due > 0 && --p->due > 0)
		send_ping(p);
	if (p->flush_fn && number >= p->flush_at)
		bk_pulse_end_flush(p);
}

void bk_pulse_measure(struct bk_pulse *p)
{
	if (!p->control)
		return;
	p->due = CLOCK_PINGS;
	send_ping(p);
}

void bk_pulse_hurry(struct bk_pulse *p)
{
	if (!p->control)
		return;
	send_ping(p);
	p->is_hurried = true;
	bk_timer_start(p->timer, SILENCE_MIN);
}

void bk_pulse_flush(struct bk_pulse *p, void (*fn)(void *arg), void *arg)
{
	p->flush_fn = fn;
	p->flush_arg = arg;
	send_ping(p);
	p->flush_at = p->next;
}

void bk_pulse_mail_sent(struct bk_pulse *p)
{
	send_ping(p);
	p->mail = p->next;
}

bool bk_pulse_is_mail_taken(const struct bk_pulse *p)
{
	return p->last_pong >= p->mail;
}

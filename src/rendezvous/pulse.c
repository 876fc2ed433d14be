/* SPDX-License-Identifier: Apache-2.0 */
#include "rendezvous/pulse.h"

#include "base/error.h"
#include "base/log.h"

enum { CLOCK_PINGS = 3, COMPANY = 16, COMPANY_CLOSE = 8 };

#define CLOCK_FRESH   (60 * BK_SEC)   /* a smaller round trip is believed this long */
#define CLOCK_MAX     (INT64_MAX / 4) /* a server's clock beyond it would only break our arithmetic */
#define PING_MIN      (10 * BK_MS)    /* whatever the server asks for */
#define PING_MAX      (60 * BK_SEC)
#define PING_DEFAULT  (15 * BK_SEC)
#define COMPANY_GAP   (10 * BK_MS) /* or a quarter of the round trip */
#define COMPANY_FIRST (25 * BK_MS) /* where none is known yet */
#define SILENCE_MIN   (2 * BK_SEC)
#define SILENCE_MAX   (10 * BK_SEC) /* with a ping unanswered, the server is taken for gone; or two intervals */

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

/* --- in company --- */

/* For two round trips closely, for four more at twice the gap. */
static void arm_company(struct bk_pulse *p)
{
	bk_dur rtt = p->view->rtt_ns, gap = rtt ? bk_time_max(COMPANY_GAP, rtt / 4) : COMPANY_FIRST;

	bk_timer_start(p->company, p->company_left > COMPANY - COMPANY_CLOSE ? gap : 2 * gap);
}

static void on_company(void *arg)
{
	struct bk_pulse *p = arg;

	if (!p->control || !p->company_left)
		return;
	p->company_left--;
	send_ping(p);
	arm_company(p);
}

void bk_pulse_accompany(struct bk_pulse *p)
{
	p->company_left = COMPANY;
	arm_company(p);
}

void bk_pulse_leave_alone(struct bk_pulse *p)
{
	p->company_left = 0;
	bk_timer_stop(p->company);
}

/* --- life --- */

int bk_pulse_init(struct bk_pulse *p, struct bk_loop *loop, struct bk_mailbox_view *view)
{
	int err;

	p->loop = loop;
	p->view = view;
	err = bk_timer_new(loop, on_timer, p, &p->timer);
	return err < 0 ? err : bk_timer_new(loop, on_company, p, &p->company);
}

void bk_pulse_done(struct bk_pulse *p)
{
	bk_timer_free(p->timer);
	bk_timer_free(p->company);
	p->timer = p->company = NULL;
	p->control = NULL;
}

void bk_pulse_attach(struct bk_pulse *p, struct bk_control *control)
{
	p->control = control;
	p->interval = PING_DEFAULT;
	p->heard_at = bk_loop_now(p->loop);
}

void bk_pulse_start(struct bk_pulse *p, bk_dur interval)
{
	p->interval = bk_time_min(bk_time_max(interval ? interval : PING_DEFAULT, PING_MIN), PING_MAX);
}

void bk_pulse_stop(struct bk_pulse *p)
{
	bk_timer_stop(p->timer);
	bk_pulse_leave_alone(p);
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
	bk_pulse_accompany(p);
}

bool bk_pulse_is_mail_taken(const struct bk_pulse *p)
{
	return p->last_pong >= p->mail;
}

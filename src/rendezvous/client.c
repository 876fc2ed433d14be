/* SPDX-License-Identifier: Apache-2.0 */
/* The client's side of the rendezvous. Each round trip saved here is one saved for every connection: what asks how
 * the NAT maps our ports leaves with the control connection's first packet, and what the owner wants of the server
 * with the hello, without waiting for the answer. A server that refuses the hello has not looked at the rest. */
#include "rendezvous/mailbox.h"

#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hold.h"
#include "base/log.h"
#include "net/random.h"
#include "net/resolve.h"
#include "rendezvous/control.h"
#include "rendezvous/known.h"
#include "rendezvous/outside.h"
#include "rendezvous/pulse.h"
#include "rendezvous/target.h"

_Static_assert((int)BK_MAILBOX_TOKEN_LEN == (int)BK_RDV_SECRET_LEN, "as the public header says");
_Static_assert((int)BK_MAILBOX_MAIL_MAX == (int)BK_RDV_BODY_MAX, "as the public header says");

enum { ID_BYTES = 8 };

#define WAIT_MAX (20 * BK_SEC) /* all that the server may have us wait for what it denies */
#define WAIT_MIN (250 * BK_MS) /* at a time: so it has us come or ask again so many times and no more */

struct bk_rdv {
	struct bk_loop *loop;
	struct bk_rdv_mailbox *of;
	const struct bk_mailbox_events *events;
	void *arg;
	struct bk_resolve *resolve;
	struct bk_control *control;
	struct bk_mailbox_view view;
	struct bk_pulse pulse;
	struct bk_outside outside;
	struct bk_pin pin;               /* the server's */
	struct bk_mailbox_rejoin rejoin; /* waits for the hello */
	bool has_rejoin;
	bk_time hello_at; /* when ours went out; 0: not yet */
	char error_text[BK_KNOWN_TEXT_MAX];
	/* What was asked for last, until it is answered: who is told to wait asks again. */
	struct bk_rdv_msg asked;
	bk_dur waited;
	uint32_t refuse_wait; /* ms, of a refused hello; 0: for good */
	struct bk_timer *again;
	void (*on_again)(struct bk_rdv *r);
	int refused; /* the server refused us: what to report when the connection ends */
	bool is_ready;
	struct bk_hold hold;
};

/* Another box may have been faster, with another key. */
static bool has_key_of_others(const struct bk_rdv *r)
{
	return !r->of->target.has_pin || bk_pin_equal(&r->pin, &r->of->target.pin);
}

static void say(struct bk_rdv *r, const char *text)
{
	if (r->events->on_note)
		r->events->on_note(r->arg, 2, text);
}

static void on_hello(struct bk_rdv *r, const struct bk_rdv_msg *m)
{
	if (r->is_ready)
		return;
	if (!has_key_of_others(r)) {
		bk_control_end(r->control, BK_E_PIN_MISMATCH);
		return;
	}
	r->is_ready = true;
	bk_control_welcome(r->control);
	bk_pulse_start(&r->pulse, m->ping_ms * BK_MS);
	r->view.relay = bk_control_server(r->control);
	r->of->target.pin = r->pin;
	r->of->target.has_pin = true;
	if (m->time)
		bk_pulse_learn_clock(&r->pulse, bk_loop_now(r->loop) - r->hello_at, m->time);
	if (!r->of->is_hidden)
		bk_outside_learn(&r->outside, r->control, m);
	if (!r->asked.type)
		bk_pulse_leave_alone(&r->pulse);
	bk_pulse_measure(&r->pulse);
	say(r, "step: the server has answered the hello, which was waited for");
	r->events->on_ready(r->arg);
}

/* --- told to wait --- */

static void on_again(void *arg)
{
	struct bk_rdv *r = arg;

	r->on_again(r);
}

/* A turn is waited for often and shortly, and said once. */
static void say_wait(struct bk_rdv *r, int code, bk_dur wait)
{
	bool is_turn = code == BK_E_CODE_USED || code == BK_E_EXISTS;
	char text[128] = "somebody else is taking the code at this moment; trying again";

	if (!is_turn)
		snprintf(text, sizeof(text),
			"the server is busy with others at this address; trying again in %u s",
			(unsigned)((wait + BK_SEC - 1) / BK_SEC));
	if (r->events->on_note)
		r->events->on_note(
			r->arg, is_turn && (r->waited > wait || code == BK_E_EXISTS) ? 2 : 0, text);
}

/* False: no more. */
static bool wait_and(struct bk_rdv *r, int code, uint32_t wait_ms, void (*then)(struct bk_rdv *r))
{
	bk_dur wait = bk_time_max(wait_ms * BK_MS, WAIT_MIN);

	if (!wait_ms || r->waited + wait > WAIT_MAX)
		return false;
	r->waited += wait;
	r->on_again = then;
	bk_timer_start(r->again, wait);
	say_wait(r, code, wait);
	return true;
}

static void forget_asked(struct bk_rdv *r)
{
	bk_timer_stop(r->again);
	bk_rdv_done(&r->asked);
	r->asked = (struct bk_rdv_msg){0};
}

static void ask_again(struct bk_rdv *r)
{
	bk_control_send(r->control, &r->asked);
}

static int ask(struct bk_rdv *r, const struct bk_rdv_msg *m)
{
	forget_asked(r);
	r->asked = *m;
	r->asked.body = m->body_len ? malloc(m->body_len) : NULL;
	if (m->body_len && !r->asked.body) {
		r->asked = (struct bk_rdv_msg){0};
		return BK_E_NOMEM;
	}
	if (m->body_len)
		memcpy(r->asked.body, m->body, m->body_len);
	bk_pulse_accompany(&r->pulse);
	return bk_control_send(r->control, m);
}

static int code_or(const char *name, int otherwise)
{
	return *name ? bk_error_from_name(name) : otherwise;
}

static void on_refuse(struct bk_rdv *r, const struct bk_rdv_msg *m)
{
	r->refused = code_or(m->code, BK_E_REFUSED);
	r->refuse_wait = m->wait_ms;
	snprintf(r->error_text, sizeof(r->error_text), "server '%s' refused: %.80s", r->of->target.host,
		m->content);
}

static void on_error(struct bk_rdv *r, const struct bk_rdv_msg *m)
{
	char text[BK_RDV_TEXT_MAX + 64];
	int code = code_or(m->code, BK_E_PROTOCOL);

	if (r->asked.type && wait_and(r, code, m->wait_ms, ask_again))
		return;
	forget_asked(r);
	snprintf(text, sizeof(text), "%s", code == BK_E_NO_SUCH_PEER ? "" : m->content);
	if (m->wait_ms >= 1000)
		snprintf(text, sizeof(text), "%s; try again in %u s", m->content, (m->wait_ms + 999) / 1000);
	r->events->on_error(r->arg, code, text);
}

int bk_rdv_send_group(void *box, const void *body, size_t n)
{
	const struct bk_rdv_msg m = {
		.type = BK_RDV_CLIENT_GROUP, .body = (uint8_t *)(uintptr_t)body, .body_len = n};

	return bk_control_send(((struct bk_rdv *)box)->control, &m);
}

/* Who is here for the view alone has no ear for it. */
static void on_mail_message(struct bk_rdv *r, const struct bk_rdv_msg *m)
{
	const struct bk_mailbox_events *to = r->events;
	enum bk_rdv_type type = to->on_mail ? m->type : BK_RDV_UNKNOWN;

	if (type == BK_RDV_SERVER_CLAIMED || type == BK_RDV_SERVER_RELAY)
		memcpy(r->view.relay_token, m->leg_token, sizeof(r->view.relay_token));
	if (type == BK_RDV_SERVER_NAMEPLATE || type == BK_RDV_SERVER_CLAIMED)
		forget_asked(r);
	if (type == BK_RDV_SERVER_NAMEPLATE || type == BK_RDV_SERVER_CLAIMED || type == BK_RDV_SERVER_MAIL)
		bk_pulse_leave_alone(&r->pulse);
	if (type == BK_RDV_SERVER_NAMEPLATE)
		to->on_nameplate(r->arg, m->nameplate);
	else if (type == BK_RDV_SERVER_CLAIMED)
		to->on_claimed(r->arg, m->nameplate, m->relay_token, m->body, m->body_len);
	else if (type == BK_RDV_SERVER_MAIL)
		to->on_mail(r->arg, m->body, m->body_len);
	else if (type == BK_RDV_SERVER_RELAY)
		to->on_round(r->arg, m->relay_token);
	else if (type == BK_RDV_SERVER_RELEASED)
		to->on_released(r->arg, code_or(m->code, BK_OK));
	else if (type == BK_RDV_SERVER_ERROR)
		on_error(r, m);
	else
		bk_log_debug("rdv", "ignoring %s", bk_rdv_type_name(m->type));
}

/* What was asked along with the hello is answered behind it: whoever asked relies on a box that is ready. */
static bool is_in_place(const struct bk_rdv *r, enum bk_rdv_type type)
{
	return r->is_ready || type == BK_RDV_SERVER_HELLO || type == BK_RDV_SERVER_REFUSE ||
	       type == BK_RDV_SERVER_STOP || type == BK_RDV_UNKNOWN;
}

static void on_message(void *arg, const struct bk_rdv_msg *m)
{
	struct bk_rdv *r = arg;

	r->pulse.heard_at = bk_loop_now(r->loop);
	if (!is_in_place(r, m->type)) {
		snprintf(r->error_text, sizeof(r->error_text),
			"cannot say hello to server '%s:%u': it answered with %s instead", r->of->target.host,
			r->of->target.port, bk_rdv_type_name(m->type));
		bk_control_end(r->control, BK_E_PROTOCOL);
		return;
	}
	switch (m->type) {
	case BK_RDV_SERVER_HELLO:
		on_hello(r, m);
		break;
	case BK_RDV_SERVER_REFUSE:
		on_refuse(r, m);
		break;
	case BK_RDV_SERVER_PONG:
		bk_pulse_pong(&r->pulse, m->number, m->time);
		break;
	case BK_RDV_SERVER_MAPPED:
		bk_outside_mapped(&r->outside, m);
		break;
	case BK_RDV_SERVER_REACHED:
		bk_outside_reached(&r->outside, m);
		break;
	case BK_RDV_SERVER_GROUP:
		if (r->of->on_group)
			r->of->on_group(r->arg, m->body, m->body_len);
		break;
	case BK_RDV_SERVER_STOP:
		r->refused = BK_E_SHUTDOWN;
		snprintf(r->error_text, sizeof(r->error_text), "server '%s' is shutting down",
			r->of->target.host);
		break;
	default:
		on_mail_message(r, m);
	}
}

static int send_rejoin(struct bk_rdv *r, const struct bk_mailbox_rejoin *j)
{
	struct bk_rdv_msg m = {
		.type = BK_RDV_CLIENT_REJOIN, .side = j->side, .number = j->number, .asks = j->asks};

	memcpy(m.secret, j->secret, sizeof(m.secret));
	memcpy(m.relay_token, j->token, sizeof(m.relay_token));
	return bk_control_send(r->control, &m);
}

static int rejoin(void *box, const struct bk_mailbox_rejoin *j)
{
	struct bk_rdv *r = box;

	if (r->hello_at)
		return send_rejoin(r, j);
	r->rejoin = *j;
	r->has_rejoin = true;
	return 0;
}

static void wipe(struct bk_rdv *r)
{
	sodium_memzero(&r->rejoin, sizeof(r->rejoin));
	free(r);
}

/* What travels with the hello: a hello that comes again takes along what the one before did. */
static int send_along(struct bk_rdv *r)
{
	int err = r->has_rejoin ? send_rejoin(r, &r->rejoin) : 0;

	if (!err && r->asked.type)
		err = bk_control_send(r->control, &r->asked);
	if (err < 0 || r->asked.type || !r->events->on_early)
		return err;
	bk_hold_enter(&r->hold);
	say(r, "step: the server has proved who it is, which was waited for: the hello, and what goes with it");
	if (!r->hold.is_dead)
		r->events->on_early(r->arg);
	if (bk_hold_leave(&r->hold))
		wipe(r);
	return 0;
}

static int on_secure(void *arg, const struct bk_pin *pin)
{
	struct bk_rdv *r = arg;
	const struct bk_rdv_mailbox *of = r->of;
	struct bk_rdv_msg m = {.type = BK_RDV_CLIENT_HELLO, .version = 1};
	char ip[BK_ADDR_STR_MAX], text[BK_KNOWN_TEXT_MAX] = "";
	int err = 0;

	r->pin = *pin;
	if (!of->target.has_pin)
		err = bk_known_server_trust(of->known_servers, &of->target, pin, *of->token, text);
	else if (!has_key_of_others(r))
		err = BK_E_PIN_MISMATCH;
	if (err < 0) {
		snprintf(r->error_text, sizeof(r->error_text), "%s", text);
		return err;
	}
	if (*text && r->events->on_note)
		r->events->on_note(r->arg, -1, text);
	r->view.local = bk_control_local(r->control);
	bk_random_name(ID_BYTES, m.client_id);
	if (*of->client_id)
		strcpy(m.client_id, of->client_id);
	strcpy(m.nat_type, "unknown");
	strcpy(m.token, of->token);
	snprintf(m.private_ip, sizeof(m.private_ip), "%s", bk_addr_ip_to_str(&r->view.local, ip));
	m.private_port = r->view.local.port;
	r->hello_at = bk_loop_now(r->loop);
	err = bk_control_send(r->control, &m);
	bk_pulse_attach(&r->pulse, r->control);
	bk_pulse_accompany(&r->pulse);
	if (!err && !of->is_hidden)
		bk_outside_announce(&r->outside, r->control);
	return err < 0 ? err : send_along(r);
}

static void on_resolved(void *arg, int err, const struct bk_addr *addrs, size_t len);

static void connect_again(struct bk_rdv *r)
{
	int err;

	bk_outside_leave(&r->outside);
	bk_control_free(r->control);
	bk_resolve_free(r->resolve);
	r->control = NULL;
	r->resolve = NULL;
	err = bk_resolve_new(r->loop, r->of->target.host, r->of->target.port, on_resolved, r, &r->resolve);
	if (err < 0)
		on_resolved(r, err, NULL, 0);
}

/* The hello was refused, for a while. */
static bool comes_again(struct bk_rdv *r)
{
	uint32_t wait = r->refuse_wait;

	r->refuse_wait = 0;
	if (!r->refused || r->is_ready || !wait_and(r, r->refused, wait, connect_again))
		return false;
	r->refused = 0;
	r->hello_at = 0;
	r->error_text[0] = 0;
	return true;
}

static void on_end(void *arg, int error, const char *stage, const char *detail)
{
	struct bk_rdv *r = arg;

	bk_pulse_stop(&r->pulse);
	bk_timer_stop(r->again);
	if (comes_again(r))
		return;
	if (r->refused)
		error = r->refused;
	if (!*r->error_text && error == BK_E_PIN_MISMATCH)
		snprintf(r->error_text, sizeof(r->error_text),
			"server '%s:%u' does not have the key behind "
			"'#'; ask whoever runs it for the right one",
			r->of->target.host, r->of->target.port);
	if (!*r->error_text)
		snprintf(r->error_text, sizeof(r->error_text), "%s%s server '%s:%u': %s%s",
			r->is_ready ? "lost the connection to" : "cannot ", r->is_ready ? "" : stage,
			r->of->target.host, r->of->target.port, detail,
			r->is_ready ? "" : bk_target_hint(&r->of->target, error));
	r->is_ready = false;
	bk_hold_enter(&r->hold);
	bk_pulse_end_flush(&r->pulse);
	if (!r->hold.is_dead)
		r->events->on_end(r->arg, error, r->error_text);
	if (bk_hold_leave(&r->hold))
		wipe(r);
}

/* The owner may close the box inside. */
static void begin_outside(struct bk_rdv *r)
{
	struct bk_addr local, server;

	if (r->of->is_hidden || !bk_control_is_dialing(r->control, &local, &server))
		return;
	bk_outside_begin(&r->outside, &local, &server);
	bk_hold_enter(&r->hold);
	say(r, "step: the first packet to the server, and with it the questions how our NAT maps our ports");
	if (!r->hold.is_dead)
		r->events->on_view(r->arg);
	if (bk_hold_leave(&r->hold))
		wipe(r);
}

static void on_resolved(void *arg, int err, const struct bk_addr *addrs, size_t len)
{
	static const struct bk_control_events events = {
		.on_secure = on_secure, .on_message = on_message, .on_end = on_end};
	struct bk_rdv *r = arg;

	if (!err)
		err = bk_control_new(r->loop, addrs, len, &r->of->target, &events, r, &r->control);
	if (err < 0)
		on_end(r, err, "resolve", bk_error_text(err));
	else
		begin_outside(r);
}

static void on_view(void *arg)
{
	struct bk_rdv *r = arg;

	r->events->on_view(r->arg);
}

/* --- the table --- */

static void close_box(void *box)
{
	struct bk_rdv *r = box;

	bk_outside_close(&r->outside);
	bk_resolve_free(r->resolve);
	bk_control_free(r->control);
	bk_pulse_done(&r->pulse);
	bk_timer_free(r->again);
	r->again = NULL;
	bk_rdv_done(&r->asked);
	r->asked.body = NULL;
	if (bk_hold_end(&r->hold))
		wipe(r);
}

static int open_box(void *arg, struct bk_loop *loop, const struct bk_mailbox_events *events, void *events_arg,
	void **ret_box)
{
	struct bk_rdv *r = calloc(1, sizeof(*r));
	int err;

	if (!r)
		return BK_E_NOMEM;
	r->loop = loop;
	r->of = arg;
	r->events = events;
	r->arg = events_arg;
	r->outside = (struct bk_outside){.loop = loop, .view = &r->view, .on_view = on_view, .arg = r};
	err = bk_pulse_init(&r->pulse, loop, &r->view);
	if (!err)
		err = bk_timer_new(loop, on_again, r, &r->again);
	if (!err)
		err = bk_resolve_new(
			loop, r->of->target.host, r->of->target.port, on_resolved, r, &r->resolve);
	if (err < 0) {
		close_box(r);
		return err;
	}
	*ret_box = r;
	return 0;
}

static void view(void *box, struct bk_mailbox_view *ret_view)
{
	*ret_view = ((const struct bk_rdv *)box)->view;
}

static int leave(void *box, uint32_t wish, const void *left, size_t n)
{
	struct bk_rdv *r = box;
	struct bk_rdv_msg m = {.type = BK_RDV_CLIENT_ALLOCATE,
		.nameplate = wish,
		.body = (uint8_t *)(uintptr_t)left,
		.body_len = n};

	memcpy(m.secret, r->of->owner, sizeof(m.secret));
	memcpy(m.heir, r->of->heir, sizeof(m.heir));
	return ask(r, &m);
}

static int claim(void *box, uint32_t nameplate)
{
	struct bk_rdv_msg m = {.type = BK_RDV_CLIENT_CLAIM, .nameplate = nameplate};

	return ask(box, &m);
}

static int mail(void *box, const void *body, size_t n)
{
	struct bk_rdv *r = box;
	struct bk_rdv_msg m = {.type = BK_RDV_CLIENT_MAIL, .body = (uint8_t *)(uintptr_t)body, .body_len = n};
	int err = bk_control_send(r->control, &m);

	if (!err)
		bk_pulse_mail_sent(&r->pulse);
	return err;
}

/* The other side is told at once. */
static void release(void *box)
{
	const struct bk_rdv_msg m = {.type = BK_RDV_CLIENT_RELEASE};
	struct bk_rdv *r = box;

	if (r->is_ready)
		bk_control_send(r->control, &m);
}

static bool is_mail_taken(void *box)
{
	return bk_pulse_is_mail_taken(&((struct bk_rdv *)box)->pulse);
}

static void flush(void *box, void (*fn)(void *fn_arg), void *fn_arg)
{
	bk_pulse_flush(&((struct bk_rdv *)box)->pulse, fn, fn_arg);
}

static void measure_clock(void *box)
{
	bk_pulse_measure(&((struct bk_rdv *)box)->pulse);
	bk_pulse_accompany(&((struct bk_rdv *)box)->pulse); /* the other side's mail is about to come */
}

void bk_rdv_hurry(void *box)
{
	bk_pulse_hurry(&((struct bk_rdv *)box)->pulse);
}

static void yield_port(void *box)
{
	bk_outside_close(&((struct bk_rdv *)box)->outside);
}

static void probe_flows(void *box, bool is_latest)
{
	struct bk_rdv *r = box;

	if (!r->of->is_hidden && !r->refused)
		bk_outside_probe_flows(&r->outside, is_latest);
}

static const char *name(void *arg)
{
	(void)arg;
	return "the server";
}

const struct bk_mailbox_ops bk_rdv_ops = {
	.size = sizeof(bk_rdv_ops),
	.open = open_box,
	.close = close_box,
	.view = view,
	.leave = leave,
	.claim = claim,
	.mail = mail,
	.release = release,
	.rejoin = rejoin,
	.is_mail_taken = is_mail_taken,
	.flush = flush,
	.measure_clock = measure_clock,
	.yield_port = yield_port,
	.name = name,
	.probe_flows = probe_flows,
};

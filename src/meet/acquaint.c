/* SPDX-License-Identifier: Apache-2.0 */
/* From a code to two introductions. The side that makes the code leaves its share with the nameplate; the
 * side that joins answers with its own share and its introduction in one mail; one more mail completes it.
 * Whatever the mailbox says beyond that is not believed.
 *
 * A code outlives the box that it was made at. Who has lost his box, or the other one, before anything was
 * sealed begins anew under the same code: the maker with a fresh share, the joiner with another claim. What
 * was left and never answered, or claimed and never answered, has tested no word of the code. */
#include "meet/acquaint.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/log.h"
#include "meet/again.h"
#include "meet/greeting.h"
#include "meet/patience.h"
#include "meet/watchword.h"

enum {
	TEXT_MAX = BK_WATCHWORD_TEXT_MAX,
	REFUSALS_EXISTS = 3,
};

#define SERVER_TIMEOUT    (10 * BK_SEC) /* for the code number */
#define PAIRING_TIMEOUT   (30 * BK_SEC) /* the other side's mail, once the code is used */
#define PAIRING_SHARED    (10 * BK_SEC) /* where others wait for their turn meanwhile */
#define SAY_WRONG_TIMEOUT (1 * BK_SEC)
#define DELAY_MAX         (24 * 3600 * BK_SEC)

enum state { CONNECTING, WAITING, PAIRING, SAYING_WRONG, OVER };

static const char *const state_names[] = {"connecting", "waiting", "pairing", "saying wrong", "over"};

struct bk_acquaint {
	struct bk_acquaint_opts opts;
	const struct bk_acquaint_events *events;
	void *arg;
	struct bk_box *box;
	enum state state;
	struct bk_watchword word;
	struct bk_greeting greeting;
	bool is_claimed;
	bool has_begun; /* at some box */
	bool has_asked; /* at this one, since we started over */
	bool is_early;  /* and before it was ready */
	bool is_back;   /* at another box, or for another try */
	bool is_away;   /* the person was told that something is waited for */
	bk_dur wait;
	bk_time began;             /* waiting for the other side */
	struct bk_timer *deadline; /* of the state */
	struct bk_again again;     /* at the same box */
	struct bk_patience patience;
};

static void set_state(struct bk_acquaint *a, enum state next)
{
	bk_assert(a->state != OVER && (next >= a->state || next == CONNECTING)); /* on, or anew */
	bk_log_debug("meet", "%s -> %s", state_names[a->state], state_names[next]);
	a->state = next;
}

static void stop(struct bk_acquaint *a)
{
	set_state(a, OVER);
	bk_timer_stop(a->deadline);
	bk_again_stop(&a->again);
	bk_patience_reset(&a->patience);
}

static void fail(struct bk_acquaint *a, int error, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void fail(struct bk_acquaint *a, int error, const char *fmt, ...)
{
	char text[TEXT_MAX];
	va_list args;

	if (a->state == OVER)
		return;
	stop(a);
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	a->events->on_failed(a->arg, error, text);
}

static void fail_pairing(struct bk_acquaint *a, int error)
{
	fail(a, error, "cannot pair by this code: %s", bk_error_text(error));
}

static void complete(struct bk_acquaint *a)
{
	bk_assert(a->opts.pairing->is_keyed && a->state == PAIRING);
	stop(a);
	a->events->on_known(a->arg);
}

/* Mail takes its time, where the mailbox says so. */
static bk_dur pairing_time(const struct bk_acquaint *a)
{
	bk_dur delay = bk_box_view(a->box).mail_delay_ns;

	return (a->word.share ? PAIRING_SHARED : PAIRING_TIMEOUT) +
	       2 * bk_time_max(0, bk_time_min(delay, DELAY_MAX));
}

/* --- a code that is spent --- */

static void spend(struct bk_acquaint *a, int error);

static void on_said_wrong(void *arg)
{
	struct bk_acquaint *a = arg;

	if (a->state == SAYING_WRONG)
		spend(a, BK_E_WRONG_CODE);
}

/* The other side must hear it too, before the connection goes. */
static void wrong_code(struct bk_acquaint *a)
{
	char text[TEXT_MAX];

	bk_greeting_say_wrong(a->box, bk_watchword_stays(&a->word, BK_E_WRONG_CODE, text));
	set_state(a, SAYING_WRONG);
	bk_timer_start(a->deadline, SAY_WRONG_TIMEOUT);
	a->box->ops->flush(a->box->box, on_said_wrong, a);
}

/* Making: what came from who claimed the code is no right answer. It was a guess, whatever it was. */
static void refuse_answer(struct bk_acquaint *a, int error)
{
	bk_watchword_guessed(&a->word);
	if (error == BK_E_WRONG_CODE)
		wrong_code(a);
	else
		spend(a, error);
}

/* --- introductions --- */

/* Joining we answer, and whoever made the code replies. */
static void introduce(struct bk_acquaint *a)
{
	bool replies = a->greeting.has_answer;
	int err;

	a->word.is_tried |= !replies;
	err = replies ? bk_greeting_reply(&a->greeting, a->box)
		      : bk_greeting_answer(&a->greeting, a->box, a->word.code.nameplate);
	if (err < 0)
		fail_pairing(a, err);
	else if (replies)
		complete(a);
}

static void maybe_introduce(struct bk_acquaint *a, bool may_wait)
{
	if (a->state == PAIRING && bk_greeting_is_due(&a->greeting) &&
		bk_patience_is_over(&a->patience, may_wait ? bk_greeting_wait(&a->greeting, a->box) : 0))
		introduce(a);
}

static void on_patience_over(void *arg)
{
	maybe_introduce(arg, false);
}

void bk_acquaint_look(struct bk_acquaint *a)
{
	maybe_introduce(a, true);
}

static void take_answer(struct bk_acquaint *a, const uint8_t *body, size_t n)
{
	int err = bk_greeting_take_answer(&a->greeting, a->word.code.nameplate, body, n);

	if (err == BK_E_NOMEM)
		fail_pairing(a, err);
	else if (err < 0)
		refuse_answer(a, err);
	else
		maybe_introduce(a, true);
}

static void take_reply(struct bk_acquaint *a, const uint8_t *body, size_t n)
{
	int err = bk_greeting_take_reply(&a->greeting, body, n);

	if (err == BK_E_WRONG_CODE)
		wrong_code(a);
	else if (err < 0)
		fail_pairing(a, err);
	else
		complete(a);
}

void bk_acquaint_mail(struct bk_acquaint *a, const uint8_t *body, size_t n)
{
	int kind = bk_pairing_kind(body, n);

	if (a->state != PAIRING || a->greeting.has_answer)
		return;
	if (kind == BK_PAIRING_ANSWER && !a->word.is_given)
		take_answer(a, body, n);
	else if (!a->word.is_given)
		refuse_answer(a, kind < 0 ? kind : BK_E_PROTOCOL);
	else if (kind == BK_PAIRING_WRONG)
		fail(a, BK_E_WRONG_CODE, "%s", bk_watchword_wrong_text(bk_pairing_stays(body, n)));
	else if (kind == BK_PAIRING_REPLY)
		take_reply(a, body, n);
	else
		fail_pairing(a, kind < 0 ? kind : BK_E_PROTOCOL);
}

/* --- the nameplate --- */

static void say_back(struct bk_acquaint *a, const char *more)
{
	char text[TEXT_MAX];

	snprintf(text, sizeof(text), "back at %s%s", a->opts.place, more);
	a->again.refusals = 0;
	if (a->is_away)
		a->events->on_waiting(a->arg, text);
	a->is_away = false;
}

void bk_acquaint_claimed(struct bk_acquaint *a, uint32_t nameplate, const uint8_t token[BK_MAILBOX_TOKEN_LEN],
	const uint8_t *left, size_t n)
{
	if (nameplate != a->word.code.nameplate || (a->state != WAITING && a->state != PAIRING) ||
		a->is_claimed)
		return;
	a->is_claimed = true;
	if (a->word.is_given)
		say_back(a, "");
	if (token)
		memcpy(a->opts.meeting->token, token, sizeof(a->opts.meeting->token));
	set_state(a, PAIRING);
	bk_timer_start(a->deadline, pairing_time(a));
	a->box->ops->measure_clock(a->box->box);
	if (!a->word.is_given) {
		bk_self_freshen(a->opts.self); /* known by the time the answer is here */
		a->box->ops->probe_flows(a->box->box, true);
		return;
	}
	if (bk_greeting_keep(&a->greeting, left, n) < 0)
		fail(a, BK_E_NOMEM, "%s", bk_error_text(BK_E_NOMEM));
	else
		maybe_introduce(a, true);
}

/* What is left of all waiting for the other side together, wherever it is waited. */
static bk_dur waiting_time(const struct bk_acquaint *a)
{
	return bk_time_max(0, a->began + a->wait - bk_loop_now(a->opts.loop));
}

static void limit_waiting(struct bk_acquaint *a)
{
	bk_timer_stop(a->deadline);
	if (a->wait)
		bk_timer_start(a->deadline, waiting_time(a));
}

static void show(struct bk_acquaint *a)
{
	char code[BK_CODE_STR_MAX], text[TEXT_MAX];

	if (!a->word.is_shown)
		a->began = bk_loop_now(a->opts.loop);
	bk_watchword_show(&a->word, code, text);
	limit_waiting(a);
	if (*text) {
		a->is_away = false;
		a->events->on_waiting(a->arg, text);
	}
	if (a->opts.on_code)
		a->opts.on_code(a->opts.on_code_arg, code);
}

void bk_acquaint_nameplate(struct bk_acquaint *a, uint32_t nameplate)
{
	if (!a->has_asked || a->word.is_given ||
		a->state != CONNECTING) /* a code of before is not to be shown again */
		return;
	if (!bk_watchword_take_number(&a->word, nameplate))
		return;
	set_state(a, WAITING);
	if (a->word.has_number)
		say_back(a, ", waiting for the other side; the code is the same");
	if (!a->word.has_number || !a->word.is_shown)
		show(a);
}

static int leave(struct bk_acquaint *a)
{
	int err = bk_watchword_prepare(&a->word);

	if (!err)
		err = bk_greeting_leave(&a->greeting, a->box, &a->word.code, bk_watchword_number(&a->word));
	if (!a->word.has_number || !a->word.is_shown)
		bk_timer_start(a->deadline, SERVER_TIMEOUT);
	return err;
}

/* Until the other side's box is found, however it is looked for. */
static bk_dur finding_time(const struct bk_acquaint *a)
{
	return a->wait ? bk_time_min(pairing_time(a), waiting_time(a)) : pairing_time(a);
}

static int join(struct bk_acquaint *a)
{
	int err = bk_pairing_init(a->opts.pairing, false, a->word.code.password);

	if (err < 0)
		return err;
	set_state(a, PAIRING);
	bk_timer_start(a->deadline, finding_time(a));
	return a->box->ops->claim(a->box->box, a->word.code.nameplate);
}

static void ask(struct bk_acquaint *a)
{
	int err;

	bk_pairing_done(a->opts.pairing);
	a->has_asked = true;
	err = a->word.is_given ? join(a) : leave(a);
	if (err < 0)
		fail(a, err, "cannot use %s: %s", a->opts.place, bk_error_text(err));
}

/* --- begun anew --- */

/* A code that is ours already, from one before us, is as good as one that was left. */
static bool has_begun(const struct bk_acquaint *a)
{
	return a->has_begun || a->word.has_number;
}

bool bk_acquaint_may_move(const struct bk_acquaint *a)
{
	return a->state <= WAITING && has_begun(a) && (a->word.is_given || bk_watchword_is_fresh(&a->word));
}

/* Is nothing tested yet that the code stands for? A maker that has taken an answer is not PAIRING any more. */
static bool is_fresh(const struct bk_acquaint *a)
{
	return a->state <= PAIRING && !a->greeting.has_answer && has_begun(a) &&
	       bk_watchword_is_fresh(&a->word);
}

/* At no box, or not yet again at this one. */
static void start_over(struct bk_acquaint *a)
{
	if (a->state != CONNECTING)
		set_state(a, CONNECTING);
	bk_again_stop(&a->again);
	bk_patience_reset(&a->patience);
	bk_greeting_drop(&a->greeting);
	a->is_claimed = false;
	a->has_asked = a->is_early = false;
	a->is_back = true;
	limit_waiting(a);
}

static void leave_at_once(struct bk_acquaint *a)
{
	start_over(a);
	if (a->box)
		bk_again_at_once(&a->again);
}

/* This code is of no use any more: another one takes its place, or it is the end. One for several goes on for the
 * others. */
static void spend(struct bk_acquaint *a, int error)
{
	char text[TEXT_MAX];
	const char *end;
	bool stays = bk_watchword_stays(&a->word, error, text);

	if (stays || bk_watchword_may_renew(&a->word)) {
		if (a->is_claimed && a->box)
			a->box->ops->release(a->box->box);
		if (!stays)
			bk_watchword_spend(&a->word, error);
		else if (*text)
			a->events->on_waiting(a->arg, text);
		leave_at_once(a);
		return;
	}
	end = bk_watchword_end_text(&a->word, error, text);
	if (end)
		fail(a, error, "%s", end);
	else
		fail_pairing(a, error);
}

/* Who makes a code waits for nobody before there is one; who has one, from its own beginning on. */
static void note_begin(struct bk_acquaint *a)
{
	if (!a->has_begun && !a->word.is_given)
		a->began = bk_loop_now(a->opts.loop);
	a->has_begun = true;
}

void bk_acquaint_ask_early(struct bk_acquaint *a, struct bk_box *box)
{
	if (a->state != CONNECTING || has_begun(a) || a->has_asked)
		return;
	a->box = box;
	a->is_early = true;
	ask(a);
}

bool bk_acquaint_begin(struct bk_acquaint *a, struct bk_box *box)
{
	if (a->is_early) {
		a->is_early = false;
		note_begin(a);
		return true;
	}
	if (a->state != CONNECTING && !bk_acquaint_may_move(a))
		return false;
	if (a->has_begun)
		start_over(a);
	note_begin(a);
	a->box = box;
	ask(a);
	return true;
}

static void on_again(void *arg)
{
	struct bk_acquaint *a = arg;

	if (a->state == CONNECTING && a->box)
		ask(a);
}

static void ask_later(struct bk_acquaint *a)
{
	start_over(a);
	bk_again_later(&a->again);
}

bool bk_acquaint_lost(struct bk_acquaint *a, int error, const char *text)
{
	char waiting[TEXT_MAX];

	if (a->state == OVER)
		return false;
	a->box = NULL;
	on_said_wrong(a); /* as far as it could be */
	if (!is_fresh(a) || a->opts.is_once || !bk_again_helps(error)) {
		fail(a, error, "%s", text);
		return false;
	}
	start_over(a);
	snprintf(waiting, sizeof(waiting), "%s; waiting for %s%s", text, a->opts.place,
		a->word.has_number ? ", the code stays the same" : "");
	if (!a->is_away)
		a->events->on_waiting(a->arg, waiting);
	a->is_away = true;
	return true;
}

/* Joining: may the maker be back soon? */
static bool may_miss(struct bk_acquaint *a)
{
	return is_fresh(a) && bk_again_may_miss(&a->again);
}

/* Whoever had claimed, or had made, the code is gone, by its own word (0) or without one. Who claimed it and
 * said nothing has tested nothing. */
void bk_acquaint_released(struct bk_acquaint *a, int code)
{
	if (a->state != PAIRING)
		return;
	if (a->word.share && a->opts.is_reusable)
		leave_at_once(a);
	else if (!a->greeting.has_answer &&
		 (a->word.is_given ? code && may_miss(a) : code || a->opts.is_reusable))
		ask_later(a);
	else if (a->word.is_given &&
		 code) /* our answer went to a connection of its that was dead; nobody saw it */
		fail(a, BK_E_PEER_VANISHED,
			"the other side was cut off before the connection was made; as long as it shows the "
			"same code, try again");
	else
		fail(a, BK_E_PEER_VANISHED, "the other side left before the connection was made");
}

/* --- ends --- */

/* The maker is not back yet, or the server still takes a connection that we lost for us: for a while. */
static bool hopes(struct bk_acquaint *a, int code)
{
	if ((!a->is_back && !a->word.share) || !is_fresh(a))
		return false;
	if (code ==
		BK_E_EXISTS) /* who had the number before us for the same code is not through with it yet */
		return a->word.share && a->word.has_number && a->again.refusals < REFUSALS_EXISTS;
	if (!a->word.is_given)
		return code == BK_E_FULL || code == BK_E_RATE_LIMITED;
	return (code == BK_E_NO_SUCH_PEER || code == BK_E_CODE_USED) && may_miss(a);
}

void bk_acquaint_refused(struct bk_acquaint *a, int code, const char *text)
{
	char why[TEXT_MAX];

	if (a->state > PAIRING)
		return;
	if (!a->word.is_given && code == BK_E_NOT_FOUND) /* whom we mailed or left had gone before */
		return;
	if (hopes(a, code))
		ask_later(a);
	else if (code == BK_E_EXISTS && a->word.has_number && bk_watchword_may_renew(&a->word))
		spend(a, code);
	else
		fail(a, code, "%s", bk_watchword_refusal_text(&a->word, code, a->opts.place, text, why));
}

static void on_deadline(void *arg)
{
	struct bk_acquaint *a = arg;

	if (a->state == CONNECTING && a->word.is_given)
		fail(a, BK_E_TIMEOUT, "%s did not %s in time", a->opts.place,
			a->has_begun ? "come back" : "answer");
	else if (a->state == PAIRING && a->word.is_given && !a->is_claimed && a->wait && !waiting_time(a))
		fail(a, BK_E_NO_SUCH_PEER,
			"nobody with this code answered in time; is the other command still waiting?");
	else if (a->state == CONNECTING && !a->word.has_number && a->box)
		fail(a, BK_E_TIMEOUT, "%s gave no code number in time", a->opts.place);
	else if (a->state == CONNECTING || a->state == WAITING)
		fail(a, BK_E_TIMEOUT, "nobody came with the code in time");
	else if (a->state == SAYING_WRONG)
		on_said_wrong(a);
	else
		spend(a, BK_E_TIMEOUT);
}

/* --- life --- */

int bk_acquaint_new(const struct bk_acquaint_opts *opts, const struct bk_acquaint_events *events, void *arg,
	struct bk_acquaint **ret_acquaint)
{
	struct bk_acquaint *a = calloc(1, sizeof(*a));
	int err;

	if (!a)
		return BK_E_NOMEM;
	a->opts = *opts;
	a->opts.session = NULL;
	a->events = events;
	a->arg = arg;
	a->wait = opts->session->wait_ns;
	a->greeting = (struct bk_greeting){
		.loop = opts->loop, .self = opts->self, .pairing = opts->pairing, .meeting = opts->meeting};
	err = bk_watchword_init(&a->word, opts->session, opts->is_reusable, opts->share);
	if (!err)
		err = bk_timer_new(opts->loop, on_deadline, a, &a->deadline);
	if (!err)
		err = bk_again_init(&a->again, opts->loop, on_again, a);
	if (!err)
		err = bk_patience_init(&a->patience, opts->loop, on_patience_over, a);
	if (err < 0) {
		bk_acquaint_free(a);
		return err;
	}
	a->began = bk_loop_now(opts->loop);
	if (a->word.is_given)
		limit_waiting(a);
	*ret_acquaint = a;
	return 0;
}

void bk_acquaint_free(struct bk_acquaint *a)
{
	if (!a)
		return;
	bk_timer_free(a->deadline);
	bk_again_done(&a->again);
	bk_patience_done(&a->patience);
	bk_greeting_drop(&a->greeting);
	bk_watchword_done(&a->word);
	free(a);
}

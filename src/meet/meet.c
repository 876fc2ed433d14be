/* SPDX-License-Identifier: Apache-2.0 */
/* The meeting: from the server's name and a code to two introductions. The side that makes the code leaves
 * its share with the nameplate; the side that joins answers with its own share and its introduction in one
 * mail; one more mail completes it. Whatever the server says beyond that is not believed. From then on the
 * server is kept, lost and found again by the reunion. */
#include "meet/meet.h"

#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "punch/plan.h"
#include "secure/code.h"
#include "meet/pairing.h"

enum {
	TEXT_MAX = 512,
	PATH_LEN_MAX = 4096,
	CODE_WORDS = 2,
	ID_BYTES = 8,
};

#define SERVER_TIMEOUT    (10 * BK_SEC) /* for the code number */
#define PAIRING_TIMEOUT   (30 * BK_SEC) /* the other side's mail, once the code is used */
#define SAY_WRONG_TIMEOUT (1 * BK_SEC)

enum state { CONNECTING, WAITING, PAIRING, SAYING_WRONG, MET, ENDED };

static const char *const state_names[] = {"connecting", "waiting", "pairing", "saying wrong", "met", "ended"};

struct bk_meet {
	struct bk_loop *loop;
	const struct bk_meet_events *events;
	void *arg;
	enum state state;
	bool is_joining;
	bool has_wish;
	bool is_claimed;
	uint32_t capabilities;
	int code_words;
	bk_dur wait;
	struct bk_code code;
	struct bk_rdv *rdv;         /* NULL once the reunion has it */
	struct bk_reunion *reunion; /* does nothing before the two have met */
	const struct bk_identity *identity;
	struct bk_self self;
	struct bk_pairing pairing;
	uint8_t *left; /* joining: what the other side left, until we answer */
	size_t left_len;
	struct bk_meeting meeting;
	char name[BK_INTRO_NAME_MAX + 1];
	struct bk_timer *deadline; /* of the state */
	struct bk_timer *mapping;  /* how long answering waits for the NAT's answers */
	bk_time answer_by;
	struct bk_timer *ender; /* reports the end from the loop */
	int end_error;
	char end_text[TEXT_MAX];
};

static void set_state(struct bk_meet *m, enum state next)
{
	bk_log_debug("meet", "%s -> %s", state_names[m->state], state_names[next]);
	m->state = next;
}

/* The first end counts; it is reported from the loop. */
static void finish(struct bk_meet *m, int error, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static void finish(struct bk_meet *m, int error, const char *fmt, ...)
{
	va_list args;

	if (m->state == ENDED)
		return;
	set_state(m, ENDED);
	m->end_error = error;
	va_start(args, fmt);
	vsnprintf(m->end_text, sizeof(m->end_text), fmt, args);
	va_end(args);
	bk_timer_stop(m->deadline);
	bk_timer_stop(m->mapping);
	bk_timer_start(m->ender, 0);
}

static void on_ender(void *arg)
{
	struct bk_meet *m = arg;

	m->events->on_end(m->arg, m->end_error, m->end_text);
}

static void describe(void *arg, const struct bk_rdv_view *view, struct bk_intro *own)
{
	struct bk_meet *m = arg;
	struct bk_pin pin = bk_identity_pin(m->identity);
	uint8_t id[ID_BYTES];

	*own = (struct bk_intro){.capabilities = m->capabilities};
	randombytes_buf(id, sizeof(id));
	sodium_bin2hex(own->id, sizeof(own->id), id, sizeof(id));
	snprintf(own->name, sizeof(own->name), "%s", m->name);
	memcpy(own->pin, pin.bytes, sizeof(own->pin));
	randombytes_buf(&own->tie_breaker, sizeof(own->tie_breaker));
	bk_self_describe(&m->self, view, own);
}

/* Both introductions are known: what the race needs is put together, and the shared port is free for it. */
static void complete(struct bk_meet *m)
{
	const struct bk_rdv_view *view = bk_rdv_view(m->rdv);
	struct bk_meeting *g = &m->meeting;
	struct bk_rdv *rdv = m->rdv;
	int err;

	bk_timer_stop(m->deadline);
	bk_rdv_yield_port(rdv);
	g->introduced = bk_loop_now(m->loop);
	g->shared = view->local;
	g->server = view->server;
	g->start = bk_meeting_start(g, view->clock_offset);
	m->rdv = NULL;
	err = bk_reunion_start(m->reunion, rdv, g->peer.server_rtt);
	if (err < 0) {
		finish(m, err, "%s", bk_error_text(err));
		return;
	}
	set_state(m, MET);
	m->events->on_met(m->arg);
}

static void on_said_wrong(void *arg)
{
	struct bk_meet *m = arg;

	finish(m, BK_E_WRONG_CODE,
		"wrong code: somebody tried another one; this code is used up, make a new one");
}

/* The other side must hear it too, before the connection goes. */
static void wrong_code(struct bk_meet *m)
{
	struct bk_buf mail;

	bk_buf_init(&mail, BK_PAIRING_MAIL_MAX);
	if (bk_pairing_say_wrong(&mail) == 0)
		bk_rdv_mail(m->rdv, bk_buf_head(&mail), mail.len);
	bk_buf_done(&mail);
	set_state(m, SAYING_WRONG);
	bk_timer_start(m->deadline, SAY_WRONG_TIMEOUT);
	bk_rdv_flush(m->rdv, on_said_wrong, m);
}

static int mail_out(struct bk_meet *m, const struct bk_buf *mail)
{
	return bk_rdv_mail(m->rdv, bk_buf_head(mail), mail->len);
}

/* Joining: our share and our sealed introduction go in one mail. */
static void answer(struct bk_meet *m)
{
	struct bk_buf mail;
	int err;

	bk_timer_stop(m->mapping);
	bk_buf_init(&mail, BK_PAIRING_MAIL_MAX);
	describe(m, bk_rdv_view(m->rdv), &m->meeting.own);
	err = bk_pairing_answer(&m->pairing, m->code.nameplate, m->left, m->left_len, &m->meeting.own, &mail);
	if (!err)
		err = mail_out(m, &mail);
	bk_buf_done(&mail);
	free(m->left);
	m->left = NULL;
	if (err < 0)
		finish(m, err, "cannot pair by this code: %s", bk_error_text(err));
}

/* The NAT's answers are worth a short wait, which never grows: they come in the same round trips. */
static void maybe_answer(struct bk_meet *m)
{
	bk_time now = bk_loop_now(m->loop);

	if (!m->left || m->state != PAIRING)
		return;
	m->answer_by =
		bk_time_min(m->answer_by, bk_time_add(now, bk_self_wait(&m->self, bk_rdv_view(m->rdv))));
	if (m->answer_by > now)
		bk_timer_start(m->mapping, m->answer_by - now);
	else
		answer(m);
}

static void on_mapping_timer(void *arg)
{
	struct bk_meet *m = arg;

	if (m->left && m->state == PAIRING)
		answer(m);
}

static void take_answer(struct bk_meet *m, const uint8_t *body, size_t n)
{
	const struct bk_rdv_view *view = bk_rdv_view(m->rdv);
	struct bk_buf mail;
	int err = bk_pairing_take_answer(&m->pairing, m->code.nameplate, body, n, &m->meeting.peer);

	if (err == BK_E_WRONG_CODE) {
		wrong_code(m);
		return;
	}
	bk_buf_init(&mail, BK_PAIRING_MAIL_MAX);
	if (!err) {
		describe(m, view, &m->meeting.own);
		m->meeting.own.start = bk_plan_start_instant(
			bk_loop_now(m->loop) + view->clock_offset, view->rtt, m->meeting.peer.server_rtt);
		err = bk_pairing_reply(&m->pairing, &m->meeting.own, &mail);
	}
	if (!err)
		err = mail_out(m, &mail);
	bk_buf_done(&mail);
	if (err < 0)
		finish(m, err, "cannot pair by this code: %s", bk_error_text(err));
	else
		complete(m);
}

static void take_reply(struct bk_meet *m, const uint8_t *body, size_t n)
{
	int err = bk_pairing_take_reply(&m->pairing, body, n, &m->meeting.peer);

	if (err == BK_E_WRONG_CODE) {
		wrong_code(m);
	} else if (err < 0) {
		finish(m, err, "cannot pair by this code: %s", bk_error_text(err));
	} else {
		complete(m);
	}
}

static void on_mail(void *arg, const uint8_t *body, size_t n)
{
	struct bk_meet *m = arg;
	int kind = bk_pairing_kind(body, n);

	if (m->state != PAIRING)
		return;
	if (kind == BK_PAIRING_WRONG)
		finish(m, BK_E_WRONG_CODE, "wrong code: it is used up now, ask for a new one");
	else if (kind == BK_PAIRING_ANSWER && !m->is_joining)
		take_answer(m, body, n);
	else if (kind == BK_PAIRING_REPLY && m->is_joining)
		take_reply(m, body, n);
	else
		finish(m, kind < 0 ? kind : BK_E_PROTOCOL, "cannot pair by this code: %s",
			bk_error_text(kind < 0 ? kind : BK_E_PROTOCOL));
}

static void on_claimed(void *arg, uint32_t nameplate, const uint8_t relay_token[BK_RDV_SECRET_LEN],
	const uint8_t *left, size_t left_len)
{
	struct bk_meet *m = arg;

	if (nameplate != m->code.nameplate || (m->state != WAITING && m->state != PAIRING) || m->is_claimed)
		return;
	m->is_claimed = true;
	memcpy(m->meeting.relay_token, relay_token, sizeof(m->meeting.relay_token));
	set_state(m, PAIRING);
	bk_timer_start(m->deadline, PAIRING_TIMEOUT);
	bk_rdv_measure_clock(m->rdv);
	if (!m->is_joining)
		return;
	m->left = malloc(left_len ? left_len : 1);
	if (!m->left) {
		finish(m, BK_E_NOMEM, "%s", bk_error_text(BK_E_NOMEM));
		return;
	}
	if (left_len)
		memcpy(m->left, left, left_len);
	m->left_len = left_len;
	m->answer_by = BK_NEVER;
	maybe_answer(m);
}

/* ---- the server ---- */

static void on_view(void *arg)
{
	struct bk_meet *m = arg;

	if (m->state == MET)
		bk_reunion_look(m->reunion);
	else
		maybe_answer(m);
}

/* There is none before the two have met. */
static void on_relay(void *arg, const uint8_t relay_token[BK_RDV_SECRET_LEN])
{
	(void)arg;
	(void)relay_token;
}

static void on_nameplate(void *arg, uint32_t nameplate)
{
	struct bk_meet *m = arg;
	char text[BK_CODE_STR_MAX];

	if (m->is_joining || m->state != CONNECTING)
		return;
	m->code.nameplate = nameplate;
	set_state(m, WAITING);
	bk_timer_stop(m->deadline);
	if (m->wait)
		bk_timer_start(m->deadline, m->wait);
	if (m->events->on_code)
		m->events->on_code(m->arg, bk_code_to_str(&m->code, text));
}

static int allocate(struct bk_meet *m)
{
	struct bk_buf mail;
	int err = 0;

	bk_buf_init(&mail, BK_PAIRING_MAIL_MAX);
	if (!m->has_wish)
		err = bk_code_make(1, m->code_words ? m->code_words : CODE_WORDS, &m->code);
	if (!err)
		err = bk_pairing_init(&m->pairing, true, m->code.password);
	if (!err)
		err = bk_pairing_leave(&m->pairing, &mail);
	if (!err)
		err = bk_rdv_allocate(
			m->rdv, m->has_wish ? m->code.nameplate : 0, bk_buf_head(&mail), mail.len);
	bk_buf_done(&mail);
	bk_timer_start(m->deadline, SERVER_TIMEOUT);
	return err;
}

static int join(struct bk_meet *m)
{
	int err = bk_pairing_init(&m->pairing, false, m->code.password);

	if (err < 0)
		return err;
	set_state(m, PAIRING);
	bk_timer_start(m->deadline, PAIRING_TIMEOUT);
	return bk_rdv_claim(m->rdv, m->code.nameplate);
}

static void on_ready(void *arg)
{
	struct bk_meet *m = arg;
	int err;

	if (m->state != CONNECTING)
		return;
	bk_self_gather(&m->self, bk_rdv_view(m->rdv));
	err = m->is_joining ? join(m) : allocate(m);
	if (err < 0)
		finish(m, err, "cannot use the server: %s", bk_error_text(err));
}

static void on_released(void *arg, int code)
{
	struct bk_meet *m = arg;

	(void)code;
	if (m->state == PAIRING)
		finish(m, BK_E_PEER_VANISHED, "the other side left before the connection was made");
}

static void on_rdv_error(void *arg, int code, const char *text)
{
	struct bk_meet *m = arg;

	if (m->state > PAIRING)
		return;
	if (code == BK_E_NO_SUCH_PEER)
		finish(m, code, "nobody waits with code number %u: check the code, or ask for a new one",
			m->code.nameplate);
	else if (code == BK_E_CODE_USED)
		finish(m, code, "code number %u was used already: ask for a new one", m->code.nameplate);
	else if (code == BK_E_EXISTS)
		finish(m, code, "code number %u is taken by somebody else: choose another",
			m->code.nameplate);
	else
		finish(m, code, "the server says: %s", *text ? text : bk_error_text(code));
}

static void on_rdv_end(void *arg, int error, const char *text)
{
	finish(arg, error, "%s", text);
}

static void on_deadline(void *arg)
{
	struct bk_meet *m = arg;

	if (m->state == CONNECTING)
		finish(m, BK_E_TIMEOUT, "the server gave no code number in time");
	else if (m->state == WAITING)
		finish(m, BK_E_TIMEOUT, "nobody came with the code in time");
	else if (m->state == SAYING_WRONG)
		on_said_wrong(m);
	else
		finish(m, BK_E_TIMEOUT, "the other side did not answer in time");
}

/* ---- once the two have met ---- */

static void on_together(void *arg, const struct bk_meeting *round)
{
	struct bk_meet *m = arg;

	if (m->state != MET)
		return;
	m->meeting = *round;
	m->events->on_met(m->arg);
}

static void on_left(void *arg)
{
	struct bk_meet *m = arg;

	if (m->state == MET && m->events->on_left)
		m->events->on_left(m->arg);
}

static void on_wrong(void *arg)
{
	finish(arg, BK_E_WRONG_CODE, "wrong code: it is used up now, ask for a new one");
}

static void on_note(void *arg, const char *text)
{
	struct bk_meet *m = arg;

	if (m->state == MET && m->events->on_note)
		m->events->on_note(m->arg, 1, text);
}

int bk_meet_again(struct bk_meet *m)
{
	return m->state == MET ? bk_reunion_ask(m->reunion) : BK_E_SERVER_GONE;
}

void bk_meet_address_changed(struct bk_meet *m)
{
	if (m->state == MET)
		bk_reunion_move(m->reunion);
}

/* ---- life ---- */

static int read_codes(struct bk_meet *m, const struct bk_session_opts *o)
{
	const char *code = o->code ? o->code : o->code_wish;

	m->is_joining = o->code != NULL;
	m->has_wish = !o->code && o->code_wish;
	if (o->code_words && (o->code_words < BK_CODE_WORDS_MIN || o->code_words > BK_CODE_WORDS_MAX))
		return BK_E_INVALID;
	return code && bk_code_from_str(code, &m->code) < 0 ? BK_E_INVALID : 0;
}

static void choose_name(struct bk_meet *m, const char *name)
{
	if (name)
		snprintf(m->name, sizeof(m->name), "%s", name);
	else if (gethostname(m->name, sizeof(m->name)) < 0)
		m->name[0] = 0;
	m->name[sizeof(m->name) - 1] = 0;
}

static int start_rdv(struct bk_meet *m, const struct bk_session_opts *o, const char *known)
{
	static const struct bk_rdv_events events = {
		.on_ready = on_ready,
		.on_view = on_view,
		.on_nameplate = on_nameplate,
		.on_claimed = on_claimed,
		.on_mail = on_mail,
		.on_relay = on_relay,
		.on_released = on_released,
		.on_error = on_rdv_error,
		.on_end = on_rdv_end,
	};
	char id[2 * ID_BYTES + 1];
	uint8_t bytes[ID_BYTES];
	const struct bk_rdv_opts opts = {
		.server = o->server, .client_id = id, .token = o->token, .known_servers = known};

	randombytes_buf(bytes, sizeof(bytes));
	sodium_bin2hex(id, sizeof(id), bytes, sizeof(bytes));
	return bk_rdv_new(m->loop, &opts, &events, m, &m->rdv);
}

static int start_reunion(struct bk_meet *m, const struct bk_session_opts *o, const char *known)
{
	static const struct bk_reunion_events events = {
		.describe = describe,
		.on_together = on_together,
		.on_left = on_left,
		.on_wrong = on_wrong,
		.on_note = on_note,
	};
	const struct bk_reunion_opts opts = {
		.loop = m->loop,
		.server = o->server,
		.token = o->token,
		.known_servers = known,
		.pairing = &m->pairing,
		.self = &m->self,
		.needs_port = o->transport != BK_TRANSPORT_CHOICE_UDP && o->path != BK_PATH_CHOICE_RELAY,
	};

	return bk_reunion_new(&opts, &events, m, &m->reunion);
}

static int start(struct bk_meet *m, const struct bk_session_opts *o)
{
	char known[PATH_LEN_MAX];
	int err;

	if (o->state_dir &&
		snprintf(known, sizeof(known), "%s/known_servers", o->state_dir) >= (int)sizeof(known))
		return BK_E_INVALID;
	err = start_reunion(m, o, o->state_dir ? known : NULL);
	return err ? err : start_rdv(m, o, o->state_dir ? known : NULL);
}

static void choose_capabilities(struct bk_meet *m, enum bk_path_choice path)
{
	if (path == BK_PATH_CHOICE_RELAY)
		m->capabilities = BK_MEET_ONLY_RELAY;
	else if (path == BK_PATH_CHOICE_DIRECT)
		m->capabilities = BK_MEET_ONLY_DIRECT;
}

int bk_meet_new(struct bk_loop *loop, const struct bk_session_opts *opts, const struct bk_identity *identity,
	const struct bk_meet_events *events, void *arg, struct bk_meet **ret_meet)
{
	struct bk_meet *m = calloc(1, sizeof(*m));
	int err;

	if (!m)
		return BK_E_NOMEM;
	m->loop = loop;
	m->events = events;
	m->arg = arg;
	m->identity = identity;
	m->wait = opts->wait_ns;
	m->code_words = opts->code_words;
	choose_capabilities(m, opts->path);
	choose_name(m, opts->name);
	err = bk_self_init(&m->self, loop, opts->transport, on_view, m);
	if (!err)
		err = read_codes(m, opts);
	if (!err)
		err = bk_timer_new(loop, on_deadline, m, &m->deadline);
	if (!err)
		err = bk_timer_new(loop, on_mapping_timer, m, &m->mapping);
	if (!err)
		err = bk_timer_new(loop, on_ender, m, &m->ender);
	if (!err)
		err = start(m, opts);
	if (err < 0) {
		bk_meet_free(m);
		return err;
	}
	*ret_meet = m;
	return 0;
}

void bk_meet_free(struct bk_meet *m)
{
	if (!m)
		return;
	bk_rdv_free(m->rdv);
	bk_reunion_free(m->reunion);
	bk_self_done(&m->self);
	bk_pairing_done(&m->pairing);
	bk_timer_free(m->deadline);
	bk_timer_free(m->mapping);
	bk_timer_free(m->ender);
	free(m->left);
	sodium_memzero(&m->code, sizeof(m->code));
	free(m);
}

const struct bk_meeting *bk_meet_result(const struct bk_meet *m)
{
	return &m->meeting;
}

struct bk_self *bk_meet_self(struct bk_meet *m)
{
	return &m->self;
}

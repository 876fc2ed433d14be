/* SPDX-License-Identifier: Apache-2.0 */
/* One peer, from the code to the end. The session is a line of states; each arrival from below (server,
 * mail, race, link) either moves it on or ends it with one sentence. Work is left to its rooms: pairing,
 * race, mux. */
#include <bodkin/session.h>

#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/time.h"
#include "nat/profile.h"
#include "punch/plan.h"
#include "rendezvous/client.h"
#include "secure/code.h"
#include "secure/identity.h"
#include "session/mux.h"
#include "session/pairing.h"
#include "session/race.h"
#include "session/self.h"

enum {
	TEXT_MAX = 512,
	PATH_LEN_MAX = 4096,
	CODE_WORDS = 2,
	ID_BYTES = 8,
};

#define PAIRING_TIMEOUT   (30 * BK_SEC) /* the other side's mail, once the code is used */
#define MAPPING_PATIENCE  (500 * BK_MS) /* introducing ourselves waits this long for the NAT's answers */
#define REACH_PATIENCE    (3 * BK_MS)
#define SAY_WRONG_TIMEOUT (1 * BK_SEC)
#define CLOSE_TIMEOUT     (2 * BK_SEC)

/* In an introduction's capabilities. */
enum { ONLY_RELAY = 1, ONLY_DIRECT = 2 };

enum state { CONNECTING, WAITING, PAIRING, PUNCHING, OPEN, CLOSING, CLOSED };

static const char *const state_names[] = {
	"connecting", "waiting", "pairing", "punching", "open", "closing", "closed"};

struct bk_session {
	struct bk_loop *loop;
	const struct bk_session_events *events;
	void *arg;
	enum state state;
	bool is_joining; /* by code: TLS client and controlling side */
	bool has_wish;
	int code_words;
	enum bk_path_choice path;
	bk_dur wait;
	bk_time born, introduced; /* introduced: both introductions known */
	struct bk_code code;
	struct bk_rdv *rdv;
	struct bk_identity *identity;
	struct bk_self self;
	struct bk_pairing pairing;
	uint8_t *left; /* joining: what the other side left, until we answer */
	size_t left_len;
	uint8_t relay_token[BK_RDV_SECRET_LEN];
	struct bk_intro own, peer;
	struct bk_plan plan;
	struct bk_race *race;
	struct bk_link *link;
	struct bk_mux *mux;
	struct bk_timer *deadline; /* of the state */
	struct bk_timer *mapping;  /* how long answering waits for the NAT's answers */
	struct bk_timer *ender;    /* reports the end from the loop */
	int end_error;
	char end_text[TEXT_MAX];
	char name[BK_INTRO_NAME_MAX + 1];
};

static void set_state(struct bk_session *s, enum state next)
{
	bk_log_debug("session", "%s -> %s", state_names[s->state], state_names[next]);
	s->state = next;
}

/* The end, with one sentence; the first one counts. on_closed comes from the loop. */
static void finish(struct bk_session *s, int error, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void finish(struct bk_session *s, int error, const char *fmt, ...)
{
	va_list args;

	if (s->state == CLOSED)
		return;
	set_state(s, CLOSED);
	s->end_error = error;
	va_start(args, fmt);
	vsnprintf(s->end_text, sizeof(s->end_text), fmt, args);
	va_end(args);
	bk_timer_stop(s->deadline);
	bk_timer_stop(s->mapping);
	bk_timer_start(s->ender, 0);
}

static void on_ender(void *arg)
{
	struct bk_session *s = arg;

	bk_race_free(s->race);
	s->race = NULL;
	if (s->mux)
		bk_mux_detach(s->mux, s->end_error ? s->end_error : BK_E_EOF);
	bk_link_free(s->link);
	s->link = NULL;
	bk_rdv_free(s->rdv);
	s->rdv = NULL;
	s->events->on_closed(s->arg, s->end_error, s->end_text);
}

static void note(void *arg, int verbosity, const char *text)
{
	struct bk_session *s = arg;

	bk_log_debug("session", "%s", text);
	if (s->events->on_note)
		s->events->on_note(s->arg, verbosity, text);
}

static const char *peer_name(const struct bk_session *s)
{
	return *s->peer.name ? s->peer.name : "the other side";
}

/* ---- the open session ---- */

static void on_link_data(void *arg, const uint8_t *data, size_t n)
{
	struct bk_session *s = arg;
	int err;

	if (s->state != OPEN && s->state != CLOSING)
		return;
	err = bk_mux_input(s->mux, data, n);
	if (err < 0)
		finish(s, err, "'%s' broke the session protocol: %s", peer_name(s), bk_error_text(err));
}

static void on_link_writable(void *arg)
{
	struct bk_session *s = arg;

	if (s->state == OPEN)
		bk_mux_writable(s->mux);
}

static void on_link_end(void *arg, int error, const char *text)
{
	struct bk_session *s = arg;

	if (s->state == CLOSING)
		finish(s, s->end_error, "%s", s->end_text);
	else
		finish(s, BK_E_PEER_VANISHED, "lost the connection to '%s': %s", peer_name(s),
			error == BK_E_EOF ? bk_error_text(BK_E_PEER_VANISHED) : text);
}

static const struct bk_link_events link_events = {
	.on_data = on_link_data,
	.on_writable = on_link_writable,
	.on_end = on_link_end,
};

static void on_mux_channel(void *arg, struct bk_channel *c, const char *kind)
{
	struct bk_session *s = arg;

	if (s->events->on_channel)
		s->events->on_channel(s->arg, c, kind);
}

/* Sends what is queued and the end of the stream, then reports the end as it was set. */
static void start_closing(struct bk_session *s, int error, const char *text)
{
	set_state(s, CLOSING);
	s->end_error = error;
	snprintf(s->end_text, sizeof(s->end_text), "%s", text);
	bk_timer_start(s->deadline, CLOSE_TIMEOUT);
	bk_link_close(s->link);
}

static void on_mux_bye(void *arg, int error)
{
	struct bk_session *s = arg;
	char text[TEXT_MAX];

	if (s->state != OPEN)
		return;
	if (error == BK_E_CANCELLED)
		error = BK_E_PEER_CANCELLED;
	snprintf(text, sizeof(text), "'%s' ended the session: %s", peer_name(s), bk_error_text(error));
	start_closing(s, error, text);
}

static void tell_path(struct bk_session *s, const struct bk_race_result *result)
{
	char local[BK_ADDR_STR_MAX], remote[BK_ADDR_STR_MAX], pair[BK_PLAN_TEXT_MAX],
		text[2 * BK_PLAN_TEXT_MAX];
	bool relayed = result->technique == BK_TECHNIQUE_RELAY;
	bk_time now = bk_loop_now(s->loop);
	double ms = bk_dur_to_ms(now - s->introduced);
	struct bk_path p = {
		.kind = relayed ? BK_PATH_KIND_RELAY : BK_PATH_KIND_DIRECT,
		.transport = "tcp",
		.technique = bk_technique_name(result->technique),
		.local = bk_addr_to_str(&result->local, local),
		.remote = bk_addr_to_str(&result->remote, remote),
		.elapsed_ms = ms,
		.total_ms = bk_dur_to_ms(now - s->born),
		.text = text,
	};

	if (relayed && s->path == BK_PATH_CHOICE_RELAY)
		snprintf(text, sizeof(text), "relayed by the server, as asked for, %.0f ms", ms);
	else if (relayed)
		snprintf(text, sizeof(text), "relayed by the server, %.0f ms: %s", ms,
			bk_plan_relay_reason(&s->own, &s->peer, pair));
	else if (result->technique == BK_TECHNIQUE_LAN)
		snprintf(text, sizeof(text), "direct over TCP on the local network, %.0f ms", ms);
	else
		snprintf(text, sizeof(text), "direct over TCP%s, %s, %.0f ms",
			result->technique == BK_TECHNIQUE_IPV6 ? " and IPv6" : "",
			bk_plan_pair_to_str(&s->own, &s->peer, pair), ms);
	if (s->events->on_path)
		s->events->on_path(s->arg, &p);
}

static void on_won(void *arg, struct bk_link *link, const struct bk_race_result *result)
{
	static const struct bk_mux_events mux_events = {.on_channel = on_mux_channel, .on_bye = on_mux_bye};
	struct bk_session *s = arg;
	int err;

	s->link = link;
	bk_link_set_events(link, &link_events, s);
	bk_race_free(s->race);
	s->race = NULL;
	bk_timer_stop(s->deadline);
	err = bk_mux_new(s->is_joining, &mux_events, s, &s->mux);
	if (err < 0) {
		finish(s, err, "cannot go on: %s", bk_error_text(err));
		return;
	}
	bk_mux_attach(s->mux, link);
	set_state(s, OPEN);
	tell_path(s, result);
	if (s->state == OPEN && s->events->on_open)
		s->events->on_open(s->arg);
}

/* ---- from introductions to a path ---- */

static void on_lost(void *arg, int error)
{
	struct bk_session *s = arg;
	char reason[BK_PLAN_TEXT_MAX];

	if (s->path == BK_PATH_CHOICE_DIRECT)
		finish(s, error, "no direct path to '%s': %s", peer_name(s),
			bk_plan_relay_reason(&s->own, &s->peer, reason));
	else
		finish(s, error, "no path to '%s': neither a direct connection nor the relay came about",
			peer_name(s));
}

static enum bk_path_policy agreed_policy(const struct bk_session *s)
{
	uint32_t both = s->own.capabilities | s->peer.capabilities;

	if (both & ONLY_RELAY)
		return BK_PATH_RELAY;
	return both & ONLY_DIRECT ? BK_PATH_DIRECT : BK_PATH_AUTO;
}

static void tell_peer(struct bk_session *s)
{
	const struct bk_peer peer = {
		.id = s->peer.id, .name = peer_name(s), .nat = bk_nat_type_name(&s->peer.tcp)};

	if (s->events->on_peer)
		s->events->on_peer(s->arg, &peer);
}

static int start_race(struct bk_session *s)
{
	static const struct bk_race_events events = {.on_won = on_won, .on_lost = on_lost, .on_note = note};
	const struct bk_rdv_view *view = bk_rdv_view(s->rdv);
	enum bk_path_policy policy = agreed_policy(s);
	int64_t start = s->own.start ? s->own.start : s->peer.start;
	struct bk_race_opts opts = {
		.loop = s->loop,
		.is_controlling = s->is_joining,
		.identity = s->identity,
		.own = &s->own,
		.peer = &s->peer,
		.plan = &s->plan,
		.shared = view->local,
		.shared6 = {.family = s->self.ports[1] ? 6 : 0, .port = s->self.ports[1]},
		.start = bk_time_min(start - view->clock_offset, s->introduced + 5 * BK_SEC),
		.listeners = {s->self.listeners[0], s->self.listeners[1]},
		.use_relay = policy != BK_PATH_DIRECT,
		.relay = view->server,
	};
	int err;

	bk_rdv_yield_port(s->rdv);
	memcpy(opts.relay_token, s->relay_token, sizeof(opts.relay_token));
	bk_plan_make(&s->own, &s->peer, policy, &s->plan);
	err = bk_race_new(&opts, &events, s, &s->race);
	if (!err)
		s->self.listeners[0] = s->self.listeners[1] = -1; /* the race's now */
	return err;
}

static void both_introduced(struct bk_session *s)
{
	int err;

	bk_timer_stop(s->deadline);
	set_state(s, PUNCHING);
	tell_peer(s);
	if (s->state != PUNCHING)
		return;
	err = start_race(s);
	if (err < 0)
		finish(s, err, "cannot start connecting to '%s': %s", peer_name(s), bk_error_text(err));
}

static void describe_own(struct bk_session *s)
{
	struct bk_pin pin = bk_identity_pin(s->identity);
	uint8_t id[ID_BYTES];

	randombytes_buf(id, sizeof(id));
	sodium_bin2hex(s->own.id, sizeof(s->own.id), id, sizeof(id));
	snprintf(s->own.name, sizeof(s->own.name), "%s", s->name);
	memcpy(s->own.pin, pin.bytes, sizeof(s->own.pin));
	randombytes_buf(&s->own.tie_breaker, sizeof(s->own.tie_breaker));
	s->own.capabilities = s->path == BK_PATH_CHOICE_RELAY    ? ONLY_RELAY
			      : s->path == BK_PATH_CHOICE_DIRECT ? ONLY_DIRECT
								 : 0;
	bk_self_describe(&s->self, bk_rdv_view(s->rdv), &s->own);
}

/* ---- pairing ---- */

static void on_said_wrong(void *arg)
{
	struct bk_session *s = arg;

	finish(s, BK_E_WRONG_CODE,
		"wrong code: somebody tried another one; this code is used up, make a new one");
}

/* The other side must hear it too, before the connection goes. */
static void wrong_code(struct bk_session *s)
{
	struct bk_buf mail;

	bk_buf_init(&mail, BK_PAIRING_MAIL_MAX);
	if (bk_pairing_say_wrong(&mail) == 0)
		bk_rdv_mail(s->rdv, bk_buf_head(&mail), mail.len);
	bk_buf_done(&mail);
	bk_timer_start(s->deadline, SAY_WRONG_TIMEOUT);
	bk_rdv_flush(s->rdv, on_said_wrong, s);
}

static int mail_out(struct bk_session *s, const struct bk_buf *mail)
{
	return bk_rdv_mail(s->rdv, bk_buf_head(mail), mail->len);
}

/* Joining: our share and our sealed introduction go in one mail. */
static void answer(struct bk_session *s)
{
	struct bk_buf mail;
	int err;

	bk_timer_stop(s->mapping);
	bk_buf_init(&mail, BK_PAIRING_MAIL_MAX);
	describe_own(s);
	err = bk_pairing_answer(&s->pairing, s->code.nameplate, s->left, s->left_len, &s->own, &mail);
	if (!err)
		err = mail_out(s, &mail);
	bk_buf_done(&mail);
	free(s->left);
	s->left = NULL;
	if (err < 0)
		finish(s, err, "cannot pair by this code: %s", bk_error_text(err));
}

/* The NAT's answers are worth a short wait: they come in the same round trips. */
static void maybe_answer(struct bk_session *s)
{
	const struct bk_rdv_view *view = bk_rdv_view(s->rdv);

	if (!s->left || s->state != PAIRING)
		return;
	if (!view->samples_awaited && !view->reach_awaited)
		answer(s);
	else if (!view->samples_awaited)
		bk_timer_start(s->mapping, REACH_PATIENCE + view->rtt / 4);
}

static void on_mapping_timer(void *arg)
{
	struct bk_session *s = arg;

	if (s->left && s->state == PAIRING)
		answer(s);
}

static void take_answer(struct bk_session *s, const uint8_t *body, size_t n)
{
	const struct bk_rdv_view *view = bk_rdv_view(s->rdv);
	struct bk_buf mail;
	int err = bk_pairing_take_answer(&s->pairing, s->code.nameplate, body, n, &s->peer);

	if (err == BK_E_WRONG_CODE) {
		wrong_code(s);
		return;
	}
	bk_buf_init(&mail, BK_PAIRING_MAIL_MAX);
	if (!err) {
		s->introduced = bk_loop_now(s->loop);
		describe_own(s);
		s->own.start = bk_plan_start_instant(
			s->introduced + view->clock_offset, view->rtt, s->peer.server_rtt);
		err = bk_pairing_reply(&s->pairing, &s->own, &mail);
	}
	if (!err)
		err = mail_out(s, &mail);
	bk_buf_done(&mail);
	if (err < 0)
		finish(s, err, "cannot pair by this code: %s", bk_error_text(err));
	else
		both_introduced(s);
}

static void take_reply(struct bk_session *s, const uint8_t *body, size_t n)
{
	int err = bk_pairing_take_reply(&s->pairing, body, n, &s->peer);

	if (err == BK_E_WRONG_CODE) {
		wrong_code(s);
	} else if (err < 0) {
		finish(s, err, "cannot pair by this code: %s", bk_error_text(err));
	} else {
		s->introduced = bk_loop_now(s->loop);
		both_introduced(s);
	}
}

static void on_mail(void *arg, const uint8_t *body, size_t n)
{
	struct bk_session *s = arg;
	int kind = bk_pairing_kind(body, n);

	if (s->state != PAIRING && !(s->state == PUNCHING && kind == BK_PAIRING_WRONG))
		return;
	if (kind == BK_PAIRING_WRONG)
		finish(s, BK_E_WRONG_CODE, "wrong code: it is used up now, ask for a new one");
	else if (kind == BK_PAIRING_ANSWER && !s->is_joining)
		take_answer(s, body, n);
	else if (kind == BK_PAIRING_REPLY && s->is_joining)
		take_reply(s, body, n);
	else
		finish(s, kind < 0 ? kind : BK_E_PROTOCOL, "cannot pair by this code: %s",
			bk_error_text(kind < 0 ? kind : BK_E_PROTOCOL));
}

static void on_claimed(void *arg, uint32_t nameplate, const uint8_t relay_token[BK_RDV_SECRET_LEN],
	const uint8_t *left, size_t left_len)
{
	struct bk_session *s = arg;

	if (nameplate != s->code.nameplate || (s->state != WAITING && s->state != PAIRING) || s->left)
		return;
	memcpy(s->relay_token, relay_token, sizeof(s->relay_token));
	set_state(s, PAIRING);
	bk_timer_start(s->deadline, PAIRING_TIMEOUT);
	bk_rdv_measure_clock(s->rdv);
	if (!s->is_joining)
		return;
	s->left = malloc(left_len ? left_len : 1);
	if (!s->left) {
		finish(s, BK_E_NOMEM, "%s", bk_error_text(BK_E_NOMEM));
		return;
	}
	memcpy(s->left, left, left_len);
	s->left_len = left_len;
	bk_timer_start(s->mapping, MAPPING_PATIENCE);
	maybe_answer(s);
}

/* ---- the server ---- */

static void on_view(void *arg)
{
	maybe_answer(arg);
}

static void on_nameplate(void *arg, uint32_t nameplate)
{
	struct bk_session *s = arg;
	char text[BK_CODE_STR_MAX];

	if (s->is_joining || s->state != CONNECTING)
		return;
	s->code.nameplate = nameplate;
	set_state(s, WAITING);
	if (s->wait)
		bk_timer_start(s->deadline, s->wait);
	if (s->events->on_code)
		s->events->on_code(s->arg, bk_code_to_str(&s->code, text));
}

static int allocate(struct bk_session *s)
{
	struct bk_buf mail;
	int err = 0;

	bk_buf_init(&mail, BK_PAIRING_MAIL_MAX);
	if (!s->has_wish)
		err = bk_code_make(1, s->code_words ? s->code_words : CODE_WORDS, &s->code);
	if (!err)
		err = bk_pairing_init(&s->pairing, true, s->code.password);
	if (!err)
		err = bk_pairing_leave(&s->pairing, &mail);
	if (!err)
		err = bk_rdv_allocate(
			s->rdv, s->has_wish ? s->code.nameplate : 0, bk_buf_head(&mail), mail.len);
	bk_buf_done(&mail);
	return err;
}

static int join(struct bk_session *s)
{
	int err = bk_pairing_init(&s->pairing, false, s->code.password);

	if (err < 0)
		return err;
	set_state(s, PAIRING);
	bk_timer_start(s->deadline, PAIRING_TIMEOUT);
	return bk_rdv_claim(s->rdv, s->code.nameplate);
}

static void on_ready(void *arg)
{
	struct bk_session *s = arg;
	int err = s->is_joining ? join(s) : allocate(s);

	if (err < 0)
		finish(s, err, "cannot use the server: %s", bk_error_text(err));
}

static void on_released(void *arg, int code)
{
	struct bk_session *s = arg;

	(void)code;
	if (s->state == PAIRING)
		finish(s, BK_E_PEER_VANISHED, "the other side left before the connection was made");
}

static void on_rdv_error(void *arg, int code, const char *text)
{
	struct bk_session *s = arg;

	if (s->state >= PUNCHING)
		return;
	if (code == BK_E_NO_SUCH_PEER)
		finish(s, code, "nobody waits with code number %u: check the code, or ask for a new one",
			s->code.nameplate);
	else if (code == BK_E_CODE_USED)
		finish(s, code, "code number %u was used already: ask for a new one", s->code.nameplate);
	else if (code == BK_E_EXISTS)
		finish(s, code, "code number %u is taken by somebody else: choose another",
			s->code.nameplate);
	else
		finish(s, code, "the server says: %s", *text ? text : bk_error_text(code));
}

/* Once both introductions are known, the server is needed for the relay alone, and the race sees that for
 * itself. */
static void on_rdv_end(void *arg, int error, const char *text)
{
	struct bk_session *s = arg;

	if (s->state < PUNCHING)
		finish(s, error, "%s", text);
	else
		note(s, 1, text);
}

static void on_deadline(void *arg)
{
	struct bk_session *s = arg;

	if (s->state == WAITING)
		finish(s, BK_E_TIMEOUT, "nobody came with the code in time");
	else if (s->state == CLOSING)
		finish(s, s->end_error, "%s", s->end_text);
	else if (s->pairing.is_keyed && !s->is_joining)
		on_said_wrong(s);
	else
		finish(s, BK_E_TIMEOUT, "the other side did not answer in time");
}

/* ---- life ---- */

static int read_codes(struct bk_session *s, const struct bk_session_opts *o)
{
	const char *code = o->code ? o->code : o->code_wish;

	s->is_joining = o->code != NULL;
	s->has_wish = !o->code && o->code_wish;
	if (o->code_words && (o->code_words < BK_CODE_WORDS_MIN || o->code_words > BK_CODE_WORDS_MAX))
		return BK_E_INVALID;
	return code && bk_code_from_str(code, &s->code) < 0 ? BK_E_INVALID : 0;
}

static void choose_name(struct bk_session *s, const char *name)
{
	if (name)
		snprintf(s->name, sizeof(s->name), "%s", name);
	else if (gethostname(s->name, sizeof(s->name)) < 0)
		s->name[0] = 0;
	s->name[sizeof(s->name) - 1] = 0;
}

static int start_rdv(struct bk_session *s, const struct bk_session_opts *o)
{
	static const struct bk_rdv_events events = {
		.on_ready = on_ready,
		.on_view = on_view,
		.on_nameplate = on_nameplate,
		.on_claimed = on_claimed,
		.on_mail = on_mail,
		.on_released = on_released,
		.on_error = on_rdv_error,
		.on_end = on_rdv_end,
	};
	char id[2 * ID_BYTES + 1], known[PATH_LEN_MAX];
	uint8_t bytes[ID_BYTES];
	struct bk_rdv_opts opts = {.server = o->server, .client_id = id, .token = o->token};

	randombytes_buf(bytes, sizeof(bytes));
	sodium_bin2hex(id, sizeof(id), bytes, sizeof(bytes));
	if (o->state_dir) {
		if (snprintf(known, sizeof(known), "%s/known_servers", o->state_dir) >= (int)sizeof(known))
			return BK_E_INVALID;
		opts.known_servers = known;
	}
	return bk_rdv_new(s->loop, &opts, &events, s, &s->rdv);
}

int bk_session_new(struct bk_loop *loop, const struct bk_session_opts *opts,
	const struct bk_session_events *events, void *arg, struct bk_session **ret_session)
{
	struct bk_session *s;
	int err;

	if (!opts->server || !events->on_closed || sodium_init() < 0)
		return BK_E_INVALID;
	s = calloc(1, sizeof(*s));
	if (!s)
		return BK_E_NOMEM;
	s->loop = loop;
	s->events = events;
	s->arg = arg;
	s->path = opts->path;
	s->wait = opts->wait_ns;
	s->code_words = opts->code_words;
	s->born = bk_loop_now(loop);
	bk_self_init(&s->self);
	choose_name(s, opts->name);
	err = read_codes(s, opts);
	if (!err)
		err = bk_timer_new(loop, on_deadline, s, &s->deadline);
	if (!err)
		err = bk_timer_new(loop, on_mapping_timer, s, &s->mapping);
	if (!err)
		err = bk_timer_new(loop, on_ender, s, &s->ender);
	if (!err)
		err = bk_identity_new(&s->identity);
	if (!err)
		err = start_rdv(s, opts);
	if (err < 0) {
		bk_session_free(s);
		return err;
	}
	*ret_session = s;
	return 0;
}

void bk_session_close(struct bk_session *s, int error)
{
	if (s->state == CLOSING || s->state == CLOSED)
		return;
	if (s->state != OPEN) {
		finish(s, error, "%s", bk_error_text(error));
		return;
	}
	bk_mux_say_bye(s->mux, error);
	start_closing(s, error, bk_error_text(error));
}

void bk_session_free(struct bk_session *s)
{
	if (!s)
		return;
	bk_race_free(s->race);
	bk_mux_free(s->mux);
	bk_link_free(s->link);
	bk_rdv_free(s->rdv);
	bk_self_done(&s->self);
	bk_pairing_done(&s->pairing);
	bk_timer_free(s->deadline);
	bk_timer_free(s->mapping);
	bk_timer_free(s->ender);
	bk_identity_free(s->identity);
	free(s->left);
	sodium_memzero(&s->code, sizeof(s->code));
	free(s);
}

int bk_channel_open(struct bk_session *s, const char *kind, const struct bk_channel_events *events, void *arg,
	struct bk_channel **ret_channel)
{
	if (s->state != OPEN)
		return BK_E_EOF;
	return bk_mux_open(s->mux, kind, events, arg, ret_channel);
}

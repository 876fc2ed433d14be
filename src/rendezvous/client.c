/* SPDX-License-Identifier: Apache-2.0 */
/* The client's side of the rendezvous: hello, then everything at once, because each round trip saved
 * here is one saved for every connection: clock pings, mapping probes and the reach test run while the
 * user still reads the code. */
#include "rendezvous/client.h"

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
#include "rendezvous/mapping.h"
#include "rendezvous/target.h"

enum {
	PROBES_MAX = BK_MAILBOX_SAMPLES_MAX - 1,
	CLOCK_PINGS = 3,
	ID_BYTES = 8,
	PINGS_MAX = 16, /* unanswered ones remembered */
};

#define CLOCK_FRESH  (60 * BK_SEC)   /* a smaller round trip is believed this long */
#define CLOCK_MAX    (INT64_MAX / 4) /* a server's clock beyond it would only break our arithmetic */
#define PING_MIN     (10 * BK_MS)    /* whatever the server asks for */
#define PING_MAX     (60 * BK_SEC)
#define PING_DEFAULT (15 * BK_SEC)
#define WAIT_MAX     (20 * BK_SEC) /* all that the server may have us wait for what it denies */
#define REACH_TIME   (600 * BK_MS) /* and a little more */
#define SILENCE_MAX  (10 * BK_SEC) /* with a ping unanswered, the server is taken for gone */

struct probe_slot {
	struct bk_rdv *rdv;
	struct bk_mapping_probe *probe;
	struct bk_addr server;
	uint8_t nonce[BK_RDV_SECRET_LEN];
	bool awaited;
};

struct bk_rdv {
	struct bk_loop *loop;
	struct bk_target target;
	char client_id[BK_RDV_ID_MAX + 1];
	char token[BK_RDV_TEXT_MAX + 1];
	char *known_servers;
	const struct bk_mailbox_events *events;
	void *arg;
	struct bk_resolve *resolve;
	struct bk_control *control;
	struct bk_timer *ping_timer;
	bk_dur ping_interval;
	struct probe_slot probes[PROBES_MAX];
	bool is_hidden;
	struct bk_reach *reach;
	uint8_t reach_nonce[BK_RDV_SECRET_LEN];
	struct bk_addr server,
		alt;       /* its other end; its second address with the first port, family 0: none */
	uint16_t alt_port; /* 0: not known */
	struct bk_mailbox_view view;
	struct bk_pin pin; /* the server's */
	struct bk_rdv_key *key;
	uint8_t owner[BK_RDV_SECRET_LEN]; /* all zero: none */
	struct bk_mailbox_rejoin rejoin;  /* waits for the hello */
	bool has_rejoin;
	bk_time hello_at; /* when ours went out; 0: not yet */
	bk_time clock_at; /* when the round trip that the clock stands on was taken */
	uint64_t next_ping, flush_ping, last_pong;
	uint64_t mail_ping; /* its answer proves that the last mail was taken; 0: none was sent */
	bk_time heard_at;   /* the server's last message */
	bk_time sent_at[PINGS_MAX];
	int pings_due;
	void (*flush_fn)(void *arg);
	void *flush_arg;
	char error_text[BK_RDV_ERROR_TEXT_MAX];
	/* What was asked for last, until it is answered: who is told to wait asks again. */
	struct bk_rdv_msg asked;
	bk_dur waited;
	uint32_t refuse_wait; /* ms, of a refused hello; 0: for good */
	struct bk_timer *again;
	void (*on_again)(struct bk_rdv *r);
	int refused; /* the server refused us: what to report when the connection ends */
	bool ready;
	struct bk_hold hold;
};

static void send_ping(struct bk_rdv *r)
{
	struct bk_rdv_msg m = {.type = BK_RDV_CLIENT_PING, .number = r->next_ping + 1};

	if (!r->ready)
		return;
	r->next_ping++;
	r->sent_at[r->next_ping % PINGS_MAX] = bk_loop_now(r->loop);
	bk_control_send(r->control, &m);
	bk_timer_start(r->ping_timer, r->ping_interval);
}

/* The timer runs from the last ping. A server that has died with its machine is TCP's to notice; one that
 * lives and says nothing more is noticed here. */
static void on_ping_timer(void *arg)
{
	struct bk_rdv *r = arg;

	if (r->last_pong < r->next_ping && bk_loop_now(r->loop) - r->heard_at > SILENCE_MAX)
		bk_control_end(r->control, BK_E_IDLE);
	else
		send_ping(r);
}

static void measure_clock(void *box)
{
	struct bk_rdv *r = box;

	if (!r->ready)
		return;
	r->pings_due = CLOCK_PINGS;
	send_ping(r);
}

static void run_flush(struct bk_rdv *r)
{
	void (*fn)(void *) = r->flush_fn;

	r->flush_fn = NULL;
	if (fn)
		fn(r->flush_arg);
}

static void flush(void *box, void (*fn)(void *fn_arg), void *arg)
{
	struct bk_rdv *r = box;

	r->flush_fn = fn;
	r->flush_arg = arg;
	send_ping(r);
	r->flush_ping = r->next_ping;
}

/* A question of ours and its answer tell the round trip, and what the server's clock says now. */
static void learn_clock(struct bk_rdv *r, bk_dur rtt, int64_t server_time)
{
	bk_time now = bk_loop_now(r->loop);

	if (server_time < 0 || server_time > CLOCK_MAX) {
		bk_log_debug("rdv", "the server's clock is beyond belief");
	} else if (!r->view.rtt_ns || rtt <= r->view.rtt_ns || now - r->clock_at > CLOCK_FRESH) {
		r->view.rtt_ns = rtt > 0 ? rtt : 1;
		r->view.clock_offset_ns = server_time - (now - rtt / 2);
		r->clock_at = now;
	}
}

static void on_pong(struct bk_rdv *r, const struct bk_rdv_msg *m)
{
	if (!m->number || m->number > r->next_ping || m->number + PINGS_MAX <= r->next_ping)
		return;
	if (m->number > r->last_pong)
		r->last_pong = m->number;
	learn_clock(r, bk_loop_now(r->loop) - r->sent_at[m->number % PINGS_MAX], m->time);
	if (r->pings_due > 0 && --r->pings_due > 0)
		send_ping(r);
	if (r->flush_fn && m->number >= r->flush_ping)
		run_flush(r);
}

static void on_probe_failed(void *arg)
{
	struct probe_slot *p = arg;
	struct bk_rdv *r = p->rdv;

	if (!p->awaited)
		return;
	p->awaited = false;
	bk_assert(r->view.samples_awaited > 0);
	r->view.samples_awaited--;
	r->events->on_view(r->arg);
}

static void start_probe(struct bk_rdv *r, size_t slot, const struct bk_addr *server)
{
	struct probe_slot *p = &r->probes[slot];
	struct bk_rdv_msg m = {.type = BK_RDV_CLIENT_PROBE};
	struct bk_mapping_probe_opts opts = {
		.local = r->view.local, .server = *server, .on_failed = on_probe_failed, .arg = p};
	char name[BK_ADDR_STR_MAX];
	int err;

	randombytes_buf(p->nonce, sizeof(p->nonce));
	p->rdv = r;
	p->server = *server;
	memcpy(m.nonce, p->nonce, sizeof(m.nonce));
	memcpy(opts.nonce, p->nonce, sizeof(opts.nonce));
	bk_control_send(r->control, &m);
	err = bk_mapping_probe_new(r->loop, &opts, &p->probe);
	p->awaited = !err;
	r->view.samples_awaited += !err;
	if (err < 0)
		bk_log_debug("rdv", "probe of %s: %s", bk_addr_to_str(server, name), bk_error_text(err));
}

static void start_reach(struct bk_rdv *r)
{
	struct bk_rdv_msg m = {.type = BK_RDV_CLIENT_REACH};

	if (bk_reach_new(r->loop, &r->view.local, &r->reach) < 0)
		return;
	randombytes_buf(r->reach_nonce, sizeof(r->reach_nonce));
	memcpy(m.nonce, r->reach_nonce, sizeof(m.nonce));
	r->view.is_reach_awaited = bk_control_send(r->control, &m) == 0;
}

static void stop_reach(struct bk_rdv *r)
{
	bk_reach_free(r->reach);
	r->reach = NULL;
	r->view.is_reach_awaited = false;
}

static void yield_port(void *box)
{
	struct bk_rdv *r = box;

	stop_reach(r);
	for (size_t i = 0; i < PROBES_MAX; i++) {
		bk_mapping_probe_free(r->probes[i].probe);
		r->probes[i].probe = NULL;
	}
}

/* Not before the reach test is over: a filter that goes by address lets the second address in once the port
 * has spoken to it, and would pass for one that lets everybody in. */
static void probe_second_address(struct bk_rdv *r)
{
	struct bk_addr other = bk_addr_with_port(r->alt, r->alt_port);

	if (!r->alt.family)
		return;
	start_probe(r, 1, &r->alt);
	start_probe(r, 2, &other);
}

static void add_stun(struct bk_mailbox_view *v, struct bk_addr at)
{
	bk_assert((size_t)v->stun_len < sizeof(v->stun) / sizeof(v->stun[0]));
	v->stun[v->stun_len++] = at;
}

static void learn_mapping(struct bk_rdv *r, const struct bk_rdv_msg *hello)
{
	struct bk_mailbox_view *v = &r->view;
	struct bk_addr other = bk_addr_with_port(r->server, hello->alt_port), alt;

	v->samples[0].server = r->server;
	if (bk_addr_from_ip(hello->public_ip, hello->public_port, &v->samples[0].mapped) == 0)
		v->samples_len = 1;
	if (r->server.family != 4)
		return;
	add_stun(v, r->server);
	if (!hello->alt_port)
		return;
	r->alt_port = hello->alt_port;
	add_stun(v, other);
	start_probe(r, 0, &other);
	if (*hello->alt_ip && bk_addr_from_ip(hello->alt_ip, r->server.port, &alt) == 0 && alt.family == 4 &&
		bk_addr_may_be_of(&alt, &r->server)) {
		r->alt = alt;
		add_stun(v, alt);
	}
	start_reach(r);
	if (!v->is_reach_awaited)
		probe_second_address(r);
}

static void on_hello(struct bk_rdv *r, const struct bk_rdv_msg *m)
{
	if (r->ready)
		return;
	r->ready = true;
	bk_control_welcome(r->control);
	r->ping_interval = m->ping_ms ? m->ping_ms * BK_MS : PING_DEFAULT;
	r->ping_interval = bk_time_min(bk_time_max(r->ping_interval, PING_MIN), PING_MAX);
	r->server = r->view.relay = bk_control_server(r->control);
	if (r->key)
		*r->key = (struct bk_rdv_key){true, r->pin};
	if (m->time)
		learn_clock(r, bk_loop_now(r->loop) - r->hello_at, m->time);
	if (!r->is_hidden)
		learn_mapping(r, m);
	measure_clock(r);
	r->events->on_ready(r->arg);
}

static void on_mapped(struct bk_rdv *r, const struct bk_rdv_msg *m)
{
	struct bk_mailbox_view *v = &r->view;

	for (size_t i = 0; i < PROBES_MAX; i++) {
		struct probe_slot *p = &r->probes[i];
		struct bk_mailbox_sample *s = &v->samples[v->samples_len];

		if (!p->awaited || memcmp(p->nonce, m->nonce, sizeof(p->nonce)) != 0)
			continue;
		p->awaited = false;
		v->samples_awaited--;
		s->server = p->server;
		if (v->samples_len < BK_MAILBOX_SAMPLES_MAX &&
			bk_addr_from_ip(m->public_ip, m->public_port, &s->mapped) == 0)
			v->samples_len++;
	}
	r->events->on_view(r->arg);
}

static enum bk_mailbox_reach reach_from_str(const char *s)
{
	if (!strcmp(s, "yes"))
		return BK_MAILBOX_REACH_YES;
	return strcmp(s, "no") ? BK_MAILBOX_REACH_UNTESTED : BK_MAILBOX_REACH_NO;
}

/* The server waits for our SYN-ACK no longer than REACH_TIME: from further away its "no" says nothing. */
static enum bk_mailbox_reach reach_of(const struct bk_rdv *r, const char *s)
{
	enum bk_mailbox_reach reach = reach_from_str(s);

	return reach == BK_MAILBOX_REACH_NO && r->view.rtt_ns > REACH_TIME ? BK_MAILBOX_REACH_UNTESTED
									   : reach;
}

static void on_reached(struct bk_rdv *r, const struct bk_rdv_msg *m)
{
	if (!r->reach || memcmp(m->nonce, r->reach_nonce, sizeof(m->nonce)) != 0)
		return;
	r->view.same_address = reach_of(r, m->same_address);
	r->view.other_address = reach_of(r, m->other_address);
	stop_reach(r);
	probe_second_address(r);
	r->events->on_view(r->arg);
}

/* ---- told to wait ---- */

static void on_again(void *arg)
{
	struct bk_rdv *r = arg;

	r->on_again(r);
}

/* False: no more. */
static bool wait_and(struct bk_rdv *r, uint32_t wait_ms, void (*then)(struct bk_rdv *r))
{
	bk_dur wait = wait_ms * BK_MS;
	char text[128];

	if (!wait_ms || r->waited + wait > WAIT_MAX)
		return false;
	r->waited += wait;
	r->on_again = then;
	bk_timer_start(r->again, wait);
	snprintf(text, sizeof(text), "the server is busy with others at this address; trying again in %u s",
		(unsigned)((wait + BK_SEC - 1) / BK_SEC));
	if (r->events->on_note)
		r->events->on_note(r->arg, 0, text);
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
	snprintf(r->error_text, sizeof(r->error_text), "server '%s' refused: %.80s", r->target.host,
		m->content);
}

static void on_error(struct bk_rdv *r, const struct bk_rdv_msg *m)
{
	char text[BK_RDV_TEXT_MAX + 64];
	int code = code_or(m->code, BK_E_PROTOCOL);

	if (r->asked.type && wait_and(r, m->wait_ms, ask_again))
		return;
	forget_asked(r);
	snprintf(text, sizeof(text), "%s", code == BK_E_NO_SUCH_PEER ? "" : m->content);
	if (m->wait_ms)
		snprintf(text, sizeof(text), "%s; try again in %u s", m->content, (m->wait_ms + 999) / 1000);
	r->events->on_error(r->arg, code, text);
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

static void on_message(void *arg, const struct bk_rdv_msg *m)
{
	struct bk_rdv *r = arg;

	r->heard_at = bk_loop_now(r->loop);
	switch (m->type) {
	case BK_RDV_SERVER_HELLO:
		on_hello(r, m);
		break;
	case BK_RDV_SERVER_REFUSE:
		on_refuse(r, m);
		break;
	case BK_RDV_SERVER_PONG:
		on_pong(r, m);
		break;
	case BK_RDV_SERVER_MAPPED:
		on_mapped(r, m);
		break;
	case BK_RDV_SERVER_REACHED:
		on_reached(r, m);
		break;
	case BK_RDV_SERVER_STOP:
		r->refused = BK_E_SHUTDOWN;
		snprintf(
			r->error_text, sizeof(r->error_text), "server '%s' is shutting down", r->target.host);
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

/* --- is it who it was? --- */

static int refuse_changed(struct bk_rdv *r, const char *place, const char *pin)
{
	snprintf(r->error_text, sizeof(r->error_text),
		"server '%s' shows another key than before (%s); if that is right, remove its line from '%s'",
		place, pin, r->known_servers);
	return BK_E_PIN_MISMATCH;
}

/* A secret goes to nobody whose key was never seen, by us or by whoever gave us the pin; and he is not written
 * down either, so that a second try does not find him known. */
static int refuse_token(struct bk_rdv *r, const char *place, const char *pin)
{
	snprintf(r->error_text, sizeof(r->error_text),
		"cannot send the token to server '%s', whose key is not known here; its key is %s: if "
		"'bodkin serve "
		"--show' there says the same, use -s %s#%s",
		place, pin, place, pin);
	return BK_E_PIN_MISMATCH;
}

/* Said at the first meeting, when there is nothing yet to compare with. Not being able to remember is no reason not
 * to go on, but one to say so. */
static void tell_new(struct bk_rdv *r, const char *place, const char *pin, int err)
{
	char text[BK_RDV_ERROR_TEXT_MAX + 128];
	const char *why = r->known_servers ? bk_error_text(err) : "there is no home";

	if (!r->events->on_note)
		return;
	if (r->known_servers && !err)
		snprintf(text, sizeof(text),
			"first meeting with server '%s', whose key is %s; 'bodkin serve --show' "
			"there tells whether that is right",
			place, pin);
	else
		snprintf(text, sizeof(text),
			"going on without remembering server '%s' (%s%s%s), whose key is %s; "
			"-s %s#%s has it compared",
			place, r->known_servers ? r->known_servers : "", r->known_servers ? ": " : "", why,
			pin, place, pin);
	r->events->on_note(r->arg, -1, text);
}

static int trust(struct bk_rdv *r, const struct bk_pin *key)
{
	char place[BK_TARGET_STR_MAX], pin[BK_PIN_STR_MAX];
	const struct bk_target *t = &r->target;
	int err;
	enum bk_known_verdict verdict = bk_known_server_check(r->known_servers, t->host, t->port, key, &err);

	bk_target_to_str(t, place);
	bk_pin_to_str(key, pin);
	if (verdict == BK_KNOWN_YES)
		return 0;
	if (verdict == BK_KNOWN_CHANGED)
		return refuse_changed(r, place, pin);
	if (*r->token)
		return refuse_token(r, place, pin);
	if (verdict == BK_KNOWN_NEW && r->known_servers)
		err = bk_known_server_remember(r->known_servers, t->host, t->port, key);
	if (err == BK_E_PIN_MISMATCH)
		return refuse_changed(r, place, pin);
	tell_new(r, place, pin, err);
	return 0;
}

static int on_secure(void *arg, const struct bk_pin *pin)
{
	struct bk_rdv *r = arg;
	struct bk_rdv_msg m = {.type = BK_RDV_CLIENT_HELLO, .version = 1};
	char ip[BK_ADDR_STR_MAX];
	int err = 0;

	r->pin = *pin;
	if (!r->target.has_pin)
		err = trust(r, pin);
	if (err < 0)
		return err;
	r->view.local = bk_control_local(r->control);
	strcpy(m.client_id, r->client_id);
	strcpy(m.nat_type, "unknown");
	strcpy(m.token, r->token);
	snprintf(m.private_ip, sizeof(m.private_ip), "%s", bk_addr_ip_to_str(&r->view.local, ip));
	m.private_port = r->view.local.port;
	r->hello_at = bk_loop_now(r->loop);
	err = bk_control_send(r->control, &m);
	return !err && r->has_rejoin ? send_rejoin(r, &r->rejoin) : err;
}

static void wipe(struct bk_rdv *r)
{
	sodium_memzero(r->token, sizeof(r->token));
	sodium_memzero(r->owner, sizeof(r->owner));
	sodium_memzero(&r->rejoin, sizeof(r->rejoin));
	free(r->known_servers);
	free(r);
}

static void on_resolved(void *arg, int err, const struct bk_addr *addrs, size_t len);

static void connect_again(struct bk_rdv *r)
{
	int err;

	bk_control_free(r->control);
	bk_resolve_free(r->resolve);
	r->control = NULL;
	r->resolve = NULL;
	err = bk_resolve_new(r->loop, r->target.host, r->target.port, on_resolved, r, &r->resolve);
	if (err < 0)
		on_resolved(r, err, NULL, 0);
}

/* The hello was refused, for a while. */
static bool comes_again(struct bk_rdv *r)
{
	uint32_t wait = r->refuse_wait;

	r->refuse_wait = 0;
	if (!r->refused || r->ready || !wait_and(r, wait, connect_again))
		return false;
	r->refused = 0;
	r->hello_at = 0;
	r->error_text[0] = 0;
	return true;
}

static void on_end(void *arg, int error, const char *stage, const char *detail)
{
	struct bk_rdv *r = arg;

	bk_timer_stop(r->ping_timer);
	bk_timer_stop(r->again);
	if (comes_again(r))
		return;
	if (r->refused)
		error = r->refused;
	if (!*r->error_text && error == BK_E_PIN_MISMATCH)
		snprintf(r->error_text, sizeof(r->error_text),
			"server '%s:%u' does not have the key behind '#'; ask whoever runs it for the right "
			"one",
			r->target.host, r->target.port);
	if (!*r->error_text)
		snprintf(r->error_text, sizeof(r->error_text), "%s%s server '%s:%u': %s",
			r->ready ? "lost the connection to" : "cannot ", r->ready ? "" : stage,
			r->target.host, r->target.port, detail);
	r->ready = false;
	bk_hold_enter(&r->hold);
	run_flush(r);
	if (!r->hold.is_dead)
		r->events->on_end(r->arg, error, r->error_text);
	if (bk_hold_leave(&r->hold))
		wipe(r);
}

static void on_resolved(void *arg, int err, const struct bk_addr *addrs, size_t len)
{
	static const struct bk_control_events events = {
		.on_secure = on_secure, .on_message = on_message, .on_end = on_end};
	struct bk_rdv *r = arg;

	if (!err)
		err = bk_control_new(r->loop, addrs, len, &r->target, &events, r, &r->control);
	if (err < 0)
		on_end(r, err, "resolve", bk_error_text(err));
}

static int place_known_servers(const char *dir, char **ret_path)
{
	char *path;

	if (asprintf(&path, "%s/known_servers", dir) < 0)
		return BK_E_NOMEM;
	*ret_path = path;
	return 0;
}

static int copy_opts(struct bk_rdv *r, const struct bk_rdv_opts *o)
{
	bk_random_name(ID_BYTES, r->client_id);
	if (bk_target_from_str(o->server, &r->target) < 0 ||
		(o->client_id && strlen(o->client_id) > BK_RDV_ID_MAX) ||
		(o->token && strlen(o->token) > BK_RDV_TEXT_MAX))
		return BK_E_INVALID;
	r->key = o->key;
	if (o->owner)
		memcpy(r->owner, o->owner, sizeof(r->owner));
	r->is_hidden = o->is_hidden;
	if (o->key && o->key->is_known) {
		r->target.pin = o->key->pin;
		r->target.has_pin = true;
	}
	if (o->client_id)
		strcpy(r->client_id, o->client_id);
	if (o->token)
		strcpy(r->token, o->token);
	return o->state_dir ? place_known_servers(o->state_dir, &r->known_servers) : 0;
}

int bk_rdv_new(struct bk_loop *loop, const struct bk_rdv_opts *opts, const struct bk_mailbox_events *events,
	void *arg, struct bk_rdv **ret_rdv)
{
	struct bk_rdv *r = calloc(1, sizeof(*r));
	int err;

	if (!r)
		return BK_E_NOMEM;
	r->loop = loop;
	r->events = events;
	r->arg = arg;
	err = copy_opts(r, opts);
	if (!err)
		err = bk_timer_new(loop, on_ping_timer, r, &r->ping_timer);
	if (!err)
		err = bk_timer_new(loop, on_again, r, &r->again);
	if (!err)
		err = bk_resolve_new(loop, r->target.host, r->target.port, on_resolved, r, &r->resolve);
	if (err < 0) {
		bk_rdv_free(r);
		return err;
	}
	*ret_rdv = r;
	return 0;
}

void bk_rdv_free(struct bk_rdv *r)
{
	if (!r)
		return;
	yield_port(r);
	bk_resolve_free(r->resolve);
	bk_control_free(r->control);
	bk_timer_free(r->ping_timer);
	bk_timer_free(r->again);
	r->again = NULL;
	bk_rdv_done(&r->asked);
	r->asked.body = NULL;
	if (bk_hold_end(&r->hold))
		wipe(r);
}

const struct bk_mailbox_view *bk_rdv_view(const struct bk_rdv *r)
{
	return &r->view;
}

/* --- the mailbox's table --- */

static int open_box(void *arg, struct bk_loop *loop, const struct bk_mailbox_events *events, void *events_arg,
	void **ret_box)
{
	struct bk_rdv *r;
	int err = bk_rdv_new(loop, arg, events, events_arg, &r);

	if (!err)
		*ret_box = r;
	return err;
}

static void close_box(void *box)
{
	bk_rdv_free(box);
}

static void view(void *box, struct bk_mailbox_view *ret_view)
{
	*ret_view = *bk_rdv_view(box);
}

static int leave(void *box, uint32_t wish, const void *left, size_t n)
{
	struct bk_rdv *r = box;
	struct bk_rdv_msg m = {.type = BK_RDV_CLIENT_ALLOCATE,
		.nameplate = wish,
		.body = (uint8_t *)(uintptr_t)left,
		.body_len = n};

	memcpy(m.secret, r->owner, sizeof(m.secret));
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

	if (!err) {
		send_ping(r);
		r->mail_ping = r->next_ping;
	}
	return err;
}

/* The other side is told at once. */
static void release(void *box)
{
	const struct bk_rdv_msg m = {.type = BK_RDV_CLIENT_RELEASE};
	struct bk_rdv *r = box;

	if (r->ready)
		bk_control_send(r->control, &m);
}

/* The server has said so of all that was sent. */
static bool is_mail_taken(void *box)
{
	const struct bk_rdv *r = box;

	return r->last_pong >= r->mail_ping;
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
};

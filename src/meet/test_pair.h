/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_MEET_TEST_PAIR_H
#define BK_MEET_TEST_PAIR_H

/* Two who meet at a server, without the session above them: both, the server and the proxy between live in one
 * loop, whose clock can be pushed. Included by one file of a test program. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bodkin/log.h>

#include <sodium.h>

#include "base/error.h"
#include "meet/meet.h"
#include "rendezvous/mailbox.h"
#include "session/test_kit.h"
#include "session/test_proxy.h"

enum { WATCHDOG = 40, SOON = 60, TURNS_MAX = 1000000 };

/* --- the two --- */

struct pair;

struct who {
	struct pair *pair;
	struct bk_rdv_mailbox *server;
	struct bk_meet *meet;
	struct bk_meeting met;
	int mets, lefts, ends, notes, waits, error;
	char said[STORY_TEXT_MAX]; /* last, of what is waited for */
};

struct pair {
	struct story st;
	struct proxy proxy; /* between b and the server */
	struct bk_identity *identity;
	struct who a, b;
	int port, alt_port;
	const char *target_of_a; /* NULL: the server itself */
	bool nobody_joins;
	bk_dur wait; /* of both */
	char code[STORY_CODE_MAX];
	int codes;  /* so many were told */
	int *until; /* stop the loop when this has become until_at */
	int until_at;
};

static inline void look(struct pair *p)
{
	if (p->until && *p->until >= p->until_at)
		bk_loop_stop(p->st.loop);
}

/* In steps, so that what is due earlier also happens earlier, with turns enough for whoever has something to read. */
static inline void pass(struct pair *p, bk_dur d)
{
	for (bk_dur step = 100 * BK_MS; d > 0; d -= step) {
		story_let_time_fly(step);
		kit_run_idle(p->st.loop, 5);
	}
}

static inline void on_met(void *arg)
{
	struct who *w = arg;

	w->mets++;
	w->met = *bk_meet_result(w->meet);
	look(w->pair);
}

static inline void on_left(void *arg)
{
	struct who *w = arg;

	w->lefts++;
	look(w->pair);
}

static inline void on_end(void *arg, int error, const char *text)
{
	struct who *w = arg;

	(void)text;
	w->ends++;
	w->error = error;
	look(w->pair);
}

static inline void on_note(void *arg, int verbosity, const char *text)
{
	struct who *w = arg;

	assert_in_range(verbosity, 0, 2);
	if (verbosity > 1)
		return;
	if (!verbosity)
		snprintf(w->said, sizeof(w->said), "%s", text);
	w->waits += !verbosity;
	w->notes += verbosity;
	look(w->pair);
}

static const struct bk_meet_events joiner_events = {
	.on_met = on_met, .on_left = on_left, .on_end = on_end, .on_note = on_note};

static inline void come(struct who *w, const char *target, const struct bk_session_opts *opts,
	const struct bk_meet_events *events)
{
	struct bk_meet_opts meet_opts = {.loop = w->pair->st.loop, .session = opts};

	assert_int_equal(bk_rdv_mailbox_new(&(struct bk_rdv_opts){.server = target}, &w->server), 0);
	meet_opts.mailbox = bk_rdv_mailbox_as_mailbox(w->server);
	meet_opts.pin = bk_identity_pin(w->pair->identity);
	assert_int_equal(bk_meet_new(&meet_opts, events, w, &w->meet), 0);
}

static inline void go(struct who *w)
{
	bk_meet_free(w->meet);
	bk_rdv_mailbox_free(w->server);
	w->meet = NULL;
	w->server = NULL;
}

static inline void on_code(void *arg, const char *code)
{
	struct who *w = arg;
	struct pair *p = w->pair;
	struct bk_session_opts opts = {.code = code, .name = "b", .wait_ns = p->wait};

	/* told once, or said why again */
	assert_true(!*p->code || strstr(w->said, "; that code is used up, and another one is good now"));
	snprintf(p->code, sizeof(p->code), "%s", code);
	if (!p->codes++ && !p->nobody_joins)
		come(&p->b, p->proxy.target, &opts, &joiner_events);
	look(p);
}

static const struct bk_meet_events maker_events = {
	.on_code = on_code, .on_met = on_met, .on_left = on_left, .on_end = on_end, .on_note = on_note};

static inline void run_until(struct pair *p, int *counter, int at)
{
	p->until = counter;
	p->until_at = at;
	alarm(WATCHDOG);
	if (*counter < at)
		assert_int_equal(bk_loop_run(p->st.loop), 0);
	alarm(0);
	p->until = NULL;
}

/* Of waiting for what no callback tells. */
static inline void turn(struct pair *p, int i)
{
	assert_true(i < TURNS_MAX);
	kit_run_idle(p->st.loop, 1);
}

/* In the same round: of two who do not ask at the same moment one may be a round ahead for a while. */
static inline void agree(struct pair *p)
{
	for (int i = 0; memcmp(p->a.met.token, p->b.met.token, BK_MAILBOX_TOKEN_LEN) != 0; i++)
		turn(p, i);
}

static int shown; /* how often the server saw a side with a secret */
static int tried; /* how often a side looked for a server in vain */

static inline void on_line(void *arg, enum bk_log_level level, const char *module, const char *line)
{
	if (strstr(line, "of a meeting"))
		shown++;
	if (strstr(line, "trying again"))
		tried++;
	if (getenv("BK_TEST_LOG"))
		fprintf(arg, "%s %s: %s\n", bk_log_level_name(level), module, line);
}

static inline void both_met(struct pair *p, int times)
{
	run_until(p, &p->a.mets, times);
	run_until(p, &p->b.mets, times);
}

static inline void set_up(struct pair *p)
{
	memset(p, 0, sizeof(*p));
	story_set_up_with(&p->st, (struct bk_server_opts){.messages_per_second = 1000});
	p->port = bk_server_port(p->st.server);
	p->alt_port = bk_server_alt_port(p->st.server);
	proxy_init(&p->proxy, &p->st);
	p->a.pair = p->b.pair = p;
	assert_int_equal(bk_identity_new(&p->identity), 0);
}

static inline void start(struct pair *p)
{
	struct bk_session_opts opts = {.name = "a", .wait_ns = p->wait};

	come(&p->a, p->target_of_a ? p->target_of_a : p->st.target, &opts, &maker_events);
}

static inline void meet(struct pair *p)
{
	set_up(p);
	bk_log_set(on_line, stderr, BK_LOG_DEBUG);
	shown = 0;
	start(p);
	both_met(p, 1);
	for (int i = 0; shown < 2; i++)
		turn(p, i);
}

static inline void tear_down(struct pair *p)
{
	go(&p->a);
	go(&p->b);
	proxy_done(&p->proxy);
	bk_identity_free(p->identity);
	story_tear_down(&p->st);
}

static inline void kill_server(struct pair *p)
{
	bk_server_free(p->st.server);
	p->st.server = NULL;
}

static inline void start_server(struct pair *p)
{
	struct bk_server_opts opts = {.listen_ip = "127.0.0.1",
		.port = p->port,
		.alt_port = p->alt_port,
		.state_dir = p->st.state_dir,
		.messages_per_second = 1000};
	char why[BK_SERVER_TEXT_MAX] = "";

	if (bk_server_new(p->st.loop, &opts, &p->st.server, why) < 0)
		fail_msg("%s", why);
}

static inline void assert_one_round(const struct pair *p, const struct bk_meeting *before)
{
	const struct bk_meeting *a = &p->a.met, *b = &p->b.met;

	assert_memory_equal(a->token, b->token, sizeof(a->token));
	assert_memory_not_equal(a->token, before->token, sizeof(a->token));
	assert_string_equal(a->peer.id, b->own.id);
	assert_string_equal(b->peer.id, a->own.id);
	assert_int_equal(a->shared.port, a->own.candidates[0].addr.port);
	assert_int_equal(a->own.candidates[0].addr.port, b->peer.candidates[0].addr.port);
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* A technique is a row: these three exist in this file alone, no file of the product knows them, and they win
 * races. One finds the peer by TCP behind one of several ports; the other sends datagrams from sockets of its
 * own, any of which may win and then carries QUIC; a third one cannot make up its mind. What each has: an engine, a
 * row, its words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <sodium.h>

#include "base/actions.h"
#include "base/error.h"
#include "net/sock.h"
#include "path/race.h"
#include "path/ways.h"
#include "punch/explain.h"
#include "secure/identity.h"

enum {
	PORTS = 5,      /* that the first one knocks at */
	SOCKETS = 6,    /* that the second one opens */
	FIRST_OWN = 10, /* the id of the first of them */
	CHOSEN = 4,     /* the datagram that the peer answers: one in the middle */
	ACTIONS_MAX = 32,
	NOTES_MAX = 8192,
};

struct engine {
	struct bk_action slots[ACTIONS_MAX];
	struct bk_actions actions;
	bool is_controlling;
	bool has_reported;
	bool is_wavering;
	struct bk_addr peer; /* where the second one sends to */
	unsigned heard;
};

static void push(struct engine *e, struct bk_action a)
{
	assert_true(bk_actions_push(&e->actions, &a));
}

static void report(struct engine *e, uint32_t id, const struct bk_addr *remote, int what)
{
	if (!e->has_reported)
		push(e, (struct bk_action){
				.type = BK_ACT_REPORT, .id = id, .remote = *remote, .report = what});
	e->has_reported = true;
}

static void on_connected(void *engine, uint32_t id, bk_time now)
{
	struct bk_addr nobody = {0};

	(void)now;
	report(engine, id, &nobody, 0);
}

static void on_failed(void *engine, uint32_t id, int error, bk_time now)
{
	(void)engine;
	(void)id;
	(void)now;
	assert_int_equal(error, BK_E_REFUSED);
}

static uint32_t on_accepted(void *engine, uint32_t id, const struct bk_addr *from, bk_time now)
{
	(void)now;
	report(engine, id + 1, from, BK_REPORT_ACCEPTED);
	return id + 1;
}

static void send_word(struct engine *e, uint32_t id, const struct bk_addr *to)
{
	push(e, (struct bk_action){
			.type = BK_ACT_DATAGRAM, .id = id, .remote = *to, .len = 5, .data = "\xffword"});
}

static void on_opened(void *engine, uint32_t id, const struct bk_addr *local, bk_time now)
{
	struct engine *e = engine;

	(void)local;
	(void)now;
	send_word(e, id, &e->peer);
}

/* On the controlled side: that way is likely, it is chosen, another one is, and nothing more is to come. */
static void waver(struct engine *e, uint32_t id, const struct bk_addr *from)
{
	const struct bk_addr nobody = bk_addr_v4(127, 0, 0, 1, 9);
	const struct bk_action reports[] = {
		{.id = id, .remote = *from, .report = BK_REPORT_LIKELY},
		{.id = id, .remote = *from, .report = BK_REPORT_CHOSEN},
		{.id = id, .remote = nobody, .report = BK_REPORT_CHOSEN},
		{.report = BK_REPORT_DONE},
	};

	for (size_t i = 0; i < sizeof(reports) / sizeof(reports[0]); i++) {
		struct bk_action a = reports[i];

		a.type = BK_ACT_REPORT;
		push(e, a);
	}
	send_word(e, id, from);
}

/* The controlled side answers one datagram of many; over that socket the two have found each other. */
static bool on_datagram(
	void *engine, uint32_t id, const struct bk_addr *from, const uint8_t *data, size_t len, bk_time now)
{
	struct engine *e = engine;

	(void)now;
	if (len != 5 || data[0] != 0xff)
		return false;
	if (e->is_wavering && !e->is_controlling) {
		waver(e, id, from);
		return true;
	}
	if (!e->is_controlling && e->heard++ == CHOSEN)
		send_word(e, id, from);
	if (e->is_controlling || e->heard == CHOSEN + 1)
		report(e, id, from, BK_REPORT_CHOSEN);
	return true;
}

static void on_time(void *engine, bk_time now)
{
	(void)engine;
	(void)now;
}

static bk_time next_wake(const void *engine)
{
	(void)engine;
	return BK_NEVER;
}

static bool next_action(void *engine, struct bk_action *ret_action)
{
	return bk_actions_next(&((struct engine *)engine)->actions, ret_action);
}

static const struct bk_engine_ops ops = {
	.on_connected = on_connected,
	.on_failed = on_failed,
	.on_accepted = on_accepted,
	.on_opened = on_opened,
	.on_datagram = on_datagram,
	.on_time = on_time,
	.next_wake = next_wake,
	.next_action = next_action,
};

static struct engine *engine_new(const struct bk_method_opts *opts, void **ret_engine)
{
	struct engine *e = calloc(1, sizeof(*e));

	assert_non_null(e);
	bk_actions_init(&e->actions, e->slots, ACTIONS_MAX);
	e->is_controlling = opts->is_controlling;
	*ret_engine = e;
	return e;
}

/* The one that joined tries every port; the other one listens behind the middle one. */
static int knock_new(const struct bk_method_opts *opts, bk_time now, void **ret_engine)
{
	const struct bk_attempt *a = &opts->plan->attempts[0];
	struct engine *e = engine_new(opts, ret_engine);

	(void)now;
	assert_int_equal(bk_attempt_len(a), PORTS);
	for (size_t i = 0; i < PORTS; i++) {
		struct bk_addr at = bk_attempt_remote(a, i);

		if (e->is_controlling)
			push(e, (struct bk_action){
					.type = BK_ACT_TCP_CONNECT, .id = 1 + (uint32_t)i, .remote = at});
		else if (i == PORTS / 2)
			push(e, (struct bk_action){.type = BK_ACT_TCP_LISTEN, .id = 1, .local = at});
	}
	return 0;
}

static int spray_new(const struct bk_method_opts *opts, bk_time now, void **ret_engine)
{
	struct engine *e = engine_new(opts, ret_engine);

	(void)now;
	e->peer = opts->plan->attempts[0].remote;
	for (uint32_t i = 0; e->is_controlling && i < SOCKETS; i++)
		push(e, (struct bk_action){
				.type = BK_ACT_UDP_OPEN, .id = FIRST_OWN + i, .local = {.family = 4}});
	return 0;
}

/* The one that joined sends from the socket that it was lent. */
static int waver_new(const struct bk_method_opts *opts, bk_time now, void **ret_engine)
{
	struct engine *e = engine_new(opts, ret_engine);

	(void)now;
	e->is_wavering = true;
	if (e->is_controlling)
		send_word(e, BK_WAYS_SOCKET4, &opts->plan->attempts[0].remote);
	return 0;
}

static int saw(const void *engine, size_t i, char out[BK_PLAN_TEXT_MAX])
{
	(void)engine;
	(void)i;
	(void)out;
	return 0;
}

static void explain(const struct bk_plan *plan, const struct bk_pair *pair, char out[BK_PLAN_TEXT_MAX])
{
	(void)pair;
	snprintf(out, BK_PLAN_TEXT_MAX, "somebody is at home behind one of %zu ports",
		bk_attempt_len(&plan->attempts[0]));
}

static const struct bk_method knock_method = {
	.transport = BK_TRANSPORT_TCP,
	.prefix = "by knocking: ",
	.ops = &ops,
	.new = knock_new,
	.free = free,
	.saw = saw,
	.explain = explain,
};

static const struct bk_method spray_method = {
	.transport = BK_TRANSPORT_UDP,
	.prefix = "by spraying: ",
	.ops = &ops,
	.new = spray_new,
	.free = free,
	.saw = saw,
	.explain = explain,
};

static const struct bk_method waver_method = {
	.transport = BK_TRANSPORT_UDP,
	.prefix = "by wavering: ",
	.ops = &ops,
	.new = waver_new,
	.free = free,
	.saw = saw,
	.explain = explain,
};

/* --- the rows --- */

static bool fits(const struct bk_technique *t, const struct bk_pair *pair)
{
	(void)t;
	(void)pair;
	return true;
}

/* What both sides know: where the one that did not join is. (A real technique has a field for it.) */
static struct bk_addr home_of(const struct bk_pair *pair)
{
	uint32_t port = pair->own->capabilities | pair->peer->capabilities;

	return bk_addr_v4(127, 0, 0, 1, (uint16_t)port);
}

static void plan(const struct bk_technique *t, const struct bk_pair *pair, struct bk_plan *ret_plan)
{
	struct bk_attempt a = {.technique = t, .remote = home_of(pair)};

	if (t->method == &knock_method)
		a.ports = (struct bk_ports){
			.first = (uint16_t)(a.remote.port - PORTS / 2), .len = PORTS, .step = 1};
	bk_plan_add(ret_plan, &a);
}

static void tell(const struct bk_technique *t, const struct bk_pair *pair, struct bk_path_words *ret_words)
{
	(void)pair;
	snprintf(ret_words->what, sizeof(ret_words->what), "found by %s", t->name);
}

static const struct bk_technique knock = {
	.name = "knock", .method = &knock_method, .fits = fits, .plan = plan, .tell = tell};
static const struct bk_technique spray = {
	.name = "spray", .method = &spray_method, .fits = fits, .plan = plan, .tell = tell};
static const struct bk_technique wavering = {
	.name = "waver", .method = &waver_method, .fits = fits, .plan = plan, .tell = tell};

/* --- two sides --- */

struct side {
	struct stage *stage;
	struct bk_identity *identity;
	struct bk_intro intro;
	struct bk_ways *ways;
	struct bk_race *race;
	struct bk_link *link;
	struct bk_race_result result;
	int error;
	char notes[NOTES_MAX];
};

struct stage {
	struct bk_loop *loop;
	struct side sides[2]; /* [1] has joined */
	const struct bk_technique *rows[16];
	int home; /* keeps the port from others; -1: none */
};

static void maybe_stop(struct stage *g)
{
	if ((g->sides[0].link || g->sides[0].error) && (g->sides[1].link || g->sides[1].error))
		bk_loop_stop(g->loop);
}

static void on_data(void *arg, const uint8_t *data, size_t n)
{
	(void)arg;
	(void)data;
	(void)n;
}

static void on_end(void *arg, int error, const char *text)
{
	(void)arg;
	(void)error;
	(void)text;
}

static const struct bk_link_events link_events = {.on_data = on_data, .on_end = on_end};

static void on_won(void *arg, struct bk_link *link, const struct bk_race_result *result)
{
	struct side *s = arg;

	assert_null(s->link);
	assert_true(result->is_last);
	s->link = link;
	s->result = *result;
	bk_link_set_events(link, &link_events, s);
	bk_race_free(s->race);
	s->race = NULL;
	maybe_stop(s->stage);
}

static void on_lost(void *arg, int error)
{
	struct side *s = arg;

	s->error = error;
	maybe_stop(s->stage);
}

static void on_note(void *arg, int verbosity, const char *text)
{
	struct side *s = arg;
	size_t len = strlen(s->notes);

	(void)verbosity;
	snprintf(s->notes + len, sizeof(s->notes) - len, "%s\n", text);
}

static void on_view(void *arg)
{
	(void)arg;
}

static const struct bk_race_events events = {.on_won = on_won, .on_lost = on_lost, .on_note = on_note};

/* A port that nobody else gets, and on which an engine may still listen. */
static uint16_t keep_port(struct stage *g)
{
	struct bk_addr at = bk_addr_v4(127, 0, 0, 1, 0);
	struct sockaddr_storage ss;
	socklen_t len = bk_addr_to_sockaddr(&at, &ss);
	int on = 1;

	g->home = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(setsockopt(g->home, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
	assert_int_equal(setsockopt(g->home, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)), 0);
	assert_int_equal(bind(g->home, (struct sockaddr *)&ss, len), 0);
	assert_int_equal(bk_sock_local(g->home, &at), 0);
	return at.port;
}

static void side_init(struct stage *g, int i)
{
	struct side *s = &g->sides[i];
	struct bk_pin pin;

	s->stage = g;
	assert_int_equal(bk_identity_new(&s->identity), 0);
	assert_int_equal(bk_ways_new(g->loop, on_view, s, &s->ways), 0);
	s->intro.version = BK_INTRO_VERSION;
	pin = bk_identity_pin(s->identity);
	memcpy(s->intro.pin, pin.bytes, sizeof(pin.bytes));
	memset(s->intro.probe_key, 1 + i, sizeof(s->intro.probe_key));
}

/* All that bodkin has, and one more. */
static struct stage *stage_new(const struct bk_technique *row)
{
	struct stage *g = calloc(1, sizeof(*g));
	size_t n = 0;

	assert_non_null(g);
	g->home = -1;
	assert_int_equal(bk_loop_new(BK_LOOP_AUTO, &g->loop), 0);
	for (; bk_techniques[n]; n++)
		g->rows[n] = bk_techniques[n];
	g->rows[n] = row;
	for (int i = 0; i < 2; i++)
		side_init(g, i);
	return g;
}

static void stage_free(struct stage *g)
{
	for (int i = 0; i < 2; i++) {
		bk_race_free(g->sides[i].race);
		bk_link_free(g->sides[i].link);
		bk_ways_free(g->sides[i].ways);
		bk_identity_free(g->sides[i].identity);
	}
	if (g->home >= 0)
		close(g->home);
	bk_loop_free(g->loop);
	free(g);
}

static void run(struct stage *g, uint16_t home)
{
	g->sides[0].intro.capabilities = home;
	for (int i = 0; i < 2; i++) {
		struct bk_race_opts opts = {
			.loop = g->loop,
			.techniques = g->rows,
			.is_controlling = i == 1,
			.identity = g->sides[i].identity,
			.own = &g->sides[i].intro,
			.peer = &g->sides[!i].intro,
			.choice = BK_PATH_CHOICE_DIRECT,
			.start = bk_loop_now(g->loop),
			.listeners = {-1, -1},
			.ways = g->sides[i].ways,
		};

		assert_int_equal(bk_race_new(&opts, &events, &g->sides[i], &g->sides[i].race), 0);
	}
	alarm(30);
	assert_int_equal(bk_loop_run(g->loop), 0);
	alarm(0);
}

static void assert_won_by(struct stage *g, const struct bk_technique *row, const char *plan_line)
{
	char text[BK_EXPLAIN_PATH_MAX], expected[64];

	snprintf(expected, sizeof(expected), "found by %s, 7 ms", row->name);
	for (int i = 0; i < 2; i++) {
		const struct side *s = &g->sides[i];
		const struct bk_pair pair = {.own = &s->intro, .peer = &g->sides[!i].intro};

		assert_non_null(s->link);
		assert_ptr_equal(s->result.technique, row);
		assert_int_equal(s->result.transport, row->method->transport);
		assert_non_null(strstr(s->notes, plan_line));
		assert_string_equal(bk_explain_path(s->result.technique, &pair, g->rows, 7, text), expected);
	}
	assert_int_equal(g->sides[0].result.local.port, g->sides[1].result.remote.port);
	assert_int_equal(g->sides[1].result.local.port, g->sides[0].result.remote.port);
}

static void a_technique_of_this_test_wins_a_race_over_tcp(void **state)
{
	struct stage *g = stage_new(&knock);

	(void)state;
	run(g, keep_port(g));
	assert_won_by(g, &knock, "plan: by knocking: somebody is at home behind one of 5 ports\n");
	stage_free(g);
}

static void a_technique_of_this_test_wins_a_race_from_one_of_its_own_udp_sockets(void **state)
{
	struct stage *g = stage_new(&spray);

	(void)state;
	run(g, bk_ways_view(g->sides[0].ways)->local.port);
	assert_won_by(g, &spray, "plan: by spraying: somebody is at home behind one of 1 ports\n");
	assert_int_not_equal(g->sides[1].result.local.port,
		bk_ways_view(g->sides[1].ways)->local.port); /* not the lent one */
	stage_free(g);
}

/* The controlling side may be secure there, and have decided, before it chooses anew. */
static void what_was_chosen_before_wins_when_the_other_side_has_decided_for_it(void **state)
{
	struct stage *g = stage_new(&wavering);

	(void)state;
	run(g, bk_ways_view(g->sides[0].ways)->local.port);
	assert_won_by(g, &wavering, "plan: by wavering: somebody is at home behind one of 1 ports\n");
	stage_free(g);
}

static void without_its_row_there_is_no_path(void **state)
{
	struct stage *g = stage_new(NULL);

	(void)state;
	run(g, 9);
	assert_int_equal(g->sides[0].error, BK_E_NO_PATH);
	assert_int_equal(g->sides[1].error, BK_E_NO_PATH);
	stage_free(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_technique_of_this_test_wins_a_race_over_tcp),
		cmocka_unit_test(a_technique_of_this_test_wins_a_race_from_one_of_its_own_udp_sockets),
		cmocka_unit_test(what_was_chosen_before_wins_when_the_other_side_has_decided_for_it),
		cmocka_unit_test(without_its_row_there_is_no_path),
	};

	return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Two seekers on loopback, introduced to each other by the test as often as they ask for it. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "net/sock.h"
#include "net/test_clock.h"
#include "net/test_kit.h"
#include "path/seeker.h"

enum { KILLS_MAX = 16, TEXT_MAX = 512 };

struct end {
	struct world *world;
	struct bk_seeker *seeker;
	struct bk_identity *identity;
	struct bk_intro intro;
	int listeners[BK_RACE_LISTENERS];
	struct bk_link *link;
	int lost, paths, wanted, over, error;
	char text[TEXT_MAX];
};

struct world {
	struct bk_loop *loop;
	struct test_clock clock;
	struct end ends[2];
	struct bk_timer *round, *killer, *stopper;
	bool nobody_to_ask, nobody_comes; /* a round that is asked for */
	bool is_shut;                     /* the first round, so that no path comes of it */
	int error, killed, most;          /* every path dies of it, so many times */
	bk_time since[KILLS_MAX];
	bk_dur patience;
};

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

static void drop_link(struct end *e)
{
	bk_link_free(e->link);
	e->link = NULL;
}

static int on_link(void *arg, struct bk_link *link, const struct bk_race_result *result)
{
	static const struct bk_link_events events = {.on_data = on_data, .on_end = on_end};
	struct end *e = arg;

	assert_string_equal(result->technique->name, "lan");
	drop_link(e);
	e->link = link;
	bk_link_set_events(link, &events, e);
	return 0;
}

static void on_path(void *arg, const struct bk_path *path)
{
	struct end *e = arg;

	e->paths++;
	assert_int_equal(e->paths, e->lost + 1); /* each but the first follows one that was lost */
	assert_int_equal(path->kind, BK_PATH_KIND_DIRECT);
	snprintf(e->text, sizeof(e->text), "%s", path->text);
	if (e->world->ends[0].paths == e->world->ends[1].paths)
		bk_timer_start(e->world->killer, 0);
}

static void on_lost(void *arg, const char *text)
{
	struct end *e = arg;

	e->lost++;
	assert_non_null(strstr(text, "lost the path, looking for another one: "));
}

static int on_wanted(void *arg)
{
	struct end *e = arg;

	e->wanted++;
	if (e->world->nobody_to_ask)
		return BK_E_SERVER_GONE;
	if (!e->world->nobody_comes)
		bk_timer_start(e->world->round, 0);
	return 0;
}

static void on_moved(void *arg, bool has_path, bool has_relay)
{
	(void)arg;
	(void)has_path;
	(void)has_relay;
}

static void on_gave_up(void *arg, int error, const char *text)
{
	struct end *e = arg;

	assert_int_equal(e->over++, 0);
	e->error = error;
	snprintf(e->text, sizeof(e->text), "%s", text);
	if (e->world->ends[0].over && e->world->ends[1].over)
		bk_loop_stop(e->world->loop);
}

static void introduce(struct end *e)
{
	struct bk_addr at = bk_addr_v4(127, 0, 0, 1, 0);

	if (e->listeners[0] >= 0)
		close(e->listeners[0]);
	assert_int_equal(bk_sock_listen(&at, true, 8, &e->listeners[0]), 0);
	assert_int_equal(bk_sock_local(e->listeners[0], &at), 0);
	e->intro.candidates[0] = (struct bk_candidate){.kind = BK_CANDIDATE_HOST, .addr = at};
	e->intro.candidates_len = 1;
	e->intro.tcp.public_addr = at;
}

static void shut(struct end *e)
{
	close(e->listeners[0]);
	e->listeners[0] = -1;
}

static void on_round(void *arg)
{
	struct world *w = arg;

	for (int i = 0; i < 2; i++)
		introduce(&w->ends[i]);
	for (int i = 0; i < 2 && w->is_shut; i++)
		shut(&w->ends[i]);
	w->is_shut = false;
	for (int i = 0; i < 2; i++) {
		const struct bk_round round = {
			.own = &w->ends[i].intro,
			.peer = &w->ends[!i].intro,
			.choice = BK_PATH_CHOICE_DIRECT,
			.introduced = bk_loop_now(w->loop),
			.start = bk_loop_now(w->loop),
			.listeners = w->ends[i].listeners,
		};
		assert_int_equal(bk_seeker_round(w->ends[i].seeker, &round), 0);
	}
}

static void on_killer(void *arg)
{
	struct world *w = arg;

	if (w->killed == w->most) {
		bk_loop_stop(w->loop);
		return;
	}
	w->since[w->killed++] = bk_loop_now(w->loop);
	for (int i = 0; i < 2; i++)
		drop_link(&w->ends[i]);
	for (int i = 0; i < 2; i++)
		bk_seeker_lost(w->ends[i].seeker, w->error, bk_error_text(w->error));
}

static void on_stopper(void *arg)
{
	bk_loop_stop(arg);
}

static void end_init(struct world *w, int i)
{
	static const struct bk_seeker_events events = {.on_link = on_link,
		.on_path = on_path,
		.on_wanted = on_wanted,
		.on_moved = on_moved,
		.on_gave_up = on_gave_up,
		.on_lost = on_lost};
	struct end *e = &w->ends[i];
	struct bk_seeker_opts opts = {
		.loop = w->loop, .is_controlling = i, .born = bk_loop_now(w->loop), .patience = w->patience};
	struct bk_pin pin;

	e->world = w;
	e->listeners[0] = e->listeners[1] = -1;
	assert_int_equal(bk_identity_new(&e->identity), 0);
	pin = bk_identity_pin(e->identity);
	memcpy(e->intro.pin, pin.bytes, sizeof(pin.bytes));
	e->intro.version = BK_INTRO_VERSION;
	snprintf(e->intro.name, sizeof(e->intro.name), "%s", i ? "bert" : "anna");
	opts.identity = e->identity;
	assert_int_equal(bk_seeker_new(&opts, &events, e, &e->seeker), 0);
}

/* The first `most` paths die of the error, as soon as both have taken them. */
static void set_up_patient(struct world *w, int error, int most, bk_dur patience)
{
	*w = (struct world){.error = error, .most = most, .patience = patience};
	w->loop = kit_loop_new();
	assert_int_equal(test_clock_init(&w->clock, w->loop), 0);
	assert_int_equal(bk_timer_new(w->loop, on_round, w, &w->round), 0);
	assert_int_equal(bk_timer_new(w->loop, on_killer, w, &w->killer), 0);
	assert_int_equal(bk_timer_new(w->loop, on_stopper, w->loop, &w->stopper), 0);
	for (int i = 0; i < 2; i++)
		end_init(w, i);
	bk_timer_start(w->round, 0);
}

static void set_up(struct world *w, int error, int most)
{
	set_up_patient(w, error, most, 0);
}

static void tear_down(struct world *w)
{
	for (int i = 0; i < 2; i++) {
		struct end *e = &w->ends[i];

		bk_seeker_free(e->seeker);
		drop_link(e);
		bk_identity_free(e->identity);
		if (e->listeners[0] >= 0)
			close(e->listeners[0]);
	}
	bk_timer_free(w->round);
	bk_timer_free(w->killer);
	bk_timer_free(w->stopper);
	test_clock_done(&w->clock);
	bk_loop_free(w->loop);
}

static void assert_both_gave_up(const struct world *w, int error, const char *words)
{
	for (int i = 0; i < 2; i++) {
		assert_int_equal(w->ends[i].over, 1);
		assert_int_equal(w->ends[i].error, error);
		assert_non_null(strstr(w->ends[i].text, words));
		assert_non_null(strstr(w->ends[i].text, i ? "anna" : "bert"));
	}
}

static void the_first_round_gives_both_a_path_and_its_account(void **state)
{
	struct world w;

	(void)state;
	set_up(&w, 0, 0);
	kit_run(w.loop);
	for (int i = 0; i < 2; i++) {
		assert_non_null(w.ends[i].link);
		assert_int_equal(w.ends[i].paths, 1);
		assert_int_equal(w.ends[i].wanted + w.ends[i].over, 0);
		assert_non_null(strstr(w.ends[i].text, "direct over TCP on the local network"));
	}
	tear_down(&w);
}

static void a_lost_path_is_followed_by_another_one(void **state)
{
	struct world w;

	(void)state;
	set_up(&w, BK_E_PEER_VANISHED, 1);
	kit_run(w.loop);
	for (int i = 0; i < 2; i++) {
		assert_non_null(w.ends[i].link);
		assert_int_equal(w.ends[i].paths, 2);
		assert_int_equal(w.ends[i].wanted, 1);
		assert_false(bk_seeker_needs_round(w.ends[i].seeker));
	}
	tear_down(&w);
}

static void a_peer_that_breaks_the_protocol_on_every_path_is_left(void **state)
{
	struct world w;

	(void)state;
	set_up(&w, BK_E_PROTOCOL, KILLS_MAX);
	kit_run(w.loop);
	assert_int_equal(w.killed, 3);
	assert_both_gave_up(&w, BK_E_PROTOCOL, "broke the session protocol");
	tear_down(&w);
}

static void paths_that_die_at_once_are_followed_ever_more_slowly(void **state)
{
	struct world w;

	(void)state;
	set_up(&w, BK_E_TIMEOUT, 6);
	test_clock_fly(&w.clock, 120 * BK_SEC);
	kit_run(w.loop);
	assert_int_equal(w.killed, 6);
	assert_true(w.since[3] - w.since[2] >= BK_SEC);
	assert_true(w.since[4] - w.since[3] >= 2 * BK_SEC);
	assert_true(w.since[5] - w.since[4] >= 4 * BK_SEC);
	tear_down(&w);
}

static void where_nobody_can_be_asked_a_lost_path_is_the_end(void **state)
{
	struct world w;

	(void)state;
	set_up(&w, BK_E_TIMEOUT, 1);
	w.nobody_to_ask = true;
	kit_run(w.loop);
	assert_both_gave_up(&w, BK_E_PEER_VANISHED, "lost the connection to");
	tear_down(&w);
}

/* Sooner where the other machine itself has ended the connection. */
static void another_path_is_waited_for_a_while_and_no_longer(void **state)
{
	static const struct {
		int error;
		bk_dur patience, wait;
	} rows[] = {{BK_E_TIMEOUT, 0, 60 * BK_SEC}, {BK_E_TIMEOUT, 600 * BK_SEC, 600 * BK_SEC},
		{BK_E_EOF, 0, 8 * BK_SEC}, {BK_E_RESET, 600 * BK_SEC, 8 * BK_SEC}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct world w;
		bk_dur waited;

		set_up_patient(&w, rows[i].error, 1, rows[i].patience);
		w.nobody_comes = true;
		test_clock_fly(&w.clock, 900 * BK_SEC);
		kit_run(w.loop);
		waited = bk_loop_now(w.loop) - w.since[0];
		assert_true(waited >= rows[i].wait && waited < rows[i].wait + 2 * BK_SEC);
		assert_both_gave_up(&w, BK_E_PEER_VANISHED, "no other path came in time");
		tear_down(&w);
	}
}

static void a_peer_that_leaves_the_server_while_its_path_is_lost_is_gone(void **state)
{
	struct world w;

	(void)state;
	set_up(&w, BK_E_TIMEOUT, 1);
	w.nobody_comes = true;
	bk_timer_start(w.stopper, BK_SEC);
	kit_run(w.loop);
	for (int i = 0; i < 2; i++) {
		assert_true(bk_seeker_needs_round(w.ends[i].seeker));
		bk_seeker_peer_left(w.ends[i].seeker);
	}
	assert_both_gave_up(&w, BK_E_PEER_VANISHED, "lost the connection to");
	tear_down(&w);
}

static void one_that_is_hushed_hands_on_its_link_and_says_nothing(void **state)
{
	struct world w;

	(void)state;
	set_up(&w, 0, 0);
	on_round(&w);
	bk_timer_stop(w.round);
	bk_seeker_hush(w.ends[0].seeker);
	bk_timer_start(w.stopper, BK_SEC);
	kit_run(w.loop);
	for (int i = 0; i < 2; i++) {
		assert_non_null(w.ends[i].link);
		assert_int_equal(w.ends[i].paths, i);
	}
	bk_seeker_lost(w.ends[0].seeker, BK_E_TIMEOUT, "it died");
	assert_int_equal(w.ends[0].wanted + w.ends[0].over, 0);
	tear_down(&w);
}

static void a_peer_that_wants_one_round_after_the_other_gets_few(void **state)
{
	struct world w;
	struct end *e = &w.ends[0];
	int raced = 0;

	(void)state;
	set_up(&w, 0, 0);
	kit_run(w.loop);
	for (int i = 0; i < 1000; i++) {
		const struct bk_round round = {
			.own = &e->intro,
			.peer = &w.ends[1].intro,
			.choice = BK_PATH_CHOICE_DIRECT,
			.listeners = e->listeners,
		};

		introduce(e);
		assert_int_equal(bk_seeker_round(e->seeker, &round), 0);
		raced += e->listeners[0] < 0;
	}
	assert_int_equal(raced, 10); /* docs/protocol/traversal.md */
	assert_int_equal(e->over, 0);
	assert_non_null(e->link);
	tear_down(&w);
}

static void a_port_that_opens_while_a_direct_path_is_looked_for_begins_a_round(void **state)
{
	for (int i = 0; i < 2; i++) {
		struct world w;

		(void)state;
		set_up(&w, 0, 0);
		w.is_shut = true;
		on_round(&w);
		bk_timer_stop(w.round);
		bk_seeker_news(w.ends[i].seeker);
		kit_run(w.loop);
		for (int k = 0; k < 2; k++) {
			assert_non_null(w.ends[k].link);
			assert_int_equal(w.ends[k].paths, 1);
			assert_int_equal(w.ends[k].wanted, k == i);
		}
		tear_down(&w);
	}
}

static void a_direct_path_is_not_left_for_a_port_that_opens(void **state)
{
	struct world w;

	(void)state;
	set_up(&w, 0, 0);
	kit_run(w.loop);
	bk_seeker_news(w.ends[0].seeker);
	kit_run_idle(w.loop, 50);
	assert_int_equal(w.ends[0].wanted + w.ends[1].wanted, 0);
	tear_down(&w);
}

static void ports_that_open_again_and_again_begin_few_rounds(void **state)
{
	struct world w;

	(void)state;
	set_up(&w, 0, 0);
	w.is_shut = w.nobody_comes = true;
	on_round(&w);
	bk_timer_stop(w.round);
	for (int i = 0; i < 20; i++) {
		bk_seeker_news(w.ends[0].seeker);
		kit_run_idle(w.loop, 1);
	}
	assert_int_equal(w.ends[0].wanted, 3); /* docs/protocol/traversal.md */
	tear_down(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_round_gives_both_a_path_and_its_account),
		cmocka_unit_test(a_lost_path_is_followed_by_another_one),
		cmocka_unit_test(a_peer_that_breaks_the_protocol_on_every_path_is_left),
		cmocka_unit_test(paths_that_die_at_once_are_followed_ever_more_slowly),
		cmocka_unit_test(where_nobody_can_be_asked_a_lost_path_is_the_end),
		cmocka_unit_test(another_path_is_waited_for_a_while_and_no_longer),
		cmocka_unit_test(a_peer_that_leaves_the_server_while_its_path_is_lost_is_gone),
		cmocka_unit_test(a_peer_that_wants_one_round_after_the_other_gets_few),
		cmocka_unit_test(a_port_that_opens_while_a_direct_path_is_looked_for_begins_a_round),
		cmocka_unit_test(a_direct_path_is_not_left_for_a_port_that_opens),
		cmocka_unit_test(ports_that_open_again_and_again_begin_few_rounds),
		cmocka_unit_test(one_that_is_hushed_hands_on_its_link_and_says_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

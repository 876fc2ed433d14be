/* SPDX-License-Identifier: Apache-2.0 */
/* Two sides race on loopback. What comes between them: strangers at the doors, relays that do nothing or join
 * the wrong people, and nothing at all. */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sodium.h>

#include "base/error.h"
#include "net/sock.h"
#include "net/test_clock.h"
#include "net/test_kit.h"
#include "path/race.h"
#include "path/test_relay.h"
#include "secure/identity.h"

enum { STRANGERS = 6, FLOOD = 60, BACKLOG = 64 };

struct side_of_race {
	struct stage *stage;
	struct bk_identity *identity;
	struct bk_intro intro;
	int listener;
	struct bk_race *race;
	struct bk_link *link;
	struct bk_race_result result;
	bool over;
	int error;
};

struct stage {
	struct bk_loop *loop;
	struct test_clock clock;
	struct side_of_race sides[4];
	int sides_len;
	struct bk_addr relay;
	bool use_relay;
	bool only_relay;
	bool relay_is_spare; /* for the controlling side */
	bk_dur delay;
};

static void stop_when_over(struct stage *g)
{
	for (int i = 0; i < g->sides_len; i++)
		if (!g->sides[i].over)
			return;
	bk_loop_stop(g->loop);
}

static void on_link_data(void *arg, const uint8_t *data, size_t n)
{
	(void)arg;
	(void)data;
	(void)n;
}

static void on_link_end(void *arg, int error, const char *text)
{
	(void)arg;
	(void)error;
	(void)text;
}

static const struct bk_link_events link_events = {.on_data = on_link_data, .on_end = on_link_end};

static void on_won(void *arg, struct bk_link *link, const struct bk_race_result *result)
{
	struct side_of_race *s = arg;

	assert_false(s->over);
	s->over = true;
	s->link = link;
	s->result = *result;
	bk_link_set_events(link, &link_events, s);
	bk_race_free(s->race);
	s->race = NULL;
	stop_when_over(s->stage);
}

static void on_lost(void *arg, int error)
{
	struct side_of_race *s = arg;

	assert_false(s->over);
	s->over = true;
	s->error = error;
	bk_race_free(s->race); /* from inside */
	s->race = NULL;
	stop_when_over(s->stage);
}

static const struct bk_race_events events = {.on_won = on_won, .on_lost = on_lost};

static void side_init(struct stage *g, int i)
{
	struct side_of_race *s = &g->sides[i];
	struct bk_addr at = bk_addr_v4(127, 0, 0, 1, 0);
	struct bk_pin pin;

	s->stage = g;
	assert_int_equal(bk_identity_new(&s->identity), 0);
	assert_int_equal(bk_sock_listen(&at, true, BACKLOG, &s->listener), 0);
	assert_int_equal(bk_sock_local(s->listener, &at), 0);
	s->intro.version = BK_INTRO_VERSION;
	pin = bk_identity_pin(s->identity);
	memcpy(s->intro.pin, pin.bytes, sizeof(pin.bytes));
	s->intro.candidates[0] = (struct bk_candidate){.kind = BK_CANDIDATE_HOST, .addr = at};
	s->intro.candidates_len = 1;
	s->intro.tcp.public_addr = at; /* the server is on this machine, too */
}

static struct stage *stage_new(int sides)
{
	struct stage *g = calloc(1, sizeof(*g));

	assert_non_null(g);
	g->loop = kit_loop_new();
	assert_int_equal(test_clock_init(&g->clock, g->loop), 0);
	g->sides_len = sides;
	for (int i = 0; i < sides; i++)
		side_init(g, i);
	return g;
}

static void stage_free(struct stage *g)
{
	for (int i = 0; i < g->sides_len; i++) {
		struct side_of_race *s = &g->sides[i];

		bk_race_free(s->race);
		bk_link_free(s->link);
		if (s->listener >= 0)
			close(s->listener);
		bk_identity_free(s->identity);
	}
	test_clock_done(&g->clock);
	bk_loop_free(g->loop);
	free(g);
}

/* s races towards peer; the even ones are the server's side. */
static void start(struct stage *g, int i, int peer)
{
	struct side_of_race *s = &g->sides[i], *p = &g->sides[peer];
	struct bk_race_opts opts = {
		.loop = g->loop,
		.is_controlling = i % 2,
		.identity = s->identity,
		.own = &s->intro,
		.peer = &p->intro,
		.choice = g->only_relay  ? BK_PATH_CHOICE_RELAY
			  : g->use_relay ? BK_PATH_CHOICE_AUTO
					 : BK_PATH_CHOICE_DIRECT,
		.start = bk_loop_now(g->loop),
		.delay = g->delay,
		.listeners = {s->listener, -1},
		.is_relay_spare = g->relay_is_spare && i % 2,
		.relay = g->relay,
	};

	memset(opts.relay_token, i / 2 + 1, sizeof(opts.relay_token)); /* one for each pair */
	assert_int_equal(bk_race_new(&opts, &events, s, &s->race), 0);
	s->listener = -1;
}

static void run(struct stage *g)
{
	alarm(30);
	assert_int_equal(bk_loop_run(g->loop), 0);
	alarm(0);
}

static void no_candidates(struct stage *g)
{
	for (int i = 0; i < g->sides_len; i++)
		g->sides[i].intro.candidates_len = 0;
}

static void use_relay(struct stage *g, struct test_relay *r)
{
	test_relay_init(r, g->loop);
	g->relay = r->at;
	g->use_relay = true;
}

static void assert_met(struct stage *g, const char *technique)
{
	for (int i = 0; i < 2; i++) {
		assert_non_null(g->sides[i].link);
		assert_string_equal(g->sides[i].result.technique->name, technique);
	}
	assert_true(bk_addr_equal(&g->sides[0].result.local, &g->sides[1].result.remote));
	assert_true(bk_addr_equal(&g->sides[1].result.local, &g->sides[0].result.remote));
}

/* --- strangers --- */

static void speak(int fd, int how)
{
	static const uint8_t garbage[4096] = "GET / HTTP/1.1\r\n\r\n";
	static const uint8_t half_hello[] = {0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3};

	switch (how % 4) {
	case 0: /* nothing, ever */
		break;
	case 1:
		send(fd, garbage, sizeof(garbage), MSG_NOSIGNAL);
		break;
	case 2:
		send(fd, half_hello, sizeof(half_hello), MSG_NOSIGNAL);
		break;
	default:
		send(fd, half_hello, sizeof(half_hello), MSG_NOSIGNAL);
		shutdown(fd, SHUT_WR);
	}
}

static void connect_strangers(const struct bk_addr *door, int *fds, int n)
{
	for (int i = 0; i < n; i++)
		assert_int_equal(bk_sock_connect(NULL, door, &fds[i]), 0);
	for (int i = 0; i < n; i++)
		speak(fds[i], i);
}

static void strangers_at_the_door_do_not_stop_the_race(void **state)
{
	struct stage *g = stage_new(2);
	int fds[2 * STRANGERS];

	(void)state;
	connect_strangers(&g->sides[0].intro.candidates[0].addr, fds, STRANGERS);
	connect_strangers(&g->sides[1].intro.candidates[0].addr, fds + STRANGERS, STRANGERS);
	start(g, 0, 1);
	start(g, 1, 0);
	run(g);
	assert_met(g, "lan");
	for (int i = 0; i < 2 * STRANGERS; i++)
		close(fds[i]);
	stage_free(g);
}

static void assert_door_is_closed(const struct bk_addr *door)
{
	struct sockaddr_in in = {.sin_family = AF_INET,
		.sin_port = htons(door->port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&in, sizeof(in)), -1);
	assert_int_equal(errno, ECONNREFUSED);
	close(fd);
}

static void a_flood_of_strangers_leaves_the_relay_its_place(void **state)
{
	struct stage *g = stage_new(2);
	struct bk_addr doors[2] = {
		g->sides[0].intro.candidates[0].addr, g->sides[1].intro.candidates[0].addr};
	struct test_relay relay = {0};
	int fds[FLOOD];

	(void)state;
	use_relay(g, &relay);
	no_candidates(g);
	for (int i = 0; i < FLOOD; i++)
		assert_int_equal(bk_sock_connect(NULL, &doors[i % 2], &fds[i]), 0); /* they say nothing */
	start(g, 0, 1);
	start(g, 1, 0);
	test_clock_fly(&g->clock, 4 * BK_SEC);
	run(g);
	assert_string_equal(g->sides[0].result.technique->name, "relay");
	assert_string_equal(g->sides[1].result.technique->name, "relay");
	for (int i = 0; i < FLOOD; i++)
		close(fds[i]);
	test_relay_done(&relay);
	stage_free(g);
}

/* --- the relay --- */

/* A peer that goes for the direct path all the same. */
static void who_wants_the_relay_alone_has_no_door(void **state)
{
	struct stage *g = stage_new(2);
	struct bk_addr door = g->sides[0].intro.candidates[0].addr;
	struct test_relay relay = {.mute = true};

	(void)state;
	use_relay(g, &relay);
	g->only_relay = true;
	start(g, 0, 1);
	assert_door_is_closed(&door);
	g->only_relay = g->use_relay = false;
	g->relay.family = 0;
	start(g, 1, 0);
	test_clock_fly(&g->clock, 60 * BK_SEC);
	run(g);
	assert_int_equal(g->sides[0].error, BK_E_NO_PATH);
	assert_int_equal(g->sides[1].error, BK_E_NO_PATH);
	assert_null(g->sides[0].link);
	test_relay_done(&relay);
	stage_free(g);
}

static void a_relay_that_never_comes_does_not_hold_up_a_direct_path(void **state)
{
	struct stage *g = stage_new(2);
	struct test_relay relay = {.mute = true};

	(void)state;
	use_relay(g, &relay);
	start(g, 0, 1);
	start(g, 1, 0);
	run(g);
	assert_met(g, "lan");
	test_relay_done(&relay);
	stage_free(g);
}

static void a_relay_that_never_joins_ends_as_no_path(void **state)
{
	struct stage *g = stage_new(2);
	struct test_relay relay = {.mute = true};

	(void)state;
	use_relay(g, &relay);
	no_candidates(g);
	start(g, 0, 1);
	start(g, 1, 0);
	test_clock_fly(&g->clock, 30 * BK_SEC);
	run(g);
	for (int i = 0; i < 2; i++) {
		assert_null(g->sides[i].link);
		assert_int_equal(g->sides[i].error, BK_E_NO_PATH);
	}
	test_relay_done(&relay);
	stage_free(g);
}

static void no_candidate_and_no_relay_is_no_path(void **state)
{
	(void)state;
	for (int refused = 0; refused < 2; refused++) {
		struct stage *g = stage_new(2);

		close(test_relay_listen(&g->relay));
		g->use_relay = refused;
		no_candidates(g);
		start(g, 0, 1);
		start(g, 1, 0);
		test_clock_fly(&g->clock, 30 * BK_SEC);
		run(g);
		assert_int_equal(g->sides[0].error, BK_E_NO_PATH);
		assert_int_equal(g->sides[1].error, BK_E_NO_PATH);
		stage_free(g);
	}
}

static void on_late(void *arg)
{
	struct stage *g = arg;

	if (g->sides[0].over)
		bk_loop_stop(g->loop);
	else
		start(g, 1, 0);
}

/* Only the late side has an address to try. */
static void who_may_begin_later_is_waited_for_as_long_and_no_longer(void **state)
{
	static const bk_dur delays[] = {0, 15 * BK_SEC, 25 * BK_SEC};

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct stage *g = stage_new(2);
		struct bk_timer *late;

		g->delay = delays[i];
		g->sides[1].intro.candidates_len = 0;
		assert_int_equal(bk_timer_new(g->loop, on_late, g, &late), 0);
		bk_timer_start(late, 20 * BK_SEC);
		start(g, 0, 1);
		test_clock_fly(&g->clock, 40 * BK_SEC);
		run(g);
		if (g->sides[0].error)
			assert_true(i < 2 && g->sides[0].error == BK_E_NO_PATH);
		else
			assert_met(g, "lan");
		assert_true(i < 2 ? g->sides[0].error : !g->sides[0].error);
		bk_timer_free(late);
		stage_free(g);
	}
}

static void a_relay_that_joins_the_wrong_people_gives_nobody_a_path(void **state)
{
	(void)state;
	for (int crosses = 0; crosses < 2; crosses++) {
		struct stage *g = stage_new(4);
		struct test_relay relay = {.crosses = crosses};

		use_relay(g, &relay);
		no_candidates(g);
		for (int i = 0; i < 4; i++)
			start(g, i, i ^ 1);
		test_clock_fly(&g->clock, crosses ? 30 * BK_SEC : 4 * BK_SEC);
		run(g);
		assert_int_equal(relay.joined, 2);
		for (int i = 0; i < 4; i++) {
			assert_int_equal(g->sides[i].link != NULL, !crosses);
			assert_int_equal(g->sides[i].error, crosses ? BK_E_NO_PATH : 0);
		}
		test_relay_done(&relay);
		stage_free(g);
	}
}

static void a_relay_kept_as_a_spare_is_taken_only_when_it_is_needed(void **state)
{
	(void)state;
	for (int needed = 0; needed < 2; needed++) {
		struct stage *g = stage_new(2);
		struct test_relay relay = {0};

		use_relay(g, &relay);
		g->relay_is_spare = true;
		no_candidates(g);
		start(g, 0, 1);
		start(g, 1, 0);
		if (needed)
			assert_true(bk_race_need_relay(g->sides[1].race));
		test_clock_fly(&g->clock, 30 * BK_SEC);
		run(g);
		for (int i = 0; i < 2; i++) {
			assert_int_equal(g->sides[i].link != NULL, needed);
			assert_int_equal(g->sides[i].error, needed ? 0 : BK_E_NO_PATH);
		}
		test_relay_done(&relay);
		stage_free(g);
	}
}

static void a_race_without_a_relay_says_so(void **state)
{
	struct stage *g = stage_new(2);

	(void)state;
	start(g, 1, 0);
	assert_false(bk_race_need_relay(g->sides[1].race));
	assert_false(bk_race_is_close(g->sides[1].race));
	stage_free(g);
}

/* --- impostors --- */

static void somebody_else_with_a_certificate_is_not_the_peer(void **state)
{
	struct stage *g = stage_new(4);

	(void)state;
	start(g, 0, 1);
	start(g, 3, 0); /* knocks at 0's door, who waits for 1 */
	g->sides[2].over = g->sides[1].over = true;
	test_clock_fly(&g->clock, 30 * BK_SEC);
	run(g);
	assert_null(g->sides[0].link); /* 3 has proved 0, and cannot know yet that 0 hangs up */
	assert_int_equal(g->sides[0].error, BK_E_NO_PATH);
	stage_free(g);
}

static void a_race_freed_at_any_moment_leaves_nothing(void **state)
{
	int before = kit_count_descriptors();

	(void)state;
	for (int turns = 0; turns < 30; turns += 2) {
		struct stage *g = stage_new(2);
		struct test_relay relay = {0};

		use_relay(g, &relay);
		start(g, 0, 1);
		start(g, 1, 0);
		kit_run_idle(g->loop, turns);
		test_relay_done(&relay);
		stage_free(g);
	}
	assert_int_equal(kit_count_descriptors(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strangers_at_the_door_do_not_stop_the_race),
		cmocka_unit_test(a_flood_of_strangers_leaves_the_relay_its_place),
		cmocka_unit_test(who_wants_the_relay_alone_has_no_door),
		cmocka_unit_test(a_relay_that_never_comes_does_not_hold_up_a_direct_path),
		cmocka_unit_test(a_relay_that_never_joins_ends_as_no_path),
		cmocka_unit_test(no_candidate_and_no_relay_is_no_path),
		cmocka_unit_test(who_may_begin_later_is_waited_for_as_long_and_no_longer),
		cmocka_unit_test(a_relay_that_joins_the_wrong_people_gives_nobody_a_path),
		cmocka_unit_test(a_relay_kept_as_a_spare_is_taken_only_when_it_is_needed),
		cmocka_unit_test(a_race_without_a_relay_says_so),
		cmocka_unit_test(somebody_else_with_a_certificate_is_not_the_peer),
		cmocka_unit_test(a_race_freed_at_any_moment_leaves_nothing),
	};

	return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}

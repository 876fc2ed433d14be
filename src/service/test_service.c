/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "net/sock.h"
#include "service/test_kit.h"

static const struct bk_message_opts raw = {.framing = BK_FRAMING_RAW},
				    length = {.framing = BK_FRAMING_LENGTH};

static void expect_bytes(struct book *b, int fd, const char *bytes)
{
	char got[4096];
	size_t n = strlen(bytes);

	assert_int_equal(kit_read(b, fd, got, n), n);
	assert_memory_equal(got, bytes, n);
}

/* --- beginning --- */

static void a_service_that_cannot_be_says_why(void **state)
{
	static const struct {
		const char *listen;
		int expected;
	} rows[] = {{"", BK_E_INVALID}, {":", BK_E_INVALID}, {"nonsense", BK_E_INVALID},
		{"127.0.0.1", BK_E_INVALID}, {"localhost:5000", BK_E_INVALID},
		{"127.0.0.1:65536", BK_E_INVALID}, {"192.0.2.1:0", BK_E_ADDRESS}};
	struct book *b = kit_new(BK_LOOP_AUTO);
	char why[BK_SERVICE_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int err = bk_service_new(b->loop, rows[i].listen, NULL, &kit_events, b, &b->service, why);

		if (err != rows[i].expected || !strstr(why, rows[i].listen) ||
			!strstr(why, err == BK_E_INVALID ? "like 127.0.0.1:5000" : "address"))
			fail_msg("'%s': %s, %s", rows[i].listen, bk_error_name(err), why);
		b->service = NULL;
	}
	kit_finish(b);
}

static void a_port_in_use_is_named(void **state)
{
	struct book *b = kit_begin(raw), *other = kit_beside(b);
	char where[64], why[BK_SERVICE_TEXT_MAX], expected[128];

	(void)state;
	snprintf(where, sizeof(where), "127.0.0.1:%u", bk_service_port(b->service));
	snprintf(expected, sizeof(expected), "cannot listen on '%s': address in use", where);
	assert_int_equal(bk_service_new(b->loop, where, NULL, &kit_events, other, &other->service, why),
		BK_E_ADDRESS_IN_USE);
	assert_string_equal(why, expected);
	other->service = NULL;
	kit_done(other);
	kit_finish(b);
}

static void every_address_is_one_colon(void **state)
{
	struct book *b = kit_new(BK_LOOP_AUTO);
	int fd;

	(void)state;
	assert_int_equal(bk_service_new(b->loop, ":0", NULL, &kit_events, b, &b->service, NULL), 0);
	fd = kit_dial(b);
	kit_until_text(b, "joined ");
	assert_memory_equal(bk_conn_peer(b->conn), "127.0.0.1:", 10);
	close(fd);
	kit_finish(b);
}

/* --- broadcasting --- */

enum { RECEIVERS = 5 };

static struct bk_conn *heard[RECEIVERS];

static void remember(struct book *b, struct bk_conn *c)
{
	heard[b->joined - 1] = c;
}

static struct book *begin_with(int fds[RECEIVERS], struct bk_message_opts opts)
{
	struct book *b = kit_begin(opts);

	b->then_joined = remember;
	for (unsigned i = 0; i < RECEIVERS; i++) {
		fds[i] = kit_dial(b);
		kit_until_count(b, &b->joined, i + 1);
	}
	return b;
}

static void broadcasts_and_words_for_one_keep_their_order(void **state)
{
	int fds[RECEIVERS];
	struct book *b = begin_with(fds, raw);
	struct bk_message m;
	char expected[RECEIVERS][4096] = {""}, word[16];
	struct bk_service_stats stats = {.size = sizeof(stats)};

	(void)state;
	for (int i = 0; i < 200; i++) {
		bool to_all = i % 3;

		snprintf(word, sizeof(word), "%d;", i);
		m = kit_text(word);
		if (to_all)
			assert_int_equal(bk_service_broadcast(b->service, &m, heard[i % 4]), RECEIVERS - 1);
		else
			assert_int_equal(bk_conn_send(heard[i % RECEIVERS], &m), 0);
		for (int r = 0; r < RECEIVERS; r++)
			if (to_all ? r != i % 4 : r == i % RECEIVERS)
				strcat(expected[r], word);
		if (i % 50 == 49)
			kit_turns(b, 2);
	}
	for (int r = 0; r < RECEIVERS; r++) {
		expect_bytes(b, fds[r], expected[r]);
		close(fds[r]);
	}
	bk_service_get_stats(b->service, &stats);
	assert_int_equal(stats.accepted, RECEIVERS);
	assert_int_equal(stats.broadcasts, 133);
	assert_int_equal(stats.deliveries, 133 * (RECEIVERS - 1));
	kit_finish(b);
}

static void a_large_broadcast_and_small_ones_keep_their_order(void **state)
{
	enum { LARGE = 200000 };
	int fds[RECEIVERS];
	struct book *b = begin_with(fds, raw);
	struct bk_message small = kit_text("<small>"), large = {.content_len = LARGE};
	char *content = malloc(LARGE), *got = malloc(LARGE + 14);

	(void)state;
	assert_true(content && got);
	memset(content, 'x', LARGE);
	large.content = content;
	assert_int_equal(bk_service_broadcast(b->service, &small, NULL), RECEIVERS);
	assert_int_equal(bk_service_broadcast(b->service, &large, NULL), RECEIVERS);
	assert_int_equal(bk_service_broadcast(b->service, &small, NULL), RECEIVERS);
	memset(content, 0, LARGE); /* it was borrowed */
	for (int r = 0; r < RECEIVERS; r++) {
		assert_int_equal(kit_read(b, fds[r], got, LARGE + 14), LARGE + 14);
		assert_memory_equal(got, "<small>x", 8);
		assert_memory_equal(got + LARGE + 6, "x<small>", 8);
		close(fds[r]);
	}
	free(content);
	free(got);
	kit_finish(b);
}

static void who_is_not_in_the_audience_hears_nothing(void **state)
{
	int fds[RECEIVERS];
	struct book *b = begin_with(fds, raw);
	struct bk_message m = kit_text("x"), n = kit_text("y");

	(void)state;
	bk_conn_set_audience(heard[1], false);
	bk_conn_set_audience(heard[1], false);
	assert_int_equal(bk_service_broadcast(b->service, &m, NULL), RECEIVERS - 1);
	bk_conn_set_audience(heard[1], true);
	assert_int_equal(bk_service_broadcast(b->service, &n, NULL), RECEIVERS);
	for (int r = 0; r < RECEIVERS; r++) {
		expect_bytes(b, fds[r], r == 1 ? "y" : "xy");
		close(fds[r]);
	}
	kit_finish(b);
}

/* The others read on while one does not: he goes, they miss nothing. */
static void a_slow_reader_is_dropped_and_the_others_go_on(void **state)
{
	enum { SIZE = 10000, MESSAGES = 2000 };
	static char content[SIZE], got[SIZE];
	struct book *b = kit_begin((struct bk_message_opts){.framing = BK_FRAMING_RAW, .queue_max = 1 << 20});
	struct bk_message m = {.content = content, .content_len = SIZE};
	struct bk_service_stats stats = {.size = sizeof(stats)};
	int quick = kit_dial(b), slow = kit_dial_small(b, 4096);

	(void)state;
	kit_until_count(b, &b->joined, 2);
	for (int i = 0; i < MESSAGES; i++) {
		content[0] = content[SIZE - 1] = (char)i;
		assert_true(bk_service_broadcast(b->service, &m, NULL) >= 1);
		assert_int_equal(kit_read(b, quick, got, SIZE), SIZE);
		assert_memory_equal(got, content, SIZE);
	}
	assert_string_equal(b->text, "joined joined left:too-slow ");
	assert_string_equal(b->why, "it did not read as fast as was sent to it");
	bk_service_get_stats(b->service, &stats);
	assert_int_equal(stats.dropped_slow, 1);
	assert_int_equal(bk_service_count(b->service), 1);
	close(quick);
	close(slow);
	kit_finish(b);
}

/* --- who comes --- */

static void those_above_the_maximum_are_turned_away(void **state)
{
	struct book *b = kit_begin((struct bk_message_opts){.framing = BK_FRAMING_RAW, .connections_max = 2});
	struct bk_service_stats stats = {.size = sizeof(stats)};
	int fds[4];

	(void)state;
	for (int i = 0; i < 4; i++)
		fds[i] = kit_dial(b);
	for (int i = 2; i < 4; i++)
		assert_int_equal(kit_read(b, fds[i], NULL, 0), 0);
	assert_int_equal(b->joined, 2);
	bk_service_get_stats(b->service, &stats);
	assert_int_equal(stats.refused, 2);
	close(fds[0]);
	kit_until_count(b, &b->left, 1);
	close(fds[2]);
	fds[2] = kit_dial(b);
	kit_until_count(b, &b->joined, 3);
	for (int i = 1; i < 4; i++)
		close(fds[i]);
	kit_finish(b);
}

static void without_descriptors_accepting_pauses_and_goes_on(void **state)
{
	struct rlimit was, few;
	struct book *b = kit_begin(raw);
	struct bk_service_stats stats = {.size = sizeof(stats)};
	int a = kit_dial(b), c, spare[64], n = 0;

	(void)state;
	kit_until_count(b, &b->joined, 1);
	c = kit_dial(b);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	few = was;
	few.rlim_cur = (rlim_t)c + 8;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	while (n < 64 && (spare[n] = dup(a)) >= 0)
		n++;
	assert_int_equal(kit_read(b, c, NULL, 0), 0); /* accepted and closed, not left to hang */
	bk_service_get_stats(b->service, &stats);
	assert_int_equal(stats.refused, 1);
	while (n)
		close(spare[--n]);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	close(c);
	c = kit_dial(b);
	kit_fly(b, BK_SEC);
	kit_until_count(b, &b->joined, 2);
	close(a);
	close(c);
	kit_finish(b);
}

/* --- stopping --- */

static void last_words(struct book *b)
{
	const struct bk_message m = {.content = "bye", .content_len = 3};

	assert_int_equal(bk_service_broadcast(b->service, &m, NULL), RECEIVERS);
}

static void a_stop_drains_closes_and_tells(void **state)
{
	int fds[RECEIVERS], late;
	struct book *b = begin_with(fds, raw);
	struct bk_message m = kit_text("x");
	struct bk_addr to = bk_addr_v4(127, 0, 0, 1, bk_service_port(b->service));

	(void)state;
	last_words(b);
	bk_service_stop(b->service, 0);
	assert_int_equal(b->stopped, 0);
	for (int r = 0; r < RECEIVERS; r++) {
		expect_bytes(b, fds[r], "bye");
		assert_int_equal(kit_read(b, fds[r], NULL, 0), 0);
	}
	assert_int_equal(b->stopped, 0);
	assert_int_equal(bk_service_broadcast(b->service, &m, NULL), 0);
	for (int r = 0; r < RECEIVERS; r++)
		close(fds[r]);
	kit_until_count(b, &b->stopped, 1);
	assert_string_equal(b->text, "joined joined joined joined joined left:shutdown left:shutdown "
				     "left:shutdown left:shutdown left:shutdown stopped ");
	if (bk_sock_connect(NULL, &to, &late) == 0) {
		kit_turns(b, 3);
		assert_int_equal(bk_sock_error(late), BK_E_REFUSED);
		close(late);
	}
	kit_finish(b);
}

static void a_stop_does_not_wait_for_who_does_not_read(void **state)
{
	static const char piece[100000];
	struct book *b = kit_begin(raw);
	struct bk_message m = {.content = piece, .content_len = sizeof(piece)};
	int fd = kit_dial_small(b, 4096);

	(void)state;
	kit_until_text(b, "joined ");
	for (int i = 0; i < 100; i++) {
		if (bk_conn_send(b->conn, &m) != 0)
			break;
		kit_turns(b, 2);
	}
	bk_service_stop(b->service, 5 * BK_SEC);
	kit_fly(b, 4 * BK_SEC);
	assert_int_equal(b->stopped, 0);
	kit_fly(b, 2 * BK_SEC);
	assert_string_equal(b->text, "joined left:too-slow stopped ");
	close(fd);
	kit_finish(b);
}

static void a_stop_waits_only_a_moment_for_who_is_owed_nothing(void **state)
{
	struct book *b = kit_begin(length);
	int fd = kit_dial(b);

	(void)state;
	kit_until_text(b, "joined ");
	bk_service_stop(b->service, 0);
	kit_turns(b, 5);
	kit_fly(b, 250 * BK_MS);
	assert_string_equal(b->text, "joined left:shutdown stopped ");
	close(fd);
	kit_finish(b);
}

static void a_stop_of_an_empty_service_is_told_too(void **state)
{
	struct book *b = kit_begin(raw);

	(void)state;
	bk_service_stop(b->service, 0);
	bk_service_stop(b->service, 0);
	kit_until_count(b, &b->stopped, 1);
	kit_turns(b, 5);
	assert_int_equal(b->stopped, 1);
	kit_finish(b);
}

static void *stop_it(void *arg)
{
	bk_service_stop(arg, 0);
	return NULL;
}

static void a_stop_may_come_from_another_thread(void **state)
{
	struct book *b = kit_begin(length);
	pthread_t thread;
	int fd = kit_dial(b);

	(void)state;
	kit_until_text(b, "joined ");
	assert_int_equal(pthread_create(&thread, NULL, stop_it, b->service), 0);
	assert_int_equal(kit_read(b, fd, NULL, 0), 0);
	close(fd);
	kit_until_count(b, &b->stopped, 1);
	pthread_join(thread, NULL);
	assert_string_equal(b->text, "joined left:shutdown stopped ");
	kit_finish(b);
}

static struct bk_service *signalled;

static void on_signal(int signo)
{
	(void)signo;
	bk_service_stop(signalled, 0);
}

static void a_stop_may_come_from_a_signal(void **state)
{
	struct book *b = kit_begin(length);
	int fd = kit_dial(b);

	(void)state;
	kit_until_text(b, "joined ");
	signalled = b->service;
	signal(SIGUSR1, on_signal);
	raise(SIGUSR1);
	assert_int_equal(kit_read(b, fd, NULL, 0), 0);
	close(fd);
	kit_until_count(b, &b->stopped, 1);
	signal(SIGUSR1, SIG_DFL);
	kit_finish(b);
}

/* --- freeing --- */

static void free_service(struct book *b)
{
	bk_service_free(b->service);
	b->service = NULL;
	b->conn = NULL;
}

static void free_service_and_conn(struct book *b, struct bk_conn *c)
{
	(void)c;
	free_service(b);
}

static void free_service_on_message(struct book *b, struct bk_conn *c, const struct bk_message *m)
{
	(void)c;
	(void)m;
	free_service(b);
}

static bool has_no_service(void *arg)
{
	return !((const struct book *)arg)->service;
}

static void a_service_may_be_freed_from_every_callback(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		struct book *b = kit_begin((struct bk_message_opts){.framing = BK_FRAMING_JSON});
		int fd = kit_dial(b), other = kit_dial(b);

		b->then_joined = i == 0 ? free_service_and_conn : NULL;
		b->then_message = i == 1 ? free_service_on_message : NULL;
		b->then_left = i == 2 ? free_service_and_conn : NULL;
		b->then_stopped = i == 3 ? free_service : NULL;
		if (i)
			kit_until_count(b, &b->joined, 2);
		kit_write(fd, "\0\x14{\"content-length\":1}a\0\x14{\"content-length\":1}b", 46);
		shutdown(fd, SHUT_WR);
		shutdown(other, SHUT_WR);
		if (i == 3)
			bk_service_stop(b->service, 0);
		kit_until(b, has_no_service, b);
		kit_turns(b, 3);
		assert_int_equal(b->joined, i ? 2 : 1);
		assert_int_equal(b->left, i < 2 ? 0 : i == 2 ? 1 : 2);
		close(fd);
		close(other);
		kit_finish(b);
	}
}

static void free_other(struct bk_conn *c, void *arg)
{
	unsigned *calls = arg;
	struct bk_conn *next = c == heard[1] ? heard[2] : NULL;

	bk_conn_free(next);
	if (c == heard[3])
		bk_conn_free(c);
	if (c == heard[0])
		bk_conn_close(c);
	++*calls;
}

static void each_is_visited_while_others_go(void **state)
{
	int fds[RECEIVERS];
	struct book *b = begin_with(fds, raw);
	unsigned calls = 0;

	(void)state;
	bk_service_each(b->service, free_other, &calls);
	assert_int_equal(calls, RECEIVERS - 1);
	assert_int_equal(bk_service_count(b->service), RECEIVERS - 2);
	for (int r = 0; r < RECEIVERS; r++)
		close(fds[r]);
	b->conn = NULL;
	kit_finish(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_service_that_cannot_be_says_why),
		cmocka_unit_test(a_port_in_use_is_named),
		cmocka_unit_test(every_address_is_one_colon),
		cmocka_unit_test(broadcasts_and_words_for_one_keep_their_order),
		cmocka_unit_test(a_large_broadcast_and_small_ones_keep_their_order),
		cmocka_unit_test(who_is_not_in_the_audience_hears_nothing),
		cmocka_unit_test(a_slow_reader_is_dropped_and_the_others_go_on),
		cmocka_unit_test(those_above_the_maximum_are_turned_away),
		cmocka_unit_test(without_descriptors_accepting_pauses_and_goes_on),
		cmocka_unit_test(a_stop_drains_closes_and_tells),
		cmocka_unit_test(a_stop_does_not_wait_for_who_does_not_read),
		cmocka_unit_test(a_stop_waits_only_a_moment_for_who_is_owed_nothing),
		cmocka_unit_test(a_stop_of_an_empty_service_is_told_too),
		cmocka_unit_test(a_stop_may_come_from_another_thread),
		cmocka_unit_test(a_stop_may_come_from_a_signal),
		cmocka_unit_test(a_service_may_be_freed_from_every_callback),
		cmocka_unit_test(each_is_visited_while_others_go),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Many connections at once. Their other ends live in a process of their own, which counts what it hears and
 * ends with an exit status: 0 if each of them heard every message in order. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "net/sock.h"
#include "service/test_kit.h"

enum {
	MANY = 10000,
	MANY_MIN = 1000,
	SELECT_MANY = 1000,
	WORDS = 3,
	SPARE_DESCRIPTORS = 60,
	WAIT_SECONDS = 60
};

static const char speech[] = "\0\0\0\5first\0\0\0\6second\0\0\0\5third";

/* The other ends. Failing is an exit status here: cmocka belongs to the parent. */
static int hear(uint16_t port, unsigned count)
{
	struct bk_addr to = bk_addr_v4(127, 0, 0, 1, port);
	struct sockaddr_storage ss;
	socklen_t n = bk_addr_to_sockaddr(&to, &ss);
	int *fds = calloc(count, sizeof(*fds));

	alarm(WAIT_SECONDS);
	for (unsigned i = 0; fds && i < count; i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM, 0);
		if (fds[i] < 0 || connect(fds[i], (struct sockaddr *)&ss, n) < 0)
			return 2;
	}
	for (unsigned i = 0; fds && i < count; i++) {
		char got[sizeof(speech)] = "";

		if (recv(fds[i], got, sizeof(speech) - 1, MSG_WAITALL) != sizeof(speech) - 1)
			return 3;
		if (memcmp(got, speech, sizeof(speech)) != 0)
			return 4;
		if (recv(fds[i], got, 1, 0) != 0)
			return 5;
		close(fds[i]);
	}
	free(fds);
	return 0;
}

static pid_t start_hearers(struct book *b, unsigned count)
{
	uint16_t port = bk_service_port(b->service);
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid) {
		closefrom(STDERR_FILENO + 1);
		_exit(hear(port, count));
	}
	return pid;
}

static unsigned raise_limit(unsigned wanted)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	if (limit.rlim_max >= wanted + SPARE_DESCRIPTORS)
		return wanted;
	printf("only %lu descriptors are allowed here\n", (unsigned long)limit.rlim_max);
	assert_true(limit.rlim_max >= MANY_MIN + SPARE_DESCRIPTORS);
	return (unsigned)limit.rlim_max - SPARE_DESCRIPTORS;
}

static void say_to_all(enum bk_loop_backend backend, unsigned wanted)
{
	static const char *const words[WORDS] = {"first", "second", "third"};
	struct book *b = kit_new(backend);
	struct bk_loop *loop = b->loop;
	unsigned count = raise_limit(wanted);
	int status;
	pid_t pid;

	kit_listen(b, (struct bk_message_opts){.framing = BK_FRAMING_LENGTH, .connections_max = count});
	b->quiet = true;
	pid = start_hearers(b, count);
	kit_until_count(b, &b->joined, count);
	assert_int_equal(bk_service_count(b->service), count);
	for (int i = 0; i < WORDS; i++) {
		const struct bk_message m = {.content = words[i], .content_len = strlen(words[i])};

		assert_int_equal(bk_service_broadcast(b->service, &m, NULL), count);
	}
	bk_service_stop(b->service, 30 * BK_SEC);
	kit_until_count(b, &b->stopped, 1);
	assert_int_equal(b->left, count);
	assert_int_equal(b->error, BK_E_SHUTDOWN);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	kit_done(b);
	bk_loop_free(loop);
}

static void ten_thousand_hear_a_broadcast_with_epoll(void **state)
{
	(void)state;
	say_to_all(BK_LOOP_EPOLL, MANY);
}

static void ten_thousand_hear_a_broadcast_with_poll(void **state)
{
	(void)state;
	say_to_all(BK_LOOP_POLL, MANY);
}

static void a_thousand_hear_a_broadcast_with_select(void **state)
{
	(void)state;
	say_to_all(BK_LOOP_SELECT, SELECT_MANY);
}

static void more_than_select_can_hold_is_refused_with_clear_words(void **state)
{
	const struct bk_message_opts opts = {.connections_max = SELECT_MANY + 1};
	struct book *b = kit_new(BK_LOOP_SELECT);
	struct bk_loop *loop = b->loop;
	char why[BK_SERVICE_TEXT_MAX];

	(void)state;
	assert_int_equal(
		bk_service_new(loop, "127.0.0.1:0", &opts, &kit_events, b, &b->service, why), BK_E_FULL);
	assert_string_equal(why, "select holds at most 1000 connections, not 1001: use epoll or poll");
	kit_done(b);
	bk_loop_free(loop);
}

static void a_descriptor_that_select_cannot_hold_is_turned_away(void **state)
{
	struct book *b = kit_new(BK_LOOP_SELECT);
	struct bk_loop *loop = b->loop;
	struct bk_service_stats stats = {.size = sizeof(stats)};
	struct bk_conn *c;
	int low = dup(STDERR_FILENO), fds[FD_SETSIZE], n = 0, fd;

	(void)state;
	raise_limit(FD_SETSIZE + 100);
	kit_listen(b, (struct bk_message_opts){.framing = BK_FRAMING_RAW});
	while ((fds[n] = dup(low)) < FD_SETSIZE - 1)
		n++;
	fd = kit_dial(b); /* above the limit itself, as what is accepted will be */
	assert_int_equal(kit_read(b, fd, NULL, 0), 0);
	bk_service_get_stats(b->service, &stats);
	assert_int_equal(stats.refused, 1);
	assert_int_equal(b->joined, 0);
	assert_int_equal(bk_conn_connect(loop, "127.0.0.1:1", NULL, &kit_events, b, &c), BK_E_FULL);
	close(fd);
	for (int i = 0; i <= n; i++)
		close(fds[i]);
	close(low);
	kit_done(b);
	bk_loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ten_thousand_hear_a_broadcast_with_epoll),
		cmocka_unit_test(ten_thousand_hear_a_broadcast_with_poll),
		cmocka_unit_test(a_thousand_hear_a_broadcast_with_select),
		cmocka_unit_test(more_than_select_can_hold_is_refused_with_clear_words),
		cmocka_unit_test(a_descriptor_that_select_cannot_hold_is_turned_away),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets, names and small files. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "net/file.h"
#include "net/resolve.h"
#include "net/sock.h"
#include "net/test_kit.h"

/* --- sockets --- */

static void wait_accept(int listener, int *ret_fd)
{
	struct bk_addr from;

	while (bk_sock_accept(listener, &from, ret_fd) == BK_E_AGAIN)
		;
}

static void one_port_is_shared_by_a_listener_and_connections(void **state)
{
	struct bk_addr far1, far2, shared = kit_loopback(0), seen;
	int l1 = kit_listen(&far1), l2 = kit_listen(&far2), c1, c2, own, from, there[3];

	(void)state;
	assert_int_equal(bk_sock_connect(&shared, &far1, &c1), 0);
	assert_int_equal(bk_sock_local(c1, &shared), 0);
	assert_true(shared.port != 0);
	assert_int_equal(bk_sock_listen(&shared, true, 4, &own), 0);
	assert_int_equal(bk_sock_connect(&shared, &far2, &c2), 0);
	wait_accept(l1, &there[0]);
	wait_accept(l2, &there[1]);
	assert_int_equal(bk_sock_peer(there[1], &seen), 0);
	assert_true(bk_addr_equal(&seen, &shared));
	assert_int_equal(bk_sock_connect(NULL, &shared, &from), 0);
	wait_accept(own, &there[2]);
	for (int i = 0; i < 3; i++)
		close(there[i]);
	close(from);
	close(own);
	close(c1);
	close(c2);
	close(l1);
	close(l2);
}

static int send_room(int fd)
{
	int bytes = 0;
	socklen_t n = sizeof(bytes);

	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, &n), 0);
	return bytes;
}

/* Until nothing moves any more between two who neither read nor stop to write. */
static void fill(int from, int to, size_t bytes)
{
	static uint8_t data[64 << 10], sink[256 << 10];

	while (bytes) {
		ssize_t n = write(from, data, sizeof(data) < bytes ? sizeof(data) : bytes);

		bytes -= n > 0 ? (size_t)n : 0;
		(void)!read(to, sink, n > 0 ? 4096 : sizeof(sink));
	}
}

static void what_is_on_its_way_may_be_short_and_is_the_kernel_s_again(void **state)
{
	struct bk_addr far;
	int listener = kit_listen(&far), from, to;

	(void)state;
	assert_int_equal(bk_sock_connect(NULL, &far, &from), 0);
	wait_accept(listener, &to);
	if (!bk_sock_shorten(from, true))
		skip();
	fill(from, to, 8 << 20);
	assert_in_range(send_room(from), 100 << 10, 400 << 10);
	assert_true(bk_sock_shorten(from, false));
	fill(from, to, 64 << 20);
	assert_true(send_room(from) > 400 << 10);
	close(from);
	close(to);
	close(listener);
}

static void the_same_way_twice_is_refused(void **state)
{
	struct bk_addr far, shared = kit_loopback(0);
	int l = kit_listen(&far), c1, c2;

	(void)state;
	assert_int_equal(bk_sock_connect(&shared, &far, &c1), 0);
	assert_int_equal(bk_sock_local(c1, &shared), 0);
	assert_true(bk_sock_connect(&shared, &far, &c2) < 0);
	close(c1);
	close(l);
}

static void a_port_that_is_not_shared_is_in_use(void **state)
{
	struct bk_addr at;
	int l = kit_listen(&at), again;

	(void)state;
	assert_int_equal(bk_sock_listen(&at, false, 4, &again), BK_E_ADDRESS_IN_USE);
	assert_int_equal(bk_sock_listen(&at, true, 4, &again), BK_E_ADDRESS_IN_USE);
	close(l);
}

/* Whether another user can listen there; only root can be one. */
static bool is_taken_by_another(const struct bk_addr *at)
{
	const uid_t nobody = 65534;
	pid_t pid = fork();
	int fd = -1, status;

	if (pid == 0)
		_exit(setuid(nobody) < 0 || bk_sock_listen(at, true, 4, &fd) == 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status != 0;
}

static void a_port_that_is_held_is_ours_and_no_other_users(void **state)
{
	struct bk_addr at = kit_loopback(0), far = kit_loopback(0);
	int hold, again, there, out, own, in;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(bk_sock_listen(&far, true, 4, &there), 0);
	assert_int_equal(bk_sock_local(there, &far), 0);
	assert_int_equal(bk_sock_hold(&at, &hold), 0);
	assert_int_equal(bk_sock_local(hold, &at), 0);
	assert_false(is_taken_by_another(&at));
	assert_int_equal(bk_sock_connect(&at, &far, &out), 0);
	wait_accept(there, &in);
	assert_int_equal(bk_sock_listen(&at, true, 4, &own), 0);
	close(hold);
	assert_int_equal(bk_sock_hold(&at, &again), 0);
	close(again);
	close(own);
	close(out);
	close(in);
	close(there);
}

static void nobody_waiting_is_not_an_error_of_the_listener(void **state)
{
	struct bk_addr at, from;
	int l = kit_listen(&at), fd;

	(void)state;
	assert_int_equal(bk_sock_accept(l, &from, &fd), BK_E_AGAIN);
	close(l);
}

static void a_local_address_of_another_family_is_an_error_and_leaks_nothing(void **state)
{
	int before = kit_count_descriptors(), fd;
	struct bk_addr far = kit_loopback(9), local = {.family = 6};

	(void)state;
	assert_true(bk_sock_connect(&local, &far, &fd) < 0);
	assert_int_equal(kit_count_descriptors(), before);
}

static void addresses_survive_the_way_to_the_kernel_and_back(void **state)
{
	static const char *const texts[] = {"192.0.2.7:80", "[2001:db8::1]:15005", "[::1]:1"};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct bk_addr a, back;
		struct sockaddr_storage ss;

		assert_int_equal(bk_addr_from_str(texts[i], &a), 0);
		assert_true(bk_addr_to_sockaddr(&a, &ss) > 0);
		assert_int_equal(bk_addr_from_sockaddr((struct sockaddr *)&ss, &back), 0);
		assert_true(bk_addr_equal(&a, &back));
	}
}

/* --- names --- */

struct answer {
	struct bk_loop *loop;
	struct bk_resolve *resolve;
	struct bk_addr addrs[BK_RESOLVE_MAX];
	size_t len;
	int err, calls;
	bool free_inside;
};

static void on_answer(void *arg, int err, const struct bk_addr *addrs, size_t len)
{
	struct answer *a = arg;

	a->calls++;
	a->err = err;
	a->len = len;
	if (len)
		memcpy(a->addrs, addrs, len * sizeof(*addrs));
	if (a->free_inside) {
		bk_resolve_free(a->resolve);
		a->resolve = NULL;
	}
	bk_loop_stop(a->loop);
}

static void ask(struct answer *a, const char *host)
{
	a->loop = kit_loop_new();
	assert_int_equal(bk_resolve_new(a->loop, host, 80, on_answer, a, &a->resolve), 0);
	assert_int_equal(a->calls, 0);
	kit_run(a->loop);
	kit_run_idle(a->loop, 3);
	assert_int_equal(a->calls, 1);
	bk_resolve_free(a->resolve);
	bk_loop_free(a->loop);
}

static void a_literal_address_answers_itself(void **state)
{
	static const char *const texts[] = {"192.0.2.7", "2001:db8::1", "::1"};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct answer a = {.free_inside = i == 1};
		char ip[BK_ADDR_STR_MAX];

		ask(&a, texts[i]);
		assert_int_equal(a.err, 0);
		assert_int_equal(a.len, 1);
		assert_int_equal(a.addrs[0].port, 80);
		assert_string_equal(bk_addr_ip_to_str(&a.addrs[0], ip), texts[i]);
	}
}

static void localhost_is_loopback(void **state)
{
	struct answer a = {.free_inside = true};

	(void)state;
	ask(&a, "localhost");
	assert_int_equal(a.err, 0);
	assert_true(a.len >= 1 && bk_addr_is_loopback(&a.addrs[0]));
}

static void a_name_that_cannot_be_is_an_error_of_its_own(void **state)
{
	struct answer a = {0};

	(void)state;
	ask(&a, "no such name..");
	assert_int_equal(a.err, BK_E_RESOLVE);
	assert_int_equal(a.len, 0);
}

static void a_name_that_is_too_long_is_refused_at_once(void **state)
{
	struct bk_loop *loop = kit_loop_new();
	struct bk_resolve *r;
	char name[300];

	(void)state;
	memset(name, 'a', sizeof(name));
	name[sizeof(name) - 1] = 0;
	assert_int_equal(bk_resolve_new(loop, name, 80, on_answer, NULL, &r), BK_E_TOO_BIG);
	bk_loop_free(loop);
}

static void a_cancelled_question_is_never_answered(void **state)
{
	static const char *const names[] = {"127.0.0.1", "localhost", "no such name.."};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct answer a = {.loop = kit_loop_new()};

		assert_int_equal(bk_resolve_new(a.loop, names[i], 80, on_answer, &a, &a.resolve), 0);
		bk_resolve_free(a.resolve);
		kit_run_idle(a.loop, 5);
		assert_int_equal(a.calls, 0);
		bk_loop_free(a.loop);
	}
}

/* --- files --- */

struct room {
	char dir[32];
	char path[64];
};

static void room_init(struct room *r)
{
	strcpy(r->dir, "/tmp/bodkin-test-XXXXXX");
	assert_non_null(mkdtemp(r->dir));
	snprintf(r->path, sizeof(r->path), "%s/file", r->dir);
}

static void room_done(struct room *r)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -rf '%s'", r->dir);
	assert_int_equal(system(command), 0);
}

static void a_file_is_replaced_whole_and_nothing_is_left_beside_it(void **state)
{
	struct room r;
	struct stat st;
	size_t len;
	char *data;

	(void)state;
	room_init(&r);
	assert_int_equal(bk_file_write(r.path, "first and long", 14), 0);
	assert_int_equal(bk_file_write(r.path, "second", 6), 0);
	assert_int_equal(bk_file_read(r.path, 100, &data, &len), 0);
	assert_int_equal(len, 6);
	assert_string_equal(data, "second");
	free(data);
	assert_int_equal(stat(r.path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(unlink(r.path), 0);
	assert_int_equal(rmdir(r.dir), 0); /* empty, so nothing was left */
	assert_int_equal(mkdir(r.dir, 0700), 0);
	room_done(&r);
}

/* It may be somebody else's, or be read by everybody. */
static void a_file_is_written_into_nothing_that_was_there(void **state)
{
	char beside[128], other[128];
	struct room r;
	struct stat st;
	size_t len;
	char *data;

	(void)state;
	room_init(&r);
	snprintf(beside, sizeof(beside), "%s.%ld.new", r.path, (long)getpid());
	snprintf(other, sizeof(other), "%s/other", r.dir);
	assert_int_equal(bk_file_write(other, "theirs", 6), 0);
	assert_int_equal(chmod(other, 0666), 0);
	assert_int_equal(link(other, beside), 0);
	assert_int_equal(bk_file_write(r.path, "ours", 4), 0);
	assert_int_equal(stat(r.path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(bk_file_read(other, 100, &data, &len), 0);
	assert_string_equal(data, "theirs");
	free(data);
	room_done(&r);
}

static void a_file_up_to_the_limit_is_read_and_a_larger_one_refused(void **state)
{
	struct room r;
	size_t len;
	char *data;

	(void)state;
	room_init(&r);
	assert_int_equal(bk_file_write(r.path, "12345", 5), 0);
	assert_int_equal(bk_file_read(r.path, 5, &data, &len), 0);
	free(data);
	assert_int_equal(bk_file_read(r.path, 4, &data, &len), BK_E_TOO_BIG);
	assert_int_equal(bk_file_write(r.path, "", 0), 0);
	assert_int_equal(bk_file_read(r.path, 4, &data, &len), 0);
	assert_int_equal(len, 0);
	free(data);
	room_done(&r);
}

static void what_is_not_there_has_a_name(void **state)
{
	struct room r;
	size_t len;
	char *data, deep[80];

	(void)state;
	room_init(&r);
	assert_int_equal(bk_file_read(r.path, 5, &data, &len), BK_E_NOT_FOUND);
	snprintf(deep, sizeof(deep), "%s/no/such/file", r.dir);
	assert_int_equal(bk_file_write(deep, "x", 1), BK_E_NOT_FOUND);
	assert_true(bk_file_read(r.dir, 5, &data, &len) < 0); /* a folder */
	assert_true(bk_file_write(r.dir, "x", 1) < 0);
	room_done(&r);
}

static void folders_are_made_on_the_way_and_a_file_is_not_one(void **state)
{
	struct room r;
	struct stat st;
	char deep[80];

	(void)state;
	room_init(&r);
	snprintf(deep, sizeof(deep), "%s/a//b/c/", r.dir);
	assert_int_equal(bk_file_make_dir(deep), 0);
	assert_int_equal(bk_file_make_dir(deep), 0);
	assert_int_equal(stat(deep, &st), 0);
	assert_true(S_ISDIR(st.st_mode));
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(bk_file_write(r.path, "x", 1), 0);
	assert_int_equal(bk_file_make_dir(r.path), BK_E_EXISTS);
	snprintf(deep, sizeof(deep), "%s/under", r.path);
	assert_true(bk_file_make_dir(deep) < 0);
	assert_int_equal(bk_file_make_dir(""), BK_E_INVALID);
	room_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_port_is_shared_by_a_listener_and_connections),
		cmocka_unit_test(what_is_on_its_way_may_be_short_and_is_the_kernel_s_again),
		cmocka_unit_test(the_same_way_twice_is_refused),
		cmocka_unit_test(a_port_that_is_not_shared_is_in_use),
		cmocka_unit_test(a_port_that_is_held_is_ours_and_no_other_users),
		cmocka_unit_test(nobody_waiting_is_not_an_error_of_the_listener),
		cmocka_unit_test(a_local_address_of_another_family_is_an_error_and_leaks_nothing),
		cmocka_unit_test(addresses_survive_the_way_to_the_kernel_and_back),
		cmocka_unit_test(a_literal_address_answers_itself),
		cmocka_unit_test(localhost_is_loopback),
		cmocka_unit_test(a_name_that_cannot_be_is_an_error_of_its_own),
		cmocka_unit_test(a_name_that_is_too_long_is_refused_at_once),
		cmocka_unit_test(a_cancelled_question_is_never_answered),
		cmocka_unit_test(a_file_is_replaced_whole_and_nothing_is_left_beside_it),
		cmocka_unit_test(a_file_is_written_into_nothing_that_was_there),
		cmocka_unit_test(a_file_up_to_the_limit_is_read_and_a_larger_one_refused),
		cmocka_unit_test(what_is_not_there_has_a_name),
		cmocka_unit_test(folders_are_made_on_the_way_and_a_file_is_not_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

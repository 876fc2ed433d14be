/* SPDX-License-Identifier: Apache-2.0 */
#include "lan/gate.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "net/sock.h"
#include "net/test_kit.h"

enum { BYTES = 3000000 };

/* The test plays who comes and the server, on blocking turns of one loop. */
struct stage {
	struct bk_loop *loop;
	struct bk_gate *gate;
	int listener;
	struct bk_addr server;
};

static void set_up(struct stage *s)
{
	s->loop = kit_loop_new();
	s->listener = kit_listen(&s->server);
	assert_int_equal(bk_gate_new(s->loop, &s->server, &s->gate), 0);
}

static void tear_down(struct stage *s)
{
	bk_gate_free(s->gate);
	close(s->listener);
	bk_loop_free(s->loop);
}

static int come(struct stage *s)
{
	struct bk_addr at = kit_loopback(bk_gate_port(s->gate));
	int fd;

	assert_int_equal(bk_sock_connect(NULL, &at, &fd), 0);
	return fd;
}

static int take(struct stage *s)
{
	struct bk_addr peer;
	int fd;

	while (bk_sock_accept(s->listener, &peer, &fd) == BK_E_AGAIN)
		kit_run_idle(s->loop, 1);
	return fd;
}

/* All of `len` bytes from one to the other; 'a' and so on. */
static void carry(struct stage *s, int from, int to, size_t len)
{
	static char out[65536], in[65536];
	size_t sent = 0, got = 0;

	while (got < len) {
		size_t want = len - sent < sizeof(out) ? len - sent : sizeof(out);
		ssize_t n;

		for (size_t i = 0; i < want; i++)
			out[i] = (char)('a' + (sent + i) % 23);
		n = want ? send(from, out, want, MSG_NOSIGNAL) : 0;
		sent += n > 0 ? (size_t)n : 0;
		kit_run_idle(s->loop, 1);
		n = recv(to, in, sizeof(in), 0);
		for (ssize_t i = 0; i < n; i++)
			assert_int_equal(in[i], 'a' + (got + (size_t)i) % 23);
		got += n > 0 ? (size_t)n : 0;
	}
	assert_int_equal(got, len);
}

static void assert_ends(struct stage *s, int fd)
{
	char byte;
	ssize_t n;

	while ((n = recv(fd, &byte, 1, 0)) < 0 && n != 0)
		kit_run_idle(s->loop, 1);
	assert_int_equal(n, 0);
}

static void what_is_said_passes_both_ways_however_much_it_is(void **state)
{
	struct stage s;
	int comer, server;

	(void)state;
	set_up(&s);
	comer = come(&s);
	server = take(&s);
	carry(&s, comer, server, BYTES);
	carry(&s, server, comer, BYTES);
	close(comer);
	assert_ends(&s, server);
	close(server);
	tear_down(&s);
}

static void the_last_words_come_before_the_end(void **state)
{
	struct stage s;
	int comer, server;
	char text[8] = "";

	(void)state;
	set_up(&s);
	comer = come(&s);
	server = take(&s);
	assert_int_equal(send(server, "refused", 7, 0), 7);
	close(server);
	while (recv(comer, text, 7, 0) < 0)
		kit_run_idle(s.loop, 1);
	assert_string_equal(text, "refused");
	assert_ends(&s, comer);
	close(comer);
	tear_down(&s);
}

static void few_pass_of_one_address(void **state)
{
	int comers[BK_GATE_OF_ADDRESS_MAX + 1], servers[BK_GATE_OF_ADDRESS_MAX];
	struct stage s;

	(void)state;
	set_up(&s);
	for (int i = 0; i < BK_GATE_OF_ADDRESS_MAX; i++) {
		comers[i] = come(&s);
		servers[i] = take(&s);
	}
	comers[BK_GATE_OF_ADDRESS_MAX] = come(&s);
	assert_ends(&s, comers[BK_GATE_OF_ADDRESS_MAX]);
	close(servers[0]);
	assert_ends(&s, comers[0]);
	close(comers[0]);
	comers[0] = come(&s); /* now there is room */
	servers[0] = take(&s);
	carry(&s, comers[0], servers[0], 100);
	for (int i = 0; i < BK_GATE_OF_ADDRESS_MAX; i++) {
		close(comers[i]);
		close(servers[i]);
	}
	close(comers[BK_GATE_OF_ADDRESS_MAX]);
	tear_down(&s);
}

static void a_server_that_is_gone_is_an_end(void **state)
{
	struct stage s;
	int comer;

	(void)state;
	set_up(&s);
	close(s.listener);
	comer = come(&s);
	assert_ends(&s, comer);
	close(comer);
	s.listener = dup(0);
	tear_down(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_said_passes_both_ways_however_much_it_is),
		cmocka_unit_test(the_last_words_come_before_the_end),
		cmocka_unit_test(few_pass_of_one_address),
		cmocka_unit_test(a_server_that_is_gone_is_an_end),
	};

	return cmocka_run_group_tests_name("gate", tests, NULL, NULL);
}

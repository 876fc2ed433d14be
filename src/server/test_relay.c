/* SPDX-License-Identifier: Apache-2.0 */
#include "server/test_kit.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/time.h"

enum { CHUNK = 256 * 1024, BULK = 64 * 1024 * 1024 };

struct stage {
	struct kit *kit;
	struct peer a, b;
	uint8_t token[BK_RDV_SECRET_LEN];
};

static void begin(struct stage *s, struct bk_server_opts opts)
{
	s->kit = kit_start(opts, NULL);
	peer_join(&s->a, s->kit, "a");
	peer_join(&s->b, s->kit, "b");
	peers_pair(&s->a, &s->b, s->token);
}

static void finish(struct stage *s)
{
	peer_close(&s->a);
	peer_close(&s->b);
	kit_stop(s->kit);
}

/* A stream that differs at every place: a byte lost, doubled or moved does not go unseen. */
static void fill_pattern(uint64_t *words, size_t n, uint64_t first)
{
	for (size_t i = 0; i < n; i++)
		words[i] = (first + i) * 0x9e3779b97f4a7c15u;
}

struct writer {
	int fd;
	size_t bytes;
};

static void *write_pattern(void *arg)
{
	struct writer *w = arg;
	uint64_t *words = malloc(CHUNK);

	for (size_t done = 0; done < w->bytes; done += CHUNK) {
		struct peer p = {.fd = w->fd};

		fill_pattern(words, CHUNK / 8, done / 8);
		peer_write_raw(&p, words, CHUNK);
	}
	shutdown(w->fd, SHUT_WR);
	free(words);
	return NULL;
}

static size_t read_pattern(int fd)
{
	uint64_t *words = malloc(CHUNK), *expected = malloc(CHUNK);
	size_t total = 0;
	ssize_t n;

	while ((n = recv(fd, words, CHUNK, MSG_WAITALL)) > 0) {
		fill_pattern(expected, CHUNK / 8, total / 8);
		assert_memory_equal(words, expected, (size_t)n);
		total += (size_t)n;
	}
	assert_int_equal(n, 0);
	free(words);
	free(expected);
	return total;
}

static void bulk_passes_both_ways_with_half_closes(void **state)
{
	struct stage s;
	struct peer x, y;
	pthread_t thread[2];
	struct writer w[2];

	(void)state;
	begin(&s, (struct bk_server_opts){0});
	peer_open_leg(&x, s.kit, s.token, 0);
	w[0] = (struct writer){
		x.fd, BULK}; /* starts before the other leg is there, right behind the preface */
	pthread_create(&thread[0], NULL, write_pattern, &w[0]);
	peer_open_leg(&y, s.kit, s.token, 1);
	assert_int_equal(read_pattern(y.fd), BULK);
	w[1] = (struct writer){y.fd, BULK / 4}; /* the other direction goes on after the first has ended */
	pthread_create(&thread[1], NULL, write_pattern, &w[1]);
	assert_int_equal(read_pattern(x.fd), BULK / 4);
	pthread_join(thread[0], NULL);
	pthread_join(thread[1], NULL);
	kit_log_wait("ended after relaying 67108864 bytes one way, 16777216 the other (done)", 2);
	kit_look(s.kit);
	assert_int_equal(kit_counter(s.kit, "relayed_bytes"), BULK + BULK / 4);
	assert_int_equal(kit_counter(s.kit, "relays"), 0);
	peer_close(&x);
	peer_close(&y);
	finish(&s);
}

static void a_token_is_good_for_one_pair_and_one_leg_a_side(void **state)
{
	struct stage s;
	struct peer x, y, z;
	char byte = 'x';

	(void)state;
	begin(&s, (struct bk_server_opts){0});
	peer_open_leg(&x, s.kit, s.token, 0);
	peer_open_leg(&z, s.kit, s.token, 0); /* comes to the same listener, so after x */
	kit_log_wait("relay leg not taken (exists)", 1);
	peer_open_leg(&y, s.kit, s.token, 1);
	peer_write_raw(&y, &byte, 1);
	assert_int_equal(recv(x.fd, &byte, 1, 0), 1);
	peer_close(&z);
	peer_close(&y);
	assert_int_equal(recv(x.fd, &byte, 1, 0), 0);
	peer_close(&x);
	kit_log_wait("(done)", 2);
	peer_open_leg(&x, s.kit, s.token, 0);
	kit_log_wait("relay leg not taken (not-found)", 1);
	peer_close(&x);
	finish(&s);
}

static void a_side_has_a_token_of_its_own(void **state)
{
	struct stage s;
	struct peer x, y, z;
	char byte = 'x';

	(void)state;
	begin(&s, (struct bk_server_opts){0});
	assert_memory_not_equal(s.a.leg_token, s.token, BK_RDV_SECRET_LEN);
	assert_memory_not_equal(s.a.leg_token, s.b.leg_token, BK_RDV_SECRET_LEN);
	peer_open_leg(&x, s.kit, s.a.leg_token, 0);
	peer_open_leg(&z, s.kit, s.a.leg_token, 1); /* somebody read it on the way */
	kit_log_wait("relay leg not taken (not-found)", 1);
	peer_close(&z);
	peer_open_leg(&y, s.kit, s.b.leg_token, 1);
	peer_write_raw(&y, &byte, 1);
	assert_int_equal(recv(x.fd, &byte, 1, 0), 1);
	peer_close(&x);
	peer_close(&y);
	finish(&s);
}

static void a_dead_leg_is_replaced(void **state)
{
	struct stage s;
	struct peer x, y;
	char byte = 'x';

	(void)state;
	begin(&s, (struct bk_server_opts){0});
	peer_open_leg(&x, s.kit, s.token, 0);
	peer_close(&x);
	peer_open_leg(&x, s.kit, s.token, 0);
	kit_log_wait("(eof)", 1);
	peer_open_leg(&y, s.kit, s.token, 1);
	peer_write_raw(&y, &byte, 1);
	assert_int_equal(recv(x.fd, &byte, 1, 0), 1);
	peer_close(&x);
	peer_close(&y);
	finish(&s);
}

static void a_leg_alone_is_closed_after_a_while(void **state)
{
	struct stage s;
	struct peer x;
	char byte;

	(void)state;
	begin(&s, (struct bk_server_opts){.relay_wait_ns = 50 * BK_MS});
	peer_open_leg(&x, s.kit, s.token, 0);
	assert_true(recv(x.fd, &byte, 1, 0) <= 0);
	peer_close(&x);
	finish(&s);
}

static void an_idle_pair_is_closed(void **state)
{
	struct stage s;
	struct peer x, y;
	char byte;

	(void)state;
	begin(&s, (struct bk_server_opts){.relay_idle_ns = 50 * BK_MS});
	peer_open_leg(&x, s.kit, s.token, 0);
	peer_open_leg(&y, s.kit, s.token, 1);
	assert_true(recv(x.fd, &byte, 1, 0) < 0);
	assert_true(recv(y.fd, &byte, 1, 0) < 0);
	kit_log_wait("silent for too long after relaying 0 bytes one way, 0 the other (idle)", 2);
	peer_close(&x);
	peer_close(&y);
	finish(&s);
}

static void a_reset_of_one_leg_reaches_the_other_as_a_reset(void **state)
{
	struct linger hard = {.l_onoff = 1};
	struct stage s;
	struct peer x, y;
	char byte = 'x';

	(void)state;
	begin(&s, (struct bk_server_opts){0});
	peer_open_leg(&x, s.kit, s.token, 0);
	peer_open_leg(&y, s.kit, s.token, 1);
	peer_write_raw(&x, &byte, 1);
	assert_int_equal(recv(y.fd, &byte, 1, 0), 1);
	setsockopt(x.fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	peer_close(&x);
	assert_true(recv(y.fd, &byte, 1, 0) < 0);
	kit_log_wait("(reset)", 2);
	peer_close(&y);
	finish(&s);
}

static void a_reader_that_stops_holds_the_writer_back(void **state)
{
	struct stage s;
	struct peer x, y;
	size_t taken = 0;
	char *data = calloc(1, CHUNK);
	struct pollfd fd;

	(void)state;
	begin(&s, (struct bk_server_opts){0});
	peer_open_leg(&x, s.kit, s.token, 0);
	peer_open_leg(&y, s.kit, s.token, 1);
	fd = (struct pollfd){.fd = x.fd, .events = POLLOUT};
	while (poll(&fd, 1, 500) == 1) {
		ssize_t n = send(x.fd, data, CHUNK, MSG_DONTWAIT | MSG_NOSIGNAL);

		taken += n > 0 ? (size_t)n : 0;
		assert_true(taken < 256u * 1024 * 1024);
	}
	kit_look(s.kit);
	assert_int_equal(kit_counter(s.kit, "relays"), 1);
	peer_close(&y);
	peer_close(&x);
	free(data);
	finish(&s);
}

static void no_more_pairs_than_allowed(void **state)
{
	struct stage s;
	struct peer x, y, z;
	uint8_t token[BK_RDV_SECRET_LEN];
	char byte = 'x';

	(void)state;
	begin(&s, (struct bk_server_opts){.relays_max = 1});
	peers_pair(&s.a, &s.b, token);
	peer_open_leg(&x, s.kit, s.token, 0);
	peer_open_leg(&y, s.kit, s.token, 1);
	peer_write_raw(&y, &byte, 1);
	assert_int_equal(recv(x.fd, &byte, 1, 0), 1);
	peer_open_leg(&z, s.kit, token, 0);
	peer_close(&z);
	peer_open_leg(&z, s.kit, token, 1);
	kit_log_wait("a limit is reached (full)", 2);
	peer_close(&x);
	peer_close(&y);
	peer_close(&z);
	finish(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bulk_passes_both_ways_with_half_closes),
		cmocka_unit_test(a_token_is_good_for_one_pair_and_one_leg_a_side),
		cmocka_unit_test(a_side_has_a_token_of_its_own),
		cmocka_unit_test(a_dead_leg_is_replaced),
		cmocka_unit_test(a_leg_alone_is_closed_after_a_while),
		cmocka_unit_test(an_idle_pair_is_closed),
		cmocka_unit_test(a_reset_of_one_leg_reaches_the_other_as_a_reset),
		cmocka_unit_test(a_reader_that_stops_holds_the_writer_back),
		cmocka_unit_test(no_more_pairs_than_allowed),
	};

	return cmocka_run_group_tests_name("relay", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Many datagrams as one piece, out and in, with and without the kernel's help. */
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "net/sock.h"
#include "net/test_kit.h"
#include "net/udp.h"

enum { SEGMENT = 1200, SEGMENTS = 5, REST = 300, TOTAL = SEGMENTS * SEGMENT + REST };

struct two {
	int fds[2];
	struct bk_addr at[2];
	uint8_t out[TOTAL];
	struct bk_udp_batch *in;
};

static void set_up(struct two *t)
{
	struct bk_addr any = kit_loopback(0);

	for (int i = 0; i < 2; i++) {
		assert_int_equal(bk_udp_open(&any, false, &t->fds[i]), 0);
		assert_int_equal(bk_sock_local(t->fds[i], &t->at[i]), 0);
		bk_udp_tune_stream(t->fds[i], 4);
	}
	assert_int_equal(bk_udp_batch_new(BK_UDP_PIECES, BK_UDP_PIECE_MAX, &t->in), 0);
	for (size_t i = 0; i < TOTAL; i++)
		t->out[i] = (uint8_t)(i / SEGMENT + i);
}

static void tear_down(struct two *t)
{
	close(t->fds[0]);
	close(t->fds[1]);
	bk_udp_batch_free(t->in);
}

/* However they were gathered, in order and whole. */
static void expect_all(struct two *t, size_t total)
{
	size_t got = 0;

	while (got < total) {
		int n = bk_udp_batch_receive(t->in, t->fds[1]);

		assert_true(n > 0);
		for (int i = 0; i < n; i++) {
			const struct bk_udp_packet *p = bk_udp_batch_at(t->in, (size_t)i);

			assert_true(bk_addr_equal(&p->peer, &t->at[0]));
			assert_int_equal(p->segment, p->len < SEGMENT ? p->len : SEGMENT);
			assert_memory_equal(p->data, t->out + got, p->len);
			got += p->len;
		}
	}
	assert_int_equal(got, total);
}

static void a_piece_is_cut_into_datagrams_of_one_size_and_a_rest(void **state)
{
	bool is_uncut = false;
	struct two t;

	(void)state;
	set_up(&t);
	assert_int_equal(bk_udp_send_piece(t.fds[0], &t.at[1], t.out, TOTAL, SEGMENT, &is_uncut), 0);
	expect_all(&t, TOTAL);
	tear_down(&t);
}

static void where_the_kernel_does_not_cut_they_go_one_by_one(void **state)
{
	bool is_uncut = true;
	struct two t;

	(void)state;
	set_up(&t);
	assert_int_equal(bk_udp_send_piece(t.fds[0], &t.at[1], t.out, TOTAL, SEGMENT, &is_uncut), 0);
	assert_true(is_uncut);
	expect_all(&t, TOTAL);
	tear_down(&t);
}

static void one_datagram_is_its_own_segment(void **state)
{
	bool is_uncut = false;
	struct two t;

	(void)state;
	set_up(&t);
	assert_int_equal(bk_udp_send_piece(t.fds[0], &t.at[1], t.out, REST, 0, &is_uncut), 0);
	expect_all(&t, REST);
	assert_int_equal(bk_udp_send_piece(t.fds[0], &t.at[1], t.out, REST, SEGMENT, &is_uncut), 0);
	expect_all(&t, REST);
	assert_false(is_uncut);
	tear_down(&t);
}

static void several_pieces_come_in_one_call(void **state)
{
	bool is_uncut = false;
	struct two t;

	(void)state;
	set_up(&t);
	for (int i = 0; i < 3; i++)
		assert_int_equal(bk_udp_send_piece(t.fds[0], &t.at[1], t.out, TOTAL, SEGMENT, &is_uncut), 0);
	assert_in_range(bk_udp_batch_receive(t.in, t.fds[1]), 3, BK_UDP_PIECES);
	tear_down(&t);
}

static void nothing_there_and_too_large_have_their_names(void **state)
{
	static uint8_t large[70000];
	bool is_uncut = false;
	struct two t;

	(void)state;
	set_up(&t);
	assert_int_equal(bk_udp_batch_receive(t.in, t.fds[1]), BK_E_AGAIN);
	assert_int_equal(
		bk_udp_send_piece(t.fds[0], &t.at[1], large, sizeof(large), 0, &is_uncut), BK_E_TOO_BIG);
	tear_down(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_piece_is_cut_into_datagrams_of_one_size_and_a_rest),
		cmocka_unit_test(where_the_kernel_does_not_cut_they_go_one_by_one),
		cmocka_unit_test(one_datagram_is_its_own_segment),
		cmocka_unit_test(several_pieces_come_in_one_call),
		cmocka_unit_test(nothing_there_and_too_large_have_their_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

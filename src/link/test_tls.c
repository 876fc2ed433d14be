/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "link/test_tls_pair.h"

/* Two full records of 16 KiB; each costs header, type and tag. */
static void a_short_piece_has_no_record_of_its_own(void **state)
{
	static uint8_t head[12], body[2 * 16384 - sizeof(head)];
	const struct iovec pieces[] = {{head, sizeof(head)}, {body, sizeof(body)}};
	struct tls_pair p;
	int unread;

	(void)state;
	pair_init(&p);
	unread = make_deaf(&p);
	(void)drain(unread);
	assert_int_equal(bk_link_write(p.ends[0].link, pieces, 2, false), 0);
	assert_int_equal(drain(unread), 2 * (16384 + 5 + 1 + 16));
	close(unread);
	pair_done(&p);
}

static bool is_own_length(int fd)
{
	int lock = 0;
	socklen_t n = sizeof(lock);

	if (getsockopt(fd, SOL_SOCKET, SO_BUF_LOCK, &lock, &n) < 0)
		skip(); /* such a system keeps its own */
	return lock & 1;
}

/* Loopback is as near as it gets. */
static void on_a_near_path_little_is_on_its_way(void **state)
{
	struct tls_pair p;
	int fd;

	(void)state;
	pair_over_tcp(&p);
	fd = dup(p.fds[0]);
	assert_false(is_own_length(fd));
	make_both(&p);
	assert_true(is_own_length(fd));
	close(fd);
	pair_done(&p);
}

static void two_who_know_each_other_can_talk(void **state)
{
	struct tls_pair p;

	(void)state;
	make_secure(&p);
	assert_int_equal(tls_say(&p.ends[0], "hello", false), 0);
	p.stop_received = 5;
	pair_run(&p);
	assert_int_equal(p.ends[1].received, 5);
	pair_done(&p);
}

static void nothing_is_written_before_it_is_secure(void **state)
{
	struct tls_pair p;

	(void)state;
	pair_init(&p);
	link_up(&p, 1, p.ends[0].identity);
	assert_int_equal(tls_say(&p.ends[1], "secret", true), BK_E_EOF);
	pair_done(&p);
}

static void another_certificate_ends_it_on_both_sides(void **state)
{
	(void)state;
	for (int who = 0; who < 2; who++) {
		struct bk_identity *other;
		struct tls_pair p;

		pair_init(&p);
		assert_int_equal(bk_identity_new(&other), 0);
		link_up(&p, 0, who ? other : p.ends[1].identity);
		link_up(&p, 1, who ? p.ends[0].identity : other);
		p.stop_ends = 2;
		pair_run(&p);
		assert_int_equal(p.ends[!who].error, BK_E_PIN_MISMATCH);
		assert_true(p.ends[who].error < 0);
		assert_int_equal(p.ends[0].datas + p.ends[1].datas, 0);
		bk_identity_free(other);
		pair_done(&p);
	}
}

static void a_peer_that_never_speaks_is_a_timeout(void **state)
{
	(void)state;
	for (int side = 0; side < 2; side++) {
		struct tls_pair p;

		pair_init(&p);
		link_up(&p, side, p.ends[!side].identity);
		p.stop_ends = 1;
		pair_fly(&p, 11 * BK_SEC);
		pair_run(&p);
		assert_int_equal(p.ends[side].error, BK_E_TIMEOUT);
		assert_int_equal(p.ends[side].ends, 1);
		pair_done(&p);
	}
}

static void a_stream_that_just_stops_is_a_peer_that_vanished(void **state)
{
	struct tls_pair p;

	(void)state;
	make_secure(&p);
	bk_link_free(p.ends[0].link);
	p.ends[0].link = NULL;
	p.stop_ends = 1;
	pair_run(&p);
	assert_int_equal(p.ends[1].error, BK_E_PEER_VANISHED);
	assert_int_equal(tls_say(&p.ends[1], "x", false), BK_E_EOF);
	pair_done(&p);
}

static void garbage_after_the_handshake_is_a_tls_error(void **state)
{
	struct tls_pair p;
	int copy;

	(void)state;
	pair_init(&p);
	copy = dup(p.fds[0]);
	link_up(&p, 0, p.ends[1].identity);
	link_up(&p, 1, p.ends[0].identity);
	p.stop_secures = 2;
	pair_run(&p);
	p.stop_secures = 0;
	assert_int_equal(write(copy, "\x17\x03\x03\x00\x20rubbishrubbishrubbishrubbishrubb", 37), 37);
	p.stop_ends = 1;
	pair_run(&p);
	assert_int_equal(p.ends[1].error, BK_E_TLS);
	assert_int_equal(p.ends[1].datas, 0);
	close(copy);
	pair_done(&p);
}

static void closing_sends_what_is_queued_first(void **state)
{
	struct tls_pair p;

	(void)state;
	make_secure(&p);
	p.ends[0].to_send = 1000 * 1000;
	send_more(&p.ends[0]);
	p.ends[0].to_send = 0;
	bk_link_close(p.ends[0].link);
	bk_link_close(p.ends[0].link);
	assert_int_equal(tls_say(&p.ends[0], "x", true), BK_E_EOF);
	p.stop_ends = 1;
	pair_run(&p);
	assert_int_equal(p.ends[1].error, BK_E_EOF);
	assert_true(p.ends[1].received >= PIECE);
	assert_int_equal(p.ends[1].received % PIECE, 0);
	pair_done(&p);
}

static void closing_is_bounded_when_the_peer_takes_nothing(void **state)
{
	struct tls_pair p;
	int unread;

	(void)state;
	pair_init(&p);
	unread = make_deaf(&p);
	p.ends[0].to_send = BULK;
	send_more(&p.ends[0]);
	bk_link_close(p.ends[0].link);
	p.stop_ends = 1;
	pair_fly(&p, 3 * BK_SEC);
	pair_run(&p);
	assert_int_equal(p.ends[0].ends, 1);
	assert_int_equal(p.ends[0].error, BK_E_EOF);
	close(unread);
	pair_done(&p);
}

static void bulk_flows_under_a_bounded_queue(void **state)
{
	struct tls_pair p;

	(void)state;
	make_secure(&p);
	p.ends[0].to_send = BULK;
	send_more(&p.ends[0]);
	assert_true(p.ends[0].to_send > 0);
	assert_true(BULK - p.ends[0].to_send < 1 << 20);
	p.stop_received = BULK;
	pair_run(&p);
	assert_int_equal(p.ends[1].received, BULK);
	assert_true(p.ends[0].writables > 0);
	pair_done(&p);
}

static void let_go(struct kept *k)
{
	for (size_t i = 0; i < k->len; i++)
		if (k->data[i] != shade(k->at + i))
			fail_msg("byte %zu of %zu has changed", i, k->len);
	bk_loan_unref(k->loan);
}

static void what_is_kept_of_the_data_stays_as_it_came_while_more_comes(void **state)
{
	struct tls_pair p;
	struct tls_end *e = &p.ends[1];

	(void)state;
	make_secure(&p);
	e->is_keeping = true;
	p.ends[0].to_send = BULK;
	send_more(&p.ends[0]);
	p.stop_received = BULK;
	pair_run(&p);
	assert_int_equal(e->received, BULK);
	assert_in_range(e->kept_len, 10, KEPT_MAX);
	for (size_t i = 1; i < e->kept_len; i++)
		let_go(&e->kept[i]);
	pair_done(&p);
	let_go(&e->kept[0]); /* and longer than the link */
}

/* A writer was told "not now"; before it hears more, a control message empties the queue on its way. */
static void who_was_told_not_now_is_told_again_whatever_comes_between(void **state)
{
	struct tls_pair p;
	int reader;

	(void)state;
	pair_init(&p);
	reader = make_deaf(&p);
	p.ends[0].to_send = BULK;
	send_more(&p.ends[0]);
	p.ends[0].to_send = 0;
	while (drain(reader) > 1000) /* else the control message alone was queued */
		assert_int_equal(tls_say(&p.ends[0], "control", true), 0);
	assert_int_equal(p.ends[0].writables, 0);
	p.ends[0].freeing = IN_WRITABLE; /* which stops the loop */
	pair_run(&p);
	assert_int_equal(p.ends[0].writables, 1);
	close(reader);
	pair_done(&p);
}

static void a_peer_that_does_not_read_is_not_a_dead_path(void **state)
{
	struct tls_pair p;
	int reader;

	(void)state;
	pair_over_tcp(&p);
	reader = make_deaf(&p);
	p.ends[0].to_send = BULK;
	send_more(&p.ends[0]);
	p.stop_ends = 1;
	p.stop_after = bk_loop_now(p.loop) + 20 * BK_SEC;
	pair_fly(&p, 21 * BK_SEC);
	pair_run(&p);
	assert_int_equal(p.ends[0].ends, 0);
	p.stop_after = 0;
	assert_true(drain(reader) > 0);
	p.ends[0].freeing = IN_WRITABLE; /* which stops the loop */
	pair_run(&p);
	assert_int_equal(p.ends[0].ends, 0);
	close(reader);
	pair_done(&p);
}

static void a_write_above_the_limit_is_refused(void **state)
{
	uint8_t *big = calloc(1, BK_LINK_WRITE_MAX + 1);
	struct tls_pair p;

	(void)state;
	assert_non_null(big);
	make_secure(&p);
	assert_int_equal(bk_link_write(p.ends[0].link, &(struct iovec){big, BK_LINK_WRITE_MAX + 1}, 1, false),
		BK_E_TOO_BIG);
	assert_int_equal(bk_link_write(p.ends[0].link, &(struct iovec){big, BK_LINK_WRITE_MAX}, 1, false), 0);
	p.stop_received = BK_LINK_WRITE_MAX;
	pair_run(&p);
	free(big);
	pair_done(&p);
}

static void urgent_messages_without_end_end_the_link_and_not_the_memory(void **state)
{
	static uint8_t control[4096];
	struct tls_pair p;
	int err = 0, taken = 0;

	(void)state;
	make_secure(&p);
	while (!err && taken++ < 100000)
		err = bk_link_write(p.ends[0].link, &(struct iovec){control, sizeof(control)}, 1, true);
	assert_int_equal(err, BK_E_FULL);
	assert_true((size_t)taken * sizeof(control) < 4 << 20);
	p.stop_ends = 1;
	pair_run(&p);
	assert_int_equal(p.ends[0].error, BK_E_FULL);
	pair_done(&p);
}

static void the_link_may_be_freed_in_each_callback(void **state)
{
	(void)state;
	for (enum freeing f = IN_SECURE; f <= IN_END; f++) {
		struct tls_pair p;

		pair_init(&p);
		p.ends[0].freeing = f;
		link_up(&p, 0, p.ends[1].identity);
		link_up(&p, 1, p.ends[0].identity);
		if (f != IN_SECURE) {
			p.stop_secures = 2;
			pair_run(&p);
			p.stop_secures = 0;
		}
		if (f == IN_DATA) {
			assert_int_equal(tls_say(&p.ends[1], "one", false), 0);
			assert_int_equal(tls_say(&p.ends[1], "two", false), 0);
		} else if (f == IN_WRITABLE) {
			p.ends[0].to_send = BULK;
			send_more(&p.ends[0]);
			p.ends[0].to_send = 0;
		} else if (f == IN_END) {
			bk_link_close(p.ends[1].link);
		}
		while (p.ends[0].link)
			pair_run(&p);
		pair_done(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_who_know_each_other_can_talk),
		cmocka_unit_test(a_short_piece_has_no_record_of_its_own),
		cmocka_unit_test(on_a_near_path_little_is_on_its_way),
		cmocka_unit_test(nothing_is_written_before_it_is_secure),
		cmocka_unit_test(another_certificate_ends_it_on_both_sides),
		cmocka_unit_test(a_peer_that_never_speaks_is_a_timeout),
		cmocka_unit_test(a_stream_that_just_stops_is_a_peer_that_vanished),
		cmocka_unit_test(garbage_after_the_handshake_is_a_tls_error),
		cmocka_unit_test(closing_sends_what_is_queued_first),
		cmocka_unit_test(closing_is_bounded_when_the_peer_takes_nothing),
		cmocka_unit_test(bulk_flows_under_a_bounded_queue),
		cmocka_unit_test(what_is_kept_of_the_data_stays_as_it_came_while_more_comes),
		cmocka_unit_test(who_was_told_not_now_is_told_again_whatever_comes_between),
		cmocka_unit_test(a_peer_that_does_not_read_is_not_a_dead_path),
		cmocka_unit_test(a_write_above_the_limit_is_refused),
		cmocka_unit_test(urgent_messages_without_end_end_the_link_and_not_the_memory),
		cmocka_unit_test(the_link_may_be_freed_in_each_callback),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */

/* Pause, credit and what is kept. */
#include "stream/test_pair.h"

enum { MIB = 1 << 20, WINDOW = BK_INBOX_WINDOW, STREAMS = BK_CHANNELS_MAX };

static uint8_t big[BK_SFRAME_PAYLOAD_MAX];

static int say_big(struct end *to, uint32_t channel, uint32_t n)
{
	const struct bk_sframe f = {.type = BK_SFRAME_DATA, .channel = channel, .length = n};
	uint8_t head[BK_SFRAME_HEADER_LEN];
	int err;

	bk_sframe_encode(&f, head);
	err = hear(to, head, sizeof(head));
	return err < 0 ? err : hear(to, big, n);
}

static int say_window(struct end *to, uint32_t channel, uint32_t credit)
{
	const uint8_t payload[] = {
		(uint8_t)(credit >> 24), (uint8_t)(credit >> 16), (uint8_t)(credit >> 8), (uint8_t)credit};

	return say(to, BK_SFRAME_WINDOW, channel, payload, sizeof(payload));
}

/* All the credit that `e` gave on the channel since the last time; other frames are dropped. */
static uint64_t take_credit(struct end *e, uint32_t channel, int *ret_frames)
{
	struct bk_sframe f;
	uint64_t sum = 0;
	uint8_t p[4097];

	*ret_frames = 0;
	while (take_frame(e, &f, (char *)p) >= 0) {
		if (f.type != BK_SFRAME_WINDOW || f.channel != channel)
			continue;
		++*ret_frames;
		sum += (uint64_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
	}
	return sum;
}

/* --- pause --- */

/* A header alone, and then n bytes that stand in what is lent. */
static int say_lent(struct end *to, struct bk_loan *loan, uint32_t n)
{
	const struct bk_sframe f = {.type = BK_SFRAME_DATA, .channel = 1, .length = n};
	uint8_t head[BK_SFRAME_HEADER_LEN];
	struct bk_loan *before;
	int err;

	bk_sframe_encode(&f, head);
	err = hear(to, head, sizeof(head));
	before = bk_loan_begin(loan);
	err = err < 0 ? err : hear(to, loan->bytes, n);
	bk_loan_end(before);
	return err;
}

static void what_stands_in_lent_memory_is_kept_there_unless_it_is_little(void **state)
{
	struct pair *p = pair_new();
	struct bk_loan *much = bk_loan_new(1000), *little = bk_loan_new(1000);

	(void)state;
	open_one(p);
	memset(much->bytes, 'm', 1000);
	memset(little->bytes, 'l', 1000);
	bk_channel_pause(p->ub.channel);
	assert_int_equal(say_lent(&p->b, little, 100), 0);
	assert_int_equal(say_lent(&p->b, much, 900), 0);
	assert_int_equal(say_lent(&p->b, little, 100), 0);
	assert_true(bk_loan_is_shared(much));
	assert_false(bk_loan_is_shared(little));
	memset(little->bytes, 'x', 1000);
	bk_channel_resume(p->ub.channel);
	settle(p->loop);
	assert_int_equal(p->ub.heard_len, 1100);
	for (size_t i = 0; i < 1100; i++)
		assert_int_equal(p->ub.heard[i], i >= 100 && i < 1000 ? 'm' : 'l');
	assert_false(bk_loan_is_shared(much));
	bk_channel_pause(p->ub.channel);
	assert_int_equal(say_lent(&p->b, much, 1000), 0);
	pair_free(p);
	assert_false(bk_loan_is_shared(much));
	bk_loan_unref(much);
	bk_loan_unref(little);
}

static void what_is_kept_pins_about_twice_its_memory_at_most(void **state)
{
	enum { SIZE = 128 * 1024, PART = SIZE / 4, LOANS = WINDOW / PART };
	struct pair *p = pair_new();
	struct bk_loan *loans[LOANS];
	size_t pinned = 0;

	(void)state;
	open_one(p);
	bk_channel_pause(p->ub.channel);
	for (size_t i = 0; i < LOANS; i++) {
		loans[i] = bk_loan_new(SIZE);
		memset(loans[i]->bytes, (int)i, SIZE);
		assert_int_equal(say_lent(&p->b, loans[i], PART), 0);
		pinned += bk_loan_is_shared(loans[i]) ? SIZE : 0;
	}
	assert_in_range(pinned, 1, BK_INBOX_PINNED * WINDOW + BK_INBOX_SLACK);
	bk_channel_resume(p->ub.channel);
	settle(p->loop);
	assert_int_equal(p->ub.heard_len, WINDOW);
	for (size_t i = 0; i < WINDOW; i += PART / 2)
		assert_int_equal((uint8_t)p->ub.heard[i], i / PART);
	for (size_t i = 0; i < LOANS; i++) {
		assert_false(bk_loan_is_shared(loans[i]));
		bk_loan_unref(loans[i]);
	}
	pair_free(p);
}

static void a_paused_channel_stops_no_other(void **state)
{
	struct pair *p = pair_new();
	struct user other = {.end = &p->b};

	(void)state;
	open_one(p);
	p->b.next_user = &other;
	assert_int_equal(say(&p->b, BK_SFRAME_OPEN, 77, "y/1", 3), 0);
	bk_channel_pause(p->ub.channel);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(say(&p->b, BK_SFRAME_DATA, 1, "paused", 6), 0);
		assert_int_equal(say(&p->b, BK_SFRAME_DATA, 77, "flows", 5), 0);
	}
	assert_int_equal(p->ub.datas, 0);
	assert_int_equal(other.heard_len, 500);
	bk_channel_resume(p->ub.channel);
	assert_int_equal(p->ub.datas, 0); /* not from inside the call */
	settle(p->loop);
	assert_int_equal(p->ub.heard_len, 600);
	assert_memory_equal(p->ub.heard, "pausedpaused", 12);
	free(other.heard);
	pair_free(p);
}

static void a_pause_inside_on_data_keeps_the_rest_of_that_input(void **state)
{
	static const char text[] = "one two three four";
	struct pair *p = pair_new();
	size_t heard = 0;

	(void)state;
	open_one(p);
	p->ub.pause_on_data = true;
	for (size_t i = 0; i < sizeof(text); i++)
		assert_int_equal(bk_channel_write(p->ua.channel, text + i, 1), 0);
	assert_int_equal(carry(&p->a, &p->b, SIZE_MAX), 0);
	assert_int_equal(p->ub.heard_len, 1);
	for (int i = 0; i < 3; i++) {
		heard = p->ub.heard_len;
		bk_channel_resume(p->ub.channel);
		settle(p->loop);
	}
	assert_int_equal(heard, sizeof(text)); /* what is kept comes in larger pieces */
	assert_string_equal((char *)p->ub.heard, text);
	pair_free(p);
}

static void bytes_that_come_while_kept_ones_wait_stay_behind_them(void **state)
{
	struct pair *p = pair_new();

	(void)state;
	open_one(p);
	bk_channel_pause(p->ub.channel);
	assert_int_equal(say(&p->b, BK_SFRAME_DATA, 1, "first ", 6), 0);
	bk_channel_resume(p->ub.channel);
	assert_int_equal(say(&p->b, BK_SFRAME_DATA, 1, "second", 6), 0);
	assert_int_equal(p->ub.datas, 0);
	settle(p->loop);
	assert_memory_equal(p->ub.heard, "first second", 12);
	assert_int_equal(say(&p->b, BK_SFRAME_DATA, 1, "third", 5), 0);
	assert_int_equal(p->ub.heard_len, 17);
	pair_free(p);
}

static void fin_waits_behind_kept_bytes_and_behind_a_pause(void **state)
{
	(void)state;
	for (int bytes = 0; bytes < 2; bytes++) {
		struct pair *p = pair_new();

		open_one(p);
		bk_channel_pause(p->ub.channel);
		if (bytes)
			assert_int_equal(say(&p->b, BK_SFRAME_DATA, 1, "x", 1), 0);
		assert_int_equal(say(&p->b, BK_SFRAME_FIN, 1, NULL, 0), 0);
		settle(p->loop);
		assert_int_equal(p->ub.finishes, 0);
		bk_channel_resume(p->ub.channel);
		settle(p->loop);
		assert_int_equal(p->ub.heard_len, bytes);
		assert_int_equal(p->ub.finishes, 1);
		pair_free(p);
	}
}

static void a_reset_drops_what_is_kept(void **state)
{
	struct pair *p = pair_new();

	(void)state;
	open_one(p);
	bk_channel_pause(p->ub.channel);
	assert_int_equal(say(&p->b, BK_SFRAME_DATA, 1, "x", 1), 0);
	assert_int_equal(say(&p->b, BK_SFRAME_FIN, 1, NULL, 0), 0);
	assert_int_equal(say(&p->b, BK_SFRAME_RESET, 1, "io", 2), 0);
	assert_int_equal(p->ub.reset_error, BK_E_IO);
	bk_channel_resume(p->ub.channel);
	settle(p->loop);
	assert_int_equal(p->ub.datas + p->ub.finishes, 0);
	pair_free(p);
}

static void a_good_bye_waits_for_kept_bytes_and_a_bad_one_does_not(void **state)
{
	(void)state;
	for (int way = 0; way < 3; way++) {
		struct pair *p = pair_new();
		bool bad = way == 2;

		open_one(p);
		bk_channel_pause(p->ub.channel);
		assert_int_equal(say(&p->b, BK_SFRAME_DATA, 1, "x", 1), 0);
		assert_int_equal(say(&p->b, BK_SFRAME_BYE, 0, "io", bad ? 2 : 0), 0);
		settle(p->loop);
		assert_int_equal(p->b.byes, bad);
		assert_int_equal(bk_mux_owes_bye(p->b.mux), !bad);
		if (way == 0)
			bk_channel_resume(p->ub.channel);
		else
			free_channel(&p->ub.channel);
		assert_int_equal(p->b.byes, bad);
		settle(p->loop);
		assert_int_equal(p->ub.heard_len, way == 0);
		assert_int_equal(p->b.byes, 1);
		assert_int_equal(p->b.bye_error, bad ? BK_E_IO : 0);
		pair_free(p);
	}
}

static void the_channel_and_the_mux_may_be_freed_while_kept_bytes_are_read(void **state)
{
	(void)state;
	for (int which = 0; which < 3; which++) {
		struct pair *p = pair_new();
		struct user other = {.end = &p->b};

		open_one(p);
		p->b.next_user = &other;
		assert_int_equal(say(&p->b, BK_SFRAME_OPEN, 77, "y/1", 3), 0);
		bk_channel_pause(p->ub.channel);
		bk_channel_pause(other.channel);
		assert_int_equal(say_big(&p->b, 1, 100000), 0);
		assert_int_equal(say_big(&p->b, 77, 100000), 0);
		p->ub.free_on_data = which == 0 ? &p->ub.channel : which == 1 ? &other.channel : NULL;
		p->ub.free_mux_on_data = which == 2;
		bk_channel_resume(p->ub.channel);
		bk_channel_resume(other.channel);
		settle(p->loop);
		assert_int_equal(p->ub.heard_len, which == 1 ? 100000 : BK_INBOX_CHUNK);
		assert_int_equal(other.heard_len, which == 0 ? 100000 : 0);
		free(other.heard);
		pair_free(p);
	}
}

static void a_pause_between_kept_pieces_holds(void **state)
{
	struct pair *p = pair_new();

	(void)state;
	open_one(p);
	bk_channel_pause(p->ub.channel);
	assert_int_equal(say_big(&p->b, 1, 3 * BK_INBOX_CHUNK), 0);
	p->ub.pause_on_data = true;
	for (size_t i = 1; i <= 3; i++) {
		bk_channel_resume(p->ub.channel);
		settle(p->loop);
		assert_int_equal(p->ub.heard_len, i * BK_INBOX_CHUNK);
	}
	pair_free(p);
}

/* --- credit --- */

static void a_write_beyond_the_credit_waits_for_the_window(void **state)
{
	struct pair *p = pair_new();
	struct bk_channel *c = open_one(p);

	(void)state;
	p->a.link.high = SIZE_MAX;
	bk_channel_pause(p->ub.channel);
	assert_int_equal(bk_channel_write(c, big, MIB), 0);
	assert_int_equal(bk_channel_write(c, big, MIB), 0);
	assert_int_equal(bk_channel_write(c, big, 100), BK_E_AGAIN);
	assert_int_equal(bk_channel_write(c, big, 0), 0);
	assert_int_equal(carry(&p->a, &p->b, 16384), 0);
	bk_mux_writable(p->a.mux);
	assert_int_equal(p->ua.writables, 0); /* the link had room all the time */
	assert_int_equal(say_window(&p->a, 1, 99), 0);
	assert_int_equal(p->ua.writables, 0); /* not enough for what was tried */
	bk_channel_resume(p->ub.channel);
	settle(p->loop);
	assert_int_equal(p->ub.heard_len, 2 * MIB);
	assert_int_equal(carry(&p->b, &p->a, SIZE_MAX), 0);
	assert_int_equal(p->ua.writables, 1);
	assert_int_equal(bk_channel_write(c, big, MIB), 0);
	bk_channel_finish(c); /* needs none */
	assert_int_equal(carry(&p->a, &p->b, SIZE_MAX), 0);
	assert_int_equal(p->ub.finishes, 1);
	pair_free(p);
}

static void credit_that_comes_while_the_link_is_full_waits_for_the_link(void **state)
{
	struct pair *p = pair_new();
	struct user other = {.end = &p->a};
	struct bk_channel *c = open_one(p);

	(void)state;
	assert_int_equal(bk_mux_open(p->a.mux, "y/1", &channel_events, &other, &other.channel), 0);
	p->a.link.high = SIZE_MAX;
	for (int i = 0; i < 2; i++)
		assert_int_equal(bk_channel_write(c, big, MIB), 0);
	assert_int_equal(bk_channel_write(c, big, 1), BK_E_AGAIN);
	p->a.link.high = 1;
	assert_int_equal(bk_channel_write(other.channel, big, 1), BK_E_AGAIN);
	assert_int_equal(say_window(&p->a, 1, 1), 0);
	assert_int_equal(p->ua.writables, 0);
	p->a.link.high = SIZE_MAX;
	bk_mux_writable(p->a.mux);
	assert_int_equal(p->ua.writables, 1);
	assert_int_equal(other.writables, 1);
	pair_free(p);
}

static void credit_comes_in_batches_and_lets_the_longest_write_through(void **state)
{
	struct pair *p = pair_new();
	uint64_t limit = WINDOW, sent = 0, credit;
	int frames, total = 0;

	(void)state;
	open_one(p);
	for (int i = 0; i < 700; i++) {
		uint32_t n = i % 7 == 0 ? MIB : 777;

		assert_true(limit - sent >= n); /* all was read: a write never waits for a frame */
		assert_int_equal(say_big(&p->b, 1, n), 0);
		p->ub.heard_len = 0;
		sent += n;
		credit = take_credit(&p->b, 1, &frames);
		limit += credit;
		total += frames;
	}
	assert_in_range(total, 3, sent / BK_INBOX_BATCH);
	pair_free(p);
}

static void the_window_doubles_for_a_reader_that_keeps_up_and_not_for_others(void **state)
{
	struct pair *p = pair_new();
	uint64_t sent = 0, limit = WINDOW;
	int frames;

	(void)state;
	open_one(p);
	while (sent < 8 * MIB) {
		assert_int_equal(say_big(&p->b, 1, MIB), 0);
		p->ub.heard_len = 0;
		sent += MIB;
		limit += take_credit(&p->b, 1, &frames);
	}
	assert_in_range(limit - sent, BK_INBOX_WINDOW_MAX - BK_INBOX_BATCH, BK_INBOX_WINDOW_MAX);
	pair_free(p);
	p = pair_new();
	open_one(p);
	for (int i = 0; i < 8; i++) {
		bk_channel_pause(p->ub.channel);
		assert_int_equal(say_big(&p->b, 1, MIB), 0);
		bk_channel_resume(p->ub.channel);
		settle(p->loop);
		p->ub.heard_len = 0;
		assert_int_equal(take_credit(&p->b, 1, &frames), MIB);
	}
	pair_free(p);
}

static void grown_windows_share_a_reserve_and_give_it_back(void **state)
{
	enum { SOME = 12 }; /* enough to use it up */
	struct pair *p = pair_new();
	struct user users[SOME] = {0};
	uint64_t all = 0, before = 0;

	(void)state;
	for (int round = 0; round < 2; round++, before = all, all = 0) {
		for (uint32_t i = 0; i < SOME; i++) {
			uint32_t number = 1 + 2 * i + (uint32_t)round * 2 * SOME;
			uint64_t sent = 0, limit = WINDOW;
			int frames;

			p->b.next_user = &users[i];
			assert_int_equal(say(&p->b, BK_SFRAME_OPEN, number, "x/1", 3), 0);
			while (sent < 9 * MIB) {
				assert_int_equal(say_big(&p->b, number, MIB), 0);
				users[i].heard_len = 0;
				sent += MIB;
				limit += take_credit(&p->b, number, &frames);
			}
			all += limit - sent;
		}
		assert_in_range(all, 1, SOME * WINDOW + BK_MUX_SPARE);
		for (int i = 0; i < SOME; i++)
			free_channel(&users[i].channel);
	}
	assert_int_equal(all, 0);
	assert_true(before > (uint64_t)SOME * WINDOW / 2 + BK_MUX_SPARE / 2);
	for (int i = 0; i < SOME; i++)
		free(users[i].heard);
	pair_free(p);
}

/* --- a hostile peer --- */

static void a_byte_beyond_the_credit_ends_it(void **state)
{
	struct pair *p = pair_new();

	(void)state;
	open_one(p);
	bk_channel_pause(p->ub.channel);
	assert_int_equal(say_big(&p->b, 1, MIB), 0);
	assert_int_equal(say_big(&p->b, 1, MIB), 0);
	assert_int_equal(say(&p->b, BK_SFRAME_DATA, 1, "", 0), 0);
	assert_int_equal(say(&p->b, BK_SFRAME_DATA, 1, "x", 1), BK_E_PROTOCOL);
	pair_free(p);
}

static void all_channels_paused_keep_no_more_than_the_ceiling(void **state)
{
	struct pair *p = pair_new();
	struct user users[STREAMS] = {0};

	(void)state;
	for (uint32_t i = 0; i < STREAMS; i++) {
		uint32_t number = 2 * i + 1;

		p->b.next_user = &users[i];
		assert_int_equal(say(&p->b, BK_SFRAME_OPEN, number, "x/1", 3), 0);
		bk_channel_pause(users[i].channel);
		assert_int_equal(say_big(&p->b, number, MIB), 0);
		assert_int_equal(say_big(&p->b, number, MIB), 0);
	}
	assert_int_equal(say_big(&p->b, 1, 1), BK_E_PROTOCOL);
	pair_free(p);
}

static void windows_that_mean_nothing_are_ignored(void **state)
{
	struct pair *p = pair_new();
	uint8_t longer[9] = {0, 0, 0, 1, 9, 9, 9, 9, 9};

	(void)state;
	open_one(p);
	for (uint32_t i = 0; i < 5000; i++) {
		assert_int_equal(say_window(&p->a, 1000 + i, UINT32_MAX), 0);
		assert_int_equal(say_window(&p->a, 1, 0), 0);
	}
	assert_int_equal(say(&p->a, BK_SFRAME_WINDOW, 1, longer, sizeof(longer)), 0);
	assert_int_equal(say(&p->a, BK_SFRAME_RESET, 1, "io", 2), 0);
	assert_int_equal(say_window(&p->a, 1, UINT32_MAX), 0);
	assert_int_equal(p->ua.writables, 0);
	assert_int_equal(p->a.link.out.len, 0);
	pair_free(p);
}

static void a_window_cut_short_or_too_large_ends_it(void **state)
{
	struct pair *p = pair_new();

	(void)state;
	open_one(p);
	assert_int_equal(say(&p->a, BK_SFRAME_WINDOW, 1, "\0\0\1", 3), BK_E_PROTOCOL);
	pair_free(p);
	p = pair_new();
	open_one(p);
	assert_int_equal(say_window(&p->a, 1, BK_MUX_CREDIT_MAX - WINDOW), 0);
	assert_int_equal(say_window(&p->a, 1, 1), BK_E_PROTOCOL);
	pair_free(p);
	p = pair_new();
	open_one(p);
	assert_int_equal(say_window(&p->a, 1, UINT32_MAX), BK_E_PROTOCOL);
	pair_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_paused_channel_stops_no_other),
		cmocka_unit_test(what_stands_in_lent_memory_is_kept_there_unless_it_is_little),
		cmocka_unit_test(what_is_kept_pins_about_twice_its_memory_at_most),
		cmocka_unit_test(a_pause_inside_on_data_keeps_the_rest_of_that_input),
		cmocka_unit_test(bytes_that_come_while_kept_ones_wait_stay_behind_them),
		cmocka_unit_test(fin_waits_behind_kept_bytes_and_behind_a_pause),
		cmocka_unit_test(a_reset_drops_what_is_kept),
		cmocka_unit_test(a_good_bye_waits_for_kept_bytes_and_a_bad_one_does_not),
		cmocka_unit_test(the_channel_and_the_mux_may_be_freed_while_kept_bytes_are_read),
		cmocka_unit_test(a_pause_between_kept_pieces_holds),
		cmocka_unit_test(a_write_beyond_the_credit_waits_for_the_window),
		cmocka_unit_test(credit_that_comes_while_the_link_is_full_waits_for_the_link),
		cmocka_unit_test(credit_comes_in_batches_and_lets_the_longest_write_through),
		cmocka_unit_test(the_window_doubles_for_a_reader_that_keeps_up_and_not_for_others),
		cmocka_unit_test(grown_windows_share_a_reserve_and_give_it_back),
		cmocka_unit_test(a_byte_beyond_the_credit_ends_it),
		cmocka_unit_test(all_channels_paused_keep_no_more_than_the_ceiling),
		cmocka_unit_test(windows_that_mean_nothing_are_ignored),
		cmocka_unit_test(a_window_cut_short_or_too_large_ends_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

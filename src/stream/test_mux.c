/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/test_pair.h"

/* --- what it is for --- */

static void a_channel_carries_bytes_whole_whatever_the_pieces(void **state)
{
	static const size_t steps[] = {1, 5, 12, 13, 100, SIZE_MAX};

	(void)state;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct pair *p = pair_new();

		assert_int_equal(bk_mux_open(p->a.mux, "x/1", &channel_events, &p->ua, &p->ua.channel), 0);
		assert_int_equal(bk_channel_write(p->ua.channel, "hello ", 6), 0);
		assert_int_equal(bk_channel_write(p->ua.channel, "", 0), 0);
		assert_int_equal(bk_channel_write(p->ua.channel, "world", 5), 0);
		bk_channel_finish(p->ua.channel);
		assert_int_equal(bk_channel_write(p->ua.channel, "x", 1), BK_E_EOF);
		assert_int_equal(carry(&p->a, &p->b, steps[i]), 0);
		assert_string_equal(p->b.kind, "x/1");
		assert_int_equal(p->ub.heard_len, 11);
		assert_memory_equal(p->ub.heard, "hello world", 11);
		assert_int_equal(p->ub.finishes, 1);
		assert_int_equal(bk_channel_write(p->ub.channel, "back", 4), 0);
		assert_int_equal(carry(&p->b, &p->a, steps[i]), 0);
		assert_memory_equal(p->ua.heard, "back", 4);
		assert_int_equal(p->ua.resets + p->ub.resets, 0);
		pair_free(p);
	}
}

static void freeing_a_channel_resets_the_other_end(void **state)
{
	struct pair *p = pair_new();

	(void)state;
	bk_channel_free(open_one(p), BK_E_PEER_REFUSED);
	assert_int_equal(carry(&p->a, &p->b, SIZE_MAX), 0);
	assert_int_equal(p->ub.resets, 1);
	assert_int_equal(p->ub.reset_error, BK_E_PEER_REFUSED);
	assert_int_equal(bk_channel_write(p->ub.channel, "x", 1), BK_E_EOF);
	bk_channel_free(p->ub.channel, 0);
	assert_int_equal(p->b.link.out.len, 0);
	pair_free(p);
}

static void a_channel_finished_both_ways_is_freed_without_a_word(void **state)
{
	struct pair *p = pair_new();
	struct bk_channel *c = open_one(p);

	(void)state;
	bk_channel_finish(c);
	bk_channel_finish(p->ub.channel);
	assert_int_equal(carry(&p->a, &p->b, SIZE_MAX), 0);
	assert_int_equal(carry(&p->b, &p->a, SIZE_MAX), 0);
	bk_channel_free(c, 0);
	bk_channel_free(p->ub.channel, 0);
	assert_int_equal(p->a.link.out.len + p->b.link.out.len, 0);
	assert_int_equal(p->ua.resets + p->ub.resets, 0);
	pair_free(p);
}

static void writing_stops_at_the_mark_and_goes_on_when_writable(void **state)
{
	struct pair *p = pair_new();
	struct bk_channel *c = open_one(p);
	uint8_t piece[600] = {0};

	(void)state;
	assert_int_equal(bk_channel_write(c, piece, sizeof(piece)), 0);
	assert_int_equal(bk_channel_write(c, piece, sizeof(piece)), 0);
	assert_int_equal(bk_channel_write(c, piece, sizeof(piece)), BK_E_AGAIN);
	assert_int_equal(p->ua.writables, 0);
	assert_int_equal(carry(&p->a, &p->b, SIZE_MAX), 0);
	bk_mux_writable(p->a.mux);
	assert_int_equal(p->ua.writables, 1);
	bk_mux_writable(p->a.mux);
	assert_int_equal(p->ua.writables, 1);
	assert_int_equal(p->ub.heard_len, 1200);
	pair_free(p);
}

static void channels_that_wait_to_write_get_their_turn(void **state)
{
	struct pair *p = pair_new();
	struct user users[3] = {0};
	uint8_t piece[600] = {0};

	(void)state;
	for (int i = 0; i < 3; i++) {
		users[i].fill_on_writable = true;
		users[i].end = &p->a;
		assert_int_equal(
			bk_mux_open(p->a.mux, "x/1", &channel_events, &users[i], &users[i].channel), 0);
	}
	for (int i = 0; i < 3; i++)
		while (bk_channel_write(users[i].channel, piece, sizeof(piece)) == 0)
			;
	for (int round = 0; round < 9; round++) {
		bk_buf_consume(&p->a.link.out, p->a.link.out.len);
		bk_mux_writable(p->a.mux);
	}
	for (int i = 0; i < 3; i++)
		assert_in_range(users[i].writables, 3, 4);
	pair_free(p);
}

static void a_write_above_the_limit_is_refused(void **state)
{
	struct pair *p = pair_new();
	struct bk_channel *c = open_one(p);
	uint8_t *big = calloc(1, BK_CHANNEL_WRITE_MAX + 1);

	(void)state;
	assert_non_null(big);
	assert_int_equal(bk_channel_write(c, big, BK_CHANNEL_WRITE_MAX + 1), BK_E_TOO_BIG);
	assert_int_equal(bk_channel_write(c, big, BK_CHANNEL_WRITE_MAX), 0);
	p->ub.heard_len = 0;
	assert_int_equal(carry(&p->a, &p->b, 100000), 0);
	assert_int_equal(p->ub.heard_len, BK_CHANNEL_WRITE_MAX);
	free(big);
	pair_free(p);
}

static void the_end_of_the_link_is_told_to_every_channel_once(void **state)
{
	struct pair *p = pair_new();
	struct user users[5] = {0};

	(void)state;
	for (int i = 0; i < 5; i++)
		assert_int_equal(
			bk_mux_open(p->a.mux, "x/1", &channel_events, &users[i], &users[i].channel), 0);
	users[0].free_on_reset = &users[0].channel; /* itself */
	users[1].free_on_reset = &users[2].channel; /* the next one, which then hears nothing */
	users[4].free_on_reset = &users[3].channel; /* one that has heard */
	bk_mux_end(p->a.mux, BK_E_PEER_VANISHED);
	for (int i = 0; i < 5; i++)
		assert_int_equal(users[i].resets, i != 2);
	assert_int_equal(users[1].reset_error, BK_E_PEER_VANISHED);
	bk_mux_end(p->a.mux, BK_E_IO);
	assert_int_equal(users[1].resets, 1);
	assert_int_equal(bk_channel_write(users[1].channel, "x", 1), BK_E_EOF);
	assert_true(bk_mux_open(p->a.mux, "x/1", &channel_events, &users[0], &users[0].channel) < 0);
	pair_free(p);
}

static void bye_carries_its_reason(void **state)
{
	static const int errors[] = {0, BK_E_CANCELLED, BK_E_PEER_REFUSED};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct pair *p = pair_new();

		assert_int_equal(bk_mux_say_bye(p->a.mux, errors[i]), 0);
		assert_int_equal(carry(&p->a, &p->b, 1), 0);
		assert_int_equal(p->b.byes, 1);
		assert_int_equal(p->b.bye_error, errors[i]);
		pair_free(p);
	}
}

/* --- what a hostile peer sends --- */

static void frames_that_mean_nothing_are_skipped(void **state)
{
	struct pair *p = pair_new();
	char junk[1000] = {0};

	(void)state;
	open_one(p);
	assert_int_equal(say(&p->b, 99, 1, junk, sizeof(junk)), 0);
	assert_int_equal(say(&p->b, 0, 1, NULL, 0), 0);
	assert_int_equal(say(&p->b, BK_SFRAME_NOMINATE, 1, junk, 3), 0);
	assert_int_equal(say(&p->b, BK_SFRAME_PONG, 0, junk, 3), 0);
	assert_int_equal(say(&p->b, BK_SFRAME_DATA, 12345, junk, sizeof(junk)), 0);
	assert_int_equal(say(&p->b, BK_SFRAME_FIN, 12345, NULL, 0), 0);
	assert_int_equal(say(&p->b, BK_SFRAME_RESET, 12345, "io", 2), 0);
	assert_int_equal(say(&p->b, BK_SFRAME_DATA, 1, NULL, 0), 0);
	assert_int_equal(p->ub.datas + p->ub.finishes + p->ub.resets, 0);
	assert_int_equal(say(&p->b, BK_SFRAME_DATA, 1, "still here", 10), 0);
	assert_int_equal(p->ub.heard_len, 10);
	pair_free(p);
}

static void an_open_that_breaks_the_rules_ends_it(void **state)
{
	char long_kind[BK_CHANNEL_KIND_MAX + 1];
	const struct {
		uint32_t number;
		const char *kind;
		uint32_t len;
	} rows[] = {
		{2, "x/1", 3},                                           /* our own numbers */
		{0, "x/1", 3},                                           /* no number */
		{1, "x/1", 3},                                           /* in use */
		{3, "", 0},                                              /* no kind */
		{3, "\0x", 2},                                           /* not a text */
		{3, "x\ny", 3}, {3, long_kind, BK_CHANNEL_KIND_MAX + 1}, /* too long */
	};

	(void)state;
	memset(long_kind, 'x', sizeof(long_kind));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct pair *p = pair_new();

		open_one(p);
		assert_int_equal(
			say(&p->b, BK_SFRAME_OPEN, rows[i].number, rows[i].kind, rows[i].len), BK_E_PROTOCOL);
		assert_int_equal(p->b.channels, 1);
		pair_free(p);
	}
}

static void the_longest_kind_is_taken(void **state)
{
	struct pair *p = pair_new();
	char kind[BK_CHANNEL_KIND_MAX + 2];

	(void)state;
	memset(kind, 'x', sizeof(kind));
	kind[BK_CHANNEL_KIND_MAX + 1] = 0;
	assert_int_equal(bk_mux_open(p->a.mux, kind, &channel_events, &p->ua, &p->ua.channel), BK_E_INVALID);
	assert_int_equal(bk_mux_open(p->a.mux, "", &channel_events, &p->ua, &p->ua.channel), BK_E_INVALID);
	kind[BK_CHANNEL_KIND_MAX] = 0;
	assert_int_equal(bk_mux_open(p->a.mux, kind, &channel_events, &p->ua, &p->ua.channel), 0);
	assert_int_equal(carry(&p->a, &p->b, SIZE_MAX), 0);
	assert_string_equal(p->b.kind, kind);
	pair_free(p);
}

static void channels_beyond_the_ceiling_are_reset_and_the_rest_lives(void **state)
{
	struct pair *p = pair_new();
	struct user users[BK_CHANNELS_MAX + 1] = {0};
	struct bk_sframe f;
	char payload[300];

	(void)state;
	for (uint32_t i = 0; i < BK_CHANNELS_MAX; i++) {
		p->b.next_user = &users[i];
		assert_int_equal(say(&p->b, BK_SFRAME_OPEN, 2 * i + 1, "x/1", 3), 0);
	}
	assert_int_equal(p->b.link.out.len, 0);
	assert_int_equal(say(&p->b, BK_SFRAME_OPEN, 2 * BK_CHANNELS_MAX + 1, "x/1", 3), 0);
	assert_int_equal(p->b.channels, BK_CHANNELS_MAX);
	assert_int_equal(take_frame(&p->b, &f, payload), BK_SFRAME_RESET);
	assert_int_equal(f.channel, 2 * BK_CHANNELS_MAX + 1);
	assert_string_equal(payload, "full");
	assert_int_equal(bk_mux_open(p->b.mux, "y/1", &channel_events, &p->ua, &p->ua.channel), BK_E_FULL);
	assert_int_equal(say(&p->b, BK_SFRAME_DATA, 1, "x", 1), 0);
	assert_int_equal(users[0].heard_len, 1);
	free(users[0].heard);
	pair_free(p);
}

static void a_channel_nobody_takes_is_reset(void **state)
{
	struct pair *p = pair_new();

	(void)state;
	p->b.next_user = NULL;
	open_one(p);
	assert_int_equal(carry(&p->b, &p->a, SIZE_MAX), 0);
	assert_int_equal(p->ua.reset_error, BK_E_UNSUPPORTED);
	pair_free(p);
}

static void a_length_above_the_ceiling_ends_it(void **state)
{
	const struct bk_sframe f = {
		.type = BK_SFRAME_DATA, .channel = 1, .length = BK_SFRAME_PAYLOAD_MAX + 1};
	struct pair *p = pair_new();
	uint8_t head[BK_SFRAME_HEADER_LEN];

	(void)state;
	open_one(p);
	bk_sframe_encode(&f, head);
	assert_int_equal(hear(&p->b, head, sizeof(head)), BK_E_TOO_BIG);
	pair_free(p);
}

static void after_fin_and_after_reset_nothing_is_heard(void **state)
{
	struct pair *p = pair_new();

	(void)state;
	open_one(p);
	assert_int_equal(say(&p->b, BK_SFRAME_FIN, 1, NULL, 0), 0);
	assert_int_equal(say(&p->b, BK_SFRAME_FIN, 1, NULL, 0), 0);
	assert_int_equal(say(&p->b, BK_SFRAME_DATA, 1, "late", 4), 0);
	assert_int_equal(p->ub.finishes, 1);
	assert_int_equal(p->ub.datas, 0);
	assert_int_equal(say(&p->b, BK_SFRAME_RESET, 1, "io", 2), 0);
	assert_int_equal(say(&p->b, BK_SFRAME_RESET, 1, "io", 2), 0);
	assert_int_equal(p->ub.resets, 1);
	pair_free(p);
	p = pair_new();
	open_one(p);
	assert_int_equal(say(&p->b, BK_SFRAME_RESET, 1, "io", 2), 0);
	assert_int_equal(say(&p->b, BK_SFRAME_FIN, 1, NULL, 0), 0);
	assert_int_equal(p->ub.finishes, 0);
	pair_free(p);
}

static void a_reset_is_an_error_whatever_it_says(void **state)
{
	static const struct {
		const char *text;
		int error;
	} rows[] = {{"", BK_E_CANCELLED}, {"ok", BK_E_CANCELLED}, {"no-space", BK_E_NO_SPACE},
		{"rubbish", BK_E_INTERNAL}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct pair *p = pair_new();

		open_one(p);
		assert_int_equal(
			say(&p->b, BK_SFRAME_RESET, 1, rows[i].text, (uint32_t)strlen(rows[i].text)), 0);
		assert_int_equal(p->ub.reset_error, rows[i].error);
		pair_free(p);
	}
}

static void bye_twice_is_told_twice_and_ends_nothing_here(void **state)
{
	struct pair *p = pair_new();

	(void)state;
	assert_int_equal(say(&p->b, BK_SFRAME_BYE, 0, NULL, 0), 0);
	assert_int_equal(say(&p->b, BK_SFRAME_BYE, 0, "io", 2), 0);
	assert_int_equal(p->b.byes, 2);
	pair_free(p);
}

/* --- freeing from inside --- */

static void channels_may_be_freed_while_data_is_read(void **state)
{
	(void)state;
	for (int who = 0; who < 2; who++) {
		struct pair *p = pair_new();
		struct user other = {.end = &p->b};

		open_one(p);
		p->b.next_user = &other;
		assert_int_equal(say(&p->b, BK_SFRAME_OPEN, 77, "y/1", 3), 0);
		p->ub.free_on_data = who ? &other.channel : &p->ub.channel;
		assert_int_equal(bk_channel_write(p->ua.channel, "one two three", 13), 0);
		assert_int_equal(carry(&p->a, &p->b, 15), 0); /* the frame comes in several pieces */
		assert_int_equal(p->ub.heard_len, who ? 13 : 3);
		assert_int_equal(say(&p->b, BK_SFRAME_DATA, 77, "x", 1), 0);
		assert_int_equal(other.datas, !who);
		free(other.heard);
		pair_free(p);
	}
}

static void the_mux_may_be_freed_from_each_callback(void **state)
{
	(void)state;
	for (int which = 0; which < 5; which++) {
		struct pair *p = pair_new();

		p->b.free_mux_on_channel = which == 0;
		p->ub.free_mux_on_data = which == 1;
		p->ub.free_mux_on_reset = which >= 2 && which <= 3;
		p->b.free_mux_on_bye = which == 4;
		assert_int_equal(bk_mux_open(p->a.mux, "x/1", &channel_events, &p->ua, &p->ua.channel), 0);
		assert_int_equal(bk_channel_write(p->ua.channel, "data", 4), 0);
		assert_int_equal(bk_channel_write(p->ua.channel, "more", 4), 0);
		if (which == 3) {
			assert_int_equal(carry(&p->a, &p->b, SIZE_MAX), 0);
			bk_mux_end(p->b.mux, BK_E_IO);
		} else {
			bk_channel_free(p->ua.channel, 0);
			assert_int_equal(bk_mux_say_bye(p->a.mux, 0), 0);
			assert_int_equal(carry(&p->a, &p->b, SIZE_MAX), 0);
		}
		assert_null(p->b.mux);
		pair_free(p);
	}
}

static void channels_may_be_freed_while_writers_are_told(void **state)
{
	struct pair *p = pair_new();
	struct user users[3] = {0};
	uint8_t piece[2000] = {0};

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(
			bk_mux_open(p->a.mux, "x/1", &channel_events, &users[i], &users[i].channel), 0);
	for (int i = 0; i < 3; i++)
		bk_channel_write(users[i].channel, piece, sizeof(piece));
	for (int i = 0; i < 3; i++)
		assert_int_equal(bk_channel_write(users[i].channel, piece, 1), BK_E_AGAIN);
	users[0].free_on_writable = &users[1].channel;
	users[2].free_on_writable = &users[2].channel;
	bk_buf_consume(&p->a.link.out, p->a.link.out.len);
	bk_mux_writable(p->a.mux);
	assert_int_equal(users[0].writables, 1);
	assert_int_equal(users[1].writables, 0);
	assert_int_equal(users[2].writables, 1);
	pair_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_channel_carries_bytes_whole_whatever_the_pieces),
		cmocka_unit_test(freeing_a_channel_resets_the_other_end),
		cmocka_unit_test(a_channel_finished_both_ways_is_freed_without_a_word),
		cmocka_unit_test(writing_stops_at_the_mark_and_goes_on_when_writable),
		cmocka_unit_test(channels_that_wait_to_write_get_their_turn),
		cmocka_unit_test(a_write_above_the_limit_is_refused),
		cmocka_unit_test(the_end_of_the_link_is_told_to_every_channel_once),
		cmocka_unit_test(bye_carries_its_reason),
		cmocka_unit_test(frames_that_mean_nothing_are_skipped),
		cmocka_unit_test(an_open_that_breaks_the_rules_ends_it),
		cmocka_unit_test(the_longest_kind_is_taken),
		cmocka_unit_test(channels_beyond_the_ceiling_are_reset_and_the_rest_lives),
		cmocka_unit_test(a_channel_nobody_takes_is_reset),
		cmocka_unit_test(a_length_above_the_ceiling_ends_it),
		cmocka_unit_test(after_fin_and_after_reset_nothing_is_heard),
		cmocka_unit_test(a_reset_is_an_error_whatever_it_says),
		cmocka_unit_test(bye_twice_is_told_twice_and_ends_nothing_here),
		cmocka_unit_test(channels_may_be_freed_while_data_is_read),
		cmocka_unit_test(the_mux_may_be_freed_from_each_callback),
		cmocka_unit_test(channels_may_be_freed_while_writers_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

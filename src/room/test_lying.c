/* SPDX-License-Identifier: Apache-2.0 */
/* Three honest members at a server whose board lies, end to end over real sockets: each row of "What a member notices"
 * in docs/protocol/groups.md. Who is lied to hears of it in the words that a person sees, and no false line appears. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "room/test_scene.h"

/* --- the lies; anna's own is told to her as it was, so she has nothing to say --- */

static void keep_back_two(struct scene *s, struct lying *board, int whom, const struct bk_group_msg *m)
{
	if (m->number != 2 || !whom)
		lying_tell(board, s->handles[whom], m);
}

static void who_is_not_told_a_number_says_so(void **state)
{
	struct scene *s = *state;

	s->tell = keep_back_two;
	scene_say(ANNA, "two");
	scene_run_until(s, &ANNA->heard, 2);
	scene_say_to_all(ANNA, "three");
	for (struct person *p = BERT; p <= CARL; p++) {
		check_doubt(p, "1 message did not come");
		assert_string_equal(p->lines, "anna:one anna:three ");
	}
	check_all_quiet(ANNA);
}

static void keep_back_two_and_renumber(
	struct scene *s, struct lying *board, int whom, const struct bk_group_msg *m)
{
	if (m->number > 2 && whom)
		tell_as(s, board, whom, (unsigned)m->number, m->number - 1);
	else
		keep_back_two(s, board, whom, m);
}

static void nor_do_other_numbers_hide_it(void **state)
{
	struct scene *s = *state;

	s->tell = keep_back_two_and_renumber;
	scene_say(ANNA, "two");
	scene_run_until(s, &ANNA->heard, 2);
	scene_say_to_all(ANNA, "three");
	for (struct person *p = BERT; p <= CARL; p++) {
		check_doubt(p, "1 message of 'anna' did not come");
		assert_string_equal(p->lines, "anna:one anna:three ");
	}
}

static void tell_two_twice(struct scene *s, struct lying *board, int whom, const struct bk_group_msg *m)
{
	lying_tell(board, s->handles[whom], m);
	if (m->number == 2)
		lying_tell(board, s->handles[whom], m);
}

static void what_is_told_twice_stands_there_once(void **state)
{
	struct scene *s = *state;

	s->tell = tell_two_twice;
	scene_say_to_all(ANNA, "two");
	scene_say_to_all(BERT, "three");
	for (int i = 0; i < SCENE_PEOPLE; i++) {
		check_doubt(&s->people[i], "twice; it is shown once");
		assert_string_equal(s->people[i].lines, "anna:one anna:two bert:three ");
	}
}

static void tell_two_as_three_too(
	struct scene *s, struct lying *board, int whom, const struct bk_group_msg *m)
{
	if (m->number > 2) {
		tell_as(s, board, whom, (unsigned)m->number, m->number + 1);
		return;
	}
	lying_tell(board, s->handles[whom], m);
	if (m->number == 2)
		tell_as(s, board, whom, 2, 3);
}

static void nor_does_another_number_make_it_two(void **state)
{
	struct scene *s = *state;

	s->tell = tell_two_as_three_too;
	scene_say_to_all(ANNA, "two");
	scene_say_to_all(BERT, "three");
	for (int i = 0; i < SCENE_PEOPLE; i++) {
		check_doubt(&s->people[i], "twice; it is shown once");
		assert_string_equal(s->people[i].lines, "anna:one anna:two bert:three ");
	}
}

static void tell_two_behind_three(
	struct scene *s, struct lying *board, int whom, const struct bk_group_msg *m)
{
	if (m->number == 2 && whom)
		return;
	lying_tell(board, s->handles[whom], m);
	if (m->number == 3 && whom)
		tell_as(s, board, whom, 2, 2);
}

static void what_comes_after_its_turn_is_said_and_not_shown(void **state)
{
	struct scene *s = *state;

	s->tell = tell_two_behind_three;
	scene_say(ANNA, "two");
	scene_run_until(s, &ANNA->heard, 2);
	scene_say_to_all(ANNA, "three");
	scene_say_to_all(ANNA, "four");
	for (struct person *p = BERT; p <= CARL; p++) {
		check_doubt(p, "after its turn; it is not shown");
		assert_string_equal(p->lines, "anna:one anna:three anna:four ");
	}
}

static void tell_carl_another_order(
	struct scene *s, struct lying *board, int whom, const struct bk_group_msg *m)
{
	if (whom != 2 || m->number < 2 || m->number > 3) {
		lying_tell(board, s->handles[whom], m);
		return;
	}
	if (m->number == 2 || !s->said[3].m.number)
		return;
	tell_as(s, board, whom, 3, 2);
	tell_as(s, board, whom, 2, 3);
}

static void who_hears_another_order_than_the_others_is_found_out_by_the_next_word(void **state)
{
	struct scene *s = *state;

	s->tell = tell_carl_another_order;
	scene_say(ANNA, "two");
	scene_run_until(s, &ANNA->heard, 2);
	scene_run_until(s, &BERT->heard, 2);
	scene_say_to_all(BERT, "three");
	scene_run_until(s, &CARL->heard, 3);
	assert_string_equal(CARL->lines, "anna:one bert:three anna:two ");
	scene_say_to_all(CARL, "four");
	scene_say_to_all(ANNA, "five");
	for (int i = 0; i < SCENE_PEOPLE; i++)
		check_doubt(&s->people[i], "the server does not tell everybody the same");
	assert_string_equal(ANNA->lines, "anna:one anna:two bert:three carl:four anna:five ");
}

static void tell_three_as_two_too(
	struct scene *s, struct lying *board, int whom, const struct bk_group_msg *m)
{
	lying_tell(board, s->handles[whom], m);
	if (m->number == 3)
		tell_as(s, board, whom, 3, 2);
}

static void what_replaces_a_number_is_not_shown(void **state)
{
	struct scene *s = *state;

	s->tell = tell_three_as_two_too;
	scene_say_to_all(ANNA, "two");
	scene_say_to_all(BERT, "three");
	scene_say_to_all(ANNA, "four");
	for (int i = 0; i < SCENE_PEOPLE; i++) {
		assert_true(s->people[i].doubted >= 1);
		assert_string_equal(s->people[i].lines, "anna:one anna:two bert:three anna:four ");
	}
}

static void tell_noise_as_two(struct scene *s, struct lying *board, int whom, const struct bk_group_msg *m)
{
	struct bk_group_msg forged = *m;
	uint8_t noise[1024];

	if (m->number == 2) {
		memcpy(noise, m->bytes, m->len);
		noise[m->len / 2] ^= 1;
		forged.bytes = noise;
		lying_tell(board, s->handles[whom], &forged);
	}
	tell_as(s, board, whom, (unsigned)m->number, m->number + 1);
}

/* Only who is not the first, by whom what was said is kept. */
static void what_no_member_wrote_is_said_and_not_shown(void **state)
{
	struct scene *s = *state;

	s->tell = tell_noise_as_two;
	scene_say_to_all(ANNA, "two");
	scene_say_to_all(BERT, "three");
	for (int i = 0; i < SCENE_PEOPLE; i++) {
		check_doubt(&s->people[i], "that no member has written; it is not shown");
		assert_string_equal(s->people[i].lines, "anna:one anna:two bert:three ");
	}
}

static void tell_one_again_as_three(
	struct scene *s, struct lying *board, int whom, const struct bk_group_msg *m)
{
	if (m->number == 3)
		tell_as(s, board, whom, 1, 3);
	if (m->number > 2)
		tell_as(s, board, whom, (unsigned)m->number, m->number + 1);
	else
		lying_tell(board, s->handles[whom], m);
}

static void what_was_said_before_is_no_news(void **state)
{
	struct scene *s = *state;

	s->tell = tell_one_again_as_three;
	scene_say_to_all(ANNA, "two");
	scene_say_to_all(BERT, "three");
	for (int i = 0; i < SCENE_PEOPLE; i++) {
		assert_true(s->people[i].doubted >= 1);
		assert_string_equal(s->people[i].lines, "anna:one anna:two bert:three ");
	}
}

static void keep_annas_from_her(struct scene *s, struct lying *board, int whom, const struct bk_group_msg *m)
{
	if (m->number != 2 || whom)
		lying_tell(board, s->handles[whom], m);
}

static void whose_own_word_does_not_come_back_says_so(void **state)
{
	struct scene *s = *state;

	s->tell = keep_annas_from_her;
	scene_say(ANNA, "two");
	scene_run_until(s, &BERT->heard, 2);
	scene_run_until(s, &CARL->heard, 2);
	world_let_time_fly(11 * BK_SEC);
	scene_run_until(s, &ANNA->doubted, 1);
	check_doubt(ANNA, "the server does not tell a message of ours, though it took it");
	check_all_quiet(BERT);
	check_all_quiet(CARL);
}

static void forget_all_but_one(struct scene *s, struct lying *board, int whom, const struct bk_group_msg *m)
{
	struct bk_group_msg told = *m;

	if (m->type == BK_GROUP_JOINED) {
		memcpy(told.life, s->life, sizeof(told.life));
		told.number = 1;
	}
	lying_tell(board, s->handles[whom], &told);
}

/* Another server with the same key says that it is the group of before, with less in it. */
static void a_server_that_takes_numbers_back_is_not_gone_on_with(void **state)
{
	struct scene *s = *state;

	scene_say_to_all(BERT, "two");
	scene_say_to_all(CARL, "three");
	s->w.opts.port = bk_server_port(s->w.server);
	s->w.opts.alt_port = bk_server_alt_port(s->w.server);
	s->came = 0;
	s->tell = forget_all_but_one;
	serve(s);
	for (int i = 0; i < SCENE_PEOPLE; i++)
		scene_run_until(s, &s->people[i].doubted, 1);
	for (int i = 0; i < SCENE_PEOPLE; i++) {
		check_doubt(&s->people[i], "the server does not tell everybody the same");
		assert_string_equal(s->people[i].lines, "anna:one bert:two carl:three ");
	}
}

static void part_carl_from_the_others(
	struct scene *s, struct lying *board, int whom, const struct bk_group_msg *m)
{
	struct bk_group_msg told = *m;

	if ((whom == 2) != (s->speaker == 2))
		return;
	told.number = ++s->told[whom];
	lying_tell(board, s->handles[whom], &told);
}

/* For good, nobody can know. */
static void who_are_parted_hear_of_it_at_the_first_word_across_and_not_before(void **state)
{
	struct scene *s = *state;

	s->tell = part_carl_from_the_others;
	for (int i = 0; i < SCENE_PEOPLE; i++)
		s->told[i] = 1;
	scene_say(ANNA, "two");
	scene_run_until(s, &ANNA->heard, 2);
	scene_run_until(s, &BERT->heard, 2);
	s->speaker = 2;
	scene_say(CARL, "three");
	scene_run_until(s, &CARL->heard, 2);
	for (int i = 0; i < SCENE_PEOPLE; i++)
		check_all_quiet(&s->people[i]);
	s->tell = NULL;
	scene_say_to_all(ANNA, "four");
	check_doubt(CARL, "the server does not tell everybody the same");
	scene_say_to_all(CARL, "five");
	check_doubt(ANNA, "1 message did not come");
	check_doubt(BERT, "1 message did not come");
	assert_string_equal(BERT->lines, "anna:one anna:two anna:four carl:five ");
	assert_string_equal(CARL->lines, "anna:one carl:three anna:four carl:five ");
}

static void the_last_word_can_be_kept_back_until_somebody_speaks_again(void **state)
{
	struct scene *s = *state;

	s->tell = keep_back_two;
	scene_say(ANNA, "two");
	scene_run_until(s, &ANNA->heard, 2);
	world_let_time_fly(60 * BK_SEC);
	for (int i = 0; i < SCENE_PEOPLE; i++)
		check_all_quiet(&s->people[i]);
	scene_say_to_all(CARL, "three");
	check_doubt(BERT, "1 message did not come");
	check_doubt(CARL, "1 message did not come");
	check_all_quiet(ANNA);
}

static void tell_joined_again(struct scene *s, struct lying *board, int whom, const struct bk_group_msg *m)
{
	struct bk_group_msg joined = {.type = BK_GROUP_JOINED, .member = 99, .life = {(uint8_t)m->number}};

	lying_tell(board, s->handles[whom], m);
	if (whom == 2)
		lying_tell(board, s->handles[whom], &joined);
}

/* Each would begin another life, with all that is told again in it. */
static void who_is_let_in_without_end_leaves_with_a_sentence(void **state)
{
	struct scene *s = *state;

	s->tell = tell_joined_again;
	scene_say(ANNA, "two");
	scene_run_until(s, &CARL->ends, 1);
	assert_int_equal(CARL->error, BK_E_PROTOCOL);
	s->tell = NULL;
	scene_say(BERT, "three");
	scene_run_until(s, &ANNA->heard, 3);
	scene_run_until(s, &BERT->heard, 3);
	check_all_quiet(ANNA);
	check_all_quiet(BERT);
	assert_string_equal(CARL->lines, "anna:one anna:two ");
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, scene_set_up, scene_tear_down)
	const struct CMUnitTest tests[] = {
		CASE(who_is_not_told_a_number_says_so),
		CASE(nor_do_other_numbers_hide_it),
		CASE(what_is_told_twice_stands_there_once),
		CASE(nor_does_another_number_make_it_two),
		CASE(what_comes_after_its_turn_is_said_and_not_shown),
		CASE(who_hears_another_order_than_the_others_is_found_out_by_the_next_word),
		CASE(what_replaces_a_number_is_not_shown),
		CASE(what_no_member_wrote_is_said_and_not_shown),
		CASE(what_was_said_before_is_no_news),
		CASE(whose_own_word_does_not_come_back_says_so),
		CASE(a_server_that_takes_numbers_back_is_not_gone_on_with),
		CASE(who_are_parted_hear_of_it_at_the_first_word_across_and_not_before),
		CASE(the_last_word_can_be_kept_back_until_somebody_speaks_again),
		CASE(who_is_let_in_without_end_leaves_with_a_sentence),
	};
#undef CASE

	return cmocka_run_group_tests_name("lying", tests, NULL, NULL);
}

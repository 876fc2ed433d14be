/* SPDX-License-Identifier: Apache-2.0 */
/* A board that is honest, and what it does not lie about. */
#include "group/test_kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "group/archive.h"
#include "group/saying.h"

/* --- an honest board --- */

static void an_honest_board_raises_no_doubt_and_everybody_reads_the_same(void **state)
{
	struct world *w = *state;
	uint32_t ticket = 0;

	say(ANNA, "one");
	say(BERT, "two");
	say(CARL, "three\nlines\x1b[2J");
	for (int i = 0; i < 20; i++) /* everybody at once */
		for (int p = 0; p < PEOPLE; p++)
			assert_int_equal(bk_chain_say(w->people[p].chain, "x", 1, 0, &ticket), 0);
	run(w);
	assert_nobody_doubts(w);
	assert_string_equal(ANNA->lines, BERT->lines);
	assert_string_equal(ANNA->lines, CARL->lines);
	assert_memory_equal(ANNA->lines, "anna:one bert:two carl:three\nlines?[2J anna:x", 44);
	assert_int_equal(ANNA->sent, 21);
	assert_int_equal(w->newest, 63);
}

static void who_comes_back_goes_on_from_the_last_number_and_history_is_marked(void **state)
{
	struct world *w = *state;

	say(ANNA, "one");
	leave(BERT);
	say(ANNA, "two");
	assert_int_equal(bk_chain_say(BERT->chain, "while away", 10, 0, NULL), 0);
	run(w);
	come(BERT);
	say(ANNA, "three");
	assert_nobody_doubts(w);
	assert_string_equal(BERT->lines, "anna:one *anna:two bert:while away anna:three ");
	assert_string_equal(CARL->lines, "anna:one anna:two bert:while away anna:three ");
}

static void lose_answer(
	struct world *w, struct person *from, uint32_t ticket, const uint8_t *post, size_t len)
{
	(void)ticket;
	tell_all_but(w, from, post, len);
	leave(from);
}

static void lose_post(struct world *w, struct person *from, uint32_t ticket, const uint8_t *post, size_t len)
{
	(void)w;
	(void)ticket;
	(void)post;
	(void)len;
	leave(from);
}

static void a_post_under_way_when_the_connection_died_is_told_once(void **state)
{
	struct world *w = *state;

	w->lie = lose_answer; /* it came, and the answer did not */
	say(ANNA, "one");
	w->lie = NULL;
	assert_int_equal(ANNA->sent, 0);
	come(ANNA);
	assert_int_equal(ANNA->sent, 1);
	w->lie = lose_post; /* it did not come */
	say(ANNA, "two");
	w->lie = NULL;
	come(ANNA);
	assert_int_equal(ANNA->sent, 2);
	say(BERT, "three");
	assert_nobody_doubts(w);
	assert_string_equal(ANNA->lines, "*anna:one anna:two bert:three ");
	assert_string_equal(BERT->lines, "anna:one anna:two bert:three ");
}

static void who_was_away_too_long_is_told_how_much_was_missed(void **state)
{
	struct world *w = *state;

	say(BERT, "before");
	w->lie = lose_answer;
	say(ANNA, "told or not?");
	w->lie = NULL;
	for (int i = 0; i < 150; i++)
		say(BERT, "x");
	come(ANNA);
	assert_int_equal(ANNA->missed, 51);
	assert_int_equal(ANNA->unsent, 1); /* nobody can know; it is not said again */
	say(BERT, "y");
	say(ANNA, "z");
	say(CARL, "c");
	assert_nobody_doubts(w);
}

static void a_board_that_lost_the_group_is_gone_on_with_and_nothing_is_doubled(void **state)
{
	struct world *w = *state;

	say(BERT, "before");
	w->lie = lose_answer;
	say(ANNA, "one"); /* the others have it, she does not know */
	w->lie = NULL;
	restart(w);
	for (int i = 0; i < PEOPLE; i++)
		come(&w->people[i]);
	assert_int_equal(ANNA->restarts + BERT->restarts + CARL->restarts, 3);
	assert_int_equal(ANNA->sent, 1);
	say(CARL, "after");
	say(ANNA, "two");
	assert_nobody_doubts(w);
	assert_string_equal(BERT->lines, "bert:before anna:one carl:after anna:two ");
	assert_string_equal(ANNA->lines, "bert:before anna:one carl:after anna:two ");
}

static void what_was_lost_with_the_board_its_sender_tells_again_before_anything_new(void **state)
{
	struct world *w = *state;

	say(ANNA, "one");
	say(CARL, "two");
	leave(BERT);
	say(ANNA, "three");
	restart(w);
	assert_int_equal(bk_chain_say(ANNA->chain, "four", 4, 0, NULL), 0);
	come(BERT);
	come(ANNA);
	come(CARL);
	assert_nobody_doubts(w);
	assert_string_equal(BERT->lines, "anna:one carl:two anna:three anna:four ");
	assert_string_equal(CARL->lines, "anna:one carl:two anna:three *anna:four ");
	assert_int_equal(ANNA->sent, 3); /* what is told again was sent before */
	assert_int_equal(w->newest, 4);
	assert_int_equal(bk_chain_waiting(ANNA->chain), 0);
}

static void a_board_that_begins_with_a_member_is_told_what_all_have_said(void **state)
{
	struct world *w = *state;

	say(ANNA, "one");
	say(BERT, "two");
	leave(CARL);
	say(ANNA, "three");
	restart(w); /* and anna does not come back at first */
	bk_chain_begins_board(BERT->chain, true);
	come(BERT);
	assert_int_equal(w->newest, 3);
	come(CARL);
	come(ANNA);
	say(ANNA, "four");
	assert_nobody_doubts(w);
	assert_string_equal(CARL->lines, "anna:one bert:two *anna:three anna:four ");
	assert_string_equal(ANNA->lines, "anna:one bert:two anna:three anna:four ");
	assert_int_equal(w->newest, 4);
}

static void two_boards_that_become_one_lose_and_double_nothing(void **state)
{
	struct world *w = *state;

	say(ANNA, "one");
	leave(ANNA); /* the others are at another board for a while */
	say(BERT, "two");
	say(CARL, "three");
	restart(w);
	come(ANNA);
	say(ANNA, "here");
	come(CARL);
	come(BERT);
	assert_nobody_doubts(w);
	assert_string_equal(ANNA->lines, "anna:one anna:here carl:three bert:two ");
	assert_string_equal(BERT->lines, "anna:one bert:two carl:three *anna:here ");
}

static void what_nobody_can_tell_again_is_said(void **state)
{
	struct world *w = *state;

	say(ANNA, "one");
	leave(BERT);
	say(ANNA, "two");
	for (int i = 0; i < BK_ARCHIVE_MAX; i++)
		say(ANNA, "x");
	restart(w);
	for (int i = 0; i < PEOPLE; i++)
		come(&w->people[i]);
	assert_int_equal(BERT->doubts[BK_DOUBT_DROPPED], 1);
	assert_int_equal(BERT->dropped, 1);
	assert_int_equal(doubts_of(ANNA) + doubts_of(CARL), 0);
}

/* A board would keep no more for who comes late, either: however many they are, they do not tell it more than that. */
static void of_what_all_have_said_only_the_last_is_told_again(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < BK_ARCHIVE_MAX; i++)
		say(&w->people[i % PEOPLE], "old");
	for (int i = 0; i < BK_ARCHIVE_MAX; i++)
		say(&w->people[i % PEOPLE], "x");
	for (int life = 0; life < 2; life++) {
		restart(w);
		for (int i = 0; i < PEOPLE; i++)
			come(&w->people[i]);
		assert_int_equal(w->newest, BK_ARCHIVE_MAX);
	}
	assert_nobody_doubts(w);
}

/* --- told to wait, told no --- */

static void what_is_denied_goes_later_or_never_and_the_count_has_no_gap(void **state)
{
	struct world *w = *state;
	const uint8_t *post;
	uint32_t ticket;
	size_t len;

	assert_int_equal(bk_chain_say(ANNA->chain, "one", 3, 0, NULL), 0);
	assert_int_equal(bk_chain_say(ANNA->chain, "two", 3, 0, NULL), 0);
	assert_int_equal(bk_chain_next_post(ANNA->chain, w->now, &ticket, &post, &len), 1);
	assert_int_equal(bk_chain_next_post(ANNA->chain, w->now, &ticket, &post, &len), 0);
	bk_chain_denied(ANNA->chain, ticket, BK_E_RATE_LIMITED, BK_SEC, w->now);
	assert_int_equal(bk_chain_next_post(ANNA->chain, w->now, &ticket, &post, &len), 0);
	assert_true(bk_chain_next_wake(ANNA->chain) == w->now + BK_SEC);
	w->now += BK_SEC;
	assert_int_equal(bk_chain_next_post(ANNA->chain, w->now, &ticket, &post, &len), 1);
	bk_chain_denied(ANNA->chain, ticket + 7, BK_E_TOO_BIG, 0, w->now); /* of nobody */
	bk_chain_denied(ANNA->chain, ticket, BK_E_TOO_BIG, 0, w->now);
	assert_true(ANNA->unsent == 1 && ANNA->unsent_error == BK_E_TOO_BIG);
	run(w);
	say(ANNA, "three");
	assert_nobody_doubts(w);
	assert_string_equal(BERT->lines, "anna:two anna:three ");
}

static void what_waits_has_a_ceiling(void **state)
{
	static char text[BK_CHAIN_TEXT_MAX + 1];
	struct world *w = *state;
	int n = 0;

	memset(text, 'x', sizeof(text));
	leave(ANNA);
	while (!bk_chain_say(ANNA->chain, "x", 1, 0, NULL))
		n++;
	assert_int_equal(n, BK_SAYING_MAX);
	assert_int_equal(bk_chain_say(ANNA->chain, "x", 1, 0, NULL), BK_E_AGAIN);
	for (n = 0; !bk_chain_say(BERT->chain, text, BK_CHAIN_TEXT_MAX, 0, NULL);)
		n++;
	assert_int_equal(n, BK_SAYING_BYTES / BK_CHAIN_TEXT_MAX);
	assert_int_equal(bk_chain_say(CARL->chain, text, sizeof(text), 0, NULL), BK_E_TOO_BIG);
	assert_int_equal(bk_chain_say(CARL->chain, "\xff", 1, 0, NULL), BK_E_INVALID);
	assert_int_equal(bk_chain_say(CARL->chain, "a\0b", 3, 0, NULL), BK_E_INVALID);
	assert_int_equal(bk_chain_say(CARL->chain, NULL, 0, 0, NULL), 0);
	come(ANNA);
	assert_int_equal(ANNA->sent, BK_SAYING_MAX);
	assert_nobody_doubts(w);
}

/* --- to one, and without one --- */

static void show_card(struct person *to, uint64_t member, const struct person *of)
{
	struct bk_buf card;

	bk_buf_init(&card, BK_CARD_LEN);
	assert_int_equal(bk_chain_make_card(of->chain, "about", 5, &card), 0);
	assert_int_equal(bk_chain_card(to->chain, member, bk_buf_head(&card), card.len), 0);
	bk_buf_done(&card);
}

static void a_whisper_reaches_one_and_its_sender(void **state)
{
	struct world *w = *state;

	assert_int_equal(bk_chain_whisper(ANNA->chain, BERT->signer.key, "psst", 4, 0, NULL), 0);
	run(w);
	say(ANNA, "loud");
	assert_string_equal(ANNA->lines, "~anna:psst anna:loud ");
	assert_string_equal(BERT->lines, "~anna:psst anna:loud ");
	assert_string_equal(CARL->lines, "anna:loud ");
	assert_nobody_doubts(w);
}

static void another_invite_reaches_all_but_the_one_who_is_not_to_have_it(void **state)
{
	struct world *w = *state;
	char invite[BK_INVITE_STR_MAX];

	for (uint64_t i = 0; i < PEOPLE; i++)
		show_card(ANNA, i + 1, &w->people[i]);
	assert_int_equal(bk_invite_make(invite), 0);
	assert_int_equal(bk_chain_rekey(ANNA->chain, invite, &CARL->signer.key, 1, 0), 0);
	run(w);
	assert_string_equal(BERT->invite, invite);
	assert_string_equal(CARL->invite, "");
	assert_string_equal(ANNA->invite, "");
	assert_nobody_doubts(w);
}

static void a_name_is_of_the_key_that_had_it_first_until_it_is_forgotten(void **state)
{
	struct world *w = *state;
	struct person mallory = {0};

	say(ANNA, "it is me");
	leave(CARL);
	bk_chain_free(CARL->chain);
	start(w, CARL, "anna", 9); /* carl comes as another anna */
	come(CARL);
	say(CARL, "no, me");
	say(CARL, "really");
	assert_string_equal(BERT->lines, "anna:it is me !anna:no, me !anna:really ");
	assert_int_equal(BERT->doubts[BK_DOUBT_KEY_CHANGED], 1); /* once is enough */
	bk_chain_forget(BERT->chain, "anna");
	say(CARL, "so");
	assert_string_equal(BERT->lines, "anna:it is me !anna:no, me !anna:really anna:so ");
	start(w, &mallory, "anna", 10); /* it is carl's by now */
	show_card(BERT, 7, &mallory);
	assert_int_equal(BERT->impostors, 1);
	assert_int_equal(BERT->doubts[BK_DOUBT_KEY_CHANGED], 2);
	bk_chain_free(mallory.chain);
}

static void who_comes_again_to_another_board_has_not_been_away(void **state)
{
	struct world *w = *state;

	show_card(ANNA, 2, BERT);
	show_card(ANNA, 3, CARL);
	restart(w);
	come(ANNA);
	show_card(ANNA, 3, BERT); /* with what was carl's handle */
	bk_chain_roster_end(ANNA->chain);
	bk_chain_on_time(ANNA->chain, w->now);
	show_card(ANNA, 4, CARL); /* a moment later */
	w->now += 60 * BK_SEC;
	bk_chain_on_time(ANNA->chain, w->now);
	assert_int_equal(ANNA->came, 2);
	assert_int_equal(ANNA->gone, 0);
	bk_chain_gone(ANNA->chain, 4);
	assert_int_equal(ANNA->gone, 1);
}

static void members_come_change_and_go_and_the_list_has_a_ceiling(void **state)
{
	static const uint8_t no_card[BK_CARD_LEN];
	struct world *w = *state;
	struct bk_buf card;
	int err = 0;

	show_card(ANNA, 2, BERT);
	show_card(ANNA, 2, BERT);
	show_card(ANNA, 3, CARL);
	assert_int_equal(ANNA->came, 2);
	bk_chain_gone(ANNA->chain, 99);
	bk_chain_gone(ANNA->chain, 2);
	assert_int_equal(ANNA->gone, 1);
	leave(ANNA);
	come(ANNA);
	show_card(ANNA, 8, BERT);
	bk_chain_roster_end(ANNA->chain); /* carl left meanwhile */
	bk_chain_on_time(ANNA->chain, w->now);
	assert_int_equal(ANNA->gone, 1);
	w->now = bk_chain_next_wake(ANNA->chain);
	bk_chain_on_time(ANNA->chain, w->now);
	assert_int_equal(ANNA->gone, 2);
	assert_true(bk_chain_next_wake(ANNA->chain) == BK_NEVER);
	show_card(ANNA, 8, CARL); /* somebody else is shown by that handle */
	assert_int_equal(ANNA->gone, 3);
	assert_int_equal(ANNA->came, 4);
	assert_nobody_doubts(w);
	assert_int_equal(bk_chain_card(ANNA->chain, 5, no_card, sizeof(no_card)), 0);
	assert_int_equal(bk_chain_card(ANNA->chain, 5, no_card, 3), 0);
	assert_int_equal(ANNA->doubts[BK_DOUBT_FORGED], 1);
	bk_buf_init(&card, BK_CARD_LEN);
	assert_int_equal(bk_chain_make_card(BERT->chain, NULL, 0, &card), 0);
	for (uint64_t i = 100; !err && i < 5000; i++)
		err = bk_chain_card(ANNA->chain, i, bk_buf_head(&card), card.len);
	assert_int_equal(err, BK_E_FULL);
	bk_buf_done(&card);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		CASE(an_honest_board_raises_no_doubt_and_everybody_reads_the_same),
		CASE(who_comes_back_goes_on_from_the_last_number_and_history_is_marked),
		CASE(a_post_under_way_when_the_connection_died_is_told_once),
		CASE(who_was_away_too_long_is_told_how_much_was_missed),
		CASE(a_board_that_lost_the_group_is_gone_on_with_and_nothing_is_doubled),
		CASE(what_was_lost_with_the_board_its_sender_tells_again_before_anything_new),
		CASE(a_board_that_begins_with_a_member_is_told_what_all_have_said),
		CASE(two_boards_that_become_one_lose_and_double_nothing),
		CASE(what_nobody_can_tell_again_is_said),
		CASE(of_what_all_have_said_only_the_last_is_told_again),
		CASE(what_is_denied_goes_later_or_never_and_the_count_has_no_gap),
		CASE(what_waits_has_a_ceiling),
		CASE(a_whisper_reaches_one_and_its_sender),
		CASE(another_invite_reaches_all_but_the_one_who_is_not_to_have_it),
		CASE(a_name_is_of_the_key_that_had_it_first_until_it_is_forgotten),
		CASE(who_comes_again_to_another_board_has_not_been_away),
		CASE(members_come_change_and_go_and_the_list_has_a_ceiling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A board that lies. */
#include "group/test_kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "group/ledger.h"
#include "group/saying.h"

/* --- a board that lies --- */

/* Bert does not get it. */
static void drop_openly(
	struct world *w, struct person *from, uint32_t ticket, const uint8_t *post, size_t len)
{
	(void)from;
	(void)ticket;
	tell_all_but(w, BERT, post, len);
	w->lie = NULL;
}

static void a_number_that_is_left_out_is_a_post_that_was_dropped(void **state)
{
	struct world *w = *state;

	say(ANNA, "one");
	w->lie = drop_openly;
	say(ANNA, "two");
	say(CARL, "three");
	assert_int_equal(BERT->doubts[BK_DOUBT_DROPPED], 1);
	assert_int_equal(BERT->dropped, 1);
	assert_int_equal(doubts_of(BERT), 1);
	assert_string_equal(BERT->lines, "anna:one carl:three ");
	say(ANNA, "four"); /* her count has a gap for him that was said already */
	assert_int_equal(doubts_of(BERT), 1);
	assert_int_equal(doubts_of(ANNA) + doubts_of(CARL), 0);
}

/* He is told other numbers from here on, so that he sees no gap. */
static void drop_and_renumber(
	struct world *w, struct person *from, uint32_t ticket, const uint8_t *post, size_t len)
{
	uint64_t number;

	(void)ticket;
	number = keep(w, post, len);
	tell(ANNA, number, post, len);
	tell(CARL, number, post, len);
	if (BERT->has_pushed)
		tell(BERT, number - 1, post, len);
	BERT->has_pushed = true;
	(void)from;
}

static void a_drop_that_is_hidden_by_other_numbers_is_noticed_by_everybody(void **state)
{
	struct world *w = *state;

	say(ANNA, "one");
	w->lie = drop_and_renumber;
	say(ANNA, "two"); /* not told to bert */
	say(CARL, "three");
	assert_true(BERT->doubts[BK_DOUBT_FORKED] > 0); /* carl had seen something else under that number */
	say(ANNA, "four");
	assert_int_equal(BERT->dropped, 1); /* she counts */
	say(BERT, "five");
	assert_true(ANNA->doubts[BK_DOUBT_FORKED] > 0 && CARL->doubts[BK_DOUBT_FORKED] > 0);
	assert_string_equal(BERT->lines, "anna:one carl:three anna:four bert:five ");
}

static void tell_twice(struct world *w, struct person *from, uint32_t ticket, const uint8_t *post, size_t len)
{
	(void)from;
	(void)ticket;
	tell_all_but(w, nobody, post, len);
	tell(BERT, w->newest, post, len);   /* under its number */
	tell_all_but(w, nobody, post, len); /* and as another one */
	w->lie = NULL;
}

static void what_is_told_twice_is_one_line(void **state)
{
	struct world *w = *state;

	w->lie = tell_twice;
	say(ANNA, "one");
	say(CARL, "two");
	assert_int_equal(ANNA->doubts[BK_DOUBT_DOUBLED], 1);
	assert_int_equal(BERT->doubts[BK_DOUBT_DOUBLED], 2);
	assert_int_equal(CARL->doubts[BK_DOUBT_DOUBLED], 1);
	assert_int_equal(doubts_of(ANNA) + doubts_of(BERT) + doubts_of(CARL), 4);
	for (int i = 0; i < PEOPLE; i++)
		assert_string_equal(w->people[i].lines, "anna:one carl:two ");
	assert_int_equal(ANNA->sent, 1);
}

static void hold_one(struct world *w, struct person *from, uint32_t ticket, const uint8_t *post, size_t len)
{
	(void)from;
	(void)ticket;
	tell_all_but(w, BERT, post, len);
	if (!w->held.bytes) {
		w->held.bytes = malloc(len);
		memcpy(w->held.bytes, post, len);
		w->held.len = len;
		return;
	}
	tell(BERT, w->newest, post, len);
	tell(BERT, w->newest - 1, w->held.bytes, w->held.len);
	w->lie = NULL;
}

static void what_comes_after_its_turn_is_no_line(void **state)
{
	struct world *w = *state;

	w->lie = hold_one;
	say(ANNA, "one");
	say(CARL, "two");
	say(ANNA, "three");
	assert_int_equal(BERT->doubts[BK_DOUBT_DROPPED], 1);
	assert_int_equal(BERT->doubts[BK_DOUBT_REORDERED], 1);
	assert_int_equal(doubts_of(BERT), 2);
	assert_string_equal(BERT->lines, "carl:two anna:three ");
}

/* Bert is told what the others are told, in another order, with numbers that rise. */
static void swap(struct world *w, struct person *from, uint32_t ticket, const uint8_t *post, size_t len)
{
	uint64_t number = keep(w, post, len);

	(void)from;
	(void)ticket;
	if (!w->held.bytes) {
		w->held.bytes = malloc(len);
		memcpy(w->held.bytes, post, len);
		w->held.len = len;
		return;
	}
	for (int i = 0; i < PEOPLE; i++) {
		bool is_bert = &w->people[i] == BERT;
		const struct post new = {(uint8_t *)(uintptr_t)post, len}, *a = is_bert ? &new : &w->held,
				  *b = is_bert ? &w->held : &new;

		tell(&w->people[i], number - 1, a->bytes, a->len);
		tell(&w->people[i], number, b->bytes, b->len);
	}
	w->lie = NULL;
}

static void another_order_for_one_is_a_fork_that_all_notice(void **state)
{
	struct world *w = *state;

	w->lie = swap;
	assert_int_equal(bk_chain_say(ANNA->chain, "one", 3, 0, NULL), 0);
	assert_int_equal(bk_chain_say(CARL->chain, "two", 3, 0, NULL), 0);
	run(w);
	assert_string_equal(ANNA->lines, "anna:one carl:two ");
	assert_string_equal(BERT->lines, "carl:two anna:one ");
	assert_nobody_doubts(w);
	say(ANNA, "three");
	assert_int_equal(BERT->doubts[BK_DOUBT_FORKED], 1);
	assert_int_equal(doubts_of(ANNA) + doubts_of(CARL), 0);
	w->lie = NULL;
	say(BERT, "four"); /* by then all have seen the same under the last number: the fork is over */
	assert_int_equal(doubts_of(ANNA) + doubts_of(BERT) + doubts_of(CARL), 1);
}

/* Two rooms: anna and carl in one, bert in the other, with numbers of their own; then together again. */
static void part(struct world *w, struct person *from, uint32_t ticket, const uint8_t *post, size_t len)
{
	(void)ticket;
	if (from == BERT) {
		tell(BERT, w->newest + 1, post, len);
		return;
	}
	keep(w, post, len);
	tell(ANNA, w->newest, post, len);
	tell(CARL, w->newest, post, len);
	w->lie = NULL;
}

static void a_group_that_was_parted_shows_it_at_the_first_word_across(void **state)
{
	struct world *w = *state;

	say(ANNA, "zero");
	say(BERT, "hi");
	w->lie = part;
	say(BERT, "here");  /* number 3 for him */
	say(ANNA, "there"); /* number 3 for the others */
	say(ANNA, "one");
	assert_int_equal(BERT->doubts[BK_DOUBT_FORKED], 1);
	assert_string_equal(BERT->lines, "anna:zero bert:hi bert:here anna:one ");
	assert_string_equal(CARL->lines, "anna:zero bert:hi anna:there anna:one ");
	assert_true(BERT->doubts[BK_DOUBT_DROPPED] == 1 && BERT->dropped == 1);
	say(BERT, "two");
	assert_true(ANNA->dropped == 1 && CARL->dropped == 1); /* his count has a gap for them */
}

static void forge(struct world *w, struct person *from, uint32_t ticket, const uint8_t *post, size_t len)
{
	uint8_t *other = malloc(len);

	(void)from;
	(void)ticket;
	memcpy(other, post, len);
	other[len / 2] ^= 1;
	tell_all_but(w, nobody, other, len);
	free(other);
	w->lie = NULL;
}

static void what_the_board_changed_is_no_line_and_all_say_so(void **state)
{
	struct world *w = *state;

	w->lie = forge;
	say(ANNA, "one");
	for (int i = 0; i < PEOPLE; i++) {
		assert_int_equal(w->people[i].doubts[BK_DOUBT_FORGED], 1);
		assert_string_equal(w->people[i].lines, "");
	}
	assert_int_equal(ANNA->sent, 0);
	w->now += BK_SAYING_PATIENCE;
	assert_true(bk_chain_is_overdue(ANNA->chain, w->now));
	bk_chain_had(ANNA->chain, w->now);
	w->now += BK_SAYING_GRACE;
	bk_chain_on_time(ANNA->chain, w->now);
	assert_int_equal(ANNA->doubts[BK_DOUBT_WITHHELD], 1);
}

static void an_old_post_told_as_a_new_one_is_no_line_however_old(void **state)
{
	struct world *w = *state;

	say(ANNA, "pay him");
	for (int i = 0; i < BK_LEDGER_WINDOW + 10; i++)
		say(CARL, "x");
	w->people[1].lines[0] = '\0';
	assert_nobody_doubts(w);
	tell_all_but(w, nobody, w->log[1].bytes, w->log[1].len);
	for (int i = 0; i < PEOPLE; i++)
		assert_int_equal(w->people[i].doubts[BK_DOUBT_REPLAYED], 1);
	assert_string_equal(BERT->lines, "");
}

static void withhold(struct world *w, struct person *from, uint32_t ticket, const uint8_t *post, size_t len)
{
	(void)w;
	(void)from;
	(void)ticket;
	(void)post;
	(void)len;
}

/* What was said before he came he has nothing to hold against, until he has heard that sitting of the sender; the
 * sender's own time stands on it all the same. */
static void who_comes_late_can_be_told_what_is_old_as_new_until_he_has_heard_that_sitting(void **state)
{
	struct world *w = *state;
	struct person dora = {0};

	say(ANNA, "pay him");
	say(ANNA, "no more");
	say(ANNA, "later");
	start(w, &dora, "dora", 9);
	assert_int_equal(bk_chain_begin(dora.chain, w->life, 0, w->newest), 0);
	tell(&dora, 4, w->log[1].bytes, w->log[1].len);
	assert_int_equal(doubts_of(&dora), 0);
	tell(&dora, 5, w->log[3].bytes, w->log[3].len);
	assert_int_equal(dora.doubts[BK_DOUBT_DROPPED], 1);
	tell(&dora, 6, w->log[2].bytes, w->log[2].len);
	assert_int_equal(dora.doubts[BK_DOUBT_REPLAYED], 1);
	assert_string_equal(dora.lines, "anna:pay him anna:later ");
	bk_chain_free(dora.chain);
}

static void a_post_that_does_not_come_back_is_said_once(void **state)
{
	struct world *w = *state;

	assert_true(bk_chain_next_wake(ANNA->chain) == BK_NEVER);
	w->lie = withhold;
	say(ANNA, "one");
	assert_true(bk_chain_next_wake(ANNA->chain) == w->now + BK_SAYING_PATIENCE);
	assert_false(bk_chain_is_overdue(ANNA->chain, w->now + BK_SAYING_PATIENCE - 1));
	w->now += BK_SAYING_PATIENCE;
	assert_true(bk_chain_is_overdue(ANNA->chain, w->now));
	assert_false(bk_chain_is_overdue(ANNA->chain, w->now));
	bk_chain_on_time(ANNA->chain, w->now + 10 * BK_SAYING_PATIENCE);
	assert_int_equal(doubts_of(ANNA), 0); /* perhaps it never had it */
	assert_true(bk_chain_next_wake(ANNA->chain) == BK_NEVER);
	bk_chain_had(ANNA->chain, w->now);
	assert_true(bk_chain_next_wake(ANNA->chain) == w->now + BK_SAYING_GRACE);
	bk_chain_on_time(ANNA->chain, w->now + BK_SAYING_GRACE - 1);
	assert_int_equal(doubts_of(ANNA), 0);
	bk_chain_on_time(ANNA->chain, w->now + BK_SAYING_GRACE);
	bk_chain_on_time(ANNA->chain, w->now + 2 * BK_SAYING_GRACE);
	assert_int_equal(ANNA->doubts[BK_DOUBT_WITHHELD], 1);
	assert_true(bk_chain_next_wake(ANNA->chain) == BK_NEVER);
}

static void a_connection_that_is_dead_withholds_nothing(void **state)
{
	struct world *w = *state;

	w->lie = withhold;
	say(ANNA, "one");
	w->now += BK_SAYING_PATIENCE;
	assert_true(bk_chain_is_overdue(ANNA->chain, w->now));
	bk_chain_had(ANNA->chain, w->now); /* the sign that the connection is gone looks the same */
	bk_chain_lost(ANNA->chain);
	bk_chain_on_time(ANNA->chain, w->now + 2 * BK_SAYING_GRACE);
	assert_int_equal(doubts_of(ANNA), 0);
}

static void a_board_that_takes_back_what_it_told_is_not_gone_on_with(void **state)
{
	struct world *w = *state;

	say(ANNA, "one");
	say(ANNA, "two");
	leave(BERT);
	assert_int_equal(bk_chain_begin(BERT->chain, w->life, 0, 1), BK_E_PROTOCOL);
	assert_int_equal(bk_chain_begin(BERT->chain, w->life, 9, 3), BK_E_PROTOCOL);
	assert_int_equal(BERT->doubts[BK_DOUBT_FORKED], 2);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		CASE(a_number_that_is_left_out_is_a_post_that_was_dropped),
		CASE(a_drop_that_is_hidden_by_other_numbers_is_noticed_by_everybody),
		CASE(what_is_told_twice_is_one_line),
		CASE(what_comes_after_its_turn_is_no_line),
		CASE(another_order_for_one_is_a_fork_that_all_notice),
		CASE(a_group_that_was_parted_shows_it_at_the_first_word_across),
		CASE(what_the_board_changed_is_no_line_and_all_say_so),
		CASE(an_old_post_told_as_a_new_one_is_no_line_however_old),
		CASE(who_comes_late_can_be_told_what_is_old_as_new_until_he_has_heard_that_sitting),
		CASE(a_post_that_does_not_come_back_is_said_once),
		CASE(a_connection_that_is_dead_withholds_nothing),
		CASE(a_board_that_takes_back_what_it_told_is_not_gone_on_with),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "group/chain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "base/error.h"
#include "group/archive.h"
#include "group/saying.h"
#include "group/voices.h"

/* Three members and a board between them, which is honest unless a test has it lie. Time is the test's. */
enum { PEOPLE = 3, LOG_MAX = 1500, TEXT = 4096, DOUBTS = BK_DOUBT_WITHHELD + 1 };

struct person {
	struct world *w;
	struct bk_chain *chain;
	struct bk_signer signer;
	bool is_away, has_pushed;
	char lines
		[TEXT]; /* "anna:hello " with a '*' for history, '!' for the name of another, '~' for a whisper */
	char invite[BK_INVITE_STR_MAX];
	unsigned doubts[DOUBTS], sent, unsent, restarts;
	uint64_t dropped, missed, last_sent;
	int unsent_error, came, gone, impostors;
};

struct post {
	uint8_t *bytes;
	size_t len;
};

struct world {
	struct person people[PEOPLE];
	struct bk_group_keys keys;
	uint8_t life[BK_GROUP_LIFE_LEN];
	struct post log[LOG_MAX]; /* by number, from 1 */
	uint64_t newest, kept;
	bk_time now;
	/* Instead of the honest board. */
	void (*lie)(struct world *w, struct person *from, uint32_t ticket, const uint8_t *post, size_t len);
	struct post held;
};

static struct person *const nobody = NULL;
#define ANNA (&w->people[0])
#define BERT (&w->people[1])
#define CARL (&w->people[2])

/* --- what they are told --- */

static void on_line(void *arg, const struct bk_chain_line *line)
{
	struct person *p = arg;
	size_t n = strlen(p->lines);

	assert_true(line->is_ours == (line->key && !memcmp(line->key, p->signer.key, BK_SIGN_KEY_LEN)));
	if (n + line->len + 80 < sizeof(p->lines))
		snprintf(p->lines + n, sizeof(p->lines) - n, "%s%s%s%s:%s ", line->is_history ? "*" : "",
			line->has_others_name ? "!" : "", line->is_private ? "~" : "", line->from,
			line->text);
}

static void on_doubt(void *arg, const struct bk_chain_doubt *d)
{
	struct person *p = arg;

	assert_in_range(d->what, BK_DOUBT_DROPPED, BK_DOUBT_WITHHELD);
	p->doubts[d->what]++;
	if (d->what == BK_DOUBT_DROPPED)
		p->dropped += d->count;
}

static void on_invite(void *arg, const struct bk_chain_line *from, const char *invite)
{
	assert_true(from->is_private);
	snprintf(((struct person *)arg)->invite, BK_INVITE_STR_MAX, "%s", invite);
}

static void on_sent(void *arg, uint32_t ticket, uint64_t number)
{
	struct person *p = arg;

	assert_true(ticket > 0);
	p->sent++;
	p->last_sent = number;
}

static void on_unsent(void *arg, uint32_t ticket, int error)
{
	struct person *p = arg;

	(void)ticket;
	p->unsent++;
	p->unsent_error = error;
}

static void on_came(void *arg, uint64_t member, const struct bk_card *card, bool is_new, bool has_others_name)
{
	struct person *p = arg;

	(void)member;
	(void)card;
	p->came += is_new;
	p->impostors += has_others_name;
}

static void on_gone(void *arg, uint64_t member, const struct bk_card *card)
{
	(void)member;
	(void)card;
	((struct person *)arg)->gone++;
}

static void on_missed(void *arg, uint64_t count)
{
	((struct person *)arg)->missed += count;
}

static void on_restarted(void *arg)
{
	((struct person *)arg)->restarts++;
}

static void on_call(void *arg, const struct bk_chain_line *from, const struct bk_summons *summons)
{
	(void)arg;
	fail_msg("%s calls for %s, and nobody calls here", from->from, summons->purpose);
}

static const struct bk_chain_events events = {
	on_line, on_doubt, on_invite, on_sent, on_unsent, on_came, on_gone, on_missed, on_restarted, on_call};

/* --- the board --- */

static void tell(struct person *p, uint64_t number, const uint8_t *post, size_t len)
{
	uint8_t *exact = malloc(len ? len : 1); /* a sanitizer sees what is read beyond it */

	memcpy(exact, post, len);
	assert_int_equal(bk_chain_take(p->chain, number, exact, len), 0);
	free(exact);
}

static uint64_t keep(struct world *w, const uint8_t *post, size_t len)
{
	struct post *at = &w->log[++w->newest];

	assert_true(w->newest < LOG_MAX);
	free(at->bytes);
	at->bytes = malloc(len);
	at->len = len;
	memcpy(at->bytes, post, len);
	return w->newest;
}

static void tell_all_but(struct world *w, const struct person *but, const uint8_t *post, size_t len)
{
	uint64_t number = keep(w, post, len);

	for (int i = 0; i < PEOPLE; i++)
		if (&w->people[i] != but && !w->people[i].is_away)
			tell(&w->people[i], number, post, len);
}

/* Everything that can go, goes. */
static void run(struct world *w)
{
	const uint8_t *post;
	uint32_t ticket;
	size_t len;
	bool did;

	do {
		did = false;
		for (int i = 0; i < PEOPLE; i++) {
			if (w->people[i].is_away ||
				bk_chain_next_post(w->people[i].chain, w->now, &ticket, &post, &len) <= 0)
				continue;
			did = true;
			uint8_t *copy = malloc(len); /* it is gone when its sender hears it */

			memcpy(copy, post, len);
			if (w->lie)
				w->lie(w, &w->people[i], ticket, copy, len);
			else
				tell_all_but(w, nobody, copy, len);
			free(copy);
		}
	} while (did);
}

static void say(struct person *p, const char *text)
{
	assert_int_equal(bk_chain_say(p->chain, text, strlen(text), 0, NULL), 0);
	run(p->w);
}

/* What an honest board answers to a member that comes, or comes back. */
static void come(struct person *p)
{
	struct world *w = p->w;
	uint8_t life[BK_GROUP_LIFE_LEN];
	uint64_t known, oldest = w->newest > w->kept ? w->newest - w->kept + 1 : 1;

	bk_chain_known(p->chain, life, &known);
	if (!memcmp(life, w->life, sizeof(life)) && known + 1 > oldest)
		oldest = known + 1;
	p->is_away = false;
	assert_int_equal(bk_chain_begin(p->chain, w->life, oldest > w->newest ? 0 : oldest, w->newest), 0);
	for (uint64_t n = oldest; n <= w->newest; n++)
		tell(p, n, w->log[n].bytes, w->log[n].len);
	run(w);
}

static void leave(struct person *p)
{
	p->is_away = true;
	bk_chain_lost(p->chain);
}

static void forget_posts(struct world *w)
{
	for (int i = 0; i < LOG_MAX; i++) {
		free(w->log[i].bytes);
		w->log[i] = (struct post){0};
	}
	w->newest = 0;
}

static void start(struct world *w, struct person *p, const char *name, uint8_t seed)
{
	const uint8_t bytes[crypto_sign_SEEDBYTES] = {seed};
	struct bk_chain_opts opts = {.keys = &w->keys,
		.signer = &p->signer,
		.name = name,
		.sitting = seed,
		.wants_all = seed == 2,
		.events = &events,
		.arg = p};

	p->w = w;
	crypto_sign_seed_keypair(p->signer.key, p->signer.secret, bytes);
	assert_int_equal(bk_chain_new(&opts, &p->chain), 0);
}

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	if (sodium_init() < 0)
		return -1;
	*w = (struct world){.keys = {.id = {1}, .seal = {{3}, {4}}}, .life = {1}, .kept = 100, .now = BK_SEC};
	start(w, ANNA, "anna", 1);
	start(w, BERT, "bert", 2);
	start(w, CARL, "carl", 3);
	for (int i = 0; i < PEOPLE; i++)
		come(&w->people[i]);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < PEOPLE; i++)
		bk_chain_free(w->people[i].chain);
	forget_posts(w);
	free(w->held.bytes);
	free(w);
	return 0;
}

static unsigned doubts_of(const struct person *p)
{
	unsigned n = 0;

	for (int i = 0; i < DOUBTS; i++)
		n += p->doubts[i];
	return n;
}

static void assert_nobody_doubts(struct world *w)
{
	for (int i = 0; i < PEOPLE; i++)
		assert_int_equal(doubts_of(&w->people[i]), 0);
}

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

static void restart(struct world *w)
{
	for (int i = 0; i < PEOPLE; i++)
		leave(&w->people[i]);
	forget_posts(w);
	w->life[0]++;
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
	bk_chain_know(BERT->chain, "dora", ANNA->signer.key);
	start(w, &mallory, "dora", 10);
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

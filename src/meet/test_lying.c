/* SPDX-License-Identifier: Apache-2.0 */
/* A server that lies. Whatever it does with what passes through its hands, no session opens but between the
 * two who know the code, and each side ends with an error that has a name. */
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/error.h"
#include "meet/pairing.h"
#include "session/test_kit.h"

enum { MAILS = 8, PINGS_RARE = 1000 };

#define HOPELESS (40 * BK_SEC) /* more than any wait of a session */
#define WAIT     (30 * BK_SEC) /* of a maker whose code nobody has tried: it goes on to be good */

enum what { LEFT, ANSWER, REPLY, WRONG, OTHER };

struct mail {
	uint8_t *body;
	size_t len;
};

/* What the server does with one kind of mail. */
struct liar {
	struct story *st;
	enum what what;
	enum lie verdict;                                            /* for that kind */
	void (*change)(struct liar *l, uint8_t **body, size_t *len); /* may be NULL */
	int position;                 /* for flips; from the end when negative */
	struct bk_pairing to_a, to_b; /* the man in the middle, once for each side */
	struct mail seen[OTHER];      /* in this story */
	struct mail *old;             /* of an earlier one */
	bk_dur fly;                   /* let this time pass once the lie is told */
	int lies;
};

static void keep(struct mail *m, const uint8_t *body, size_t len)
{
	free(m->body);
	m->body = malloc(len + 1);
	assert_non_null(m->body);
	memcpy(m->body, body, len);
	m->len = len;
}

static void replace(uint8_t **body, size_t *len, const void *by, size_t n)
{
	uint8_t *fresh = malloc(n + 1);

	assert_non_null(fresh);
	memcpy(fresh, by, n);
	free(*body);
	*body = fresh;
	*len = n;
}

static enum lie handle(struct liar *l, enum what what, uint8_t **body, size_t *len)
{
	if (what < OTHER && *body)
		keep(&l->seen[what], *body, *len);
	if (what != l->what)
		return LIE_NONE;
	l->lies++;
	if (l->change)
		l->change(l, body, len);
	if (l->fly)
		story_let_time_fly(l->fly);
	return l->verdict;
}

static enum lie on_left(void *arg, uint8_t **body, size_t *len)
{
	return handle(arg, LEFT, body, len);
}

static enum lie on_mail(void *arg, unsigned from_seat, uint8_t **body, size_t *len)
{
	int kind = bk_pairing_kind(*body, *len);

	(void)from_seat;
	return handle(arg, kind < 0 ? OTHER : (enum what)kind, body, len);
}

static void forget(struct liar *l)
{
	for (int i = 0; i < OTHER; i++)
		free(l->seen[i].body);
	bk_pairing_done(&l->to_a);
	bk_pairing_done(&l->to_b);
}

/* One story with this liar for a server. The pings are rare, so that time may fly. */
static void tell(struct story *st, struct liar *l)
{
	story_set_up_with(st, (struct bk_server_opts){.ping_interval_ns = PINGS_RARE * BK_SEC,
				      .nameplate_lifetime_ns = PINGS_RARE * BK_SEC});
	st->wait = WAIT;
	l->st = st;
	st->lies = (struct lies){.arg = l, .on_mail = on_mail, .on_left = on_left};
	story_run(st);
	assert_true(l->lies > 0);
}

static void assert_nobody_opened(const struct story *st)
{
	assert_false(st->a.opened || st->b.opened);
	assert_int_equal(st->a.paths + st->b.paths, 0);
	assert_true(st->a.error < 0 && st->b.error < 0);
	assert_string_not_equal(bk_error_name(st->a.error), "unknown");
	assert_string_not_equal(bk_error_name(st->b.error), "unknown");
}

static void expect(struct liar *l, int error_a, int error_b)
{
	struct story st;

	tell(&st, l);
	assert_nobody_opened(&st);
	assert_int_equal(st.a.error, error_a);
	assert_int_equal(st.b.error, error_b);
	story_tear_down(&st);
	forget(l);
}

/* --- a man in the middle with one guess for each side --- */

static void leave_guess(struct liar *l, uint8_t **body, size_t *len)
{
	struct bk_buf out;

	bk_buf_init(&out, BK_PAIRING_MAIL_MAX);
	assert_int_equal(bk_pairing_init(&l->to_b, true, "wrong-guess"), 0);
	assert_int_equal(bk_pairing_leave(&l->to_b, &out), 0);
	replace(body, len, bk_buf_head(&out), out.len);
	bk_buf_done(&out);
}

static void answer_guess(struct liar *l, uint8_t **body, size_t *len)
{
	struct bk_intro intro = {.version = BK_INTRO_VERSION, .id = "liar"};
	uint32_t nameplate = (uint32_t)strtoul(l->st->a.code, NULL, 10);
	struct bk_intro stolen;
	struct bk_buf out;

	if (l->to_b.is_initiator) /* what the joiner sent opens for nobody who only guessed */
		assert_int_equal(
			bk_pairing_take_answer(&l->to_b, nameplate, *body, *len, &stolen), BK_E_WRONG_CODE);
	bk_buf_init(&out, BK_PAIRING_MAIL_MAX);
	assert_int_equal(bk_pairing_init(&l->to_a, false, "wrong-guess"), 0);
	assert_int_equal(
		bk_pairing_answer(&l->to_a, nameplate, l->seen[LEFT].body, l->seen[LEFT].len, &intro, &out),
		0);
	replace(body, len, bk_buf_head(&out), out.len);
	bk_buf_done(&out);
}

static enum lie on_mail_in_the_middle(void *arg, unsigned from_seat, uint8_t **body, size_t *len)
{
	struct liar *l = arg;
	int kind = bk_pairing_kind(*body, *len);

	(void)from_seat;
	if (kind == BK_PAIRING_ANSWER)
		answer_guess(l, body, len);
	return LIE_NONE;
}

static void a_man_in_the_middle_who_guesses_gets_nobody(void **state)
{
	struct liar l = {.what = LEFT, .change = leave_guess};
	struct story st;

	(void)state;
	story_set_up(&st);
	l.st = &st;
	st.lies = (struct lies){.arg = &l, .on_mail = on_mail_in_the_middle, .on_left = on_left};
	story_run(&st);
	assert_nobody_opened(&st);
	assert_int_equal(st.a.error, BK_E_WRONG_CODE);
	assert_int_equal(st.b.error, BK_E_WRONG_CODE);
	story_tear_down(&st);
	forget(&l);
}

static void a_swapped_share_is_a_wrong_code(void **state)
{
	struct liar left = {.what = LEFT, .change = leave_guess};
	struct liar answer = {.what = ANSWER, .change = answer_guess};

	(void)state;
	expect(&left, BK_E_WRONG_CODE, BK_E_WRONG_CODE);
	expect(&answer, BK_E_WRONG_CODE, BK_E_WRONG_CODE);
}

/* --- bytes changed --- */

static void flip(struct liar *l, uint8_t **body, size_t *len)
{
	size_t at = l->position < 0 ? *len - (size_t)-l->position : (size_t)l->position;

	assert_true(at < *len);
	(*body)[at] ^= 1;
}

static void cut(struct liar *l, uint8_t **body, size_t *len)
{
	(void)body;
	assert_true((size_t)l->position <= *len);
	*len = (size_t)l->position;
}

static void grow(struct liar *l, uint8_t **body, size_t *len)
{
	static uint8_t big[BK_PAIRING_MAIL_MAX + 1000];

	(void)l;
	memcpy(big, *body, *len);
	replace(body, len, big, sizeof(big));
}

static void any_changed_byte_ends_it(void **state)
{
	static const struct {
		enum what what;
		int position;
	} rows[] = {
		{LEFT, 0}, /* version */
		{LEFT, 1}, /* kind */
		{LEFT, 2}, /* share, its two ends */
		{LEFT, 33},
		{ANSWER, 0},
		{ANSWER, 1},
		{ANSWER, 2},
		{ANSWER, 33},
		{ANSWER, 34}, /* nonce */
		{ANSWER, 58}, /* the introduction: its beginning, where the pin may be, its end */
		{ANSWER, 120},
		{ANSWER, 200},
		{ANSWER, -17},
		{ANSWER, -1}, /* tag */
		{REPLY, 0},
		{REPLY, 1},
		{REPLY, 2},
		{REPLY, 26},
		{REPLY, 150},
		{REPLY, -1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct liar l = {
			.what = rows[i].what, .change = flip, .position = rows[i].position, .fly = HOPELESS};
		struct story st;

		tell(&st, &l);
		assert_nobody_opened(&st);
		story_tear_down(&st);
		forget(&l);
	}
}

static void any_other_length_ends_it(void **state)
{
	static const struct {
		enum what what;
		int len;
	} rows[] = {{LEFT, 0}, {LEFT, 2}, {LEFT, 33}, {ANSWER, 1}, {ANSWER, 33}, {ANSWER, 34}, {ANSWER, 73},
		{ANSWER, 100}, {REPLY, 2}, {REPLY, 41}, {REPLY, 42}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct liar l = {
			.what = rows[i].what, .change = cut, .position = rows[i].len, .fly = HOPELESS};
		struct story st;

		tell(&st, &l);
		assert_nobody_opened(&st);
		story_tear_down(&st);
		forget(&l);
	}
	for (int what = LEFT; what <= REPLY; what++) {
		struct liar l = {.what = (enum what)what, .change = grow, .fly = HOPELESS};
		struct story st;

		tell(&st, &l);
		assert_nobody_opened(&st);
		story_tear_down(&st);
		forget(&l);
	}
}

/* --- mail from elsewhere --- */

static void bring_old(struct liar *l, uint8_t **body, size_t *len)
{
	replace(body, len, l->old[l->what].body, l->old[l->what].len);
}

static void mail_of_an_earlier_session_is_a_wrong_code(void **state)
{
	struct liar honest = {.what = ANSWER};
	struct liar left = {.what = LEFT, .change = bring_old, .old = honest.seen};
	struct liar answer = {.what = ANSWER, .change = bring_old, .old = honest.seen};
	struct liar reply = {.what = REPLY, .change = bring_old, .old = honest.seen};
	struct story st;

	(void)state;
	tell(&st, &honest);
	assert_int_equal(st.a.error, 0);
	assert_int_equal(st.b.error, 0);
	story_tear_down(&st);
	expect(&left, BK_E_WRONG_CODE, BK_E_WRONG_CODE);
	expect(&answer, BK_E_WRONG_CODE, BK_E_WRONG_CODE);
	expect(&reply, BK_E_WRONG_CODE, BK_E_WRONG_CODE);
	forget(&honest);
}

/* The maker's own share, with what the joiner sealed: the share that comes back is our own. */
static void reflect_to_maker(struct liar *l, uint8_t **body, size_t *len)
{
	(void)len;
	memcpy(*body + 2, l->seen[LEFT].body + 2, BK_PAKE_SHARE_LEN);
}

/* What the joiner itself sealed, as if it were the reply. */
static void reflect_to_joiner(struct liar *l, uint8_t **body, size_t *len)
{
	const struct mail *own = &l->seen[ANSWER];

	assert_true(own->len > 34);
	replace(body, len, own->body, own->len - 32);
	(*body)[1] = BK_PAIRING_REPLY;
	memcpy(*body + 2, own->body + 34, own->len - 34);
}

static void own_mail_sent_back_is_a_wrong_code(void **state)
{
	struct liar maker = {.what = ANSWER, .change = reflect_to_maker};
	struct liar joiner = {.what = REPLY, .change = reflect_to_joiner};

	(void)state;
	expect(&maker, BK_E_WRONG_CODE, BK_E_WRONG_CODE);
	expect(&joiner, BK_E_WRONG_CODE, BK_E_WRONG_CODE);
}

static void make_wrong(struct liar *l, uint8_t **body, size_t *len)
{
	static const uint8_t wrong[] = {1, BK_PAIRING_WRONG};

	(void)l;
	replace(body, len, wrong, sizeof(wrong));
}

static void a_server_that_says_wrong_code_ends_it_and_no_more(void **state)
{
	struct liar answer = {.what = ANSWER, .change = make_wrong};
	struct story st;

	(void)state;
	tell(&st, &answer);
	assert_nobody_opened(&st);
	assert_int_equal(st.a.error, BK_E_WRONG_CODE);
	story_tear_down(&st);
	forget(&answer);
}

/* --- lost and doubled --- */

static void lost_mail_ends_in_time(void **state)
{
	struct liar answer = {.what = ANSWER, .verdict = LIE_DROP, .fly = HOPELESS};
	struct liar reply = {.what = REPLY, .verdict = LIE_DROP, .fly = HOPELESS};
	struct story st;

	(void)state;
	tell(&st, &answer);
	assert_nobody_opened(&st);
	assert_true(st.a.codes == 2 || st.a.error == BK_E_TIMEOUT);
	assert_true(st.b.error == BK_E_TIMEOUT || st.b.error == BK_E_PEER_VANISHED);
	story_tear_down(&st);
	forget(&answer);
	tell(&st, &reply);
	assert_nobody_opened(&st);
	assert_int_equal(st.a.error, BK_E_NO_PATH);
	assert_true(st.b.error == BK_E_TIMEOUT || st.b.error == BK_E_PEER_VANISHED);
	story_tear_down(&st);
	forget(&reply);
}

static void a_lost_word_of_the_wrong_code_still_ends_who_came_with_it(void **state)
{
	struct liar l = {.what = WRONG, .verdict = LIE_DROP};
	struct story st;

	(void)state;
	story_set_up(&st);
	st.join_with = "-wrong-guess";
	l.st = &st;
	st.lies = (struct lies){.arg = &l, .on_mail = on_mail, .on_left = on_left};
	story_run(&st);
	assert_nobody_opened(&st);
	assert_int_equal(st.a.codes, 2);
	assert_int_equal(st.b.error, BK_E_PEER_VANISHED);
	story_tear_down(&st);
	forget(&l);
}

static void doubled_mail_changes_nothing(void **state)
{
	static const enum what kinds[] = {ANSWER, REPLY};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct liar l = {.what = kinds[i], .verdict = LIE_TWICE};
		struct story st;

		tell(&st, &l);
		assert_int_equal(st.a.error, 0);
		assert_int_equal(st.b.error, 0);
		assert_int_equal(st.a.paths, 1);
		assert_int_equal(st.b.paths, 1);
		story_tear_down(&st);
		forget(&l);
	}
}

static void a_wrong_answer_given_twice_is_still_one_guess(void **state)
{
	struct liar l = {.what = ANSWER, .change = answer_guess, .verdict = LIE_TWICE};

	(void)state;
	expect(&l, BK_E_WRONG_CODE, BK_E_WRONG_CODE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_man_in_the_middle_who_guesses_gets_nobody),
		cmocka_unit_test(a_swapped_share_is_a_wrong_code),
		cmocka_unit_test(any_changed_byte_ends_it),
		cmocka_unit_test(any_other_length_ends_it),
		cmocka_unit_test(mail_of_an_earlier_session_is_a_wrong_code),
		cmocka_unit_test(own_mail_sent_back_is_a_wrong_code),
		cmocka_unit_test(a_server_that_says_wrong_code_ends_it_and_no_more),
		cmocka_unit_test(lost_mail_ends_in_time),
		cmocka_unit_test(a_lost_word_of_the_wrong_code_still_ends_who_came_with_it),
		cmocka_unit_test(doubled_mail_changes_nothing),
		cmocka_unit_test(a_wrong_answer_given_twice_is_still_one_guess),
	};

	return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Strangers at a code that waits: whatever they do with it, who made it goes on to wait, under another code where
 * a guess was taken, and at all codes together only a few guesses are taken. */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "meet/pairing.h"
#include "meet/test_pair.h"

enum { GUESSES = 4, MOMENTS = 40, SILENT_TIMES = 6 };

static void wait_for_code(struct pair *p)
{
	set_up(p);
	p->nobody_joins = true;
	p->target_of_a = p->proxy.target;
	start(p);
	run_until(p, &p->codes, 1);
}

static void come_with(struct pair *p, const char *code)
{
	struct bk_session_opts opts = {.code = code, .name = "b"};

	go(&p->b);
	p->b = (struct who){.pair = p};
	come(&p->b, p->st.target, &opts, &joiner_events);
}

static void guess(struct pair *p)
{
	char wrong[STORY_CODE_MAX];

	snprintf(wrong, sizeof(wrong), "%lu-wrong-guess", strtoul(p->code, NULL, 10));
	come_with(p, wrong);
	run_until(p, &p->b.ends, 1);
	assert_int_equal(p->b.error, BK_E_WRONG_CODE);
}

static void meet_by(struct pair *p, const char *code)
{
	come_with(p, code);
	both_met(p, 1);
	assert_memory_equal(p->a.met.token, p->b.met.token, BK_MAILBOX_TOKEN_LEN);
	assert_int_equal(p->a.ends + p->b.ends, 0);
}

static void a_wrong_guess_makes_for_another_code(void **state)
{
	char before[STORY_CODE_MAX];
	struct pair p;

	(void)state;
	wait_for_code(&p);
	snprintf(before, sizeof(before), "%s", p.code);
	guess(&p);
	run_until(&p, &p.codes, 2);
	assert_non_null(strstr(p.a.said, "somebody tried a wrong code"));
	assert_non_null(strstr(p.a.said, "another one is good now"));
	assert_string_not_equal(strchr(p.code, '-'), strchr(before, '-'));
	if (strtoul(p.code, NULL, 10) != strtoul(before, NULL, 10)) {
		come_with(&p, before);
		run_until(&p, &p.b.ends, 1);
		assert_int_equal(p.b.error, BK_E_NO_SUCH_PEER);
	}
	meet_by(&p, p.code);
	tear_down(&p);
}

static void the_guesses_at_all_codes_of_one_maker_are_few(void **state)
{
	struct pair p;

	(void)state;
	wait_for_code(&p);
	for (int i = 1; i < GUESSES; i++) {
		guess(&p);
		run_until(&p, &p.codes, i + 1);
		pass(&p, 30 * BK_SEC); /* the server rations guesses */
	}
	assert_int_equal(p.a.ends, 0);
	guess(&p);
	run_until(&p, &p.a.ends, 1);
	assert_int_equal(p.a.error, BK_E_WRONG_CODE);
	assert_int_equal(p.codes, GUESSES);
	tear_down(&p);
}

static void a_code_that_was_chosen_has_one_guess(void **state)
{
	struct bk_session_opts opts = {.name = "a", .code_wish = "4711-blue-whale"};
	struct pair p;

	(void)state;
	set_up(&p);
	p.nobody_joins = true;
	come(&p.a, p.st.target, &opts, &maker_events);
	run_until(&p, &p.codes, 1);
	guess(&p);
	run_until(&p, &p.a.ends, 1);
	assert_int_equal(p.a.error, BK_E_WRONG_CODE);
	assert_int_equal(p.codes, 1);
	tear_down(&p);
}

/* --- strangers without a guess --- */

/* Claims a code by its number and knows nothing else. */
struct stranger {
	struct pair *pair;
	struct bk_rdv_mailbox *mailbox;
	void *rdv;
	int readies, claims, plates;
	uint8_t mail[8];
	size_t mail_len;
};

static void ready(void *arg)
{
	struct stranger *s = arg;

	s->readies++;
	look(s->pair);
}

static void claimed(void *arg, uint32_t nameplate, const uint8_t token[BK_MAILBOX_TOKEN_LEN],
	const uint8_t *left, size_t n)
{
	struct stranger *s = arg;

	(void)nameplate, (void)token, (void)left, (void)n;
	if (s->mail_len)
		assert_int_equal(bk_rdv_ops.mail(s->rdv, s->mail, s->mail_len), 0);
	s->claims++;
	look(s->pair);
}

static void plate(void *arg, uint32_t nameplate)
{
	struct stranger *s = arg;

	(void)nameplate;
	s->plates++;
	look(s->pair);
}

static void ignore(void *arg)
{
	(void)arg;
}

static void ignore_mail(void *arg, const uint8_t *body, size_t n)
{
	(void)arg, (void)body, (void)n;
}

static void ignore_code(void *arg, int code)
{
	(void)arg, (void)code;
}

static void ignore_error(void *arg, int code, const char *text)
{
	(void)arg, (void)code, (void)text;
}

static const struct bk_mailbox_events stranger_events = {.on_ready = ready,
	.on_view = ignore,
	.on_nameplate = plate,
	.on_claimed = claimed,
	.on_mail = ignore_mail,
	.on_released = ignore_code,
	.on_error = ignore_error,
	.on_end = ignore_error};

static void stranger_claims(struct stranger *s, struct pair *p)
{

	s->pair = p;
	assert_int_equal(bk_rdv_mailbox_new(&(struct bk_rdv_opts){.server = p->st.target, .is_hidden = true},
				 &s->mailbox),
		0);
	assert_int_equal(bk_rdv_ops.open(s->mailbox, p->st.loop, &stranger_events, s, &s->rdv), 0);
	run_until(p, &s->readies, 1);
	assert_int_equal(bk_rdv_ops.claim(s->rdv, (uint32_t)strtoul(p->code, NULL, 10)), 0);
	run_until(p, &s->claims, 1);
}

static void stranger_goes(struct stranger *s)
{
	bk_rdv_ops.close(s->rdv);
	bk_rdv_mailbox_free(s->mailbox);
}

static void who_takes_a_code_and_says_nothing_does_not_end_the_waiting(void **state)
{
	struct pair p;

	(void)state;
	wait_for_code(&p);
	for (int i = 1; i <= SILENT_TIMES; i++) {
		struct stranger s = {0};

		stranger_claims(&s, &p);
		pass(&p, 32 * BK_SEC);
		assert_int_equal(p.codes, i + 1);
		assert_non_null(strstr(p.a.said, "said nothing"));
		stranger_goes(&s);
		pass(&p, BK_SEC);
	}
	meet_by(&p, p.code);
	tear_down(&p);
}

static void who_takes_a_code_and_gives_it_back_has_not_used_it_up(void **state)
{
	struct stranger s = {0};
	struct pair p;

	(void)state;
	wait_for_code(&p);
	stranger_claims(&s, &p);
	bk_rdv_ops.release(s.rdv);
	pass(&p, 3 * BK_SEC);
	stranger_goes(&s);
	assert_int_equal(p.codes, 1);
	meet_by(&p, p.code);
	tear_down(&p);
}

static void who_takes_the_number_itself_only_makes_for_another_code(void **state)
{
	struct stranger s = {0};
	struct pair p;

	(void)state;
	wait_for_code(&p);
	stranger_claims(&s, &p);
	bk_rdv_ops.release(s.rdv);
	assert_int_equal(bk_rdv_ops.leave(s.rdv, (uint32_t)strtoul(p.code, NULL, 10), "x", 1), 0);
	run_until(&p, &s.plates, 1);
	pass(&p, 3 * BK_SEC);
	assert_int_equal(p.codes, 2);
	assert_non_null(strstr(p.a.said, "got the number"));
	meet_by(&p, p.code);
	stranger_goes(&s);
	tear_down(&p);
}

static void what_is_no_answer_is_a_guess(void **state)
{
	static const struct {
		uint8_t mail[4];
		size_t len;
	} rows[] = {{{0}, 1}, {{1, BK_PAIRING_LEFT}, 2}, {{1, BK_PAIRING_ANSWER, 7}, 3},
		{{1, BK_PAIRING_REPLY}, 2}, {{1, BK_PAIRING_WRONG}, 2}, {{1, BK_PAIRING_AGAIN}, 2},
		{{9, BK_PAIRING_ANSWER}, 2}, {{1, 99}, 2}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct stranger s = {.mail_len = rows[i].len};
		struct pair p;

		memcpy(s.mail, rows[i].mail, rows[i].len);
		wait_for_code(&p);
		stranger_claims(&s, &p);
		run_until(&p, &p.codes, 2);
		stranger_goes(&s);
		for (int n = 2; n < GUESSES; n++) { /* it was counted */
			pass(&p, 30 * BK_SEC);
			guess(&p);
			run_until(&p, &p.codes, n + 1);
		}
		pass(&p, 30 * BK_SEC);
		guess(&p);
		run_until(&p, &p.a.ends, 1);
		assert_int_equal(p.a.error, BK_E_WRONG_CODE);
		tear_down(&p);
	}
}

/* --- in the middle of it --- */

static void a_connection_that_dies_beside_a_guess_costs_one_code_at_most(void **state)
{
	struct pair p;

	(void)state;
	for (int moment = 0; moment < MOMENTS; moment++) {
		char wrong[STORY_CODE_MAX];

		wait_for_code(&p);
		snprintf(wrong, sizeof(wrong), "%lu-wrong-guess", strtoul(p.code, NULL, 10));
		come_with(&p, wrong);
		kit_run_idle(p.st.loop, moment);
		proxy_cut(&p.proxy);
		pass(&p, 70 * BK_SEC);
		assert_int_equal(p.a.ends, 0);
		assert_int_equal(p.b.ends, 1);
		assert_in_range(p.codes, 1, 2);
		meet_by(&p, p.code);
		tear_down(&p);
	}
}

static void a_guesser_that_runs_away_changes_nothing(void **state)
{
	struct pair p;

	(void)state;
	for (int moment = 0; moment < MOMENTS; moment++) {
		char wrong[STORY_CODE_MAX];

		wait_for_code(&p);
		snprintf(wrong, sizeof(wrong), "%lu-wrong-guess", strtoul(p.code, NULL, 10));
		come_with(&p, wrong);
		kit_run_idle(p.st.loop, moment);
		go(&p.b);
		pass(&p, 5 * BK_SEC);
		assert_int_equal(p.a.ends, 0);
		assert_in_range(p.codes, 1, 2);
		meet_by(&p, p.code);
		tear_down(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_wrong_guess_makes_for_another_code),
		cmocka_unit_test(the_guesses_at_all_codes_of_one_maker_are_few),
		cmocka_unit_test(a_code_that_was_chosen_has_one_guess),
		cmocka_unit_test(who_takes_a_code_and_says_nothing_does_not_end_the_waiting),
		cmocka_unit_test(who_takes_a_code_and_gives_it_back_has_not_used_it_up),
		cmocka_unit_test(who_takes_the_number_itself_only_makes_for_another_code),
		cmocka_unit_test(what_is_no_answer_is_a_guess),
		cmocka_unit_test(a_connection_that_dies_beside_a_guess_costs_one_code_at_most),
		cmocka_unit_test(a_guesser_that_runs_away_changes_nothing),
	};

	if (getenv("BK_TEST_ONLY"))
		cmocka_set_test_filter(getenv("BK_TEST_ONLY"));
	return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}

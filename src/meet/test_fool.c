/* SPDX-License-Identifier: Apache-2.0 */
/* A mailbox that says anything at any moment: before it is ready, twice, about nameplates that nobody left, with
 * mail that nobody wrote. Nobody is met, and nothing breaks. */
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/error.h"
#include "base/rng.h"
#include "meet/meet.h"
#include "meet/pairing.h"
#include "session/test_kit.h"

enum { SEEDS = 2000, SAYINGS = 24, NAMEPLATE = 7, BODY_MAX = 200, GUESSES_MAX = 4, CLAIMS_MAX = 8 };

/* Four boxes at most, each remembered by who listens to it. */
struct fool {
	const struct bk_mailbox_events *events[4];
	void *args[4];
	int boxes;
	struct bk_rng rng;
};

static int open_box(void *arg, struct bk_loop *loop, const struct bk_mailbox_events *events, void *events_arg,
	void **ret_box)
{
	struct fool *f = arg;

	(void)loop;
	for (int i = 0; i < 4; i++) {
		if (f->events[i])
			continue;
		f->events[i] = events;
		f->args[i] = events_arg;
		f->boxes++;
		*ret_box = &f->events[i];
		return 0;
	}
	return BK_E_FULL;
}

static void close_box(void *box)
{
	*(const struct bk_mailbox_events **)box = NULL;
}

static int take(void *box, uint32_t wish, const void *body, size_t n)
{
	(void)box, (void)wish, (void)body, (void)n;
	return 0;
}

static int claim(void *box, uint32_t nameplate)
{
	(void)box, (void)nameplate;
	return 0;
}

/* What a seed's session has mailed, by kind: each answer, and each word of a wrong one, is a guess that was taken. */
static int mailed[256];

static int mail(void *box, const void *body, size_t n)
{
	(void)box;
	assert_true(n >= 2);
	mailed[((const uint8_t *)body)[1]]++;
	return 0;
}

static void release(void *box)
{
	(void)box;
}

static int rejoin(void *box, const struct bk_mailbox_rejoin *j)
{
	(void)box, (void)j;
	return 0;
}

static unsigned roll(struct fool *f, unsigned n)
{
	return (unsigned)bk_rng_range(&f->rng, 0, n - 1);
}

/* Mostly like mail of ours, as far as it can be without the words. */
static size_t invent(struct fool *f, uint8_t body[BODY_MAX])
{
	for (int i = 0; i < BODY_MAX; i++)
		body[i] = (uint8_t)roll(f, 256);
	body[0] = roll(f, 8) ? 1 : 0;
	body[1] = (uint8_t)roll(f, 6);
	return roll(f, 4) ? roll(f, BODY_MAX) : 34;
}

static void say_something(struct fool *f)
{
	static const int codes[] = {0, BK_E_PEER_VANISHED, BK_E_EXISTS, BK_E_NO_SUCH_PEER};
	uint8_t body[BODY_MAX], token[BK_MAILBOX_TOKEN_LEN] = {(uint8_t)roll(f, 3)};
	size_t n = invent(f, body);
	unsigned i = roll(f, 4);
	const struct bk_mailbox_events *to = f->events[i];
	void *arg = f->args[i];

	switch (to ? roll(f, 40) : 99) {
	case 0 ... 5:
		to->on_ready(arg);
		break;
	case 6 ... 8:
		to->on_view(arg);
		break;
	case 9 ... 14:
		to->on_nameplate(arg, roll(f, 4) ? NAMEPLATE : 0);
		break;
	case 15 ... 22:
		to->on_claimed(arg, roll(f, 4) ? NAMEPLATE : 0, roll(f, 2) ? token : NULL, body, n);
		break;
	case 23 ... 30:
		to->on_mail(arg, body, n);
		break;
	case 31 ... 33:
		to->on_round(arg, token);
		break;
	case 34 ... 36:
		to->on_released(arg, codes[roll(f, 2)]);
		break;
	case 37:
		to->on_error(arg, codes[roll(f, 4)], "");
		break;
	case 38:
		to->on_end(arg, BK_E_EOF, "gone");
		break;
	default:
		break;
	}
}

static void on_met(void *arg)
{
	(void)arg;
	fail();
}

static void on_end(void *arg, int error, const char *text)
{
	int *ends = arg;

	assert_true(error < 0);
	assert_non_null(text);
	++*ends;
}

static void a_mailbox_that_says_anything_at_any_moment_brings_nobody_together(void **state)
{
	static const struct bk_meet_events events = {.on_met = on_met, .on_end = on_end};
	struct bk_mailbox_ops ops = {.size = sizeof(ops),
		.open = open_box,
		.close = close_box,
		.leave = take,
		.claim = claim,
		.mail = mail,
		.rejoin = rejoin};
	struct bk_loop *loop;

	(void)state;
	assert_int_equal(bk_loop_new(BK_LOOP_AUTO, &loop), 0);
	for (unsigned seed = 0; seed < SEEDS; seed++) {
		const struct bk_session_opts session = {.code = seed % 2 ? "7-tulip-anchor" : NULL,
			.transport = BK_TRANSPORT_CHOICE_TCP,
			.name = "x"};
		struct fool f = {0};
		const struct bk_meet_opts opts = {.loop = loop, .session = &session, .mailbox = {&ops, &f}};
		struct bk_meet *m;
		int ends = 0;

		f.rng.state = seed;
		ops.release = seed % 4 < 2 ? release : NULL;
		memset(mailed, 0, sizeof(mailed));
		assert_int_equal(bk_meet_new(&opts, &events, &ends, &m), 0);
		for (int i = 0; i < SAYINGS; i++)
			say_something(&f);
		assert_int_equal(ends, 0); /* only from the loop */
		assert_in_range(mailed[BK_PAIRING_ANSWER], 0, session.code != NULL);
		assert_in_range(mailed[BK_PAIRING_WRONG], 0, GUESSES_MAX);
		assert_int_equal(mailed[BK_PAIRING_REPLY], 0);
		bk_meet_free(m);
		for (int i = 0; i < 4; i++)
			assert_null(f.events[i]);
	}
	bk_loop_free(loop);
}

/* --- one that gives and takes away --- */

/* Answers each claim, from the loop: with what was left, which is gone at once, or with nobody. */
struct tease {
	struct bk_loop *loop;
	struct bk_timer *timer;
	const struct bk_mailbox_events *events;
	void *arg;
	int claims, ends, error, what;
};

static void on_answer(void *arg)
{
	static const uint8_t token[BK_MAILBOX_TOKEN_LEN] = {1};
	struct tease *t = arg;

	if (!t->claims) {
		t->events->on_ready(t->arg);
	} else if (t->what == 2 ? t->claims % 2 : t->what) {
		t->events->on_claimed(t->arg, NAMEPLATE, token, token, sizeof(token));
		t->events->on_released(t->arg, BK_E_PEER_VANISHED);
	} else {
		t->events->on_error(t->arg, BK_E_NO_SUCH_PEER, "");
	}
}

static int tease_open(void *arg, struct bk_loop *loop, const struct bk_mailbox_events *events,
	void *events_arg, void **ret_box)
{
	struct tease *t = arg;

	(void)loop;
	t->events = events;
	t->arg = events_arg;
	*ret_box = t;
	bk_timer_start(t->timer, 0);
	return 0;
}

static void tease_close(void *box)
{
	bk_timer_stop(((struct tease *)box)->timer);
}

static int tease_claim(void *box, uint32_t nameplate)
{
	struct tease *t = box;

	(void)nameplate;
	t->claims++;
	bk_timer_start(t->timer, 0);
	return 0;
}

/* What the session has to wait for before it answers: so it is never asked that far. */
static void tease_view(void *box, struct bk_mailbox_view *ret_view)
{
	(void)box;
	ret_view->samples_awaited = 1;
	ret_view->rtt_ns = 200 * BK_MS;
}

static void on_tease_end(void *arg, int error, const char *text)
{
	struct tease *t = arg;

	assert_non_null(text);
	t->ends++;
	t->error = error;
	bk_loop_stop(t->loop);
}

static void a_mailbox_that_gives_and_takes_away_for_ever_is_left(void **state)
{
	static const struct bk_meet_events events = {.on_met = on_met, .on_end = on_tease_end};
	static const int errors[] = {BK_E_NO_SUCH_PEER, BK_E_PEER_VANISHED, BK_E_NO_SUCH_PEER};
	const struct bk_mailbox_ops ops = {.size = sizeof(ops),
		.open = tease_open,
		.close = tease_close,
		.view = tease_view,
		.leave = take,
		.claim = tease_claim,
		.mail = mail,
		.rejoin = rejoin};
	const struct bk_session_opts session = {
		.code = "7-tulip-anchor", .transport = BK_TRANSPORT_CHOICE_TCP, .name = "x"};

	(void)state;
	for (int what = 0; what < 3; what++) {
		struct tease t = {.what = what};
		const struct bk_meet_opts *opts;
		struct bk_meet *m;

		assert_int_equal(bk_loop_new(BK_LOOP_AUTO, &t.loop), 0);
		opts = &(const struct bk_meet_opts){
			.loop = t.loop, .session = &session, .mailbox = {&ops, &t}};
		assert_int_equal(bk_timer_new(t.loop, on_answer, &t, &t.timer), 0);
		story_clock_init(t.loop);
		assert_int_equal(bk_meet_new(opts, &events, &t, &m), 0);
		story_let_time_fly(1000 * BK_SEC);
		assert_int_equal(bk_loop_run(t.loop), 0);
		assert_int_equal(t.ends, 1);
		assert_int_equal(t.error, errors[what]);
		assert_in_range(t.claims, 1, CLAIMS_MAX);
		bk_meet_free(m);
		bk_timer_free(t.timer);
		story_clock_done();
		bk_loop_free(t.loop);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_mailbox_that_gives_and_takes_away_for_ever_is_left),
		cmocka_unit_test(a_mailbox_that_says_anything_at_any_moment_brings_nobody_together),
	};

	return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}

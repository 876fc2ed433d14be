/* SPDX-License-Identifier: Apache-2.0 */
/* Two mailboxes of the test's own behind one. What they are asked and what the owner hears stands in one line, in its
 * order: F and N are the far and the near one, + opened, - closed, l left, c claimed, m mail, r released, j rejoin. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "base/error.h"
#include "lan/beside.h"
#include "net/test_clock.h"

struct world;

struct fake {
	struct world *w;
	char letter;
	const struct bk_mailbox_events *events; /* NULL: closed */
	void *arg;
};

struct world {
	struct bk_loop *loop;
	struct bk_beside beside;
	struct fake far, near;
	void *box; /* NULL: closed */
	const char *closes_at;
	bool claims;   /* as soon as it is ready */
	bool is_early; /* or before */
	bool is_near_trying;
	char line[400];
};

/* --- the two --- */

__attribute__((format(printf, 2, 3))) static void note_down(struct world *w, const char *format, ...)
{
	size_t n = strlen(w->line);
	va_list args;

	va_start(args, format);
	vsnprintf(w->line + n, sizeof(w->line) - n, format, args);
	va_end(args);
	assert_true(strlen(w->line) + 1 < sizeof(w->line));
}

static void what(void *box, const char *call, uint32_t number)
{
	const struct fake *f = box;

	assert_non_null(f->events);
	note_down(f->w, number ? "%c%s%u " : "%c%s ", f->letter, call, number);
}

static int fake_open(void *arg, struct bk_loop *loop, const struct bk_mailbox_events *events,
	void *events_arg, void **ret_box)
{
	struct fake *f = arg;

	(void)loop;
	assert_null(f->events);
	f->events = events;
	f->arg = events_arg;
	what(f, "+", 0);
	*ret_box = f;
	return 0;
}

static void fake_close(void *box)
{
	what(box, "-", 0);
	((struct fake *)box)->events = NULL;
}

static int fake_leave(void *box, uint32_t wish, const void *body, size_t n)
{
	assert_int_equal(n, 4);
	assert_memory_equal(body, "left", 4);
	what(box, "l", wish);
	return 0;
}

static int fake_claim(void *box, uint32_t nameplate)
{
	what(box, "c", nameplate);
	return 0;
}

static int fake_mail(void *box, const void *body, size_t n)
{
	(void)body, (void)n;
	what(box, "m", 0);
	return 0;
}

static void fake_release(void *box)
{
	what(box, "r", 0);
}

static int fake_rejoin(void *box, const struct bk_mailbox_rejoin *j)
{
	what(box, "j", (uint32_t)j->number);
	return 0;
}

static const char *fake_name(void *arg)
{
	(void)arg;
	return "far";
}

static const struct bk_mailbox_ops fake_ops = {
	.size = sizeof(fake_ops),
	.open = fake_open,
	.close = fake_close,
	.leave = fake_leave,
	.claim = fake_claim,
	.mail = fake_mail,
	.release = fake_release,
	.rejoin = fake_rejoin,
	.name = fake_name,
};

static bool is_trying(const void *near_box)
{
	const struct fake *f = near_box;

	return f && f->w->is_near_trying;
}

/* --- the owner --- */

static void shut(struct world *w)
{
	if (w->box)
		bk_beside_ops.close(w->box);
	w->box = NULL;
}

static void hear(struct world *w, const char *word)
{
	assert_non_null(w->box);
	note_down(w, "%s ", word);
	if (w->closes_at && !strcmp(word, w->closes_at))
		shut(w);
}

static void on_ready(void *arg)
{
	struct world *w = arg;

	hear(w, "ready");
	if (w->claims && !w->is_early)
		assert_int_equal(bk_beside_ops.claim(w->box, w->beside.number), 0);
}

static void leave(struct world *w);

static void on_early(void *arg)
{
	struct world *w = arg;

	hear(w, "early");
	if (!w->box)
		return;
	w->is_early = true;
	if (w->claims)
		assert_int_equal(bk_beside_ops.claim(w->box, w->beside.number), 0);
	else
		leave(w);
}

static void on_view(void *arg)
{
	hear(arg, "view");
}

static void on_nameplate(void *arg, uint32_t nameplate)
{
	(void)nameplate;
	hear(arg, nameplate == 7 ? "seven" : "eight");
}

static void on_claimed(void *arg, uint32_t nameplate, const uint8_t token[BK_MAILBOX_TOKEN_LEN],
	const uint8_t *left, size_t n)
{
	(void)nameplate, (void)token, (void)left, (void)n;
	hear(arg, "claimed");
}

static void on_mail(void *arg, const uint8_t *body, size_t n)
{
	(void)body, (void)n;
	hear(arg, "mail");
}

static void on_round(void *arg, const uint8_t token[BK_MAILBOX_TOKEN_LEN])
{
	(void)token;
	hear(arg, "round");
}

static void on_released(void *arg, int code)
{
	(void)code;
	hear(arg, "released");
}

static void on_error(void *arg, int code, const char *text)
{
	(void)text;
	hear(arg, code == BK_E_NO_SUCH_PEER ? "nobody" : "taken");
}

static void on_end(void *arg, int error, const char *text)
{
	(void)text;
	hear(arg, error == BK_E_REFUSED ? "refused" : "lost");
}

static void on_note(void *arg, int verbosity, const char *text)
{
	(void)verbosity, (void)text;
	hear(arg, "note");
}

static const struct bk_mailbox_events events = {
	.on_ready = on_ready,
	.on_view = on_view,
	.on_nameplate = on_nameplate,
	.on_claimed = on_claimed,
	.on_mail = on_mail,
	.on_round = on_round,
	.on_released = on_released,
	.on_error = on_error,
	.on_end = on_end,
	.on_note = on_note,
	.on_early = on_early,
};

/* --- what happens --- */

static void open_box(struct world *w)
{
	assert_int_equal(bk_beside_ops.open(&w->beside, w->loop, &events, w, &w->box), 0);
}

/* With a number: somebody who claims it. */
static void begin(struct world *w, uint32_t number)
{
	struct test_clock stopped;

	*w = (struct world){
		.claims = number, .far = {.w = w, .letter = 'F'}, .near = {.w = w, .letter = 'N'}};
	w->beside = (struct bk_beside){.far = {&fake_ops, &w->far},
		.near = {&fake_ops, &w->near},
		.is_trying = is_trying,
		.number = number};
	assert_int_equal(bk_loop_new(BK_LOOP_AUTO, &w->loop), 0);
	stopped.loop = w->loop;
	test_clock_stop(&stopped);
	open_box(w);
}

static void end(struct world *w)
{
	shut(w);
	assert_null(w->far.events);
	assert_null(w->near.events);
	bk_loop_free(w->loop);
	clock_stopped_at = 0;
}

static void pass(struct world *w, bk_dur d)
{
	for (; d > 0; d -= BK_MS) {
		test_clock_push(BK_MS);
		bk_loop_turn(w->loop, 0);
	}
}

/* What has happened since it was asked last. */
static void assert_happened(struct world *w, const char *line)
{
	size_t n = strlen(w->line);

	w->line[n ? n - 1 : 0] = 0;
	assert_string_equal(w->line, line);
	w->line[0] = 0;
}

static void leave(struct world *w)
{
	assert_int_equal(bk_beside_ops.leave(w->box, 0, "left", 4), 0);
}

#define tell(who, event, ...) (who).events->event((who).arg __VA_OPT__(, ) __VA_ARGS__)

/* --- leaving --- */

static void what_is_left_is_at_both_under_the_servers_number(void **state)
{
	struct world w;

	(void)state;
	begin(&w, 0);
	assert_happened(&w, "F+ N+");
	tell(w.far, on_ready);
	leave(&w);
	assert_happened(&w, "ready Fl");
	tell(w.far, on_nameplate, 7);
	tell(w.near, on_nameplate, 7);
	assert_happened(&w, "Nl7 seven");
	pass(&w, 10 * BK_SEC);
	assert_happened(&w, "");
	end(&w);
}

static void a_server_that_is_slow_is_waited_for_four_seconds_and_has_it_when_it_comes(void **state)
{
	struct world w;

	(void)state;
	begin(&w, 0);
	pass(&w, 4 * BK_SEC - 10 * BK_MS);
	assert_happened(&w, "F+ N+");
	pass(&w, 20 * BK_MS);
	assert_happened(&w, "note ready");
	leave(&w);
	tell(w.near, on_nameplate, 7);
	assert_happened(&w, "Nl seven");
	tell(w.far, on_ready);
	assert_happened(&w, "Fl7 view");
	end(&w);
}

static void a_server_that_is_not_there_leaves_the_lan_and_one_that_is_lost_ends_it(void **state)
{
	struct world w;

	(void)state;
	begin(&w, 0);
	tell(w.far, on_end, BK_E_REFUSED, "refused");
	assert_happened(&w, "F+ N+ F- note ready");
	leave(&w);
	tell(w.near, on_nameplate, 7);
	tell(w.near, on_claimed, 7, NULL, NULL, 0);
	assert_happened(&w, "Nl seven claimed");
	end(&w);

	begin(&w, 0);
	tell(w.far, on_ready);
	leave(&w);
	tell(w.far, on_nameplate, 7);
	tell(w.far, on_end, BK_E_REFUSED, "refused");
	assert_happened(&w, "F+ N+ ready Fl Nl7 seven refused");
	end(&w);
}

static void a_number_that_is_taken_at_one_is_good_at_the_other(void **state)
{
	struct world w;

	(void)state;
	begin(&w, 0);
	tell(w.far, on_ready);
	leave(&w);
	tell(w.far, on_nameplate, 7);
	tell(w.near, on_error, BK_E_EXISTS, "taken");
	assert_happened(&w, "F+ N+ ready Fl Nl7 seven N-");
	tell(w.far, on_claimed, 7, NULL, NULL, 0);
	assert_happened(&w, "claimed");
	end(&w);

	begin(&w, 0);
	pass(&w, 4100 * BK_MS);
	leave(&w);
	tell(w.near, on_nameplate, 7);
	tell(w.far, on_ready);
	tell(w.far, on_error, BK_E_EXISTS, "taken");
	assert_happened(&w, "F+ N+ note ready Nl seven Fl7 view note F-");
	tell(w.near, on_claimed, 7, NULL, NULL, 0);
	assert_happened(&w, "claimed");
	end(&w);
}

static void the_first_claim_at_either_withdraws_it_from_the_other(void **state)
{
	struct world w;

	(void)state;
	for (int is_near = 0; is_near < 2; is_near++) {
		struct fake *first = is_near ? &w.near : &w.far;

		begin(&w, 0);
		tell(w.far, on_ready);
		leave(&w);
		tell(w.far, on_nameplate, 7);
		assert_happened(&w, "F+ N+ ready Fl Nl7 seven");
		tell(*first, on_claimed, 7, NULL, NULL, 0);
		tell(*first, on_mail, NULL, 0);
		assert_int_equal(bk_beside_ops.mail(w.box, "x", 1), 0);
		assert_happened(&w, is_near ? "F- claimed mail Nm" : "N- claimed mail Fm");
		assert_int_equal(w.beside.is_near, is_near);
		end(&w);
	}
}

static void what_was_tried_in_vain_is_left_anew_at_both(void **state)
{
	struct world w;

	(void)state;
	begin(&w, 0);
	tell(w.far, on_ready);
	leave(&w);
	tell(w.far, on_nameplate, 7);
	tell(w.near, on_claimed, 7, NULL, NULL, 0);
	bk_beside_ops.release(w.box);
	assert_happened(&w, "F+ N+ ready Fl Nl7 seven F- claimed Nr");
	leave(&w);
	tell(w.near, on_nameplate, 8);
	tell(w.far, on_ready);
	assert_happened(&w, "F+ Nl eight Fl8 view");
	assert_false(w.beside.is_met);
	tell(w.far, on_claimed, 8, NULL, NULL, 0);
	assert_happened(&w, "N- claimed");
	end(&w);
}

/* --- claiming --- */

static void who_claims_asks_the_server_after_the_lan_and_the_lan_again_after_the_server(void **state)
{
	struct world w;

	(void)state;
	begin(&w, 7);
	tell(w.far, on_ready);
	pass(&w, 40 * BK_MS);
	assert_happened(&w, "F+ N+ Nc7 ready");
	pass(&w, 20 * BK_MS);
	assert_happened(&w, "N- Fc7");
	tell(w.far, on_error, BK_E_NO_SUCH_PEER, "");
	assert_happened(&w, "N+ Nc7");
	tell(w.near, on_error, BK_E_NO_SUCH_PEER, "");
	assert_happened(&w, "nobody");
	end(&w);
}

static void a_place_on_the_lan_that_is_tried_is_waited_for(void **state)
{
	struct world w;

	(void)state;
	begin(&w, 7);
	w.is_near_trying = true;
	tell(w.far, on_ready);
	pass(&w, 2 * BK_SEC);
	assert_happened(&w, "F+ N+ Nc7 ready");
	tell(w.near, on_claimed, 7, NULL, NULL, 0);
	assert_happened(&w, "F- claimed");
	end(&w);

	begin(&w, 7);
	w.is_near_trying = true;
	tell(w.far, on_ready);
	pass(&w, 100 * BK_MS);
	w.is_near_trying = false;
	pass(&w, 100 * BK_MS);
	assert_happened(&w, "F+ N+ Nc7 ready N- Fc7");
	end(&w);
}

static void what_the_lan_has_before_the_server_is_there_is_claimed_there(void **state)
{
	struct world w;

	(void)state;
	begin(&w, 7);
	tell(w.near, on_claimed, 7, NULL, NULL, 0);
	assert_happened(&w, "F+ N+ Nc7 F- ready claimed");
	end(&w);
}

static void nobody_on_the_lan_and_no_server_is_why_there_is_no_server(void **state)
{
	struct world w;

	(void)state;
	begin(&w, 7);
	tell(w.far, on_end, BK_E_REFUSED, "refused");
	assert_happened(&w, "F+ N+ Nc7 F-");
	tell(w.near, on_error, BK_E_NO_SUCH_PEER, "");
	assert_happened(&w, "refused");
	end(&w);

	begin(&w, 7);
	tell(w.near, on_error, BK_E_NO_SUCH_PEER, "");
	tell(w.far, on_end, BK_E_REFUSED, "refused");
	assert_happened(&w, "F+ N+ Nc7 F- refused");
	end(&w);
}

/* --- meeting again --- */

static const struct bk_mailbox_rejoin rejoin = {.number = 3};

static void two_who_have_met_meet_again_where_they_met(void **state)
{
	struct world w;

	(void)state;
	for (int is_near = 0; is_near < 2; is_near++) {
		begin(&w, 0);
		shut(&w);
		w.line[0] = 0;
		w.beside.is_met = true;
		w.beside.is_near = is_near;
		open_box(&w);
		assert_int_equal(bk_beside_ops.rejoin(w.box, &rejoin), 0);
		tell(is_near ? w.near : w.far, on_ready);
		tell(is_near ? w.near : w.far, on_round, NULL);
		assert_happened(&w, is_near ? "N+ Nj3 ready round" : "F+ Fj3 ready round");
		end(&w);
	}
}

static void where_they_met_is_unknown_it_is_the_server_or_without_one_the_lan(void **state)
{
	struct world w;

	(void)state;
	begin(&w, 0);
	assert_int_equal(bk_beside_ops.rejoin(w.box, &rejoin), 0);
	assert_happened(&w, "F+ N+ N- Fj3");
	tell(w.far, on_end, BK_E_UNREACHABLE, "unreachable");
	assert_happened(&w, "F- N+ Nj3");
	tell(w.near, on_ready);
	assert_happened(&w, "ready");
	end(&w);

	begin(&w, 0);
	assert_int_equal(bk_beside_ops.rejoin(w.box, &rejoin), 0);
	tell(w.far, on_ready);
	tell(w.far, on_end, BK_E_UNREACHABLE, "unreachable");
	assert_happened(&w, "F+ N+ N- Fj3 ready lost");
	end(&w);
}

static void what_the_servers_greeting_takes_along_is_left_there_or_on_the_lan(void **state)
{
	struct world w;

	(void)state;
	begin(&w, 0);
	tell(w.far, on_early);
	assert_happened(&w, "F+ N+ early Fl");
	tell(w.far, on_ready);
	tell(w.far, on_nameplate, 7);
	assert_happened(&w, "ready Nl7 seven");
	end(&w);

	begin(&w, 0);
	tell(w.far, on_early);
	tell(w.far, on_end, BK_E_TIMEOUT, "no answer");
	tell(w.near, on_nameplate, 7);
	assert_happened(&w, "F+ N+ early Fl F- note ready Nl seven");
	end(&w);

	begin(&w, 0);
	tell(w.far, on_early);
	pass(&w, 4100 * BK_MS);
	tell(w.near, on_nameplate, 7);
	tell(w.far, on_ready);
	assert_happened(&w, "F+ N+ early Fl note ready Nl seven Fl7 view");
	end(&w);
}

static void the_servers_greeting_takes_a_claim_along_that_the_lan_has_had(void **state)
{
	struct world w;

	(void)state;
	begin(&w, 7);
	pass(&w, 60 * BK_MS);
	tell(w.far, on_early);
	pass(&w, 1 * BK_MS);
	assert_happened(&w, "F+ N+ Nc7 early N- Fc7");
	tell(w.far, on_ready);
	tell(w.far, on_claimed, 7, NULL, NULL, 0);
	assert_happened(&w, "ready claimed");
	end(&w);

	begin(&w, 7);
	tell(w.far, on_early);
	pass(&w, 40 * BK_MS);
	assert_happened(&w, "F+ N+ Nc7 early");
	tell(w.near, on_claimed, 7, NULL, NULL, 0);
	assert_happened(&w, "F- ready claimed");
	end(&w);
}

static void it_may_be_closed_in_any_of_its_events(void **state)
{
	static const char *const words[] = {"early", "note", "ready", "seven", "view", "claimed"};
	struct world w;

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		begin(&w, 0);
		w.closes_at = words[i];
		if (!i)
			tell(w.far, on_early);
		pass(&w, 4100 * BK_MS);
		if (w.box)
			leave(&w);
		if (w.box)
			tell(w.near, on_nameplate, 7);
		if (w.box)
			tell(w.far, on_ready);
		if (w.box)
			tell(w.near, on_claimed, 7, NULL, NULL, 0);
		assert_null(w.box);
		end(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_left_is_at_both_under_the_servers_number),
		cmocka_unit_test(a_server_that_is_slow_is_waited_for_four_seconds_and_has_it_when_it_comes),
		cmocka_unit_test(a_server_that_is_not_there_leaves_the_lan_and_one_that_is_lost_ends_it),
		cmocka_unit_test(a_number_that_is_taken_at_one_is_good_at_the_other),
		cmocka_unit_test(the_first_claim_at_either_withdraws_it_from_the_other),
		cmocka_unit_test(what_was_tried_in_vain_is_left_anew_at_both),
		cmocka_unit_test(who_claims_asks_the_server_after_the_lan_and_the_lan_again_after_the_server),
		cmocka_unit_test(a_place_on_the_lan_that_is_tried_is_waited_for),
		cmocka_unit_test(what_the_lan_has_before_the_server_is_there_is_claimed_there),
		cmocka_unit_test(nobody_on_the_lan_and_no_server_is_why_there_is_no_server),
		cmocka_unit_test(two_who_have_met_meet_again_where_they_met),
		cmocka_unit_test(where_they_met_is_unknown_it_is_the_server_or_without_one_the_lan),
		cmocka_unit_test(what_the_servers_greeting_takes_along_is_left_there_or_on_the_lan),
		cmocka_unit_test(the_servers_greeting_takes_a_claim_along_that_the_lan_has_had),
		cmocka_unit_test(it_may_be_closed_in_any_of_its_events),
	};

	return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}

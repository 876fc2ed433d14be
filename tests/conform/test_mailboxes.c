/* SPDX-License-Identifier: Apache-2.0 */
/* What every mailbox must do, whoever runs it. A mailbox that passes is finished. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/time.h"
#include "net/test_kit.h"
#include "tests/conform/mailbox_user.h"
#include "tests/conform/test_support.h"

enum { MAILS = 10, QUIET_TURNS = 200 };

/* --- nameplates --- */

static void what_is_left_is_for_the_one_who_claims_it_and_both_hear_of_it(void **arg)
{
	struct mailbox_user a, b;
	struct mailbox_stage st;

	meet_two(&st, *arg, &a, &b);
	assert_in_range(a.nameplate, 1, 9999999);
	assert_int_equal(b.nameplate, a.nameplate);
	assert_int_equal(b.left_len, 4);
	assert_memory_equal(b.left, "left", 4);
	user_run_until(&a, IN_CLAIMED, 1);
	assert_int_equal(a.left_len, 0);
	assert_true(a.has_token == st.kind->has_token && b.has_token == st.kind->has_token);
	assert_memory_equal(a.token, b.token, sizeof(a.token));
	kit_run_idle(st.loop, QUIET_TURNS);
	assert_true(a.heard[IN_CLAIMED] == 1 && b.heard[IN_CLAIMED] == 1);
	assert_true(a.heard[IN_NAMEPLATE] == 1 && b.heard[IN_NAMEPLATE] == 0);
	end_two(&st, &a, &b);
}

static void a_nameplate_is_claimed_once(void **arg)
{
	struct mailbox_user a, b, c;
	struct mailbox_stage st;

	meet_two(&st, *arg, &a, &b);
	user_start(&c, &st, 1);
	user_claim(&c, a.nameplate);
	user_run_until(&c, IN_ERROR, 1);
	assert_true(c.code == BK_E_CODE_USED || c.code == BK_E_NO_SUCH_PEER);
	assert_int_equal(c.heard[IN_CLAIMED], 0);
	user_close(&c);
	user_mail(&b, 0, 5);
	user_run_until(&a, IN_MAIL, 1);
	end_two(&st, &a, &b);
}

static void a_nameplate_that_nobody_has_is_an_error_and_no_end(void **arg)
{
	struct mailbox_user a, b;
	struct mailbox_stage st;

	start_two(&st, *arg, &a, &b);
	user_claim(&b, 424242);
	user_run_until(&b, IN_ERROR, 1);
	assert_int_equal(b.code, BK_E_NO_SUCH_PEER);
	user_leave(&a, 0, "left");
	user_run_until(&a, IN_NAMEPLATE, 1);
	user_claim(&b, a.nameplate);
	user_run_until(&b, IN_CLAIMED, 1);
	end_two(&st, &a, &b);
}

static void a_wish_is_granted_to_the_first_who_has_it(void **arg)
{
	struct mailbox_user a, b;
	struct mailbox_stage st;

	start_two(&st, *arg, &a, &b);
	user_leave(&a, 4711, "a");
	user_run_until(&a, IN_NAMEPLATE, 1);
	assert_int_equal(a.nameplate, 4711);
	user_leave(&b, 4711, "b");
	user_run_until(&b, IN_ERROR, 1);
	assert_int_equal(b.code, BK_E_EXISTS);
	end_two(&st, &a, &b);
}

static void two_pairs_do_not_hear_each_other(void **arg)
{
	struct mailbox_user a, b, c, d;
	struct mailbox_stage st;

	meet_two(&st, *arg, &a, &b);
	user_start(&c, &st, 0);
	user_start(&d, &st, 1);
	user_leave(&c, 0, "other");
	user_run_until(&c, IN_NAMEPLATE, 1);
	assert_int_not_equal(c.nameplate, a.nameplate);
	user_claim(&d, c.nameplate);
	user_run_until(&d, IN_CLAIMED, 1);
	assert_memory_equal(d.left, "other", 5);
	user_mail(&b, 0, 100);
	user_mail(&d, 0, 200);
	user_run_until(&a, IN_MAIL, 1);
	user_run_until(&c, IN_MAIL, 1);
	assert_true(a.mail_len == 100 && c.mail_len == 200);
	user_close(&c);
	user_close(&d);
	end_two(&st, &a, &b);
}

/* --- mail --- */

static void mail_goes_both_ways_whole_and_in_order(void **arg)
{
	static const size_t sizes[MAILS] = {1, 2, 100, 1000, 4096, 9000, 8999, 3, 65536, 7};
	struct mailbox_user a, b;
	struct mailbox_stage st;
	size_t all = 0;

	meet_two(&st, *arg, &a, &b);
	user_run_until(&a, IN_CLAIMED, 1);
	for (int i = 0; i < MAILS; i++) {
		all += sizes[i];
		user_mail(&a, i, sizes[i]);
		user_mail(&b, i, sizes[i]);
	}
	user_run_until(&a, IN_MAIL, MAILS);
	user_run_until(&b, IN_MAIL, MAILS);
	assert_false(a.garbled || b.garbled);
	assert_true(a.mail_bytes == all && b.mail_bytes == all);
	end_two(&st, &a, &b);
}

static void mail_waits_for_who_has_not_heard_of_the_other_yet(void **arg)
{
	struct mailbox_user a, b;
	struct mailbox_stage st;

	meet_two(&st, *arg, &a, &b);
	user_mail(&b, 0, 33);
	user_run_until(&a, IN_MAIL, 1);
	assert_int_equal(a.heard[IN_CLAIMED], 1);
	assert_false(a.garbled);
	end_two(&st, &a, &b);
}

static void on_flushed(void *arg)
{
	struct mailbox_user *u = arg;

	assert_false(u->in_call);
	u->flushes++;
	bk_loop_stop(u->st->loop);
}

static void a_flush_comes_once_and_then_the_mail_is_taken(void **arg)
{
	struct mailbox_user a, b;
	struct mailbox_stage st;

	meet_two(&st, *arg, &a, &b);
	user_mail(&b, 0, 9000);
	if (b.ops->flush) {
		b.in_call = true;
		b.ops->flush(b.box, on_flushed, &b);
		b.in_call = false;
		while (!b.flushes)
			stage_run(&st);
		kit_run_idle(st.loop, QUIET_TURNS);
		assert_int_equal(b.flushes, 1);
	}
	assert_true(!b.ops->is_mail_taken || b.ops->is_mail_taken(b.box));
	end_two(&st, &a, &b);
}

/* --- leaving --- */

static void who_releases_is_gone_for_good(void **arg)
{
	const struct mailbox_kind *kind = *arg;
	struct mailbox_user a, b;
	struct mailbox_stage st;

	if (!kind->tells_release)
		return;
	for (int who = 0; who < 2; who++) {
		struct mailbox_user *leaving = who ? &b : &a, *staying = who ? &a : &b;

		meet_two(&st, kind, &a, &b);
		user_run_until(&a, IN_CLAIMED, 1);
		leaving->in_call = true;
		leaving->ops->release(leaving->box);
		leaving->in_call = false;
		user_run_until(staying, IN_RELEASED, 1);
		assert_int_equal(staying->code, 0);
		assert_int_equal(leaving->heard[IN_RELEASED], 0);
		end_two(&st, &a, &b);
	}
}

static void closed_in_any_event_it_is_silent(void **arg)
{
	int before = kit_count_descriptors();

	for (enum moment m = IN_READY; m <= IN_MAIL; m++) {
		struct mailbox_user a, b;
		struct mailbox_stage st;

		stage_init(&st, *arg);
		user_open(&a, &st, 0);
		a.close_in = m;
		user_run_until(&a, IN_READY, 1);
		user_start(&b, &st, 1);
		if (a.box) {
			user_leave(&a, 0, "left");
			user_run_until(&a, IN_NAMEPLATE, 1);
		}
		if (a.box) {
			user_claim(&b, a.nameplate);
			user_run_until(&b, IN_CLAIMED, 1);
			user_mail(&b, 0, 10);
			user_mail(&b, 1, 10);
			user_run_until(&a, m, 1);
		}
		assert_null(a.box);
		kit_run_idle(st.loop, QUIET_TURNS);
		end_two(&st, &a, &b);
	}
	assert_int_equal(kit_count_descriptors(), before);
}

static void closed_at_any_moment_it_leaves_nothing(void **arg)
{
	int before = kit_count_descriptors();

	for (int turns = 0; turns < 30; turns += 2) {
		struct mailbox_user a, b;
		struct mailbox_stage st;

		start_two(&st, *arg, &a, &b);
		user_leave(&a, 0, "left");
		user_run_until(&a, IN_NAMEPLATE, 1);
		user_claim(&b, a.nameplate);
		kit_run_idle(st.loop, turns);
		user_close(turns % 4 ? &a : &b);
		kit_run_idle(st.loop, turns % 10);
		end_two(&st, &a, &b);
	}
	assert_int_equal(kit_count_descriptors(), before);
}

/* --- what it knows --- */

static void what_it_tells_beside_the_mail_is_within_bounds(void **arg)
{
	struct bk_mailbox_view v = {0};
	struct mailbox_user a, b;
	struct mailbox_stage st;

	start_two(&st, *arg, &a, &b);
	if (a.ops->view)
		a.ops->view(a.box, &v);
	assert_true(v.rtt_ns >= 0 && v.mail_delay_ns >= 0);
	assert_true(v.samples_len <= BK_MAILBOX_SAMPLES_MAX && v.stun_len <= BK_MAILBOX_SAMPLES_MAX &&
		    v.addrs_len <= BK_MAILBOX_ADDRS_MAX);
	for (size_t i = 0; i < v.samples_len; i++)
		assert_true(v.samples[i].server.family && v.samples[i].mapped.port && v.local.port);
	for (size_t i = 0; i < v.stun_len; i++)
		assert_int_equal(v.stun[i].family, 4);
	end_two(&st, &a, &b);
}

/* --- meeting again --- */

static void two_with_a_secret_meet_again_and_again(void **arg)
{
	const struct mailbox_kind *kind = *arg;
	uint8_t before[BK_MAILBOX_TOKEN_LEN] = {0};
	struct mailbox_user u[2];
	struct mailbox_stage st;

	if (!kind->meets_again)
		return;
	start_two(&st, kind, &u[0], &u[1]);
	for (unsigned side = 0; side < 2; side++)
		user_rejoin(&u[side], side, 1, false, NULL);
	for (int round = 1; round < 5; round++) {
		unsigned asking = (unsigned)round % 2;

		user_rejoin(&u[asking], asking, 2 * (uint64_t)round, true, NULL);
		for (unsigned side = 0; side < 2; side++) {
			user_run_until(&u[side], IN_ROUND, round);
			user_rejoin(&u[side], side, 2 * (uint64_t)round + 1, false, u[side].token);
		}
		assert_memory_equal(u[0].token, u[1].token, sizeof(before));
		assert_memory_not_equal(u[0].token, before, sizeof(before));
		memcpy(before, u[0].token, sizeof(before));
		for (unsigned side = 0; side < 2; side++)
			user_mail(&u[side], round - 1, 500);
		for (unsigned side = 0; side < 2; side++)
			user_run_until(&u[side], IN_MAIL, round);
		assert_false(u[0].garbled || u[1].garbled);
	}
	end_two(&st, &u[0], &u[1]);
}

static void who_comes_later_is_told_of_the_round_and_gets_its_mail(void **arg)
{
	const struct mailbox_kind *kind = *arg;
	struct mailbox_user a, b, again;
	struct mailbox_stage st;

	if (!kind->meets_again)
		return;
	start_two(&st, kind, &a, &b);
	user_rejoin(&b, 1, 1, false, NULL);
	user_rejoin(&a, 0, 1, true, NULL);
	user_run_until(&b, IN_ROUND, 1);
	user_run_until(&a, IN_ROUND, 1);
	user_rejoin(&a, 0, 2, false, a.token);
	user_mail(&a, 0, 700);
	user_open(&again, &st, 1);
	user_rejoin(&again, 1, 2, false, NULL); /* before it is ready, too */
	user_run_until(&again, IN_ROUND, 1);
	assert_memory_equal(again.token, a.token, sizeof(a.token));
	user_rejoin(&again, 1, 3, false, again.token);
	user_run_until(&again, IN_MAIL, 1);
	assert_false(again.garbled);
	assert_int_equal(b.heard[IN_MAIL], 0);
	user_close(&again);
	end_two(&st, &a, &b);
}

static void an_old_number_does_not_take_anybodys_place(void **arg)
{
	const struct mailbox_kind *kind = *arg;
	struct mailbox_user a, b;
	struct mailbox_stage st;

	if (!kind->meets_again)
		return;
	start_two(&st, kind, &a, &b);
	user_rejoin(&a, 0, 7, false, NULL);
	kit_run_idle(st.loop, QUIET_TURNS);
	user_rejoin(&b, 0, 7, false, NULL);
	user_run_until(&b, IN_ERROR, 1);
	assert_int_equal(b.code, BK_E_EXISTS);
	end_two(&st, &a, &b);
}

int main(void)
{
	static const struct mailbox_claim claims[] = {
		MAILBOX_CLAIM(what_is_left_is_for_the_one_who_claims_it_and_both_hear_of_it),
		MAILBOX_CLAIM(a_nameplate_is_claimed_once),
		MAILBOX_CLAIM(a_nameplate_that_nobody_has_is_an_error_and_no_end),
		MAILBOX_CLAIM(a_wish_is_granted_to_the_first_who_has_it),
		MAILBOX_CLAIM(two_pairs_do_not_hear_each_other),
		MAILBOX_CLAIM(mail_goes_both_ways_whole_and_in_order),
		MAILBOX_CLAIM(mail_waits_for_who_has_not_heard_of_the_other_yet),
		MAILBOX_CLAIM(a_flush_comes_once_and_then_the_mail_is_taken),
		MAILBOX_CLAIM(who_releases_is_gone_for_good),
		MAILBOX_CLAIM(closed_in_any_event_it_is_silent),
		MAILBOX_CLAIM(closed_at_any_moment_it_leaves_nothing),
		MAILBOX_CLAIM(what_it_tells_beside_the_mail_is_within_bounds),
		MAILBOX_CLAIM(two_with_a_secret_meet_again_and_again),
		MAILBOX_CLAIM(who_comes_later_is_told_of_the_round_and_gets_its_mail),
		MAILBOX_CLAIM(an_old_number_does_not_take_anybodys_place),
	};

	return mailbox_run(claims, sizeof(claims) / sizeof(claims[0]), NULL, 0);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What the one behind which two are makes of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sodium.h>

#include "base/error.h"
#include "lan/test_world.h"

/* --- leaving --- */

static void what_is_left_is_at_both_under_the_servers_number(void **state)
{
	struct world w;

	(void)state;
	world_begin(&w, 0);
	world_assert_happened(&w, "F+ N+");
	tell(w.far, on_ready);
	world_leave(&w);
	world_assert_happened(&w, "ready Fl");
	tell(w.far, on_nameplate, 7);
	tell(w.near, on_nameplate, 7);
	world_assert_happened(&w, "Nl7 seven");
	world_pass(&w, 10 * BK_SEC);
	world_assert_happened(&w, "");
	world_end(&w);
}

static void a_server_that_is_slow_is_waited_for_four_seconds_and_has_it_when_it_comes(void **state)
{
	struct world w;

	(void)state;
	world_begin(&w, 0);
	world_pass(&w, 4 * BK_SEC - 10 * BK_MS);
	world_assert_happened(&w, "F+ N+");
	world_pass(&w, 20 * BK_MS);
	world_assert_happened(&w, "note ready");
	world_leave(&w);
	tell(w.near, on_nameplate, 7);
	world_assert_happened(&w, "Nl seven");
	tell(w.far, on_ready);
	world_assert_happened(&w, "Fl7 view");
	world_end(&w);
}

static void a_server_that_is_not_there_leaves_the_lan_and_one_that_is_lost_ends_it(void **state)
{
	struct world w;

	(void)state;
	world_begin(&w, 0);
	tell(w.far, on_end, BK_E_REFUSED, "refused");
	world_assert_happened(&w, "F+ N+ F- note ready");
	world_leave(&w);
	tell(w.near, on_nameplate, 7);
	tell(w.near, on_claimed, 7, NULL, NULL, 0);
	world_assert_happened(&w, "Nl seven claimed");
	world_end(&w);

	world_begin(&w, 0);
	tell(w.far, on_ready);
	world_leave(&w);
	tell(w.far, on_nameplate, 7);
	tell(w.far, on_end, BK_E_REFUSED, "refused");
	world_assert_happened(&w, "F+ N+ ready Fl Nl7 seven refused");
	world_end(&w);
}

static void a_number_that_is_taken_at_one_is_good_at_the_other(void **state)
{
	struct world w;

	(void)state;
	world_begin(&w, 0);
	tell(w.far, on_ready);
	world_leave(&w);
	tell(w.far, on_nameplate, 7);
	tell(w.near, on_error, BK_E_EXISTS, "taken");
	world_assert_happened(&w, "F+ N+ ready Fl Nl7 seven N-");
	tell(w.far, on_claimed, 7, NULL, NULL, 0);
	world_assert_happened(&w, "claimed");
	world_end(&w);

	world_begin(&w, 0);
	world_pass(&w, 4100 * BK_MS);
	world_leave(&w);
	tell(w.near, on_nameplate, 7);
	tell(w.far, on_ready);
	tell(w.far, on_error, BK_E_EXISTS, "taken");
	world_assert_happened(&w, "F+ N+ note ready Nl seven Fl7 view note F-");
	tell(w.near, on_claimed, 7, NULL, NULL, 0);
	world_assert_happened(&w, "claimed");
	world_end(&w);
}

static void the_first_claim_at_either_withdraws_it_from_the_other(void **state)
{
	struct world w;

	(void)state;
	for (int is_near = 0; is_near < 2; is_near++) {
		struct fake *first = is_near ? &w.near : &w.far;

		world_begin(&w, 0);
		tell(w.far, on_ready);
		world_leave(&w);
		tell(w.far, on_nameplate, 7);
		world_assert_happened(&w, "F+ N+ ready Fl Nl7 seven");
		tell(*first, on_claimed, 7, NULL, NULL, 0);
		tell(*first, on_mail, NULL, 0);
		assert_int_equal(bk_beside_ops.mail(w.box, "x", 1), 0);
		world_assert_happened(&w, is_near ? "F- claimed mail Nm" : "N- claimed mail Fm");
		assert_int_equal(w.beside.is_near, is_near);
		world_end(&w);
	}
}

static void what_was_tried_in_vain_is_left_anew_at_both(void **state)
{
	struct world w;

	(void)state;
	world_begin(&w, 0);
	tell(w.far, on_ready);
	world_leave(&w);
	tell(w.far, on_nameplate, 7);
	tell(w.near, on_claimed, 7, NULL, NULL, 0);
	bk_beside_ops.release(w.box);
	world_assert_happened(&w, "F+ N+ ready Fl Nl7 seven F- claimed Nr");
	world_leave(&w);
	tell(w.near, on_nameplate, 8);
	tell(w.far, on_ready);
	world_assert_happened(&w, "F+ Nl eight Fl8 view");
	assert_false(w.beside.is_met);
	tell(w.far, on_claimed, 8, NULL, NULL, 0);
	world_assert_happened(&w, "N- claimed");
	world_end(&w);
}

/* --- claiming --- */

static void who_claims_asks_the_server_after_the_lan_and_the_lan_again_after_the_server(void **state)
{
	struct world w;

	(void)state;
	world_begin(&w, 7);
	tell(w.far, on_ready);
	world_pass(&w, 40 * BK_MS);
	world_assert_happened(&w, "F+ N+ Nc7 ready");
	world_pass(&w, 20 * BK_MS);
	world_assert_happened(&w, "N- Fc7");
	tell(w.far, on_error, BK_E_NO_SUCH_PEER, "");
	world_assert_happened(&w, "N+ Nc7");
	tell(w.near, on_error, BK_E_NO_SUCH_PEER, "");
	world_assert_happened(&w, "nobody");
	world_end(&w);
}

static void a_place_on_the_lan_that_is_tried_is_waited_for(void **state)
{
	struct world w;

	(void)state;
	world_begin(&w, 7);
	w.is_near_trying = true;
	tell(w.far, on_ready);
	world_pass(&w, 2 * BK_SEC);
	world_assert_happened(&w, "F+ N+ Nc7 ready");
	tell(w.near, on_claimed, 7, NULL, NULL, 0);
	world_assert_happened(&w, "F- claimed");
	world_end(&w);

	world_begin(&w, 7);
	w.is_near_trying = true;
	tell(w.far, on_ready);
	world_pass(&w, 100 * BK_MS);
	w.is_near_trying = false;
	world_pass(&w, 100 * BK_MS);
	world_assert_happened(&w, "F+ N+ Nc7 ready N- Fc7");
	world_end(&w);
}

static void what_the_lan_has_before_the_server_is_there_is_claimed_there(void **state)
{
	struct world w;

	(void)state;
	world_begin(&w, 7);
	tell(w.near, on_claimed, 7, NULL, NULL, 0);
	world_assert_happened(&w, "F+ N+ Nc7 F- ready claimed");
	world_end(&w);
}

static void nobody_on_the_lan_and_no_server_is_why_there_is_no_server(void **state)
{
	struct world w;

	(void)state;
	world_begin(&w, 7);
	tell(w.far, on_end, BK_E_REFUSED, "refused");
	world_assert_happened(&w, "F+ N+ Nc7 F-");
	tell(w.near, on_error, BK_E_NO_SUCH_PEER, "");
	world_assert_happened(&w, "refused");
	world_end(&w);

	world_begin(&w, 7);
	tell(w.near, on_error, BK_E_NO_SUCH_PEER, "");
	tell(w.far, on_end, BK_E_REFUSED, "refused");
	world_assert_happened(&w, "F+ N+ Nc7 F- refused");
	world_end(&w);
}

/* --- meeting again --- */

static const struct bk_mailbox_rejoin rejoin = {.number = 3};

static void two_who_have_met_meet_again_where_they_met(void **state)
{
	struct world w;

	(void)state;
	for (int is_near = 0; is_near < 2; is_near++) {
		world_begin(&w, 0);
		world_shut(&w);
		w.line[0] = 0;
		w.beside.is_met = true;
		w.beside.is_near = is_near;
		world_open(&w);
		assert_int_equal(bk_beside_ops.rejoin(w.box, &rejoin), 0);
		tell(is_near ? w.near : w.far, on_ready);
		tell(is_near ? w.near : w.far, on_round, NULL);
		world_assert_happened(&w, is_near ? "N+ Nj3 ready round" : "F+ Fj3 ready round");
		world_end(&w);
	}
}

static void where_they_met_is_unknown_it_is_the_server_or_without_one_the_lan(void **state)
{
	struct world w;

	(void)state;
	world_begin(&w, 0);
	assert_int_equal(bk_beside_ops.rejoin(w.box, &rejoin), 0);
	world_assert_happened(&w, "F+ N+ N- Fj3");
	tell(w.far, on_end, BK_E_UNREACHABLE, "unreachable");
	world_assert_happened(&w, "F- N+ Nj3");
	tell(w.near, on_ready);
	world_assert_happened(&w, "ready");
	world_end(&w);

	world_begin(&w, 0);
	assert_int_equal(bk_beside_ops.rejoin(w.box, &rejoin), 0);
	tell(w.far, on_ready);
	tell(w.far, on_end, BK_E_UNREACHABLE, "unreachable");
	world_assert_happened(&w, "F+ N+ N- Fj3 ready lost");
	world_end(&w);
}

static void what_the_servers_greeting_takes_along_is_left_there_or_on_the_lan(void **state)
{
	struct world w;

	(void)state;
	world_begin(&w, 0);
	tell(w.far, on_early);
	world_assert_happened(&w, "F+ N+ early Fl");
	tell(w.far, on_ready);
	tell(w.far, on_nameplate, 7);
	world_assert_happened(&w, "ready Nl7 seven");
	world_end(&w);

	world_begin(&w, 0);
	tell(w.far, on_early);
	tell(w.far, on_end, BK_E_TIMEOUT, "no answer");
	tell(w.near, on_nameplate, 7);
	world_assert_happened(&w, "F+ N+ early Fl F- note ready Nl seven");
	world_end(&w);

	world_begin(&w, 0);
	tell(w.far, on_early);
	world_pass(&w, 4100 * BK_MS);
	tell(w.near, on_nameplate, 7);
	tell(w.far, on_ready);
	world_assert_happened(&w, "F+ N+ early Fl note ready Nl seven Fl7 view");
	world_end(&w);
}

static void the_servers_greeting_takes_a_claim_along_that_the_lan_has_had(void **state)
{
	struct world w;

	(void)state;
	world_begin(&w, 7);
	world_pass(&w, 60 * BK_MS);
	tell(w.far, on_early);
	world_pass(&w, 1 * BK_MS);
	world_assert_happened(&w, "F+ N+ Nc7 early N- Fc7");
	tell(w.far, on_ready);
	tell(w.far, on_claimed, 7, NULL, NULL, 0);
	world_assert_happened(&w, "ready claimed");
	world_end(&w);

	world_begin(&w, 7);
	tell(w.far, on_early);
	world_pass(&w, 40 * BK_MS);
	world_assert_happened(&w, "F+ N+ Nc7 early");
	tell(w.near, on_claimed, 7, NULL, NULL, 0);
	world_assert_happened(&w, "F- ready claimed");
	world_end(&w);
}

static void it_may_be_closed_in_any_of_its_events(void **state)
{
	static const char *const words[] = {"early", "note", "ready", "seven", "view", "claimed"};
	struct world w;

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		world_begin(&w, 0);
		w.closes_at = words[i];
		if (!i)
			tell(w.far, on_early);
		world_pass(&w, 4100 * BK_MS);
		if (w.box)
			world_leave(&w);
		if (w.box)
			tell(w.near, on_nameplate, 7);
		if (w.box)
			tell(w.far, on_ready);
		if (w.box)
			tell(w.near, on_claimed, 7, NULL, NULL, 0);
		assert_null(w.box);
		world_end(&w);
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

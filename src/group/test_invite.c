/* SPDX-License-Identifier: Apache-2.0 */
#include "group/invite.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "base/error.h"

static void made_invites_have_seven_words_read_back_and_differ(void **state)
{
	char a[BK_INVITE_STR_MAX], b[BK_INVITE_STR_MAX], back[BK_INVITE_STR_MAX], text[BK_INVITE_TEXT_MAX];

	(void)state;
	for (int i = 0; i < 50; i++) {
		int dashes = 0;

		assert_int_equal(bk_invite_make(a), 0);
		assert_int_equal(bk_invite_make(b), 0);
		assert_string_not_equal(a, b);
		for (const char *p = a; *p; p++)
			dashes += *p == '-';
		assert_int_equal(dashes, 6);
		assert_int_equal(bk_invite_from_str(a, back, text), 0);
		assert_string_equal(a, back);
	}
}

static void what_people_type_is_normalised_and_a_slip_is_said(void **state)
{
	static const struct {
		const char *typed, *said; /* NULL: it is the invite */
	} rows[] = {
		{" Acorn actor_AIRPORT  album--almond-alpaca amber\n", NULL},
		{"acorn-actor-airport-album-almond-alpaca-ambr",
			"'ambr' is not a word that invites have; did you mean 'amber'?"},
		{"acorn-actor-airport-album-almond-alpaca-x1",
			"'x1' is not a word that invites have; ask for it again"},
		{"acorn-actor-airport", "an invite has seven words, and this has 3"},
		{"", "an invite has seven words, and this has 0"},
		{"acorn-actor-airport-album-almond-alpaca-amber-amber",
			"an invite has seven words, and this has 8"},
		{"acorn-\x1b[2J", "'?[2j' is not a word that invites have; ask for it again"},
		{"acorn-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
			"'aaaaaaaaaaaaaaaaaaaaaaaa' is not a word that invites have; ask for it again"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char invite[BK_INVITE_STR_MAX] = "untouched", text[BK_INVITE_TEXT_MAX] = "";
		int err = bk_invite_from_str(rows[i].typed, invite, text);

		assert_int_equal(err, rows[i].said ? BK_E_MALFORMED : 0);
		assert_string_equal(
			invite, rows[i].said ? "untouched" : "acorn-actor-airport-album-almond-alpaca-amber");
		assert_string_equal(text, rows[i].said ? rows[i].said : "");
	}
}

/* Whoever changes how keys follow from the words shuts everybody out of his room. */
static void keys_follow_from_the_words_alone_and_stay_what_they_were(void **state)
{
	static const char invite[] = "acorn-actor-airport-album-almond-alpaca-amber";
	struct bk_group_keys a, b, other;
	char hex[17];

	(void)state;
	assert_int_equal(bk_invite_keys(invite, &a), 0);
	assert_int_equal(bk_invite_keys(invite, &b), 0);
	assert_int_equal(bk_invite_keys("acorn-actor-airport-album-almond-alpaca-anchor", &other), 0);
	assert_memory_equal(&a, &b, sizeof(a));
	assert_memory_not_equal(a.id, other.id, sizeof(a.id));
	assert_memory_not_equal(a.seal.initiator_key, other.seal.initiator_key, 32);
	sodium_bin2hex(hex, sizeof(hex), a.id, 8);
	assert_string_equal(hex, "77b63451f142c67c");
	sodium_bin2hex(hex, sizeof(hex), a.seal.initiator_key, 8);
	assert_string_equal(hex, "25474fafbe9852fb");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(made_invites_have_seven_words_read_back_and_differ),
		cmocka_unit_test(what_people_type_is_normalised_and_a_slip_is_said),
		cmocka_unit_test(keys_follow_from_the_words_alone_and_stay_what_they_were),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

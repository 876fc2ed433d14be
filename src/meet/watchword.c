/* SPDX-License-Identifier: Apache-2.0 */
/* Each code is good for one guess. Once an answer was sent, or has come, that guess is taken. The joiner then tries
 * nothing again. The maker makes another code, number and words, a few times: so whoever guesses has one guess at
 * each code, and a few at all that one person makes, and whoever only takes codes away cannot end the waiting. A
 * code that a person chose is not renewed: who was to come with it would not hear of it.
 *
 * A code for several stays when one of them guesses wrong, for it is the others' too: it has a few guesses itself. With
 * w words it is one of 2^(10 w), and a guesser has at one maker
 *
 *   for one      2 words: 4 codes of one guess           4 / 2^20 = 1 in 262,144
 *   for several  3 words: 4 codes of 16 guesses each    64 / 2^30 = 1 in 16,777,216
 *                2 words, where a person wants so few: one code of 4 guesses, the same 1 in 262,144
 *
 * so that what many slips of many people are allowed is not allowed to a guesser: that is the third word's work. */
#include "meet/watchword.h"

#include <sodium.h>
#include <stdio.h>

#include "base/error.h"

enum {
	CODE_WORDS = 2,
	GUESSES_MAX = 4, /* at all codes together */
	SHARED_WORDS = 3,
	SHARED_GUESSES_MAX = 64, /* with that many words, or more */
	SHARED_GUESSES_HERE = 16,
};

int bk_watchword_init(struct bk_watchword *w, const struct bk_session_opts *opts, bool is_renewable,
	struct bk_watchword_share *share)
{
	const char *code = opts->code ? opts->code : opts->code_wish;

	*w = (struct bk_watchword){
		.words = opts->code_words,
		.is_given = opts->code != NULL,
		.is_wished = !opts->code && opts->code_wish,
		.is_renewable = is_renewable,
	};
	if (w->words && (w->words < BK_CODE_WORDS_MIN || w->words > BK_CODE_WORDS_MAX))
		return BK_E_INVALID;
	if (code && bk_code_from_str(code, &w->code) < 0)
		return BK_E_INVALID;
	w->share = w->is_given ? NULL : share;
	if (!w->share)
		return 0;
	w->guesses = share->guesses;
	if (share->has_code) {
		w->code = share->code;
		w->has_number = true;
	}
	return 0;
}

void bk_watchword_done(struct bk_watchword *w)
{
	sodium_memzero(&w->code, sizeof(w->code));
}

static bool is_fixed(const struct bk_watchword *w)
{
	return w->is_wished || w->has_number;
}

int bk_watchword_prepare(struct bk_watchword *w)
{
	int usual = w->share ? SHARED_WORDS : CODE_WORDS;

	return is_fixed(w) ? 0 : bk_code_make(1, w->words ? w->words : usual, &w->code);
}

/* --- guesses --- */

static bool has_many_words(const struct bk_watchword *w)
{
	int words = 1;

	for (const char *c = w->code.password; *c; c++)
		words += *c == '-';
	return words >= SHARED_WORDS;
}

static unsigned guesses_max(const struct bk_watchword *w)
{
	return w->share && has_many_words(w) ? SHARED_GUESSES_MAX : GUESSES_MAX;
}

void bk_watchword_guessed(struct bk_watchword *w)
{
	w->guesses++;
	if (!w->share)
		return;
	w->share->guesses = w->guesses;
	w->share->guesses_here++;
}

bool bk_watchword_stays(const struct bk_watchword *w, int error, char ret_text[BK_WATCHWORD_TEXT_MAX])
{
	unsigned here = w->share && has_many_words(w) ? SHARED_GUESSES_HERE : GUESSES_MAX;

	*ret_text = 0;
	if (!w->share || !w->is_renewable || !w->has_number || error == BK_E_EXISTS ||
		w->share->guesses_here >= here || w->guesses >= guesses_max(w))
		return false;
	if (error == BK_E_WRONG_CODE)
		snprintf(ret_text, BK_WATCHWORD_TEXT_MAX,
			"somebody tried a wrong code; this one stays good, until %u more have",
			here - w->share->guesses_here);
	return true;
}

uint32_t bk_watchword_number(const struct bk_watchword *w)
{
	return is_fixed(w) ? w->code.nameplate : 0;
}

bool bk_watchword_take_number(struct bk_watchword *w, uint32_t number)
{
	if (w->has_number && number != w->code.nameplate)
		return false;
	w->code.nameplate = number;
	return true;
}

static void tell_spent(struct bk_watchword *w, char ret_text[BK_WATCHWORD_TEXT_MAX])
{
	const char *why = w->spent == BK_E_WRONG_CODE ? "somebody tried a wrong code"
			  : w->spent == BK_E_TIMEOUT  ? "somebody took the code and then said nothing"
			  : w->spent == BK_E_EXISTS   ? "somebody else got the number of the code"
						      : "somebody took the code and was not understood";

	snprintf(ret_text, BK_WATCHWORD_TEXT_MAX, "%s; that code is used up, and another one is good now",
		why);
	w->spent = 0;
}

void bk_watchword_show(
	struct bk_watchword *w, char ret_code[BK_CODE_STR_MAX], char ret_text[BK_WATCHWORD_TEXT_MAX])
{
	w->is_shown = w->has_number = true;
	if (w->share) {
		w->share->code = w->code;
		w->share->has_code = true;
	}
	bk_code_to_str(&w->code, ret_code);
	*ret_text = '\0';
	if (w->spent)
		tell_spent(w, ret_text);
}

bool bk_watchword_is_fresh(const struct bk_watchword *w)
{
	return w->is_given ? !w->is_tried : w->is_shown || w->has_number;
}

bool bk_watchword_may_renew(const struct bk_watchword *w)
{
	return !w->is_given && !w->is_wished && w->is_renewable && w->guesses < guesses_max(w);
}

void bk_watchword_spend(struct bk_watchword *w, int error)
{
	w->spent = error;
	w->has_number = false;
	if (!w->share)
		return;
	w->share->has_code = false;
	w->share->guesses_here = 0;
}

const char *bk_watchword_end_text(const struct bk_watchword *w, int error, char out[BK_WATCHWORD_TEXT_MAX])
{
	if (error == BK_E_TIMEOUT)
		return "the other side did not answer in time";
	if (error != BK_E_WRONG_CODE)
		return NULL;
	if (w->guesses <= 1)
		return "wrong code: somebody tried another one; this code is used up, make a new one";
	snprintf(out, BK_WATCHWORD_TEXT_MAX,
		"wrong code: that was guess number %u, and nobody gets more of them; begin anew, "
		"better with more words",
		w->guesses);
	return out;
}

const char *bk_watchword_wrong_text(bool stays)
{
	return stays ? "wrong code: the right one is good still, check it and try again"
		     : "wrong code: it is used up now, ask for a new one";
}

const char *bk_watchword_refusal_text(const struct bk_watchword *w, int error, const char *place,
	const char *said, char out[BK_WATCHWORD_TEXT_MAX])
{
	const size_t size = BK_WATCHWORD_TEXT_MAX;
	unsigned number = w->code.nameplate;

	if (error == BK_E_NO_SUCH_PEER && *said)
		snprintf(out, size, "%s", said);
	else if (error == BK_E_NO_SUCH_PEER)
		snprintf(out, size, "nobody waits with code number %u: check the code, or ask for a new one",
			number);
	else if (error == BK_E_CODE_USED)
		snprintf(out, size, "code number %u was used already: ask for a new one", number);
	else if (error == BK_E_EXISTS && w->has_number)
		snprintf(out, size,
			"somebody else got code number %u while we were away from %s: make a new code",
			number, place);
	else if (error == BK_E_EXISTS)
		snprintf(out, size, "code number %u is taken by somebody else: choose another", number);
	else
		snprintf(out, size, "%s says: %s", place, *said ? said : bk_error_text(error));
	return out;
}

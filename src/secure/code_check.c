/* SPDX-License-Identifier: Apache-2.0 */
/* A slip of the tongue or of a finger, found before it costs the code. Made codes have words of the list alone, so
 * a code most of whose words are there, or nearly there, and one is not, was misread. What is not like the list
 * at all is a code that people agreed on, and passes: both sides ask the same question, so whoever makes a
 * code that would be refused hears it first. */
#include <bodkin/code.h>

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "secure/code.h"

enum {
	WORD_MAX = BK_CODE_STR_MAX,
	LONG_WORD = 5,  /* from here on two slips are still nearer to this word than to chance */
	SHORT_WORD = 5, /* four letters alone are guessed sooner than two words of the list */
	TYPED_MAX = BK_TEXT_SLIPS_MAX, /* letters of a typed word that are worth comparing, and showing */
};

static size_t common(const char *a, const char *b)
{
	size_t n = 0;

	while (a[n] && a[n] == b[n])
		n++;
	return n;
}

const char *bk_code_nearest(const char *typed, unsigned *ret_slips)
{
	const char *found = NULL, *word;

	*ret_slips = strlen(typed) >= LONG_WORD ? 3 : 2;
	if (strlen(typed) > TYPED_MAX || strpbrk(typed, "0123456789"))
		return NULL;
	for (size_t i = 0; (word = bk_code_word(i)); i++) {
		unsigned d = bk_text_slips(word, typed);

		if (d > *ret_slips ||
			(d == *ret_slips && (!found || common(word, typed) <= common(found, typed))))
			continue;
		*ret_slips = d;
		found = word;
	}
	return found;
}

struct verdict {
	unsigned words, known, near;
	char slip[TYPED_MAX + 1]; /* the first word that is not in the list, cut */
	const char *meant;        /* instead of it; NULL: unknown */
};

static void judge_word(struct verdict *v, const char *typed)
{
	unsigned slips;
	const char *meant = bk_code_nearest(typed, &slips);

	v->words++;
	if (meant && !slips) {
		v->known++;
		return;
	}
	v->near += meant && slips == 1 ? 1 : 0;
	if (v->slip[0])
		return;
	snprintf(v->slip, sizeof(v->slip), "%.*s", TYPED_MAX, typed);
	v->meant = meant;
}

static struct verdict judge(const char *password)
{
	struct verdict v = {0};
	char word[WORD_MAX];

	for (const char *at = password; *at; at += *at == '-') {
		size_t n = strcspn(at, "-");

		snprintf(word, sizeof(word), "%.*s", (int)n, at);
		judge_word(&v, word);
		at += n;
	}
	return v;
}

static bool is_word(const char *typed, size_t len)
{
	const char *word;

	for (size_t i = 0; (word = bk_code_word(i)); i++)
		if (strlen(word) == len && !memcmp(word, typed, len))
			return true;
	return false;
}

/* "tulipanchor": two words without the dash between them. The letters of the first one; 0: it is no such thing. */
static size_t glued(const char *typed)
{
	for (size_t n = 1; typed[n - 1] && typed[n]; n++)
		if (is_word(typed, n) && is_word(typed + n, strlen(typed + n)))
			return n;
	return 0;
}

static int say_glued(const struct bk_code *code, size_t n, char text[BK_CODE_TEXT_MAX])
{
	snprintf(text, BK_CODE_TEXT_MAX,
		"the code has one word, '%s'; did you mean '%.*s-%s', with a dash? Nothing was used up",
		code->password, (int)n, code->password, code->password + n);
	return BK_E_MALFORMED;
}

static int say_slip(const struct verdict *v, char text[BK_CODE_TEXT_MAX])
{
	if (v->meant)
		snprintf(text, BK_CODE_TEXT_MAX,
			"'%s' in the code is not a word that codes "
			"have; did you mean '%s'? Nothing was used up",
			v->slip, v->meant);
	else
		snprintf(text, BK_CODE_TEXT_MAX,
			"'%s' in the code is not a word that codes "
			"have; ask for it again. Nothing was used up",
			v->slip);
	return BK_E_MALFORMED;
}

/* What is no code: which part is missing or wrong. */
static int say_malformed(const char *typed, char text[BK_CODE_TEXT_MAX])
{
	const char *why = "begins with its number";

	typed += strspn(typed, " -_");
	if (!*typed)
		why = "has a number and words";
	else if (typed[strspn(typed, "0123456789 -_")] == 0)
		why = "has words behind its number";
	else if (strspn(typed, "0123456789"))
		why = "has a number and words of letters and digits, with dashes between";
	if (strspn(typed, "0") && typed[strspn(typed, "0")] == '-')
		why = "begins with a number from 1 on";
	snprintf(text, BK_CODE_TEXT_MAX, "'%.60s' is no code: a code %s, like 7-tulip-anchor", typed, why);
	return BK_E_MALFORMED;
}

int bk_code_check(const char *typed, char ret_text[BK_CODE_TEXT_MAX])
{
	struct bk_code code;
	struct verdict v;
	size_t first;

	ret_text[0] = 0;
	if (bk_code_from_str(typed, &code) < 0)
		return say_malformed(typed, ret_text);
	v = judge(code.password);
	if (v.words == 1 && (v.known || v.near || strlen(code.password) < SHORT_WORD)) {
		snprintf(ret_text, BK_CODE_TEXT_MAX,
			"the code has one word, '%s', and needs two or "
			"more; is the rest missing? Nothing was used up",
			code.password);
		return BK_E_MALFORMED;
	}
	first = v.words == 1 ? glued(code.password) : 0;
	if (first)
		return say_glued(&code, first, ret_text);
	if (v.words == 1 || v.known == v.words || (v.known * 2 < v.words && v.known + v.near < v.words))
		return 0;
	return say_slip(&v, ret_text);
}

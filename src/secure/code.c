/* SPDX-License-Identifier: Apache-2.0 */
/* Codes for people. The words come from a list without near twins, so that a slip of one letter is
 * never another word of the list. What a person types is normalised before it becomes a password, so both
 * sides feed the same bytes to the PAKE: lower case, single dashes. Refuses anything but
 * letters and digits between them; there is no second spelling of one code. */
#include "secure/code.h"

#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"

enum {
	WORDS = 1024,
	NAMEPLATE_DIGITS_MAX = 7,
	PASSWORD_LEN_MAX = BK_CODE_STR_MAX - 12, /* leaves room for any uint32_t, the dash and NUL */
};

static const char *const words[] = {
#include "secure/words.inc"
};

_Static_assert(sizeof(words) / sizeof(words[0]) == WORDS, "ten bits for each word");

const char *bk_code_word(size_t index)
{
	return index < WORDS ? words[index] : NULL;
}

int bk_code_make(uint32_t nameplate, int count, struct bk_code *ret_code)
{
	struct bk_code code = {.nameplate = nameplate};
	size_t len = 0;

	if (count < BK_CODE_WORDS_MIN || count > BK_CODE_WORDS_MAX || !nameplate ||
		nameplate > BK_NAMEPLATE_MAX)
		return BK_E_INVALID;
	if (sodium_init() < 0)
		return BK_E_CRYPTO;
	for (int i = 0; i < count; i++)
		len += (size_t)snprintf(code.password + len, sizeof(code.password) - len, "%s%s",
			i ? "-" : "", words[randombytes_uniform(WORDS)]);
	*ret_code = code;
	sodium_memzero(&code, sizeof(code));
	return 0;
}

static bool is_separator(char c)
{
	return c == '-' || c == '_' || c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The letter or digit as it counts, or 0 for what does not belong in a code. Not isalnum: that asks the
 * locale. */
static char normal(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (char)(c - 'A' + 'a');
	return (char)((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ? c : 0);
}

static const char *skip_separators(const char *s)
{
	while (is_separator(*s))
		s++;
	return s;
}

static int take_nameplate(const char **s, uint32_t *ret_nameplate)
{
	const char *p = skip_separators(*s);
	uint32_t n = 0;

	for (int digits = 0; *p >= '0' && *p <= '9'; p++) {
		if (++digits > NAMEPLATE_DIGITS_MAX)
			return BK_E_MALFORMED;
		n = n * 10 + (uint32_t)(*p - '0');
	}
	if (!n || !is_separator(*p))
		return BK_E_MALFORMED;
	*s = p;
	*ret_nameplate = n;
	return 0;
}

static int take_password(const char *s, char out[BK_CODE_STR_MAX])
{
	size_t n = 0;

	for (s = skip_separators(s); *s;) {
		char c = normal(*s);

		if (is_separator(*s)) {
			s = skip_separators(s);
			if (!*s)
				break;
			c = '-';
		} else {
			s++;
		}
		if (!c || n == PASSWORD_LEN_MAX)
			return BK_E_MALFORMED;
		out[n++] = c;
	}
	out[n] = '\0';
	return n ? 0 : BK_E_MALFORMED;
}

int bk_code_from_str(const char *s, struct bk_code *ret_code)
{
	struct bk_code code = {0};

	if (take_nameplate(&s, &code.nameplate) < 0 || take_password(s, code.password) < 0)
		return BK_E_MALFORMED;
	*ret_code = code;
	return 0;
}

const char *bk_code_to_str(const struct bk_code *c, char out[BK_CODE_STR_MAX])
{
	snprintf(out, BK_CODE_STR_MAX, "%u-%.*s", (unsigned)c->nameplate, PASSWORD_LEN_MAX, c->password);
	return out;
}

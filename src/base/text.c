/* SPDX-License-Identifier: Apache-2.0 */
/* Which characters others may not put on our user's terminal. It judges characters, not meaning: look-alike letters
 * pass. */
#include "base/text.h"

#include <langinfo.h>
#include <limits.h>
#include <string.h>
#include <wchar.h>

struct span {
	unsigned first, last;
};

static const struct span harmful[] = {
	{0x00, 0x1f}, {0x7f, 0x9f}, {0x2028, 0x202e}, /* separators, embeddings, overrides */
	{0x2066, 0x2069},                             /* isolates */
};

static const struct span unseen[] = {
	{0xad, 0xad}, {0x34f, 0x34f}, {0x115f, 0x1160}, {0x17b4, 0x17b5}, {0x180b, 0x180e}, {0x200b, 0x200b},
	{0x2060, 0x2065}, {0x206a, 0x206f}, {0x3164, 0x3164}, {0xfeff, 0xfeff}, {0xffa0, 0xffa0},
	{0xfff9, 0xfffb}, {0xe0000, 0xe0fff}, /* tags */
};

enum { JOINER_FIRST = 0x200c, JOINER_LAST = 0x200d };

#define IS_IN(c, spans) is_in(c, spans, sizeof(spans) / sizeof((spans)[0]))

static bool is_in(unsigned c, const struct span *spans, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (c >= spans[i].first && c <= spans[i].last)
			return true;
	return false;
}

size_t bk_text_char_within(const char *s, size_t left, unsigned *ret_char)
{
	static const unsigned least[] = {0, 0, 0x80, 0x800, 0x10000};
	const uint8_t *b = (const uint8_t *)s;
	size_t n = b[0] < 0x80   ? 1
		   : b[0] < 0xc2 ? 0
		   : b[0] < 0xe0 ? 2
		   : b[0] < 0xf0 ? 3
		   : b[0] < 0xf5 ? 4
				 : 0;
	unsigned c = n < 2 ? b[0] : b[0] & (0xffu >> (n + 1));

	if (n > left)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((b[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (b[i] & 0x3f);
	}
	if (!n || c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*ret_char = c;
	return n;
}

bool bk_text_is_utf8(const char *s, size_t len)
{
	for (size_t at = 0, n; at < len; at += n) {
		unsigned c = 0;

		n = bk_text_char_within(s + at, len - at, &c);
		if (!n || !c)
			return false;
	}
	return true;
}

bool bk_text_is_plain(const char *s)
{
	for (unsigned c = 0; *s; s++)
		if (bk_text_char(s, &c) && IS_IN(c, harmful))
			return false;
	return true;
}

/* Between two characters beyond ASCII a joiner has something to join, or to keep apart. */
static bool is_idle_joiner(unsigned c, bool was_wide, const char *next)
{
	return c >= JOINER_FIRST && c <= JOINER_LAST && !(was_wide && (*next & 0x80));
}

static void sanitize(char *s, bool keeps_lines)
{
	bool was_wide = false;
	char *out = s;

	while (*s) {
		unsigned c = 0;
		size_t n = bk_text_char(s, &c);
		bool is_bad =
			!n || IS_IN(c, harmful) || IS_IN(c, unseen) || is_idle_joiner(c, was_wide, s + n);

		is_bad = is_bad && !(keeps_lines && (c == '\n' || c == '\t'));
		was_wide = !is_bad && c >= 0x80;
		if (is_bad) {
			*out++ = '?';
			s += n ? n : 1;
			continue;
		}
		while (n--)
			*out++ = *s++;
	}
	*out = 0;
}

void bk_text_sanitize(char *s)
{
	sanitize(s, false);
}

void bk_text_sanitize_lines(char *s)
{
	sanitize(s, true);
}

size_t bk_text_localize(char *s)
{
	bool is_utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8");
	char *begin = s, *out = s;

	bk_text_sanitize(s);
	for (unsigned c = 0; *s;) {
		size_t n = bk_text_char(s, &c), made = 0;
		char local[MB_LEN_MAX];
		mbstate_t state = {0};

		if (!is_utf8 && c >= 0x80)
			made = wcrtomb(local, (wchar_t)c, &state);
		if (is_utf8 || c < 0x80)
			memmove(out, s, made = n);
		else if (made == (size_t)-1 || made > n)
			memcpy(out, "?", made = 1);
		else
			memcpy(out, local, made);
		out += made;
		s += n;
	}
	*out = 0;
	return (size_t)(out - begin);
}

size_t bk_text_index(const char *const *names, size_t n, const char *name)
{
	size_t i = 0;

	while (i < n && (!names[i] || strcmp(names[i], name) != 0))
		i++;
	return i;
}

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

unsigned bk_text_slips(const char *a, const char *b)
{
	unsigned rows[3][BK_TEXT_SLIPS_MAX + 1];
	size_t la = strlen(a), lb = strlen(b);

	if (la > BK_TEXT_SLIPS_MAX || lb > BK_TEXT_SLIPS_MAX)
		return la > lb ? (unsigned)la : (unsigned)lb;
	for (size_t k = 0; k <= lb; k++)
		rows[0][k] = (unsigned)k;
	for (size_t i = 1; i <= la; i++) {
		unsigned *row = rows[i % 3], *last = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];

		row[0] = (unsigned)i;
		for (size_t k = 1; k <= lb; k++) {
			row[k] = least(least(last[k], row[k - 1]) + 1, last[k - 1] + (a[i - 1] != b[k - 1]));
			if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1])
				row[k] = least(row[k], before[k - 2] + 1);
		}
	}
	return rows[la % 3][lb];
}

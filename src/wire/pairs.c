/* SPDX-License-Identifier: Apache-2.0 */
/* One pass over a key-value header, without allocation. Every byte belongs to a key, a value or one of the
 * two marks between them; what cannot be told apart for certain is refused instead of guessed. It does not
 * look into values except that of CL. */
#include "wire/pairs.h"

#include <limits.h>
#include <stdbool.h>
#include <string.h>

#include "base/error.h"

enum { DIGITS_MAX = 19 }; /* of INT64_MAX */

struct seen {
	unsigned pairs, lengths;
	uint64_t content_len;
	char *out; /* where the others go; NULL: nowhere */
	size_t out_len;
};

/* Bytes of the UTF-8 character at s (RFC 3629: shortest form, no surrogates), 0 when it is none. */
static size_t character_len(const uint8_t *s, size_t left)
{
	uint8_t low = 0x80, high = 0xbf;
	size_t n = s[0] < 0x80   ? 1
		   : s[0] < 0xc2 ? 0
		   : s[0] < 0xe0 ? 2
		   : s[0] < 0xf0 ? 3
		   : s[0] < 0xf5 ? 4
				 : 0;

	if (n < 2 || n > left)
		return n > left ? 0 : n;
	if (s[0] == 0xe0)
		low = 0xa0;
	else if (s[0] == 0xed)
		high = 0x9f;
	else if (s[0] == 0xf0)
		low = 0x90;
	else if (s[0] == 0xf4)
		high = 0x8f;
	if (s[1] < low || s[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++)
		if (s[i] < 0x80 || s[i] > 0xbf)
			return 0;
	return n;
}

/* C0, DEL and C1 controls have no place in a header. */
static bool is_text(const char *text, size_t len)
{
	const uint8_t *s = (const uint8_t *)text;

	for (size_t i = 0, n; i < len; i += n) {
		n = character_len(s + i, len - i);
		if (!n || s[i] < 0x20 || s[i] == 0x7f || (s[i] == 0xc2 && s[i + 1] < 0xa0))
			return false;
	}
	return true;
}

static bool read_length(const char *value, size_t len, uint64_t *ret_value)
{
	uint64_t n = 0;

	if (!len || len > DIGITS_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (value[i] < '0' || value[i] > '9')
			return false;
		n = n * 10 + (uint64_t)(value[i] - '0');
	}
	*ret_value = n;
	return n <= INT64_MAX;
}

static void copy_pair(struct seen *seen, const char *pair, size_t len)
{
	if (!seen->out)
		return;
	seen->out[seen->out_len] = ';';
	memcpy(seen->out + seen->out_len + 1, pair, len);
	seen->out_len += len + 1;
}

static bool take_pair(struct seen *seen, const char *pair, size_t len)
{
	const char *colon = memchr(pair, ':', len);
	size_t key = colon ? (size_t)(colon - pair) : 0;

	if (!key || key > BK_PAIRS_KEY_MAX || len - key - 1 > BK_PAIRS_VALUE_MAX)
		return false;
	if (++seen->pairs > BK_PAIRS_MAX)
		return false;
	if (key != 2 || memcmp(pair, "CL", 2) != 0) {
		copy_pair(seen, pair, len);
		return true;
	}
	seen->lengths++;
	return read_length(colon + 1, len - key - 1, &seen->content_len);
}

static bool take_all(struct seen *seen, const char *text, size_t len)
{
	size_t at = 0;

	if (!is_text(text, len))
		return false;
	for (;;) {
		const char *end = memchr(text + at, ';', len - at);
		size_t n = end ? (size_t)(end - text) - at : len - at;

		if (!take_pair(seen, text + at, n))
			return false;
		if (!end)
			return true;
		at += n + 1;
	}
}

int bk_pairs_find_content_len(const char *text, size_t len, uint64_t *ret_value)
{
	struct seen seen = {0};

	if (!take_all(&seen, text, len) || seen.lengths != 1)
		return BK_E_MALFORMED;
	*ret_value = seen.content_len;
	return 0;
}

int bk_pairs_copy_further(const char *text, char *out)
{
	struct seen seen = {.out = out};
	size_t len = strlen(text);

	if (len > INT_MAX - 1 || !take_all(&seen, text, len) || seen.pairs - seen.lengths >= BK_PAIRS_MAX)
		return BK_E_MALFORMED;
	return (int)seen.out_len;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* One pass over a key-value header, without allocation. Every byte belongs to a key, a value or one of the
 * two marks between them; what cannot be told apart for certain is refused instead of guessed. It does not
 * look into values except that of CL. */
#include "wire/pairs.h"

#include <limits.h>
#include <stdbool.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"

enum { DIGITS_MAX = 19 }; /* of INT64_MAX */

struct seen {
	unsigned pairs, lengths;
	uint64_t content_len;
	char *out; /* where the others go; NULL: nowhere */
	size_t out_len;
};

/* C0, DEL and C1 controls have no place in a header. */
static bool is_text(const char *text, size_t len)
{
	unsigned c;

	for (size_t i = 0, n; i < len; i += n) {
		n = bk_text_char_within(text + i, len - i, &c);
		if (!n || c < 0x20 || (c >= 0x7f && c < 0xa0))
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

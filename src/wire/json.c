/* SPDX-License-Identifier: Apache-2.0 */
/* Judging JSON (RFC 8259) before memory is spent on it. The scanner is a loop over tokens with one bit for
 * each open bracket, so its stack does not depend on the peer; it stops at the first byte that breaks a
 * ceiling or the grammar. It refuses scalars at the top, which no message of ours is. */
#include "wire/json.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "base/error.h"

enum expect { EXPECT_VALUE, EXPECT_VALUE_OR_CLOSE, EXPECT_KEY, EXPECT_KEY_OR_CLOSE, EXPECT_COMMA_OR_CLOSE };

struct scan {
	const char *at, *end;
	size_t depth, depth_max;
	size_t members, members_max;
	uint64_t objects; /* bit i: the bracket at depth i + 1 is an object */
	enum expect expect;
	const char *key; /* looked for at depth 1, NULL: nothing is looked for */
	bool is_wanted;  /* the value that comes next belongs to key */
	const char *found;
	size_t found_len;
};

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static void skip_space(struct scan *s)
{
	while (s->at < s->end && is_space(*s->at))
		s->at++;
}

static bool skip_escape(struct scan *s)
{
	if (++s->at == s->end || !*s->at || !strchr("\"\\/bfnrtu", *s->at))
		return false;
	if (*s->at++ != 'u')
		return true;
	for (int i = 0; i < 4; i++, s->at++)
		if (s->at == s->end || !is_hex(*s->at))
			return false;
	return true;
}

/* From the opening quote to behind the closing one. */
static bool skip_string(struct scan *s)
{
	s->at++;
	while (s->at < s->end) {
		unsigned char c = (unsigned char)*s->at;

		if (c < 0x20)
			return false;
		if (c == '\\') {
			if (!skip_escape(s))
				return false;
			continue;
		}
		s->at++;
		if (c == '"')
			return true;
	}
	return false;
}

static bool skip_digits(struct scan *s)
{
	const char *from = s->at;

	while (s->at < s->end && is_digit(*s->at))
		s->at++;
	return s->at > from;
}

static bool skip_number(struct scan *s)
{
	const char *from;

	if (*s->at == '-')
		s->at++;
	from = s->at;
	if (!skip_digits(s) || (*from == '0' && s->at - from > 1))
		return false;
	if (s->at < s->end && *s->at == '.') {
		s->at++;
		if (!skip_digits(s))
			return false;
	}
	if (s->at < s->end && (*s->at == 'e' || *s->at == 'E')) {
		s->at++;
		if (s->at < s->end && (*s->at == '+' || *s->at == '-'))
			s->at++;
		return skip_digits(s);
	}
	return true;
}

static bool skip_scalar(struct scan *s)
{
	static const char *const words[] = {"true", "false", "null"};

	if (*s->at == '"')
		return skip_string(s);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t n = strlen(words[i]);

		if ((size_t)(s->end - s->at) >= n && !memcmp(s->at, words[i], n)) {
			s->at += n;
			return true;
		}
	}
	return skip_number(s);
}

static bool open_bracket(struct scan *s, bool is_object)
{
	if (s->depth == s->depth_max)
		return false;
	if (is_object)
		s->objects |= UINT64_C(1) << s->depth;
	else
		s->objects &= ~(UINT64_C(1) << s->depth);
	s->depth++;
	s->at++;
	s->expect = is_object ? EXPECT_KEY_OR_CLOSE : EXPECT_VALUE_OR_CLOSE;
	return true;
}

static bool in_object(const struct scan *s)
{
	return s->objects >> (s->depth - 1) & 1;
}

static bool close_bracket(struct scan *s)
{
	if (*s->at != (in_object(s) ? '}' : ']'))
		return false;
	s->depth--;
	s->at++;
	s->expect = EXPECT_COMMA_OR_CLOSE;
	return true;
}

static bool take_value(struct scan *s)
{
	const char *from = s->at;

	if (s->depth && !in_object(s) && ++s->members > s->members_max)
		return false;
	if (*from == '{' || *from == '[') {
		if (s->is_wanted)
			return false;
		return open_bracket(s, *from == '{');
	}
	if (!s->depth || !skip_scalar(s))
		return false;
	if (s->is_wanted) {
		s->found = from;
		s->found_len = (size_t)(s->at - from);
		s->is_wanted = false;
	}
	s->expect = EXPECT_COMMA_OR_CLOSE;
	return true;
}

/* A key, its colon, and whether it is the one looked for. Found twice is refused. */
static bool take_key(struct scan *s)
{
	const char *from = s->at + 1;
	size_t n;

	if (*s->at != '"' || ++s->members > s->members_max || !skip_string(s))
		return false;
	n = (size_t)(s->at - from) - 1;
	if (s->key && s->depth == 1 && n == strlen(s->key) && !memcmp(from, s->key, n)) {
		if (s->found)
			return false;
		s->is_wanted = true;
	}
	skip_space(s);
	if (s->at == s->end || *s->at++ != ':')
		return false;
	s->expect = EXPECT_VALUE;
	return true;
}

static bool take_comma_or_close(struct scan *s)
{
	if (*s->at != ',')
		return close_bracket(s);
	s->at++;
	s->expect = in_object(s) ? EXPECT_KEY : EXPECT_VALUE;
	return true;
}

static bool take_token(struct scan *s)
{
	switch (s->expect) {
	case EXPECT_VALUE:
		return take_value(s);
	case EXPECT_VALUE_OR_CLOSE:
		return *s->at == ']' ? close_bracket(s) : take_value(s);
	case EXPECT_KEY:
		return take_key(s);
	case EXPECT_KEY_OR_CLOSE:
		return *s->at == '}' ? close_bracket(s) : take_key(s);
	case EXPECT_COMMA_OR_CLOSE:
		return take_comma_or_close(s);
	}
	return false;
}

static int run(struct scan *s)
{
	do {
		skip_space(s);
		if (s->at == s->end || !take_token(s))
			return BK_E_MALFORMED;
	} while (s->depth);
	skip_space(s);
	return s->at == s->end ? 0 : BK_E_MALFORMED;
}

static struct scan scan_of(const void *text, size_t len, size_t depth_max, size_t members_max)
{
	const char *at = text;

	assert(depth_max <= BK_JSON_DEPTH_LIMIT);
	return (struct scan){
		.at = at, .end = len ? at + len : at, .depth_max = depth_max, .members_max = members_max};
}

int bk_json_check(const void *text, size_t len, size_t depth_max, size_t members_max)
{
	struct scan s = scan_of(text, len, depth_max, members_max);
	return run(&s);
}

int bk_json_load(const void *text, size_t len, size_t depth_max, size_t members_max, json_t **ret_object)
{
	int err = bk_json_check(text, len, depth_max, members_max);
	json_error_t why;
	json_t *o;

	if (err < 0)
		return err;
	o = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);
	if (!o)
		return json_error_code(&why) == json_error_out_of_memory ? BK_E_NOMEM : BK_E_MALFORMED;
	if (!json_is_object(o)) {
		json_decref(o);
		return BK_E_MALFORMED;
	}
	*ret_object = o;
	return 0;
}

static int uint_of(const char *at, size_t len, uint64_t *ret_value)
{
	uint64_t v = 0;

	for (size_t i = 0; i < len; i++) {
		if (!is_digit(at[i]) || v > (INT64_MAX - (uint64_t)(at[i] - '0')) / 10)
			return BK_E_MALFORMED;
		v = v * 10 + (uint64_t)(at[i] - '0');
	}
	*ret_value = v;
	return 0;
}

int bk_json_find_uint(const void *text, size_t len, const char *key, uint64_t *ret_value)
{
	struct scan s = scan_of(text, len, BK_JSON_HEADER_DEPTH_MAX, BK_JSON_HEADER_MEMBERS_MAX);

	s.key = key;
	if (run(&s) < 0 || !(s.objects & 1) || !s.found)
		return BK_E_MALFORMED;
	return uint_of(s.found, s.found_len, ret_value);
}

int bk_json_get_int(const json_t *o, const char *key, int64_t min, int64_t max, int64_t *value)
{
	const json_t *member = json_object_get(o, key);
	json_int_t v = json_integer_value(member);

	if (!member)
		return 0;
	if (!json_is_integer(member) || v < min || v > max)
		return BK_E_MALFORMED;
	*value = v;
	return 0;
}

int bk_json_append(struct bk_buf *out, const json_t *o, size_t prefix_len, size_t text_max)
{
	size_t n = json_dumpb(o, NULL, 0, JSON_COMPACT);
	uint8_t *at;

	if (!n)
		return BK_E_NOMEM;
	if (n > text_max)
		return BK_E_TOO_BIG;
	if (prefix_len + n > bk_buf_room(out))
		return BK_E_FULL;
	at = bk_buf_reserve(out, prefix_len + n);
	if (!at)
		return BK_E_NOMEM;
	for (size_t i = 0; i < prefix_len; i++)
		at[i] = (uint8_t)((uint64_t)n >> 8 * (prefix_len - 1 - i));
	if (json_dumpb(o, (char *)at + prefix_len, n, JSON_COMPACT) != n)
		return BK_E_NOMEM;
	bk_buf_commit(out, prefix_len + n);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "group/summons.h"

#include <stdbool.h>
#include <string.h>

#include "base/error.h"

static bool is_purpose(const char *s)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789/-");

	return n && n <= BK_SUMMONS_PURPOSE_MAX && !s[n];
}

static bool is_code(const char *s)
{
	size_t n = 0;

	while (s[n] >= ' ' && s[n] <= '~')
		n++;
	return n <= BK_SUMMONS_CODE_MAX && !s[n];
}

int bk_summons_of(const char *purpose, const char *code, struct bk_summons *ret_summons)
{
	if (!purpose || !code || !is_purpose(purpose) || !is_code(code))
		return BK_E_INVALID;
	*ret_summons = (struct bk_summons){0};
	strcpy(ret_summons->purpose, purpose);
	strcpy(ret_summons->code, code);
	return 0;
}

static void write_string(struct bk_writer *w, const char *s)
{
	size_t n = strlen(s);

	bk_write_u8(w, (uint8_t)n);
	bk_write_bytes(w, s, n);
}

void bk_summons_write(struct bk_writer *w, const struct bk_summons *s)
{
	write_string(w, s->purpose);
	write_string(w, s->code);
}

/* One with a NUL in it is shorter than it says, and none of ours. */
static bool read_string(struct bk_reader *r, char *out, size_t max)
{
	size_t n = bk_read_u8(r);
	const uint8_t *s = n <= max ? bk_read_view(r, n) : NULL;

	if (!s || r->error < 0)
		return false;
	memcpy(out, s, n);
	out[n] = '\0';
	return strlen(out) == n;
}

int bk_summons_read(const void *bytes, size_t len, struct bk_summons *ret_summons)
{
	struct bk_summons s = {0};
	struct bk_reader r;

	bk_reader_init(&r, bytes, len);
	if (!read_string(&r, s.purpose, sizeof(s.purpose) - 1) ||
		!read_string(&r, s.code, sizeof(s.code) - 1) || bk_reader_left(&r))
		return BK_E_MALFORMED;
	return bk_summons_of(s.purpose, s.code, ret_summons) < 0 ? BK_E_MALFORMED : 0;
}

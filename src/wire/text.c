/* SPDX-License-Identifier: Apache-2.0 */
/* Which characters a peer may not put on our user's terminal. It judges characters, not meaning: look-alike
 * letters pass. */
#include "wire/text.h"

#include <stddef.h>
#include <stdint.h>

/* Bytes of the harmful character at s, 0 when it is harmless. Reads no further than the NUL. */
static size_t harmful_len(const uint8_t *s)
{
	if (s[0] < 0x20 || s[0] == 0x7f)
		return 1;
	if (s[0] == 0xc2) /* U+0080..U+009F, C1 controls */
		return s[1] >= 0x80 && s[1] <= 0x9f ? 2 : 0;
	if (s[0] == 0xd8) /* U+061C, Arabic letter mark */
		return s[1] == 0x9c ? 2 : 0;
	if (s[0] != 0xe2)
		return 0;
	if (s[1] == 0x80) /* U+200E, U+200F marks; U+2028, U+2029 separators; U+202A..U+202E overrides */
		return s[2] == 0x8e || s[2] == 0x8f || (s[2] >= 0xa8 && s[2] <= 0xae) ? 3 : 0;
	if (s[1] == 0x81) /* U+2066..U+2069 isolates */
		return s[2] >= 0xa6 && s[2] <= 0xa9 ? 3 : 0;
	return 0;
}

bool bk_text_is_plain(const char *s)
{
	for (; *s; s++)
		if (harmful_len((const uint8_t *)s))
			return false;
	return true;
}

void bk_text_sanitize(char *s)
{
	char *out = s;

	while (*s) {
		size_t n = harmful_len((const uint8_t *)s);

		*out++ = (char)(n ? '?' : *s);
		s += n ? n : 1;
	}
	*out = 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_BASE_TEXT_H
#define BK_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Text that others chose (a peer, a file system, a command line) and that a person or a log will see. Two measures:
 *
 * harmful: C0, DEL and C1 controls, line and paragraph separators, and the bidirectional embeddings, overrides and
 * isolates that make text read as something else. No name that means well has them: they are refused.
 * unseen: what shows nothing and so makes two names look alike (zero-width and tag characters, fillers, a joiner
 * where nothing joins), and bytes that are no UTF-8. Such a name passes, and is shown with '?' in their place.
 *
 * The marks of Arabic and Hebrew (U+200E, U+200F, U+061C) and joiners between letters that need them are only
 * unusual, and shown. */

bool bk_text_is_plain(const char *s); /* nothing harmful in it; s is UTF-8 */
void bk_text_sanitize(char *s);       /* each harmful or unseen character becomes one '?'; never grows */
void bk_text_sanitize_lines(char *s); /* the same for text of several lines: newlines and tabs stay */

/* For the terminal of this process: sanitized, and in the charset of the locale; what that has no character for is
 * '?'. One that is not UTF-8 may see C1 controls in UTF-8's bytes. Never grows; returns the new length. */
size_t bk_text_localize(char *s);

/* Bytes of the character at s, of which at most `left` are looked at; 0: no UTF-8 (RFC 3629: shortest form, no
 * surrogates). */
size_t bk_text_char_within(const char *s, size_t left, unsigned *ret_char);

/* The same where a NUL ends the text; s is not at it. */
static inline size_t bk_text_char(const char *s, unsigned *ret_char)
{
	return bk_text_char_within(s, SIZE_MAX, ret_char);
}

/* Are these bytes UTF-8 with no NUL among them? */
bool bk_text_is_utf8(const char *s, size_t len);

/* Its number in a table of n names, where NULL is nobody's; n: it is not there. */
size_t bk_text_index(const char *const *names, size_t n, const char *name);

/* Slips between two words: a letter more, less, other, or two that changed places. What is longer than the most is
 * like nothing. */
enum { BK_TEXT_SLIPS_MAX = 24 };
unsigned bk_text_slips(const char *a, const char *b);

#endif

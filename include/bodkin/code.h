/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BODKIN_CODE_H
#define BODKIN_CODE_H

#include <stddef.h>

#include <bodkin/api.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The codes that people say to each other, "7-tulip-anchor", before they are used: for a program that asks for
 * one. Thread rule: any thread. */
enum { BK_CODE_TEXT_MAX = 256 }; /* bytes of a sentence, with its end */

/* The words that made codes consist of, 1024 in alphabetical order, 4 to 8 letters a to z; NULL behind the last.
 * Static. */
BK_API const char *bk_code_word(size_t index);

/* Can this be the code that was meant? One claim uses a code up, whatever was typed, so ask before. 0; or
 * BK_E_MALFORMED with a sentence that says where the slip is and what was probably meant: the text is no code at
 * all, a word is missing, or one is not in the list though the code looks made. A code that people thought of
 * themselves passes: its words are not like those of the list, or it is one of at least five letters. */
BK_API int bk_code_check(const char *code, char ret_text[BK_CODE_TEXT_MAX]);

#ifdef __cplusplus
}
#endif
#endif

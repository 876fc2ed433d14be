/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_WIRE_TEXT_H
#define BK_WIRE_TEXT_H

#include <stdbool.h>

/* Text from a peer that a person or a log will see. Harmful here means: C0, DEL and C1 controls, line and
 * paragraph separators, and the bidirectional controls that make text read as something else. The text
 * is valid UTF-8 already (jansson lets nothing else through). */

bool bk_text_is_plain(const char *s); /* nothing harmful in it */
void bk_text_sanitize(char *s);       /* each harmful character becomes one '?'; never grows */

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EXAMPLES_PROMPT_H
#define EXAMPLES_PROMPT_H

#include "lines.h"

/* A line being typed, and lines that appear above it meanwhile without tearing it. On a terminal it can be
 * edited; where standard input or output is none, plain lines go in and out. One for a process. */

/* It begins at once. on_line and on_end as of lines.h; the line is valid during the call. */
int prompt_new(struct bk_loop *loop, const struct lines_events *events, void *arg);
void prompt_say(const char *text, size_t n);
void prompt_free(void); /* not from inside a callback; gives the terminal back as it was */

#endif

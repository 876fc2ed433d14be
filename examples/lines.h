/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EXAMPLES_LINES_H
#define EXAMPLES_LINES_H

#include <stddef.h>

#include <bodkin/loop.h>

/* Lines of standard input beside everything else that a loop does. The loop must not be one with epoll, which
 * refuses plain files. */
struct lines;

enum { LINE_BYTES_MAX = 4096 }; /* a longer line comes in pieces */

struct lines_events {
	void (*on_line)(void *arg, const char *line, size_t n); /* without its newline, NUL-terminated */
	void (*on_end)(void *arg);                              /* there will be no more */
};

/* It begins paused. */
int lines_new(struct bk_loop *loop, const struct lines_events *events, void *arg, struct lines **ret_lines);
void lines_pause(struct lines *l);
void lines_resume(struct lines *l);
void lines_free(struct lines *l); /* not from inside a callback; NULL is fine */

#endif

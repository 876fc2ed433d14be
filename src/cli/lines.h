/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_CLI_LINES_H
#define BK_CLI_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bodkin/loop.h>

#include "cli/report.h"

/* The lines of standard input, whatever it is: a pipe, a terminal, a file on disk. */
enum { BK_CLI_LINES_MAX = 65536 }; /* bytes of a line */

struct bk_cli_lines_events {
	/* False: not now. It comes again after bk_cli_lines_resume, and nothing is read until then. Without its end
	 * (a newline, or return and newline); a NUL stands behind it. */
	bool (*on_line)(void *arg, char *line, size_t n);
	/* No more will come; last. 0: the input has ended (a last line needs no newline); BK_E_TOO_BIG,
	 * BK_E_NOMEM: a line cannot be handed on, or said, and nothing of it was; BK_E_IO: errno says why. */
	void (*on_end)(void *arg, int error);
};

struct bk_cli_lines {
	struct bk_loop *loop;
	const struct bk_cli_lines_events *events;
	void *arg;
	struct bk_watch *watch;
	struct bk_timer *
		timer; /* reads a file, of which nothing tells that it is readable; and hands on after a resume */
	bool is_file, is_running, has_ended, is_over;
	bool was_mended; /* and that was said */
	char *buffer;
	size_t start, len;
	size_t number; /* of the line that was said, or given up, last */
	uint64_t said;
};

/* Begins with the first resume. BK_E_NOMEM, BK_E_IO. */
int bk_cli_lines_init(
	struct bk_cli_lines *l, struct bk_loop *loop, const struct bk_cli_lines_events *events, void *arg);
void bk_cli_lines_resume(struct bk_cli_lines *l);
/* From inside on_line, and what that returns: has `say` say the line, with the arg of the events; BK_E_AGAIN: not now.
 * A line that it says is no text (BK_E_INVALID) becomes some, in its place, and is said again: bytes are replaced
 * rather than lost with all around them, which is said of the first one. */
bool bk_cli_lines_say(struct bk_cli_lines *l, struct bk_cli_report *r, char *line, size_t n,
	int (*say)(void *arg, const char *text, size_t n));
/* Why on_end came with that error, where ("in a room ", or "") a message has at most max bytes. */
void bk_cli_lines_why(const struct bk_cli_lines *l, int error, const char *where, size_t max,
	char ret_text[BK_CLI_TEXT_MAX]);
void bk_cli_lines_done(struct bk_cli_lines *l); /* fine on a zeroed one */

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_CLI_EDITOR_H
#define BK_CLI_EDITOR_H

#include <stdbool.h>
#include <stddef.h>
#include <wchar.h>

/* A message being typed: bytes of a terminal in, a text with a cursor out. Pure but for the locale
 * (LC_CTYPE), in which the bytes are read (one that knows ASCII alone says nothing of the terminal: there
 * they are UTF-8). Takes what no line editor has to be told any more (arrows, words, kill and yank, history,
 * a paste in brackets, which may have several lines, as may Alt-Enter), and never waits for the rest of a
 * sequence. Characters that could turn a text around or drive a terminal do not get in.
 *
 * Why not libedit: it writes to the terminal itself, from the loop, and blocks where that is slow; it waits,
 * in the loop, for what follows an Escape; it knows no brackets around a paste; and how many rows it has
 * drawn, which whoever prints above them has to know, it does not tell. */
enum {
	BK_CLI_EDITOR_BYTES_MAX = 65536, /* of the text as UTF-8 */
	BK_CLI_EDITOR_HISTORY_MAX = 100,
	BK_CLI_EDITOR_SEQUENCE_MAX = 16,
};

enum bk_cli_editor_news {
	BK_CLI_EDITOR_NOTHING,
	BK_CLI_EDITOR_CHANGED, /* text or cursor: draw it */
	BK_CLI_EDITOR_ENTER,   /* the text is done: bk_cli_editor_take */
	BK_CLI_EDITOR_TAB,
	BK_CLI_EDITOR_END,    /* Ctrl-D in an empty text */
	BK_CLI_EDITOR_REDRAW, /* Ctrl-L: the screen is to be cleared */
};

struct bk_cli_editor {
	wchar_t *text; /* of len characters; room for cap */
	size_t len, cap, cursor;
	size_t bytes;    /* of the text as UTF-8 */
	wchar_t *killed; /* what Ctrl-Y brings back; of killed_len */
	size_t killed_len;
	char *history[BK_CLI_EDITOR_HISTORY_MAX];      /* the last one is the newest */
	size_t history_len, history_at;                /* at history_len: what is typed now */
	char *draft;                                   /* what was typed before somebody looked back */
	char sequence[BK_CLI_EDITOR_SEQUENCE_MAX + 1]; /* behind an Escape */
	size_t sequence_len;
	bool is_escaped, is_pasting, was_return;
	bool is_local;   /* the locale's charset is neither UTF-8 nor a part of it */
	mbstate_t state; /* then */
	char cut[4];     /* else: of a character that is not whole yet */
	size_t cut_len;
};

void bk_cli_editor_init(struct bk_cli_editor *e);
void bk_cli_editor_done(struct bk_cli_editor *e);

enum bk_cli_editor_news bk_cli_editor_key(struct bk_cli_editor *e, char byte);

/* The text as UTF-8, to be freed, and an empty one instead; what is not empty goes into the history. NULL: no memory,
 * and nothing has changed. */
char *bk_cli_editor_take(struct bk_cli_editor *e);
/* The text up to the cursor, to be freed; NULL: no memory. */
char *bk_cli_editor_head(const struct bk_cli_editor *e);
/* As if it had been typed. */
void bk_cli_editor_insert(struct bk_cli_editor *e, const char *utf8);

#endif

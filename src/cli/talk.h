/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_CLI_TALK_H
#define BK_CLI_TALK_H

#include "cli/screen.h"
#include "net/turn.h"

/* A person at a terminal who talks with somebody: what is heard and said stands above, with marks; what was said and is
 * not delivered yet stands below it, above the line that is being typed; lines that begin with a slash are commands.
 * With whom, and how it gets there, is the owner's business. */
struct bk_cli_talk_command {
	const char *name, *args, *about;
	void (*perform)(void *arg, const char *rest);
};

enum { BK_CLI_TALK_MORE_MAX = 512, BK_CLI_TALK_WHO_MAX = 96, BK_CLI_TALK_COMMANDS_MAX = 16 };

/* What a Tab finds (cli/complete.h). */
struct bk_cli_talk_found {
	char more[BK_CLI_TALK_MORE_MAX], choices[BK_CLI_TALK_MORE_MAX];
};

struct bk_cli_talk_ops {
	const struct bk_cli_talk_command *commands;
	size_t commands_len;
	/* Takes it on; ret_number is what bk_cli_talk_delivered will name it by, and rises. `to` is what
	 * bk_cli_talk_say was given. An error is told, and what was typed can be typed on. */
	int (*say)(void *arg, const void *to, const char *text, uint64_t *ret_number);
	/* The person wants out, by whatever way: first what was said is delivered; the second time (is_urgent) nothing
	 * is waited for. */
	void (*leave)(void *arg, bool is_urgent);
	/* Rows above what is not delivered, and below. May be NULL. */
	void (*fill)(void *arg, struct bk_cli_sheet *sheet);
	void (*fill_below)(void *arg, struct bk_cli_sheet *sheet);
	/* Of a command's arguments: head is the line up to the cursor. May be NULL. */
	void (*complete)(void *arg, const char *head, struct bk_cli_talk_found *found);
};

struct bk_cli_saying {
	uint64_t number;
	char *text, who[BK_CLI_TALK_WHO_MAX];
	int64_t at; /* when it was said */
};

struct bk_cli_talk {
	struct bk_loop *loop;
	struct bk_cli_report *report;
	const struct bk_cli_talk_ops *ops;
	void *arg;
	struct bk_cli_screen screen;
	struct bk_cli_saying *sayings; /* not delivered yet */
	size_t sayings_len, sayings_cap;
	double mark_ms;    /* how long the last mark took; 0: none came */
	const char *typed; /* while it is looked at */
	bool is_row_new; /* without a screen: nothing was typed behind what was said last, or the line that was handed over */
	struct bk_turn turn; /* which ends that */
	bool has_times;      /* the hour stands before each line */
	bool has_screen, is_leaving, is_gone, is_over;
};

/* has_screen: it reads the keys; else somebody hands over the lines (a terminal that cannot move its cursor). The ops
 * live as long as the talk. BK_E_NOMEM, BK_E_IO. */
int bk_cli_talk_init(struct bk_cli_talk *t, struct bk_loop *loop, struct bk_cli_report *r,
	const struct bk_cli_talk_ops *ops, void *arg, bool has_screen);
void bk_cli_talk_done(struct bk_cli_talk *t);

void bk_cli_talk_show(struct bk_cli_talk *t);
void bk_cli_talk_touch(struct bk_cli_talk *t); /* fill says something else */
void bk_cli_talk_line(struct bk_cli_talk *t, const char *text);

/* Says it to all (to NULL), or as `who`, "you" if NULL. */
void bk_cli_talk_say(struct bk_cli_talk *t, const char *who, const void *to, const char *text);
/* All up to that number have it. / That one nobody will have. */
void bk_cli_talk_delivered(struct bk_cli_talk *t, uint64_t number);
void bk_cli_talk_undelivered(struct bk_cli_talk *t, uint64_t number, const char *why);

/* One thing that was said, on as many lines as it has. before stands in front of it: the hour, if has_times; NULL: now.
 */
void bk_cli_talk_print(
	struct bk_cli_talk *t, const char *before, const char *who, const char *text, const char *mark);
const char *bk_cli_talk_hour(uint64_t ms, char out[32]); /* "12:03 ", of another day "Mon 2 Feb 12:03 " */

void bk_cli_talk_help(struct bk_cli_talk *t);
void bk_cli_talk_leave(struct bk_cli_talk *t);
/* It is over: the sheet goes, and what was not delivered, or only typed, is named. */
void bk_cli_talk_end(struct bk_cli_talk *t);

#endif

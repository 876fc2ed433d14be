/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_CLI_FRAME_H
#define BK_CLI_FRAME_H

#include <bodkin/call.h>
#include <bodkin/loop.h>
#include <bodkin/session.h>

#include "cli/code_prompt.h"
#include "cli/interrupt.h"
#include "cli/options.h"
#include "cli/paths.h"
#include "cli/report.h"

/* The frame of a client command, the first member of what the command keeps: options become a loop and a
 * session's options, the command starts, the loop runs until it has ended or the user insists, errors become
 * sentences and exit codes. */
struct bk_cli_frame;

struct bk_cli_frame_ops {
	enum bk_cli_command_bit command;
	const char *act; /* for "cannot ACT: ..." */
	/* What the other machine types: "bodkin OTHER [-s SERVER] BEFORE CODE AFTER". */
	const char *other, *before_code, *after_code;
	bool takes_plain; /* knows the plain dialect */
	bool takes_code;  /* its argument is the other side's code, unless it is plain */
	bool asks_code;   /* without one, a person at a terminal is asked for it */
	/* Looks at options and arguments. May be NULL. */
	int (*check)(const struct bk_cli_options *o, char ret_text[BK_CLI_TEXT_MAX]);
	int (*start)(struct bk_cli_frame *f, char ret_text[BK_CLI_TEXT_MAX]);
	/* The user wants out: an orderly end, bk_cli_frame_end follows. */
	void (*stop)(struct bk_cli_frame *f);
	void (*done)(struct bk_cli_frame *f); /* also after a start that failed, or none */
};

struct bk_cli_frame {
	const struct bk_cli_frame_ops *ops;
	const struct bk_cli_options *options;
	struct bk_cli_report *report;
	struct bk_loop *loop;
	struct bk_session_opts session; /* strings live in the options and below */
	struct bk_cli_interrupt interrupt;
	char *token;
	char state_dir[BK_CLI_PATHS_MAX];
	char asked_code[BK_CLI_CODE_MAX];
	/* A code that was made goes there, and no person is told. NULL: to the person. */
	void (*on_code)(struct bk_cli_frame *f, void *arg, const char *code);
	void *on_code_arg;
	int code;
};

/* Somebody reads our questions and can answer: standard input and error are terminals. */
bool bk_cli_frame_has_person(void);

/* Runs the command; returns the exit code. */
int bk_cli_frame_run(struct bk_cli_frame *f, const struct bk_cli_frame_ops *ops,
	const struct bk_cli_options *o, struct bk_cli_report *r);

/* The command has ended: NULL is success. Says why not, and stops the loop. */
void bk_cli_frame_end(struct bk_cli_frame *f, const struct bk_call_failure *failure);

/* What the other machine needs to find the same server: "-s HOST#PIN ", or "". pin: the server's key, once it is known;
 * NULL: it is not. */
void bk_cli_frame_server(const struct bk_cli_frame *f, const char *pin, char *out, size_t max);

/* What every call tells goes to the report; arg is the frame. */
extern const struct bk_call_news bk_cli_frame_news;

#endif

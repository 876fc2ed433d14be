/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_CLI_REPORT_H
#define BK_CLI_REPORT_H

#include <stdbool.h>

#include "base/time.h"
#include "cli/options.h"
#include "cli/output.h"
#include <bodkin/transfer.h>

struct json_t;

struct bk_cli_window {
	unsigned columns, rows;
};

/* Everything a command says, in one place: sentences and a progress bar for a person, one JSON object a line
 * for a script, errors as one line on standard error in both. */
struct bk_cli_report {
	bool is_json, is_quiet, is_smart, has_bar, has_color, is_utf8, is_bar_drawn, is_question_open,
		has_path;
	bool is_lasting; /* it goes on and on, so nothing that it says is said once: all of it has a ceiling */
	bool is_lost;    /* there is no path, and one is looked for */
	bool has_stream; /* what is offered has no total */
	bool is_limited; /* --limit */
	bool is_text;    /* what is offered is said */
	bool is_told;    /* and that is all there is to be said */
	bool is_aside;   /* standard output is for data: sentences go to standard error */
	int verbosity;
	bk_time born;     /* what happens is told with the time since then */
	size_t hidden;    /* names that were skipped for that, and are not summed up yet */
	uint64_t resumed; /* bytes of a transfer that were there before */
	char file[1024];  /* that is under way */
	size_t file_number, files;
	char peer[64];    /* name, shortened */
	const char *from; /* of several things at once: whose an event is; NULL: there is one alone */
	/* Before anything is said: something stands there that has to go. NULL: nothing. */
	void (*on_wipe)(void *arg);
	void *wipe_arg;
};

void bk_cli_report_init(struct bk_cli_report *r, const struct bk_cli_options *o);

/* What a command has to say that no other has: an event for a script (the fields are taken over, NULL is
 * out of memory), a line for a person. The one is silent where the other is heard. */
void bk_cli_report_event(
	const struct bk_cli_report *r, enum bk_cli_rank rank, const char *event, struct json_t *fields);
void bk_cli_report_say(struct bk_cli_report *r, enum bk_cli_rank rank, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Around what is to be seen at first sight, where the terminal shows it; elsewhere they are empty. */
const char *bk_cli_report_bold(const struct bk_cli_report *r);
const char *bk_cli_report_plain(const struct bk_cli_report *r);

/* other: what to type on the other machine; it is changed. has_qr: it is drawn, too, or said why not. */
void bk_cli_report_code(struct bk_cli_report *r, const char *code, char *other, bool has_qr);
void bk_cli_report_peer(struct bk_cli_report *r, const struct bk_peer *peer);
void bk_cli_report_path(struct bk_cli_report *r, const struct bk_path *path);
/* Whom this is done with: the name, or "the other side". */
const char *bk_cli_report_whom(const struct bk_cli_report *r);
/* None is left until the next one; to a person the note says so, and the bar from then on. */
void bk_cli_report_lost(struct bk_cli_report *r, const char *text);
/* Verbosity 0: what is waited for; above, what happens, with the time since the command began. */
void bk_cli_report_note(struct bk_cli_report *r, int verbosity, const char *text);
/* What is offered to us, or by us. */
void bk_cli_report_offer(struct bk_cli_report *r, const struct bk_transfer_offer *offer);
/* What was found in folders and cannot be sent. */
void bk_cli_report_left_out(struct bk_cli_report *r, const struct bk_transfer_offer *offer);
void bk_cli_report_conflict(struct bk_cli_report *r, const struct bk_transfer_entry *entry,
	enum bk_transfer_conflict how, const char *as);
/* What somebody said: to a person's terminal as harmless lines, else byte for byte. */
void bk_cli_report_text(struct bk_cli_report *r, const char *text, size_t len);
/* Goes on where an earlier one stopped; is_here: on this side. */
void bk_cli_report_resume(struct bk_cli_report *r, const struct bk_transfer_resume *resume, bool is_here);
void bk_cli_report_answered(struct bk_cli_report *r); /* the person ended the line */
/* Which of how many files is under way, for the progress from here on. */
void bk_cli_report_file(struct bk_cli_report *r, const char *path, size_t number, size_t files);
/* A line over the one that is drawn; what is said next wipes it. */
void bk_cli_report_draw(struct bk_cli_report *r, const char *line);
void bk_cli_report_progress(struct bk_cli_report *r, uint64_t bytes, uint64_t total, double rate);
void bk_cli_report_done(struct bk_cli_report *r, const char *verb, const struct bk_transfer_result *result);
/* Before anything else is said on standard error: the bar goes, an open question gets its line end. */
void bk_cli_report_wipe(struct bk_cli_report *r);
void bk_cli_report_interrupted(struct bk_cli_report *r); /* by Ctrl-C */
struct bk_cli_window bk_cli_report_window(void);
/* What does not stop the command but should be known; the same line as an error's, and silent when quiet. */
void bk_cli_report_warning(struct bk_cli_report *r, const char *text);
/* `bodkin: TEXT` on standard error, one line. */
void bk_cli_report_error(struct bk_cli_report *r, int error, const char *text);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_CLI_CHAT_PERSON_H
#define BK_CLI_CHAT_PERSON_H

#include <bodkin/chat.h>

#include "cli/chat_files.h"
#include "cli/screen.h"

/* A person who talks at a terminal: what is heard and said stands above, with marks; what was said and is not delivered
 * yet stands below it, above the line that is being typed; lines that begin with a slash are commands. */
struct bk_cli_saying {
	uint64_t number;
	char *text;
	int64_t at; /* when it was said */
};

struct bk_cli_chat_person {
	struct bk_loop *loop;
	struct bk_cli_report *report;
	struct bk_chat *chat; /* NULL: it is over */
	struct bk_cli_screen screen;
	struct bk_cli_chat_files files;
	struct bk_cli_saying *sayings; /* not delivered yet */
	size_t sayings_len, sayings_cap;
	uint64_t said, heard;
	int64_t since;  /* on_open */
	double mark_ms; /* how long the last mark took; 0: none came */
	char path[512]; /* how the two are connected */
	int64_t path_since;
	char nat[64];
	bool has_screen, is_leaving, is_gone, has_other_finished;
};

/* has_screen: it reads the keys; else somebody hands over the lines (a terminal that cannot move its cursor).
 * The folder is where files go. BK_E_NOMEM, BK_E_IO. */
int bk_cli_chat_person_init(struct bk_cli_chat_person *p, struct bk_loop *loop, struct bk_cli_report *r,
	const char *folder, bool has_screen);
void bk_cli_chat_person_done(struct bk_cli_chat_person *p);

void bk_cli_chat_person_line(struct bk_cli_chat_person *p, const char *text);

/* What the chat tells. */
void bk_cli_chat_person_peer(struct bk_cli_chat_person *p, const struct bk_peer *peer);
void bk_cli_chat_person_path(struct bk_cli_chat_person *p, const struct bk_path *path);
void bk_cli_chat_person_open(struct bk_cli_chat_person *p);
void bk_cli_chat_person_hear(struct bk_cli_chat_person *p, const struct bk_chat_message *m);
void bk_cli_chat_person_delivered(struct bk_cli_chat_person *p, uint64_t number);
void bk_cli_chat_person_finished(struct bk_cli_chat_person *p);
/* The sheet goes, and what was not delivered, or only typed, is named. */
void bk_cli_chat_person_end(struct bk_cli_chat_person *p);

/* The person wants out, by whatever way: first what was said is delivered; the second time nothing is waited for,
 * unless the terminal is gone. */
void bk_cli_chat_person_leave(struct bk_cli_chat_person *p);

#endif

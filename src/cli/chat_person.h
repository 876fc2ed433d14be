/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_CLI_CHAT_PERSON_H
#define BK_CLI_CHAT_PERSON_H

#include <bodkin/chat.h>

#include "cli/chat_files.h"
#include "cli/talk.h"

/* Two people who talk (cli/talk.h), at this terminal. */
struct bk_cli_chat_person {
	struct bk_loop *loop;
	struct bk_cli_report *report;
	struct bk_chat *chat; /* NULL: it is over */
	struct bk_cli_talk talk;
	struct bk_cli_chat_files files;
	uint64_t said, heard;
	int64_t since;  /* on_open */
	char path[512]; /* how the two are connected */
	int64_t path_since;
	char nat[64];
	bool has_other_finished;
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

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_CLI_CHAT_FILES_H
#define BK_CLI_CHAT_FILES_H

#include <bodkin/chat.h>
#include <bodkin/transfer.h>

#include "cli/report.h"
#include "cli/sheet.h"

/* The files that people hand to each other while they talk: one at a time each way, each asked for. What comes goes
 * into one folder and never replaces anything. */
struct bk_cli_chat_files {
	struct bk_loop *loop;
	struct bk_cli_report *report;
	const char *folder;
	void (*on_change)(void *arg);                 /* bk_cli_chat_files_fill would say something else */
	void (*on_code)(void *arg, const char *code); /* where a session is made for it; may be NULL */
	void *arg;
	bool is_looking; /* at what is sent, still */
	struct bk_send *send;
	struct bk_recv *recv;
	bool is_sending, is_receiving, is_asking;
	int64_t came; /* the last offer; 0: none did */
	struct bk_cli_chat_file {
		char name[256], peer[96]; /* what, and whose or to whom */
		uint64_t bytes, total;
		double rate;
		bool is_moving;
	} out, in;
};

/* Is there somebody at a terminal to offer them to? */
bool bk_cli_chat_files_has_person(bool is_json);
/* -o DIR: it takes files, and some may come. BK_E_FILE, BK_E_INVALID with a sentence. */
int bk_cli_chat_files_check(const struct bk_cli_options *o, char text[BK_CLI_TEXT_MAX]);
/* A channel for files came: it is offered to the person. Where there is already one, or
 * was one a moment ago, it is left to be reset. */
void bk_cli_chat_files_come(struct bk_cli_chat_files *f, struct bk_channel *channel);
/* way: the session in which, or with which; peer: to whom. */
void bk_cli_chat_files_send(
	struct bk_cli_chat_files *f, const struct bk_send_opts *way, const char *peer, const char *path);
/* way: the channel or the session by which it comes. */
void bk_cli_chat_files_take(struct bk_cli_chat_files *f, const struct bk_recv_opts *way, const char *peer);
/* The other side does not want what we offer. */
void bk_cli_chat_files_declined(struct bk_cli_chat_files *f);
/* The person's answer to what is offered. */
void bk_cli_chat_files_answer(struct bk_cli_chat_files *f, bool yes);
/* Stops what is under way. */
void bk_cli_chat_files_stop(struct bk_cli_chat_files *f);
/* A row for each that is under way. */
void bk_cli_chat_files_fill(const struct bk_cli_chat_files *f, struct bk_cli_sheet *sheet);
/* Before the chat is freed; fine on a zeroed one. */
void bk_cli_chat_files_done(struct bk_cli_chat_files *f);

#endif

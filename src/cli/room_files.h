/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_CLI_ROOM_FILES_H
#define BK_CLI_ROOM_FILES_H

#include "cli/chat_files.h"
#include "cli/room_members.h"

/* Files from one member of a room to another: the group introduces the two, and a session of their own, in which each
 * holds the other to its key, carries them. Nobody learns an address of ours, by offering, before it is agreed to. */
enum { BK_CLI_ROOM_OFFERS_MAX = 8 };

struct bk_cli_room_offer {
	uint8_t key[BK_GROUP_KEY_LEN];
	char code[BK_GROUP_CALL_CODE_MAX + 1], label[BK_CLI_LABEL_MAX];
};

struct bk_cli_room_files {
	struct bk_cli_chat_files files;
	struct bk_group *group; /* NULL: it is over */
	const struct bk_cli_members *members;
	const struct bk_session_opts *session; /* what a session with a member begins with */
	void (*on_change)(void *arg);
	void *arg;
	uint8_t to[BK_GROUP_KEY_LEN];                            /* whom we offer something, */
	char code[BK_GROUP_CALL_CODE_MAX + 1];                   /* and by which code */
	struct bk_cli_room_offer offers[BK_CLI_ROOM_OFFERS_MAX]; /* the last one is the newest */
	size_t offers_len;
};

/* on_change: what bk_cli_chat_files_fill says. */
void bk_cli_room_files_init(struct bk_cli_room_files *f, struct bk_loop *loop, struct bk_cli_report *r,
	const char *folder, void (*on_change)(void *arg), void *arg);
/* Before the group; fine on a zeroed one. */
void bk_cli_room_files_done(struct bk_cli_room_files *f);

/* "FILE NAME", as it was typed. */
void bk_cli_room_files_send(struct bk_cli_room_files *f, const char *typed);
/* What bk_group_events.on_call tells. */
void bk_cli_room_files_called(
	struct bk_cli_room_files *f, const struct bk_group_line *from, const char *purpose, const char *code);
/* It came again: what we offer it is offered again. */
void bk_cli_room_files_back(struct bk_cli_room_files *f, const uint8_t key[BK_GROUP_KEY_LEN]);
/* What was asked last is answered: first whether the two meet, then whether it is taken. */
void bk_cli_room_files_answer(struct bk_cli_room_files *f, bool yes);

#endif

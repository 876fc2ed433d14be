/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_CLI_ROOM_PERSON_H
#define BK_CLI_ROOM_PERSON_H

#include <bodkin/group.h>

#include "cli/room_files.h"
#include "cli/room_members.h"
#include "cli/talk.h"

/* A person in a room of many (cli/talk.h), at this terminal. What changes the room itself is the owner's business. */
struct bk_cli_room_person_ops {
	void (*move)(void *arg, const char *invite);
	/* Under that name from now on; NULL: under none. */
	void (*remember)(void *arg, const char *name);
	void (*show_invite)(void *arg);
	void (*leave)(void *arg, bool is_urgent);
};

struct bk_cli_room_person {
	struct bk_loop *loop;
	struct bk_cli_report *report;
	struct bk_group *group; /* NULL: it is over, or between two rooms */
	const struct bk_cli_room_person_ops *ops;
	void *arg;
	const struct bk_cli_members *members;
	struct bk_cli_talk talk;
	struct bk_cli_room_files files;
	const char *server;               /* NULL: none is named */
	char invite[BK_GROUP_INVITE_MAX]; /* of another room that we were offered, or made; "": none */
	int64_t since;
	uint64_t said, heard;
	bool is_in_history, was_open;
};

struct bk_cli_room_person_opts {
	struct bk_loop *loop;
	struct bk_cli_report *report;
	const struct bk_cli_room_person_ops *ops;
	void *arg;
	const struct bk_cli_members *members;
	const struct bk_session_opts *session; /* for files from one to another */
	const char *folder;
	bool has_screen;
};

/* BK_E_NOMEM, BK_E_IO. */
int bk_cli_room_person_init(struct bk_cli_room_person *p, const struct bk_cli_room_person_opts *opts);
void bk_cli_room_person_done(struct bk_cli_room_person *p);

void bk_cli_room_person_line(struct bk_cli_room_person *p, const char *text);

/* What the group tells. */
void bk_cli_room_person_enter(struct bk_cli_room_person *p, struct bk_group *group); /* it is about to */
void bk_cli_room_person_open(struct bk_cli_room_person *p);
void bk_cli_room_person_hear(struct bk_cli_room_person *p, const struct bk_group_line *line);
void bk_cli_room_person_invited(
	struct bk_cli_room_person *p, const struct bk_group_line *from, const char *invite);
void bk_cli_room_person_sent(struct bk_cli_room_person *p, uint32_t ticket);
void bk_cli_room_person_unsent(struct bk_cli_room_person *p, uint32_t ticket, int error);
void bk_cli_room_person_doubt(struct bk_cli_room_person *p, const char *text);
/* Nothing more comes of this group; is_over: nor of another. */
void bk_cli_room_person_end(struct bk_cli_room_person *p, bool is_over);

/* Is everything that was said told to all? */
bool bk_cli_room_person_is_done(const struct bk_cli_room_person *p);
void bk_cli_room_person_leave(struct bk_cli_room_person *p);

#endif

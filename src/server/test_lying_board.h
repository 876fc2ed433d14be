/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_SERVER_TEST_LYING_BOARD_H
#define BK_SERVER_TEST_LYING_BOARD_H

#include "server/board.h"

/* A board that lies, for tests: it stands on the board in memory and sees what members leave and mail each
 * other, and what a group is told, and may change it, keep it back, or tell it twice. With nothing set it is honest. */
struct lying;

enum lie { LIE_NONE = 0, LIE_DROP = 1, LIE_TWICE = 2 };

/* *body is malloc'ed (NULL with a length of 0); who replaces it frees the old one. Each may be NULL. */
struct lies {
	void *arg;
	enum lie (*on_mail)(void *arg, unsigned from_seat, uint8_t **body, size_t *len);
	/* When it is told to who claims; not TWICE. */
	enum lie (*on_left)(void *arg, uint8_t **body, size_t *len);
	/* What a member of a group would be told; what it is told instead, perhaps nothing, is told by lying_tell. */
	void (*on_news)(void *arg, struct lying *board, uint64_t who, const struct bk_group_msg *m);
};

/* To a member of a group, whatever one likes. */
void lying_tell(struct lying *board, uint64_t who, const struct bk_group_msg *m);

/* arg: a struct lies that outlives the board and may be changed at any time. */
int lying_board_new(const struct bk_board_opts *opts, void *arg, struct bk_board **ret_board);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_TRANSFER_WALK_H
#define BK_TRANSFER_WALK_H

#include <bodkin/transfer.h>
#include <stdbool.h>
#include <stddef.h>

#include "wire/file.h"

/* Looks around what a person named: the list of what can be sent, where each of it lies, and what was left out and
 * why. The list and the rest only grow while it walks; afterwards they stay as they are, for whatever thread. */
struct bk_walk_root {
	char *name, *path; /* as it is offered, and where it is */
};

struct bk_walk {
	const char *const *exclude; /* the caller's, while it walks */
	size_t exclude_len;
	enum bk_transfer_links links;
	bool (*may_go_on)(void *arg, size_t entries); /* no: BK_E_CANCELLED; may be NULL */
	void *arg;
	struct bk_file_list list;
	struct bk_walk_root *roots;
	size_t roots_len, roots_cap;
	char *left_out[BK_TRANSFER_PATHS_MAX];
	size_t left_out_len, left_out_all, left_out_links; /* links: that lead out of their folder */
	const char *path;                                  /* of the root that it is in */
	char text[BK_TRANSFER_TEXT_MAX];
};

/* Whether what is named is there and of a kind that is sent, and nothing more. Errors of bk_walk_path. */
int bk_walk_check(struct bk_walk *w, const char *path);
/* What is named, and all that is in it. BK_E_INVALID: one of two with the same name; BK_E_FILE: a device, or cannot be
 * had; BK_E_CANCELLED; BK_E_NOMEM: with a sentence in text. */
int bk_walk_path(struct bk_walk *w, const char *path);
/* All is named: judges the links. Errors as above. */
int bk_walk_end(struct bk_walk *w);
void bk_walk_done(struct bk_walk *w);

/* The sentence that `path` cannot be sent; returns err. */
int bk_walk_say(char text[BK_TRANSFER_TEXT_MAX], int err, const char *path, const char *why);

/* The folder of the entry that was opened last: most that follow are in it, too. */
struct bk_walk_place {
	int dir; /* -1: none */
	char *path;
};

/* Opens an entry of the list for reading, through no link that was not named or is to be followed. -1 and errno. */
int bk_walk_open(const struct bk_walk *w, size_t entry, struct bk_walk_place *place);
void bk_walk_leave(struct bk_walk_place *place);

#endif

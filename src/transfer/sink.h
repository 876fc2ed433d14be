/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_TRANSFER_SINK_H
#define BK_TRANSFER_SINK_H

#include <bodkin/transfer.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "transfer/part.h"
#include "wire/file.h"

/* The folder that received files go to, and the one file being written. A file is written as NAME.part (or
 * NAME.1.part ... where that is taken), which only this program's own exclusive creation makes, and gets its
 * name in one step. Nothing is written outside the folder, through a link, or over a file unless told to.
 * Every failure leaves one sentence in bk_sink_text. */
struct bk_sink;

/* Opens the folder, and finds out by making one that files can be made in it. BK_E_FILE with a sentence; BK_E_NOMEM. */
int bk_sink_new(const char *folder, struct bk_sink **ret_sink, char ret_text[BK_TRANSFER_TEXT_MAX]);
/* Removes an unfinished file. NULL is fine. */
void bk_sink_free(struct bk_sink *s);

/* May this entry be received? BK_E_UNSUPPORTED: it is neither file, folder nor link; BK_E_FILE: a folder has a file's
 * name, or what is no folder a folder's, or a link is on the way; BK_E_EXISTS: a file has its name. A folder that is
 * there is fine, and so is a link that says the same. */
int bk_sink_check(struct bk_sink *s, const struct bk_file_entry *entry);
/* Whether something has this path. */
bool bk_sink_has(struct bk_sink *s, const char *path);
/* BK_E_NO_SPACE when the file system says that so many bytes will not fit. */
int bk_sink_check_space(struct bk_sink *s, uint64_t bytes);

/* name: what it will be called, mostly the entry's path. Both stay the caller's and must live until commit or
 * drop. BK_E_FILE, BK_E_NO_SPACE; BK_E_EXISTS: too many parts have such a name. */
int bk_sink_begin(struct bk_sink *s, const struct bk_file_entry *entry, const char *name);
/* The same with the part of that number and birth of something called `stem`, from its beginning. BK_E_FILE: it is not
 * what was made. Where it ends at last is its end. */
int bk_sink_go_on(struct bk_sink *s, const struct bk_file_entry *entry, const char *name, const char *stem,
	unsigned number, uint64_t birth);
int bk_sink_write(struct bk_sink *s, const void *data, size_t n);
/* Goes over n bytes that are there already, each with fn; with `from` they are in that file, and copied. BK_E_FILE. */
int bk_sink_pass(struct bk_sink *s, int from, uint64_t n, void (*fn)(void *arg, const void *data, size_t n),
	void *arg);
/* n zero bytes, which take no room on the disk where there is nothing yet. */
int bk_sink_hole(struct bk_sink *s, size_t n);
/* No more comes: gives the file its time, and the bits of `modes` that it came with. */
int bk_sink_close(struct bk_sink *s, unsigned modes);
/* Gives a closed file its name. BK_E_FILE also when its part is another file now; BK_E_EXISTS when the name was taken
 * meanwhile and may not be replaced: it can be tried again after bk_sink_rename. */
int bk_sink_commit(struct bk_sink *s, bool may_replace);
void bk_sink_rename(struct bk_sink *s, const char *name);

/* What has the name that a file is to get. False: nothing has. */
bool bk_sink_look(const struct bk_sink *s, struct stat *ret_st);
/* Two entries are one thing on this file system: BK_E_EXISTS, and a sentence. */
int bk_sink_is_other(struct bk_sink *s, const struct bk_file_entry *entry, const struct bk_file_entry *other);

/* A folder in its place, in one that is there; only of its owner until it is dressed: gets its bits and its time,
 * after what is in it. BK_E_FILE, BK_E_NO_SPACE. Removed is only an empty one. */
int bk_sink_make_folder(
	struct bk_sink *s, const struct bk_file_entry *entry, bool *ret_is_new, struct stat *ret_st);
uint64_t bk_sink_folder_birth(struct bk_sink *s, const struct bk_file_entry *entry); /* 0: it is gone */
void bk_sink_dress_folder(struct bk_sink *s, const struct bk_file_entry *entry);
void bk_sink_remove_folder(struct bk_sink *s, const struct bk_file_entry *entry);

/* A link in its place, when everything else stands: nothing is written through it. BK_E_EXISTS, BK_E_FILE,
 * BK_E_NO_SPACE. */
int bk_sink_make_link(
	struct bk_sink *s, const struct bk_file_entry *entry, const char *name, bool may_replace);

/* Many files wait together for the disk: a closed one is parked under its part's name and taken up again. */
const char *bk_sink_part(const struct bk_sink *s);
unsigned bk_sink_part_number(const struct bk_sink *s);
uint64_t bk_sink_birth(const struct bk_sink *s); /* of the part */
void bk_sink_park(struct bk_sink *s);
/* BK_E_FILE: its folder is gone. */
int bk_sink_unpark(struct bk_sink *s, const char *part, uint64_t birth, const char *name);
/* The file that is being written, if there is one, makes room for parked ones and is taken back after them. */
struct bk_sink_aside {
	int fd;
	const struct bk_file_entry *entry;
	const char *name;
	uint64_t birth;
	char part[BK_PART_MAX];
};
void bk_sink_set_aside(struct bk_sink *s, struct bk_sink_aside *ret_aside);
void bk_sink_take_back(struct bk_sink *s, const struct bk_sink_aside *aside);
/* What was written is on the disk: everything (and what others wrote there), the one taken up again, the names.
 * BK_E_FILE, BK_E_NO_SPACE. */
int bk_sink_sync_all(struct bk_sink *s);
int bk_sink_sync_part(struct bk_sink *s);
int bk_sink_sync_folder(struct bk_sink *s);

/* After a commit that failed: what arrived whole stays under the name that it has, which is added to the sentence. */
void bk_sink_keep(struct bk_sink *s);
/* Removes what was begun; nothing happens when nothing was. */
void bk_sink_drop(struct bk_sink *s);
/* The same, but when it has so many bytes: then it stays as it is, and true is returned. */
bool bk_sink_leave(struct bk_sink *s, uint64_t least);

const char *bk_sink_text(const struct bk_sink *s);

/* The folder that a name is in, until the next call, and its last component, in name. -1 and errno. */
int bk_sink_aim(struct bk_sink *s, const char *name, const char **ret_leaf);
/* The folder itself; stays the sink's. */
int bk_sink_folder(const struct bk_sink *s);

#endif

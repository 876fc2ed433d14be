/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_WIRE_FILE_LIST_H
#define BK_WIRE_FILE_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* What is offered, in order: files, folders, streams and links, as many as a disk has. An entry is small, and what it
 * says in bytes stands in an arena of the list; an index finds an entry by its path.
 *
 * A path is bytes as the file system has them. One that is no plain text (not UTF-8, or with what drives a terminal)
 * is odd: it goes to the disk as it is, and to people and programs as it is shown, with \xNN for each such byte. */
enum {
	BK_FILE_PATH_MAX = 4096,
	BK_FILE_NAME_MAX = 255, /* of one component */
	BK_FILE_SHOWN_MAX = 4 * BK_FILE_PATH_MAX + 1,
	BK_FILE_LIST_LEN_MAX = 4000000, /* entries of a list */
	BK_FILE_LINK_HOPS_MAX = 40,     /* as Linux has it */
};

struct bk_file_entry {
	const char *path; /* the list's; checked */
	uint64_t size;
	int64_t mtime; /* seconds since 1970, before it negative */
	uint32_t mtime_ns;
	uint16_t mode;           /* permission bits */
	bool is_file : 1;        /* kind "file", or "stream" */
	bool is_folder : 1;      /* kind "folder": no size, no content; before whatever is in it */
	bool is_stream : 1;      /* kind "stream": no size is known (0), its digest ends it */
	bool is_text : 1;        /* kind "file" with `text`: something said, for a person to read */
	bool is_link : 1;        /* kind "link": no size, no content, but a target */
	bool is_odd : 1;         /* set by the list: the path is not what is shown */
	bool has_odd_target : 1; /* likewise of a link's target */
	bool is_stray : 1;       /* the list's own */
};

struct bk_file_arena;

struct bk_file_list {
	struct bk_file_entry *entries;
	size_t len, cap;
	uint64_t bytes; /* the sum of the sizes, at most INT64_MAX */
	struct bk_file_arena *arena;
	uint32_t *slots; /* of the index: number + 1, 0: free */
	size_t slots_len;
	uint8_t key[16]; /* of the hash: a peer cannot choose paths that collide */
	size_t links, folders;
	size_t steps; /* left for those links whose way is longer than their own share */
};

/* 0 when the path is relative, has only components of 1 to 255 bytes that are neither "." nor "..", and is at most
 * BK_FILE_PATH_MAX bytes; else BK_E_UNSAFE_PATH. _check also wants plain text. */
int bk_file_path_check_bytes(const char *path);
int bk_file_path_check(const char *path);

/* Appends a copy of the entry; target: of a link, else NULL. BK_E_UNSAFE_PATH; BK_E_EXISTS: one has this path;
 * BK_E_NOT_FOUND: the folder that it is in is not before it; BK_E_FULL, BK_E_TOO_BIG (sum of sizes), BK_E_NOMEM. A
 * zeroed list is an empty one. */
int bk_file_list_add(struct bk_file_list *l, const struct bk_file_entry *entry, const char *target);
void bk_file_list_done(struct bk_file_list *l);
size_t bk_file_list_size(const struct bk_file_list *l); /* bytes that it takes */
/* The entry with the path of len bytes; NULL: none has it. */
const struct bk_file_entry *bk_file_list_find(const struct bk_file_list *l, const char *path, size_t len);

/* Of a link. */
static inline const char *bk_file_entry_target(const struct bk_file_entry *e)
{
	return e->path + strlen(e->path) + 1;
}

/* The path for people: plain text. */
const char *bk_file_entry_shown(const struct bk_file_entry *e);
const char *bk_file_entry_shown_target(const struct bk_file_entry *e); /* of a link */

/* A path, or a part of one, as it is shown. Cut where out is too small. Returns out. */
const char *bk_file_path_show(const char *path, char *out, size_t max);

/* Where a link leads, with nothing but what is in the list. */
enum bk_file_way {
	BK_FILE_WAY_INSIDE,   /* to an entry that is no link */
	BK_FILE_WAY_OUTSIDE,  /* out of the folder that was named, or to an absolute path */
	BK_FILE_WAY_NOWHERE,  /* to what is not in the list */
	BK_FILE_WAY_CIRCULAR, /* back to itself, or through more links than a system follows */
};
/* is_there, may be NULL: what it says no to is not in the list for this. Each link has a share of steps, and all that
 * need more another one together, which _anew gives them, before a list is gone through: what no honest tree needs is
 * circular, too. */
void bk_file_list_follow_anew(struct bk_file_list *l);
enum bk_file_way bk_file_list_follow(struct bk_file_list *l, const struct bk_file_entry *link,
	bool (*is_there)(void *arg, const struct bk_file_entry *e), void *arg);
/* The first link that does not lead to an entry; NULL: there is none. */
const struct bk_file_entry *bk_file_list_find_stray(struct bk_file_list *l);
/* Takes all of them out of the list, and says each. */
void bk_file_list_remove_strays(struct bk_file_list *l,
	void (*fn)(void *arg, const struct bk_file_entry *e, enum bk_file_way way), void *arg);

#endif

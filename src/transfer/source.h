/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_TRANSFER_SOURCE_H
#define BK_TRANSFER_SOURCE_H

#include <bodkin/transfer.h>
#include <stddef.h>
#include <stdint.h>

#include "transfer/walk.h"
#include "wire/file.h"

/* What is offered: the files and folders a person named, and streams, whose size nobody knows: pipes and files made
 * while they are read that are named, and at most one descriptor. A folder
 * comes with all that is in it, the files in the order of their names and then the folders, but what is no file, folder
 * or link there, or cannot be read. A name that is a symbolic link means what it leads to: the person named it; one in
 * a folder is kept where it leads to what is offered in the same folder, and what becomes one before it is read is not
 * followed. The list stays as it is, so that several readers, one for each
 * receiver, may go through it. */
struct bk_source;

struct bk_source_wish {
	const char *const *paths;
	size_t paths_len;
	const char *const *exclude; /* patterns, see bk_send_opts */
	size_t exclude_len;
	enum bk_transfer_links links;
	const char *stream_name; /* NULL: none */
	int stream_fd;           /* stays the caller's */
	const char *text;        /* NULL: none; then nothing else is offered */
	size_t text_len;
	/* Asked now and then, with how many there are; may be NULL. */
	bool (*may_go_on)(void *arg, size_t entries);
	void *arg;
};

/* BK_E_INVALID: two files of one name, nothing at all; BK_E_FILE: a device, or cannot be had; BK_E_CANCELLED: it may
 * not go on; BK_E_NOMEM. ret_text is one sentence then. Nothing of the wish is kept. */
int bk_source_new(const struct bk_source_wish *wish, struct bk_source **ret_source,
	char ret_text[BK_TRANSFER_TEXT_MAX]);
/* It is there as long as somebody keeps it, on whatever thread: each reader does. NULL is fine. */
struct bk_source *bk_source_ref(struct bk_source *s);
void bk_source_unref(struct bk_source *s);

const struct bk_file_list *bk_source_list(const struct bk_source *s);

/* What was left out in folders; borrowed. */
void bk_source_left_out(const struct bk_source *s, struct bk_transfer_offer *ret_offer);

/* Reads one entry after another. */
struct bk_source_reader {
	const struct bk_source *source;
	struct bk_walk_place place;
	int fd;
	size_t current;
	uint64_t offset;
	uint64_t edge;                   /* no hole begins before it */
	char text[BK_TRANSFER_TEXT_MAX]; /* the sentence for the last BK_E_FILE */
};

void bk_source_reader_init(struct bk_source_reader *r, const struct bk_source *source);
void bk_source_reader_done(struct bk_source_reader *r);

/* Opens entry i for reading. BK_E_FILE. */
int bk_source_open(struct bk_source_reader *r, size_t i);
/* Reads at most n bytes of the open entry: how many (n is at most INT_MAX), 0 at the end. BK_E_AGAIN: a
 * stream has none now; bk_source_reader's fd becomes readable. BK_E_FILE when it cannot be read, or is no longer
 * as long as it was. */
int bk_source_read(struct bk_source_reader *r, void *data, size_t n);
/* Of a file whose size is known: where a hole begins, so many bytes of it, at most `max`, are read; else 0. */
size_t bk_source_hole(struct bk_source_reader *r, size_t max);
/* How many of n bytes come before the next one. */
static inline size_t bk_source_until_hole(const struct bk_source_reader *r, size_t n)
{
	return r->offset < r->edge && r->edge - r->offset < n ? (size_t)(r->edge - r->offset) : n;
}
void bk_source_close(struct bk_source_reader *r);

#endif

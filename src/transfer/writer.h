/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_TRANSFER_WRITER_H
#define BK_TRANSFER_WRITER_H

#include "transfer/digest.h"
#include "transfer/store.h"

/* Writes, compares digests, syncs and names on a thread of its own, in the order in which it is told. The caller has
 * checked that order; what the disk does is the writer's business. */
struct bk_writer;

/* From here on the store is the writer's, until it is over; on failure it stays the caller's. modes: the bits that
 * files may have. fn comes from the loop when there is room again and when it is over, and may free the
 * writer. BK_E_NOMEM. */
int bk_writer_new(struct bk_loop *loop, struct bk_store *store, unsigned modes, void (*fn)(void *arg),
	void *arg, struct bk_writer **ret_writer);
/* Does not wait: what is complete still gets its name; of what is not a part stays that is worth to go on with. The
 * store goes with it. NULL is fine. */
void bk_writer_free(struct bk_writer *w);

/* Each may say BK_E_NOMEM. */
/* Looks at what is here already; first of all. fn comes when that is known. */
int bk_writer_read(struct bk_writer *w);
int bk_writer_make_folder(struct bk_writer *w, size_t entry); /* before what is in it */
int bk_writer_begin(struct bk_writer *w, size_t entry);
int bk_writer_write(struct bk_writer *w, const void *data, size_t n);
int bk_writer_hole(struct bk_writer *w, size_t n);   /* n zero bytes */
int bk_writer_pass(struct bk_writer *w, uint64_t n); /* so many bytes of it are here already, and right */
int bk_writer_end(struct bk_writer *w, const uint8_t digest[BK_DIGEST_LEN]);
/* No more comes. It is over when every name, too, is on the disk. */
int bk_writer_finish(struct bk_writer *w);
/* No more comes: it is over when what is complete has its name, and what is not is left as a part or gone. */
void bk_writer_stop(struct bk_writer *w);

/* Enough waits for the disk: nothing more should be put until fn comes. */
bool bk_writer_is_full(struct bk_writer *w);
bool bk_writer_is_read(struct bk_writer *w);
bool bk_writer_is_over(struct bk_writer *w);
/* When it is over: 0, BK_E_CANCELLED after a stop, or what went wrong, with its sentence. */
int bk_writer_error(const struct bk_writer *w, const char **ret_text);
/* When it is over and not all came: what is left of it here. */
struct bk_writer_rest {
	bool has_any;     /* complete ones, or a part */
	const char *part; /* its name; NULL: none was left */
	bool is_stream;
};
struct bk_writer_rest bk_writer_rest(const struct bk_writer *w);

#endif

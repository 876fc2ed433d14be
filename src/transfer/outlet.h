/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_TRANSFER_OUTLET_H
#define BK_TRANSFER_OUTLET_H

#include "transfer/spout.h"
#include "transfer/writer.h"

/* Where a receiver puts what comes: files into a folder, or one file or stream to a descriptor. Which of the two there
 * is, if any, whoever made it has put here; what each call does stands at theirs. */
struct bk_outlet {
	struct bk_writer *writer;
	struct bk_spout *spout;
};

static inline bool bk_outlet_is_open(const struct bk_outlet *o)
{
	return o->writer || o->spout;
}

int bk_outlet_make_folder(struct bk_outlet *o, size_t entry);
int bk_outlet_begin(struct bk_outlet *o, size_t entry);
int bk_outlet_pass(struct bk_outlet *o, uint64_t n);
int bk_outlet_write(struct bk_outlet *o, const void *data, size_t n);
int bk_outlet_hole(struct bk_outlet *o, size_t n); /* at most BK_FILE_CONTENT_MAX zero bytes */
int bk_outlet_end(struct bk_outlet *o, const uint8_t digest[BK_DIGEST_LEN]);
int bk_outlet_finish(struct bk_outlet *o);
void bk_outlet_stop(struct bk_outlet *o);
bool bk_outlet_is_full(struct bk_outlet *o);
bool bk_outlet_is_over(struct bk_outlet *o);
int bk_outlet_error(const struct bk_outlet *o, const char **ret_text);
struct bk_writer_rest bk_outlet_rest(const struct bk_outlet *o);
void bk_outlet_done(struct bk_outlet *o);

#endif

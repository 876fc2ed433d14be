/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_TRANSFER_SOURCE_H
#define BK_TRANSFER_SOURCE_H

#include <bodkin/transfer.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/file.h"

/* The files a person named, first looked at (never opened), later read one after another. A name that is a
 * symbolic link means the file it leads to: the person named it. Every failure leaves one sentence in
 * text. */
struct bk_source;

/* BK_E_INVALID: a folder, a device, two files of one name; BK_E_FILE: cannot be had; BK_E_NOMEM. */
int bk_source_new(const char *const *paths, size_t n, struct bk_source **ret_source,
	char ret_text[BK_TRANSFER_TEXT_MAX]);
void bk_source_free(struct bk_source *s); /* NULL is fine */

const struct bk_file_list *bk_source_list(const struct bk_source *s);

/* Opens entry i for reading. BK_E_FILE. */
int bk_source_open(struct bk_source *s, size_t i);
/* Reads at most n bytes of the open entry: how many (n is at most INT_MAX), 0 at the end of what was
 * announced. BK_E_FILE when it cannot be read, or is no longer as long as it was. */
int bk_source_read(struct bk_source *s, void *data, size_t n);
/* The sentence for the last BK_E_FILE. */
const char *bk_source_text(const struct bk_source *s);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_WIRE_FILE_HEAD_H
#define BK_WIRE_FILE_HEAD_H

#include "wire/file.h"

/* The headers that come twice for each file, of content and of digests, as the text that they are: no tree of JSON is
 * built for them. What is written is byte for byte what the tree would print (wire/file.c); what is read is only that
 * very text, in either order of bytes, and everything else is the tree's business. */

/* Whether it is such a message; 0 or an error in *ret_err, as bk_file_msg_encode says. */
bool bk_file_head_append(struct bk_buf *out, const struct bk_file_msg *m, uint64_t content_len, int *ret_err);
/* Whether it is such a header, and a whole one; then type, entry, offset, hole and digest are set. */
bool bk_file_head_read(const char *header, size_t len, struct bk_file_msg *m);

#endif

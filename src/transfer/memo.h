/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_TRANSFER_MEMO_H
#define BK_TRANSFER_MEMO_H

#include <stddef.h>

/* A text that travels as a file does and is one only in memory: at the sending end what is read, at the receiving end
 * what is written to. */

/* A descriptor of the caller's. BK_E_FILE. */
int bk_memo_new(const void *text, size_t len);
/* Once more, for reading from its beginning. -1 and errno. */
int bk_memo_open(int memo);
/* All of it, with a NUL behind; to be freed. NULL: no memory, or more than a text may have. */
char *bk_memo_read(int memo, size_t *ret_len);

#endif

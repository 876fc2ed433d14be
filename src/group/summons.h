/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_GROUP_SUMMONS_H
#define BK_GROUP_SUMMONS_H

#include "wire/cursor.h"

/* What one member tells another one, and nobody else, to be met by it: what for, and by which code. */
enum {
	BK_SUMMONS_PURPOSE_MAX = 32,
	BK_SUMMONS_CODE_MAX = 127,
	BK_SUMMONS_LEN_MAX = 1 + BK_SUMMONS_PURPOSE_MAX + 1 + BK_SUMMONS_CODE_MAX,
};

struct bk_summons {
	char purpose[BK_SUMMONS_PURPOSE_MAX + 1]; /* a-z, 0-9, '/' and '-'; never empty */
	char code[BK_SUMMONS_CODE_MAX + 1];       /* printable ASCII, or empty */
};

/* BK_E_INVALID: what cannot be told so, or is too long. */
int bk_summons_of(const char *purpose, const char *code, struct bk_summons *ret_summons);

void bk_summons_write(struct bk_writer *w, const struct bk_summons *s);
/* All of the bytes. BK_E_MALFORMED. */
int bk_summons_read(const void *bytes, size_t len, struct bk_summons *ret_summons);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_PATH_REMEMBERED_H
#define BK_PATH_REMEMBERED_H

#include "punch/memo.h"
#include "punch/technique.h"

/* What connected two networks, of those for whom ports are guessed: a table with a ceiling, the oldest out, as the text
 * of the file "paths" in the state folder (0600). A row has for its key a hash of both networks (the /24 of each public
 * address, and how its NAT gives ports) with a salt of this file's: it does not tell where one was. The file is the
 * person's own, but not believed more for it. */

enum {
	BK_REMEMBERED_ROWS_MAX = 256,
	BK_REMEMBERED_KEY_LEN = 16,
	BK_REMEMBERED_TEXT_MAX = 16384, /* a longer one is none */
};

struct bk_remembered {
	uint8_t salt[BK_REMEMBERED_KEY_LEN];
	size_t len;
	struct bk_remembered_row {
		uint8_t key[BK_REMEMBERED_KEY_LEN];
		struct bk_memo memo;
	} rows[BK_REMEMBERED_ROWS_MAX]; /* the oldest first */
};

/* Two networks, from here. */
struct bk_remembered_pair {
	uint8_t bytes[10];
};
/* False: no port is guessed between them over UDP, so there is nothing to remember. */
bool bk_remembered_pair_of(const struct bk_pair *pair, struct bk_remembered_pair *ret_networks);

void bk_remembered_init(struct bk_remembered *r); /* empty, with a salt of its own */
/* BK_E_MALFORMED, BK_E_VERSION; touches *ret_remembered only on success. */
int bk_remembered_from_text(const char *text, size_t len, struct bk_remembered *ret_remembered);
/* NUL-terminated; its length. */
size_t bk_remembered_to_text(const struct bk_remembered *r, char out[BK_REMEMBERED_TEXT_MAX]);

bool bk_remembered_find(
	const struct bk_remembered *r, const struct bk_remembered_pair *networks, struct bk_memo *ret_memo);
void bk_remembered_put(
	struct bk_remembered *r, const struct bk_remembered_pair *networks, const struct bk_memo *memo);

/* By the file. 1: it is there, 0: nothing is; an error that says that the file is no table: it begins anew when
 * something is noted; others: it cannot be read. */
bool bk_remembered_is_no_table(int error);
int bk_remembered_look(
	const char *folder, const struct bk_remembered_pair *networks, struct bk_memo *ret_memo);
/* Beside other programs that do so; blocks for as long as the disk takes. */
int bk_remembered_note(
	const char *folder, const struct bk_remembered_pair *networks, const struct bk_memo *memo);

#endif

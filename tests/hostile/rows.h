/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_TESTS_HOSTILE_ROWS_H
#define BK_TESTS_HOSTILE_ROWS_H

#include "stage.h"

/* Lies about files, one a row: what is told, and what becomes of it; with what both sides' tables have in common. */
struct row {
	const char *name;
	const char *list; /* of an offer or an accept */
	void (*then)(struct liar *l);
	enum liar_stage stage;
	int want;
	int holds; /* files in the folder, however it ended */
};

extern uint64_t rows_most;    /* bytes that are taken; 0: as many as are offered */
extern const char *rows_only; /* the row of that name alone; NULL: all */
/* Each of them against an honest one, whose folder was prepared so. */
void rows_play(const struct row *rows, size_t n, bool is_sender, void (*prepare)(void));

/* Traps, and what is ours: "data" is beside the folder, and "new" is not, yet. */
enum { ROWS_OURS = 5 }; /* files that they are */
void rows_put_traps(void);
void rows_put_ours(const char *name); /* one more */

#define BAD BK_E_MALFORMED

#define FILE_OF(path, size) "{\"path\":\"" path "\",\"size\":" size ",\"kind\":\"file\"}"
#define NAMED(path)         FILE_OF(path, "5")

/* What one that sends says: content and digest of an entry, or both. */
void say_content(struct liar *l, unsigned entry, long long offset, const char *text);
void say_digest(struct liar *l, unsigned entry, const char *text);
void whole(struct liar *l, unsigned entry);
void send_one(struct liar *l);
void send_nothing(struct liar *l);
void offer_again(struct liar *l);
/* What one that takes says. */
void accept_all(struct liar *l);
void say_done(struct liar *l);
void refuse(struct liar *l);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_TRANSFER_PICK_H
#define BK_TRANSFER_PICK_H

#include <bodkin/transfer.h>

#include "transfer/naming.h"
#include "transfer/sink.h"
#include "wire/file.h"

/* What becomes of each entry of an offer: taken as it is, over what exists, beside it under another name, or not.
 * Nothing is taken that a person did not see or options did not name: hidden names are skipped until they are
 * allowed. */
struct bk_pick {
	/* There are as many as entries. */
	bool is_taken : 1, is_existing : 1;
	bool is_open : 1;   /* exists, and nobody has said yet what becomes of it */
	bool is_left : 1;   /* not taken because it exists and nobody could be asked */
	bool is_absent : 1; /* a folder that is not there: nor is what is in it */
	bool may_replace : 1;
	bool is_unfit : 1; /* the file system here has no such names */
	bool is_beside : 1; /* found out while it was written: it has another name, since what stands there is not this */
};

struct bk_picks {
	struct bk_file_list *list;
	struct bk_sink *sink;
	struct bk_pick *rows;
	struct bk_transfer_entry *names; /* for whoever is asked; as many as rows, NULL after that */
	char **as; /* other names, and behind their ends how they are shown; NULL: its own, as nearly all have */
	bool has_other;
	bool may_replace_all;  /* the person agreed to that, for whatever exists */
	size_t len, cap;       /* rows that were looked at */
	size_t existing, next; /* rows before next are settled */
	int error;             /* of the first entry that cannot be had here; its sentence is the sink's */
	size_t unfit;          /* entries that cannot be called here as they are, */
	const char *unfit_why; /* and what is wrong with the first of them, which is: */
	size_t unfit_first;    /* this one */
	struct bk_naming naming;
	struct bk_pick_worn *worn; /* names that were given up, which somebody may still be showing */
	uint64_t *journals;        /* inodes, once something exists */
	size_t journals_len;
	bool has_journals;
};

/* list and sink stay the caller's and must live as long; sink: NULL where nothing is kept. bk_picks_done is due, and
 * fine on a zeroed one. */
void bk_picks_init(struct bk_picks *p, struct bk_file_list *list, struct bk_sink *sink);
/* Looks at the entries that are new in the list. After the first error at no more of them. BK_E_NOMEM. */
int bk_picks_look(struct bk_picks *p);
void bk_picks_done(struct bk_picks *p);

void bk_picks_skip_hidden(struct bk_picks *p);
/* The next entry that exists and is open; NULL: none. */
const struct bk_transfer_entry *bk_picks_conflict(struct bk_picks *p);
/* Bytes that they take, for each entry, while no name is another one. */
enum { BK_PICKS_EACH = sizeof(struct bk_pick) + sizeof(struct bk_transfer_entry) };

/* Settles it: SKIP, OVERWRITE, RENAME; anything else leaves it out for want of an answer. BK_E_NOMEM,
 * BK_E_EXISTS (no other name is free). */
int bk_picks_settle(struct bk_picks *p, enum bk_transfer_conflict how);
/* The name an entry was given was taken meanwhile: another one. */
int bk_picks_rename(struct bk_picks *p, size_t entry);

/* It is here already under this name (NULL: its own), as it was put here: nothing is to be asked. Or it is not after
 * all: what has the name stays, and the entry gets another. BK_E_NOMEM. */
int bk_picks_stand(struct bk_picks *p, size_t entry, const char *name);
void bk_picks_fall(struct bk_picks *p, size_t entry);
/* What stands there is not what is sent: replaced where the person agreed to that, or the entry gets another name. */
void bk_picks_differ(struct bk_picks *p, size_t entry);

const char *bk_picks_other(
	const struct bk_picks *p, size_t entry); /* its name here, where it is not its own; NULL */
const char *bk_picks_name(const struct bk_picks *p, size_t entry);  /* what it will be called here, */
const char *bk_picks_shown(const struct bk_picks *p, size_t entry); /* and how that is shown */
size_t bk_picks_taken(const struct bk_picks *p);                    /* files */
size_t bk_picks_folders(const struct bk_picks *p);
size_t bk_picks_links(const struct bk_picks *p);
/* All is settled: links that would not lead to what is taken, under the name that it had, are not taken. */
void bk_picks_skip_strays(struct bk_picks *p);
size_t bk_picks_left(const struct bk_picks *p, const char **ret_first);
uint64_t bk_picks_bytes(const struct bk_picks *p); /* of what is taken */

/* One of them, as it is described, whether the names are there or not. */
struct bk_transfer_entry bk_picks_entry(const struct bk_picks *p, size_t entry);
/* Nobody is asked any more: the names are needed no longer, of which there may be millions. */
void bk_picks_let_go(struct bk_picks *p);

/* The description of a list's entries, malloc'd; NULL: no memory. */
struct bk_transfer_entry *bk_picks_describe(const struct bk_file_list *list);

#endif

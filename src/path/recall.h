/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_PATH_RECALL_H
#define BK_PATH_RECALL_H

#include <bodkin/loop.h>

#include "path/remembered.h"

/* Looks up what connected these two networks, and writes down what does now, on a thread. A help: what cannot be read
 * or written stops nobody. Embedded. */
struct bk_recall {
	struct bk_loop *loop;
	char *folder; /* NULL: nothing is remembered */
	bool has_memo, has_looked;
	struct bk_remembered_pair networks;
	struct bk_memo memo;
	struct bk_job *job; /* writing */
};

/* folder NULL: nothing is remembered. Copied. BK_E_NOMEM. */
int bk_recall_init(struct bk_recall *r, struct bk_loop *loop, const char *folder);
void bk_recall_done(struct bk_recall *r); /* fine on a zeroed one */

/* Borrowed until the next call; NULL: nothing is known. note hears of a file that cannot be used. */
const struct bk_memo *bk_recall_look(struct bk_recall *r, const struct bk_pair *pair,
	void (*note)(void *arg, int verbosity, const char *text), void *arg);
/* That technique led there. Of a relay there is nothing to remember. */
void bk_recall_note(struct bk_recall *r, const struct bk_pair *pair, const struct bk_technique *t,
	const struct bk_addr *remote);

#endif

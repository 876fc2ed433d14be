/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_TESTS_CONFORM_MAILBOX_KINDS_H
#define BK_TESTS_CONFORM_MAILBOX_KINDS_H

#include <bodkin/server.h>

#include "examples/file_mailbox.h"
#include "lan/beside.h"
#include "lan/mailbox.h"
#include "rendezvous/mailbox.h"
#include "tests/conform/mailroom.h"

/* Every kind of mailbox: bodkin's server, a LAN without one, both, a folder of files (the example's), and two in
 * memory, one of which has nothing that may be missing. Each claim runs over each of them. */
enum { MAILBOX_FOLDER_LEN = 64, MAILBOX_TEXT_LEN = 512 };

struct mailbox_stage {
	const struct mailbox_kind *kind;
	struct bk_loop *loop;
	char folder[MAILBOX_FOLDER_LEN];
	struct bk_mailbox mailboxes[2]; /* of either side */
	struct bk_server *server;
	struct bk_rdv_mailbox *clients[2];
	struct bk_lan_mailbox *machines[2];
	struct bk_beside both[2];
	struct file_mailbox *files;
	struct mailroom *room;
};

struct mailbox_kind {
	const char *name;
	bool meets_again;
	bool tells_release;
	bool has_token;
	void (*open)(struct mailbox_stage *st);
};

enum { MAILBOX_KINDS = 7 };
extern const struct mailbox_kind mailbox_kinds[MAILBOX_KINDS];
void mailbox_open_room(struct mailbox_stage *st); /* the last two */

void stage_init(struct mailbox_stage *st, const struct mailbox_kind *kind);
void stage_run(struct mailbox_stage *st); /* until somebody stops it; not for ever */
void stage_done(struct mailbox_stage *st);

struct mailbox_claim {
	const char *name;
	void (*fn)(void **arg); /* *arg: the kind */
};

#define MAILBOX_CLAIM(fn)                                                                                    \
	{                                                                                                    \
#fn, fn                                                                                      \
	}

/* Each of the first over each kind, and the rest once. */
int mailbox_run(
	const struct mailbox_claim *claims, size_t n, const struct mailbox_claim *once, size_t once_n);

#endif

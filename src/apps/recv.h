/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_APPS_RECV_H
#define BK_APPS_RECV_H

#include <bodkin/loop.h>
#include <bodkin/session.h>

#include "apps/transfer.h"

/* Receives what the other side sends, into one folder. */
struct bk_recv;

struct bk_recv_opts {
	const struct bk_session_opts *session; /* copied */
	const char *folder;                    /* must exist */
	bool ask_accept;                       /* ask before anything is taken; else it is */
	bool ask_overwrite;                    /* ask where files exist; else they are refused */
	bool overwrite;                        /* replace without asking */
};

/* BK_E_INVALID (server or code unusable), BK_E_FILE (folder), BK_E_NOMEM; ret_text is a sentence then. events
 * is borrowed for as long as the transfer lives. */
int bk_recv_new(struct bk_loop *loop, const struct bk_recv_opts *opts,
	const struct bk_transfer_events *events, void *arg, struct bk_recv **ret_recv,
	char ret_text[BK_TRANSFER_TEXT_MAX]);
/* The answer to on_ask. Without a question nothing happens. */
void bk_recv_answer(struct bk_recv *r, bool yes);
/* Tells the other side and removes what is unfinished; on_error with BK_E_CANCELLED follows within two
 * seconds. */
void bk_recv_cancel(struct bk_recv *r);
/* At once and silently; removes what is unfinished. NULL is fine. */
void bk_recv_free(struct bk_recv *r);

#endif

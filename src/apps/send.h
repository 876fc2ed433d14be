/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_APPS_SEND_H
#define BK_APPS_SEND_H

#include <bodkin/loop.h>
#include <bodkin/session.h>

#include "apps/transfer.h"

/* Sends files to whoever comes with the code. The files are only looked at before the session starts, so the
 * code appears at once. */
struct bk_send;

struct bk_send_opts {
	const struct bk_session_opts *session; /* copied */
	const char *const *paths;
	size_t paths_len; /* at least 1 */
};

/* BK_E_INVALID (a folder, two files of one name, an unusable server or code), BK_E_FILE, BK_E_NOMEM; ret_text
 * is a sentence then. events is borrowed for as long as the transfer lives. */
int bk_send_new(struct bk_loop *loop, const struct bk_send_opts *opts,
	const struct bk_transfer_events *events, void *arg, struct bk_send **ret_send,
	char ret_text[BK_TRANSFER_TEXT_MAX]);
/* Tells the other side; on_error with BK_E_CANCELLED follows within two seconds. */
void bk_send_cancel(struct bk_send *s);
/* At once and silently. NULL is fine. */
void bk_send_free(struct bk_send *s);

const struct bk_transfer_offer *bk_send_offer(const struct bk_send *s); /* what will be offered */

#endif

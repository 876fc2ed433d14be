/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_SESSION_SHARED_CODE_H
#define BK_SESSION_SHARED_CODE_H

#include <bodkin/session.h>

#include "lan/mailbox.h"
#include "meet/watchword.h"

/* What the sessions of one code for several have in common: the code, what its number is kept for the next of them by,
 * and the small server on the LAN, where all of them leave what they leave. */
struct bk_shared_code {
	struct bk_watchword_share word;
	uint8_t heir[BK_RDV_SECRET_LEN];
	struct bk_lan_mailbox *lan; /* from the first session on that is to be found there */
};

/* The one on the LAN; stays the shared code's. */
int bk_shared_code_lan(
	struct bk_shared_code *c, const struct bk_lan_opts *opts, struct bk_lan_mailbox **ret_mailbox);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_APPS_PING_H
#define BK_APPS_PING_H

#include <bodkin/call.h>
#include <bodkin/plain.h>

#include "apps/rally.h"

/* Hello messages with one other machine, over a session (encrypted, by code) or in the plain dialect. No
 * callback comes from inside a call; on_end comes once, last, and the ping may be freed from inside it. */
struct bk_ping;

enum { BK_PING_TEXT_MAX = 512 };

struct bk_ping_events {
	struct bk_call_news news; /* plain: the code is our id */
	void (*on_pong)(void *arg, uint64_t number, double rtt_ms);
	/* failure NULL: either side ended it in good order. */
	void (*on_end)(
		void *arg, const struct bk_rally_result *result, const struct bk_call_failure *failure);
};

struct bk_ping_opts {
	const struct bk_session_opts *session; /* one of the two */
	const struct bk_plain_client_opts *plain;
	uint64_t count;      /* answers until it ends by itself; 0: no end */
	int64_t interval_ns; /* between two messages of ours; 0: one second, or at once when we answer */
};

/* The strings in the options must live as long as the ping. */
int bk_ping_new(struct bk_loop *loop, const struct bk_ping_opts *opts, const struct bk_ping_events *events,
	void *arg, struct bk_ping **ret_ping, char ret_text[BK_PING_TEXT_MAX]);
/* The user has seen enough: an orderly end. */
void bk_ping_stop(struct bk_ping *p);
void bk_ping_free(struct bk_ping *p); /* NULL is fine */

#endif

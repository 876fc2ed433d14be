/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_APPS_PING_WAY_H
#define BK_APPS_PING_WAY_H

#include "apps/ping.h"

/* How the messages of a ping travel: what ping.c needs of a session and of a plain connection, and what they
 * tell it. News go to the ping's own listener directly. */
struct bk_ping_way_events {
	void (*on_open)(void *owner, bool is_first); /* messages can be sent */
	void (*on_message)(void *owner, const void *json, size_t n);
	void (*on_fault)(void *owner, int error, const char *text); /* of the other side: close, please */
	void (*on_finished)(void *owner);                           /* the other side has seen enough */
	/* The way has ended; error 0 in good order. Last; the way may be freed from inside. */
	void (*on_end)(void *owner, const struct bk_call_failure *failure);
};

struct bk_ping_way_opts {
	struct bk_loop *loop;
	const struct bk_ping_opts *ping;
	const struct bk_call_news *news;
	void *arg; /* of the news */
	const struct bk_ping_way_events *events;
	void *owner;
};

struct bk_ping_way_ops {
	/* Everything is copied but news and events. */
	int (*create)(const struct bk_ping_way_opts *opts, void **ret_way);
	int (*start)(void *way); /* its events may come from now on */
	int (*send)(void *way, const void *json, size_t n);
	void (*close)(void *way, int error); /* in good order; on_end follows, from the loop */
	void (*free)(void *way);             /* NULL is fine */
};

extern const struct bk_ping_way_ops bk_ping_session_ops, bk_ping_plain_ops;

#endif

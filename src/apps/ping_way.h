/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_APPS_PING_WAY_H
#define BK_APPS_PING_WAY_H

#include "apps/ping.h"

/* How the messages of a ping travel: what ping.c needs of a session and of a plain connection. */
struct bk_ping_way_ops {
	int (*start)(void *way); /* its events may come from now on */
	int (*send)(void *way, const void *json, size_t n);
	void (*close)(void *way, int error); /* in good order; bk_ping_end follows, from the loop */
	void (*free)(void *way);             /* NULL is fine */
};

struct bk_ping {
	struct bk_loop *loop;
	struct bk_ping_opts opts;
	struct bk_ping_events events;
	void *arg;
	const struct bk_ping_way_ops *ops;
	void *way;
	struct bk_rally rally;
	bool has_code, has_peer, has_started, is_closing, is_over;
	int error; /* ours, decided before the way has ended */
	char text[BK_TRANSFER_TEXT_MAX];
};

extern const struct bk_ping_way_ops bk_ping_session_ops, bk_ping_plain_ops;
int bk_ping_session_new(struct bk_ping *p, void **ret_way);
int bk_ping_plain_new(struct bk_ping *p, void **ret_way);

/* What a way tells. */
void bk_ping_on_code(struct bk_ping *p, const char *code);
void bk_ping_on_peer(struct bk_ping *p, const struct bk_peer *peer);
void bk_ping_on_open(struct bk_ping *p, bool is_first); /* messages can be sent */
void bk_ping_on_message(struct bk_ping *p, const void *json, size_t n);
/* Something is wrong with the other side: closes; the sentence is kept for the end. */
void bk_ping_fail(struct bk_ping *p, int error, const char *text);
/* The way has ended: 0 in good order. The ping may be gone afterwards. */
void bk_ping_end(struct bk_ping *p, int error, const char *text);

#endif

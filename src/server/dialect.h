/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_SERVER_DIALECT_H
#define BK_SERVER_DIALECT_H

#include "server/state.h"
#include "wire/rdv.h"

/* One way of speaking to the server. Each is a row of the table in dialect.c and lives in a file of its own;
 * the visitor chooses the row by the first byte and hands the connection to it. A row whose connections
 * become clients also says what is done with their messages. */
struct bk_client;

enum { BK_DIALECT_HEAD_MAX = 64 };

struct bk_dialect {
	const char *name;
	uint8_t first; /* what a connection of it begins with; no two rows share it */

	/* NULL: every server speaks it. Otherwise NULL, or why this one does not. */
	const char *(*why_not)(const struct bk_server *s);

	/* NULL: the stream is handed over whole, and nothing of it has been read. Otherwise the visitor reads
	 * a head of head_len bytes, and never one beyond it; this looks at what there is so far: 0 it is
	 * complete, BK_E_TRUNCATED it fits so far, any other error ends the connection. */
	int (*check_head)(const uint8_t *head, size_t n);
	size_t head_len; /* at most BK_DIALECT_HEAD_MAX */

	/* Takes the arrival over on success. */
	int (*new)(struct bk_server *s, const struct bk_arrival *from, const uint8_t *head);
	const char *not_taken; /* said where `new` fails; NULL: the error's own text */

	/* --- of those that make clients; NULL where there is nothing to do --- */
	bool is_secured; /* inside TLS, with the server's identity */
	void (*on_message)(struct bk_client *c, struct bk_rdv_msg *m);
	void (*on_room)(struct bk_client *c); /* little enough waits to be sent again */
	/* The client is on its way out: it must be found by nobody. Nothing may be sent from here. May be
	 * repeated. */
	void (*forget)(struct bk_client *c);
	/* It is about to be freed: what it owes to others is settled, what the dialect keeps of it is freed.
	 */
	void (*done)(struct bk_client *c);
};

/* The row whose connections begin so; NULL: none. */
const struct bk_dialect *bk_dialect_of(uint8_t first);

#endif

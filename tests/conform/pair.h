/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_TESTS_CONFORM_PAIR_H
#define BK_TESTS_CONFORM_PAIR_H

#include "link/link.h"

/* Two ends of one link, of any kind, in one loop; what the owner of each end saw; and the kinds to try. End 0
 * is the client, end 1 the server. */
struct pair;

struct end {
	struct pair *pair;
	struct bk_link *link; /* NULL: freed */
	struct end *other;
	int secure, writable, ends, end_error;
	uint64_t received, written; /* of the pattern */
	uint64_t to_write;          /* the writer goes on until there */
	size_t piece;
	bool close_after; /* everything is written */
	bool garbled;     /* a byte was not the pattern's, or a callback came where none may */
	bool in_call;
	unsigned writes;  /* every other one lends */
	uint64_t stop_at; /* the loop stops when that much was received */
	bool stop_at_end, stop_at_secure, stop_at_writable;
	enum { FREE_NEVER, FREE_IN_SECURE, FREE_IN_DATA, FREE_IN_WRITABLE, FREE_IN_END } free_in;
};

struct kind {
	const char *name;
	bool has_pins;
	size_t held_max; /* what a writer may put in while nothing arrives */
	int (*make)(struct pair *p, void *state, struct bk_link **ret_links);
	void (*cut)(void *state); /* the path dies without a word */
	void (*done)(void *state);
	void (*freed)(void *state, int end); /* may be NULL: told before the link of that end is freed */
	size_t state_len;
};

struct pair {
	const struct kind *kind;
	struct bk_loop *loop;
	struct bk_timer *watchdog;
	bool late;
	struct end ends[2];
	struct bk_identity *ids[2];
	struct bk_pin pins[2]; /* what end i must see from the other */
	int64_t handshake_timeout_ns, idle_timeout_ns;
	void *state;
};

extern const struct kind *const kinds[]; /* NULL at the end */
extern const struct bk_link_events pair_events;

/* Between init and start a test may change pins and timeouts. */
void pair_init(struct pair *p, const struct kind *kind);
void pair_start(struct pair *p);
void pair_done(struct pair *p);
/* Until something stops the loop; sets `late` if nothing does. */
void pair_run(struct pair *p, int64_t at_most_ns);
void pair_run_secure(struct pair *p); /* until both ends are */

void pattern_at(uint64_t offset, uint8_t *out, size_t n); /* n at most 256 KiB */

void end_pour(struct end *e); /* writes the pattern up to to_write, or until told "not now" */
void end_close(struct end *e);
void end_free(struct end *e);
int end_write(struct end *e, const void *data, size_t n, bool urgent);

#endif

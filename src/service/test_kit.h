/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_SERVICE_TEST_KIT_H
#define BK_SERVICE_TEST_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bodkin/service.h>

#include "base/time.h"

/* A loop, and a book in which everything that its owner is told is written down. Tests wait for what they
 * expect, with a watchdog on the real clock, never for a time. */
struct book {
	struct bk_loop *loop;
	struct bk_service *service;
	struct bk_conn *conn; /* the last one heard of; NULL after it left */
	char text[1 << 16];   /* "joined ", "[content]", "header|[content]", "room ", "left:name " ... */
	size_t len;
	unsigned joined, messages, rooms, left, stopped;
	uint64_t bytes;
	int error; /* of the last end */
	char why[128];
	bool quiet; /* counts, and writes nothing down */
	/* what the owner does when he is told; may be NULL */
	void (*then_joined)(struct book *b, struct bk_conn *c);
	void (*then_message)(struct book *b, struct bk_conn *c, const struct bk_message *m);
	void (*then_room)(struct book *b, struct bk_conn *c);
	void (*then_left)(struct book *b, struct bk_conn *c);
	void (*then_stopped)(struct book *b);
};

extern const struct bk_message_events kit_events; /* arg: the book */

struct book *kit_new(enum bk_loop_backend backend);
void kit_done(struct book *b); /* its service and conn too; the loop only if it made it */
/* Another owner on the same loop. */
struct book *kit_beside(const struct book *b);

struct book *kit_begin(struct bk_message_opts opts); /* a loop and a service that listens */
void kit_finish(struct book *b);                     /* kit_done, and the loop */
struct bk_message kit_text(const char *s);

void kit_listen(struct book *b, struct bk_message_opts opts); /* on loopback, any port */
int kit_dial(const struct book *b);                           /* a bare connected socket, non-blocking */
int kit_dial_small(const struct book *b, int receive_buffer);
void kit_connect(struct book *client, const struct book *server, struct bk_message_opts opts);

/* Runs the loop until it is so. */
void kit_until(struct book *b, bool (*is_so)(void *arg), void *arg);
void kit_until_text(struct book *b, const char *text);                   /* the book has it */
void kit_until_count(struct book *b, const unsigned *count, unsigned n); /* at least */
void kit_turns(struct book *b, int n);
void kit_fly(struct book *b, bk_dur d); /* time passes for the loop */

void kit_write(int fd, const void *data, size_t n); /* all of it, turning no loop */
/* What fd brings while the loop runs, until n bytes or (n == 0) its end. */
size_t kit_read(struct book *b, int fd, void *out, size_t n);

#endif

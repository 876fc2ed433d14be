/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_LINK_TEST_TLS_PAIR_H
#define BK_LINK_TEST_TLS_PAIR_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/loan.h"
#include "base/time.h"
#include "link/tls.h"

/* Two ends of a TLS link in one loop, what each has heard, and when the loop stops. */
enum { BULK = 8 << 20, PIECE = 300 * 1000, WATCHDOG_SECONDS = 30, KEPT_MAX = 64, SHADE = 1000 };

enum freeing { NEVER, IN_SECURE, IN_DATA, IN_WRITABLE, IN_END };

struct tls_pair;
struct test_clock; /* replaces libc's, so once in a program */

struct tls_end {
	struct tls_pair *pair;
	struct bk_identity *identity;
	struct bk_link *link;
	size_t received, to_send, sent;
	int secures, datas, writables, ends, error;
	enum freeing freeing;
	bool is_keeping;
	struct kept {
		struct bk_loan *loan;
		const uint8_t *data;
		size_t at, len;
	} kept[KEPT_MAX];
	size_t kept_len;
};

struct tls_pair {
	struct bk_loop *loop;
	struct test_clock *clock;
	struct tls_end ends[2]; /* server, client */
	int fds[2];
	int stop_ends; /* the loop stops after so many ends */
	int stop_secures;
	size_t stop_received;
	bk_time stop_after; /* 0: no such end */
	struct bk_timer *stopper;
};

/* Of what is sent, by its place. */
uint8_t shade(size_t at);
void send_more(struct tls_end *e);
void pair_init(struct tls_pair *p);
/* The same over TCP, where the kernel can be asked about the path. */
void pair_over_tcp(struct tls_pair *p);
void link_up(struct tls_pair *p, int i, const struct bk_identity *expected);
void pair_run(struct tls_pair *p);
void make_both(struct tls_pair *p);
void make_secure(struct tls_pair *p);
/* Both are secure, then the second one's owner is gone; its socket stays, and nobody reads. Close it. */
int make_deaf(struct tls_pair *p);
void pair_fly(struct tls_pair *p, bk_dur d);
size_t drain(int fd);
void pair_done(struct tls_pair *p);
int tls_say(struct tls_end *e, const char *text, bool urgent);

#endif

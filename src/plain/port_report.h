/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BK_PLAIN_PORT_REPORT_H
#define BK_PLAIN_PORT_REPORT_H

#include <bodkin/loop.h>

#include "base/addr.h"

/* The port report of TryAndReport: a connection to the server from a fresh local port, the one that the peer
 * is to come to. */
struct bk_port_report;

struct bk_port_report_opts {
	struct bk_addr local; /* the address; its port does not count */
	struct bk_addr server;
	const char *id; /* ours */
	/* Our NAT gave the control connection its local port, so it does so for the fresh one; else the
	 * server is asked what it sees. */
	bool is_preserved;
};

/* Once, from the loop: 0 and the public port that was reported, or why not. The report may be freed from
 * inside; until then it holds the port's mapping. */
typedef void (*bk_port_report_fn)(void *arg, int error, uint16_t port);

int bk_port_report_new(struct bk_loop *loop, const struct bk_port_report_opts *opts, bk_port_report_fn fn,
	void *arg, struct bk_port_report **ret_report);
void bk_port_report_free(struct bk_port_report *r); /* NULL is fine */

/* The fresh local port, known at once. */
struct bk_addr bk_port_report_local(const struct bk_port_report *r);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Names are resolved by the system's own getaddrinfo, which alone knows hosts files, mDNS and what else
 * nsswitch.conf names; it blocks, so each question is a job of its own. A literal address is one whose work is done. */
#include "net/resolve.h"

#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/time.h"
#include "net/job.h"
#include "net/sock.h"

#define RESOLVE_TIMEOUT (15 * BK_SEC) /* getaddrinfo itself may take much longer than people wait */

enum { HOST_MAX = 253 };

struct question {
	char host[HOST_MAX + 1];
	uint16_t port;
	struct bk_addr addrs[BK_RESOLVE_MAX];
	size_t len;
};

struct bk_resolve {
	struct bk_job *job;
	struct bk_timer *deadline;
	bk_resolve_fn fn;
	void *arg;
};

static void ask(void *arg)
{
	struct question *q = arg;
	struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *all = NULL;

	if (getaddrinfo(q->host, NULL, &hints, &all) != 0)
		return;
	for (struct addrinfo *i = all; i && q->len < BK_RESOLVE_MAX; i = i->ai_next)
		if (bk_addr_from_sockaddr(i->ai_addr, &q->addrs[q->len]) == 0)
			q->addrs[q->len++].port = q->port;
	freeaddrinfo(all);
}

static void on_done(void *arg)
{
	struct bk_resolve *r = arg;
	const struct question *q = bk_job_work(r->job);

	bk_timer_stop(r->deadline);
	r->fn(r->arg, q->len ? 0 : BK_E_RESOLVE, q->addrs, q->len);
}

static void on_deadline(void *arg)
{
	struct bk_resolve *r = arg;

	bk_job_free(r->job);
	r->job = NULL;
	r->fn(r->arg, BK_E_TIMEOUT, NULL, 0);
}

static int start(struct bk_resolve *r, struct bk_loop *loop, const char *host, uint16_t port)
{
	struct question q = {.port = port};
	bool is_literal = bk_addr_from_ip(host, port, &q.addrs[0]) == 0;
	int err;

	if (strlen(host) > HOST_MAX)
		return BK_E_TOO_BIG;
	strcpy(q.host, host);
	q.len = is_literal;
	err = bk_timer_new(loop, on_deadline, r, &r->deadline);
	if (!err)
		err = bk_job_new(loop, is_literal ? NULL : ask, &q, sizeof(q), on_done, r, &r->job);
	if (!err)
		bk_timer_start(r->deadline, RESOLVE_TIMEOUT);
	return err;
}

int bk_resolve_new(struct bk_loop *loop, const char *host, uint16_t port, bk_resolve_fn fn, void *arg,
	struct bk_resolve **ret_resolve)
{
	struct bk_resolve *r = calloc(1, sizeof(*r));
	int err;

	if (!r)
		return BK_E_NOMEM;
	*r = (struct bk_resolve){.fn = fn, .arg = arg};
	err = start(r, loop, host, port);
	if (err < 0) {
		bk_resolve_free(r);
		return err;
	}
	*ret_resolve = r;
	return 0;
}

void bk_resolve_free(struct bk_resolve *r)
{
	if (!r)
		return;
	bk_job_free(r->job);
	bk_timer_free(r->deadline);
	free(r);
}

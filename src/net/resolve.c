/* SPDX-License-Identifier: Apache-2.0 */
/* Names are resolved by the system's own getaddrinfo, which alone knows hosts files, mDNS and what else
 * nsswitch.conf names; it blocks, so each question has a short-lived thread. The thread and the
 * asker share one job and whoever lets go last frees it, so cancelling never waits. */
#include "net/resolve.h"

#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/time.h"
#include "net/bell.h"
#include "net/sock.h"

#define RESOLVE_TIMEOUT (15 * BK_SEC) /* getaddrinfo itself may take much longer than people wait */

enum { HOST_MAX = 253, THREAD_STACK = 256 * 1024 };

struct job {
	atomic_int holders;
	struct bk_bell bell; /* the answer is there; the loop may be gone before that */
	char host[HOST_MAX + 1];
	uint16_t port;
	int err;
	struct bk_addr addrs[BK_RESOLVE_MAX];
	size_t len;
};

struct bk_resolve {
	struct job *job;
	struct bk_watch *watch;
	struct bk_timer *deadline;
	bk_resolve_fn fn;
	void *arg;
};

static void let_go(struct job *j)
{
	int before = atomic_fetch_sub(&j->holders, 1);

	bk_assert(before > 0);
	if (before > 1)
		return;
	bk_bell_done(&j->bell);
	free(j);
}

static void *resolve(void *arg)
{
	struct job *j = arg;
	struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *all = NULL;

	if (getaddrinfo(j->host, NULL, &hints, &all) == 0) {
		for (struct addrinfo *i = all; i && j->len < BK_RESOLVE_MAX; i = i->ai_next)
			if (bk_addr_from_sockaddr(i->ai_addr, &j->addrs[j->len]) == 0)
				j->addrs[j->len++].port = j->port;
		freeaddrinfo(all);
	}
	j->err = j->len ? 0 : BK_E_RESOLVE;
	bk_bell_ring(&j->bell);
	let_go(j);
	return NULL;
}

static int start_thread(struct job *j)
{
	pthread_attr_t attr;
	pthread_t thread;
	int err;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, THREAD_STACK);
	atomic_store(&j->holders, 2);
	err = pthread_create(&thread, &attr, resolve, j);
	pthread_attr_destroy(&attr);
	if (err) {
		atomic_store(&j->holders, 1);
		return bk_error_from_errno(err);
	}
	return 0;
}

static void on_done(void *arg, int fd, int events)
{
	struct bk_resolve *r = arg;

	(void)fd;
	(void)events;
	bk_bell_answer(&r->job->bell); /* what the thread wrote before it rang is seen from here on */
	bk_watch_set(r->watch, 0);
	bk_timer_stop(r->deadline);
	r->fn(r->arg, r->job->err, r->job->addrs, r->job->len);
}

static void on_deadline(void *arg)
{
	struct bk_resolve *r = arg;

	bk_watch_set(r->watch, 0);
	r->fn(r->arg, BK_E_TIMEOUT, NULL, 0);
}

static int job_new(const char *host, uint16_t port, struct job **ret_job)
{
	struct job *j;
	int err;

	if (strlen(host) > HOST_MAX)
		return BK_E_TOO_BIG;
	j = calloc(1, sizeof(*j));
	if (!j)
		return BK_E_NOMEM;
	strcpy(j->host, host);
	j->port = port;
	atomic_init(&j->holders, 1);
	err = bk_bell_init(&j->bell);
	if (err < 0) {
		free(j);
		return err;
	}
	*ret_job = j;
	return 0;
}

int bk_resolve_new(struct bk_loop *loop, const char *host, uint16_t port, bk_resolve_fn fn, void *arg,
	struct bk_resolve **ret_resolve)
{
	struct bk_resolve *r = calloc(1, sizeof(*r));
	int err;

	if (!r)
		return BK_E_NOMEM;
	*r = (struct bk_resolve){.fn = fn, .arg = arg};
	err = job_new(host, port, &r->job);
	if (!err)
		err = bk_timer_new(loop, on_deadline, r, &r->deadline);
	if (!err)
		err = bk_watch_new(loop, r->job->bell.fd, on_done, r, &r->watch);
	if (!err)
		err = bk_watch_set(r->watch, BK_READABLE);
	if (!err && bk_addr_from_ip(host, port, &r->job->addrs[0]) == 0) {
		r->job->len = 1;
		bk_bell_ring(&r->job->bell);
	} else if (!err) {
		err = start_thread(r->job);
	}
	if (err < 0) {
		bk_resolve_free(r);
		return err;
	}
	bk_timer_start(r->deadline, RESOLVE_TIMEOUT);
	*ret_resolve = r;
	return 0;
}

void bk_resolve_free(struct bk_resolve *r)
{
	if (!r)
		return;
	bk_watch_free(r->watch);
	bk_timer_free(r->deadline);
	if (r->job)
		let_go(r->job);
	free(r);
}

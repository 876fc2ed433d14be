/* SPDX-License-Identifier: Apache-2.0 */
/* Connecting to a name. Addresses are tried one after the other in the resolver's order; a race between
 * families is not worth its noise for a server that people name themselves. */
#include "service/dial.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "net/resolve.h"
#include "net/sock.h"

enum { HOST_MAX = 254, PORT_DIGITS_MAX = 5, PORT_LIMIT = 65535 };

struct bk_dial {
	struct bk_loop *loop;
	struct bk_resolve *resolve;
	struct bk_watch *watch;
	struct bk_timer *deadline;
	struct bk_addr addrs[BK_RESOLVE_MAX];
	size_t len, next;
	bk_dur timeout;
	int fd;
	bk_dial_fn fn;
	void *arg;
};

/* "HOST:PORT", "[ADDR6]:PORT". */
static int read_address(const char *s, char host[HOST_MAX], uint16_t *ret_port)
{
	const char *colon = strrchr(s, ':');
	size_t n = colon ? (size_t)(colon - s) : 0;
	unsigned port = 0;

	if (n && s[0] == '[' && s[n - 1] == ']') {
		s++;
		n -= 2;
	} else if (memchr(s, ':', n)) {
		return BK_E_INVALID;
	}
	if (!n || n >= HOST_MAX || !colon[1] || strlen(colon + 1) > PORT_DIGITS_MAX)
		return BK_E_INVALID;
	for (const char *c = colon + 1; *c; c++) {
		if (*c < '0' || *c > '9')
			return BK_E_INVALID;
		port = port * 10 + (unsigned)(*c - '0');
	}
	if (!port || port > PORT_LIMIT)
		return BK_E_INVALID;
	memcpy(host, s, n);
	host[n] = 0;
	*ret_port = (uint16_t)port;
	return 0;
}

static void stop_attempt(struct bk_dial *d)
{
	bk_watch_free(d->watch);
	d->watch = NULL;
	bk_timer_stop(d->deadline);
	if (d->fd >= 0)
		close(d->fd);
	d->fd = -1;
}

static void on_writable(void *arg, int fd, int events);

static int start_attempt(struct bk_dial *d, const struct bk_addr *to)
{
	int err = bk_sock_connect(NULL, to, &d->fd);

	if (err < 0) {
		d->fd = -1;
		return err;
	}
	err = bk_watch_new(d->loop, d->fd, on_writable, d, &d->watch);
	if (err == 0)
		err = bk_watch_set(d->watch, BK_WRITABLE);
	if (err == 0)
		bk_timer_start(d->deadline, d->timeout);
	return err;
}

/* The next address; after the last, the failure of it. */
static void try_next(struct bk_dial *d, int error)
{
	while (d->next < d->len) {
		stop_attempt(d);
		error = start_attempt(d, &d->addrs[d->next++]);
		if (error == 0)
			return;
	}
	stop_attempt(d);
	d->fn(d->arg, error, -1);
}

static void on_writable(void *arg, int fd, int events)
{
	struct bk_dial *d = arg;
	int err = bk_sock_error(fd);

	(void)events;
	if (err < 0) {
		try_next(d, err);
		return;
	}
	d->fd = -1;
	stop_attempt(d);
	d->fn(d->arg, 0, fd);
}

static void on_deadline(void *arg)
{
	try_next(arg, BK_E_TIMEOUT);
}

static void on_resolved(void *arg, int err, const struct bk_addr *addrs, size_t len)
{
	struct bk_dial *d = arg;

	if (len)
		memcpy(d->addrs, addrs, len * sizeof(*addrs));
	d->len = len;
	bk_resolve_free(d->resolve);
	d->resolve = NULL;
	try_next(d, err);
}

int bk_dial_new(struct bk_loop *loop, const char *address, bk_dur timeout, bk_dial_fn fn, void *arg,
	struct bk_dial **ret_dial)
{
	char host[HOST_MAX];
	uint16_t port;
	struct bk_dial *d;
	int err = read_address(address, host, &port);

	if (err < 0)
		return err;
	d = calloc(1, sizeof(*d));
	if (!d)
		return BK_E_NOMEM;
	*d = (struct bk_dial){.loop = loop, .timeout = timeout, .fd = -1, .fn = fn, .arg = arg};
	err = bk_timer_new(loop, on_deadline, d, &d->deadline);
	if (err == 0)
		err = bk_resolve_new(loop, host, port, on_resolved, d, &d->resolve);
	if (err < 0) {
		bk_dial_free(d);
		return err;
	}
	*ret_dial = d;
	return 0;
}

void bk_dial_free(struct bk_dial *d)
{
	if (!d)
		return;
	bk_resolve_free(d->resolve);
	if (d->deadline)
		stop_attempt(d);
	bk_timer_free(d->deadline);
	free(d);
}

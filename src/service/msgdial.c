/* SPDX-License-Identifier: Apache-2.0 */
/* Connecting to a name: its addresses in the resolver's order. */
#include "service/msgdial.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "net/dial.h"
#include "net/resolve.h"

enum { HOST_MAX = 254, PORT_DIGITS_MAX = 5, PORT_LIMIT = 65535 };

struct bk_msgdial {
	struct bk_loop *loop;
	struct bk_resolve *resolve;
	struct bk_dial *dial;
	bk_dur timeout;
	bk_msgdial_fn fn;
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

static void on_dialed(void *arg, int error, int fd)
{
	struct bk_msgdial *d = arg;

	d->fn(d->arg, error, fd);
}

static void on_resolved(void *arg, int err, const struct bk_addr *addrs, size_t len)
{
	struct bk_msgdial *d = arg;
	const struct bk_dial_opts opts = {.addrs = addrs, .len = len, .patience = d->timeout};

	if (!err)
		err = bk_dial_new(d->loop, &opts, on_dialed, d, &d->dial);
	if (err < 0)
		d->fn(d->arg, err, -1);
}

int bk_msgdial_new(struct bk_loop *loop, const char *address, bk_dur timeout, bk_msgdial_fn fn, void *arg,
	struct bk_msgdial **ret_dial)
{
	char host[HOST_MAX];
	uint16_t port;
	struct bk_msgdial *d;
	int err = read_address(address, host, &port);

	if (err < 0)
		return err;
	d = calloc(1, sizeof(*d));
	if (!d)
		return BK_E_NOMEM;
	*d = (struct bk_msgdial){.loop = loop, .timeout = timeout, .fn = fn, .arg = arg};
	err = bk_resolve_new(loop, host, port, on_resolved, d, &d->resolve);
	if (err < 0) {
		bk_msgdial_free(d);
		return err;
	}
	*ret_dial = d;
	return 0;
}

void bk_msgdial_free(struct bk_msgdial *d)
{
	if (!d)
		return;
	bk_resolve_free(d->resolve);
	bk_dial_free(d->dial);
	free(d);
}

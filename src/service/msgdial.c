/* SPDX-License-Identifier: Apache-2.0 */
/* Connecting to a name: its addresses in the resolver's order. */
#include "service/msgdial.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/place.h"
#include "net/dial.h"
#include "net/resolve.h"

struct bk_msgdial {
	struct bk_loop *loop;
	struct bk_resolve *resolve;
	struct bk_dial *dial;
	bk_dur timeout;
	bk_msgdial_fn fn;
	void *arg;
};

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
	struct bk_place to;
	struct bk_msgdial *d;
	int err;

	if (bk_place_from_str(address, strlen(address), 0, &to) < 0)
		return BK_E_INVALID;
	d = calloc(1, sizeof(*d));
	if (!d)
		return BK_E_NOMEM;
	*d = (struct bk_msgdial){.loop = loop, .timeout = timeout, .fn = fn, .arg = arg};
	err = bk_resolve_new(loop, to.host, to.port, on_resolved, d, &d->resolve);
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

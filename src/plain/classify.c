/* SPDX-License-Identifier: Apache-2.0 */
/* The tests of RFC 5780 in one second. A server without STUN is nothing unusual in this dialect, so silence
 * says nothing about our NAT: "unknown", not "Blocked". What the tests have not settled when time is up gets
 * the careful name. */
#include "plain/classify.h"

#include <stdlib.h>

#include <sodium.h>

#include "base/error.h"
#include "base/time.h"
#include "nat/discover.h"
#include "net/drive.h"
#include "net/turn.h"
#include "net/udp.h"

#define PATIENCE (1 * BK_SEC)

struct bk_plain_classify {
	bk_plain_classify_fn fn;
	void *arg;
	struct bk_nat_discover *engine;
	struct bk_drive *drive;
	struct bk_timer *patience;
	struct bk_turn teller;
	bool is_told;
};

static void tell(struct bk_plain_classify *c)
{
	struct bk_nat_finding f = {.is_blocked = true};

	if (c->is_told)
		return;
	c->is_told = true;
	if (c->engine)
		bk_nat_discover_finding(c->engine, &f);
	c->fn(c->arg, f.is_blocked || !f.profile.public_addr.family ? "unknown"
								    : bk_nat_type_plain_name(&f.profile));
}

static void on_report(void *arg, const struct bk_action *a)
{
	struct bk_plain_classify *c = arg;

	if (a->report == BK_REPORT_DONE) /* not from here: the drive is still at work */
		bk_turn_ask(&c->teller);
}

static void on_time(void *arg)
{
	tell(arg);
}

/* Without a way to test, the answer is there. */
static int start(struct bk_plain_classify *c, struct bk_loop *loop, const struct bk_addr *server)
{
	struct bk_nat_discover_opts opts = {.server = *server,
		.alt_port = server->port == UINT16_MAX ? (uint16_t)(UINT16_MAX - 1)
						       : (uint16_t)(server->port + 1)};
	int err = bk_udp_route(server, &opts.local);

	randombytes_buf(&opts.seed, sizeof(opts.seed));
	if (!err)
		err = bk_nat_discover_new(&opts, bk_loop_now(loop), &c->engine);
	if (!err)
		err = bk_drive_new(loop, c->engine, &bk_nat_discover_ops, on_report, c, &c->drive);
	return err;
}

int bk_plain_classify_new(struct bk_loop *loop, const struct bk_addr *server, bk_plain_classify_fn fn,
	void *arg, struct bk_plain_classify **ret_classify)
{
	struct bk_plain_classify *c = calloc(1, sizeof(*c));
	int err;

	if (!c)
		return BK_E_NOMEM;
	c->fn = fn;
	c->arg = arg;
	bk_turn_init(&c->teller, loop, on_time, c);
	err = bk_timer_new(loop, on_time, c, &c->patience);
	if (err < 0) {
		bk_plain_classify_free(c);
		return err;
	}
	if (start(c, loop, server) < 0)
		bk_turn_ask(&c->teller);
	else
		bk_timer_start(c->patience, PATIENCE);
	*ret_classify = c;
	return 0;
}

void bk_plain_classify_free(struct bk_plain_classify *c)
{
	if (!c)
		return;
	bk_drive_free(c->drive);
	bk_nat_discover_free(c->engine);
	bk_timer_free(c->patience);
	bk_turn_done(&c->teller);
	free(c);
}

/* SPDX-License-Identifier: Apache-2.0 */

/* One connection to the server, which joins it with the peer's. */

#include "punch/relay.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/actions.h"
#include "base/assert.h"
#include "base/error.h"
#include "punch/explain.h"

enum { LEG = 1, ACTIONS_MAX = 2 };

struct relay {
	struct bk_actions actions; /* first: next_action is the queue's */
	struct bk_action slots[ACTIONS_MAX];
	struct bk_addr server;
	int error; /* why there is none */
};

static void push(struct relay *e, const struct bk_action *a)
{
	bool fits = bk_actions_push(&e->actions, a);

	bk_assert(fits);
}

static void push_done(struct relay *e)
{
	push(e, &(struct bk_action){.type = BK_ACT_REPORT, .report = BK_REPORT_DONE});
}

static void on_connected(void *engine, uint32_t id, bk_time now)
{
	struct relay *e = engine;

	(void)now;
	push(e, &(struct bk_action){.type = BK_ACT_REPORT, .id = id, .remote = e->server});
	push_done(e);
}

static void on_failed(void *engine, uint32_t id, int error, bk_time now)
{
	struct relay *e = engine;

	(void)id;
	(void)now;
	e->error = error;
	push_done(e);
}

static const struct bk_engine_ops ops = {
	.on_connected = on_connected,
	.on_failed = on_failed,
	.next_action = bk_actions_next,
};

static int new (const struct bk_method_opts *opts, bk_time now, void **ret_engine)
{
	struct relay *e;

	(void)now;
	if (!opts->plan->attempts_len)
		return BK_E_INVALID;
	e = calloc(1, sizeof(*e));
	if (!e)
		return BK_E_NOMEM;
	e->server = opts->plan->attempts[0].remote;
	bk_actions_init(&e->actions, e->slots, ACTIONS_MAX);
	push(e, &(struct bk_action){.type = BK_ACT_TCP_CONNECT, .id = LEG, .remote = e->server});
	*ret_engine = e;
	return 0;
}

static int saw(const void *engine, size_t i, char out[BK_PLAN_TEXT_MAX])
{
	const struct relay *e = engine;

	if (i > 0 || !e->error)
		return 0;
	snprintf(out, BK_PLAN_TEXT_MAX, "relay: cannot reach the server: %s", bk_error_text(e->error));
	return 1;
}

const struct bk_method bk_method_relay = {
	.transport = BK_TRANSPORT_TCP,
	.is_relay = true,
	.prefix = "",
	.ops = &ops,
	.new = new,
	.free = free,
	.saw = saw,
	.explain = bk_explain_relay,
};

/* SPDX-License-Identifier: Apache-2.0 */

/* TCP punching as a method: when this side of a pair sends SYNs that pass the other one's router. */

#include "punch/explain.h"
#include "punch/tcp.h"

static bool has_counted(const struct bk_intro *side)
{
	return side->capabilities & BK_INTRO_COUNTED_TCP;
}

/* One calls, the other is called: its own full SYN waits for as long as a try may take. Sooner it would end a
 * connection that is half made, which nobody is told of, and where the two cross between a router and its machine the
 * router has noted another number than the machine answers with. Of two who have counted, that is who knows first;
 * else who has, for the other has no opener that could be met. Where neither has, the first SYNs are full ones, and
 * stay. */
static bool is_called(const struct bk_method_opts *opts)
{
	bool own = has_counted(opts->pair->own), peer = has_counted(opts->pair->peer);

	return own && !(peer && opts->is_controlling);
}

/* Who calls does so at once where the other's opener must have left: within a few milliseconds a busy machine may not
 * have sent it, in a later round nobody knows who is last, and who has not counted may be the first to know. Who is
 * called and hears of it too late for an opener calls, too. */
static bk_time full_from(const struct bk_method_opts *opts, bk_time now)
{
	const struct bk_pair *pair = opts->pair;

	if (is_called(opts) && now < opts->start)
		return opts->start + bk_plan_try_timeout(pair);
	if (!has_counted(pair->own) || pair->is_again || bk_plan_is_short(pair->own, pair->peer))
		return opts->start;
	return now;
}

static int new_of(const struct bk_method_opts *opts, bk_time now, void **ret_engine)
{
	const struct bk_punch_tcp_opts tcp = {
		.plan = *opts->plan,
		.shared = opts->shared,
		.shared6 = opts->shared6,
		.start = opts->start,
		.opener_ttl = bk_method_opener_ttl(opts),
		.full_from = full_from(opts, now),
		.seed = opts->seed,
	};
	struct bk_punch_tcp *e;
	int err = bk_punch_tcp_new(&tcp, now, &e);

	if (!err)
		*ret_engine = e;
	return err;
}

static void free_of(void *engine)
{
	bk_punch_tcp_free(engine);
}

static void disprove(void *engine, uint32_t id, bk_time now)
{
	bk_punch_tcp_disprove(engine, id, now);
}

static const struct bk_technique *technique(const void *engine, const struct bk_way *way)
{
	return bk_punch_tcp_technique(engine, way);
}

static int saw(const void *engine, size_t i, char out[BK_PLAN_TEXT_MAX])
{
	return bk_punch_tcp_saw(engine, i, out) ? 2 : 0;
}

const struct bk_method bk_method_tcp = {
	.transport = BK_TRANSPORT_TCP,
	.prefix = "",
	.ops = &bk_punch_tcp_ops,
	.new = new_of,
	.free = free_of,
	.disprove = disprove,
	.technique = technique,
	.saw = saw,
	.explain = bk_explain_tcp,
};

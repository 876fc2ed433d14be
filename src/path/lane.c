/* SPDX-License-Identifier: Apache-2.0 */
/* An engine reports either everything that connects, and wants to hear what fails its proof; or the one way
 * that it has chosen, and perhaps another one later, in its place. */
#include "path/lane.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/error.h"
#include "net/sock.h"

enum { NOTE_MAX = 512 };

static const struct bk_carriage *const carriages[] = {
	[BK_TRANSPORT_TCP] = &bk_carriage_tcp,
	[BK_TRANSPORT_UDP] = &bk_carriage_udp,
};

/* --- what it finds --- */

int bk_lane_enter(struct bk_lane *l, const struct bk_found *found)
{
	struct bk_contender *c;
	int err = bk_contender_new(l->contenders, l, found->is_chosen, &c);

	bk_assert(found->technique && l->drive);
	if (err < 0) {
		l->carriage->refuse(l, found);
		return err;
	}
	c->id = found->id;
	c->is_likely = found->is_likely;
	c->result = (struct bk_race_result){
		.technique = found->technique, .transport = l->method->transport, .remote = found->remote};
	err = l->carriage->secure(l, found, c);
	if (err < 0)
		bk_contender_free(c);
	return err;
}

void bk_lane_disprove(struct bk_lane *l, const struct bk_contender *c)
{
	if (c->is_chosen)
		l->is_over = true;
	if (!c->id || !l->method->disprove)
		return;
	l->method->disprove(l->engine, c->id, bk_loop_now(l->opts->loop));
	bk_drive_poke(l->drive);
}

static void tell_what_it_saw(struct bk_lane *l)
{
	char line[BK_PLAN_TEXT_MAX];
	int verbosity;

	for (size_t i = 0; (verbosity = l->method->saw(l->engine, i, line)) > 0; i++)
		l->events->note(l->arg, verbosity, line);
}

static void on_likely(struct bk_lane *l, const struct bk_found *found)
{
	struct bk_contender *c = bk_contenders_find_at(l->contenders, l, found->id, &found->remote);
	char line[NOTE_MAX], name[BK_ADDR_STR_MAX];

	if (l->contenders->is_decided || !l->carriage->repeat)
		return;
	if (c) {
		l->carriage->repeat(l, c);
		return;
	}
	snprintf(line, sizeof(line), "step: securing %s beside the probes, which nothing has answered yet",
		bk_addr_to_str(&found->remote, name));
	l->events->note(l->arg, 2, line);
	bk_lane_enter(l, found);
}

static void on_chosen(struct bk_lane *l, const struct bk_found *found)
{
	struct bk_contender *before = bk_contenders_find_chosen(l->contenders, l), *likely;

	tell_what_it_saw(l);
	if (l->contenders->is_decided ||
		(before && before->id == found->id && bk_addr_equal(&before->result.remote, &found->remote)))
		return;
	if (before) /* the controlling side chose anew; it may have decided for this one all the same: no mere hope */
		before->is_chosen = before->is_likely = false;
	likely = bk_contenders_find_at(l->contenders, l, found->id, &found->remote);
	if (!likely) {
		l->is_over = bk_lane_enter(l, found) < 0;
		return;
	}
	likely->is_chosen = true;
	l->carriage->trust(l, likely);
}

static void on_connection(struct bk_lane *l, const struct bk_found *found, bool is_accepted)
{
	char line[NOTE_MAX], name[BK_ADDR_STR_MAX];

	snprintf(line, sizeof(line), "%s %s", is_accepted ? "accepted" : "connected to",
		bk_addr_to_str(&found->remote, name));
	l->events->note(l->arg, 2, line);
	if (bk_lane_enter(l, found) < 0 && l->method->disprove)
		l->method->disprove(l->engine, found->id, bk_loop_now(l->opts->loop));
}

struct bk_addr bk_lane_forbidden_by(const struct bk_lane *l)
{
	if (!l->engine || !l->method->forbidden_by)
		return (struct bk_addr){0};
	return l->method->forbidden_by(l->engine);
}

/* Others may guess now. */
static void end_turn(struct bk_lane *l)
{
	struct bk_addr by;

	if (!l->turn.weight)
		return;
	by = bk_lane_forbidden_by(l);
	bk_manners_end(&l->turn);
	if (l->carriage->listen)
		l->carriage->listen(l, false);
	if (l->opts->purse && by.family)
		l->opts->purse->forbidden_by = by;
}

static void on_report(void *arg, const struct bk_action *a)
{
	struct bk_lane *l = arg;
	struct bk_found found = {.id = a->id, .fd = -1, .remote = a->remote};

	if (a->report == BK_REPORT_DONE) {
		l->is_over = true;
		end_turn(l);
		bk_contenders_drop_likely(l->contenders, l);
		tell_what_it_saw(l);
		l->events->on_over(l->arg);
		return;
	}
	found.technique = bk_technique_found(&l->plan, l->engine, a);
	found.is_chosen = a->report == BK_REPORT_CHOSEN;
	found.is_likely = a->report == BK_REPORT_LIKELY;
	if (found.is_likely) {
		on_likely(l, &found);
		return;
	}
	if (!found.is_chosen) {
		on_connection(l, &found, a->report == BK_REPORT_ACCEPTED);
		return;
	}
	end_turn(l);
	on_chosen(l, &found);
	if (l->is_over)
		l->events->on_over(l->arg);
}

/* --- life --- */

static void take_turn(struct bk_lane *l)
{
	const char *why = bk_manners_begin(&l->plan, l->opts->purse, bk_loop_now(l->opts->loop), &l->turn);
	char line[NOTE_MAX];

	if (!why)
		return;
	snprintf(line, sizeof(line), "plan: no ports are guessed this time: %s", why);
	l->events->note(l->arg, 1, line);
}

static void tell_plan(struct bk_lane *l, const struct bk_pair *pair)
{
	char text[BK_PLAN_TEXT_MAX] = "", line[NOTE_MAX + 32];

	l->method->explain(&l->plan, pair, text);
	snprintf(line, sizeof(line), "plan: %s%s", l->method->prefix, text);
	l->events->note(l->arg, 1, line);
	for (size_t i = 0; i < l->plan.attempts_len && !l->method->is_relay; i++) {
		bk_plan_attempt_to_str(&l->plan, i, text);
		snprintf(line, sizeof(line), "plan: %s%s", l->method->prefix, text);
		l->events->note(l->arg, 1, line);
	}
}

/* Leaves the engine away where there is nothing here to run it with. */
static int make_engine(struct bk_lane *l, const struct bk_pair *pair)
{
	struct bk_method_opts opts = {
		.pair = pair,
		.plan = &l->plan,
		.is_controlling = l->opts->is_controlling,
		.shared = l->opts->shared,
		.shared6 = l->opts->shared6,
		.start = l->opts->start,
		.seed = ((uint64_t)randombytes_random() << 32) | randombytes_random(),
	};
	int err;

	if (!l->carriage->describe(l, &opts))
		return 0;
	err = l->method->new (&opts, bk_loop_now(l->opts->loop), &l->engine);
	return err == BK_E_INVALID ? 0 : err; /* not between these two: it says so with that one */
}

static int start(struct bk_lane *l, const struct bk_pair *pair)
{
	int err = make_engine(l, pair);

	if (err < 0 || !l->engine)
		return err;
	tell_plan(l, pair);
	err = bk_drive_new(l->opts->loop, l->engine, l->method->ops, on_report, l, &l->drive);
	if (!err && l->carriage->start)
		err = l->carriage->start(l);
	if (!err && l->turn.weight && l->carriage->listen)
		l->carriage->listen(l, true);
	return err;
}

int bk_lane_new(const struct bk_race_opts *opts, const struct bk_pair *pair, const struct bk_plan *plan,
	struct bk_contenders *contenders, const struct bk_lane_events *events, void *arg,
	struct bk_lane **ret_lane)
{
	struct bk_lane *l = calloc(1, sizeof(*l));
	int err;

	*ret_lane = NULL;
	if (!l)
		return BK_E_NOMEM;
	*l = (struct bk_lane){
		.opts = opts,
		.contenders = contenders,
		.events = events,
		.arg = arg,
		.plan = *plan,
		.method = plan->method,
		.carriage = carriages[plan->method->transport],
	};
	bk_list_init(&l->link_in_race);
	take_turn(l);
	err = start(l, pair);
	if (err < 0 || !l->engine) {
		bk_lane_free(l);
		return err;
	}
	*ret_lane = l;
	return 0;
}

void bk_lane_free(struct bk_lane *l)
{
	if (!l)
		return;
	end_turn(l);
	if (l->carriage->stop)
		l->carriage->stop(l);
	bk_drive_free(l->drive);
	l->method->free(l->engine);
	bk_list_remove(&l->link_in_race);
	free(l);
}

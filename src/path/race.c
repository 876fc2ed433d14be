/* SPDX-License-Identifier: Apache-2.0 */
/* The race: who runs, and who wins. The relay runs beside from the beginning and is held in reserve, secured,
 * so that falling back to it costs nothing. */
#include "path/race.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/error.h"
#include "net/ifaddr.h"
#include "net/sock.h"
#include "path/contender.h"
#include "path/doors.h"
#include "path/lane.h"

enum {
	HOLDS_MAX = 6,      /* two losses in a row of the handshake fit in */
	STRANGERS_MAX = 16, /* who came to a listener by themselves: they cannot take all places */
	NOTE_MAX = 512,
};

#define PREFER_PATIENCE (5 * BK_MS)
#define HOLD_MARGIN     (25 * BK_MS)
#define PATH_RTT_MAX    (500 * BK_MS) /* a longer one is not waited for */
#define AFTER_BUDGET    (10 * BK_SEC) /* for the relay, when all else is over */

struct bk_race {
	struct bk_race_opts opts;
	const struct bk_race_events *events;
	void *arg;
	struct bk_networks networks;
	struct bk_list lanes; /* the order of the table */
	struct bk_doors doors;
	struct bk_contenders contenders;
	struct bk_timer *deadline;
	struct bk_timer *hold; /* until then a direct path has the first claim */
	unsigned holds;
	struct bk_timer *prefer; /* until then a proven path waits for a cheaper one */
	bool may_relay, has_taken_relay;
};

/* --- telling --- */

static void note(void *arg, int verbosity, const char *text)
{
	struct bk_race *r = arg;

	if (r->events->on_note)
		r->events->on_note(r->arg, verbosity, text);
}

static void note_contender(const struct bk_contender *c, const char *what, const char *why)
{
	char text[NOTE_MAX], name[BK_ADDR_STR_MAX];

	snprintf(text, sizeof(text), "%s: %s %s%s%s", what, c->result.technique->name,
		bk_addr_to_str(&c->result.remote, name), *why ? ": " : "", why);
	note(c->set->arg, 2, text);
}

static void end(struct bk_race *r)
{
	bk_assert(r->has_taken_relay && !r->contenders.is_decided);
	r->contenders.is_decided = true;
	r->events->on_over(r->arg);
}

static void lose(struct bk_race *r, int error)
{
	if (r->contenders.is_decided)
		return;
	r->contenders.is_decided = true;
	r->events->on_lost(r->arg, error);
}

/* --- how it stands --- */

static bool direct_is_over(const struct bk_race *r)
{
	bk_list_each(it, tmp, &r->lanes)
	{
		struct bk_lane *l = bk_container_of(it, struct bk_lane, link_in_race);
		if (!l->method->is_relay && !l->is_over)
			return false;
	}
	return true;
}

/* It is there, or on its way. */
static bool has_relay(const struct bk_race *r)
{
	bk_list_each(it, tmp, &r->lanes)
	{
		struct bk_lane *l = bk_container_of(it, struct bk_lane, link_in_race);
		if (l->method->is_relay && !l->is_over)
			return true;
	}
	return bk_contenders_find_relay(&r->contenders) != NULL;
}

/* The path between the two is seldom longer than the way over the server. */
static bk_dur path_rtt(const struct bk_race *r)
{
	return bk_time_min(r->opts.own->server_rtt + r->opts.peer->server_rtt, PATH_RTT_MAX);
}

/* --- winning --- */

static void ignore_data(void *arg, const uint8_t *data, size_t n)
{
	(void)arg;
	(void)data;
	(void)n;
}

static void ignore_end(void *arg, int error, const char *text)
{
	(void)arg;
	(void)error;
	(void)text;
}

/* Of a link that nobody took: the rest of a read may still come out of it. */
static const struct bk_link_events nobody = {.on_data = ignore_data, .on_end = ignore_end};

/* Hands the link over. The relay does not end the race while a direct path may come. */
static void win(struct bk_race *r, struct bk_contender *c)
{
	struct bk_link *link = c->link;
	struct bk_race_result result = c->result;
	bool is_relay = bk_contender_is_relay(c);

	bk_assert(c->is_secure && !r->contenders.is_decided);
	result.is_last = !is_relay || (direct_is_over(r) && r->contenders.len == 1);
	r->has_taken_relay = is_relay;
	r->contenders.is_decided = result.is_last;
	c->link = NULL;
	bk_contender_free(c);
	bk_link_set_events(link, &nobody, NULL);
	r->events->on_won(r->arg, link, &result);
}

static void nominate(struct bk_race *r, struct bk_contender *c)
{
	const struct bk_sframe f = {.type = BK_SFRAME_NOMINATE};
	uint8_t bytes[BK_SFRAME_HEADER_LEN];

	bk_sframe_encode(&f, bytes);
	if (bk_link_write(c->link, &(struct iovec){bytes, sizeof(bytes)}, 1, true) == 0)
		win(r, c);
}

/* Something ended or is due: is there still hope, and is it the relay's turn? */
static void reconsider(struct bk_race *r)
{
	struct bk_contender *relay = bk_contenders_find_relay(&r->contenders);
	bool is_over = direct_is_over(r), spare = r->opts.is_relay_spare;

	if (r->contenders.is_decided)
		return;
	if (r->opts.is_controlling && relay && relay->is_secure && !spare && (is_over || r->may_relay)) {
		nominate(r, relay);
	} else if (is_over && !bk_contenders_has_direct(&r->contenders)) {
		if (r->has_taken_relay)
			end(r);
		else if (!has_relay(r) || spare)
			lose(r, BK_E_NO_PATH);
	}
}

static void on_lane_over(void *arg)
{
	reconsider(arg);
}

static const struct bk_lane_events lane_events = {.on_over = on_lane_over, .note = note};

/* A handshake that is under way over a direct path is waited for, within limits. */
static void on_hold(void *arg)
{
	struct bk_race *r = arg;

	if (bk_contenders_has_direct(&r->contenders) && r->holds++ < HOLDS_MAX) {
		bk_timer_start(r->hold, path_rtt(r) + HOLD_MARGIN);
		return;
	}
	r->may_relay = true;
	reconsider(r);
}

/* On the local network a transport that costs less processor time, and elsewhere a better path that was begun at the
 * same time, gets a moment to become secure too. */
static bool is_worth_waiting(const struct bk_contender *o, const struct bk_contender *c)
{
	const struct bk_technique *its = o->result.technique, *ours = c->result.technique;

	if (ours->is_local)
		return its->is_local && o->lane->carriage->cost < c->lane->carriage->cost;
	return c->is_likely && !o->is_secure && o->is_likely && its->rank < ours->rank;
}

static bool should_wait(const struct bk_contender *c)
{
	bk_list_each(it, tmp, &c->set->list)
	{
		if (is_worth_waiting(bk_container_of(it, struct bk_contender, link_in_set), c))
			return true;
	}
	return false;
}

static bool is_better(const struct bk_contender *c, const struct bk_contender *best)
{
	return c->is_secure && !bk_contender_is_relay(c) &&
	       (!best || c->result.technique->rank < best->result.technique->rank);
}

static void on_prefer(void *arg)
{
	struct bk_contender *best = NULL;
	struct bk_race *r = arg;

	if (r->contenders.is_decided)
		return;
	bk_list_each(it, tmp, &r->contenders.list)
	{
		struct bk_contender *c = bk_container_of(it, struct bk_contender, link_in_set);
		if (is_better(c, best))
			best = c;
	}
	if (best)
		nominate(r, best);
}

/* --- contenders --- */

static void on_secure(void *arg, struct bk_contender *c)
{
	struct bk_race *r = arg;

	note_contender(c, "secure", "");
	if (!r->opts.is_controlling || r->contenders.is_decided)
		return;
	if (bk_contender_is_relay(c))
		reconsider(r);
	else if (should_wait(c))
		bk_timer_start(r->prefer, bk_time_max(PREFER_PATIENCE, c->link->rtt_ns / 4));
	else
		nominate(r, c);
}

static void on_nominated(void *arg, struct bk_contender *c)
{
	win(arg, c);
}

static void on_contender_end(void *arg, struct bk_contender *c, int error, const char *text)
{
	struct bk_race *r = arg;

	note_contender(c, "not usable", error == BK_E_TLS ? text : bk_error_text(error));
	bk_lane_disprove(c->lane, c);
	bk_contender_free(c);
	reconsider(r);
}

static const struct bk_contender_events contender_events = {
	.on_secure = on_secure,
	.on_nominated = on_nominated,
	.on_end = on_contender_end,
};

/* --- the doors --- */

/* The lane that knows what to do with a connection to a host candidate. */
static struct bk_lane *lane_of_doors(struct bk_race *r)
{
	bk_list_each(it, tmp, &r->lanes)
	{
		struct bk_lane *l = bk_container_of(it, struct bk_lane, link_in_race);
		if (!l->method->is_relay && l->carriage->has_doors)
			return l;
	}
	return NULL;
}

static void on_door(void *arg, int fd, const struct bk_addr *from)
{
	struct bk_race *r = arg;
	struct bk_lane *lane = lane_of_doors(r);
	struct bk_found found = {.fd = fd, .remote = *from};

	if (r->contenders.is_decided || bk_contenders_count_strangers(&r->contenders) >= STRANGERS_MAX) {
		bk_sock_abort(fd);
		return;
	}
	found.technique = bk_technique_at_door(&lane->plan, &r->networks, from);
	bk_lane_enter(lane, &found);
}

/* --- life --- */

static void on_deadline(void *arg)
{
	struct bk_race *r = arg;

	if (!r->contenders.is_decided && r->has_taken_relay)
		end(r);
	else
		lose(r, BK_E_NO_PATH);
}

/* Whoever wants the relay alone neither tries a direct path nor lets one in, and the other way round. */
static bool is_wanted(const struct bk_race *r, const struct bk_method *m)
{
	return bk_method_is_wanted(m, r->opts.choice) &&
	       (m->is_relay || !(r->opts.without & 1u << m->transport));
}

/* Some row before this one has the same engine. */
static bool has_had_turn(const struct bk_technique *const *rows, const struct bk_technique *const *row)
{
	for (; rows < row; rows++) {
		if ((*rows)->method == (*row)->method)
			return true;
	}
	return false;
}

static int start_lane(struct bk_race *r, const struct bk_method *method)
{
	const struct bk_pair pair = {.own = r->opts.own,
		.peer = r->opts.peer,
		.relay = r->opts.relay,
		.choice = r->opts.choice,
		.is_again = r->opts.is_again,
		.networks = &r->networks,
		.memo = r->opts.memo};
	struct bk_lane *lane;
	struct bk_plan plan;
	int err;

	bk_plan_make(&pair, r->opts.techniques, method, &plan);
	if (plan.budget)
		plan.budget += r->opts.delay;
	err = bk_lane_new(&r->opts, &pair, &plan, &r->contenders, &lane_events, r, &lane);
	if (!err && lane)
		bk_list_append(&r->lanes, &lane->link_in_race);
	return err;
}

static int start_lanes(struct bk_race *r)
{
	const struct bk_technique *const *rows = r->opts.techniques;
	int err = 0;

	for (const struct bk_technique *const *row = rows; *row && !err; row++) {
		const struct bk_method *m = (*row)->method;

		if (!has_had_turn(rows, row) && is_wanted(r, m))
			err = start_lane(r, m);
	}
	return err;
}

/* How long a direct path has the first claim, if any is tried: from the agreed instant a round trip and a
 * half to open it, one to secure it, and some. */
static bk_dur hold_time(const struct bk_race *r, bk_dur until_start)
{
	bk_list_each(it, tmp, &r->lanes)
	{
		struct bk_lane *l = bk_container_of(it, struct bk_lane, link_in_race);
		if (!l->method->is_relay && (l->plan.is_hopeful || l->plan.attempts_len))
			return until_start + 3 * path_rtt(r) + HOLD_MARGIN;
	}
	return 0;
}

static bk_dur longest_budget(const struct bk_race *r)
{
	bk_dur budget = 0;

	bk_list_each(it, tmp, &r->lanes) budget =
		bk_time_max(budget, bk_container_of(it, struct bk_lane, link_in_race)->plan.budget);
	return budget;
}

/* Nobody is let in where nothing could be done with him. */
static int open_doors(struct bk_race *r)
{
	if (lane_of_doors(r))
		return bk_doors_open(&r->doors, r->opts.loop, r->opts.listeners, on_door, r);
	for (int i = 0; i < BK_RACE_LISTENERS; i++)
		if (r->opts.listeners[i] >= 0)
			close(r->opts.listeners[i]);
	return 0;
}

static int start(struct bk_race *r)
{
	bk_dur until_start = bk_time_max(r->opts.start - bk_loop_now(r->opts.loop), 0);
	int err = bk_timer_new(r->opts.loop, on_deadline, r, &r->deadline);

	if (!err)
		err = bk_timer_new(r->opts.loop, on_hold, r, &r->hold);
	if (!err)
		err = bk_timer_new(r->opts.loop, on_prefer, r, &r->prefer);
	if (!err)
		err = start_lanes(r);
	if (!err)
		err = open_doors(r);
	if (err < 0)
		return err;
	bk_timer_start(r->deadline, until_start + longest_budget(r) + AFTER_BUDGET);
	bk_timer_start(r->hold, hold_time(r, until_start));
	return 0;
}

int bk_race_new(const struct bk_race_opts *opts, const struct bk_race_events *events, void *arg,
	struct bk_race **ret_race)
{
	struct bk_race *r = calloc(1, sizeof(*r));
	int err;

	if (!r)
		return BK_E_NOMEM;
	r->opts = *opts;
	if (!r->opts.techniques)
		r->opts.techniques = bk_techniques;
	r->events = events;
	r->arg = arg;
	bk_ifaddr_networks(&r->networks);
	bk_list_init(&r->lanes);
	bk_contenders_init(&r->contenders, opts->is_controlling, &contender_events, r);
	err = start(r);
	if (err < 0) {
		bk_race_free(r);
		return err;
	}
	*ret_race = r;
	return 0;
}

bool bk_race_need_relay(struct bk_race *r)
{
	if (r->contenders.is_decided || !has_relay(r))
		return false;
	r->opts.is_relay_spare = false;
	r->holds = HOLDS_MAX;
	bk_timer_start(r->hold, 0);
	return true;
}

struct bk_addr bk_race_forbidden_by(const struct bk_race *r)
{
	struct bk_addr by = {0};

	bk_list_each(it, tmp, &r->lanes)
	{
		if (!by.family)
			by = bk_lane_forbidden_by(bk_container_of(it, struct bk_lane, link_in_race));
	}
	return by;
}

bool bk_race_is_close(const struct bk_race *r)
{
	return bk_contenders_has_secure(&r->contenders);
}

void bk_race_free(struct bk_race *r)
{
	if (!r)
		return;
	bk_doors_close(&r->doors);
	bk_contenders_done(&r->contenders);
	bk_list_each(it, tmp, &r->lanes) bk_lane_free(bk_container_of(it, struct bk_lane, link_in_race));
	bk_timer_free(r->deadline);
	bk_timer_free(r->hold);
	bk_timer_free(r->prefer);
	free(r);
}

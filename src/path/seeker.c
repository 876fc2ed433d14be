/* SPDX-License-Identifier: Apache-2.0 */
/* What carries the two while they last. A race finds a path; its owner moves there. The relay is left for
 * a direct path as soon as one is proven, and proven means: probes (or SYNs) have crossed both ways, the
 * handshake's round trips came back with the pinned certificate, and the peer's RESUME came over it. The
 * relay stays warm meanwhile, so a direct path that turns out dead costs a second. When nothing is left both
 * sides meet anew. */
#include "path/seeker.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/log.h"
#include "base/rate.h"
#include "net/netwatch.h"
#include "path/race.h"
#include "path/recall.h"
#include "punch/chance.h"
#include "punch/explain.h"

#define LOST_PATIENCE  (60 * BK_SEC) /* for another path; a server may be started again meanwhile */
#define ENDED_PATIENCE (8 * BK_SEC)  /* where the other machine itself said that the connection is over */
#define LEFT_PATIENCE  (1 * BK_SEC)  /* for a path to a peer that left the server already */
#define RACE_PATIENCE  (1500 * BK_MS)
#define RACE_WAY_MAX   (3 * BK_SEC)  /* a longer one is not believed */
#define SEARCH_WAIT    (1 * BK_SEC)  /* doubled each time, up to eight times that */
#define YOUNG          (5 * BK_SEC)  /* a path that died sooner was none */
#define SETTLING       (300 * BK_MS) /* addresses come one by one */

enum {
	SEARCHES_SHIFT = 3,
	RACE_WAYS = 6,
	HASTE_MAX = 2,    /* young paths in a row that are followed by another one at once */
	BREACHES_MAX = 3, /* then another path would change nothing */
	LINE_MAX = 512,
	ROUNDS_BURST = 10, /* each is a race: the peer, or the server, shall not make us send for ever */
	ROUNDS_A_MINUTE = 6,
	NEWS_BURST = 3,
};

enum state { UNMET, FIRST, CARRIED, LOST, OVER }; /* FIRST: looking for the first path */

static const char *const state_names[] = {"unmet", "first", "carried", "lost", "over"};

struct bk_seeker {
	struct bk_seeker_opts opts;
	const struct bk_seeker_events *events;
	void *arg;
	enum state state;
	struct bk_round round;
	struct bk_race *race;
	struct bk_race_result path, relay; /* what carries; the last relay, which may be the spare */
	bk_dur path_rtt, relay_rtt;        /* of each, as its handshake showed; 0: not known */
	bool has_peer_left;                /* the server, before there was a path */
	bool is_asking;                    /* the next round is our own wish: the relay works */
	bool has_moved;                    /* our addresses are others than in the round that was */
	bool has_news;                     /* the peer has not heard all */
	struct bk_rate news;               /* our router shall not make us ask for ever */
	bool has_raced;
	unsigned upgrades, searches; /* tries so far: to leave the relay; to find any path at all */
	unsigned young;              /* paths in a row that died as soon as they were there */
	struct bk_rate rounds;       /* after the first */
	struct bk_recall recall;
	struct bk_manners_purse purse; /* of what may be guessed in all of them */
	unsigned breaches;             /* paths that ended because the peer broke the protocol */
	bk_time taken;                 /* when the path that there is, or was, began */
	struct bk_timer *again;        /* the next such try */
	struct bk_timer *patience;     /* with a lost path, with a peer that left */
	struct bk_netwatch *netwatch;  /* NULL: this system does not tell */
};

static void set_state(struct bk_seeker *sk, enum state next)
{
	if (sk->state == OVER || sk->state == next)
		return;
	bk_assert(next > sk->state || (sk->state == LOST && next == CARRIED));
	bk_log_debug("seeker", "%s -> %s", state_names[sk->state], state_names[next]);
	sk->state = next;
}

/* --- saying so --- */

static void note(void *arg, int verbosity, const char *text)
{
	struct bk_seeker *sk = arg;

	if (sk->events->on_note)
		sk->events->on_note(sk->arg, verbosity, text);
}

static const char *peer_name(const struct bk_seeker *sk)
{
	return *sk->round.peer->name ? sk->round.peer->name : "the other side";
}

/* The end, with one sentence; the first one counts. */
static void give_up(struct bk_seeker *sk, int error, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void give_up(struct bk_seeker *sk, int error, const char *fmt, ...)
{
	char text[LINE_MAX];
	va_list args;

	if (sk->state == OVER)
		return;
	set_state(sk, OVER);
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	sk->events->on_gave_up(sk->arg, error, text);
}

static struct bk_pair pair_of(const struct bk_seeker *sk)
{
	const struct bk_round *g = &sk->round;
	struct bk_addr by = sk->race ? bk_race_forbidden_by(sk->race) : (struct bk_addr){0};

	return (struct bk_pair){.own = g->own,
		.peer = g->peer,
		.relay = g->relay,
		.choice = g->choice,
		.forbidden_by = by.family ? by : sk->purse.forbidden_by};
}

static void tell_path(struct bk_seeker *sk, const struct bk_race_result *result)
{
	char local[BK_ADDR_STR_MAX], remote[BK_ADDR_STR_MAX], text[BK_EXPLAIN_PATH_MAX];
	const struct bk_pair pair = pair_of(sk);
	bk_time now = bk_loop_now(sk->opts.loop);
	double rtt = bk_dur_to_ms(sk->path_rtt);
	struct bk_path p = {
		.kind = bk_race_result_is_relay(result) ? BK_PATH_KIND_RELAY : BK_PATH_KIND_DIRECT,
		.transport = result->transport,
		.technique = result->technique->name,
		.local = bk_addr_to_str(&result->local, local),
		.remote = bk_addr_to_str(&result->remote, remote),
		.elapsed_ms = bk_dur_to_ms(now - sk->round.introduced),
		.total_ms = bk_dur_to_ms(now - sk->opts.born),
		.text = bk_explain_path(result->technique, &pair, bk_techniques, rtt, text),
		.rtt_ms = rtt,
		.chance = bk_race_result_is_relay(result) ? bk_chance_of_pair(&pair, bk_techniques)
							  : bk_chance_of_technique(result->technique, &pair),
	};

	sk->events->on_path(sk->arg, &p);
}

/* --- a path comes --- */

static void consider_news(struct bk_seeker *sk);

static bool is_on_relay(const struct bk_seeker *sk)
{
	return sk->state == CARRIED && bk_race_result_is_relay(&sk->path);
}

static void drop_race(struct bk_seeker *sk)
{
	bk_race_free(sk->race);
	sk->race = NULL;
}

/* No other one is to follow at once. */
static void end_race(struct bk_seeker *sk)
{
	if (sk->round.ways)
		bk_ways_rest(sk->round.ways);
	drop_race(sk);
}

static void carried(struct bk_seeker *sk)
{
	set_state(sk, CARRIED);
	bk_timer_stop(sk->patience);
}

static int take(struct bk_seeker *sk, struct bk_link *link, const struct bk_race_result *result)
{
	bk_dur rtt = link->rtt_ns; /* the link may be gone once it was given away */
	int err = sk->events->on_link(sk->arg, link, result);

	if (err < 0)
		return err;
	sk->path = *result;
	sk->path_rtt = rtt;
	if (bk_race_result_is_relay(result)) {
		sk->relay = *result;
		sk->relay_rtt = rtt;
	}
	sk->taken = bk_loop_now(sk->opts.loop);
	bk_timer_stop(sk->again);
	return 0;
}

static void on_won(void *arg, struct bk_link *link, const struct bk_race_result *result)
{
	struct bk_seeker *sk = arg;
	const struct bk_pair pair = pair_of(sk);
	int err = take(sk, link, result);

	if (err < 0) {
		bk_link_free(link);
		end_race(sk);
		give_up(sk, err, "cannot go on: %s", bk_error_text(err));
		return;
	}
	if (result->is_last)
		end_race(sk);
	if (sk->state == OVER) /* and that is about to be told */
		return;
	carried(sk);
	bk_recall_note(&sk->recall, &pair, sk->path.technique, &sk->path.remote);
	tell_path(sk, &sk->path);
	consider_news(sk);
}

/* --- a better one, in the background --- */

/* The relay carries a pair that might do without it: the side that joined asks for another race now and
 * then; and whoever has come into another network soon, for what was not hopeful so far may be now. */
static void upgrade_later(struct bk_seeker *sk)
{
	static const bk_dur waits[] = {2 * BK_SEC, 10 * BK_SEC, 60 * BK_SEC};
	const struct bk_pair pair = pair_of(sk);
	enum { WAITS = sizeof(waits) / sizeof(waits[0]) };

	if (!is_on_relay(sk) || sk->round.choice != BK_PATH_CHOICE_AUTO)
		return;
	if (sk->has_moved)
		bk_timer_start(sk->again, SETTLING);
	else if (sk->opts.is_controlling && sk->upgrades < WAITS && bk_pair_is_hopeful(&pair, bk_techniques))
		bk_timer_start(sk->again, waits[sk->upgrades++]);
}

/* A port is open: whatever else is tried meanwhile is less likely. */
static void consider_news(struct bk_seeker *sk)
{
	bool is_stuck = sk->round.choice == BK_PATH_CHOICE_DIRECT
				? sk->state == FIRST
				: sk->round.choice == BK_PATH_CHOICE_AUTO && is_on_relay(sk);

	if (sk->has_news && is_stuck && bk_rate_take(&sk->news, 1, bk_loop_now(sk->opts.loop)))
		bk_timer_start(sk->again, 0);
}

void bk_seeker_news(struct bk_seeker *sk)
{
	sk->has_news = true;
	consider_news(sk);
}

/* --- the path goes --- */

static void search(struct bk_seeker *sk, const char *why)
{
	sk->is_asking = false;
	if (sk->events->on_wanted(sk->arg) < 0)
		give_up(sk, BK_E_PEER_VANISHED, "lost the connection to '%s': %s", peer_name(sk), why);
}

/* No path came this time. Both sides ask, the one that joined sooner, so that they do not disturb each
 * other. */
static void search_later(struct bk_seeker *sk)
{
	unsigned shift = sk->searches < SEARCHES_SHIFT ? sk->searches : SEARCHES_SHIFT;

	bk_timer_start(sk->again, (SEARCH_WAIT << shift) + (sk->opts.is_controlling ? 0 : SEARCH_WAIT / 2));
}

/* The side that made the code cannot tell whether the other one knows that the relay is needed: if none
 * comes, it says so by asking for another round. */
static void watch_race(struct bk_seeker *sk)
{
	unsigned shift = sk->searches < SEARCHES_SHIFT ? sk->searches : SEARCHES_SHIFT;
	bk_dur way = sk->round.own->server_rtt + sk->round.peer->server_rtt;

	if (sk->opts.is_controlling || sk->round.choice == BK_PATH_CHOICE_DIRECT)
		return;
	bk_timer_start(sk->again, (RACE_PATIENCE + RACE_WAYS * bk_time_min(way, RACE_WAY_MAX)) << shift);
}

/* A race is under way already, and will do: the side that joined takes its relay as soon as it can. */
static bool race_may_do(struct bk_seeker *sk)
{
	if (!sk->race || (sk->round.choice != BK_PATH_CHOICE_DIRECT && !bk_race_need_relay(sk->race)))
		return false;
	watch_race(sk);
	return true;
}

static void on_again(void *arg)
{
	struct bk_seeker *sk = arg;

	if (sk->state == LOST) {
		sk->searches++;
		search(sk, bk_error_text(BK_E_PEER_VANISHED));
	} else if (sk->has_news || (is_on_relay(sk) && !sk->race)) {
		note(sk, 2,
			sk->has_news ? "your router has opened a port: the other side is told"
				     : "looking for a direct path again");
		sk->has_moved = sk->has_news = false;
		sk->is_asking = sk->state != OVER && sk->events->on_wanted(sk->arg) == 0;
	}
}

/* Why, for a person. Over the relay nobody can tell who of the other two is gone. */
static const char *lost_why(const struct bk_seeker *sk, int error, const char *text)
{
	if (error == BK_E_TIMEOUT)
		return "nothing comes over it any more";
	if (bk_race_result_is_relay(&sk->path) && (error == BK_E_PEER_VANISHED || error == BK_E_RESET))
		return "the relay ended it";
	return text;
}

/* Paths that die as soon as they are there are followed by others ever more slowly. */
static void search_in_turn(struct bk_seeker *sk, const char *why)
{
	bool is_hasty;

	sk->young = bk_loop_now(sk->opts.loop) - sk->taken < YOUNG ? sk->young + 1 : 0;
	is_hasty = sk->young > HASTE_MAX;
	sk->searches = is_hasty ? sk->young - HASTE_MAX - 1 : 0;
	if (race_may_do(sk))
		return;
	if (is_hasty)
		search_later(sk);
	else
		search(sk, why);
}

/* What only a peer that breaks the rules can cause, not a path. */
static bool is_breach(int error)
{
	return error == BK_E_PROTOCOL || error == BK_E_TOO_BIG;
}

void bk_seeker_lost(struct bk_seeker *sk, int error, const char *text)
{
	bool is_over = (error == BK_E_EOF || error == BK_E_PEER_VANISHED || error == BK_E_RESET) &&
		       !bk_race_result_is_relay(&sk->path);
	char line[LINE_MAX];

	if (sk->state != CARRIED && sk->state != LOST)
		return;
	if (is_breach(error) && ++sk->breaches >= BREACHES_MAX) {
		give_up(sk, error, "'%s' broke the session protocol: %s", peer_name(sk), text);
		return;
	}
	snprintf(line, sizeof(line), "lost the path, looking for another one: %s", lost_why(sk, error, text));
	if (sk->state == CARRIED && sk->events->on_lost)
		sk->events->on_lost(sk->arg, line);
	note(sk, sk->state == LOST ? 1 : 0, line);
	if (sk->state == OVER)
		return;
	set_state(sk, LOST);
	sk->upgrades = 0;
	bk_timer_start(sk->patience, is_over ? ENDED_PATIENCE : sk->opts.patience);
	search_in_turn(sk, error == BK_E_EOF ? bk_error_text(BK_E_PEER_VANISHED) : text);
}

/* No server was needed for that. A better path is looked for in the background. */
void bk_seeker_fell_back(struct bk_seeker *sk, int error, const char *text)
{
	char line[LINE_MAX];

	if (sk->state != CARRIED && sk->state != LOST)
		return;
	snprintf(line, sizeof(line), "the direct path is gone (%s), back on the relay",
		error ? lost_why(sk, error, text) : "the other side says so");
	note(sk, 1, line);
	if (sk->state == OVER)
		return;
	sk->path = sk->relay;
	sk->path_rtt = sk->relay_rtt;
	carried(sk);
	tell_path(sk, &sk->path);
	if (!sk->race)
		upgrade_later(sk);
}

/* --- the race ends without a path --- */

static void on_over(void *arg)
{
	struct bk_seeker *sk = arg;

	end_race(sk);
	if (sk->state == LOST)
		search_later(sk);
	else
		upgrade_later(sk);
}

static void on_race_lost(void *arg, int error)
{
	struct bk_seeker *sk = arg;
	const struct bk_pair pair = pair_of(sk);
	char reason[BK_PLAN_TEXT_MAX];

	if (sk->state != FIRST) { /* the path that there is goes on, or there is none still */
		on_over(sk);
		return;
	}
	end_race(sk);
	if (sk->round.choice == BK_PATH_CHOICE_DIRECT)
		give_up(sk, error, "no direct path to '%s': %s", peer_name(sk),
			bk_explain_no_direct(&pair, bk_techniques, reason));
	else if (sk->has_peer_left)
		give_up(sk, BK_E_PEER_VANISHED, "'%s' left before the connection was made", peer_name(sk));
	else
		give_up(sk, error, "no path to '%s': neither a direct connection nor the relay came about",
			peer_name(sk));
}

/* --- the race begins --- */

static int start_race(struct bk_seeker *sk)
{
	static const struct bk_race_events events = {
		.on_won = on_won, .on_lost = on_race_lost, .on_over = on_over, .on_note = note};
	const struct bk_round *g = &sk->round;
	struct bk_race_opts opts = {
		.loop = sk->opts.loop,
		.is_controlling = sk->opts.is_controlling,
		.identity = sk->opts.identity,
		.own = g->own,
		.peer = g->peer,
		.choice = g->choice,
		.without = sk->opts.transport == BK_TRANSPORT_CHOICE_UDP ? 1u << BK_TRANSPORT_TCP : 0,
		.shared = g->shared,
		.shared6 = {.family = g->port6 ? 6 : 0, .port = g->port6},
		.start = g->start,
		.hops = g->hops,
		.listeners = {g->listeners[0], g->listeners[1]},
		.ways = g->choice == BK_PATH_CHOICE_RELAY ? NULL : g->ways,
		.delay = g->delay,
		.is_again = sk->has_raced,
		.is_relay_spare = sk->is_asking && is_on_relay(sk),
		.relay = g->relay,
		.purse = &sk->purse,
	};
	const struct bk_pair pair = pair_of(sk);
	int err;

	opts.memo = bk_recall_look(&sk->recall, &pair, note, sk);
	sk->is_asking = false;
	sk->has_raced = true;
	memcpy(opts.relay_token, g->relay_token, sizeof(opts.relay_token));
	err = bk_race_new(&opts, &events, sk, &sk->race);
	if (!err)
		g->listeners[0] = g->listeners[1] = -1; /* the race's now */
	return err;
}

/* Because one of the two wants another path: the other may not know yet that it needs one. */
static void race_again(struct bk_seeker *sk)
{
	int err;

	drop_race(sk);
	bk_timer_stop(sk->again);
	err = start_race(sk);
	if (err < 0) {
		bk_log_debug("seeker", "no race: %s", bk_error_text(err));
		on_over(sk);
	} else if (sk->state == LOST) {
		watch_race(sk);
	}
}

/* Too many: the race before it is over, since its introductions are, and another one has to be asked for. */
static void pass_over(struct bk_seeker *sk)
{
	note(sk, 1, "too many rounds within a minute: this one is passed over");
	sk->is_asking = false;
	if (sk->state != OVER)
		on_race_lost(sk, BK_E_NO_PATH);
}

int bk_seeker_round(struct bk_seeker *sk, const struct bk_round *round)
{
	sk->round = *round;
	sk->has_news = false; /* whoever has some still says so again */
	if (sk->state != UNMET) {
		if (bk_rate_take(&sk->rounds, 1, bk_loop_now(sk->opts.loop)))
			race_again(sk);
		else
			pass_over(sk);
		return 0;
	}
	set_state(sk, FIRST);
	return start_race(sk);
}

/* --- the peer and the network change under it --- */

void bk_seeker_peer_left(struct bk_seeker *sk)
{
	if (sk->state == LOST)
		give_up(sk, BK_E_PEER_VANISHED, "lost the connection to '%s': %s", peer_name(sk),
			bk_error_text(BK_E_PEER_VANISHED));
	if (sk->state != FIRST)
		return;
	sk->has_peer_left = true;
	if (sk->round.choice != BK_PATH_CHOICE_DIRECT && !(sk->race && bk_race_is_close(sk->race)))
		bk_timer_start(sk->patience, LEFT_PATIENCE);
}

static void on_patience(void *arg)
{
	struct bk_seeker *sk = arg;

	if (sk->state == FIRST)
		give_up(sk, BK_E_PEER_VANISHED, "'%s' left before the connection was made", peer_name(sk));
	else
		give_up(sk, BK_E_PEER_VANISHED, "lost the connection to '%s', and no other path came in time",
			peer_name(sk));
}

static void on_network(void *arg)
{
	struct bk_seeker *sk = arg;

	if (sk->state == OVER)
		return;
	if (sk->state != UNMET)
		note(sk, 1, "the network changed");
	if (sk->state != OVER)
		sk->events->on_moved(
			sk->arg, bk_netwatch_has(&sk->path.local), bk_netwatch_has(&sk->relay.local));
	sk->has_moved = true;
	sk->purse.forbidden_by = (struct bk_addr){0}; /* that was another network's */
	sk->upgrades = 0;
	if (!sk->race)
		upgrade_later(sk);
}

/* --- life --- */

int bk_seeker_new(const struct bk_seeker_opts *opts, const struct bk_seeker_events *events, void *arg,
	struct bk_seeker **ret_seeker)
{
	struct bk_seeker *sk = calloc(1, sizeof(*sk));
	int err;

	if (!sk)
		return BK_E_NOMEM;
	sk->opts = *opts;
	if (!sk->opts.patience)
		sk->opts.patience = LOST_PATIENCE;
	bk_rate_init(&sk->rounds, ROUNDS_A_MINUTE / 60.0, ROUNDS_BURST, bk_loop_now(opts->loop));
	bk_rate_init(&sk->news, NEWS_BURST / 60.0, NEWS_BURST, bk_loop_now(opts->loop));
	sk->events = events;
	sk->arg = arg;
	err = bk_recall_init(&sk->recall, opts->loop, opts->state_dir);
	if (!err)
		err = bk_timer_new(opts->loop, on_again, sk, &sk->again);
	if (!err)
		err = bk_timer_new(opts->loop, on_patience, sk, &sk->patience);
	if (err < 0) {
		bk_seeker_free(sk);
		return err;
	}
	if (bk_netwatch_new(opts->loop, on_network, sk, &sk->netwatch) < 0)
		sk->netwatch = NULL; /* then a dead path is found by its silence */
	*ret_seeker = sk;
	return 0;
}

void bk_seeker_free(struct bk_seeker *sk)
{
	if (!sk)
		return;
	bk_race_free(sk->race);
	bk_timer_free(sk->again);
	bk_timer_free(sk->patience);
	bk_netwatch_free(sk->netwatch);
	bk_recall_done(&sk->recall);
	free(sk);
}

void bk_seeker_hush(struct bk_seeker *sk)
{
	set_state(sk, OVER);
	bk_timer_stop(sk->again);
	bk_timer_stop(sk->patience);
}

bool bk_seeker_needs_round(const struct bk_seeker *sk)
{
	return sk->state == LOST && !sk->race;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What carries a session while it lasts. A race finds a path; the carrier moves to it. The relay is left for
 * a direct path as soon as one is proven, and proven means: probes (or SYNs) have crossed both ways, the
 * handshake's round trips came back with the pinned certificate, and the peer's RESUME came over it. The
 * relay stays warm meanwhile, so a direct path that turns out dead costs a second. When nothing is left both
 * sides meet anew. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "session/peer.h"

#define LOST_PATIENCE  (60 * BK_SEC) /* for another path; a server may be started again meanwhile */
#define ENDED_PATIENCE (8 * BK_SEC)  /* where the other machine itself said that the connection is over */
#define LEFT_PATIENCE  (1 * BK_SEC)  /* for a path to a peer that left the server already */
#define RACE_PATIENCE  (1500 * BK_MS)
#define SEARCH_WAIT    (1 * BK_SEC) /* doubled each time, up to eight times that */
#define YOUNG          (5 * BK_SEC) /* a path that died sooner was none */

enum {
	SEARCHES_SHIFT = 3,
	RACE_WAYS = 6,
	HASTE_MAX = 2,    /* young paths in a row that are followed by another one at once */
	BREACHES_MAX = 3, /* then another path would change nothing */
};

/* ---- saying so ---- */

enum bk_path_policy bk_path_policy_of(const struct bk_session *s)
{
	uint32_t both = s->met->own.capabilities | s->met->peer.capabilities;

	if (both & BK_MEET_ONLY_RELAY)
		return BK_PATH_RELAY;
	return both & BK_MEET_ONLY_DIRECT ? BK_PATH_DIRECT : BK_PATH_AUTO;
}

static void tell_path(struct bk_session *s, const struct bk_race_result *result)
{
	char local[BK_ADDR_STR_MAX], remote[BK_ADDR_STR_MAX], pair[BK_PLAN_TEXT_MAX],
		text[2 * BK_PLAN_TEXT_MAX];
	bool relayed = result->technique == BK_TECHNIQUE_RELAY, udp = result->transport == BK_TRANSPORT_UDP;
	bk_time now = bk_loop_now(s->loop);
	double ms = bk_dur_to_ms(now - s->met->introduced);
	struct bk_path p = {
		.kind = relayed ? BK_PATH_KIND_RELAY : BK_PATH_KIND_DIRECT,
		.transport = bk_transport_name(result->transport),
		.technique = bk_technique_name(result->technique),
		.local = bk_addr_to_str(&result->local, local),
		.remote = bk_addr_to_str(&result->remote, remote),
		.elapsed_ms = ms,
		.total_ms = bk_dur_to_ms(now - s->born),
		.text = text,
	};

	if (relayed && bk_path_policy_of(s) == BK_PATH_RELAY)
		snprintf(text, sizeof(text), "relayed by the server, as asked for, %.0f ms", ms);
	else if (relayed)
		snprintf(text, sizeof(text), "relayed by the server, %.0f ms: %s", ms,
			bk_plan_relay_reason(&s->met->own, &s->met->peer, pair));
	else if (result->technique == BK_TECHNIQUE_LAN)
		snprintf(text, sizeof(text), "direct over %s on the local network, %.0f ms",
			udp ? "UDP" : "TCP", ms);
	else
		snprintf(text, sizeof(text), "direct over %s%s, %s, %.0f ms", udp ? "UDP" : "TCP",
			result->technique == BK_TECHNIQUE_IPV6 ? " and IPv6" : "",
			udp ? bk_plan_nats_to_str(&s->met->own.udp, &s->met->peer.udp, pair)
			    : bk_plan_pair_to_str(&s->met->own, &s->met->peer, pair),
			ms);
	if (s->events->on_path)
		s->events->on_path(s->arg, &p);
}

/* ---- a path comes ---- */

static bool is_on_relay(const struct bk_session *s)
{
	return s->path.technique == BK_TECHNIQUE_RELAY && !s->is_lost;
}

static void end_race(struct bk_session *s)
{
	bk_race_free(s->race);
	s->race = NULL;
}

static void on_path_lost(void *arg, int error, const char *text);
static void on_fell_back(void *arg, int error, const char *text);

static void on_resumed(void *arg, uint64_t resent)
{
	struct bk_session *s = arg;
	char text[BK_SESSION_TEXT_MAX];

	if (!resent)
		return;
	snprintf(text, sizeof(text), "resumed, %llu bytes sent again", (unsigned long long)resent);
	bk_session_note(s, 1, text);
}

/* The sockets must not hand anything to a link that is gone. */
static void on_dropped(void *arg, const struct bk_link *link)
{
	struct bk_session *s = arg;
	struct bk_self *self = s->meet ? bk_meet_self(s->meet) : NULL;

	if (self && self->hub && bk_hub_quic(self->hub) == link)
		bk_hub_set_quic(self->hub, NULL);
}

static const struct bk_carrier_events carrier_events = {
	.on_lost = on_path_lost,
	.on_fell_back = on_fell_back,
	.on_resumed = on_resumed,
	.on_dropped = on_dropped,
};

static void take_path(struct bk_session *s, struct bk_link *link, const struct bk_race_result *result)
{
	s->path = *result;
	s->is_lost = false;
	s->taken = bk_loop_now(s->loop);
	bk_timer_stop(s->again);
	if (result->technique == BK_TECHNIQUE_RELAY) {
		s->relay = *result;
		bk_carrier_attach_relay(s->carrier, link);
	} else {
		bk_carrier_attach(s->carrier, link);
	}
}

static void on_won(void *arg, struct bk_link *link, const struct bk_race_result *result)
{
	struct bk_session *s = arg;
	bool is_first = !s->carrier;
	int err = is_first ? bk_session_start_carrying(s, &carrier_events) : 0;

	if (err < 0) {
		bk_link_free(link);
		end_race(s);
		bk_session_finish(s, err, "cannot go on: %s", bk_error_text(err));
		return;
	}
	take_path(s, link, result);
	if (result->is_last)
		end_race(s);
	if (s->state != BK_SESSION_PUNCHING &&
		s->state != BK_SESSION_OPEN) /* it was ended meanwhile, and that is about to be told */
		return;
	bk_timer_stop(s->deadline);
	if (is_first)
		bk_session_set_state(s, BK_SESSION_OPEN);
	tell_path(s, result);
	if (is_first && s->state == BK_SESSION_OPEN && s->events->on_open)
		s->events->on_open(s->arg);
}

/* ---- a better one, in the background ---- */

/* The relay carries a pair that might do without it: the side that joined asks for another race now and then.
 */
static void upgrade_later(struct bk_session *s)
{
	static const bk_dur waits[] = {2 * BK_SEC, 10 * BK_SEC, 60 * BK_SEC};
	enum { WAITS = sizeof(waits) / sizeof(waits[0]) };

	if (s->state != BK_SESSION_OPEN || !s->is_joining || !is_on_relay(s) || s->upgrades >= WAITS ||
		bk_path_policy_of(s) != BK_PATH_AUTO ||
		(!s->plan.punch_possible && !bk_plan_udp_fits(&s->met->own, &s->met->peer)))
		return;
	bk_timer_start(s->again, waits[s->upgrades++]);
}

/* ---- the path goes ---- */

static void give_up(struct bk_session *s, const char *why)
{
	bk_session_finish(
		s, BK_E_PEER_VANISHED, "lost the connection to '%s': %s", bk_session_peer_name(s), why);
}

static void search(struct bk_session *s, const char *why)
{
	s->is_asking = false;
	if (bk_meet_again(s->meet) < 0)
		give_up(s, why);
}

/* No path came this time. Both sides ask, the one that joined sooner, so that they do not disturb each other.
 */
static void search_later(struct bk_session *s)
{
	unsigned shift = s->searches < SEARCHES_SHIFT ? s->searches : SEARCHES_SHIFT;

	bk_timer_start(s->again, (SEARCH_WAIT << shift) + (s->is_joining ? 0 : SEARCH_WAIT / 2));
}

/* The side that made the code cannot tell whether the other one knows that the relay is needed: if none
 * comes, it says so by asking for another round. */
static void watch_race(struct bk_session *s)
{
	unsigned shift = s->searches < SEARCHES_SHIFT ? s->searches : SEARCHES_SHIFT;
	bk_dur way = s->met->own.server_rtt + s->met->peer.server_rtt;

	if (s->is_joining || bk_path_policy_of(s) == BK_PATH_DIRECT)
		return;
	bk_timer_start(s->again, (RACE_PATIENCE + RACE_WAYS * bk_time_min(way, BK_SEC)) << shift);
}

/* A race is under way already, and will do: the side that joined takes its relay as soon as it can. */
static bool race_may_do(struct bk_session *s)
{
	if (!s->race || (bk_path_policy_of(s) != BK_PATH_DIRECT && !bk_race_need_relay(s->race)))
		return false;
	watch_race(s);
	return true;
}

static void on_again(void *arg)
{
	struct bk_session *s = arg;

	if (s->state != BK_SESSION_OPEN)
		return;
	if (s->is_lost) {
		s->searches++;
		search(s, bk_error_text(BK_E_PEER_VANISHED));
	} else if (is_on_relay(s) && !s->race) {
		bk_session_note(s, 2, "looking for a direct path again");
		bk_carrier_ask(s->carrier); /* the relay is a spare only while it works */
		s->is_asking = bk_meet_again(s->meet) == 0;
	}
}

/* Why, for a person. Over the relay nobody can tell who of the other two is gone. */
static const char *lost_why(const struct bk_session *s, int error, const char *text)
{
	if (error == BK_E_TIMEOUT)
		return "nothing comes over it any more";
	if (s->path.technique == BK_TECHNIQUE_RELAY && (error == BK_E_PEER_VANISHED || error == BK_E_RESET))
		return "the relay ended it";
	return text;
}

/* Paths that die as soon as they are there are followed by others ever more slowly. */
static void search_in_turn(struct bk_session *s, const char *why)
{
	bool is_hasty;

	s->young = bk_loop_now(s->loop) - s->taken < YOUNG ? s->young + 1 : 0;
	is_hasty = s->young > HASTE_MAX;
	s->searches = is_hasty ? s->young - HASTE_MAX - 1 : 0;
	if (race_may_do(s))
		return;
	if (is_hasty)
		search_later(s);
	else
		search(s, why);
}

/* While another path may come, what is queued waits for it. */
static void on_path_lost(void *arg, int error, const char *text)
{
	struct bk_session *s = arg;
	bool is_over = (error == BK_E_EOF || error == BK_E_PEER_VANISHED || error == BK_E_RESET) &&
		       s->path.technique != BK_TECHNIQUE_RELAY;
	char line[BK_SESSION_TEXT_MAX];

	if (s->state != BK_SESSION_OPEN ||
		bk_mux_owes_bye(s->mux)) /* all has come; it only waits to be read */
		return;
	if (error == BK_E_PROTOCOL && ++s->breaches >= BREACHES_MAX) {
		bk_session_finish(
			s, error, "'%s' broke the session protocol: %s", bk_session_peer_name(s), text);
		return;
	}
	snprintf(line, sizeof(line), "lost the path, looking for another one: %s", lost_why(s, error, text));
	bk_session_note(s, 1, line);
	if (s->state != BK_SESSION_OPEN)
		return;
	s->is_lost = true;
	s->upgrades = 0;
	bk_timer_start(s->deadline, is_over ? ENDED_PATIENCE : LOST_PATIENCE);
	search_in_turn(s, error == BK_E_EOF ? bk_error_text(BK_E_PEER_VANISHED) : text);
}

/* No server was needed for that. A better path is looked for in the background. */
static void on_fell_back(void *arg, int error, const char *text)
{
	struct bk_session *s = arg;
	char line[BK_SESSION_TEXT_MAX];

	if (s->state != BK_SESSION_OPEN)
		return;
	snprintf(line, sizeof(line), "the direct path is gone (%s), back on the relay",
		error ? lost_why(s, error, text) : "the other side says so");
	bk_session_note(s, 1, line);
	if (s->state != BK_SESSION_OPEN)
		return;
	s->path = s->relay;
	s->is_lost = false;
	tell_path(s, &s->path);
	if (!s->race)
		upgrade_later(s);
}

/* ---- the race ends without a path ---- */

static void on_over(void *arg)
{
	struct bk_session *s = arg;

	end_race(s);
	if (s->is_lost)
		search_later(s);
	else
		upgrade_later(s);
}

static void on_race_lost(void *arg, int error)
{
	struct bk_session *s = arg;
	char reason[BK_PLAN_TEXT_MAX];

	if (s->state == BK_SESSION_OPEN) { /* the path that there is goes on, or there is none still */
		on_over(s);
		return;
	}
	end_race(s);
	if (bk_path_policy_of(s) == BK_PATH_DIRECT)
		bk_session_finish(s, error, "no direct path to '%s': %s", bk_session_peer_name(s),
			bk_plan_relay_reason(&s->met->own, &s->met->peer, reason));
	else if (s->peer_left)
		bk_session_finish(s, BK_E_PEER_VANISHED, "'%s' left before the connection was made",
			bk_session_peer_name(s));
	else
		bk_session_finish(s, error,
			"no path to '%s': neither a direct connection nor the relay came about",
			bk_session_peer_name(s));
}

/* ---- the race begins ---- */

int bk_path_start(struct bk_session *s)
{
	static const struct bk_race_events events = {
		.on_won = on_won, .on_lost = on_race_lost, .on_over = on_over, .on_note = bk_session_note};
	const struct bk_meeting *g = s->met;
	struct bk_self *self = bk_meet_self(s->meet);
	enum bk_path_policy policy = bk_path_policy_of(s);
	struct bk_race_opts opts = {
		.loop = s->loop,
		.is_controlling = s->is_joining,
		.identity = s->identity,
		.own = &g->own,
		.peer = &g->peer,
		.plan = &s->plan,
		.shared = g->shared,
		.shared6 = {.family = self->ports[1] ? 6 : 0, .port = self->ports[1]},
		.start = g->start,
		.listeners = {self->listeners[0], self->listeners[1]},
		.hub = policy == BK_PATH_RELAY ? NULL : self->hub,
		.use_relay = policy != BK_PATH_DIRECT,
		.relay_is_spare = s->is_asking && is_on_relay(s),
		.relay = g->server,
	};
	int err;

	s->is_asking = false;
	memcpy(opts.relay_token, g->relay_token, sizeof(opts.relay_token));
	bk_plan_make(&g->own, &g->peer, policy, &s->plan);
	if (s->transport == BK_TRANSPORT_CHOICE_UDP) {
		s->plan.attempts_len = 0;
		s->plan.listen_shared = false;
	}
	err = bk_race_new(&opts, &events, s, &s->race);
	if (!err)
		self->listeners[0] = self->listeners[1] = -1; /* the race's now */
	return err;
}

/* Both sides introduced themselves anew, because one of them wants another path: the other may not know yet
 * that it needs one. */
void bk_path_look_again(struct bk_session *s)
{
	int err;

	end_race(s);
	bk_timer_stop(s->again);
	err = bk_path_start(s);
	if (err < 0) {
		bk_log_debug("session", "no race: %s", bk_error_text(err));
		on_over(s);
	} else if (s->is_lost) {
		watch_race(s);
	}
}

void bk_path_peer_left(struct bk_session *s)
{
	if (s->state == BK_SESSION_OPEN && s->is_lost)
		give_up(s, bk_error_text(BK_E_PEER_VANISHED));
	if (s->state != BK_SESSION_PUNCHING)
		return;
	s->peer_left = true;
	if (bk_path_policy_of(s) != BK_PATH_DIRECT && !(s->race && bk_race_is_close(s->race)))
		bk_timer_start(s->deadline, LEFT_PATIENCE);
}

/* ---- the network changes under it ---- */

static void on_network(void *arg)
{
	struct bk_session *s = arg;

	if (s->state != BK_SESSION_PUNCHING && s->state != BK_SESSION_OPEN)
		return;
	bk_session_note(s, 1, "the network changed");
	if (s->state != BK_SESSION_PUNCHING && s->state != BK_SESSION_OPEN)
		return;
	bk_meet_address_changed(s->meet);
	if (!s->carrier)
		return;
	if (!bk_netwatch_has(&s->relay.local))
		bk_carrier_drop_spare(s->carrier);
	if (bk_netwatch_has(&s->path.local))
		bk_carrier_ask(s->carrier);
	else
		bk_carrier_drop(s->carrier, BK_E_UNREACHABLE);
}

int bk_path_init(struct bk_session *s)
{
	int err = bk_timer_new(s->loop, on_again, s, &s->again);

	if (!err && bk_netwatch_new(s->loop, on_network, s, &s->netwatch) < 0)
		s->netwatch = NULL; /* then a dead path is found by its silence */
	return err;
}

void bk_path_done(struct bk_session *s)
{
	end_race(s);
	bk_timer_free(s->again);
	s->again = NULL;
	bk_netwatch_free(s->netwatch);
	s->netwatch = NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */

/* What a user is told about the pair, what is tried, what came of it, and why a relay carries the session.
 * Reads the same predicates as the rows, so that the text never tells another story than the attempts. */

#include "punch/explain.h"

#include <stdio.h>

#include "nat/profile.h"
#include "punch/candidate.h"
#include "punch/chance.h"
#include "punch/fit.h"
#include "punch/guess.h"
#include "punch/mapped.h"

static bool same_class(const struct bk_nat_profile *own, const struct bk_nat_profile *peer)
{
	return bk_nat_class_of(own) == bk_nat_class_of(peer);
}

const char *bk_explain_nats(
	const struct bk_nat_profile *own, const struct bk_nat_profile *peer, char out[BK_PLAN_TEXT_MAX])
{
	if (!same_class(own, peer))
		snprintf(out, BK_PLAN_TEXT_MAX, "%s here, %s there", bk_nat_type_phrase(own),
			bk_nat_type_phrase(peer));
	else if (bk_nat_class_of(own) == BK_NAT_CLASS_OPEN)
		snprintf(out, BK_PLAN_TEXT_MAX, "both sides open");
	else
		snprintf(out, BK_PLAN_TEXT_MAX, "both NATs %s", bk_nat_type_phrase(own));
	return out;
}

/* What the two NATs have against it, or seem to have, where nobody has looked at a filter; where they have nothing (no
 * row was made for such a pair) which two they are. */
static const char *cause_of_no_punch(
	const struct bk_nat_profile *own, const struct bk_nat_profile *peer, char out[BK_PLAN_TEXT_MAX])
{
	bool own_dependent = bk_nat_is_dependent(own), peer_dependent = bk_nat_is_dependent(peer);
	bool is_sure = bk_fit_is_sure(own, peer);

	if (bk_fit_punch(own, peer) && is_sure)
		return bk_explain_nats(own, peer, out);
	if (own->public_addr.family == 0 || peer->public_addr.family == 0)
		return "the public address of one side is not known";
	if (own->public_addr.family != peer->public_addr.family)
		return "one side has an IPv4 and the other side an IPv6 connection";
	if (own_dependent && peer_dependent)
		return "both NATs give every connection a new port, "
		       "so neither side can know where to connect to";
	snprintf(out, BK_PLAN_TEXT_MAX,
		"%s NAT gives every connection a new port and %s NAT %s ports it has called",
		own_dependent ? "your" : "the other side's", own_dependent ? "the other side's" : "your",
		is_sure ? "only lets in" : "seems to let in only");
	return out;
}

static const char *cause_over(const struct bk_pair *pair, enum bk_transport t, char out[BK_PLAN_TEXT_MAX])
{
	return cause_of_no_punch(
		bk_candidate_profile(pair->own, t), bk_candidate_profile(pair->peer, t), out);
}

static const char *nats_over(const struct bk_pair *pair, enum bk_transport t, char out[BK_PLAN_TEXT_MAX])
{
	return bk_explain_nats(bk_candidate_profile(pair->own, t), bk_candidate_profile(pair->peer, t), out);
}

/* Over what a side can be met: its public address is known there. Neither: nobody has looked, perhaps. */
enum side { NEITHER, OWN_ONLY, PEER_ONLY, BOTH };

static enum side sides_over(const struct bk_pair *pair, enum bk_transport t)
{
	bool here = bk_candidate_profile(pair->own, t)->public_addr.family != 0,
	     there = bk_candidate_profile(pair->peer, t)->public_addr.family != 0;

	if (here && there)
		return BOTH;
	return here ? OWN_ONLY : there ? PEER_ONLY : NEITHER;
}

/* The first half of the sentence, where one side alone is without UDP. */
static const char *udp_blocked_where(enum side udp)
{
	if (udp == PEER_ONLY)
		return "your network lets no UDP through, and ";
	return udp == OWN_ONLY ? "the other side's network lets no UDP through, and " : "";
}

/* Would the port be guessed, if both wanted that? Then who does not. */
static const char *who_is_polite(const struct bk_pair *pair, const struct bk_technique *const *rows)
{
	struct bk_intro own = *pair->own, peer = *pair->peer;
	struct bk_pair willing = *pair;
	bool is_own = !(own.capabilities & BK_INTRO_GUESSES),
	     is_peer = !(peer.capabilities & BK_INTRO_GUESSES);

	own.capabilities |= BK_INTRO_GUESSES;
	peer.capabilities |= BK_INTRO_GUESSES;
	willing.own = &own;
	willing.peer = &peer;
	if (bk_technique_guessing(pair, rows) || !bk_technique_guessing(&willing, rows))
		return NULL;
	return is_own && is_peer ? "neither side wants (--polite)"
	       : is_own          ? "this side does not want (--polite)"
				 : "the other side does not want (--polite)";
}

/* A port was open, and nothing came of it. */
static bool has_opened(const struct bk_pair *pair)
{
	return bk_mapped_is_open_between(pair, BK_TRANSPORT_UDP) ||
	       bk_mapped_is_open_between(pair, BK_TRANSPORT_TCP);
}

/* What would help. */
static const char *help(
	const struct bk_pair *pair, const struct bk_technique *const *rows, char out[BK_PLAN_TEXT_MAX])
{
	static const char *const words[] = {
		[NEITHER] = "a port mapping on either router, UDP or IPv6",
		[OWN_ONLY] = "UDP there, a port mapping on either router or IPv6",
		[PEER_ONLY] = "UDP here, a port mapping on either router or IPv6",
		[BOTH] = "a port mapping on either router or IPv6",
	};
	const char *polite;

	if (has_opened(pair))
		return "IPv6";
	polite = who_is_polite(pair, rows);
	snprintf(out, BK_PLAN_TEXT_MAX, "%s%s%s%s", polite ? "guessing ports, which " : "",
		polite ? polite : "", polite ? ", " : "", words[sides_over(pair, BK_TRANSPORT_UDP)]);
	return out;
}

static void explain_no_technique(
	const struct bk_pair *pair, const struct bk_technique *const *rows, char out[BK_PLAN_TEXT_MAX])
{
	enum side udp = sides_over(pair, BK_TRANSPORT_UDP), tcp = sides_over(pair, BK_TRANSPORT_TCP);
	char cause[BK_PLAN_TEXT_MAX], helps[BK_PLAN_TEXT_MAX];

	if (udp != BOTH && tcp != BOTH && udp != NEITHER && tcp != NEITHER) {
		snprintf(out, BK_PLAN_TEXT_MAX,
			"this side can be met over %s alone and the other side over %s alone: the same "
			"transport on both sides would help",
			udp == OWN_ONLY ? "UDP" : "TCP", udp == OWN_ONLY ? "TCP" : "UDP");
		return;
	}
	snprintf(out, BK_PLAN_TEXT_MAX, "%s%.150s: %s connects these two; %.150s would help",
		udp_blocked_where(udp),
		cause_over(pair, udp == BOTH ? BK_TRANSPORT_UDP : BK_TRANSPORT_TCP, cause),
		udp != BOTH   ? "no TCP technique"
		: tcp == BOTH ? "neither UDP nor TCP"
			      : "no UDP technique",
		help(pair, rows, helps));
}

/* Is what the two NATs are enough of a reason? */
static bool has_reason(const struct bk_pair *pair, enum bk_transport t)
{
	const struct bk_nat_profile *own = bk_candidate_profile(pair->own, t),
				    *peer = bk_candidate_profile(pair->peer, t);

	return sides_over(pair, t) == BOTH && !(bk_fit_punch(own, peer) && bk_fit_is_sure(own, peer));
}

/* What the planner knew is the reason where it knew one; a firewall is guessed at only where nothing spoke
 * against it. */
static bool explain_against_odds(const struct bk_pair *pair, const struct bk_technique *const *rows,
	bool over_udp, bool over_tcp, char out[BK_PLAN_TEXT_MAX])
{
	enum side udp = sides_over(pair, BK_TRANSPORT_UDP);
	enum bk_transport t = udp == BOTH ? BK_TRANSPORT_UDP : BK_TRANSPORT_TCP;
	char cause[BK_PLAN_TEXT_MAX], helps[BK_PLAN_TEXT_MAX];

	if (!has_reason(pair, t))
		return false;
	snprintf(out, BK_PLAN_TEXT_MAX,
		"%s%.150s; a direct connection was tried over %s %s but none came about in time; %.150s would help",
		udp_blocked_where(udp), cause_over(pair, t, cause),
		!over_tcp  ? "UDP"
		: over_udp ? "UDP and TCP"
			   : "TCP",
		has_opened(pair) ? "by a port that a router had opened" : "all the same",
		help(pair, rows, helps));
	return true;
}

static void explain_no_luck(const struct bk_pair *pair, const struct bk_technique *const *rows, bool over_udp,
	bool over_tcp, char out[BK_PLAN_TEXT_MAX])
{
	enum side udp = sides_over(pair, BK_TRANSPORT_UDP);
	char nats[BK_PLAN_TEXT_MAX], helps[BK_PLAN_TEXT_MAX];

	if (explain_against_odds(pair, rows, over_udp, over_tcp, out))
		return;
	nats_over(pair, over_udp ? BK_TRANSPORT_UDP : BK_TRANSPORT_TCP, nats);
	snprintf(out, BK_PLAN_TEXT_MAX,
		"%sa direct connection was tried%s (%.150s) but none came about in time: a firewall on the "
		"way, or a router that behaves differently than it looked; %.130s may help",
		udp_blocked_where(udp),
		over_udp && over_tcp ? " over UDP and TCP"
		: over_udp           ? " over UDP"
		: udp == NEITHER     ? ""
				     : " over TCP",
		nats, help(pair, rows, helps));
}

/* Whoever stands on the way has the last word. */
static void explain_forbidden(
	const struct bk_pair *pair, const struct bk_technique *const *rows, char out[BK_PLAN_TEXT_MAX])
{
	char cause[BK_PLAN_TEXT_MAX], helps[BK_PLAN_TEXT_MAX], by[BK_ADDR_STR_MAX];

	snprintf(out, BK_PLAN_TEXT_MAX,
		"%.150s; a router on the way (%s) has forbidden to guess the port; %.150s would help",
		cause_over(pair, BK_TRANSPORT_UDP, cause), bk_addr_ip_to_str(&pair->forbidden_by, by),
		help(pair, rows, helps));
}

const char *bk_explain_no_direct(
	const struct bk_pair *pair, const struct bk_technique *const *rows, char out[BK_PLAN_TEXT_MAX])
{
	bool over_udp = bk_technique_fitting(pair, rows, BK_TRANSPORT_UDP),
	     over_tcp = bk_technique_fitting(pair, rows, BK_TRANSPORT_TCP);

	if (pair->forbidden_by.family)
		explain_forbidden(pair, rows, out);
	else if (over_udp || over_tcp)
		explain_no_luck(pair, rows, over_udp, over_tcp, out);
	else
		explain_no_technique(pair, rows, out);
	return out;
}

void bk_hope_punch_tcp(const struct bk_pair *pair, char out[BK_PLAN_TEXT_MAX])
{
	const struct bk_nat_profile *own = &pair->own->tcp, *peer = &pair->peer->tcp;
	const char *here = bk_nat_type_phrase(own), *there = bk_nat_type_phrase(peer);

	if (bk_nat_is_reachable(peer) && bk_nat_is_reachable(own))
		snprintf(out, BK_PLAN_TEXT_MAX,
			"both sides can be connected to (%s here, %s there): both connect at once", here,
			there);
	else if (bk_nat_is_reachable(peer))
		snprintf(out, BK_PLAN_TEXT_MAX,
			"the other side can be connected to (%s): this side connects at once", there);
	else if (bk_nat_is_reachable(own))
		snprintf(out, BK_PLAN_TEXT_MAX,
			"this side can be connected to (%s): the other side connects at once", here);
	else if (bk_nat_is_dependent(own))
		snprintf(out, BK_PLAN_TEXT_MAX,
			"your NAT is %s: this side connects, the other side opens its NAT for it and listens",
			here);
	else if (bk_nat_is_dependent(peer))
		snprintf(out, BK_PLAN_TEXT_MAX,
			"the other side's NAT is %s: this side opens its NAT for it and listens, the other "
			"side connects",
			there);
	else if (same_class(own, peer))
		snprintf(out, BK_PLAN_TEXT_MAX,
			"both NATs are %s: both sides connect to each other at the same moment", here);
	else
		snprintf(out, BK_PLAN_TEXT_MAX,
			"%s here, %s there: both sides connect to each other at the same moment", here,
			there);
}

void bk_hope_punch_udp(const struct bk_pair *pair, char out[BK_PLAN_TEXT_MAX])
{
	const struct bk_nat_profile *own = &pair->own->udp, *peer = &pair->peer->udp;
	char nats[BK_PLAN_TEXT_MAX];

	bk_explain_nats(own, peer, nats);
	if (bk_nat_is_reachable(peer))
		snprintf(out, BK_PLAN_TEXT_MAX, "%.200s: this side sends at once", nats);
	else if (bk_nat_is_reachable(own))
		snprintf(out, BK_PLAN_TEXT_MAX, "%.200s: the other side sends at once", nats);
	else if (bk_nat_is_dependent(own) || bk_nat_is_dependent(peer))
		snprintf(out, BK_PLAN_TEXT_MAX,
			"%.200s: both sides send at the same moment, "
			"and %s answers where packets really come from",
			nats, bk_nat_is_dependent(own) ? "the other side" : "this side");
	else
		snprintf(out, BK_PLAN_TEXT_MAX, "%.200s: both sides send at the same moment", nats);
}

/* The row that the pair's hope stands on: one that has words for it, before one that has none. */
static const struct bk_technique *find_hope(const struct bk_plan *p, const struct bk_pair *pair)
{
	for (const struct bk_technique *const *row = p->rows; *row; row++) {
		if ((*row)->method == p->method && (*row)->hope && (*row)->fits(*row, pair))
			return *row;
	}
	return bk_technique_fitting(pair, p->rows, p->method->transport);
}

static bool explain_hope(const struct bk_plan *p, const struct bk_pair *pair, char out[BK_PLAN_TEXT_MAX])
{
	const struct bk_technique *t = find_hope(p, pair);
	char nats[BK_PLAN_TEXT_MAX];

	if (t && t->hope)
		t->hope(pair, out);
	else if (t)
		snprintf(out, BK_PLAN_TEXT_MAX, "%.200s: %.40s may connect these two",
			nats_over(pair, p->method->transport, nats), t->name);
	return t;
}

/* Where the other transport has no hope either, the path that is taken comes with the whole reason: here is which two
 * they are. */
static void explain_no_hope(const struct bk_pair *pair, const struct bk_technique *const *rows,
	enum bk_transport t, char out[BK_PLAN_TEXT_MAX])
{
	enum bk_transport other = t == BK_TRANSPORT_UDP ? BK_TRANSPORT_TCP : BK_TRANSPORT_UDP;
	bool is_last = !bk_technique_fitting(pair, rows, other) && sides_over(pair, t) == BOTH;
	char why[BK_PLAN_TEXT_MAX];

	snprintf(out, BK_PLAN_TEXT_MAX, "%.200s: no %s technique connects these two",
		is_last ? nats_over(pair, t, why) : cause_over(pair, t, why),
		t == BK_TRANSPORT_UDP ? "UDP" : "TCP");
}

static size_t count_hosts(const struct bk_plan *p)
{
	size_t n = 0;

	for (size_t i = 0; i < p->attempts_len; i++)
		n += p->attempts[i].technique->is_host;
	return n;
}

static void join_hosts(const char *text, const struct bk_plan *p, char out[BK_PLAN_TEXT_MAX])
{
	size_t hosts = count_hosts(p);

	if (hosts == 0)
		snprintf(out, BK_PLAN_TEXT_MAX, "%s", text);
	else
		snprintf(out, BK_PLAN_TEXT_MAX, "%.400s; %zu %s of the other side's own %s tried as well",
			text, hosts, hosts == 1 ? "address" : "addresses", hosts == 1 ? "is" : "are");
}

void bk_explain_tcp(const struct bk_plan *p, const struct bk_pair *pair, char out[BK_PLAN_TEXT_MAX])
{
	char text[BK_PLAN_TEXT_MAX];

	if (pair->choice == BK_PATH_CHOICE_RELAY) {
		snprintf(out, BK_PLAN_TEXT_MAX, "the relay was asked for");
		return;
	}
	if (!explain_hope(p, pair, text))
		explain_no_hope(pair, p->rows, BK_TRANSPORT_TCP, text);
	join_hosts(text, p, out);
}

void bk_explain_udp(const struct bk_plan *p, const struct bk_pair *pair, char out[BK_PLAN_TEXT_MAX])
{
	enum side udp = sides_over(pair, BK_TRANSPORT_UDP);
	char text[BK_PLAN_TEXT_MAX];

	if (explain_hope(p, pair, text))
		;
	else if (udp == NEITHER)
		snprintf(text, sizeof(text), "UDP: no public address is known");
	else if (udp != BOTH)
		snprintf(text, sizeof(text), "%s network lets no UDP through",
			udp == PEER_ONLY ? "your" : "the other side's");
	else
		explain_no_hope(pair, p->rows, BK_TRANSPORT_UDP, text);
	join_hosts(text, p, out);
}

void bk_explain_relay(const struct bk_plan *p, const struct bk_pair *pair, char out[BK_PLAN_TEXT_MAX])
{
	(void)p;
	(void)pair;
	snprintf(out, BK_PLAN_TEXT_MAX, "relay over the server, prepared beside");
}

/* --- what was taken --- */

static const char *transport_of(const struct bk_technique *t)
{
	return t->method->transport == BK_TRANSPORT_UDP ? "UDP" : "TCP";
}

void bk_tell_direct(const struct bk_technique *t, const struct bk_pair *pair, struct bk_path_words *ret_words)
{
	char nats[BK_PLAN_TEXT_MAX];

	if (t->is_local)
		snprintf(ret_words->what, sizeof(ret_words->what), "direct over %s on the local network",
			transport_of(t));
	else
		snprintf(ret_words->what, sizeof(ret_words->what), "direct over %s%s, %.400s",
			transport_of(t), t->is_host ? " and IPv6" : "",
			nats_over(pair, t->method->transport, nats));
}

void bk_tell_guessed(
	const struct bk_technique *t, const struct bk_pair *pair, struct bk_path_words *ret_words)
{
	char nats[BK_PLAN_TEXT_MAX], chance[BK_CHANCE_STR_MAX];

	snprintf(ret_words->what, sizeof(ret_words->what),
		"direct over %s by a guessed port (%s, with a chance of %s), %.400s", transport_of(t),
		t->name, bk_chance_to_str(bk_chance_of_technique(t, pair), chance),
		nats_over(pair, t->method->transport, nats));
}

void bk_tell_relay(const struct bk_technique *t, const struct bk_pair *pair, struct bk_path_words *ret_words)
{
	bool is_asked = pair->choice == BK_PATH_CHOICE_RELAY;

	(void)t;
	snprintf(ret_words->what, sizeof(ret_words->what), "relayed by the server%s",
		is_asked ? ", as asked for" : "");
}

/* The relay carries, and something better may come. */
static bool explain_guess(
	const struct bk_pair *pair, const struct bk_technique *const *rows, char out[BK_PLAN_TEXT_MAX])
{
	const struct bk_technique *t = bk_technique_guessing(pair, rows);
	char nats[BK_PLAN_TEXT_MAX], chance[BK_CHANCE_STR_MAX];

	if (!t || pair->forbidden_by.family)
		return false;
	snprintf(out, BK_PLAN_TEXT_MAX, "%.200s; the port is being guessed meanwhile, with a chance of %s",
		nats_over(pair, t->method->transport, nats),
		bk_chance_to_str(bk_chance_of_technique(t, pair), chance));
	return true;
}

const char *bk_explain_path(const struct bk_technique *t, const struct bk_pair *pair,
	const struct bk_technique *const *rows, double rtt_ms, char out[BK_EXPLAIN_PATH_MAX])
{
	struct bk_path_words w = {0};
	char rtt[32] = "";

	t->tell(t, pair, &w);
	if (t->method->is_relay && pair->choice != BK_PATH_CHOICE_RELAY && !explain_guess(pair, rows, w.why))
		bk_explain_no_direct(pair, rows, w.why);
	if (rtt_ms > 0)
		snprintf(rtt, sizeof(rtt), ", %.*f ms", rtt_ms < 1 ? 1 : 0, rtt_ms);
	snprintf(out, BK_EXPLAIN_PATH_MAX, "%.450s%s%s%s", w.what, rtt, *w.why ? ": " : "", w.why);
	return out;
}

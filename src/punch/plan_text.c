/* SPDX-License-Identifier: Apache-2.0 */

/* The plan in words: what a user is told about the pair, what is tried, and why a relay carries the session.
 * Reads the same predicates as the planner, so that the text never tells another story than the attempts. */

#include "punch/plan_text.h"

#include <stdio.h>

#include "nat/profile.h"

static bool same_class(const struct bk_nat_profile *own, const struct bk_nat_profile *peer)
{
	return bk_nat_class_of(own) == bk_nat_class_of(peer);
}

const char *bk_plan_nats_to_str(
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

const char *bk_plan_pair_to_str(
	const struct bk_intro *own, const struct bk_intro *peer, char out[BK_PLAN_TEXT_MAX])
{
	return bk_plan_nats_to_str(&own->tcp, &peer->tcp, out);
}

static const char *cause_of_no_punch(const struct bk_nat_profile *own, const struct bk_nat_profile *peer)
{
	bool own_dependent = bk_nat_is_dependent(own), peer_dependent = bk_nat_is_dependent(peer);

	if (own->public_addr.family == 0 || peer->public_addr.family == 0)
		return "the public address of one side is not known";
	if (own->public_addr.family != peer->public_addr.family)
		return "one side has an IPv4 and the other side an IPv6 connection";
	if (own_dependent && peer_dependent)
		return "both NATs give every connection a new port, so neither side can know where to "
		       "connect to";
	if (own_dependent)
		return "your NAT gives every connection a new port and the other side's NAT only lets in "
		       "ports it has called";
	return "the other side's NAT gives every connection a new port and your NAT only lets in ports it "
	       "has called";
}

/* Who has found its public UDP address. Neither: nobody has looked, perhaps. */
enum udp_state { UDP_NEITHER, UDP_OWN_ONLY, UDP_PEER_ONLY, UDP_BOTH };

static enum udp_state udp_state_of(const struct bk_intro *own, const struct bk_intro *peer)
{
	bool here = own->udp.public_addr.family != 0, there = peer->udp.public_addr.family != 0;

	if (here && there)
		return UDP_BOTH;
	return here ? UDP_OWN_ONLY : there ? UDP_PEER_ONLY : UDP_NEITHER;
}

/* The first half of the sentence, where one side alone is without UDP. */
static const char *udp_blocked_where(enum udp_state udp)
{
	if (udp == UDP_PEER_ONLY)
		return "your network lets no UDP through, and ";
	return udp == UDP_OWN_ONLY ? "the other side's network lets no UDP through, and " : "";
}

static void explain_no_technique(
	const struct bk_intro *own, const struct bk_intro *peer, char out[BK_PLAN_TEXT_MAX])
{
	static const char *const ends[] = {
		[UDP_NEITHER] =
			"no TCP technique connects these two; a port mapping on either router, UDP or "
			"IPv6 would help",
		[UDP_OWN_ONLY] = "no TCP technique connects these two; UDP there, a port mapping on either "
				 "router or IPv6 would help",
		[UDP_PEER_ONLY] = "no TCP technique connects these two; UDP here, a port mapping on either "
				  "router or IPv6 would help",
		[UDP_BOTH] =
			"neither UDP nor TCP connects these two; a port mapping on either router or IPv6 "
			"would help",
	};
	enum udp_state udp = udp_state_of(own, peer);
	const char *cause = udp == UDP_BOTH ? cause_of_no_punch(&own->udp, &peer->udp)
					    : cause_of_no_punch(&own->tcp, &peer->tcp);

	snprintf(out, BK_PLAN_TEXT_MAX, "%s%s: %s", udp_blocked_where(udp), cause, ends[udp]);
}

static void explain_no_luck(
	const struct bk_intro *own, const struct bk_intro *peer, char out[BK_PLAN_TEXT_MAX])
{
	bool over_udp = bk_plan_udp_fits(own, peer), over_tcp = bk_plan_punch_fits(&own->tcp, &peer->tcp);
	enum udp_state udp = udp_state_of(own, peer);
	char pair[BK_PLAN_TEXT_MAX];

	bk_plan_nats_to_str(over_udp ? &own->udp : &own->tcp, over_udp ? &peer->udp : &peer->tcp, pair);
	snprintf(out, BK_PLAN_TEXT_MAX,
		"%sa direct connection was tried%s (%.200s) but none came about in time: a firewall on the "
		"way, or a router that behaves differently than it looked; a port mapping on either "
		"router%s may help",
		udp_blocked_where(udp),
		over_udp && over_tcp ? " over UDP and TCP"
		: over_udp           ? " over UDP"
		: udp == UDP_NEITHER ? ""
				     : " over TCP",
		pair, udp == UDP_BOTH ? " or IPv6" : ", UDP or IPv6");
}

const char *bk_plan_relay_reason(
	const struct bk_intro *own, const struct bk_intro *peer, char out[BK_PLAN_TEXT_MAX])
{
	if (bk_plan_punch_fits(&own->tcp, &peer->tcp) || bk_plan_udp_fits(own, peer))
		explain_no_luck(own, peer, out);
	else
		explain_no_technique(own, peer, out);
	return out;
}

/* Which technique carries the hope of this pair over TCP. */
static void explain_punch(
	const struct bk_nat_profile *own, const struct bk_nat_profile *peer, char out[BK_PLAN_TEXT_MAX])
{
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

/* The same over UDP. */
static void explain_probes(
	const struct bk_nat_profile *own, const struct bk_nat_profile *peer, char out[BK_PLAN_TEXT_MAX])
{
	char pair[BK_PLAN_TEXT_MAX];

	bk_plan_nats_to_str(own, peer, pair);
	if (bk_nat_is_reachable(peer))
		snprintf(out, BK_PLAN_TEXT_MAX, "%.200s: this side sends at once", pair);
	else if (bk_nat_is_reachable(own))
		snprintf(out, BK_PLAN_TEXT_MAX, "%.200s: the other side sends at once", pair);
	else if (bk_nat_is_dependent(own) || bk_nat_is_dependent(peer))
		snprintf(out, BK_PLAN_TEXT_MAX,
			"%.200s: both sides send at the same moment, and %s answers where packets really "
			"come "
			"from",
			pair, bk_nat_is_dependent(own) ? "the other side" : "this side");
	else
		snprintf(out, BK_PLAN_TEXT_MAX, "%.200s: both sides send at the same moment", pair);
}

static size_t count_hosts(const struct bk_plan *p)
{
	size_t n = 0;

	for (size_t i = 0; i < p->attempts_len; i++)
		n += p->attempts[i].technique != BK_TECHNIQUE_PUNCH;
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

void bk_plan_explain(const struct bk_intro *own, const struct bk_intro *peer, enum bk_path_policy policy,
	struct bk_plan *p)
{
	char text[BK_PLAN_TEXT_MAX];

	if (policy == BK_PATH_RELAY) {
		snprintf(p->why, sizeof(p->why), "the relay was asked for");
		return;
	}
	if (p->punch_possible)
		explain_punch(&own->tcp, &peer->tcp, text);
	else if (bk_plan_udp_fits(own, peer))
		snprintf(text, sizeof(text), "%s: no TCP technique connects these two",
			cause_of_no_punch(&own->tcp, &peer->tcp));
	else
		bk_plan_relay_reason(own, peer, text);
	join_hosts(text, p, p->why);
}

void bk_plan_explain_udp(const struct bk_intro *own, const struct bk_intro *peer, struct bk_plan *p)
{
	enum udp_state udp = udp_state_of(own, peer);
	char text[BK_PLAN_TEXT_MAX];

	if (bk_plan_punch_fits(&own->udp, &peer->udp))
		explain_probes(&own->udp, &peer->udp, text);
	else if (udp == UDP_NEITHER)
		snprintf(text, sizeof(text), "UDP: no public address is known");
	else if (udp != UDP_BOTH)
		snprintf(text, sizeof(text), "%s network lets no UDP through",
			udp == UDP_PEER_ONLY ? "your" : "the other side's");
	else
		snprintf(text, sizeof(text), "%s: no UDP technique connects these two",
			cause_of_no_punch(&own->udp, &peer->udp));
	join_hosts(text, p, p->why);
}

const char *bk_plan_attempt_to_str(const struct bk_plan *p, size_t i, char out[BK_PLAN_TEXT_MAX])
{
	const struct bk_attempt *a;
	char remote[BK_ADDR_STR_MAX];

	if (i >= p->attempts_len) {
		snprintf(out, BK_PLAN_TEXT_MAX, "none");
		return out;
	}
	a = &p->attempts[i];
	snprintf(out, BK_PLAN_TEXT_MAX, "%s %s from %s %s", bk_technique_name(a->technique),
		bk_addr_to_str(&a->remote, remote), a->from_shared_port ? "the shared port" : "any port",
		a->at_start ? "at the agreed instant" : "at once");
	return out;
}

/* SPDX-License-Identifier: Apache-2.0 */

/* The plan in words: what a user is told about the pair, what is tried, and why a relay carries the session.
 * Reads the same predicates as the planner, so that the text never tells another story than the attempts. */

#include "punch/plan_text.h"

#include <stdio.h>

#include "nat/profile.h"

static bool same_class(const struct bk_intro *own, const struct bk_intro *peer)
{
	return bk_nat_class_of(&own->tcp) == bk_nat_class_of(&peer->tcp);
}

const char *bk_plan_pair_to_str(
	const struct bk_intro *own, const struct bk_intro *peer, char out[BK_PLAN_TEXT_MAX])
{
	if (!same_class(own, peer))
		snprintf(out, BK_PLAN_TEXT_MAX, "%s here, %s there", bk_nat_type_phrase(&own->tcp),
			bk_nat_type_phrase(&peer->tcp));
	else if (bk_nat_class_of(&own->tcp) == BK_NAT_CLASS_OPEN)
		snprintf(out, BK_PLAN_TEXT_MAX, "both sides open");
	else
		snprintf(out, BK_PLAN_TEXT_MAX, "both NATs %s", bk_nat_type_phrase(&own->tcp));
	return out;
}

static const char *cause_of_no_punch(const struct bk_intro *own, const struct bk_intro *peer)
{
	bool own_dependent = bk_nat_is_dependent(&own->tcp), peer_dependent = bk_nat_is_dependent(&peer->tcp);

	if (own->tcp.public_addr.family == 0 || peer->tcp.public_addr.family == 0)
		return "the public address of one side is not known";
	if (own->tcp.public_addr.family != peer->tcp.public_addr.family)
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

const char *bk_plan_relay_reason(
	const struct bk_intro *own, const struct bk_intro *peer, char out[BK_PLAN_TEXT_MAX])
{
	char pair[BK_PLAN_TEXT_MAX];

	if (!bk_plan_punch_fits(&own->tcp, &peer->tcp)) {
		snprintf(out, BK_PLAN_TEXT_MAX,
			"%s: no TCP technique connects these two; a port mapping on either router, UDP or "
			"IPv6 would help",
			cause_of_no_punch(own, peer));
		return out;
	}
	bk_plan_pair_to_str(own, peer, pair);
	snprintf(out, BK_PLAN_TEXT_MAX,
		"a direct connection was tried (%.200s) but none came about in time: a firewall on the way, "
		"or a router that "
		"behaves differently than it looked; a port mapping on either router, UDP or IPv6 may help",
		pair);
	return out;
}

/* Which technique carries the hope of this pair. */
static void explain_punch(const struct bk_intro *own, const struct bk_intro *peer, char out[BK_PLAN_TEXT_MAX])
{
	const char *here = bk_nat_type_phrase(&own->tcp), *there = bk_nat_type_phrase(&peer->tcp);

	if (bk_nat_is_reachable(&peer->tcp) && bk_nat_is_reachable(&own->tcp))
		snprintf(out, BK_PLAN_TEXT_MAX,
			"both sides can be connected to (%s here, %s there): both connect at once", here,
			there);
	else if (bk_nat_is_reachable(&peer->tcp))
		snprintf(out, BK_PLAN_TEXT_MAX,
			"the other side can be connected to (%s): this side connects at once", there);
	else if (bk_nat_is_reachable(&own->tcp))
		snprintf(out, BK_PLAN_TEXT_MAX,
			"this side can be connected to (%s): the other side connects at once", here);
	else if (bk_nat_is_dependent(&own->tcp))
		snprintf(out, BK_PLAN_TEXT_MAX,
			"your NAT is %s: this side connects, the other side opens its NAT for it and listens",
			here);
	else if (bk_nat_is_dependent(&peer->tcp))
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

static size_t count_hosts(const struct bk_plan *p)
{
	size_t n = 0;

	for (size_t i = 0; i < p->attempts_len; i++)
		n += p->attempts[i].technique != BK_TECHNIQUE_PUNCH;
	return n;
}

void bk_plan_explain(const struct bk_intro *own, const struct bk_intro *peer, enum bk_path_policy policy,
	struct bk_plan *p)
{
	char text[BK_PLAN_TEXT_MAX];
	size_t hosts = count_hosts(p);

	if (policy == BK_PATH_RELAY) {
		snprintf(p->why, sizeof(p->why), "the relay was asked for");
		return;
	}
	if (p->punch_possible)
		explain_punch(own, peer, text);
	else
		bk_plan_relay_reason(own, peer, text);
	if (hosts == 0)
		snprintf(p->why, sizeof(p->why), "%s", text);
	else
		snprintf(p->why, sizeof(p->why), "%.400s; %zu %s of the other side's own %s tried as well",
			text, hosts, hosts == 1 ? "address" : "addresses", hosts == 1 ? "is" : "are");
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
